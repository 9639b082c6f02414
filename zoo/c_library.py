"""C compiled on this machine: where the compiler is, and libraries that are kept from one run to the next.

A library is kept under the user's cache, outside of any checkout, by a digest of all that it is made from: the source,
how it is compiled, the compiler, the kind of machine and of processor. So what was compiled elsewhere is not used. Its
name also has a digest of what is in it, so that neither half of a file nor a damaged one is loaded.
"""

import ctypes
import hashlib
import itertools
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path

from zoo.errors import UnavailableError

# The result does not depend on the processor: products are rounded before they are added. The other two options only
# do without errno and the flags of exceptions.
OPTIONS = ("-O3", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-shared", "-fPIC")
NATIVE = ("-march=native",)  # left out where the compiler does not know it
SECONDS = 30  # that a compiler may take


def find_compiler() -> str:
    """$CC, or cc, gcc or clang on the path; UnavailableError where there is none."""
    for name in (os.environ.get("CC"), "cc", "gcc", "clang"):
        if name and (found := shutil.which(name)):
            return found
    raise UnavailableError("no C compiler is found, but cc, gcc or clang should be on the path, or named by CC")


def library(source: str, functions: Iterable[str] = ()) -> ctypes.CDLL:
    """The library made from C, compiled or kept since it was; UnavailableError where that cannot be.

    Or where it has not all of the functions that are named.
    """
    compiler = find_compiler()
    try:
        key = _key(source, compiler)
        folder = _folder()
        with tempfile.TemporaryDirectory() as elsewhere:
            kept = _kept(folder, key) if folder else None
            return opened(kept or _compile(source, compiler, folder or Path(elsewhere), key), compiler, functions)
    except OSError as error:
        raise UnavailableError(f"{compiler} is not used ({error}), but should be able to write a library") from error


def opened(path: Path, compiler: str, functions: Iterable[str]) -> ctypes.CDLL:
    """A library that was compiled; UnavailableError where it is none, or has not these functions."""
    try:
        own = ctypes.CDLL(str(path))
        for function in functions:
            getattr(own, function)
    except (OSError, AttributeError) as error:
        raise UnavailableError(f"what {compiler} made is not used ({error}), but should be a library") from error
    return own


def _key(source: str, compiler: str) -> str:
    made_by = os.stat(os.path.realpath(compiler))
    parts = [source, OPTIONS, NATIVE, os.path.realpath(compiler), made_by.st_size, made_by.st_mtime_ns, *_machine()]
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def _machine() -> list[str]:
    """What `-march=native` may look at: the features of the processor, where the system lists them, else its name."""
    own = [platform.system(), platform.machine(), *platform.libc_ver()]
    try:
        with open("/proc/cpuinfo") as file:
            first = itertools.takewhile(str.strip, file)  # of the processors: a paragraph each
            return own + [line for line in first if line.startswith(("flags", "Features", "model", "CPU"))]
    except OSError:
        return [*own, platform.processor(), platform.node()]


def _folder() -> Path | None:
    """Where libraries are kept; None where that cannot be written to, or others than the user can."""
    own = os.environ.get("XDG_CACHE_HOME", "")
    try:
        folder = Path(own if os.path.isabs(own) else "~/.cache").expanduser() / "handmade-zoo"  # others are invalid
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.stat()
    except (OSError, RuntimeError):  # RuntimeError: there is no home
        return None
    is_own = not hasattr(os, "getuid") or (about.st_uid == os.getuid() and not about.st_mode & 0o022)
    return folder if is_own and os.access(folder, os.W_OK) else None


def _kept(folder: Path, key: str) -> Path | None:
    for path in sorted(folder.glob(f"{key}-*.so")):
        try:
            if path.name == _name(key, path.read_bytes()):
                return path
        except OSError:
            continue
    return None


def _name(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()}.so"


def _compile(source: str, compiler: str, folder: Path, key: str) -> Path:
    """Compiled in a folder of its own and moved when it is whole."""
    with tempfile.TemporaryDirectory(dir=folder) as workshop:
        program, made = Path(workshop, "program.c"), Path(workshop, "program.so")
        program.write_text(source)
        for options in ((*OPTIONS, *NATIVE), OPTIONS):
            failure = run([compiler, *options, "-o", str(made), str(program), "-lm"])
            if not failure and made.is_file():
                return made.replace(folder / _name(key, made.read_bytes()))
    failure = failure or "it makes no file"
    raise UnavailableError(f"{compiler} fails ({failure}), but should compile C to a library")


def run(command: list[str]) -> str:
    """What went wrong, in a line, whatever its encoding is; nothing where nothing did."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, errors="replace", timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    said = " ".join("".join(one if one.isprintable() else " " for one in done.stderr).split())
    return said[-200:] or f"status {done.returncode}" if done.returncode else ""
