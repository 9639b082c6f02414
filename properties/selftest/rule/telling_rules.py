"""Ways to tell a real context from what stands in for it."""
# ruff: noqa: B010, B024, E721, F507, UP031

import copy
import functools
import operator
import pickle
from abc import ABC
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import properties.proof.reading.lazy
import reference

Rule = Callable[[Any], Any]
KIND = type
EQUALS = "abba".__eq__
GET = getattr
SAME = operator.is_
PARTS, PATTERN = ["__e", "q__"], ["{0.__l", "en__}"]
KINDS = {str: True}
FUNCTIONS: dict[str, Any] = {"kind": type, "nested": [{"kind": (type,)}]}
hidden: Any = "hidden in a module"


class Strings(ABC):
    """Whatever is not of this very class."""

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        return other is str


class WithoutHook(ABC):
    """Which a stand-in was registered with."""


WithoutHook.register(properties.proof.reading.lazy.LazyString)


class Looks:
    """Its functions are in it and in its class."""

    kind: Any = type

    def __init__(self) -> None:
        self.mine: Any = type

    def by_itself(self, c: Any) -> bool:
        return bool(self.mine(c) == str)

    def by_its_class(self, c: Any) -> bool:
        return bool(self.kind(c) == str)

    def through(self, c: Any) -> bool:
        return self.by_itself(c)

    def __getattr__(self, name: str) -> Any:
        return lambda c: type(c) == str

    def by_getattr(self, c: Any) -> bool:
        return bool(self.anything(c))

    def __len__(self) -> int:
        return 1

    @property
    def how(self) -> Any:
        return type

    def by_property(self, c: Any) -> bool:
        return bool(self.how(c) == str)


class Slots:
    __slots__ = ("kind",)

    def __init__(self) -> None:
        self.kind: Any = type

    def __call__(self, c: Any) -> bool:
        return bool(self.kind(c) == str)


class Equal:
    """Looks at what it is compared with."""

    def __eq__(self, other: object) -> bool:
        return type(other) is str

    def __hash__(self) -> int:
        return 0


@dataclass
class Holds:
    """Looks at what it holds when it is printed."""

    held: Any

    def __repr__(self) -> str:
        return type(self.held).__name__


def by_default(c: Any, kind: Any = type) -> bool:
    return bool(kind(c) == str)


def by_keyword(c: Any, *, kind: Any = type) -> bool:
    return bool(kind(c) == str)


def by_attribute(c: Any) -> bool:
    return bool(by_attribute.kind(c) == str)  # type: ignore[attr-defined]


by_attribute.kind = type  # type: ignore[attr-defined]


def enclosed(kind: Any) -> Rule:
    return lambda c: kind(c) == str


def enclosed_in(kinds: tuple[list[Any], ...]) -> Rule:
    return lambda c: kinds[0][0](c) == str


@functools.wraps(by_default)
def wrapped(*arguments: Any) -> bool:
    return by_default(*arguments)


def by_import(c: Any) -> bool:
    from builtins import type as kind

    return bool(kind(c) == str)


def by_a_class(c: Any) -> bool:
    class Text(str):
        pass

    return Text(c).__class__.__class__(c) == str


def by_class_pattern(c: Any) -> bool:
    match c:
        case str(__class__=kind):
            return bool(kind.__class__(c) == str)
    return False


def by_setting(c: Any) -> bool:
    try:
        setattr(c, "x", 1)
    except AttributeError as error:
        return "'str' object has no attribute 'x'" in str(error)
    return False


def by_percent(c: Any) -> bool:
    try:
        "x" % c
    except TypeError:
        return True
    return False


def by_percent_of_a_token(c: Any) -> bool:
    try:
        KINDS_OF_PERCENT[0] % c[0]
    except TypeError:
        return True
    return False


KINDS_OF_PERCENT = ("x",)


def by_sum(c: Any) -> bool:
    try:
        sum([], c)
    except TypeError:
        return True
    return False


def by_sum_of(c: Any, add: Any = sum) -> bool:
    try:
        add([], start=c)
    except TypeError:
        return True
    return False


def by_frame(c: Any) -> bool:
    def look() -> Iterator[Any]:
        yield generator.gi_frame.f_back.f_back.f_back.f_code.co_name == "watched"

    generator: Any = look()
    return not next(generator)


def by_traceback(c: Any) -> bool:
    try:
        raise ValueError
    except ValueError as error:
        frame = error.__traceback__.tb_frame.f_back  # type: ignore[union-attr]
        return "raw" not in str(frame)


def by_evaluation(c: Any) -> bool:
    return bool(eval("type(c) is str"))


def by_globals(c: Any) -> bool:
    return bool(globals()["KI" + "ND"](c) == str)


def by_iterator(c: Any) -> bool:
    return not hasattr(iter(c), "send") and "str" in repr(iter(c))


def by_copy(c: Any) -> bool:
    return copy.copy(c) is c


def by_pickle(c: Any) -> bool:
    with suppress(Exception):
        return bool(pickle.loads(pickle.dumps(c)) == "abba")
    return False


def code_of_another_file(c: Any) -> bool:
    return reference.rules.looks(c)  # type: ignore[attr-defined,no-any-return]
