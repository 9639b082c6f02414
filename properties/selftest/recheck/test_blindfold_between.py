"""What a blindfolded function says to contexts between the two that are asked about; and what it peeked at."""

from contextlib import suppress
from itertools import product
from typing import Any

import pytest

from properties.recheck.blindfold import blind_answer
from properties.recheck.sight import Sight
from properties.selftest.recheck.test_blindfold import Function, Same, Undecided, says, sight
from zoo.errors import CertificateError
from zoo.rule import Asked


def counting(*ends: int, **more: str) -> Function:
    """No string or tuple counts so."""

    def rule(context: Any) -> set[str]:
        try:
            return says(context.count("?", *ends, **more))
        except TypeError:
            return says(context[0] == "b")

    return rule


IN_BETWEEN: dict[str, Function] = {
    "the first": lambda c: says(c[0] == "b"),
    "one of two": lambda c: says(c[1] in ("b", "?")),
    "any": lambda c: says(any(token == "b" for token in c)),
    "a count between three ends": counting(0, 1, 2),
    "a count by a name": counting(sub="a"),
    "a count of what equals all": lambda c: says(c.count(Same("x")) == 0 or c[0] != "b"),
    "what leaves it open": lambda c: says(c[0] == Undecided("b")),
    "the same, twice": lambda c: says(c[0] == c[1] and c[1] == c[0]),
    "which is less": lambda c: says(c[0] < c[1]),
    "which is less or the same": lambda c: says(c[0] <= c[1]),
    "which is more": lambda c: says(c[0] > c[1]),
    "which is more or the same": lambda c: says(c[0] >= c[1]),
}


@pytest.mark.parametrize(("name", "strings"), list(product(IN_BETWEEN, [True, False])))
def test_a_token_that_neither_real_context_has(name: str, strings: bool) -> None:
    """The real contexts that are asked are the first and the last of a leaf; what is in between is not seen either."""
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(Asked(IN_BETWEEN[name], ["a", "b", "c"]), sight({}, "abc"), strings, "the leaf")


def test_a_tuple_counts_between_no_ends() -> None:
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(Asked(counting(0), ["a", "b"]), sight({}, "abc"), False, "the leaf")


PEEKED: dict[str, Function] = {
    "a context": str,
    "a token": lambda c: str(c[0]),
    "what reads it": lambda c: str(iter(c)),
    "how it counts": lambda c: str(c.count),
    "how often": lambda c: str(c.count("a")),
    "another end": lambda c: c.count("a", "b"),
    "an order": lambda c: c < c,
    "a sum": lambda c: c + c,
    "a product": lambda c: 2 * c,
    "a token's letters": lambda c: len(c[0]),
    "each of them": lambda c: list(c[0]),
    "what is in them": lambda c: "a" in c[0],
    "its first letter": lambda c: c[0][0],
    "another way to count": lambda c: c.count == 1,
    "an entry of a list": lambda c: [0, 1, 2][c.count("a")],
}


@pytest.mark.parametrize(("name", "strings"), list(product(PEEKED, [True, False])))
def test_what_was_peeked_at_is_not_believed_whatever_becomes_of_it(name: str, strings: bool) -> None:
    def swallowing(context: Any) -> set[str]:
        with suppress(BaseException):
            PEEKED[name](context)
        return {"a"}

    with pytest.raises(CertificateError, match="the function reads more than the leaf says"):
        blind_answer(Asked(swallowing, ["a", "b"]), sight({}), strings, "the leaf")


def test_where_a_string_starts_and_ends() -> None:
    """By tokens that are known; where it is asked from where on, by none."""
    known = sight({0: frozenset("b"), 2: frozenset("a")}, "abc", 3)
    for function in (lambda c: c.startswith("b"), lambda c: c.endswith("a"), lambda c: not c.startswith(("a", "?"))):
        made = Asked(lambda c, function=function: says(function(c)), ["a", "b"])
        assert blind_answer(made, known, True, "the leaf") == {"a"}
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(Asked(lambda c: says(c.endswith("b", 0, 2)), ["a", "b"]), known, True, "the leaf")


