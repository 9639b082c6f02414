"""Running what was distilled as machine code: a small assembler, the C compiler of this machine, counts and times.

x86-64 listings are those of `reference.assembly`: rax the address of the context, rcx its length, dl the answer. They
are executed directly on x86-64, elsewhere in an emulator (the `unicorn` package) where that is installed.
"""

import ctypes
import importlib
import importlib.util
import mmap
import os
import platform
import re
import signal
import struct
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

import numpy as np

from reference.assembly import Assembly, Instruction, parse
from zoo.c_library import find_compiler, opened, run
from zoo.errors import UnavailableError
from zoo.transformer.arrays import Array

FUNCTION = ctypes.CFUNCTYPE(ctypes.c_char, ctypes.c_char_p, ctypes.c_long)
CONDITIONS = {"je": 0x4, "jne": 0x5, "jbe": 0x6, "ja": 0x7}
# A call from C brings the context in rdi and its length in rsi, and wants the answer in eax.
ENTER, LEAVE = bytes.fromhex("4889f8 4889f1"), bytes.fromhex("0fb6c2 c3")
TIMING = """
#include <time.h>
double seconds(char (*answer)(const char *, long), const char *tokens, const long *lengths, long contexts, long rounds)
{
    struct timespec start, end;
    volatile char last;
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (long round = 0; round < rounds; round++) {
        const char *context = tokens;
        for (long i = 0; i < contexts; context += lengths[i++]) last = answer(context, lengths[i]);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    (void)last;
    return (end.tv_sec - start.tv_sec) + 1e-9 * (end.tv_nsec - start.tv_nsec);
}
"""


def assemble(listing: str) -> bytes:
    """The machine code of a listing, without a return. ValueError names what has no encoding here."""
    program, labels = parse(listing)
    for far in (False, True):  # jumps of one byte where they reach
        codes = [_encode(instruction, 0, far) for instruction in program]
        ends = np.cumsum([len(code) for code in codes]).tolist()
        starts = [0, *ends]
        distances = [
            starts[labels[instruction.operands[0]]] - end if instruction.operation[0] == "j" else 0
            for instruction, end in zip(program, ends)
        ]
        if far or all(-128 <= distance < 128 for distance in distances):
            return b"".join(_encode(one, distance, far) for one, distance in zip(program, distances))
    raise AssertionError("far jumps reach everywhere")


def _encode(instruction: Instruction, distance: int, far: bool) -> bytes:
    operation, operands = instruction.operation, instruction.operands
    if operation == "jmp":
        return b"\xe9" + struct.pack("<i", distance) if far else b"\xeb" + struct.pack("<b", distance)
    if operation in CONDITIONS:
        condition = CONDITIONS[operation]
        if far:
            return bytes([0x0F, 0x80 | condition]) + struct.pack("<i", distance)
        return bytes([0x70 | condition]) + struct.pack("<b", distance)
    if operation == "mov" and operands[0] == "dl":
        return bytes([0xB2, _number(operands[1])])
    if operation == "cmp" and operands[0] == "rcx":
        length = _number(operands[1])
        return b"\x48\x83\xf9" + bytes([length]) if length < 128 else b"\x48\x81\xf9" + struct.pack("<i", length)
    if operation == "cmp" and (back := re.fullmatch(r"\[rax\+rcx-(\d+)\]", operands[0])):
        at, value = -int(back[1]), bytes([_number(operands[1])])
        near = at >= -128
        return (b"\x80\x7c\x08" + struct.pack("<b", at) if near else b"\x80\xbc\x08" + struct.pack("<i", at)) + value
    raise ValueError(f"{operation} {','.join(operands)} should be one of the few instructions that are assembled here")


def _number(operand: str) -> int:
    return ord(operand[1:-1]) if operand.startswith("'") else int(operand)


