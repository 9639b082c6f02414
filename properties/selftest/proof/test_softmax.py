"""What keys can weigh, by an execution that rounds as badly as it may."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from properties.proof import softmax
from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.attention import Head
from properties.proof.softmax import NEGLIGIBLE, softmax_mean, softmax_weights
from zoo.transformer import Attention, Transformer
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

KEYS = 64


def arithmetic(dtype: type) -> Arithmetic:
    rows: Array = np.zeros((KEYS, 1), dtype)
    return Arithmetic.of_program(Transformer(rows[:2], rows, [Attention(*(rows[None, :1],) * 4)]))


@np.errstate(over="ignore")  # the top may weigh anything
@pytest.mark.parametrize(("dtype", "top"), [(np.float32, 3e6), (np.float32, 1e7), (np.float64, 1e14)])
def test_what_is_negligible_weighs_no_more_than_its_rest(dtype: type, top: float) -> None:
    """Also where a score that one key may reach is far above the one that is reached: all then round by much."""
    a = arithmetic(dtype)
    low = math.log(NEGLIGIBLE) - 0.4 - 2.1 * a.unit * top  # a little less than negligible
    scores = np.full((1, 1, KEYS, 2), low)
    scores[..., 0, 1], scores[..., -1, :] = top, 0  # the last key is the query: its score is reached in any case
    s = Interval(scores, a.own * np.abs(scores))
    box = np.ones((1, KEYS, 2), bool)
    weights = softmax_weights(s, box[None], np.array([[KEYS - 1]]), np.ones(KEYS, int), box, slice(None), a)
    assert weights.kept is not None
    kept = weights.kept[0, 0].tolist()
    assert sorted(kept) == [0, KEYS - 1]
    # The difference from the top rounds up for those summed, and down for the key that is reached.
    worst = (KEYS - 2) * math.exp(low + a.unit * (top - low) + a.unit * top)
    reached = weights.least[0, 0, kept.index(KEYS - 1)].max()
    assert weights.rest[0, 0, 0] / reached >= worst


def test_the_radius_of_a_score_has_what_is_rounded_of_it_here() -> None:
    """As `softmax.ends` takes for granted, of absolute products, where keys spread and where they do not."""
    random, a = np.random.default_rng(0), arithmetic(np.float64)
    w_q, w_k, w_v, w_o = (random.normal(size=(1, 5, 5)) for _ in range(4))
    layer = Attention(w_q, w_k, w_v, w_o)
    assert a.own >= 64 * FLOAT64.unit
    for size in (0, 1e-20, 1):
        x = Interval(random.normal(size=(1, 3, 2, 5)), size * random.random((1, 3, 2, 5)))
        s = Head.of(x, layer, 0, size > 0, a).scores(layer, 0, x[:, 0], a)
        q, k = np.abs(x.c[:, 0] @ w_q[0]), np.abs(x.c @ w_k[0])
        products = np.einsum("bqi,bkti->bqkt", q, k) * layer.multiplier
        assert (s.r >= 0.99 * a.own * products).all()


def test_a_heavy_token_at_its_value_does_not_end_the_search() -> None:
    """A key may be a heavy token of value v or a light one of value 1; a light key of value 0 weighs as much as that.

    The mean is 1/2 at most. As the level comes to just below v, the heavy token is the worst one, by next to nothing.
    """
    for v in np.random.default_rng(0).uniform(0.1, 0.45, 200):
        c, values = np.array([[0.0, 0.0], [100.0, 0.0]]), np.array([[0.0, 0.0], [v, 1.0]])
        a, every = arithmetic(np.float64), np.ones((1, 2, 2), bool)
        s, own = Interval(c[None, None], 0 * c[None, None]), np.array([[-1]])
        weights = softmax_weights(s, every[None], own, np.ones(2, int), every, slice(None), a)
        assert softmax_mean(weights, values[None, None, None], a).item() == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("n", [3, 12])
def test_queries_that_are_alike_in_several_boxes_have_one_mean(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """To the last bit, with all keys or some of them kept; not where each box has scores of its own."""
    random, a, vocab = np.random.default_rng(n), arithmetic(np.float64), 3
    c = random.normal(size=(1, 2 * vocab, n, vocab)) + np.where(np.arange(n) % 4, 0.0, 40.0)[:, None] * (n > 3)
    s = Interval(c, 1e-9 * np.abs(c))
    visible, own_key = np.ones(c.shape, bool), np.full((1, 2 * vocab), n - 1)
    visible[:, :, n - 1] = np.eye(vocab, dtype=bool)[np.arange(2 * vocab) % vocab]
    boxes = np.tile(random.random((10, n, vocab)) < 0.6, (2, 1, 1))
    boxes[..., 0] |= ~boxes.any(axis=-1)
    weights = softmax_weights(s, visible, own_key, np.ones(n, int), boxes, slice(None), a)
    assert (weights.kept is None) is (n == 3)
    found = weights.distinct()
    assert found is not None
    few, which = found
    assert which.shape == (20, 2 * vocab)
    assert 2 * vocab < few.least.shape[1] < which.size
    values = random.normal(size=(1, 1, 4, n, vocab))
    once = softmax_mean(weights, values, a)
    np.testing.assert_array_equal(softmax_mean(few, values, a)[0, which], once)
    monkeypatch.setattr(softmax, "BITS", -1)
    assert weights.distinct() is None
    np.testing.assert_array_equal(softmax_mean(weights, values, a), once)
    each = softmax_weights(s, visible, own_key, np.ones(n, int), boxes, np.zeros(20, int), a)
    assert each.distinct() is None


@pytest.mark.parametrize("shifted", [-30.0, 0.0, 30.0])
def test_the_largest_of_the_least_scores_is_the_same_number(shifted: float) -> None:
    """It is subtracted from all: of the key whose least it is nothing may be left."""
    low, high = np.array([[[[1.0, 3], [2, 2], [0, 9]]]]) + shifted, np.array([[[[1.5, 5], [2, 4], [0, 9]]]]) + shifted
    for visible in ([[1, 1], [1, 1], [1, 1]], [[1, 1], [0, 1], [0, 0]]):
        seen = np.array(visible, bool)[None, None]
        s = Interval((low + high) / 2, (high - low) / 2)
        least, most, reached = softmax.ends(s, seen, arithmetic(np.float32))
        assert reached.item() == max(
            np.where(keys, row, np.inf).min() for keys, row in zip(seen[0, 0], least[0, 0]) if keys.any()
        )
        assert (least < s.c - s.r).all()
        assert (most > s.c + s.r).all()


def test_of_several_counts_a_sum_is_only_no_less() -> None:
    for counts, largest in ((1, True), (2, False), (3, False)):
        seen: Any = SimpleNamespace(unseen=np.zeros((2, 1, counts)))
        assert softmax._Sums(SimpleNamespace(seen=seen), None, None).are_largest == largest  # type: ignore[arg-type]
    assert softmax._Sums(SimpleNamespace(seen=None), None, None).are_largest  # type: ignore[arg-type]
