"""How data is written, and read again where the file may be a stranger's: then as data, and as nothing else.

What is read names constructors, which are called: those of the project's own dataclasses, named tuples and enumerations
that construct and do no more, and a few of Python's. What a file gets of them is neither class nor function, so that
nothing can be written into it, and what it calls can be nothing but one of these.
"""

import io
import pickle
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any

import numpy as np

from zoo.errors import ModelError

PROJECT = ("zoo.", "properties.", "reference.")
RESULTS = ("zoo.", "properties.")  # where what shards settle is defined
PLAIN = (complex, range, slice, Counter)
NUMBERS = re.compile("[<>|=]?[biufcSU][0-9]+")  # dtypes of arrays that hold no objects


def reduced(one: Any) -> Any:
    """How a piece of data is written: what constructs it, and from what. NotImplemented where pickle knows better."""
    kind: Any = type(one)
    if kind is np.ndarray and NUMBERS.fullmatch(one.dtype.str):
        order = "C" if one.flags.c_contiguous or not one.flags.f_contiguous else "F"
        content = one.tobytes(order)
        return _array, (bytearray(content) if one.flags.writeable else content, one.dtype.str, one.shape, order)
    if issubclass(kind, np.generic) and NUMBERS.fullmatch(one.dtype.str):
        return _scalar, (one.tobytes(), one.dtype.str)
    if issubclass(kind, Enum):
        return kind, (one.value,)
    if issubclass(kind, tuple) and "_fields" in vars(kind):
        return kind, tuple(one)
    stated = _stated(kind)
    if stated is None:
        return NotImplemented
    values = tuple([getattr(one, name) for name in stated])  # nothing cached
    return (kind, values) if kind.__match_args__ == stated else (_made, (kind, stated, values))


@cache
def _stated(kind: Any) -> tuple[str, ...] | None:
    """What a dataclass of the project is made of; None of what is none, or says itself what it is made of."""
    if not (is_dataclass(kind) and kind.__module__.startswith(PROJECT)) or "__reduce__" in vars(kind):
        return None
    return tuple(field.name for field in fields(kind) if field.init)


def _made(kind: Callable[..., Any], stated: Sequence[str], values: Sequence[Any]) -> Any:
    """A dataclass of the project that is told by name what it is made of."""
    if not (isinstance(kind, Constructor) or _stated(kind) is not None):
        raise ModelError(f"a {kind!r} was sent, but should be data of the project")
    return kind(**dict(zip(stated, values)))


def _array(content: bytes | bytearray, dtype: str, shape: tuple[int, ...], order: Any) -> Any:
    if not NUMBERS.fullmatch(dtype):
        raise ModelError(f"an array of {dtype} was sent, but should be of numbers or texts")
    return np.ndarray(shape, dtype, content, order=order)


def _scalar(content: bytes, dtype: str) -> Any:
    return _array(content, dtype, (), "C")[()]


@dataclass(frozen=True)
class Constructor:
    """In place of a class or a function that a stranger's file names: it can be called, and nothing else."""

    __slots__ = ("of",)
    of: Callable[..., Any]

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self.of(*given, **named)


@cache
def constructor(module: str, name: str) -> Constructor:
    """ModelError for what is not among what the results of shards are made of."""
    plain = next((kind for kind in PLAIN if (kind.__module__, kind.__qualname__) == (module, name)), None)
    own = next((one for one in (_made, _array, _scalar) if (one.__module__, one.__name__) == (module, name)), None)
    known = plain or own
    if known is None and module.startswith(RESULTS) and module in sys.modules:  # nothing is imported for a file
        found = vars(sys.modules[module]).get(name)
        known = found if _constructs(found, module, name) else None
    if known is None:
        raise ModelError(f"what was kept names {module}.{name}, but should be of what shards settle")
    return Constructor(known)


def _constructs(kind: Any, module: str, name: str) -> bool:
    """Whether a class is the project's own, and one of data that is constructed from what it holds, and is no more."""
    if not isinstance(kind, type) or (kind.__module__, kind.__qualname__) != (module, name):
        return False
    own = [base for base in kind.__mro__ if base.__module__.startswith(PROJECT)]
    if any(not {"__call__", "__post_init__", "__setstate__"}.isdisjoint(vars(base)) for base in own):
        return False
    if issubclass(kind, Enum):
        return True
    if issubclass(kind, tuple):
        return "_fields" in vars(kind)
    params = vars(kind).get("__dataclass_params__")
    return params is not None and params.init


class Unpickler(pickle.Unpickler):
    """Of what both sides have, its number."""

    def __init__(self, file: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(file)
        self.shared = shared

    def persistent_load(self, number: int) -> object:
        return self.shared[number]


class SafeUnpickler(Unpickler):
    """Of what a file says: only the project's own data and arrays, nothing that would run."""

    def find_class(self, module: str, name: str) -> Any:
        return constructor(module, name)
