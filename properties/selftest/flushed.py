"""Programs whose results are flushed to zero where they are below the normal numbers, as some libraries have it.

A library that was built for speed may switch that on for the whole process. What is assumed of the arithmetic allows
for it, and here the processor does it: bit 15 of x86-64's control register, which its additions, products, quotients
and roots obey. Arguments below the normal numbers are still what they are.
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
from weakref import WeakKeyDictionary

import numpy as np
import pytest

from zoo.transformer import Transformer, forward
from zoo.transformer.arrays import TYPES, Emulated

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


class Summed(Emulated):
    """An array whose products with others are the sums of products that they are written as.

    A library may multiply some of its arguments by 1 first. Where results are flushed it takes weights below the normal
    numbers for zero by that, whatever they are multiplied by then, which is not what is assumed.
    """

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        plain = [x.view(np.ndarray) if isinstance(x, Summed) else x for x in inputs]
        if ufunc is np.matmul:
            x, w = plain
            return (x[..., None] * w[..., None, :, :]).sum(axis=-2)
        return getattr(ufunc, method)(*plain, **options)


_summed: WeakKeyDictionary[Transformer, Transformer] = WeakKeyDictionary()


def summed(transformer: Transformer) -> Transformer:
    """The same transformer with such arrays."""
    if transformer not in _summed:
        arrays = transformer.named_arrays()
        _summed[transformer] = transformer.with_arrays({name: x.view(Summed) for name, x in arrays.items()})
    return _summed[transformer]


def with_programs_flushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """`forward` runs so wherever it is called from."""

    @wraps(forward)
    def flushing(transformer: Transformer, *arguments: Any, **options: Any) -> Any:
        if transformer.dtype not in TYPES:  # `Executed.wider`: numbers that the register does not matter for
            return forward(transformer, *arguments, **options)
        other = summed(transformer)
        with flushed():
            return forward(other, *arguments, **options)

    with flushed():  # or the test is skipped
        pass
    for name, module in list(sys.modules.items()):
        if name != __name__ and getattr(module, "__dict__", {}).get("forward") is forward:
            monkeypatch.setattr(module, "forward", flushing)
