"""What a subject is, as one number: the same here and on another machine, if it is the same there."""

import hashlib
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from fractions import Fraction
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from types import BuiltinFunctionType, CodeType, EllipsisType, FunctionType, MethodType
from typing import Any

import numpy as np

from zoo.errors import RuleError, shown
from zoo.registry import RAN
from zoo.shards.data import PROJECT
from zoo.shards.values import values

PLAIN = (type(None), bool, int, float, complex, str, bytes, EllipsisType, Fraction, range, np.generic)


def digest(subject: object, shared: Sequence[object] = (), kept: bool = False) -> str:
    """sha256 of all that a subject is made of; of a function, its name and the file that defines it.

    What is `shared` goes by its number. Where what follows from it is `kept`, functions go by all that they reach, too.
    RuleError for what could not be told from something else by that.
    """
    sha = hashlib.sha256()
    try:
        for part in _parts(subject, {id(one): i for i, one in enumerate(shared)}, kept):
            sha.update(part)
            sha.update(b"\0")
    except RecursionError as error:
        raise RuleError("what is asked holds itself, but should be plain data or functions") from error
    return sha.hexdigest()


def _parts(one: Any, shared: Mapping[int, int], kept: bool = False) -> Iterator[bytes | memoryview]:
    kind = type(one)
    if kept and _may_reach(one):
        yield from values(one)
    yield kind.__qualname__.encode()
    if id(one) in shared:
        yield f"shared {shared[id(one)]}".encode()
    elif isinstance(one, PLAIN):
        yield repr(one).encode()
    elif isinstance(one, np.ndarray) and not one.dtype.hasobject:
        yield f"{one.shape} {one.dtype.str}".encode()
        yield np.ascontiguousarray(one).reshape(-1).view(np.uint8).data  # not copied
    elif isinstance(one, Enum):
        yield one.name.encode()
    elif isinstance(one, (frozenset, set)):
        yield from sorted(digest(item, kept=kept).encode() for item in one)
    elif isinstance(one, (tuple, list)):
        yield str(len(one)).encode()
        for item in one:
            yield from _parts(item, shared, kept)
    elif isinstance(one, Mapping):
        for item in one.items():
            yield from _parts(item, shared, kept)
    elif isinstance(one, type | FunctionType | BuiltinFunctionType):
        yield f"{one.__qualname__} {source_digest(one)}".encode()
        yield from _of_code(getattr(one, "__code__", None), shared)
        for cell in getattr(one, "__closure__", None) or ():
            if isinstance(cell.cell_contents, PLAIN):  # which of several that one line makes
                yield repr(cell.cell_contents).encode()
    elif isinstance(one, MethodType):
        yield from _parts((one.__func__, one.__self__), shared, kept)
    elif isinstance(one, partial):
        yield from _parts((one.func, one.args, one.keywords), shared, kept)
    elif hasattr(one, "__wrapped__"):  # functools.cache, say
        yield from _parts(one.__wrapped__, shared, kept)
    elif hasattr(kind, "told_by"):  # it says itself what tells it from others
        yield from _parts(one.told_by, shared, kept)
    elif is_dataclass(one):
        yield from _of_class(kind)
        yield from _parts([getattr(one, field.name) for field in fields(one) if field.init], shared, kept)
    elif hasattr(one, "__dict__") and not inspect.ismodule(one):
        yield from _of_class(kind)
        yield from _parts(vars(one), shared, kept)
    else:
        raise RuleError(f"{shown(one)} is of a kind that cannot be sent, but should be plain data or a function")


def _may_reach(one: Any) -> bool:
    """Whether it is no plain data, nor the project's own, which goes by what it holds."""
    data = isinstance(one, (*PLAIN, np.ndarray, Enum, frozenset, set, tuple, list, Mapping))
    return callable(one) or not (data or type(one).__module__.startswith(PROJECT))


def _of_code(code: CodeType | None, shared: Mapping[int, int]) -> Iterator[bytes | memoryview]:
    """What a function does itself: its file may have changed since it was run."""
    if code is not None:
        yield code.co_code + " ".join((*code.co_names, *code.co_varnames)).encode()
        for constant in code.co_consts:
            yield from _of_code(constant, shared) if isinstance(constant, CodeType) else _parts(constant, shared)


def _of_class(kind: type) -> Iterator[bytes]:
    """The project's own are told apart by `versions`."""
    if not kind.__module__.startswith(PROJECT):
        yield source_digest(kind).encode()


def source_digest(one: Any) -> str:
    """sha256 of the file that defines a function or class; empty for what is built in.

    Of a file that the registry ran, as it was then, and with those beside it that it imported.
    """
    if (ran := _space(one).get(RAN)) is not None:
        return digest(sorted(ran.items()))
    path = source_file(one)
    return "" if path is None else _of_file(path, path.stat().st_mtime_ns)


def source_file(one: Any) -> Path | None:
    """The file that defines a function or class, where there is one."""
    file = _space(one).get("__file__")
    path = None if file is None else Path(file)
    return path.resolve() if path is not None and path.is_file() else None


def _space(one: Any) -> Mapping[str, Any]:
    """The names of the module that defines a function or class; a file beside one that is run is no module any more."""
    if not isinstance(one, type):
        return getattr(inspect.unwrap(one), "__globals__", {})
    if one.__module__ in sys.modules:
        return vars(sys.modules[one.__module__])
    return next((its.__globals__ for its in vars(one).values() if isinstance(its, FunctionType)), {})


@cache
def _of_file(path: Path, changed: int) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@cache
def versions() -> dict[str, str]:
    """Of what results depend on: the project's version and source, numpy's version, Python's."""
    sha = hashlib.sha256()
    root = Path(__file__).parents[2]
    for folder in ("reference", "zoo", "properties"):
        for path in sorted((root / folder).rglob("*.[pc]*")):
            if path.suffix in (".py", ".c") and "selftest" not in path.parts:
                sha.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    project = f"{metadata.version('handmade-zoo')} (source {sha.hexdigest()[:8]})"
    python = ".".join(map(str, sys.version_info[:2]))
    return {"handmade-zoo": project, "numpy": np.__version__, "Python": python}
