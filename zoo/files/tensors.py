"""Reading JSON and safetensors files from anywhere: what they declare is checked before memory is spent on it."""

import json
import math
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from zoo.errors import FileError
from zoo.memory import most_bytes
from zoo.transformer.arrays import Array

Shape = tuple[int, ...]
JSON_LIMIT = 2**24  # bytes of a JSON file; the vocabulary of GPT-2 has about 2^20
HEADER_LIMIT = 2**20  # bytes of a safetensors header; that of the largest GPT-2 has about 2^16
DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2"}
MASKS = {"BOOL": "|u1", "U8": "|u1"}  # of arrays that may be there, and are not read


@dataclass(frozen=True)
class Entry:
    """What a header declares of one array: its type, its shape, and where its bytes start in the file."""

    dtype: str
    shape: Shape
    start: int

    @property
    def size(self) -> int:
        """In bytes."""
        return math.prod(self.shape) * np.dtype((DTYPES | MASKS)[self.dtype]).itemsize


def open_file(path: Path) -> BinaryIO:
    """A regular file, opened for reading: no link that may lead elsewhere, no pipe that may never end."""
    if path.is_symlink():
        raise FileError(f"{path} is a symbolic link, but should be a file")
    try:
        file = os.fdopen(os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)), "rb")
    except FileNotFoundError:
        raise FileError(f"{path} is missing, but should be a file") from None
    except OSError as error:
        raise FileError(f"{path} cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise FileError(f"{path} is no regular file, but should be one")
    return file


def read_json(path: Path) -> dict[str, Any]:
    """The object that a JSON file holds; FileError where it is too large, or anything else."""
    with open_file(path) as file:
        if (size := os.fstat(file.fileno()).st_size) > JSON_LIMIT:
            raise FileError(f"{path} has {size} bytes, but should have at most {JSON_LIMIT}")
        return parse_json(str(path), file.read(size))


def parse_json(where: str, text: bytes) -> dict[str, Any]:
    def refuse(value: str) -> None:
        raise ValueError(f"{value} is no number of JSON")

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(result := dict(pairs)) != len(pairs):
            raise ValueError("a key is there twice")
        return result

    try:
        result = json.loads(text.decode(), parse_constant=refuse, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        raise FileError(f"{where} is no JSON: {str(error)[:100]}") from None
    if not isinstance(result, dict):
        raise FileError(f"{where} is a {type(result).__name__} in JSON, but should be an object")
    return result


WORDS: dict[type, str] = {int: "a whole number", float: "a finite number", str: "a string", bool: "true or false"}
WORDS |= {list: "a list", dict: "an object", type(None): "null"}


def field(where: str, fields: Mapping[str, Any], name: str, *kinds: type, default: Any = ...) -> Any:
    """A value of a JSON object, of one of those kinds.

    FileError where it is missing and has no default, or is of another kind. A whole number is a float too.
    """
    if name not in fields and default is not ...:
        return default
    should = " or ".join(WORDS[kind] for kind in kinds)
    if name not in fields:
        raise FileError(f"{where}: {name} is missing, but should be {should}")
    value = fields[name]
    if float in kinds and type(value) is int and abs(value) < 2**1023:
        return value
    if type(value) not in kinds or (isinstance(value, float) and not math.isfinite(value)):
        raise FileError(f"{where}: {name} is {repr(value)[:60]}, but should be {should}")
    return value


def read_header(path: Path) -> dict[str, Entry]:
    """What a safetensors file declares, checked against its length; nothing else of it is read."""
    with open_file(path) as file:
        return parse_header(path, file)


def parse_header(path: Path, file: BinaryIO) -> dict[str, Entry]:
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or not 2 <= length <= min(HEADER_LIMIT, size - 8):
        raise FileError(
            f"{path} declares a header of {length} bytes, but should have one of 2 to {HEADER_LIMIT} that it holds"
        )
    declared = parse_json(f"the header of {path}", file.read(length))
    declared.pop("__metadata__", None)
    entries = {name: _entry(f"{path}: {name[:100]!r}", value, 8 + length) for name, value in declared.items()}
    end = 8 + length
    for entry in sorted(entries.values(), key=lambda entry: (entry.start, entry.size)):
        if entry.start != end:
            raise FileError(f"{path} has an array at byte {entry.start}, but should have it at {end}, after the last")
        end += entry.size
    if end - 8 - length > (most := most_bytes()):
        raise FileError(
            f"{path} declares {end - 8 - length} bytes of arrays, but should have at most {most}, "
            "an eighth of this machine's memory"
        )
    if end != size:
        raise FileError(f"{path} has {size} bytes, but should have the {end} that its header declares")
    return entries


def _entry(where: str, value: Any, data: int) -> Entry:
    if not isinstance(value, dict):
        raise FileError(f"{where} is {repr(value)[:60]}, but should be an object")
    dtype = field(where, value, "dtype", str)
    if dtype not in DTYPES | MASKS:
        raise FileError(f"{where} has dtype {dtype[:60]}, but should have one of {', '.join(DTYPES)}")
    shape, offsets = field(where, value, "shape", list), field(where, value, "data_offsets", list)
    if not all(type(n) is int and 0 <= n < 2**48 for n in (*shape, *offsets)) or len(offsets) != 2 or len(shape) > 8:
        raise FileError(
            f"{where} has shape {str(shape)[:60]} at {str(offsets)[:60]}, but should have sizes and 2 places"
        )
    entry = Entry(dtype, tuple(shape), data + offsets[0])
    if offsets[1] - offsets[0] != entry.size:
        raise FileError(f"{where} has {offsets[1] - offsets[0]} bytes, but should have {entry.size} by its shape")
    return entry


def check_declared(path: Path, held: Mapping[str, Shape], shapes: Mapping[str, Shape]) -> None:
    """FileError unless what a file holds are exactly the arrays that its configuration asks for."""
    for name, shape in shapes.items():
        if name not in held:
            raise FileError(f"{path} has no array {name!r}, but should have it by its configuration")
        if held[name] != shape:
            raise FileError(
                f"{path}: {name!r} has shape {list(held[name])}, but should have {list(shape)} by its configuration"
            )
    if strange := sorted(held.keys() - shapes.keys()):
        raise FileError(f"{path} has an array {strange[0][:100]!r}, but should have none of that name")


def check_shapes(path: Path, entries: Mapping[str, Entry], shapes: Mapping[str, Shape]) -> None:
    """The same of entries, which must be of types that are read."""
    check_declared(path, {name: entry.shape for name, entry in entries.items()}, shapes)
    for name, entry in entries.items():
        if entry.dtype not in DTYPES:
            raise FileError(f"{path}: {name!r} has dtype {entry.dtype}, but should have one of {', '.join(DTYPES)}")


def to_bfloat16(array: Array) -> Array:
    """float32 rounded to the nearest bfloat16, ties to even, and kept as float32. What is not finite stays as it is."""
    bits = np.ascontiguousarray(array, dtype=np.float32).view(np.uint32)
    nearest = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
    result: Array = np.where(np.isfinite(array), nearest.view(np.float32), array)
    return result


def read_arrays(path: Path, entries: Mapping[str, Entry]) -> dict[str, Array]:
    """The arrays of a file whose header was checked; bfloat16 and float16 as float32, which holds them exactly."""
    result: dict[str, Array] = {}
    with open_file(path) as file:
        if not entries.items() <= parse_header(path, file).items():
            raise FileError(f"{path} has changed while it was read, but should stay")
        for name, entry in entries.items():
            file.seek(entry.start)
            array = np.frombuffer(file.read(entry.size), DTYPES[entry.dtype])
            if array.size != math.prod(entry.shape):
                raise FileError(f"{path} has changed while it was read, but should stay")
            if entry.dtype == "BF16":  # the upper half of a float32
                array = (array.astype("<u4") << 16).view("<f4")
            elif entry.dtype == "F16":
                array = array.astype("<f4")
            result[name] = array.reshape(entry.shape)
    return result
