"""Targets, the answers that a program is made from, and that it answers as its model does."""

from collections.abc import Iterator

import numpy as np
import pytest

from zoo import Model
from zoo.distill import checked_program, emit
from zoo.distill.answers import Part
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Program, Tables, evaluate
from zoo.errors import UnavailableError
from zoo.transformer.arrays import Array

TARGETS: list[Target] = ["python", "c", "x86"]


def own_answers(program: Program) -> Iterator[tuple[int, Array]]:
    return ((length, evaluate(program, length)) for length in range(1, program.n_ctx + 1))


def tables_of(answers: dict[int, Array], vocab: int) -> Tables:
    """From the answers in every context of some lengths, in lexicographic order."""
    return Tables({n: [Part.of([np.arange(vocab)] * n, table.ravel())] for n, table in answers.items()})


def assert_answers_as(model: Model, program: Program, target: Target) -> None:
    """In every context of the model, written in that language; skipped where nothing here runs that."""
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    try:
        run = checked_program.runnable(program, target, text)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    for context in model.contexts():
        assert model.vocab[run(tuple(model.encode(context).tolist()))] == model.predict(context)
