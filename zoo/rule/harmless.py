"""What is known to treat a stand-in for a context as it treats a real one, see `zoo.rule.telling`.

C functions are in here where they ask an object for nothing but what it answers, or refuse what is no string with a
TypeError, which is noticed; not those which find out what an object is and say nothing.
"""

import bisect
import builtins
import collections
import collections.abc
import contextlib
import dataclasses
import enum
import functools
import heapq
import itertools
import math
import operator
import re
import reprlib
import types
import typing
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, fields, is_dataclass, make_dataclass
from typing import Any


def _callables(module: types.ModuleType, leave_out: Iterable[str] = ()) -> list[Any]:
    names = {name for name in vars(module) if not name.startswith("_")}.difference(leave_out)
    return [value for name, value in vars(module).items() if name in names and callable(value)]


def _unbound(value: Any) -> Any:
    return value.__func__ if isinstance(value, staticmethod | classmethod) else value


def _is_function(value: Any) -> bool:
    return isinstance(value, types.FunctionType)


_BUILTINS = [
    *("abs", "all", "any", "ascii", "bin", "bool", "bytearray", "bytes", "callable", "chr", "complex", "dict"),
    *("divmod", "enumerate", "filter", "float", "format", "frozenset", "hash", "hex", "int", "isinstance"),
    *("issubclass", "iter", "len", "list", "map", "max", "min", "next", "oct", "ord", "pow", "range", "repr"),
    *("reversed", "round", "set", "slice", "sorted", "str", "tuple", "zip"),
]
_EXCEPTIONS = [one for one in vars(builtins).values() if isinstance(one, type) and issubclass(one, BaseException)]
# "%" is no function for all; attributes by name and identity are none; nor is a hint that only C code gives.
_OPERATORS = _callables(operator, ("attrgetter", "is_", "is_not", "length_hint", "methodcaller", "mod", "imod"))
_RE = [re.match, re.search, re.fullmatch, re.findall, re.finditer, re.split, re.sub, re.subn, re.compile, re.escape]
_FUNCTOOLS = [functools.reduce, functools.partial, functools.cache, functools.lru_cache, functools.cmp_to_key]
_ENUMS: list[type] = [enum.Enum, enum.IntEnum, enum.StrEnum, enum.Flag, enum.IntFlag, enum.ReprEnum]
HARMLESS = {
    id(value): value
    for value in (
        *(getattr(builtins, name) for name in _BUILTINS),
        *_EXCEPTIONS,
        *_callables(math),
        *_callables(itertools),
        *_callables(bisect),
        *_callables(heapq),
        *_callables(collections.abc),
        *_OPERATORS,
        *_RE,
        *_FUNCTOOLS,
        *(Counter, OrderedDict, defaultdict, deque),
        *(contextlib.suppress, typing.Any, re.Pattern, re.Match),
        *_ENUMS,
        *(method for kind in _ENUMS for method in map(_unbound, vars(kind).values()) if _is_function(method)),
    )
}
ATOMS = {
    *(types.NoneType, bool, int, float, complex, str, bytes, bytearray, range, slice, re.Pattern, re.Match),
    *(types.EllipsisType, types.NotImplementedType, types.MemberDescriptorType),
    type(vars(namedtuple("_", "field"))["field"]),
}
CONTAINERS: dict[type, Callable[[Any], Iterable[Any]]] = {
    list: list.__iter__,
    tuple: tuple.__iter__,
    set: set.__iter__,
    frozenset: frozenset.__iter__,
    deque: deque.__iter__,
    dict: lambda value: (*dict.keys(value), *dict.values(value)),
}
EXACT = {*CONTAINERS, OrderedDict, Counter, defaultdict}
WRAPPERS: dict[type, tuple[str, ...]] = {
    types.MethodType: ("__func__", "__self__"),
    functools.partial: ("func", "args", "keywords", "__dict__"),
    functools._lru_cache_wrapper: ("__wrapped__",),
    functools.cached_property: ("func",),
    property: ("fget", "fset", "fdel"),
    enum.property: ("fget", "fset", "fdel"),
    staticmethod: ("__func__",),
    classmethod: ("__func__",),
}


