"""What no idiom asks of a lazy context or a lazy_count in a run, and a rule might: answered as of a real one."""

from collections.abc import Callable
from typing import Any

import pytest

from properties.proof.boxes import Box
from properties.proof.reading.decision_tree import Reading, leaves
from properties.selftest.test_idioms import compare_rule, truth
from zoo.errors import RuleError
from zoo.rule import tells

STRINGS, TUPLES = ("a", "b", "c"), ("yes", "no", "maybe")


def unless(kind: type[Exception], do: Callable[[Any], bool]) -> Callable[[Any], set[str]]:
    """The first token where it is true; the last one where it raises what it would raise of a real context."""

    def rule(context: Any) -> set[str]:
        try:
            return {context[0]} if do(context) else {"a"}
        except kind:
            return {context[-1]}

    return rule


def sets_an_attribute(context: Any) -> bool:
    context.x = 1
    return False


def deletes_an_attribute(context: Any) -> bool:
    del context.x
    return False


RAISE: dict[str, Callable[[Any], set[str]]] = {
    "an attribute is set": unless(AttributeError, sets_an_attribute),
    "an attribute is deleted": unless(AttributeError, deletes_an_attribute),
    "a number in a string": unless(TypeError, lambda c: 1 in c),
    "startswith by a name": unless(TypeError, lambda c: c.startswith("b", start=1)),
    "startswith of a number": unless(TypeError, lambda c: c.startswith(("b", 1))),
    "less than a method": unless(TypeError, lambda c: c < c.startswith),
    "less than an iterator": unless(TypeError, lambda c: c <= iter(c)),
}
OF_STRINGS: dict[str, Callable[[Any], bool]] = {
    "a token is a part": lambda c: c[0] == c[1:2],
    "a part is a token": lambda c: c[1:2] == c[-1],
    "a method is itself": lambda c: c.startswith == c.startswith and c[0] == "a",
    "a method is another": lambda c: c.startswith == c.endswith or c[0] == "a",
    "a method is that of another part": lambda c: c.startswith == c[1:].startswith or c[-1] == "a",
    "a method in a set": lambda c: c.endswith in {c.endswith} and c[0] == "b",
    "another in a set": lambda c: c.startswith in {c.endswith} or c[0] == "b",
    "a method that is printed": lambda c: repr(c.startswith)[:27] == "<built-in method startswith" and c[0] == "b",
    "an iterator that is printed": lambda c: repr(iter(c))[:4] == "<str" and c[0] == "b",
    "a text so many times": lambda c: c.count("a") * "x" == "xx",
    "a half so many times": lambda c: c.count("a") * 1.5 > 1.5,
    "a half times so many": lambda c: 0.5 * c.count("a") == 0.5,
    "at most so many": lambda c: c.count("a") <= 1,
    "and a half more": lambda c: c.count("a") + 0.5 > 1.5,
    "and a half less": lambda c: c.count("a") - 0.5 < 1,
    "as many as a complex number": lambda c: c.count("a") == 1 + 0j,
    "as many as a text": lambda c: c.count("a") == "1" or c[0] == "b",
    "fewer than infinitely many": lambda c: c.count("a") < float("inf") and c[0] == "a",
    "two tokens at a time": lambda c: c.count("ab") > 0,
    "counted by position": lambda c: c.count("a", 1, None) > 0,
    "no token": lambda c: c.count("z") == 0 and c[0] == "a",
    "counted in nothing": lambda c: c[3:].count("a") == 0 and c[0] == "a",
}
OF_TUPLES: dict[str, Callable[[Any], bool]] = {
    "a tuple": lambda c: c == ("yes", "no"),
    "a part": lambda c: c[:1] == c[-1:],
    "another tuple": lambda c: c != ("no", "no"),
    "as text": lambda c: str(c) in ("('yes', 'no')", "('no',)", "('maybe', 'no', 'no')"),
    "as it is printed": lambda c: repr(c)[-6:] == "'yes')",
    "in a text": lambda c: f"{c}"[:5] == "('yes",
    "no token": lambda c: c.count("z") == 0 and c[0] == "no",
    "no text": lambda c: c.count(1) == 0 and c[-1] == "no",
}


@pytest.mark.parametrize("length", [1, 2, 3])
def test_as_of_a_real_one(length: int) -> None:
    for name, rule in RAISE.items():
        assert not tells(rule), name
        compare_rule(rule, name, STRINGS, length)
    for vocab, some in ((STRINGS, OF_STRINGS), (TUPLES, OF_TUPLES)):
        for name, function in some.items():
            assert not tells(function), name
            compare_rule(truth(function, vocab), name, vocab, length)


