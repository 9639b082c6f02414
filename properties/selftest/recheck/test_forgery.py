"""Forged certificates: what is confirmed of one is true, by brute force; of what is false nothing is confirmed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.selftest.models import aab, ab, two_head_either
from properties.selftest.proof.certificates import certificate
from properties.selftest.proof.test_folds import BRACKETS
from properties.selftest.recheck.forgeries import fields, outcomes_of, some, structures
from properties.selftest.recheck.grown import Grown
from properties.selftest.recheck.truth import Json, Truth, confirmed
from zoo import Attention, Mlp, Model, Norm, Transformer

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
Function = Callable[[Any], Any]


def asks_little(context: Any) -> set[str]:
    """Nothing after a, and everything after bb."""
    if context[-1] == "a":
        return set()
    return {"a", "b"} if len(context) > 1 and context[-2] == "b" else {"a"}


def last_of_three(context: Any) -> set[str]:
    """What stands last; after y also z."""
    return {"y", "z"} if context[-1] == "y" else {context[-1]}


def repeating() -> Model:
    """Three tokens, and an Mlp and a Norm behind the attention: what stands last outweighs what all of these add."""
    rng = np.random.default_rng(5)
    shapes = {"w_q": (1, 3, 2), "w_k": (1, 3, 2), "w_v": (1, 3, 1), "w_o": (1, 1, 3)}
    arrays: dict[str, Any] = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    attention = Attention(**arrays)
    mlp = Mlp(rng.normal(size=(3, 2)), rng.normal(size=2), rng.normal(size=(2, 3)), rng.normal(size=3), "gelu")
    norm = Norm(np.ones(3), np.zeros(3), 1e-2)
    positions = rng.normal(size=(2, 3))
    return Model("repeating", "xyz", Transformer(9 * np.eye(3), positions, [attention, mlp], norm, np.eye(3)))


# Each with one out of how many forgeries is tried, by kind of place at least one.
CASES: list[tuple[Model, Function, Any, int]] = [
    (aab.build(2), reference.aab, np.float64, 8),
    (aab.build(2), reference.aab, np.float32, 8),
    (ab.build(2), reference.ab, np.float64, 4),
    (two_head_either.build(2), reference.aab_or_third_previous, np.float32, 8),
    (aab.build(3), asks_little, np.float64, 15),
    (repeating(), last_of_three, np.float32, 20),
    (zoo.load("majority", n_ctx=3), reference.majority, np.float32, 20),
    (zoo.load("brackets", n_ctx=3), BRACKETS, np.float64, 20),
]
each_case = pytest.mark.parametrize("number", range(len(CASES)))


@cache
def case(number: int) -> tuple[Truth, Json]:
    model, function, dtype, _ = CASES[number]
    truth = Truth(model.astype(dtype), function)
    return truth, certificate(truth.model, function)


@each_case
def test_a_certificate_is_confirmed_and_true(number: int) -> None:
    truth, made = case(number)
    assert truth.why_not(made) == ""
    assert confirmed(made, truth)
    assert confirmed(Grown(truth, made, kind="run").made, truth)


@each_case
def test_a_field_that_was_changed(number: int) -> None:
    truth, made = case(number)
    outcomes = outcomes_of(some(fields(made, truth.vocab), number, CASES[number][-1]), truth)
    assert outcomes[True] > 10
    assert outcomes[False] > 10


@each_case
def test_splits_that_were_changed(number: int) -> None:
    truth, made = case(number)
    outcomes = outcomes_of(some(structures(made, truth.vocab), number, CASES[number][-1]), truth)
    assert outcomes[True] > 3
    assert outcomes[False] > 10
