"""Programs whose results are flushed to zero where they are below the normal numbers, as some libraries have it.

A library that was built for speed may switch that on for the whole process. What is assumed of the arithmetic allows
for it, and here the processor does it: bit 15 of x86-64's control register, which its additions, products, quotients,
roots and comparisons obey. Inputs below the normal numbers are still taken for what they are.
"""

import ctypes
import mmap
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

import pytest

from zoo.transformer import forward

FLUSH = 1 << 15
LOAD, STORE = bytes.fromhex("0fae17 c3"), bytes.fromhex("0fae1f c3")  # ldmxcsr [rdi]; stmxcsr [rdi]; each with ret


@cache
def _function(code: bytes) -> Callable[[int], None]:
    """Of one address, out of machine code."""
    if platform.machine() not in ("x86_64", "AMD64") or os.name != "posix":
        pytest.skip(f"the machine is {platform.machine()} {os.name}, but should be x86_64 posix to flush results")
    try:
        memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    except OSError as error:
        pytest.skip(f"executable memory is refused ({error}), but should be granted")
    memory.write(code)
    keeps = ctypes.c_char.from_buffer(memory)  # the memory must not move
    call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(keeps))

    def function(address: int, _: Any = keeps) -> None:
        call(address)

    return function


@contextmanager
def flushed() -> Iterator[None]:
    """Results below the normal numbers become zero, in this thread. Skips the test where that cannot be switched on."""
    load, store = _function(LOAD), _function(STORE)
    before = ctypes.c_uint32()
    store(ctypes.addressof(before))
    load(ctypes.addressof(ctypes.c_uint32(before.value | FLUSH)))
    try:
        yield
    finally:
        load(ctypes.addressof(before))


def with_programs_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`forward` runs so wherever it is called from."""

    @wraps(forward)
    def flushing(*arguments: Any, **options: Any) -> Any:
        with flushed():
            return forward(*arguments, **options)

    with flushed():  # or the test is skipped
        pass
    for name, module in list(sys.modules.items()):
        if name != __name__ and getattr(module, "__dict__", {}).get("forward") is forward:
            monkeypatch.setattr(module, "forward", flushing)
