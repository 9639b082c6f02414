"""What answers what it is given, and nothing else, of Python, numpy and the project; and what has no more than a value.

What reads files, the environment or the clock is not in here, nor what reaches variables that no code spells.
"""

import functools
import re
import sys
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from zoo.rule.harmless import EXACT, HARMLESS, in_python
from zoo.shards.data import PROJECT

PLAIN = {type(None), bool, int, float, complex, str, bytes, bytearray, Fraction, range, type(...)}
PLAIN |= {type(NotImplemented), types.GenericAlias, types.UnionType}
OWNERS = {*PLAIN, *EXACT, np.ndarray, re.Pattern, object}  # of methods in C that answer what they are given
METHODS = (types.FunctionType, staticmethod, classmethod, property, functools.cached_property)
CONSTRUCTORS = {"__init__", "__new__", "__post_init__"}
# Besides those that are harmless, what answers what it is given.
PURE = {"abc", "collections", "collections.abc", "copy", "dataclasses", "enum", "fractions", "numbers", "statistics"}
PURE |= {"string", "textwrap", "types", "typing", "cmath", "_collections_abc"}
FINE = {id(one) for one in (sum, print, object, type, super, property, staticmethod, classmethod, functools.wraps)}
NUMPY = {"numpy", "numpy.linalg", "numpy.fft"}
READING = {"load", "loadtxt", "genfromtxt", "fromfile", "memmap", "fromregex", "datetime64", "frompyfunc", "getbufsize"}
READING |= {"geterr", "geterrcall", "geterrobj", "empty", "empty_like"}
# Of ours, what finds models by files; what else there is depends on the versions alone.
FILES = ("zoo.registry", "zoo.files", "zoo.c_library", "properties.command")
# With these, code reaches what it does not spell.
DYNAMIC = {"__dict__", "__globals__", "__builtins__", "__subclasses__", "__closure__", "__code__", "__annotations__"}
DYNAMIC |= {"__getattribute__", "__loader__", "__spec__", "__import__", "f_globals", "f_locals", "f_builtins"}
# Of a class, what Python itself keeps in it.
INTERNAL = {"_abc_impl", "_member_map_", "_value2member_map_", "_member_names_", "_unhashable_values_", "__dict__"}
INTERNAL |= {"__dataclass_fields__", "__dataclass_params__", "__weakref__", "__slotnames__"}
INTERNAL |= {"__annotations__", "__firstlineno__", "__static_attributes__", "__abstractmethods__", "__orig_bases__"}
INTERNAL |= {"__parameters__", "__annotate__", "__annotations_cache__", "_hashable_values_", "_unhashable_values_map_"}


def plain(value: Any) -> bytes | None:
    """A value that holds no other, or only such, as a word that is the same in every process; else None."""
    kind: Any = type(value)
    if kind in PLAIN:
        return f" {kind.__name__} {value!r}".encode(errors="surrogatepass")
    if isinstance(value, np.generic) and not value.dtype.hasobject and kind.__module__ == "numpy":
        return f" {value.dtype.str} {value.tobytes().hex()}".encode()
    if kind in (tuple, frozenset):
        texts = [plain(item) for item in value]
        if None not in texts:
            known = [text for text in texts if text is not None]
            ordered = known if kind is tuple else sorted(known)
            return f" {kind.__name__} {len(ordered)}(".encode() + b",".join(ordered) + b")"
    return None


def is_known(value: Any) -> bool:
    """What is the same with every Python, or numpy, of a version, and answers what it is given."""
    ufunc = isinstance(value, np.ufunc) and getattr(np, value.__name__, None) is value  # none of a Python function
    return id(value) in HARMLESS or id(value) in FINE or ufunc


def is_of_numpy(value: Any) -> bool:
    """A function in C, of those that answer what they are given."""
    of = value if type(value) is types.BuiltinFunctionType else type(value)
    return of.__module__ == "numpy" and callable(value) and not in_python(type(value)) and is_pure(value)


def is_pure(value: Any) -> bool:
    module = str(getattr(value, "__module__", None))
    if module in PURE or is_known(value):
        return True
    if module.partition(".")[0] == "numpy":
        return value.__name__ not in READING
    return is_ours(module) and not module.startswith(FILES)


def is_ours(module: str) -> bool:
    """Of what `versions` are told apart by."""
    return module.startswith(PROJECT) and not module.startswith(("properties.selftest.", "properties.test_"))


def file_of(kind: type) -> str:
    return getattr(sys.modules.get(kind.__module__), "__file__", None) or ""


def name_of(value: Any) -> str:
    return f"{getattr(value, '__module__', None)}.{getattr(value, '__qualname__', type(value).__name__)}"


def parts(function: types.FunctionType) -> list[Any]:
    """What a function is besides its code and closure."""
    told = [function.__qualname__, function.__name__, function.__module__, function.__doc__]
    return [*told, function.__defaults__, function.__kwdefaults__]


def of_code(code: types.CodeType, ref: Callable[[Any], bytes]) -> Iterator[bytes]:
    """What code does."""
    yield code.co_code + code.co_exceptiontable
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars, code.co_flags)).encode()
    yield repr((code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)).encode()
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from of_code(constant, ref)
        else:
            yield ref(constant)