# What a class defines and no code calls that is let through.
UNCALLED = {
    *("__reduce__", "__reduce_ex__", "__getstate__", "__setstate__", "__getnewargs__", "__getnewargs_ex__"),
    *("__copy__", "__deepcopy__", "__sizeof__", "__dir__", "__init_subclass__", "__set_name__", "__replace__"),
    *("__dataclass_fields__", "__dataclass_params__", "__annotations__", "__dict__", "__weakref__"),
    *("__orig_bases__", "__parameters__", "__type_params__", "__new_member__"),
    "__subclasshook__",  # but for classes of `abc`, which are not let through
}


def content(cell: types.CellType) -> Iterator[Any]:
    """What a variable that functions share holds, if it is bound."""
    with contextlib.suppress(ValueError):
        yield cell.cell_contents


def in_python(kind: type) -> bool:
    """Whether a class is written in Python: made at run time, it has no `__new__` in C and no room for C's data."""
    made, fixed = bool(kind.__flags__ & 1 << 9), bool(kind.__flags__ & (1 << 7 | 1 << 8))
    if fixed or not made or kind.__base__ is None or getattr(kind.__new__, "__self__", None) is kind:
        return False
    slots = sum(type(one) is types.MemberDescriptorType for one in vars(kind).values())
    room = slots + ("__dict__" in vars(kind)) + ("__weakref__" in vars(kind))
    return kind.__basicsize__ <= kind.__base__.__basicsize__ + 8 * room


def _twin(kind: Any) -> type | None:
    """A class as `dataclass` or `namedtuple` would write it with the same fields; None where it is neither."""
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        return namedtuple(kind.__name__, kind._fields)
    if not (is_dataclass(kind) and "__dataclass_params__" in vars(kind)):
        return None
    settings = vars(kind)["__dataclass_params__"]
    own = [
        (one.name, Any, field(default=None, repr=one.repr, hash=one.hash, compare=one.compare)) for one in fields(kind)
    ]
    return make_dataclass(
        type.__getattribute__(kind, "__name__"),
        own,
        repr=bool(settings.repr),
        eq=bool(settings.eq),
        order=bool(settings.order),
        unsafe_hash=bool(settings.unsafe_hash),
        frozen=bool(settings.frozen),
    )


def generated(kind: Any) -> dict[str, list[Any]]:
    """The methods of a class that `dataclass` or `namedtuple` wrote, with what their names stand for in its module."""
    twin = _twin(kind)
    found = {}
    for name, value in vars(kind).items() if twin is not None else ():
        if functions := _same(value, vars(twin).get(name)):
            its = [(one, global_) for one in functions for global_ in one.__code__.co_names]
            found[name] = [one.__globals__[g] for one, g in its if g in one.__globals__ and _is_own(one)]
    return found


def _is_own(function: types.FunctionType) -> bool:
    return not any(function.__globals__ is vars(module) for module in (collections, dataclasses, reprlib))


def _same(function: Any, other: Any) -> list[types.FunctionType]:
    """Two functions of the same code, as those which they enclose are: the first, and what it encloses. Else none."""
    if not isinstance(function, types.FunctionType) or not isinstance(other, types.FunctionType):
        return []
    mine, its = function.__code__, other.__code__
    parts = ("co_code", "co_names", "co_consts", "co_varnames", "co_freevars", "co_flags")
    if any(getattr(mine, part) != getattr(its, part) for part in parts):
        return []
    found = [function]
    for cell, other_cell in zip(function.__closure__ or (), other.__closure__ or ()):
        for value, twin in zip(content(cell), content(other_cell)):
            inner = _same(value, twin)
            if isinstance(value, types.FunctionType) and not inner:
                return []
            found += inner
    return found
