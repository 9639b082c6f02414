"""Only a function that could swallow an error is watched while it is read: the others are read as if they were."""

import heapq
import re
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from itertools import product
from typing import Any

import pytest

import reference
from properties.proof.reading import decision_tree, run
from properties.proof.reading.decision_tree import leaves
from properties.selftest.test_idioms import ALL, rule_of
from zoo.errors import RuleError
from zoo.rule import watch
from zoo.rule.telling import Looked, look

Rule = Callable[[Any], Any]


def number(context: Any) -> int:
    """An error where it does not get a real token; that a token was compared is no reason to be given one."""
    token = context[-1]
    return 0 if token == "z" else ord(token)


def swallows_a_type_error(context: Any) -> set[str]:
    try:
        return {"b"} if number(context) == 98 else {"c"}
    except TypeError:
        return {"a"}


def helped(context: Any) -> set[str]:
    return swallows_a_type_error(context)


def within(context: Any) -> set[str]:
    def inner() -> set[str]:
        said = {"a"}
        try:
            said = {"b"} if number(context) == 98 else {"c"}
        finally:
            return said  # noqa: B012

    return inner()


def suppressed(context: Any) -> set[str]:
    found = {"a"}
    with suppress(TypeError):
        found = {"b"} if number(context) == 98 else {"c"}
    return found


class Sized:
    """Asked for its size by `list`, which takes a TypeError for no answer, it notes down that it had one."""

    def __init__(self, context: Any) -> None:
        self.context, self.noted = context, False

    def __iter__(self) -> Any:
        return iter("ab")

    def __len__(self) -> int:
        self.noted = number(self.context) > 0
        return 2


def swallowed_by_list(context: Any) -> set[str]:
    sized = Sized(context)
    list(sized)
    return {"a"} if sized.noted else {"b"}


SWALLOW: list[Rule] = [swallows_a_type_error, helped, within, suppressed, swallowed_by_list]
MAY: list[Rule] = [
    *SWALLOW,
    cache(swallows_a_type_error),
    lambda c: heapq.nsmallest(1, c)[0],  # it tries `len`
    lambda c: {"a"} if re.search("ab", c) else {"b"},
    lambda c: Counter(c).most_common(1)[0][0],
]
MAY_NOT: list[Rule] = [
    reference.aab,
    reference.induction,
    lambda c: {"a"} if "ab" in c else {"b"},
    lambda c: max(c, key=lambda token: token == "a"),
    lambda c: "a" if any(t == "b" for t in c) else "b",
    lambda c: {"b"} if number(c) == 98 else {"c"},
]


def assert_read_rightly(rule: Rule) -> None:
    found = list(leaves(rule, "abc", 3))
    for context in map("".join, product("abc", repeat=3)):
        answer = rule(context)
        said = [leaf.permitted for leaf in found if context in leaf]
        assert said == [frozenset(answer)], f"{context}: {said}, but should be {answer}"


@pytest.mark.parametrize("rule", MAY)
def test_what_could_swallow_is_watched(rule: Rule) -> None:
    assert look(rule) == Looked("", True)
    assert_read_rightly(rule)


@pytest.mark.parametrize("rule", MAY_NOT)
def test_what_could_not_is_not_watched(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look(rule) == Looked("", False)
    monkeypatch.setattr(run, "watched", None)
    assert_read_rightly(rule)


@pytest.mark.parametrize("rule", SWALLOW)
def test_unwatched_it_would_be_read_wrongly_or_refused(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    seen_as(Looked("", False), monkeypatch)
    with pytest.raises((AssertionError, RuleError), match="but should"):
        assert_read_rightly(rule)


def seen_as(looked: Looked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_known", OrderedDict())
    monkeypatch.setattr(watch, "look", lambda function: looked)


def test_unwatched_the_leaves_of_all_idioms_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that could not swallow, also where C code refuses what stands in, and the error comes out."""
    told, unwatched = set[str](), Counter[bool]()

    class Told(run.Run):
        def stumbles(self) -> None:
            told.add(name)
            super().stumbles()

    monkeypatch.setattr(decision_tree, "Run", Told)
    for name in ALL:
        rule, both = rule_of(name, ("a", "b", "c"), "a", "b", -1, 0), []
        if look(rule) != Looked("", False):
            continue
        for swallows in (True, False):
            seen_as(Looked("", swallows), monkeypatch)
            both.append(said(rule))
        assert both[0] == both[1], name
        unwatched[name in told] += 1
    assert min(unwatched[True], unwatched[False]) > 10, unwatched


def said(rule: Rule) -> Any:
    try:
        return [(leaf.path, leaf.permitted) for leaf in leaves(rule, "abc", 3)]
    except RuleError as error:
        return str(error)
