"""Weights and weighted means against exact arithmetic: the worst tokens, scores and roundings of every key together."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.proof import softmax
from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.softmax import SMALL, Weights, softmax_mean, softmax_weights
from properties.selftest.proof.exact import (
    HERE,
    OWN,
    ROUNDS,
    STILL,
    U,
)
from properties.selftest.worst import Number, Program, Run, along, exact, extreme, flint
from zoo.transformer.arithmetic import EXP_ULPS, FLOAT64
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def what_is_infinite_is_seen() -> Iterator[None]:
    """As `Bounds` calls it."""
    with np.errstate(all="ignore"):
        yield


def ends(c: Any, r: Any, visible: Any, a: Arithmetic) -> tuple[Array, Array]:
    """How much is added to the ends of scores [key, token] for what follows."""
    s = Interval(np.array(c, float)[None, None], np.array(r, float)[None, None])
    low, high, _ = softmax.ends(s, np.array(visible, bool)[None, None], a)
    return ((s.c - s.r) - low)[0, 0], (high - (s.c + s.r))[0, 0]


def test_what_follows_a_score_is_counted_as_a_shift_of_it() -> None:
    """The largest is subtracted, exp is off by 8 units, and the division by one; a score that is not seen is none."""
    scores = np.array([[0.0], [-0.5], [-30.0], [7.0]])
    for down, up in [ends(scores, 0 * scores, [[1], [1], [1], [0]], ROUNDS)]:
        for i, s in enumerate(scores[:3, 0]):
            program: Program = lambda run: (run(s) - run(0.0) * run(1.0)).exp() / run(1.0)  # noqa: B023, E731
            assert float(exact(program)) == pytest.approx(np.exp(s))
            worst = -np.log((1 - 8 * U) * (1 - U)) + abs(s) * U
            assert worst <= down[i, 0] <= 1.06 * worst
            assert worst <= up[i, 0] + 1e-8 <= 1.06 * worst
    assert EXP_ULPS == 4
    low, high = np.array([[-1.0], [-22]]), np.array([[1.0], [-18]])
    down, up = ends((low + high) / 2, (high - low) / 2, [[1], [1]], ROUNDS)
    for found in (down, up):  # the largest may be 1 where another is at its least
        assert (9 * U + (1 - low) * U <= found).all()
        assert (found <= 1.06 * (9 * U + (1 - low) * U)).all()


def test_what_is_rounded_here_is_counted_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A score's end, its error, and the one that is reached, which is subtracted, by what the largest is above both."""
    monkeypatch.setattr(softmax, "FLOAT64", replace(FLOAT64, unit=U))
    down, _ = ends([[0, 8], [-40, -40]], np.zeros((2, 2)), np.ones((2, 2)), STILL)
    for found, away in ((down[0, 0], 8), (down[0, 1], 8), (down[1, 0], 48)):
        assert U * (3 * away + 2 * EXP_ULPS) <= found <= 1.06 * U * (4 * away + 2 * EXP_ULPS)


def test_a_score_that_is_not_known_may_be_anything() -> None:
    s = Interval(np.array([[[[0.0], [np.nan]], [[np.inf], [1]]]]), np.zeros((1, 2, 2, 1)))
    low, high, _ = softmax.ends(s, np.ones((1, 2, 2, 1), bool), STILL)
    assert np.isneginf(low).all()  # the known ones, too: the largest may be so much larger
    assert np.isposinf(high).all()


def weighed(c: Array, r: Array, counts: Array, masks: Array, a: Arithmetic, own: int = -1) -> Weights:
    """Of one box and one query, scores and masks [key, token]."""
    s = Interval(c[None, None], r[None, None])
    visible = np.ones((1, 1, *c.shape), bool)
    if own >= 0:
        visible[0, 0, own] = np.eye(c.shape[1], dtype=bool)[0]
    return softmax_weights(s, visible, np.array([[own]]), counts, masks[None], slice(None), a)


