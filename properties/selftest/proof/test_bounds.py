"""Bounds hold for the program that runs, on anything; and a fault planted in them is noticed."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from properties.proof import attention, backward, bounds, interval, softmax
from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes
from properties.selftest.models import NAMES
from properties.selftest.random_models import assert_noticed, completions, random_boxes, transformers
from zoo import ModelError, Transformer, forward
from zoo.transformer.arrays import Array


def check_bounds(transformer: Transformer, seed: int) -> None:
    """On random boxes of each length, no difference of logits in a random completion is below its bound."""
    rng, vocab = np.random.default_rng(seed), len(transformer.token_embedding)
    bound = Bounds(transformer)
    boxes = [box for n in range(1, transformer.n_ctx + 1) for box in random_boxes(rng, 3, n, vocab)]
    answers, rivals = rng.integers(0, vocab, len(boxes)), rng.random((len(boxes), vocab)) < 0.8
    rivals[np.arange(len(boxes)), answers] = False
    together = seed % 2 and bound.mixes  # all lengths at once
    for part in [slice(None)] if together else [slice(i, i + 3) for i in range(0, len(boxes), 3)]:
        masks = np.zeros((len(boxes[part]), len(boxes[part][-1]), vocab), bool)
        for mask, box in zip(masks, boxes[part]):
            mask[: len(box)] = box
        lower = bound.margins(Boxes.dense(masks), answers[part], rivals[part]).lower
        for box, answer, rival, margin in zip(boxes[part], answers[part], rivals[part], lower):
            assert_least(transformer, rng, box, answer, rival, margin)


def check_blocks(transformer: Transformer, seed: int) -> None:
    """The same of boxes that know little of a context, where the other positions are looked at in blocks."""
    rng, vocab = np.random.default_rng(seed), len(transformer.token_embedding)
    bound = Bounds(transformer, block=int(rng.integers(2, 4)))
    n = transformer.n_ctx
    positions = np.arange(n - 1 - rng.integers(3), n)  # all that is known is about the last one to three tokens
    masks = np.ones((4, n, vocab), bool)
    masks[:, positions] = random_boxes(rng, 4, len(positions), vocab)
    boxes = Boxes(np.full(4, n), positions, masks[:, positions])
    answers = rng.integers(0, vocab, 4)
    rivals = np.arange(vocab) != answers[:, None]
    lower = bound._in_parts(boxes, bound._closed(boxes), answers, rivals).lower
    for box, answer, rival, margin in zip(masks, answers, rivals, lower):
        assert_least(transformer, rng, box, answer, rival, margin)


def assert_least(
    transformer: Transformer, rng: np.random.Generator, box: Array, answer: int, rival: Array, margin: float
) -> None:
    logits = forward(transformer, completions(rng, box, 12))[:, -1].astype(np.float64)
    least = (logits[:, [answer]] - logits[:, rival]).min(initial=np.inf)
    assert least >= margin, f"a difference is {least}, but should be at least {margin}"


@pytest.mark.soundness
def test_no_difference_of_logits_leaves_its_bound() -> None:
    settings(deadline=None)(given(transformers(), st.integers(0, 2**32 - 1))(check_bounds))()


@pytest.mark.soundness
def test_nor_where_positions_are_looked_at_in_blocks() -> None:
    drawn = transformers(max_vocab=3, min_n_ctx=8, max_n_ctx=12, layers=["attention"])
    settings(deadline=None)(given(drawn, st.integers(0, 2**32 - 1))(check_blocks))()


def without_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Arithmetic, "rounding", lambda self, magnitude, count: np.zeros(np.shape(magnitude)))


def with_rounding_of_the_wrong_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    of = Arithmetic.of_program
    monkeypatch.setattr(Arithmetic, "of_program", lambda *arguments: replace(of(*arguments), unit=2.0**-60))


def with_weights_that_may_not_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    original = softmax.softmax_weights

    def middle(*arguments: Any) -> softmax.Weights:
        weights = original(*arguments)
        mean = np.sqrt(weights.least * weights.most)
        return replace(weights, least=mean, most=mean)

    monkeypatch.setattr("properties.proof.forward.softmax_weights", middle)


def with_a_shift_that_nothing_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    """All weights underflow, and any level seems proved."""
    original = softmax.softmax_weights

    def shifted(s: Interval, *arguments: Any) -> softmax.Weights:
        weights = original(s, *arguments)
        return replace(weights, least=weights.least * 0, most=weights.most * 0)

    monkeypatch.setattr("properties.proof.forward.softmax_weights", shifted)


def with_keys_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    original = softmax.softmax_weights

    def forgetful(*arguments: Any) -> softmax.Weights:
        weights = original(*arguments)
        return replace(weights, most=weights.most * (weights.most > 0.1), least=weights.least * (weights.most > 0.1))

    monkeypatch.setattr("properties.proof.forward.softmax_weights", forgetful)


def with_means_never_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    original = softmax.softmax_mean
    monkeypatch.setattr(bounds, "softmax_mean", lambda w, v, a: original(w, v, a) - 1e-3 * np.ptp(v))


def with_a_gelu_that_rises(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interval, "GELU_MINIMUM", -1e9)


def with_every_unit_taken_for_linear(monkeypatch: pytest.MonkeyPatch) -> None:
    original = backward.transform

    def transform(step: interval.Passed, along: Array, constant: Array, before: float) -> tuple[Array, Array, float]:
        return original(replace(step, hidden=_surely_on(step.hidden)), along, constant, before)

    monkeypatch.setattr(backward, "transform", transform)


def _surely_on(hidden: Interval) -> Interval:
    return Interval(np.abs(hidden.c) + hidden.r, hidden.r)


def with_the_mask_the_other_way_round(monkeypatch: pytest.MonkeyPatch) -> None:
    original = attention.visible_tokens

    def flipped(keys: attention.Keys, queries: Array, lengths: Array, own: Array, causal: bool) -> Array:
        return original(keys, queries, lengths, own, not causal)

    monkeypatch.setattr("properties.proof.forward.visible_tokens", flipped)


def with_a_tenth_of_what_enters_a_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    original = interval.normalize

    def tenth(x: Interval, norm: zoo.Norm | None, *rest: Any) -> Interval:
        return original(Interval(x.c, x.r * 0.1), norm, *rest)

    monkeypatch.setattr(interval, "normalize", tenth)


def with_means_that_never_move(monkeypatch: pytest.MonkeyPatch) -> None:
    original = interval.attend

    def attend(x: Interval, mean: Interval, *rest: Any) -> tuple[Interval, Interval]:
        return original(x, mean, *rest)[0], Interval(mean.c + 0 * x.c[..., :1], mean.r)

    monkeypatch.setattr(interval, "attend", attend)


def with_blocks_that_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "Keys", lambda positions, counts: attention.Keys(positions, np.ones_like(counts)))


def with_blocks_that_are_their_first_position(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention.Head, "hull", lambda self: self.take(np.zeros(1, int)))


# Each fault with layers that can show it, whether there may be a Norm, and a seed with which it is seen soon.
FAULTS: list[tuple[Callable[[pytest.MonkeyPatch], None], list[str] | None, bool, int]] = [
    (without_rounding, None, True, 18),
    (with_rounding_of_the_wrong_dtype, None, True, 4),
    (with_weights_that_may_not_vary, ["attention", "attention"], False, 14),
    (with_a_shift_that_nothing_reaches, ["attention"], True, 2),
    (with_keys_forgotten, ["attention"], True, 5),
    (with_means_never_raised, ["attention"], True, 2),
    (with_a_gelu_that_rises, ["attention", "gelu"], False, 13),
    (with_every_unit_taken_for_linear, ["attention", "relu"], False, 5),
    (with_the_mask_the_other_way_round, ["attention", "attention"], False, 18),
    (with_a_tenth_of_what_enters_a_norm, ["attention", "attention"], True, 7),
    (with_means_that_never_move, ["attention", "attention"], True, 21),
]


@pytest.mark.parametrize(("fault", "layers", "normed", "seed"), FAULTS)
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None],
    layers: list[str] | None,
    normed: bool,
    seed: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fault(monkeypatch)
    assert_noticed(check_bounds, transformers(layers=layers, normed=normed), 2000, "should be at least", seed)


@pytest.mark.parametrize(
    ("fault", "seed"), [(with_blocks_that_count_once, 19), (with_blocks_that_are_their_first_position, 16)]
)
def test_a_fault_planted_in_blocks_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    drawn = transformers(max_vocab=3, min_n_ctx=8, max_n_ctx=12, layers=["attention"])
    assert_noticed(check_blocks, drawn, 2000, "should be at least", seed)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bounds_of_one_context_are_its_margins_up_to_rounding(name: str, dtype: type) -> None:
    transformer = zoo.load(name).transformer.astype(dtype)
    tokens = np.random.default_rng(0).integers(0, len(transformer.token_embedding), (20, transformer.n_ctx))
    boxes = np.eye(len(transformer.token_embedding), dtype=bool)[tokens]
    logits = forward(transformer, tokens)[:, -1].astype(np.float64)
    answers = logits.argmax(axis=1)
    rivals = np.arange(logits.shape[1]) != answers[:, None]
    exact = logits.max(axis=1) - np.where(rivals, logits, -np.inf).max(axis=1)
    lower = Bounds(transformer).margins(Boxes.dense(boxes), answers, rivals).lower
    assert (lower <= exact).all()
    assert (lower >= exact * (1 - 1e-2 * (dtype == np.float32) - 1e-7)).all()


def test_gelu_is_nowhere_below_its_minimum() -> None:
    x = np.linspace(-3, 0, 300_001)
    y = zoo.transformer.gelu(x)
    assert interval.GELU_BELOW < y.min() < interval.GELU_BELOW + 1e-6
    assert abs(x[y.argmin()] - interval.GELU_MINIMUM) < 1e-4


def test_overflow_is_never_certified() -> None:
    """The logits are inf in float32, and finite in float64."""
    ones = np.full((2, 2), 1e30)
    transformer = Transformer(ones, ones, [], unembedding=np.array([[1e30, 0], [0, -1e30]]))
    boxes, rivals = np.ones((1, 2, 2), bool), np.array([[False, True]])
    answers = np.zeros(1, int)
    assert Bounds(transformer).margins(Boxes.dense(boxes), answers, rivals).lower[0] > 1e60
    with np.errstate(over="ignore"):
        assert Bounds(transformer.astype(np.float32)).margins(Boxes.dense(boxes), answers, rivals).lower[0] == -np.inf


def test_other_dtypes_are_refused() -> None:
    with pytest.raises(ModelError, match="the arrays are float16, but should be float32 or float64"):
        Bounds(zoo.load("aab").transformer.astype(np.float16))


def test_some_of_several_boxes_are_what_they_were() -> None:
    """Also the shorter ones, of positions that only the longer ones have."""
    boxes = Boxes.of([Box(3, {0: frozenset("a")}, frozenset()), Box(6, {4: frozenset("b")}, frozenset())], "ab")
    shorter, longer = boxes[np.array([0])].everywhere(), boxes[1:].everywhere()
    np.testing.assert_array_equal(shorter.masks[0], [[True, False], [True, True], [True, True]])
    np.testing.assert_array_equal(longer.masks[0, :, 0], [True] * 4 + [False, True])
    np.testing.assert_array_equal(boxes.everywhere().masks[0, 3:], np.zeros((3, 2), bool))
