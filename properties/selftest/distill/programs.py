"""Targets, and the answers that a program is made from."""

from collections.abc import Iterator

from zoo.distill.checked_program import Target
from zoo.distill.diagram import Program, evaluate
from zoo.transformer.arrays import Array

TARGETS: list[Target] = ["python", "c", "x86"]


def own_answers(program: Program) -> Iterator[tuple[int, Array]]:
    return ((length, evaluate(program, length)) for length in range(1, program.n_ctx + 1))
