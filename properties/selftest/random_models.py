"""Random transformers and random boxes, for the tests of bounds and proof."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties import strategies
from properties.selftest.planted import first_failure_counts
from zoo import Transformer
from zoo.transformer.arrays import Array

Drawn = TypeVar("Drawn")


def transformers(
    max_n_ctx: int = 6,
    max_vocab: int = 4,
    layers: Sequence[str] | None = None,
    normed: bool = True,
    min_n_ctx: int = 1,
) -> st.SearchStrategy[Transformer]:
    """Small ones of both dtypes; some whose Norm only subtracts the mean, and some whose embeddings are large."""
    return strategies.transformers(
        max_n_ctx,
        max_vocab,
        max_d_model=6,
        max_width=3,
        layers=layers,
        norms=(1e-5, 1e-2, 2.0**60) if normed else (),
        least=(min_n_ctx, 2),
        larger=(1, 1, 30),
        dtypes=(np.float64, np.float32),
    )


def assert_noticed(
    check: Callable[[Drawn, int], None],
    drawn: st.SearchStrategy[Drawn],
    examples: int,
    sentence: str,
    seed: int = 0,
) -> None:
    """That a check of what is drawn and of a seed fails so for one of so many examples, always the same ones."""
    with first_failure_counts(examples, seed), pytest.raises(AssertionError, match=sentence):
        given(drawn, st.integers(0, 2**32 - 1))(check)()


def random_boxes(rng: np.random.Generator, count: int, n: int, vocab: int) -> Array:
    """Boxes bool [count, n, vocab] of all degrees of freedom; no position is left without a token."""
    boxes: Array = rng.random((count, n, vocab)) < rng.choice([0.0, 0.3, 0.7, 1.0], (count, 1, 1))
    np.put_along_axis(boxes, rng.integers(0, vocab, (count, n, 1)), True, -1)
    return boxes


def completions(rng: np.random.Generator, box: Array, count: int) -> Array:
    """Random contexts of a box: int [count, n]"""
    tokens: Array = np.where(box, rng.random((count, *box.shape)), -1).argmax(axis=-1)
    return tokens