SUMS: dict[str, tuple[Callable[[Any], bool], int]] = {  # and in how many ways they come out, if nothing else is asked
    "one more": (lambda c: c.count("a") + 1 > 4, 2),
    "one less": (lambda c: 1 + c.count("a") - 2 <= 0, 2),
    "taken from a number": (lambda c: 3 - c.count("a") < 1, 2),
    "of two": (lambda c: c.count("a") - c.count("b") > 7, 9),
    "of one and itself": (lambda c: c.count("a") + c.count("a") >= 6, 2),
}


@pytest.mark.parametrize("name", SUMS)
def test_sums_are_asked_of_as_a_whole(name: str) -> None:
    function, number = SUMS[name]
    assert len(list(leaves(truth(function, STRINGS), STRINGS, 8))) == number
    compare_rule(truth(function, STRINGS), name, STRINGS, 4)


def test_its_own_errors_are_no_reason_to_name_every_token() -> None:
    def rule(context: Any) -> set[str]:
        try:
            return {context[9]}
        except IndexError:
            return {"a"} if context[-1] == "a" else {"b"}

    assert len(list(leaves(rule, STRINGS, 4))) == 2


def test_a_token_is_looked_for_one_after_the_other() -> None:
    assert len(list(leaves(truth(lambda c: "no" in c, TUPLES), TUPLES, 4))) == 5
    assert len(list(leaves(truth(lambda c: c.startswith(("b", "ac")), STRINGS), STRINGS, 9))) == 4


def test_the_memory_is_looked_at_ever_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, seen = Reading(lambda c: {"a"} if c[0] == c[1] == c[2] == "a" else {"b"}, STRINGS), list[int]()
    monkeypatch.setattr(reading.before.memory, "check", lambda: seen.append(reading.number))
    tried = sum(1 for length in range(3, 8) for _ in reading.leaves(length))
    assert (tried, seen) == (50, [1, 2, 4, 8, 16, 32])


class Unseen(list[Any]):
    """What a rule keeps from one run to the next, and nothing that looks at its memory sees."""

    def __deepcopy__(self, memo: Any) -> "Unseen":
        return self


def read(rule: Callable[[Any], Any], patch: pytest.MonkeyPatch) -> list[Box]:
    reading = Reading(rule, STRINGS, samples=0)
    patch.setattr(reading.before.memory, "check", bool)
    return list(reading.leaves(2))


@pytest.mark.parametrize(
    "part", [lambda c: c[0], lambda c: c[0:2], lambda c: c.count("a")], ids=["token", "part", "count"]
)
def test_what_was_kept_of_an_earlier_run(part: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Unseen()

    def rule(context: Any) -> set[str]:
        told = bool(kept) and kept[0] in (1, "a", "ab")
        kept.append(part(context))
        return {"a"} if context[1] == "a" or told else {"b"}

    with pytest.raises(RuleError, match="rule keeps tokens that it was given before, but should"):
        read(rule, monkeypatch)


@pytest.mark.parametrize("turned", [False, True])
def test_a_token_of_an_earlier_run_is_none_of_this_one(turned: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though both are at the same position, and may be several, they need not be equal."""
    kept = Unseen()

    def rule(context: Any) -> set[str]:
        token = context[0]
        told = bool(kept) and (token == kept[0] if turned else kept[0] == token)
        kept.append(token)
        return {"a"} if token == "a" or told else {"b"}

    with pytest.raises(RuleError, match="rule keeps tokens that it was given before, but should"):
        read(rule, monkeypatch)


def test_leaves_that_were_read_are_tried_later() -> None:
    """Each of a stretch, on real contexts: what the rule says by then is what counts."""
    says = Unseen("a")
    reading = Reading(lambda context: {says[0] if context[0] == "b" else "a"}, STRINGS)
    [stretch] = reading.stretches(2, {}, None, lambda leaf: False)
    assert [leaf.permitted for leaf in reading.tried(stretch)] == [{"a"}] * 2
    says[0] = "c"
    with pytest.raises(RuleError, match=r"says {c} to 'b\w' and {a} to the same context read token by token"):
        reading.tried(stretch)


@pytest.mark.parametrize(
    ("asks", "what"),
    [(lambda c: c[-1] == "a", r"for token \[-1\] of 2"), (lambda c: c.count("a") == 1, "for a count of 2")],
)
def test_what_is_not_asked_again(asks: Callable[[Any], bool], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = Unseen()

    def rule(context: Any) -> set[str]:
        runs.append(0)
        return {"a"} if len(runs) > 1 or asks(context) else {"b"}

    with pytest.raises(RuleError, match=f"rule asked {what} and, run again, did not"):
        read(rule, monkeypatch)
