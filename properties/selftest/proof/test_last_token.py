"""Behind an Mlp each last token is bounded by itself, with the keys that it keeps: as all of them are together."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.proof import forward as module
from properties.proof.attention import Head
from properties.proof.bounds import Bounds, Margins
from properties.proof.boxes import Box, Boxes
from properties.proof.softmax import Weights, softmax_weights
from properties.selftest.examples import many
from properties.selftest.random_models import random_boxes, transformers
from zoo import Attention, Mlp, Transformer, forward
from zoo.models import adder

LAYERS = st.sampled_from([["attention", "relu"], ["gelu", "attention", "relu"]])


def test_it_is_bounded_as_all_of_them_are_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same numbers up to rounding, but where weights overflow: there it matters what is bounded beside a box."""
    found = list[Weights]()

    def noted(*arguments: Any) -> Weights:
        found.append(softmax_weights(*arguments))
        return found[-1]

    monkeypatch.setattr(module, "softmax_weights", noted)
    kept, overflowed = [0], [0]

    @many(20)
    @given(LAYERS.flatmap(lambda some: transformers(max_n_ctx=9, max_vocab=3, layers=some)), st.integers(0, 2**32 - 1))
    def check(transformer: Transformer, seed: int) -> None:
        rng, vocab = np.random.default_rng(seed), len(transformer.token_embedding)
        each, together = Bounds(transformer), Bounds(transformer)
        together.narrow = False
        masks = random_boxes(rng, 6, transformer.n_ctx, vocab)
        answers = rng.integers(0, vocab, len(masks))
        boxes, rivals = Boxes.dense(masks), np.arange(vocab) != answers[:, None]
        assert each.narrow
        found.clear()
        mine, its = (one.margins(boxes, answers, rivals, felt=True) for one in (each, together))
        overflows = any(np.isinf(weights.most).any() for weights in found)
        overflowed[0] += overflows
        kept[0] += not overflows and any(weights.kept is not None for weights in found)
        if not overflows:
            np.testing.assert_allclose(mine.lower, its.lower, rtol=1e-9, atol=1e-9)
            last = np.broadcast_to(boxes.last[:, None, :, None], mine.levels.shape)
            np.testing.assert_allclose(mine.levels[last], its.levels[last], rtol=1e-9, atol=1e-9)
            assert_felt_alike(mine, its)

    check()
    assert kept[0] > 0, "some keys should be left out"
    assert overflowed[0] < 30, "few should overflow"


def assert_felt_alike(mine: Margins, its: Margins) -> None:
    """But for the last position, of which one token is looked at by itself."""
    for one, other in ((mine.felt, its.felt), (mine.worst, its.worst), (mine.pull, its.pull)):
        assert one is not None
        assert other is not None
        np.testing.assert_allclose(one[:, :-1], other[:, :-1], rtol=1e-9, atol=1e-9)


def test_what_matters_is_found_as_if_all_of_them_were_together() -> None:
    """Of the keys that are kept, by the last token with which the margin is least."""
    model, rng = adder.build(8), np.random.default_rng(0)
    n, vocab = model.n_ctx, len(model.vocab)
    masks = random_boxes(rng, 12, n, vocab)
    answers = rng.integers(0, 10, len(masks))
    boxes, rivals = Boxes.dense(masks), np.arange(vocab) != answers[:, None]
    each, together = Bounds(model.transformer), Bounds(model.transformer)
    together.narrow = False
    mine, its = (one.margins(boxes, answers, rivals, felt=True) for one in (each, together))
    np.testing.assert_allclose(mine.lower, its.lower, rtol=1e-9, atol=1e-9)
    assert_felt_alike(mine, its)
    assert mine.felt is not None
    assert 0 < np.count_nonzero(mine.felt) < n * len(masks) / 2, "most keys should be left out"


def far_away(largest: float) -> Transformer:
    """Position 0 weighs e^-30 of the last one, and says `largest`."""
    read, one = np.zeros((1, 4, 1)), np.zeros((1, 1, 4))
    w_k, w_v = read.copy(), read.copy()
    w_k[0, 1], w_v[0, 2], one[0, 0, 3] = 30, 1, 1
    positions = np.array([[0, 0, largest, 0], *[[0, 0, 0, 0]] * 5, [0, 1, 0, 0]])
    attention = Attention(read, w_k, w_v, one, b_q=np.ones((1, 1)), scale=1)
    mlp = Mlp(np.zeros((4, 1)), np.zeros(1), np.zeros((1, 4)), np.zeros(4), "relu")
    tokens = np.array([[0.0, 0, 0, 1], [0, 0, 0, 1]])
    return Transformer(tokens, positions, [attention, mlp], unembedding=np.array([[0.0, 0, 0, 1], [0, 0, 0, 0]]))


@pytest.mark.parametrize("seen", [True, False])
def test_keys_that_are_not_kept_count_with_the_largest_value_that_any_has(
    seen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    transformer = far_away(-1e15)
    if not seen:
        narrowed = Head.narrowed

        def forgetful(self: Head, keys: np.ndarray) -> Head:
            head, kept = narrowed(self, keys), np.arange(keys.shape[1])
            return replace(head, x=head.x.take(kept, 1), v=head.v.take(kept, 1), v_rounding=head.v_rounding[:, kept])

        monkeypatch.setattr(Head, "narrowed", forgetful)
    boxes = Boxes.of([Box(7, {6: frozenset("a")}, frozenset())], "ab")
    least = Bounds(transformer).margins(boxes, np.array([0]), np.array([[False, True]])).lower[0]
    logits = forward(transformer, np.zeros((1, 7), int))[0, -1]
    assert logits[0] - logits[1] < -50
    assert (least <= logits[0] - logits[1]) == seen


def test_a_box_has_a_row_for_each_last_token() -> None:
    boxes = Boxes.of([Box(2, {1: frozenset("ac")}, frozenset()), Box(3, {0: frozenset("b")}, frozenset())], "abc")
    some, box, token = boxes.by_last_token()
    assert (box.tolist(), token.tolist()) == ([0, 0, 1, 1, 1], [0, 2, 0, 1, 2])
    assert some.lengths.tolist() == [2, 2, 3, 3, 3]
    np.testing.assert_array_equal(some.last, np.eye(3, dtype=bool)[token])
    assert boxes.last.tolist() == [[True, False, True], [True] * 3]
    np.testing.assert_array_equal(some.masks[:, 0], boxes.masks[box, 0])


def test_what_is_proved_of_an_mlp_names_its_levels() -> None:
    model = zoo.load("digit_adder")
    bounds = Bounds(model.transformer)
    sets = {0: frozenset("1"), 2: frozenset("2"), 3: frozenset("="), 4: frozenset("0")}
    found = bounds.margins(
        Boxes.of([Box(5, sets, frozenset("3"))], model.vocab), np.array([3]), np.arange(12)[None] != 3
    )
    assert found.lower[0] > 0.9
    assert np.flatnonzero(found.levels[0].any(axis=(0, 2))).tolist() == [0]
