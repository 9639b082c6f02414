"""The eight-instruction x64 predictor of aab, and the small machine that runs such listings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
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
# Whether a jump is taken, by the two sides of the last cmp. They are compared only here, and only as far as asked:
# a proof splits the tokens at a comparison for equality in two, at any other it has to name each.
JUMPS: dict[str, Callable[[Any, Any], bool]] = {
    "je": lambda left, right: bool(left == right),
    "jne": lambda left, right: bool(left != right),
    "jbe": lambda left, right: bool(left <= right),
    "ja": lambda left, right: bool(left > right),
    "jmp": lambda left, right: True,
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
        left, right = 1, 0  # what the last cmp looked at
        at = executed = 0
        while at < len(self.program):
            instruction = self.program[at]
            at, executed = at + 1, executed + 1
            if instruction.operation == "mov":
                registers[instruction.operands[0]] = _value(instruction.operands[1], registers, context)
            elif instruction.operation == "cmp":
                left, right = (_value(operand, registers, context) for operand in instruction.operands)
            elif JUMPS[instruction.operation](left, right):
                at = self.labels[instruction.operands[0]]
        answer: str = registers["dl"]
        return answer, executed


def _value(operand: str, registers: dict[str, Any], context: Sequence[str]) -> Any:
    if operand.startswith("["):
        names, constant = _address(operand)
        address = constant + sum(registers[name] for name in names)
        if not 0 <= address < len(context):
            raise ValueError(f"{operand} reads address {address}, but should read 0 to {len(context) - 1}")
        return context[address]
    if operand.startswith("'"):
        return operand[1:-1]
    return registers[operand] if operand in registers else int(operand)


@cache
def _address(operand: str) -> tuple[tuple[str, ...], int]:
    """[rax+rcx-1]: the registers of a sum, and its number."""
    terms = operand[1:-1].replace("-", "+-").split("+")
    names = tuple(term for term in terms if term.isalpha())
    return names, sum(int(term) for term in terms if term not in names)


# The answer of the eight instructions, for every context of a and b: a also where the rule is silent.
aab_assembly = Assembly("aab_assembly", AAB)
