"""Random transformers with every feature of the architecture, and random boxes, for the tests of bounds and proof."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from zoo import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

Drawn = TypeVar("Drawn")


@st.composite
def transformers(
    draw: st.DrawFn,
    max_vocab: int = 4,
    max_n_ctx: int = 6,
    kinds: Sequence[str] | None = None,
    normed: bool = True,
    min_n_ctx: int = 1,
) -> Transformer:
    """Hypothesis chooses the architecture; the weights are random numbers, partly zero, at several scales.

    `kinds` are layers out of attention, relu, gelu; None is up to three of any. Without `normed`, there is no Norm.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    d = draw(st.integers(2, 6))
    vocab, n_ctx = draw(st.integers(2, max_vocab)), draw(st.integers(min_n_ctx, max_n_ctx))
    size = draw(st.sampled_from([0.3, 1.0, 3.0]))

    def array(*shape: int) -> Array:
        values: Array = rng.normal(0, size, shape) * (rng.random(shape) < 0.8)
        return values

    def norm() -> Norm | None:
        eps = draw(st.sampled_from([None, None, 1e-5, 1e-2, 2.0**60])) if normed else None
        return None if eps is None else Norm(rng.normal(1, 0.5, d) * max(1, eps) ** 0.5, rng.normal(0, 0.5, d), eps)

    def attention() -> Attention:
        head, d_head, d_v = draw(st.integers(1, 2)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
        biases = draw(st.tuples(*[st.booleans()] * 4))
        shapes = [(head, d_head), (head, d_head), (head, d_v), (d,)]
        b_q, b_k, b_v, b_o = (array(*shape) if there else None for shape, there in zip(shapes, biases))
        w_q, w_k, w_v, w_o = array(head, d, d_head), array(head, d, d_head), array(head, d, d_v), array(head, d_v, d)
        scale = draw(st.sampled_from([None, 1, 8, 0.5]))
        return Attention(w_q, w_k, w_v, w_o, b_q, b_k, b_v, b_o, causal=draw(st.booleans()), scale=scale, norm=norm())

    def mlp(activation: str) -> Mlp:
        width = draw(st.integers(1, 4))
        return Mlp(array(d, width), array(width), array(width, d), array(d), activation, norm())

    if kinds is None:
        kinds = draw(st.lists(st.sampled_from(["attention", "attention", "relu", "gelu"]), max_size=3))
    layers = [attention() if kind == "attention" else mlp(kind) for kind in kinds]
    large = draw(st.sampled_from([1, 1, 30]))
    unembedding = array(vocab, d) if draw(st.booleans()) else None
    embeddings = large * rng.normal(0, 1, (vocab, d)), large * array(n_ctx, d)
    transformer = Transformer(*embeddings, layers, norm(), unembedding)
    return transformer.astype(draw(st.sampled_from([np.float64, np.float32])))


def assert_noticed(
    check: Callable[[Drawn, int], None], drawn: st.SearchStrategy[Drawn], examples: int, sentence: str
) -> None:
    """That a check of what is drawn and of a seed fails so for one of so many examples, always the same ones."""
    search = settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )(given(drawn, st.integers(0, 2**32 - 1))(check))
    with pytest.raises((AssertionError, ExceptionGroup), match=rf"{sentence}|distinct failures"):
        search()


def random_boxes(rng: np.random.Generator, count: int, n: int, vocab: int) -> Array:
    """Boxes bool [count, n, vocab] of all degrees of freedom; no position is left without a token."""
    boxes: Array = rng.random((count, n, vocab)) < rng.choice([0.0, 0.3, 0.7, 1.0], (count, 1, 1))
    np.put_along_axis(boxes, rng.integers(0, vocab, (count, n, 1)), True, -1)
    return boxes


def completions(rng: np.random.Generator, box: Array, count: int) -> Array:
    """Random contexts of a box: int [count, n]"""
    tokens: Array = np.where(box, rng.random((count, *box.shape)), -1).argmax(axis=-1)
    return tokens
