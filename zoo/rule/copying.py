"""A copy of a plain function that shares nothing with it that either could write to, and remembers nothing."""

import copy
import enum
import functools
import types
from collections import OrderedDict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np

from zoo.rule.bytecode import spelled
from zoo.rule.harmless import content, in_python
from zoo.rule.origin import in_library
from zoo.rule.reached import UNCHANGING

SHARED = {*UNCHANGING, types.ModuleType, types.BuiltinFunctionType, enum.EnumMeta}


def copied(function: Callable[[Any], Any]) -> Callable[[Any], Any] | None:
    """None where it cannot be copied. Functions are bound to copies of the variables that they name; classes stay."""
    try:
        made: Callable[[Any], Any] = _Copier()(function)
    except Exception:  # what a stranger's objects raise
        return None
    return made


class _Copier:
    """Copies objects, each of them once."""

    def __init__(self) -> None:
        self.made: dict[int, Any] = {}
        self.kept: list[Any] = []  # so that no other object gets the number of one that was copied

    def __call__(self, value: Any) -> Any:
        kind = type(value)
        if kind in SHARED or issubclass(kind, type) or isinstance(value, enum.Enum):
            return value
        if id(value) not in self.made:
            self.kept.append(value)
            self.made[id(value)] = value  # where it is met within itself before there is a copy
            COPIES.get(kind, _Copier._other)(self, value)
        return self.made[id(value)]

    def _make(self, value: Any, made: Any) -> Any:
        self.made[id(value)] = made
        return made

    def _list(self, value: Any) -> None:
        self._make(value, []).extend(map(self, value))

    def _deque(self, value: Any) -> None:
        self._make(value, deque(maxlen=value.maxlen)).extend(map(self, value))

    def _dict(self, value: Any) -> None:
        made = self._make(value, type(value)())
        made.update((self(key), self(held)) for key, held in value.items())

    def _set(self, value: Any) -> None:
        self._make(value, type(value)(map(self, value)))

    def _tuple(self, value: Any) -> None:
        self._make(value, tuple(map(self, value)))

    def _array(self, value: Any) -> None:
        self._make(value, copy.deepcopy(value))

    def _method(self, value: Any) -> None:
        self._make(value, types.MethodType(self(value.__func__), self(value.__self__)))

    def _partial(self, value: Any) -> None:
        made = functools.partial(self(value.func), *map(self, value.args), **self(value.keywords))
        self._make(value, made).__dict__.update(self(value.__dict__))

    def _cached(self, value: Any) -> None:
        """With a cache of its own."""
        self._make(value, functools.lru_cache(**value.cache_parameters())(self(value.__wrapped__)))

    def _function(self, value: Any) -> None:
        if in_library(value.__code__.co_filename):
            return
        names, cells = self._names(value.__globals__), value.__closure__ or ()
        new = [cell for cell in cells if id(cell) not in self.made]
        for cell in new:
            self.kept.append(cell)
            self.made[id(cell)] = types.CellType()
        closure = tuple(self.made[id(cell)] for cell in cells) or None
        made = self._make(value, types.FunctionType(value.__code__, names, value.__name__, None, closure))
        for cell in new:  # now that the function is there, which they may hold
            for held in content(cell):
                self.made[id(cell)].cell_contents = self(held)
        made.__defaults__, made.__kwdefaults__ = self(value.__defaults__), self(value.__kwdefaults__)
        made.__dict__.update(self(vars(value)))
        for name in spelled(value.__code__):
            if name in value.__globals__:
                names[name] = self(value.__globals__[name])

    def _names(self, names: dict[str, Any]) -> dict[str, Any]:
        """A module's variables, to be copied as they are named."""
        if id(names) not in self.made:
            self.kept.append(names)
            self.made[id(names)] = dict(names)
        made: dict[str, Any] = self.made[id(names)]
        return made

    def _other(self, value: Any) -> None:
        """An object of a class in Python that has all in its attributes; else as `copy.deepcopy` does it."""
        kind = type(value)
        native = next(base for base in kind.__mro__ if not in_python(base))
        if native is not object:
            self._make(value, copy.deepcopy(value))
            return
        made = self._make(value, object.__new__(kind))
        with suppress(AttributeError):
            object.__getattribute__(made, "__dict__").update(self(object.__getattribute__(value, "__dict__")))
        for base in kind.__mro__:
            for slot in vars(base).values():
                if isinstance(slot, types.MemberDescriptorType):
                    with suppress(AttributeError):
                        slot.__set__(made, self(slot.__get__(value)))


COPIES: dict[Any, Callable[[_Copier, Any], None]] = {
    list: _Copier._list,
    deque: _Copier._deque,
    dict: _Copier._dict,
    OrderedDict: _Copier._dict,
    set: _Copier._set,
    frozenset: _Copier._set,
    tuple: _Copier._tuple,
    np.ndarray: _Copier._array,
    types.MethodType: _Copier._method,
    functools.partial: _Copier._partial,
    functools._lru_cache_wrapper: _Copier._cached,
    types.FunctionType: _Copier._function,
}
