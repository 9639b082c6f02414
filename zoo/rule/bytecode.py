"""What a function's compiled code does: the names that it spells, and what its operators and calls are handed.

It is read in the order in which it stands, and what depends on a jump counts as unknown.
"""

import dis
from collections.abc import Callable, Iterator, Mapping
from types import CodeType
from typing import Any

Instruction = dis.Instruction
GLOBAL = {"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"}
STORED = {"STORE_GLOBAL", "STORE_NAME", "DELETE_GLOBAL", "DELETE_NAME"}
INTEGERS = {len, ord, hash, int}  # what these answer is a number, and no text to be formatted
JUMPS = {*dis.hasjrel, *dis.hasjabs}


def inside(code: CodeType, cells: Mapping[str, Any], value_of: Callable[[str], Any]) -> Iterator["Code"]:
    """Code, and that of the functions which are defined within it. `cells` are the values of its free variables."""
    yield Code(code, cells, value_of)
    free = {name: value for name, value in cells.items() if name not in code.co_cellvars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from inside(constant, free, value_of)


class Code:
    """One piece of code. `value_of` finds what a global name stands for."""

    def __init__(self, code: CodeType, cells: Mapping[str, Any], value_of: Callable[[str], Any]) -> None:
        self.code, self.cells, self.value_of = code, cells, value_of
        self.instructions = list(dis.get_instructions(code))
        self.strings = set(_strings(code.co_consts))
        self.constants = [constant for constant in code.co_consts if not isinstance(constant, CodeType)]
        self.globals: list[tuple[str, int]] = []
        self.attributes: list[tuple[str, int]] = []
        for at, instruction in enumerate(self.instructions):
            if instruction.opname in GLOBAL and not instruction.argval.startswith("@"):  # which pytest adds
                self.globals.append((instruction.argval, at))
            elif instruction.opcode in dis.hasname and instruction.opname not in GLOBAL | STORED:
                self.attributes.append((instruction.argval, at))

    def suspicious(self, at: int) -> str:
        """What an instruction does that is not the same for all that behaves alike, or ""."""
        instruction = self.instructions[at]
        if instruction.opname.startswith("IMPORT"):
            return f"import {instruction.argval}".strip()
        if instruction.opname == "LOAD_BUILD_CLASS":
            return "class"
        if instruction.opname == "IS_OP" and not self._beside_a_singleton(at):
            return "is"
        if instruction.opname == "BINARY_OP" and instruction.argrepr in ("%", "%=") and not self._a_remainder(at):
            return "%"
        return ""

    def constant_before(self, at: int) -> Any:
        """The constant that an instruction takes; None where it takes none."""
        before = self.instructions[at - 1] if at else None
        fine = before is not None and before.opname == "LOAD_CONST" and not self.instructions[at].is_jump_target
        return before.argval if before is not None and fine else None

    def called_with_one(self, at: int) -> bool:
        """Whether what an instruction loads is called at once, with one argument."""
        return self._call_of(at) is not None and self.instructions[self._call_of(at) or 0].arg == 1

    def _beside_a_singleton(self, at: int) -> bool:
        before = self.instructions[at - 1]
        singleton = before.opname == "LOAD_CONST" and any(before.argval is one for one in (None, True, False))
        return singleton and not self.instructions[at].is_jump_target

    def _a_remainder(self, at: int) -> bool:
        """Whether "%" is that of numbers, or formats what is no context: a tuple that is made here."""
        if self.instructions[at].is_jump_target:
            return False
        right = self._start(at - 1)
        if right is None:
            return False
        made = self.instructions[at - 1].opname in ("BUILD_TUPLE", "BUILD_STRING", "FORMAT_VALUE", "FORMAT_SIMPLE")
        return made or self._is_number(at - 1) or self._is_number(right - 1)

    def _is_number(self, end: int, depth: int = 0) -> bool:
        """Whether the operand whose code ends here is surely a number."""
        start = self._start(end)
        if start is None or depth > 9:
            return False
        first, last = self.instructions[start], self.instructions[end]
        if start == end:
            return self._loads_number(first, depth)
        if last.opname == "CALL" and first.opname in GLOBAL:
            called = self.value_of(first.argval)
            return any(called is function for function in INTEGERS) and self._call_of(start) == end
        if last.opname == "BINARY_OP":
            right = self._start(end - 1)
            return right is not None and self._is_number(end - 1, depth + 1) and self._is_number(right - 1, depth + 1)
        return last.opname == "UNARY_NEGATIVE" and self._is_number(end - 1, depth + 1)

    def _loads_number(self, load: Instruction, depth: int) -> bool:
        if load.opname == "LOAD_CONST":
            return type(load.argval) in (int, float)
        if load.opname in GLOBAL:
            return type(self.value_of(load.argval)) in (int, float)
        if load.opname in ("LOAD_DEREF", "LOAD_CLASSDEREF"):
            return type(self.cells.get(load.argval)) in (int, float)
        if load.opname != "LOAD_FAST" or load.argval in self.code.co_varnames[: self._arguments]:
            return False
        using = [i for i, one in enumerate(self.instructions) if _mentions(one, load.argval)]
        stores = [i for i in using if self.instructions[i].opname == "STORE_FAST"]
        plain = all(self.instructions[i].opname in ("LOAD_FAST", "STORE_FAST") for i in using)
        return plain and all(self._stores_number(i, depth + 1) for i in stores)

    def _stores_number(self, at: int, depth: int) -> bool:
        """Whether what is stored here counts a loop, over a range or an enumeration, or is a number otherwise."""
        before = self.instructions[at - 1]
        if before.opname == "FOR_ITER":
            return self._loops_over(at - 1, range)
        if before.opname == "UNPACK_SEQUENCE" and self.instructions[at - 2].opname == "FOR_ITER":
            return self._loops_over(at - 2, enumerate)
        return not self.instructions[at].is_jump_target and self._is_number(at - 1, depth)

    def _loops_over(self, at: int, what: object) -> bool:
        if at < 2 or self.instructions[at - 1].opname != "GET_ITER":
            return False
        start = self._start(at - 2)
        first = None if start is None else self.instructions[start]
        if start is None or first is None or first.opname not in GLOBAL:
            return False
        return self.value_of(first.argval) is what and self._call_of(start) == at - 2

    @property
    def _arguments(self) -> int:
        code = self.code
        stars = bool(code.co_flags & 0x04) + bool(code.co_flags & 0x08)
        return code.co_argcount + code.co_kwonlyargcount + stars

    def _start(self, end: int) -> int | None:
        """Where the code begins that puts the uppermost operand onto the stack; None where it jumps."""
        height = 0
        for at in range(end, -1, -1):
            instruction = self.instructions[at]
            if instruction.opcode in JUMPS or height > 1:
                return None
            height += _effect(instruction)
            if height == 1:
                return at
            if instruction.is_jump_target:
                return None
        return None

    def _call_of(self, at: int) -> int | None:
        """The call, with positional and named arguments, of what is loaded here to be called; None where it jumps."""
        load = self.instructions[at]
        if load.opname != "LOAD_GLOBAL" or not (load.arg or 0) & 1:
            return None
        height = 0
        for i in range(at + 1, len(self.instructions)):
            instruction = self.instructions[i]
            if instruction.opcode in JUMPS or instruction.is_jump_target or height < 0:
                return None
            taken = instruction.arg if self.instructions[i - 1].opname != "PRECALL" else 0  # of Python 3.11
            if instruction.opname == "CALL" and height == taken:
                return i
            height += _effect(instruction)
        return None


def _mentions(instruction: Instruction, name: str) -> bool:
    """Python 3.13 loads and stores two variables at a time."""
    value = instruction.argval
    return instruction.opcode in dis.haslocal and (value == name or (isinstance(value, tuple) and name in value))


def _effect(instruction: Instruction) -> int:
    argument = instruction.arg if instruction.opcode >= dis.HAVE_ARGUMENT else None
    return dis.stack_effect(instruction.opcode, argument, jump=False)


def _strings(constants: Any) -> Iterator[str]:
    for constant in constants:
        if isinstance(constant, str):
            yield constant
        elif isinstance(constant, tuple | frozenset):
            yield from _strings(constant)


def spelled(code: CodeType) -> Iterator[str]:
    """The global names and attributes that code spells, in functions defined within it too; not what pytest adds."""
    yield from (name for name in code.co_names if not name.startswith("@"))
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from spelled(constant)
