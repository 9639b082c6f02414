"""Where heads look that are written by helpers, in the forward pass."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from zoo import Attention, Basis, Mlp, Model, ModelError, Transformer, attend, move
from zoo.inspection.reading import reading
from zoo.transformer.arrays import Array

BASIS = Basis(pos=4, tok="ab")
SAME = move(BASIS["tok"], BASIS["tok"])


def pattern(looking: tuple[Array, Array], causal: bool = True) -> Array:
    """How much each position of four attends to each."""
    attention = Attention(*looking, SAME, SAME, causal=causal, scale=1)
    model = Model("looking", "ab", Transformer(BASIS["tok"], BASIS["pos"], [attention]))
    [(_, found)] = reading(model, "abab").patterns
    return found


@pytest.mark.parametrize("at", range(4))
def test_a_position(at: int) -> None:
    found = pattern(attend.position(BASIS["pos"], at))
    for i in range(4):
        expected = np.eye(4)[at] if i >= at else np.arange(4) <= i
        np.testing.assert_allclose(found[i], expected / expected.sum(), atol=1e-8)
    np.testing.assert_allclose(pattern(attend.position(BASIS["pos"], at), False), [np.eye(4)[at]] * 4, atol=1e-8)


@pytest.mark.parametrize("back", range(4))
def test_so_many_before(back: int) -> None:
    found = pattern(attend.previous(BASIS["pos"], back))
    for i in range(4):
        expected = np.eye(4)[i - back] if i >= back else np.arange(4) <= i
        np.testing.assert_allclose(found[i], expected / expected.sum(), atol=1e-8)


def test_all_alike_and_how_loud() -> None:
    np.testing.assert_allclose(pattern(attend.alike(BASIS["pos"]), False), np.full((4, 4), 0.25))
    quiet = pattern(attend.previous(BASIS["pos"], loud=np.log(3)), False)
    np.testing.assert_allclose(quiet[2], [1 / 6, 3 / 6, 1 / 6, 1 / 6])


@pytest.mark.parametrize("wrong", [-1, 4, "1", None])
def test_what_is_not_there(wrong: Any) -> None:
    for looks in (attend.position, attend.previous):
        with pytest.raises(ModelError, match="is attended to, but should be from 0 to 3"):
            looks(BASIS["pos"], wrong)


def test_a_single_head_needs_no_dimension_of_heads() -> None:
    one = Attention(*attend.alike(BASIS["pos"]), SAME, SAME, b_v=np.ones(6), b_o=np.ones(6))
    assert [array.shape for _, array in one.arrays()] == [(1, 6, 1)] * 2 + [(1, 6, 6)] * 2 + [(1, 6), (6,)]
    with pytest.raises(ModelError, match=r"Attention.w_q has shape \[6, 1\], but should be \[head, d_model, d_head\]"):
        Attention(*attend.alike(BASIS["pos"]), SAME[None], SAME)


def test_an_mlp_without_biases() -> None:
    w_in, w_out = np.ones((6, 2), np.float32), np.ones((2, 6), np.float32)
    for mlp in (Mlp(w_in, w_out=w_out, activation="relu"), Mlp(w_in, None, w_out, None, "relu")):  # type: ignore[arg-type]
        assert [array.shape for _, array in mlp.arrays()] == [(6, 2), (2,), (2, 6), (6,)]
        assert {str(array.dtype) for _, array in mlp.arrays()} == {"float32"}
        assert not mlp.b_in.any()
        assert not mlp.b_out.any()
    with pytest.raises(ModelError, match=r"Mlp.w_out has shape \[0\], but should be \[d_mlp = 2, d_model = 6\]"):
        Mlp(w_in, activation="relu")
    with pytest.raises(ModelError, match=r"Mlp\.activation is '', but should be one of relu, gelu"):
        Mlp(w_in, w_out=w_out)


@pytest.mark.parametrize("positions", [4, "pos", BASIS["pos", 0]])
def test_what_are_no_positions(positions: Any) -> None:
    for looks in (partial(attend.position, at=0), attend.previous, attend.alike):
        with pytest.raises(ModelError, match=r"^positions are .*, but should be rows"):
            looks(positions)
