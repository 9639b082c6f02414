"""Reading numpy's .npz files from anywhere: what they declare is checked before memory is spent on it, and none is run.

An .npz file is a zip archive of .npy files. Read are those that numpy writes: arrays of float32 or float64, stored or
deflated, whose headers look as it writes them. Nothing else of the format is needed, so nothing else is evaluated.
"""

import math
import os
import re
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from zoo.errors import FileError
from zoo.files.tensors import HEADER_LIMIT, Shape, check_declared, open_file
from zoo.memory import most_bytes
from zoo.transformer.arrays import Array

DTYPES = ("<f4", "<f8")
START = 2**10  # bytes of an .npy file that hold its header: numpy pads it to 64 or 128 for up to 8 sizes
HEADER = re.compile(rb"\{'descr': '([^']{1,9})', 'fortran_order': (True|False), 'shape': \(([0-9, ]*)\), \} *\n")
END = struct.Struct("<4s4H2LH")  # of an archive without comment: signature, disks, entries, and the directory's size
FAULTS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, RuntimeError, OSError, ValueError, OverflowError)


@dataclass(frozen=True)
class Declared:
    """What an .npy file in an archive declares: its type, its shape, in which order, and where its numbers start."""

    member: zipfile.ZipInfo
    dtype: str
    shape: Shape
    fortran: bool
    start: int


def read_npz(path: Path, shapes: Mapping[str, Shape]) -> dict[str, Array]:
    """The arrays of a file that has exactly those of the names and shapes given.

    FileError where it has others, where one is not of float32 or float64, and where it is no such archive.
    """
    with _archive(path) as (archive, found):
        _check(path, found, shapes)
        with _readable(path):
            return {name: _array(path, archive, name, one) for name, one in found.items()}


def read_shapes(path: Path) -> dict[str, Shape]:
    """What the arrays of a file are called, and their shapes as they are declared."""
    with _archive(path) as (_, found):
        return {name: one.shape for name, one in found.items()}


@contextmanager
def _archive(path: Path) -> Iterator[tuple[zipfile.ZipFile, dict[str, Declared]]]:
    with open_file(path) as file:
        _check_end(path, file)
        with _readable(path):
            archive = zipfile.ZipFile(file)
            members = archive.infolist()
        if (total := sum(member.file_size for member in members)) > (most := most_bytes()):
            raise FileError(
                f"{path} declares {total} bytes of arrays, but should have at most {most}, "
                "an eighth of this machine's memory"
            )
        found: dict[str, Declared] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in found:
                raise FileError(f"{path} has {name[:100]!r} twice, but should have it once")
            with _readable(path):
                found[name] = _declared(path, archive, member)
        yield archive, found


def _check_end(path: Path, file: BinaryIO) -> None:
    """The archive's directory is read whole by whoever opens it: it must be small, as its end says without a doubt."""
    size = os.fstat(file.fileno()).st_size
    file.seek(max(0, size - END.size - 20))
    before, end = (tail := file.read())[: -END.size], tail[-END.size :]
    if len(end) < END.size or END.unpack(end)[0] != b"PK\5\6" or END.unpack(end)[-1]:
        raise FileError(f"{path} is no .npz file, but should be one as numpy writes it")
    if (directory := END.unpack(end)[5]) > HEADER_LIMIT or before.startswith(b"PK\6\7"):
        raise FileError(f"{path} has a directory of {directory} bytes, but should have at most {HEADER_LIMIT}")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except FileError:
        raise
    except FAULTS as error:
        raise FileError(f"{path} cannot be read: {' '.join(str(error).split())[:100]}") from None


def _declared(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Declared:
    where = f"{path}: {member.filename[:100]!r}"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or member.flag_bits & 1:
        raise FileError(f"{where} is encrypted or packed in another way, but should be stored or deflated")
    with archive.open(member) as file:
        start = file.read(min(START, member.file_size))
    version, sizes = start[6:8], {b"\1\0": 2, b"\2\0": 4, b"\3\0": 4}
    skip = 8 + sizes.get(version, 0)
    length = int.from_bytes(start[8:skip], "little")
    header = HEADER.fullmatch(start[skip : skip + length])
    if start[:6] != b"\x93NUMPY" or version not in sizes or skip + length > len(start) or header is None:
        raise FileError(f"{where} is no array, but should be one as numpy writes it")
    dtype, order, text = (group.decode("latin-1") for group in header.groups())
    if dtype not in DTYPES:
        raise FileError(f"{where} has dtype {dtype!r}, but should have one of {', '.join(DTYPES)}")
    words = [word.strip() for word in text.split(",") if word.strip()]
    if len(words) > 8 or not all(word.isdigit() and len(word) < 16 for word in words):
        raise FileError(f"{where} has shape ({text[:60]}), but should have at most 8 sizes below 10^15")
    shape = tuple(map(int, words))
    stated = math.prod(shape) * np.dtype(dtype).itemsize
    if (held := member.file_size - skip - length) != stated:
        raise FileError(f"{where} has {held} bytes, but should have {stated} by its shape")
    return Declared(member, dtype, shape, order == "True", skip + length)


def _check(path: Path, found: Mapping[str, Declared], shapes: Mapping[str, Shape]) -> None:
    check_declared(path, {name: one.shape for name, one in found.items()}, shapes)
    if len(types := sorted({one.dtype for one in found.values()})) > 1:
        raise FileError(f"{path} has arrays of {' and '.join(types)}, but should have one type")


def _array(path: Path, archive: zipfile.ZipFile, name: str, declared: Declared) -> Array:
    with archive.open(declared.member) as file:
        content = file.read(declared.member.file_size)  # no more is given, whatever is packed
        file.read(1)  # which compares the checksum
    array = np.frombuffer(content[declared.start :], declared.dtype)
    if array.size != math.prod(declared.shape):
        raise FileError(f"{path}: {name!r} ends before its {math.prod(declared.shape)} numbers, but should have them")
    return array.reshape(declared.shape, order="F" if declared.fortran else "C")
