"""Models in which one rounding outweighs all others, for those that seldom do."""

from typing import Any

import numpy as np
import pytest

from properties.recheck.margins import LeafMargins
from properties.selftest.recheck.test_program_sums import TINY, each_dtype
from properties.selftest.recheck.test_worst_roundings import check
from properties.selftest.recheck.worst import exact
from zoo import Attention, Norm, Transformer
from zoo.transformer.arrays import Array


def heads_of(w_v: Array, w_o: Array) -> Attention:
    """Heads that look at all alike."""
    head, d_model, _ = w_v.shape
    still = np.zeros((head, d_model, 1))
    return Attention(still, still, w_v, w_o, scale=1.0)


def wide_and_narrow(heads: int, width: int, dtype: Any) -> Transformer:
    """The first head adds up `width` products in one entry, the largest first; of the others each writes one."""
    w_v, w_o = np.zeros((heads, 2, width)), np.zeros((heads, width, 2))
    w_v[0, 0], w_o[0, :, 1] = 1, 2.0**-12
    w_o[0, 0, 1] = 1
    w_v[1:, 0, 0], w_o[1:, 0, 1] = 1, 2.0**-12
    embedding = np.array([[1.0, 0.0], [1.0, 0.0]])
    unembedding = np.array([[0.0, 1.0], [0.0, 0.0]])
    return Transformer(embedding, np.zeros((1, 2)), [heads_of(w_v, w_o)], None, unembedding).astype(dtype)


@each_dtype
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_a_head_that_adds_up_more_than_others(heads: int, dtype: Any) -> None:
    """Of the margin and of the entry, the largest share is what adding up the products may round."""
    margin, *entries = check(wide_and_narrow(heads, 24, dtype), [(0,)], 0, 1)
    assert margin > 0.75
    assert entries[-2] > 0.75


@each_dtype
def test_products_of_all_heads_may_underflow(dtype: Any) -> None:
    """Each of 12 times 12 may lose what is tiny."""
    w_v, w_o = np.ones((12, 1, 12)), np.full((12, 12, 1), TINY[dtype])
    embedding, unembedding = np.array([[1.0], [1.0]]), np.array([[1.0], [0.0]])
    t = Transformer(embedding, np.zeros((1, 1)), [heads_of(w_v, w_o)], None, unembedding).astype(dtype)
    margins = LeafMargins(t)
    margins.at([(0,)])
    out, _, errors = margins.attend(0, 0, 0)
    _, last = margins.attended_errors(0, 0, 0)
    for error in (out[0].r, errors[0], last[0] - margins.program.unit):
        assert float(exact(error)) >= 144 * TINY[dtype]


@each_dtype
@pytest.mark.parametrize("d", [8, 15])
def test_a_final_norm_of_one_large_entry(dtype: Any, d: int) -> None:
    """Neither mean nor readout rounds much: it is the variance, its root and the division."""
    embedding, unembedding = np.zeros((2, d)), np.zeros((2, d))
    embedding[:, 0] = 3
    unembedding[0, 0] = 1
    norm = Norm(np.full(d, 1.5), np.zeros(d), 2.0**-10)
    t = Transformer(embedding, np.zeros((1, d)), [], norm, unembedding).astype(dtype)
    assert check(t, [(0,)], 0, 1)[0] > 0.6
