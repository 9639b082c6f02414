"""What a plain function could remember from one call to the next, and whether that has changed.

A rule that answers from memory can look consistent: its answers agree, and are those to another context. So all that
can be reached from it is compared before and after: by identity, numbers and texts by value, arrays by content. Caches
of functools are left out, as they are filled by all that a call was given.
"""

import functools
import logging
import operator
import pickle
import sys
import sysconfig
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import repeat, zip_longest
from typing import Any

import numpy as np

from zoo.errors import RuleError
from zoo.rule.asking import name_of
from zoo.rule.harmless import ATOMS, CONTAINERS, UNCALLED, WRAPPERS, content, generated, in_python

MOST = 10**6  # values that are compared
MISSING = object()
SHOULD = "but should depend on nothing but its context"
# With these, code reaches variables that it does not spell.
DYNAMIC = {"globals", "vars", "setattr", "delattr", "exec", "eval", "__dict__", "__globals__", "__setattr__"}
LIBRARY = tuple(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
UNCHANGING = {
    *ATOMS - {bytearray},
    *(types.CodeType, types.GetSetDescriptorType, types.WrapperDescriptorType, types.MethodDescriptorType),
    *(types.ClassMethodDescriptorType, types.GenericAlias, types.UnionType, object),
}
# Of a class, what Python itself keeps in it.
INTERNAL = {"_abc_impl", "_member_map_", "_value2member_map_", "__dataclass_fields__", "__dataclass_params__"}
WRAPPED = {*functools.WRAPPER_ASSIGNMENTS, "__wrapped__", "cache_parameters"}  # what functools gives a function
FOUND_OUT = {"__slotnames__", "__annotations__"}  # what Python notes down in a class once it is asked
METHODS = (types.FunctionType, staticmethod, classmethod, property)
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
        if self.read is _parts and isinstance(attribute := (*now, *self.known)[differ[0]], str):
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


class Memory:
    """All that calls of a function may write to, as it was when this was made. RuleError where that cannot be seen."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        walk = _Walk(function)
        try:
            walk.through()
        except RuleError:
            raise
        except Exception as error:  # of a stranger's object that does not let itself be looked at
            what = f"reaches what raises {type(error).__name__} when it is looked at"
            raise RuleError(f"{name_of(function)} {what}, {SHOULD}") from error
        self.function, self.records, self.writable = function, walk.records, walk.writable

    def changed(self) -> str:
        """The name of the first that is not as it was, or ""."""
        return next(filter(None, (record.changed() for record in self.records)), "")

    def check(self) -> None:
        """RuleError where anything has changed."""
        if name := self.changed():
            raise RuleError(
                f"{name_of(self.function)} changes {name!r} when it is called, {SHOULD}; "
                "to keep results, use functools.cache"
            )


class _Walk:
    """A walk through all that a function reaches, in whatever module, but not into the code of libraries."""

    def __init__(self, function: Any) -> None:
        self.function, self.own = function, _packages(function)
        self.todo: list[tuple[str, Any]] = [("the function", function)]
        self.seen: dict[int, Any] = {}  # with the objects, so that no other gets their number
        self.count = 0
        self.records: list[Record] = []
        self.unfilled: list[tuple[str, Any, dict[str, Any]]] = []  # what `cached_property` would add to an object
        self.names: set[str] = set()  # that code spells
        self.variables: dict[int, tuple[str, dict[str, Any], set[str]]] = {}  # of modules, and which of them
        self.modules: set[int] = set()  # of which any name that is spelled may be meant
        self.unspelled: dict[int, dict[str, Any]] = {}  # variables that may be reached all the same
        self.lenient = False  # only objects of the function's own classes are looked into
        self.classes: list[tuple[dict[str, Any], set[str]]] = []  # methods, and the names that were looked up
        self.writable = False  # whether there is more than the variables of functions

    def through(self) -> None:
        while self.todo or self._attributes():
            if self.todo:
                self._visit(*self.todo.pop())
        self._unspelled()
        for name, variables, names in self.variables.values():
            self._record(name, _Named(names), variables, names=True)

    def _unspelled(self) -> None:
        """All other variables of a module whose code may reach them: nobody knows that it does, so none is refused."""
        self.lenient = True
        for variables in self.unspelled.values():
            self._record("a global variable", _items, variables, names=True)
            self.todo += variables.items()
        while self.todo and self.count < MOST // 2:
            with suppress(RuleError):
                self._visit(*self.todo.pop())
        self.todo.clear()

    def _attributes(self) -> bool:
        """What modules and classes hold under names that code spells."""
        for at in self.modules:
            self._variables(self.variables[at][1], self.names)
        for methods, known in self.classes:
            self.todo += [(name, methods[name]) for name in (self.names - known) & methods.keys()]
            known |= self.names
        filled = [one for one in self.unfilled if one[0] in self.names or self.unspelled]
        for name, value, held in filled:
            self._fill(name, value, held)
        self.unfilled = [one for one in self.unfilled if all(one is not other for other in filled)]
        return bool(self.todo)

    def _fill(self, name: str, value: Any, held: dict[str, Any]) -> None:
        """What `cached_property` keeps is there before the first call, so that it can be seen whether it changes."""
        with suppress(Exception):  # then it is raised again when the function asks
            getattr(value, name)
        self._record(name, _Named([name]), held, names=True)
        self.todo.append((name, held.get(name)))

    def _variables(self, variables: dict[str, Any], names: set[str]) -> None:
        module = str(variables.get("__name__"))
        known = self.variables.setdefault(id(variables), (module, variables, set()))[2]
        self.todo += [(name, variables[name]) for name in (names - known) & variables.keys()]
        known |= names

    def _record(self, name: str, read: Read, holder: Any, names: bool = False) -> None:
        known = read(holder)
        self._counted(len(known))
        self.records.append(Record(name, read, holder, known, names))

    def _counted(self, more: int) -> None:
        self.count += more
        if self.count > MOST:
            raise RuleError(f"{name_of(self.function)} reaches more than {MOST:,} values, {SHOULD}")

    def _visit(self, name: str, value: Any) -> None:
        kind = type(value)
        if kind in UNCHANGING or id(value) in self.seen or _is_written_to(value):
            return
        self.seen[id(value)] = value
        self._counted(1)
        if self.lenient and (kind in VISITS or kind in WRAPPERS or issubclass(kind, type) or self._is_foreign(kind)):
            return
        if hasattr(kind, "__next__"):
            raise RuleError(f"{name_of(self.function)} keeps {name!r}, an iterator, which remembers, {SHOULD}")
        if kind in VISITS:
            VISITS[kind](self, name, value)
        elif kind in WRAPPERS:
            self.todo += [(name, getattr(value, part)) for part in WRAPPERS[kind]]
            if kind is functools._lru_cache_wrapper:
                self.writable = True
                self._named(name, vars(value), WRAPPED & vars(value).keys())
        elif issubclass(kind, type):
            self._class(value)
        else:
            self._instance(name, value)

    def _is_library(self, module: Any, file: str) -> bool:
        """Whether code is in a library, and not in the package of the function itself."""
        if not isinstance(module, str):
            return in_library(file)
        return _is_ours(module) or (module.partition(".")[0] not in self.own and in_library(file))

    def _is_foreign(self, kind: Any) -> bool:
        file = getattr(sys.modules.get(kind.__module__), "__file__", None)
        return in_python(kind) and self._is_library(kind.__module__, file or "")

    def _function(self, name: str, function: types.FunctionType) -> None:
        code, names = function.__code__, function.__globals__
        self._record(name, _parts, function)
        self.todo += zip(code.co_freevars, function.__closure__ or ())
        self.todo += [("a default", value) for value in function.__defaults__ or ()]
        self.todo += [("a default", function.__kwdefaults__)] if function.__kwdefaults__ else []
        if vars(function):
            self._named(name, vars(function))
        if self._is_library(names.get("__name__"), code.co_filename):
            return
        used = set(spelled(code))
        self.names |= used
        if used & DYNAMIC:
            self.unspelled[id(names)] = names
        self._variables(names, used)

    def _named(self, name: str, held: dict[str, Any], leave_out: Iterable[str] = ()) -> None:
        """What an object's `__dict__` holds."""
        left_out = frozenset(leave_out)
        self._record(name, _But(left_out) if left_out else _items, held, names=True)
        self.todo += [(str(key), value) for key, value in held.items() if key not in left_out]

    def _cell(self, name: str, cell: types.CellType) -> None:
        self._record(name, lambda cell: tuple(content(cell)), cell)
        self.todo += [(name, value) for value in content(cell)]

    def _module(self, name: str, module: types.ModuleType) -> None:
        self._variables(vars(module), self.names)
        self.modules.add(id(vars(module)))

    def _builtin(self, name: str, function: Any) -> None:
        self.todo.append((name, function.__self__))

    def _proxy(self, name: str, proxy: Any) -> None:
        self._record(name, _proxied, proxy)
        self.todo += [(name, value) for value in proxy.values()]

    def _reference(self, name: str, reference: Any) -> None:
        self.todo.append((name, reference()))

    def _class(self, kind: Any) -> None:
        if not in_python(kind) or self._is_foreign(kind):
            return
        self._record(kind.__name__, _of_class, vars(kind), names=True)
        held = {name: value for name, value in vars(kind).items() if name not in INTERNAL | UNCALLED}
        known, used = generated(kind), DYNAMIC & self.names
        methods = {name: value for name, value in held.items() if type(value) in METHODS and not used}
        implied = {name for name in methods if name.startswith("__") and name not in known}
        self.todo += [(name, value) for name, value in held.items() if name not in methods or name in implied]
        self.classes.append((methods, implied))
        self.todo += [(base.__name__, base) for base in (*kind.__bases__, type(kind))]

    def _instance(self, name: str, value: Any) -> None:
        kind = type(value)
        if in_python(kind):
            self._of_a_class(name, value)
        native = next((base for base in kind.__mro__ if not in_python(base)), object)  # as what it is laid out
        of = next((one for one in CONTAINERS if issubclass(native, one)), None)
        self.writable |= native is not tuple
        if of is not None:
            if of not in (tuple, frozenset):
                self._record(name, _ordered if issubclass(native, OrderedDict) else READS[of], value)
            self.todo += [(name, held) for held in CONTAINERS[of](value)]
            self.todo += [(name, value.default_factory)] if issubclass(native, defaultdict) else []
        elif issubclass(native, np.ndarray):
            self._record(name, _content, value)
            self.todo += [(name, held) for held in value.flat] if value.dtype.hasobject else []
        elif issubclass(native, BaseException):
            self.todo.append((name, value.args))
        elif native not in UNCHANGING:
            self._pickled(name, value)

    def _of_a_class(self, name: str, value: Any) -> None:
        """What an object of a class in Python holds, and the class."""
        kind, held = type(value), _dict_of(value)
        self.todo.append((name, kind))
        if held is not None:
            properties = {name for base in kind.__mro__ for name, part in vars(base).items() if _is_cached(part)}
            cached = properties - held.keys()
            self.unfilled += [(one, value, held) for one in cached]
            self._named(name, held, cached)
        if slots := list(_slots(kind)):
            self._record(name, lambda value: _held(slots, value), value, names=True)
            parts = _held(slots, value)
            self.todo += zip(parts[: len(slots)], parts[len(slots) :])

    def _pickled(self, name: str, value: Any) -> None:
        try:
            self._record(name, lambda value: (pickle.dumps(value),), value)
        except Exception:
            what = f"{name!r}, of type {type(value).__name__}"
            raise RuleError(f"{name_of(self.function)} keeps {what}, which cannot be compared, {SHOULD}") from None


VISITS: dict[Any, Callable[[_Walk, str, Any], None]] = {
    types.FunctionType: _Walk._function,
    types.CellType: _Walk._cell,
    types.ModuleType: _Walk._module,
    types.BuiltinFunctionType: _Walk._builtin,
    types.MethodWrapperType: _Walk._builtin,
    types.MappingProxyType: _Walk._proxy,
    weakref.ref: _Walk._reference,
}


def _packages(function: Any) -> set[str]:
    """The packages in which a function, or the class of an object that is called, is defined."""
    while type(function) in WRAPPERS:
        function = getattr(function, WRAPPERS[type(function)][0])
    module = function.__module__ if isinstance(function, types.FunctionType) else type(function).__module__
    return {str(module).partition(".")[0]} - sys.stdlib_module_names


def _is_written_to(value: Any) -> bool:
    """What a function may write to all the same: nothing is read from there."""
    return type(value) is logging.Logger or any(value is stream for stream in (sys.stdout, sys.stderr))


def _is_ours(module: str) -> bool:
    """Whether code belongs to what runs rules, and is none itself: it keeps what it knows of them."""
    tests = module.startswith(("zoo.models.", "properties.selftest.", "properties.test_"))
    return module.startswith(("zoo.", "properties.")) and not tests


def in_library(file: str) -> bool:
    """Whether a file belongs to Python or to an installed package."""
    return file.startswith((*LIBRARY, "<frozen"))


def spelled(code: types.CodeType) -> Iterator[str]:
    """The global names and attributes that code spells, in functions defined within it too; not what pytest adds."""
    yield from (name for name in code.co_names if not name.startswith("@"))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from spelled(constant)


class _Named:
    """Reads variables of a module, which may be there or not."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(sorted(names))

    def __call__(self, held: dict[str, Any]) -> tuple[Any, ...]:
        return (*self.names, *map(held.get, self.names, repeat(MISSING)))


class _But:
    """Reads what a `__dict__` holds, but for some names."""

    def __init__(self, left_out: frozenset[str]) -> None:
        self.left_out = left_out

    def __call__(self, held: dict[str, Any]) -> tuple[Any, ...]:
        return _items({name: value for name, value in held.items() if name not in self.left_out})


def _items(held: Any) -> tuple[Any, ...]:
    return (*dict.keys(held), *dict.values(held))


def _ordered(held: Any) -> tuple[Any, ...]:
    return (*OrderedDict.keys(held), *OrderedDict.values(held))


def _of_class(held: Any) -> tuple[Any, ...]:
    return _items({name: value for name, value in held.items() if name not in FOUND_OUT})


def _proxied(held: Any) -> tuple[Any, ...]:
    return (*held.keys(), *held.values())


READS: dict[Any, Read] = {
    dict: _items,
    list: lambda held: (*list.__iter__(held),),
    set: lambda held: (*set.__iter__(held),),
    deque: lambda held: (*deque.__iter__(held),),
}


def _parts(function: types.FunctionType) -> tuple[Any, ...]:
    closure, keys = function.__closure__ or (), vars(function)
    return function.__code__, function.__defaults__, function.__kwdefaults__, *closure, *keys


def _content(array: Any) -> tuple[Any, ...]:
    return *array.shape, array.dtype.str, array.tobytes()


def _dict_of(value: Any) -> dict[str, Any] | None:
    held = None
    with suppress(AttributeError):
        held = object.__getattribute__(value, "__dict__")
    return held if isinstance(held, dict) else None


def _is_cached(value: Any) -> bool:
    return isinstance(value, functools.cached_property)


def _slots(kind: type) -> Iterator[types.MemberDescriptorType]:
    for base in filter(in_python, kind.__mro__):
        yield from (slot for slot in vars(base).values() if isinstance(slot, types.MemberDescriptorType))


def _held(slots: Sequence[types.MemberDescriptorType], value: Any) -> tuple[Any, ...]:
    """Names, and what is in them, if anything."""
    found: list[Any] = []
    for slot in slots:
        try:
            found.append(slot.__get__(value))
        except AttributeError:
            found.append(MISSING)
    return (*(slot.__name__ for slot in slots), *found)
