"""The eight-instruction x64 predictor of aab, and the small machine that runs such listings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

# Source: "I made a transformer by hand", section "Bonus: Efficiency". rax is the address of the context (here 0),
# rcx its length, dl the answer.
AAB = """
    mov dl,'a'
    cmp [rax+rcx-1],'a'
    jne done
    cmp rcx,1
    je return_b
    cmp [rax+rcx-2],'a'
    jne done
return_b:
    mov dl,'b'
done:
"""
# Whether a jump is taken, by what the last cmp found: -1 below, 0 equal, 1 above.
JUMPS: dict[str, Callable[[int], bool]] = {
    "je": lambda order: order == 0,
    "jne": lambda order: order != 0,
    "jbe": lambda order: order <= 0,
    "ja": lambda order: order > 0,
    "jmp": lambda order: True,
}


@dataclass(frozen=True)
class Instruction:
    operation: str  # mov, cmp or a jump
    operands: tuple[str, ...]  # a register, a memory operand, a number, a quoted token; of a jump, its label


def parse(listing: str) -> tuple[tuple[Instruction, ...], dict[str, int]]:
    """The instructions of a listing, and the index each label stands for. ValueError names a line it cannot read."""
    program: list[Instruction] = []
    labels: dict[str, int] = {}
    for line in filter(None, map(str.strip, listing.splitlines())):
        if line.endswith(":"):
            labels[line[:-1]] = len(program)
            continue
        operation, _, rest = line.partition(" ")
        operands = tuple(rest.split(","))
        if len(operands) != ({"mov": 2, "cmp": 2} | dict.fromkeys(JUMPS, 1)).get(operation):
            raise ValueError(f"{line!r} should be mov or cmp with two operands, or {', '.join(JUMPS)} with a label")
        program.append(Instruction(operation, operands))
    for instruction in program:
        if instruction.operation in JUMPS and instruction.operands[0] not in labels:
            raise ValueError(f"{instruction.operands[0]!r} is jumped to, but should be a label of the listing")
    return tuple(program), labels


class Assembly:
    """A listing as a predictor: calling it gives the token, `run` also how many instructions it took."""

    def __init__(self, name: str, listing: str) -> None:
        self.__name__, self.listing = name, listing
        self.program, self.labels = parse(listing)

    def __call__(self, context: Sequence[str]) -> str:
        return self.run(context)[0]

    def run(self, context: Sequence[str]) -> tuple[str, int]:
        """The token in dl when the listing ends, and how many instructions were executed."""
        registers: dict[str, Any] = {"rax": 0, "rcx": len(context)}
        order = 1  # what the flags say of the last cmp
        at = executed = 0
        while at < len(self.program):
            instruction = self.program[at]
            at, executed = at + 1, executed + 1
            if instruction.operation == "mov":
                registers[instruction.operands[0]] = _value(instruction.operands[1], registers, context)
            elif instruction.operation == "cmp":
                left, right = (_value(operand, registers, context) for operand in instruction.operands)
                order = (left > right) - (left < right)
            elif JUMPS[instruction.operation](order):
                at = self.labels[instruction.operands[0]]
        answer: str = registers["dl"]
        return answer, executed


def _value(operand: str, registers: dict[str, Any], context: Sequence[str]) -> Any:
    if operand.startswith("["):
        address = _address(operand, registers)
        if not 0 <= address < len(context):
            raise ValueError(f"{operand} reads address {address}, but should read 0 to {len(context) - 1}")
        return context[address]
    if operand.startswith("'"):
        return operand[1:-1]
    return registers[operand] if operand in registers else int(operand)


def _address(operand: str, registers: dict[str, Any]) -> int:
    """[rax+rcx-1]: a sum of registers and numbers."""
    terms = operand[1:-1].replace("-", "+-").split("+")
    return sum(registers[term] if term in registers else int(term) for term in terms)


# The answer of the eight instructions, for every context of a and b: a also where the rule is silent.
aab_assembly = Assembly("aab_assembly", AAB)
