"""Forged certificates: what is confirmed of one is true, by brute force; of what is false nothing is confirmed."""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest

import reference
from properties.selftest.models import aab, ab, two_head_either
from properties.selftest.proof.certificates import certificate
from properties.selftest.recheck.forgeries import Grown, fields, outcomes_of, some, structures
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


CASES: list[tuple[Model, Function]] = [
    (aab.build(2), reference.aab),
    (ab.build(2), reference.ab),
    (two_head_either.build(2), reference.aab_or_third_previous),
    (aab.build(3), asks_little),
    (repeating(), last_of_three),
]
SHARES = [40, 20, 90, 90, 150]  # of the forgeries of each one is tried, others in float32 than in float64


@cache
def case(number: int) -> tuple[Truth, Json]:
    model, function = CASES[number // 2]
    truth = Truth(model.astype((np.float64, np.float32)[number % 2]), function)
    return truth, certificate(truth.model, function)


@pytest.mark.parametrize("number", range(2 * len(CASES)))
def test_a_certificate_is_confirmed_and_true(number: int) -> None:
    truth, made = case(number)
    assert truth.why_not(made) == ""
    assert confirmed(made, truth)
    assert confirmed(Grown(truth, made, kind="run").made, truth)


@pytest.mark.parametrize("number", range(2 * len(CASES)))
def test_a_field_that_was_changed(number: int) -> None:
    truth, made = case(number)
    outcomes = outcomes_of(some(fields(made, truth.vocab), number, SHARES[number // 2]), truth)
    assert outcomes[True] > 10
    assert outcomes[False] > 10


@pytest.mark.parametrize("number", range(2 * len(CASES)))
def test_trees_that_were_changed(number: int) -> None:
    truth, made = case(number)
    outcomes = outcomes_of(some(structures(made, truth.vocab), number, SHARES[number // 2]), truth)
    assert outcomes[True] > 3
    assert outcomes[False] > 10