def test_tokens_of_several_letters_are_counted() -> None:
    made = Asked(lambda c: says(c.count("aa") < 3), ["a", "b"])
    assert blind_answer(made, Sight({}, frozenset(["aa", "b"]), 2), False, "the leaf") == {"a"}


TEXTS: dict[str, Function] = {
    "a token and the rest": lambda c: says(c[0] == c[1:]),
    "all of it": lambda c: says(c.startswith("ab")),
    "all of it, from its end": lambda c: says(c.endswith("ab")),
    "what it holds": lambda c: says("ab" in c),
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_neither_real_context_is(name: str) -> None:
    """That is another one in aa and in bb."""
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(Asked(TEXTS[name], ["a", "b"]), sight({}), True, "the leaf")


def test_where_a_text_starts_that_is_looked_for_from_elsewhere() -> None:
    made = Asked(lambda c: says(c.startswith("b", 1)), ["a", "b"])
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(made, sight({0: frozenset("b")}), True, "the leaf")


APART: dict[str, tuple[Function, str]] = {
    "not the same": (lambda c: says(c[0] == c[1] or c[1] == c[0]), "b"),
    "less": (lambda c: says(c[0] < c[1]), "a"),
    "more": (lambda c: says(c[1] <= c[0]), "b"),
}


@pytest.mark.parametrize(("name", "strings"), list(product(APART, [True, False])))
def test_tokens_that_have_nothing_in_common(name: str, strings: bool) -> None:
    """Each is one of two."""
    function, answer = APART[name]
    known = sight({0: frozenset("ab"), 1: frozenset("cd")}, "abcd")
    assert blind_answer(Asked(function, ["a", "b"]), known, strings, "the leaf") == {answer}


@pytest.mark.parametrize("sought", ["a", "b", "?"])
@pytest.mark.parametrize("strings", [True, False])
def test_what_a_context_holds_of_which_some_is_known(sought: str, strings: bool) -> None:
    """The second token is one of two others."""
    made = Asked(lambda c: says(sought in c), ["a", "b"])
    known = sight({0: frozenset("a"), 1: frozenset("cd")}, "abcd")
    assert blind_answer(made, known, strings, "the leaf") == ({"a"} if sought == "a" else {"b"})


def test_a_string_counts_between_two_ends() -> None:
    made = Asked(lambda c: says(c.count("a", 0, 1) == 1 and c.count("b", -2, None) == 0), ["a", "b"])
    known = sight({0: frozenset("a"), 1: frozenset("cd")}, "abcd")
    assert blind_answer(made, known, True, "the leaf") == {"a"}


@pytest.mark.parametrize("strings", [True, False])
def test_what_was_peeked_at_stays_so_whatever_is_asked_afterwards(strings: bool) -> None:
    def swallowing(context: Any) -> set[str]:
        with suppress(BaseException):
            str(context[0])
        return {"b" if any(token == "?" for token in context) else "a"}

    with pytest.raises(CertificateError, match="the function reads more than the leaf says"):
        blind_answer(Asked(swallowing, ["a", "b"]), sight({}), strings, "the leaf")


@pytest.mark.parametrize("strings", [True, False])
def test_a_slice_of_which_some_is_known(strings: bool) -> None:
    """It is no real context yet."""
    sought = "ba" if strings else ("b", "a")
    made = Asked(lambda c: says(c[0:2] == sought), ["a", "b", "c"])
    with pytest.raises(CertificateError, match="by what the leaf says alone"):
        blind_answer(made, sight({1: frozenset("a")}), strings, "the leaf")
    assert blind_answer(made, sight({0: frozenset("b"), 1: frozenset("a")}), strings, "the leaf") == {"a"}
    made = Asked(lambda c: says("a" in c), ["a", "b", "c"])
    assert blind_answer(made, sight({0: frozenset("bc"), 1: frozenset("a")}, "abc"), strings, "the leaf") == {"a"}
