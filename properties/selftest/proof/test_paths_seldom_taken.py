"""What no other test of the prover enters: many positions at a time, an eps that is lost, a box of some tokens."""

import numpy as np
import pytest

from properties.proof import first_layer
from properties.proof.arithmetic import OutOfRangeError
from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes
from properties.proof.interval import norm_error
from properties.selftest.models import aab, two_head
from properties.selftest.proof.exact import LOSES, U, known
from zoo import Model


@pytest.mark.parametrize("model", [aab.MODEL, two_head.MODEL])
@pytest.mark.parametrize("slab", [1, 2, 4])
def test_keys_that_are_computed_some_at_a_time_are_the_same(
    model: Model, slab: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, n = np.random.default_rng(slab), model.transformer.n_ctx
    boxes = rng.random((20, n, 2)) < 0.7
    boxes[..., 0] |= ~boxes.any(-1)
    answers, rivals = np.zeros(20, int), np.tile([[False, True]], (20, 1))
    once = Bounds(model.transformer).margins(Boxes.dense(boxes), answers, rivals)
    monkeypatch.setattr(first_layer, "SLAB", slab)
    parts = Bounds(model.transformer).margins(Boxes.dense(boxes), answers, rivals)
    np.testing.assert_allclose(parts.lower, once.lower, rtol=1e-12, atol=1e-12)
    assert np.isfinite(once.lower).all()


def test_an_eps_that_may_be_lost_as_it_is_added_is_not_bounded() -> None:
    with pytest.raises(OutOfRangeError):
        norm_error(known([1.0, -1.0]), 0.99 * U, LOSES)
    assert np.isfinite(norm_error(known([1.0, -1.0]), U, LOSES)).all()


def test_a_box_is_split_into_the_tokens_that_it_has() -> None:
    box = Box(3, {1: frozenset("ac")}, frozenset("a"))
    assert [one.sets[1] for one in box.split(1, "abc")] == [frozenset("a"), frozenset("c")]
    assert [one.sets for one in box.split(2, "ab")] == [{1: frozenset("ac"), 2: frozenset(t)} for t in "ab"]
