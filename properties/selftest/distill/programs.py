"""Targets, and the answers that a program is made from."""

from collections.abc import Iterator

import numpy as np

from zoo.distill.answers import Part
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Program, Tables, evaluate
from zoo.transformer.arrays import Array

TARGETS: list[Target] = ["python", "c", "x86"]


def own_answers(program: Program) -> Iterator[tuple[int, Array]]:
    return ((length, evaluate(program, length)) for length in range(1, program.n_ctx + 1))


def tables_of(answers: dict[int, Array], vocab: int) -> Tables:
    """From the answers in every context of some lengths, in lexicographic order."""
    return Tables({n: [Part.of([np.arange(vocab)] * n, table.ravel())] for n, table in answers.items()})