class MachineCode:
    """A listing in executable memory, to be called from Python or C. UnavailableError where it cannot be executed."""

    def __init__(self, listing: str) -> None:
        if platform.machine() not in ("x86_64", "AMD64") or os.name != "posix":
            raise UnavailableError(
                f"the machine is {platform.machine()} {os.name}, but should be x86_64 posix to execute it"
            )
        code = ENTER + assemble(listing) + LEAVE
        try:
            self._memory = mmap.mmap(-1, len(code), prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        except OSError as error:
            raise UnavailableError(f"executable memory is refused ({error}), but should be granted") from error
        self._memory.write(code)
        self._keeps = ctypes.c_char.from_buffer(self._memory)  # the memory must not move
        self.function = FUNCTION(ctypes.addressof(self._keeps))

    def __call__(self, context: bytes) -> int:
        return ord(self.function(context, len(context)))


class Compiled:
    """A C function of a distilled program, and the loop that times any function of this form."""

    def __init__(self, source: str = "", name: str = "") -> None:
        compiler = find_compiler()
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "program.c").write_text(source + TIMING)
            command = [compiler, "-O2", "-shared", "-fPIC", "-o", f"{folder}/program.so", f"{folder}/program.c"]
            if failure := run(command):
                raise UnavailableError(f"{compiler} fails ({failure}), but should compile C to a library")
            self._library = opened(Path(folder) / "program.so", compiler, ["seconds", *([name] if name else [])])
        self._library.seconds.restype = ctypes.c_double
        self.function: Any = FUNCTION((name, self._library)) if name else None

    def __call__(self, context: bytes) -> int:
        return ord(self.function(context, len(context)))

    def seconds_per_call(self, function: Any, contexts: Sequence[bytes], least: float = 0.02) -> float:
        """Wall time of one call, called from C for each context in turn, until it takes so many seconds in all."""
        lengths: Array = np.array([len(context) for context in contexts], dtype=np.int_)
        tokens, rounds, taken = b"".join(contexts), 1, 0.0
        while taken < least:
            pointer = lengths.ctypes.data_as(ctypes.c_void_p)
            taken = self._library.seconds(
                function, tokens, pointer, ctypes.c_long(len(contexts)), ctypes.c_long(rounds)
            )
            rounds *= 2
        return taken / (rounds // 2) / len(contexts)


def executed(listing: str, contexts: Iterable[bytes], emulated: bool | None = None) -> list[tuple[int, int]]:
    """The answer and the number of executed instructions in each context, exact.

    Counted in the emulator; where that is not installed, or `emulated` is false, by the interpreter of `reference`.
    """
    if emulated is None:
        emulated = importlib.util.find_spec("unicorn") is not None
    if not emulated:
        machine = Assembly("listing", re.sub(r"'(.)'", lambda quoted: str(ord(quoted[1])), listing))
        return [(int(answer), count) for answer, count in (machine.run(list(context)) for context in contexts)]  # type: ignore[arg-type]
    emulator = Emulator(listing)
    return [emulator.run(context) for context in contexts]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Ctrl-C waits until it is done: a function that is called from C would print it, and go on."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler or current_thread() is not main_thread():
        yield  # it is somebody else's
        return
    came: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


class Emulator:
    """A listing in an emulated x86-64, on any machine; UnavailableError where unicorn is not installed."""

    def __init__(self, listing: str) -> None:
        try:
            unicorn = importlib.import_module("unicorn")
            self._registers = importlib.import_module("unicorn.x86_const")
        except ImportError as error:
            raise UnavailableError("unicorn is not installed, but should be to emulate x86-64") from error
        code, self._at, self._data, self._count = assemble(listing), 0x100000, 0x200000, 0
        self._end = self._at + len(code)
        self._machine: Any = unicorn.Uc(unicorn.UC_ARCH_X86, unicorn.UC_MODE_64)
        self._machine.mem_map(self._at, 0x10000)
        self._machine.mem_map(self._data, 0x10000)
        self._machine.mem_write(self._at, code + b"\x90")
        self._machine.hook_add(unicorn.UC_HOOK_CODE, self._executed, begin=self._at, end=self._end - 1)

    def _executed(self, *_: object) -> None:
        self._count += 1

    def run(self, context: bytes) -> tuple[int, int]:
        """The answer, and how many instructions were executed."""
        self._count = 0
        self._machine.mem_write(self._data, context)
        self._machine.reg_write(self._registers.UC_X86_REG_RAX, self._data)
        self._machine.reg_write(self._registers.UC_X86_REG_RCX, len(context))
        with undisturbed():
            self._machine.emu_start(self._at, self._end)
        return self._machine.reg_read(self._registers.UC_X86_REG_DL), self._count

    def __call__(self, context: bytes) -> int:
        return self.run(context)[0]


def machine(listing: str) -> "MachineCode | Emulator":
    """The listing executed directly where this machine can, else emulated; UnavailableError where neither can be."""
    try:
        return MachineCode(listing)
    except UnavailableError as error:
        try:
            return Emulator(listing)
        except UnavailableError as other:
            raise UnavailableError(f"{error}; {other}") from other
