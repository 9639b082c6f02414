"""Functions that remember, in each place that a function can write to."""

import builtins
import functools
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import properties.selftest.idioms
import reference
from properties.selftest.rule.remembering_objects import Alike, Child, Itself

Rule = Callable[[Any], Any]
SEEN: list[Any] = []
TOTAL = 0


def noting(note: Callable[[Any], Any]) -> Rule:
    """Says a whatever it is asked, and notes something of it."""
    return lambda c: {"a"} if note(c) != 0.5 else {"b"}


def appends(kept: Any) -> Rule:
    return noting(lambda c: kept.append(str(c[0])))


def held(kept: Any, do: Callable[[Any, Any], Any]) -> Rule:
    """`do` with what is kept and the context."""
    return noting(lambda c: do(kept, c))


def in_a_global(c: Any) -> set[str]:
    global TOTAL
    TOTAL += 1
    return {"a"}


def in_a_new_global(c: Any) -> set[str]:
    global NEW
    NEW = str(c[0])  # type: ignore[name-defined]
    return {"a"}


def in_a_global_that_is_not_spelled(c: Any) -> set[str]:
    globals()["SE" + "EN"].append(str(c[0]))
    return {"a"}


def in_a_global_that_is_evaluated(c: Any) -> set[str]:
    exec("SEEN.append(1)")
    return {"a"}


def in_a_helper(c: Any) -> set[str]:
    return in_a_global(c)


def in_another_module(c: Any) -> set[str]:
    reference.remembered = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_another_modules_table(c: Any) -> set[str]:
    properties.selftest.idioms.TABLE[str(c[0])] = 1
    return {"a"}


def in_builtins(c: Any) -> set[str]:
    builtins.remembered = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_an_attribute(c: Any) -> set[str]:
    in_an_attribute.last = str(c[0])  # type: ignore[attr-defined]
    return {"a"}


def in_a_default(c: Any, seen: list[Any] = []) -> set[str]:  # noqa: B006
    seen.append(str(c[0]))
    return {"a"}


def in_a_keyword(c: Any, *, seen: dict[str, int] = {}) -> set[str]:  # noqa: B006
    seen[str(c[0])] = 1
    return {"a"}


def in_a_cell() -> Rule:
    last = ""

    def rule(c: Any) -> set[str]:
        nonlocal last
        last = str(c[0])
        return {"a"}

    return rule


def every_other_time() -> Rule:
    """Back where it was after two calls."""
    on = [False]

    def rule(c: Any) -> set[str]:
        on[0] = not on[0]
        return {"a"} if on[0] else {"a", "b"}

    return rule


def in_the_order_of_a_dictionary() -> Rule:
    order = OrderedDict.fromkeys("ab")
    return noting(lambda c: order.move_to_end(str(c[0])))


def by_a_decorator() -> Rule:
    def counting(function: Rule) -> Rule:
        calls: list[int] = []

        @functools.wraps(function)
        def counted(c: Any) -> Any:
            calls.append(1)
            return function(c)

        return counted

    return counting(reference.ab)


def in_a_cache_by_equality() -> Rule:
    helper = cache(lambda alike: alike.token)
    return lambda c: {helper(Alike(str(c[-1])))}


def in_what_a_cache_says_of_itself() -> Rule:
    helper = lru_cache(lambda token: token)
    return lambda c: {"a"} if helper(str(c[0])) and helper.cache_info().hits >= 0 else {"b"}


def in_a_weak_reference() -> Rule:
    kept = Itself()
    KEPT.append(kept)
    return held(weakref.ref(kept), lambda reference, c: reference().seen.update({len(c): 1}))


def in_a_buffer() -> Rule:
    kept = bytearray(4)
    return held(memoryview(kept), lambda view, c: view.__setitem__(0, len(c)))


KEPT: list[Any] = []


@contextmanager
def as_before() -> Iterator[None]:
    """What the rules here leave behind does not reach the next test."""
    before, table = dict(globals()), dict(properties.selftest.idioms.TABLE)
    yield
    globals().pop("NEW", None)
    globals().update(before)
    properties.selftest.idioms.TABLE.clear()
    properties.selftest.idioms.TABLE.update(table)
    Itself.last = None
    for kept in (Itself.table, SEEN, vars(in_an_attribute), (in_a_keyword.__kwdefaults__ or {})["seen"]):
        kept.clear()
    for holder in (reference, builtins, Child):
        for name in {"remembered", "last"} & vars(holder).keys():
            delattr(holder, name)
