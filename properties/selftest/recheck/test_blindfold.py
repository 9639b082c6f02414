"""What a function does with a context that it sees in part: what is believed is what it says to every context."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from properties.recheck.blindfold import blind_answer
from properties.recheck.sight import Sight
from zoo.errors import CertificateError
from zoo.rule import Asked, Looked

Function = Callable[[Any], Any]


class Same(str):
    """A string that is equal to everything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class Undecided(str):
    """A string that leaves it to what it is compared with."""

    __slots__ = ()

    def __eq__(self, other: object) -> Any:
        return NotImplemented

    __hash__ = str.__hash__


class Unlike(str):
    """A string that is unlike everything, though equal to what has its text."""

    __slots__ = ()

    def __ne__(self, other: object) -> bool:
        return True


class Refusing:
    def __eq__(self, other: object) -> bool:
        raise LookupError


def unlike(context: Any) -> set[str]:
    """By a refusal, where a real tuple would ask; not by lengths alone."""
    try:
        return says(context == (Refusing(),) * 3)
    except LookupError:
        return {"a"}


def sight(sets: dict[int, frozenset[str]], vocab: str = "ab", n: int = 2) -> Sight:
    return Sight(sets, frozenset(vocab), n)


def says(truth: object) -> set[str]:
    return {"a"} if truth else {"b"}


def raised(function: Function) -> Function:
    """Whether a function raises AttributeError or TypeError, as what is no context would."""

    def rule(context: Any) -> set[str]:
        try:
            function(context)
        except (AttributeError, TypeError):
            return {"a"}
        return {"b"}

    return rule


def looping(context: Any) -> set[str]:
    reader = iter(context)
    return says([token == "?" for token in iter(reader)][-1])


def worded(context: Any) -> bool:
    """Whether an error is in the words of a real context."""
    try:
        return bool(context[9])
    except IndexError as error:
        return str(error).startswith("string" if isinstance(context, str) else "tuple")