def largest_mean(c: Array, r: Array, counts: Array, masks: Array, values: Array) -> Any:
    """Over every token that each key may be, at either end of its score."""
    choices = [
        [
            (flint.arb(float(c[k, t])) + end * flint.arb(float(r[k, t])), t)
            for t in np.flatnonzero(masks[k])
            for end in ((-1, 1) if r[k, t] else (0,))
        ]
        for k in range(len(c))
    ]
    best = flint.arb(-1e300)
    for chosen in product(*choices):
        e = [s.exp() * int(counts[k]) for k, (s, _) in enumerate(chosen)]
        total = sum(e, flint.arb(0))
        best = best.max(
            sum((w * flint.arb(float(values[k, t])) for k, (w, (_, t)) in enumerate(zip(e, chosen))), flint.arb(0))
            / total
        )
    return best


@pytest.mark.parametrize("seed", range(12))
def test_a_mean_is_bounded_by_the_worst_tokens_and_scores(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys, tokens = ((1, 1), (1, 2), (3, 1), (3, 2), (4, 2), (2, 3))[seed % 6]
    c, r = rng.normal(size=(keys, tokens)) * rng.choice([0.1, 3]), rng.random((keys, tokens)) * rng.choice([0, 1])
    counts, masks = rng.choice([1, 1, 7], keys), rng.random((keys, tokens)) < 0.7
    masks[np.arange(keys), rng.integers(tokens, size=keys)] = True
    values = rng.normal(size=(keys, tokens)) * rng.choice([1, 1e6]) - rng.choice([0, 100])
    weights = weighed(c, r, counts, masks, HERE)
    found = softmax_mean(weights, values[None, None, None], HERE).item()
    worst = largest_mean(c, r, counts, masks, values)
    assert not flint.arb(found) < worst
    assert found <= float(worst) + 1e-11 * np.abs(values).max()


def rounded_mean(scores: list[float], values: list[float]) -> Program:
    """Without the roundings of sums and products, which count elsewhere, and so of the weights' own sum."""

    def program(run: Run) -> Number:
        numbers = [run(s, 0) for s in scores]
        top = numbers[int(np.argmax(scores))]
        e = [(s - top).exp() for s in numbers]
        whole = along(e, [1] * len(e))
        p = [w / whole for w in e]
        over, under = along(p, values), along(p, [1] * len(p))
        share = 1 / under.value
        return run.made(over.value * share, ((over, share), (under, -over.value * share * share)), 0)

    return program


@pytest.mark.parametrize(
    ("scores", "values", "share"),
    [
        ([1.0, -24.0, -24.0], [0.0, 1e10, 1e10], 0.75),  # 25 roundings of the difference
        ([0.0, -0.1], [-3.0, 5.0], 0.5),  # exp: that of 0 is 1
        ([0.0, -0.1, -0.1], [0.0, 1.0, -1.0], 0.7),
    ],
)
def test_the_roundings_of_weights(scores: list[float], values: list[float], share: float) -> None:
    c = np.array(scores)[:, None]
    weights = weighed(c, 0 * c, np.ones(len(c), int), np.ones(c.shape, bool), ROUNDS)
    program = rounded_mean(scores, values)
    found = softmax_mean(weights, np.array(values)[None, None, None, :, None], ROUNDS).item()
    value, worst = float(exact(program)), float(extreme(program, True, unit=U))
    assert worst - value <= (found - value) * (1 + 1e-6)
    assert worst - value >= share * (found - value)


def test_a_key_that_is_the_query_holds_its_token_alone() -> None:
    """Whatever the box says of it: it is about the last position, and a query may be elsewhere."""
    c, values = np.zeros((2, 2)), np.array([[1.0, 5.0], [3.0, 7.0]])
    masks = np.array([[False, True], [True, False]])
    weights = weighed(c, c, np.ones(2, int), masks, HERE, own=0)
    np.testing.assert_array_equal(weights.valid[0, 0], [[True, False], [True, False]])
    assert softmax_mean(weights, values[None, None, None], HERE).item() == pytest.approx(2)


@pytest.mark.parametrize("score", [-50.0, 50.0])
def test_a_key_that_is_not_seen_is_none(score: float) -> None:
    """Nor is a token that is not seen of one that is."""
    c = np.array([[0.0, score], [1.0, 1.0], [score, score]])
    visible = np.array([[True, False], [True, True], [False, False]])
    s = Interval(c[None, None], np.zeros((1, 1, 3, 2)))
    every = np.ones((1, 3, 2), bool)
    weights = softmax_weights(s, visible[None, None], np.array([[-1]]), np.ones(3, int), every, slice(None), HERE)
    values = np.array([[-1.0, 9], [2, 3], [9, 9]])
    expected = (-1 + 3 * np.e) / (1 + np.e)
    assert softmax_mean(weights, values[None, None, None], HERE).item() == pytest.approx(expected)


def test_boxes_take_the_scores_of_their_length() -> None:
    c = np.array([[[[0.0], [0.0]]], [[[0.0], [np.log(3)]]]])
    boxes = np.ones((3, 2, 1), bool)
    visible = np.ones((2, 1, 2, 1), bool)
    weights = softmax_weights(
        Interval(c, 0 * c), visible, np.array([[-1], [-1]]), np.ones(2, int), boxes, np.array([1, 0, 1]), HERE
    )
    values = np.array([0.0, 4])[None, None, None, :, None]
    np.testing.assert_allclose(softmax_mean(weights, values, HERE)[:, 0, 0], [3, 2, 3])


@pytest.mark.parametrize("spread", [0.0, 2.0])
@pytest.mark.parametrize("best", [0, 5])
def test_keys_that_weigh_little_are_summed(spread: float, best: int) -> None:
    """Two of six keys are kept; 10^9 of each of the others weigh about a thousandth together, and are worth most."""
    c, r = np.full((6, 2), -28.5) - [0, 5], np.zeros((6, 2))  # the second token of each weighs less
    c[best], c[2], r[2] = 0, -1, spread
    counts, every = np.full(6, 10**9), np.ones((6, 2), bool)
    counts[[best, 2]] = 1
    every[best, 1] = every[2, 1] = False
    values = np.array([-1.0, 8, 0, 3, 8, 2])[:, None] * [1, 1]
    values[best] = -1
    weights = weighed(c - 5, r, counts, every, HERE)
    assert weights.kept is not None
    assert sorted(weights.kept[0, 0].tolist()) == sorted([best, 2])
    found = softmax_mean(weights, values[None, None, None], HERE).item()
    alike = np.where(np.isin(np.arange(6), [best, 2])[:, None], values, 8.0)  # as if the rest were all worth the most
    worst = float(largest_mean(c, r, counts, every, alike))
    two = [best, 2]
    rest = worst - float(largest_mean(c[two], r[two], np.ones(2), every[two], values[two]))
    assert rest > 1e-3
    summed = 4 * 10**9 * np.exp(-28.5)
    assert 1.005 * summed <= weights.rest.item() <= 1.02 * summed
    assert worst <= found <= worst + (0.02 + 10 * (spread > 0)) * rest


def test_weights_enclose_exp_at_its_ends() -> None:
    """Also where it underflows, or overflows, and counts by its product with how many keys it stands for."""
    rng = np.random.default_rng(0)
    below = np.array([0.0, *rng.uniform(-5, 0, 40), -690.7, -707, -720.0, -744.0, -745.5, -800])
    c, counts = np.sort(below)[::-1][:, None], rng.integers(1, 50, len(below))
    weights = weighed(c, 0 * c, counts, np.ones(c.shape, bool), HERE)
    kept = np.arange(len(c)) if weights.kept is None else weights.kept[0, 0]
    for k, least, most in zip(kept, weights.least[0, 0, :, 0], weights.most[0, 0, :, 0]):
        true = flint.arb(float(c[k, 0])).exp() * int(counts[k])
        assert flint.arb(float(least)) <= true <= flint.arb(float(most))
        assert c[k, 0] < -600 or most * (1 - 1e-13) <= float(true) <= least * (1 + 1e-13)
        # Within that, what the product with the count may round.
        assert c[k, 0] < -600 or (
            flint.arb(float(least))
            <= true * (1 - flint.arb("9e-15"))
            <= true * (1 + flint.arb("9e-15"))
            <= flint.arb(float(most))
        )
        assert most <= 2 * (float(true) + counts[k] * SMALL)
        assert least == 0 or least > SMALL
    far = np.array([[0.0, 5000.0], [0.0, 0.0]])  # a token of a key that may be another
    weights = weighed(far, 0 * far, np.ones(2, int), np.ones((2, 2), bool), HERE)
    assert np.isfinite(weights.least).all()
    assert weights.least[0, 0, 0, 1] > 1e300


def test_what_a_key_cannot_be_weighs_nothing() -> None:
    c = np.zeros((2, 2))
    weights = weighed(c, c, np.ones(2, int), np.array([[True, False], [True, True]]), HERE)
    for ends in (weights.least, weights.most):
        np.testing.assert_array_equal(ends[0, 0] > 0, [[True, False], [True, True]])
    weights = weighed(c, c, np.ones(2, int), np.array([[False, False], [True, True]]), HERE)  # behind the last
    values = np.array([[9.0, 9.0], [1.0, 3.0]])
    assert softmax_mean(weights, values[None, None, None], HERE).item() == pytest.approx(3)


def sums_at(weights: Weights, values: Array, level: float) -> tuple[Any, Any]:
    """Σ w (v - λ) with every key's worst token, and the same of absolute values, of a box and query: exact."""
    above, size = flint.arb(0), flint.arb(0)
    for k in range(values.shape[0]):
        terms = []
        for t in np.flatnonzero(weights.valid[0, 0, k]):
            v = flint.arb(float(values[k, t])) - flint.arb(level)
            terms.append(v * flint.arb(float((weights.most if v > 0 else weights.least)[0, 0, k, t])))
        worst = max(terms, key=float)
        above, size = above + worst, size + abs(worst)
    others = flint.arb(float(weights.rest.item())) * (flint.arb(float(values.max())) - flint.arb(level))
    return above + others, size + abs(others)


@pytest.mark.parametrize("a", [HERE, OWN])
@pytest.mark.parametrize("rest", [0.0, 0.5])
def test_one_sum_confirms_a_level_by_more_than_is_rounded_in_it(a: Arithmetic, rest: float) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        shape = (1, 1, *rng.integers(1, 5, 2))
        most = rng.random(shape) * (rng.random(shape) < 0.8) + 0.1
        valid = rng.random(shape) < 0.8
        valid[..., 0] = True
        weights = Weights(most * rng.random(shape), most, valid, np.full((1, 1, 1), rest), None)
        values = rng.normal(size=shape[2:]) * rng.choice([1, 1e-9]) + rng.choice([0, 1, -1e3])
        level = softmax_mean(weights, values[None, None, None], a).item()
        above, size = sums_at(weights, values, level)
        assert level == values.max() or above <= -a.own * size * (1 - 2 * a.own)
        lower = level - 16 * a.own * np.abs(values).max()
        assert sums_at(weights, values, lower)[0] > 0 or lower < values.min()


def test_a_mean_of_what_is_not_known_is_not_known() -> None:
    c = np.zeros((2, 1))
    weights = weighed(c, c, np.ones(2, int), np.ones((2, 1), bool), HERE)
    for values, expected in (([0.0, np.nan], True), ([0.0, np.inf], True), ([-np.inf, 0], True), ([0, 1.0], False)):
        found = softmax_mean(weights, np.array(values)[None, None, None, :, None], HERE)
        assert np.isnan(found.item()) == expected
