"""Two programs of the same weights are held against each other within a bound on their rounding, and no more."""

from dataclasses import replace

import numpy as np
import pytest

from properties.checks import mechanics
from properties.checks.table import check_model
from zoo.model import Model
from zoo.transformer import Mlp, Transformer
from zoo.transformer.arrays import Array
from zoo.transformer.scalar import scalar_forward


def cancelling(size: float) -> Model:
    """An Mlp whose units write so large numbers that cancel: what is left of them is their rounding."""
    random = np.random.default_rng(0)
    w_out = random.normal(size=(16, 1)) * size
    w_out[-1] = -w_out[:-1].sum()
    layer = Mlp(np.ones((1, 16)), np.zeros(16), w_out, np.zeros(1), "relu")
    return Model("cancelling", "ab", Transformer(np.array([[1 / 3], [1.0]]), np.zeros((3, 1)), [layer]))


def test_rounding_that_cancellation_magnifies_is_no_difference() -> None:
    model = cancelling(1e15)
    fast = model.logits("a")
    slow: Array = np.array(scalar_forward(model.transformer, [0]))
    # More than the largest logit's rounding explains, as the terms are far larger than their sum.
    assert np.abs(fast - slow).max() > 2**14 * np.finfo(float).eps * max(1, np.abs(fast).max())
    for verdict in check_model(model, names=["scalar", "batched"]):
        assert verdict.status == "holds", verdict.message()


def test_a_difference_beyond_rounding_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*arguments: object) -> list[list[float]]:
        return [[1.001 * logit for logit in row] for row in scalar_forward(*arguments)]  # type: ignore[arg-type]

    monkeypatch.setattr(mechanics, "scalar_forward", wrong)
    [verdict] = check_model(cancelling(1), names=["scalar"])
    assert verdict.status == "failed"
    assert "apart where rounding explains" in verdict.detail


def test_what_may_overflow_is_not_settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing bounds the rounding of numbers that reach a quarter of the largest: a difference settles nothing."""
    model = cancelling(1)
    huge = replace(model, transformer=replace(model.transformer, token_embedding=np.array([[1e308], [1.0]])))
    monkeypatch.setattr(mechanics, "scalar_forward", lambda t, row: huge.forward(np.array([row]))[0] * (1 + 1e-15))
    [verdict] = check_model(huge, names=["scalar"])
    assert verdict.status == "undecided"
    assert "too large for a bound on rounding" in verdict.detail