# By what the last of two tokens is known, 1, or that nothing is, 0: what is believed there.
BELIEVED: dict[str, tuple[Function, int]] = {
    "the last token": (lambda c: says(c[-1] == "a"), 1),
    "the length": (lambda c: says(len(c) == 2), 0),
    "a token and a number": (lambda c: says(c[0] == 5), 0),
    "a token and itself": (lambda c: says(c[0] == c[0]), 0),
    "a token and what equals all": (lambda c: says(c[0] == Same("x")), 0),
    "a token and what leaves it open": (lambda c: says(c[0] == Undecided("x")), 0),
    "a token and what it cannot be": (lambda c: says(c[0] == "?"), 0),
    "every token": (looping, 0),
    "what is above all": (lambda c: says(c[0] < "c" and "" < c[0] <= "b"), 0),
    "an order with itself": (lambda c: says(c[0] <= c[0] and not c[1] > c[1]), 0),
    "what is shorter": (lambda c: says(c == c[:0]), 0),
    "itself": (lambda c: says(c == c and not (c != c or c != c[0:])), 0),
    "what is one shorter": (lambda c: says(c == c[:1]), 0),
    "whether a token is there": (lambda c: says(c[0] and c[0] != "?"), 0),
    "the words of an error": (lambda c: says(worded(c)), 0),
    "a token that nothing can be": (lambda c: says(c == ("?a" if isinstance(c, str) else ("?", "a"))), 1),
}
ONLY_STRINGS: dict[str, tuple[Function, int]] = {
    "its end": (lambda c: says(c.endswith("a")), 1),
    "one of two ends": (lambda c: says(c.endswith(("?", "a"))), 1),
    "a string and what equals all": (lambda c: says(c == Same("x")), 0),
    "a string and a tuple": (lambda c: says(c == ("a", "b")), 0),
    "what is empty": (lambda c: says(c == ""), 0),
    "a token and what holds it": (lambda c: says(c[0] == c), 0),
    "its end in what it holds": (lambda c: says(c[1:] == c[-1]), 1),
    "a slice that is known": (lambda c: says(c[1:].upper() == "A"), 1),
    "what is too long to be in it": (lambda c: says("aaa" in c), 0),
    "a token that ends it": (lambda c: says(c.endswith(c[-1]) and c[0] in c), 0),
    "a context of two and a token": (lambda c: says(c[0] != "?" and c == c[0]), 0),
    "what it ends in": (lambda c: says("a" in c[1:] or "?" in c), 1),
}
REFUSED: dict[str, Function] = {
    "a context": lambda c: says(c == ("ab" if isinstance(c, str) else ("a", "b"))),
    "a token": lambda c: says(c[0] == "a"),
    "whether there is a token": lambda c: says(c[0]),
    "no such attribute": raised(lambda c: c.nothing),
    "an attribute that is set": raised(lambda c: setattr(c, "own", 1)),
    "an attribute that is deleted": raised(lambda c: delattr(c, "own")),
    "a method": lambda c: says(c.count("a")),
    "its hash": lambda c: says(hash(c)),
    "an order": lambda c: says(c[0] < "b"),
    "a sum": lambda c: says(c + c),
    "a token that is unlike all": lambda c: says(c[0] != Unlike("?")),
    "a token in it": lambda c: says("a" in c),
    "two tokens": lambda c: says(c[0] == c[1]),
    "a token and its text": lambda c: says(str(c[0]) == "a"),
    "an error": lambda c: says(1 // 0),
    "its exit": lambda c: says(exit()),
    "what it does not compare": lambda c: says(c[0] is None),
}
ONLY_STRINGS_REFUSED: dict[str, Function] = {
    "its start": lambda c: says(c.startswith("a")),
    "where it starts": lambda c: says(c.startswith("a", 1)),
    "a number in it": lambda c: says(5 in c),
    "a token in its text": lambda c: says("a" in c[0]),
}
ONLY_TUPLES_REFUSED: dict[str, Function] = {"a tuple and a string": lambda c: says(c == "aa"), "a refusal": unlike}
SETS: tuple[dict[int, frozenset[str]], ...] = ({}, {1: frozenset("a")}, {1: frozenset("b")})


def asked(function: Function, strings: bool, known: int) -> list[frozenset[str]]:
    """What is believed in the leaves in which the last token is known, or in the one of all contexts."""
    made = Asked(function, ["a", "b"])
    return [blind_answer(made, sight(sets), strings, "the leaf") for sets in (SETS[1:] if known else SETS[:1])]


@pytest.mark.parametrize(
    ("name", "strings"), [*product(BELIEVED, [True, False]), *((name, True) for name in ONLY_STRINGS)]
)
def test_what_is_believed_is_said_to_every_context(name: str, strings: bool) -> None:
    function, known = {**BELIEVED, **ONLY_STRINGS}[name]
    answers = asked(function, strings, known)
    for answer, last in zip(answers, ["a", "b"] if known else ["ab"]):
        for context in product("ab", last):
            assert function("".join(context) if strings else context) == answer


@pytest.mark.parametrize(
    ("name", "strings"),
    [
        *product(REFUSED, [True, False]),
        *((name, True) for name in ONLY_STRINGS_REFUSED),
        *((name, False) for name in ONLY_TUPLES_REFUSED),
    ],
)
def test_what_depends_on_more_is_refused(name: str, strings: bool) -> None:
    function = {**REFUSED, **ONLY_STRINGS_REFUSED, **ONLY_TUPLES_REFUSED}[name]
    with pytest.raises(CertificateError, match=r"the leaf|after"):
        asked(function, strings, 0)


@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize(
    "function",
    [lambda c: says((c[0] < "b") == (c[0] < "c")), lambda c: says((c[0] >= "b") == (c[0] >= "c"))],
    ids=["less", "at least"],
)
def test_an_order_that_the_middle_alone_tells(function: Function, strings: bool) -> None:
    """The first and the last of three tokens are answered alike, and so is what they are tried on."""
    with pytest.raises(CertificateError, match="does not answer by what"):
        blind_answer(Asked(function, ["a", "b", "c"]), sight({}, "abc"), strings, "the leaf")


@pytest.mark.parametrize("strings", [True, False])
def test_a_context_of_one_token_and_that_token(strings: bool) -> None:
    """A string of one token equals it, whichever is asked; a tuple of one does not."""
    for function in (lambda c: says(c == c[0]), lambda c: says(c[0] == c)):
        made = Asked(function, ["a", "b"])
        if strings:
            assert blind_answer(made, sight({}, n=1), True, "the leaf") == {"a"}
        else:
            with pytest.raises(CertificateError):
                blind_answer(made, sight({}, n=1), False, "the leaf")


def test_a_single_context_is_asked_about_as_it_is() -> None:
    """A function that could tell is believed there, and nowhere else; one that raises is not."""
    sets = {0: frozenset("a"), 1: frozenset("b")}
    made = Asked(lambda c: says(type(c) is str and c == "ab"), ["a", "b"])
    assert blind_answer(made, sight(sets), True, "the leaf", Looked("type", True)) == {"a"}
    with pytest.raises(CertificateError, match="uses type, and the leaf should be one context"):
        blind_answer(Asked(lambda c: {"a"}, ["a", "b"]), sight({}), True, "the leaf", Looked("type", True))
    with pytest.raises(CertificateError, match="permits something else after 'bb' than at the leaf"):
        blind_answer(Asked(lambda c: says(c[0] == "a"), ["a", "b"]), sight({}), True, "the leaf", Looked("type", True))
    with pytest.raises(CertificateError, match=r"raises KeyError.* after 'ab'"):
        blind_answer(Asked(lambda c: {"aa": {"a"}}[c], ["a", "b"]), sight(sets), True, "the leaf")
