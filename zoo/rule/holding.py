"""What an object holds, read in such a way that two readings can be compared."""

import functools
import operator
import types
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat, zip_longest
from typing import Any

from zoo.rule.harmless import in_python

MISSING = object()
FOUND_OUT = {"__slotnames__", "__annotations__"}  # what Python notes down in a class once it is asked
Read = Callable[[Any], tuple[Any, ...]]


@dataclass(frozen=True)
class Record:
    """What an object held: `read(holder)` at the time. `names` where that is first names, then their values."""

    name: str
    read: Read
    holder: Any
    known: tuple[Any, ...]
    names: bool = False

    def changed(self) -> str:
        """The name of what is another object now; "" where nothing is."""
        now = self.read(self.holder)
        if len(now) == len(self.known) and all(map(operator.is_, now, self.known)):
            return ""
        differ = [
            at
            for at, (before, after) in enumerate(zip_longest(self.known, now, fillvalue=MISSING))
            if before is not after and not _equal(before, after)
        ]
        if not differ:
            return ""
        if self.read is parts and isinstance(attribute := (*now, *self.known)[differ[0]], str):
            return attribute
        return self.name if not self.names else _first_name(self.known, now, differ[0])


def _equal(one: Any, other: Any) -> bool:
    """Numbers and texts are the same where they are equal; of all else, it is the object that counts."""
    simple = type(one) in (int, str, bytes) or (type(one) is float and one == one != 0)
    return bool(simple and type(one) is type(other) and one == other)


def _first_name(known: tuple[Any, ...], now: tuple[Any, ...], at: int) -> str:
    """Whose value is another, or which name is new or gone."""
    before, after = known[: len(known) // 2], now[: len(now) // 2]
    if len(before) == len(after):
        return str(before[at % len(before)])
    longer, shorter = max(before, after, key=len), min(before, after, key=len)
    return str(next(name for name in longer if name not in shorter))


class Named:
    """Reads variables of a module, which may be there or not."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))

    def __call__(self, held: dict[str, Any]) -> tuple[Any, ...]:
        return (*self.names, *map(held.get, self.names, repeat(MISSING)))


class AllBut:
    """Reads what a `__dict__` holds, but for some names."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self.left_out = left_out

    def __call__(self, held: dict[str, Any]) -> tuple[Any, ...]:
        return items({name: value for name, value in held.items() if name not in self.left_out})


def items(held: Any) -> tuple[Any, ...]:
    return (*dict.keys(held), *dict.values(held))


def ordered(held: Any) -> tuple[Any, ...]:
    return (*OrderedDict.keys(held), *OrderedDict.values(held))


def of_class(held: Any) -> tuple[Any, ...]:
    return items({name: value for name, value in held.items() if name not in FOUND_OUT})


def proxied(held: Any) -> tuple[Any, ...]:
    return (*held.keys(), *held.values())


READS: dict[Any, Read] = {
    dict: items,
    list: lambda held: (*list.__iter__(held),),
    set: lambda held: (*set.__iter__(held),),
    deque: lambda held: (*deque.__iter__(held),),
}


def parts(function: types.FunctionType) -> tuple[Any, ...]:
    closure, keys = function.__closure__ or (), vars(function)
    return function.__code__, function.__defaults__, function.__kwdefaults__, *closure, *keys


def array_content(array: Any) -> tuple[Any, ...]:
    return *array.shape, array.dtype.str, array.tobytes()


def dict_of(value: Any) -> dict[str, Any] | None:
    held = None
    with suppress(AttributeError):
        held = object.__getattribute__(value, "__dict__")
    return held if isinstance(held, dict) else None


def is_cached(value: Any) -> bool:
    return isinstance(value, functools.cached_property)


def slots(kind: type) -> Iterator[types.MemberDescriptorType]:
    for base in filter(in_python, kind.__mro__):
        yield from (slot for slot in vars(base).values() if isinstance(slot, types.MemberDescriptorType))


def held_in(slots: Sequence[types.MemberDescriptorType], value: Any) -> tuple[Any, ...]:
    """Names, and what is in them, if anything."""
    found: list[Any] = []
    for slot in slots:
        try:
            found.append(slot.__get__(value))
        except AttributeError:
            found.append(MISSING)
    return (*(slot.__name__ for slot in slots), *found)
