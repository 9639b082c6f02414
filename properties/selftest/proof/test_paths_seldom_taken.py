"""What no other test of the prover enters: what takes several turns where memory has room, and what is seldom met."""

import time
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.proof import bounds, first_layer, softmax
from properties.proof.arithmetic import Arithmetic, OutOfRangeError
from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes
from properties.proof.counted import Counted
from properties.proof.counterexample import Counterexample
from properties.proof.interval import norm_error
from properties.proof.judges import stated
from properties.proof.reach import MEMORY, largest, rows_at_a_time
from properties.proof.search import prove_answers, prove_equal
from properties.selftest.counted_boxes import random_box
from properties.selftest.models import aab, induction, two_head
from properties.selftest.proof.exact import LOSES, U, known
from zoo import Attention, Model, Transformer
from zoo.transformer.arrays import Array


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


@pytest.mark.parametrize("model", [aab.MODEL, induction.MODEL])
@pytest.mark.parametrize("felt", [False, True])
def test_boxes_that_are_bounded_some_at_a_time_are_bounded_alike(
    model: Model, felt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, n, vocab = np.random.default_rng(0), 4, len(model.vocab)
    masks = rng.random((10, n, vocab)) < 0.6
    masks[..., 0] |= ~masks.any(-1)
    answers, rivals = rng.integers(vocab, size=10), rng.random((10, vocab)) < 0.8
    once = Bounds(model.transformer).margins(Boxes.dense(masks), answers, rivals, felt)
    monkeypatch.setattr(bounds, "rows_at_a_time", lambda *_: 3)
    parts = Bounds(model.transformer).margins(Boxes.dense(masks), answers, rivals, felt)
    for name in ("lower", "levels", *(("felt", "worst", "pull") if felt else ())):
        np.testing.assert_allclose(getattr(parts, name), getattr(once, name), rtol=1e-9, atol=1e-9)
    assert len({*once.lower}) > 2


def test_keys_that_are_alike_are_merged_once_for_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kinds of rows, and so many keys at most but for last ones and those of which something is known."""
    rng = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = rng.normal(size=(4, 1, 3, 3))
    boxes = [
        Box(8, {7: frozenset("a")}, frozenset(), (), {Counted(range(8), frozenset("a")): (i, 7)}) for i in range(7)
    ]
    layer, rows = Attention(w_q, w_k, w_v, w_o), rng.normal(size=(2, 3))
    transformer = Transformer(rng.normal(size=(2, 3)), rows[[0, 1] * 4], [layer])
    several, answers, rivals = Boxes.of(boxes, "ab"), np.zeros(7, int), np.ones((7, 2), bool)
    once = Bounds(transformer).margins(several, answers, rivals)
    assert len({*once.lower}) > 2
    keys, original = list[int](), first_layer.FirstLayer.merged

    def counted(*arguments: Any) -> Any:
        found = original(*arguments)
        keys.append(len(found[0].positions))
        return found

    monkeypatch.setattr(first_layer.FirstLayer, "merged", counted)
    monkeypatch.setattr(bounds, "rows_at_a_time", lambda *_: 3)
    parts = Bounds(transformer).margins(several, answers, rivals)
    assert keys == [3]
    np.testing.assert_allclose(parts.lower, once.lower, rtol=1e-9)
    apart = Bounds(transformer)
    monkeypatch.setattr(first_layer.FirstLayer, "merged", lambda self, boxes, keys, heads: (keys, heads))
    np.testing.assert_allclose(apart.margins(several, answers, rivals).lower, once.lower, rtol=1e-9)


def test_a_key_that_not_all_boxes_have_is_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    """All positions are alike; the shorter box ends before those that the longer one has beside it."""
    rng = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = rng.normal(size=(4, 1, 3, 3))
    transformer = Transformer(rng.normal(size=(2, 3)), np.zeros((150, 3)), [Attention(w_q, w_k, w_v, w_o)])
    known = {at: frozenset("b") for at in range(5)}
    boxes = [Box(n, {**known, n - 1: frozenset("a")}, frozenset()) for n in (100, 150)]
    several, answers, rivals = Boxes.of(boxes, "ab"), np.zeros(2, int), np.ones((2, 2), bool)
    once = Bounds(transformer).margins(several, answers, rivals)
    assert once.lower[0] != once.lower[1]
    monkeypatch.setattr(first_layer.FirstLayer, "merged", lambda self, boxes, keys, heads: (keys, heads))
    np.testing.assert_allclose(Bounds(transformer).margins(several, answers, rivals).lower, once.lower, rtol=1e-9)


def test_columns_that_are_summed_some_at_a_time_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = rng.normal(size=(4, 1, 4, 4))
    layer = Attention(w_q, w_k, w_v, w_o)
    transformer = Transformer(rng.normal(size=(4, 4)), rng.normal(size=(4, 4)), [layer])
    boxes = [box for box in (random_box(rng, "abcd", 4) for _ in range(6)) if box.counts]
    several, answers, rivals = Boxes.of(boxes, "abcd"), np.zeros(len(boxes), int), np.ones((len(boxes), 4), bool)
    once = Bounds(transformer).margins(several, answers, rivals)
    original, columns = softmax.softmax_mean, Counter[int]()

    def counted(weights: softmax.Weights, values: Array, a: Arithmetic) -> Array:
        columns[values.shape[2]] += 1
        return original(weights, values, a)

    monkeypatch.setattr(softmax, "COUNTED", 1)
    monkeypatch.setattr(softmax, "softmax_mean", counted)
    parts = Bounds(transformer).margins(several, answers, rivals)
    assert columns[1] >= 3
    for name in ("lower", "levels"):
        np.testing.assert_allclose(getattr(parts, name), getattr(once, name), rtol=1e-9, atol=1e-9)


def test_a_number_that_no_bound_settles_is_run() -> None:
    """It is exactly right, and may be off by less than any rounding: bounds are no help, and every context is run."""
    transformer = Transformer(np.array([[0.1], [0.7]]), np.zeros((2, 1)), [], unembedding=np.array([[1.0]]))
    told = {"a": 0.1, "b": 0.7}
    found = prove_answers(transformer, "ab", lambda c: told[c[-1]], names=(), within=1e-300)
    assert (found.status, found.contexts, found.margin) == ("holds", 6, 1e-300)
    wrong = prove_answers(transformer, "ab", lambda c: 0.1, names=(), within=1e-300)
    assert [one.context for one in wrong.counterexamples] == ["b", "ab", "bb"]


def test_nothing_is_wrong_at_no_length() -> None:
    transformer, begin = aab.MODEL.transformer, time.perf_counter()
    for found in (
        prove_answers(transformer, "ab", lambda c: {"a"}, []),
        prove_equal(transformer, transformer, "ab", []),
    ):
        assert (found.status, found.boxes, found.contexts, found.skipped, found.upto) == ("holds", 0, 0, 0, 0)
        assert 0 <= found.seconds <= time.perf_counter() - begin


def test_of_many_permitted_names_some_are_said() -> None:
    names = [f"t{i}" for i in range(12)]
    allowed = np.arange(12) < 10
    wrong = Counterexample.of(np.array([0]), names, np.arange(12.0), allowed, np.dtype(np.float64))
    assert "permitted is t0 or t1 or t2 or t3 or t4 or t5 or t6 or t7 or 2 others (" in wrong.sentence()


def test_as_many_boxes_at_a_time_as_memory_has_room_for() -> None:
    for model, keys in ((aab.MODEL, 5), (aab.MODEL, 10**5), (induction.MODEL, 9), (induction.MODEL, 300)):
        for narrow in (False, True):
            size = largest(model.transformer, keys, narrow)
            rows = rows_at_a_time(model.transformer, keys, narrow)
            assert rows * size <= MEMORY < (rows + 1) * size or (rows, size > MEMORY) == (1, True)


def test_the_first_predictor_says_most() -> None:
    first, second = (lambda c: {"a"}), (lambda c: {"b"})
    assert stated(replace(aab.MODEL, predictors=[first, second])) is first
    assert stated(replace(aab.MODEL, predictors=[])) is aab.MODEL.rule


@pytest.mark.parametrize(("weights", "fits"), [(0.0, True), (0.5, True), (0.7, False)])
def test_keys_may_overflow_where_weights_are_off(weights: float, fits: bool) -> None:
    """Numbers of the embedding and of w_k: 4 times a tenth of the largest, by 1 + the weights' change squared."""
    program = Arithmetic.of_program(aab.MODEL.transformer, 0)
    one = np.ones((1, 1, 1))
    attention = Attention(one, one * (program.largest / 10), one, one)
    large = Transformer(np.ones((2, 1)), np.zeros((3, 1)), [attention])
    first = first_layer.FirstLayer(large, replace(program, weights=weights), None, 0.0, 1)
    with np.errstate(over="ignore"):
        assert first.fits == fits
