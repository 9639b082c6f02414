"""What parts are made of where something is left out, what is said of what cannot be, and what is counted."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from zoo import Attention, Mlp, ModelError, Norm, Transformer
from zoo.errors import ContextError
from zoo.transformer.forward import forward, residuals
from zoo.transformer.scalar import count_operations

RNG = np.random.default_rng(0)
W_Q, W_K, W_V = (RNG.normal(size=(3, 2)) for _ in range(3))
W_O, EMBEDDING, POSITIONS = RNG.normal(size=(2, 3)), RNG.normal(size=(2, 3)), RNG.normal(size=(4, 3))


@pytest.mark.parametrize("b_o", [None, RNG.normal(size=3)])
def test_what_a_layer_is_given_is_what_those_before_it_make(b_o: Any) -> None:
    layers: list[Attention | Mlp]
    head = Attention(W_Q, W_K, W_V, W_O, b_o=b_o)
    mlp = Mlp(RNG.normal(size=(3, 5)), RNG.normal(size=5), RNG.normal(size=(5, 3)), RNG.normal(size=3), "relu")
    layers, tokens, trace = [head, mlp, head], np.array([[0, 1, 1]]), dict[str, Any]()
    transformer = Transformer(EMBEDDING, POSITIONS, layers)
    forward(transformer, tokens, trace)
    for number, given in enumerate(residuals(transformer, trace)):
        before: dict[str, Any] = {}
        forward(replace(transformer, layers=layers[:number]), tokens, before)
        np.testing.assert_allclose(given, before["residual"], rtol=1e-12)


def test_one_head_may_be_written_without_an_axis_for_heads() -> None:
    b_q, b_k, b_v, b_o = (np.arange(1.0, n + 1) for n in (2, 2, 2, 3))
    one = Attention(W_Q, W_K, W_V, W_O, b_q, b_k, b_v, b_o)
    with_axis = Attention(W_Q[None], W_K[None], W_V[None], W_O[None], b_q[None], b_k[None], b_v[None], b_o)
    for name in Attention.shapes:
        np.testing.assert_array_equal(getattr(one, name), getattr(with_axis, name))
    bare = Attention(W_Q, W_K, W_V, W_O)
    assert bare.w_q.shape == (1, 3, 2)
    assert (bare.b_q, bare.b_k, bare.b_v, bare.b_o) == (None,) * 4
    with pytest.raises(ModelError, match=r"w_q has shape \[3, 2\], but should be \[head, d_model, d_head\]"):
        Attention(W_Q, W_K[None], W_V[None], W_O[None])  # one of them with, others without


def test_an_mlp_without_biases_has_zero_ones() -> None:
    bare = Mlp(w_in=np.ones((3, 5)), w_out=np.ones((5, 3), np.float64), activation="relu")
    assert bare.b_in.tolist() == [0] * 5
    assert bare.b_out.tolist() == [0] * 3
    single = Mlp(w_in=np.ones((3, 5), np.float32), w_out=np.ones((5, 3), np.float32), activation="relu")
    assert {single.b_in.dtype, single.b_out.dtype} == {np.dtype(np.float32)}
    strange: list[Any] = [np.ones(3), np.ones((1, 3, 5)), [[1.0, 2], [3]]]
    for w_in in strange:
        with pytest.raises(ModelError, match="w_in has"):
            Mlp(w_in=w_in, w_out=np.ones((5, 3)), activation="relu")


def test_the_first_number_that_is_none_is_named() -> None:
    odd = np.ones((2, 3))
    odd[0, 2], odd[1, 1] = np.inf, np.nan
    with pytest.raises(ModelError, match=r"token_embedding is inf at \[0, 2\], but should be finite"):
        Transformer(odd, POSITIONS, [])


@pytest.mark.parametrize(("tokens", "wrong"), [([[0, 2]], 2), ([[1, 5, 0]], 5), ([[0, -1]], -1), ([[-3, 9]], -3)])
def test_a_token_that_there_is_not_is_named(tokens: Any, wrong: int) -> None:
    with pytest.raises(ContextError, match=f"token {wrong} is out of range, but should be from 0 to 1"):
        forward(Transformer(EMBEDDING, POSITIONS, []), np.array(tokens))


@pytest.mark.parametrize("eps", [0.0, -1e-5, -0.5, float("nan")])
def test_what_a_norm_divides_by_is_never_zero(eps: float) -> None:
    with pytest.raises(ModelError, match="eps is "):
        Norm(np.ones(3), np.zeros(3), eps)


def test_operations_that_are_none_are_those_of_the_first_token_at_the_first_positions() -> None:
    """Whatever zeros another token has, or a position behind those."""
    embedding, positions = np.array([[0.0, 0, 1], [1, 2, 3]]), np.array([[0.0, 1, 0], [1, 0, 0], [3, 0, 1], [3, 2, 1]])
    w = np.eye(3, 2)
    transformer = Transformer(embedding, positions, [Attention(w, w, w, w.T)], unembedding=np.ones((2, 3)))
    for rows in (1, 2, 3):
        found = count_operations(transformer, 3, rows=rows, how="nonzero")
        for other in (
            replace(transformer, position_embedding=positions * [[1], [1], [1], [0]]),
            replace(transformer, token_embedding=embedding * [[1], [0]]),
        ):
            assert count_operations(other, 3, rows=rows, how="nonzero") == found
