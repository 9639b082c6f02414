"""Scores, weights and levels in floats, each by itself: nothing leaves its ends, and these are near what is reached."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.means import Sides, excess, guess, levels, loosened, scores, weights
from properties.selftest.recheck.liars import GUESSERS, guessing
from properties.selftest.recheck.worst import many_digits, unit
from zoo.transformer.arrays import Array

flint = pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
NONE, WIDE = 0.0, 2.0**-10  # radii that outweigh all rounding, and none
INFO: dict[Any, Any] = {np.float64: np.finfo(np.float64), np.float32: np.finfo(np.float32)}
each_dtype = pytest.mark.parametrize("dtype", INFO)
OWN = {np.float64: 0.015, np.float32: 0.97}  # what a program may round, as a share of that and what is rounded here


def side(x: Sequence[float], radius: float = NONE, moves: Sequence[float] = (), felt: Sequence[float] = ()) -> Sides:
    """One query or key, with what it is computed from, if that moves."""
    centre: Array = np.array([x])
    return Sides(centre, np.abs(centre) * radius, np.zeros_like(centre), np.array([moves]), np.array([felt]))


def score(q: Sides, k: Sides, scale: float, dtype: Any) -> tuple[float, float]:
    low, high = scores(q, k, scale, float(unit(dtype)), float(INFO[dtype].tiny), float(INFO[dtype].max) / 4)
    return float(low[0, 0]), float(high[0, 0])


@each_dtype
@pytest.mark.parametrize("scale", [1.0, -0.5, 3.0, -8.0])
def test_a_score(dtype: Any, scale: float) -> None:
    """Where only one of both moves, or both do; with an entry that the other has not."""
    u = float(unit(dtype))
    for radii, (q, k) in product(
        [(NONE, NONE), (WIDE, NONE), (NONE, WIDE), (WIDE, WIDE)],
        [([2.0, -(2.0**-20), 0.0], [3.0, 0.5, 7.0]), ([2.0, 0.25, 1.0], [-3.0, 2.0**-20, 0.0])],
    ):
        low, high = score(side(q, radii[0]), side(k, radii[1]), scale, dtype)
        products = [(a * (1 + radii[0])) * (b * (1 + radii[1])) for a, b in zip(q, k)]
        signs = [np.sign(p) * np.sign(products[0]) for p in products]
        ends = [p if s > 0 else a * (1 - radii[0]) * b * (1 - radii[1]) for p, s, a, b in zip(products, signs, q, k)]
        with many_digits():
            number = sum(map(Decimal, ends)) * Decimal(scale)
            units = abs(products[0]) * (2 + (scale != 1)) * abs(scale)
            reached = number + Decimal(units * u).copy_sign(number)
            assert Decimal(low) <= reached <= Decimal(high)
            middle = Decimal(low) / 2 + Decimal(high) / 2
            share = abs(reached - middle) / (Decimal(high) - middle)
        assert share > (0.97 if any(radii) else OWN[dtype])


@each_dtype
def test_a_score_of_what_moves_together(dtype: Any) -> None:
    """Another bound on how far q @ k moves: half as far as their own radii say, and twice."""
    free = score(side([2.0], WIDE), side([3.0], WIDE), 1, dtype)
    for felt, share in ((0.75, 0.125), (1.5, 0.25), (6.0, 1.0)):
        q, k = side([2.0], WIDE, [WIDE], [felt]), side([3.0], WIDE, [WIDE], [felt])
        low, high = score(q, k, 1, dtype)
        assert high - low == pytest.approx((free[1] - free[0]) * share, rel=2 * WIDE)
        assert low <= 6 - 12 * WIDE * share
        assert high >= 6 + 12 * WIDE * share
    still = side([2.0], WIDE, [0.0], [0.0]), side([3.0], WIDE, [0.0], [0.0])
    for which, other in ((0, 3), (1, 2)):  # what one of both is rounded by itself
        both = list(still)
        both[which] = both[which]._replace(rounding=np.array([[WIDE]]))
        low, high = score(both[0], both[1], 1, dtype)
        assert high - low == pytest.approx(2 * WIDE * other, rel=4 * WIDE)
        assert high - 6 >= WIDE * other
        both[which] = both[which]._replace(rounding=np.array([[1.0]]))
        assert score(both[0], both[1], 1, dtype) == pytest.approx(free, rel=1e-15)


@each_dtype
def test_a_score_of_nothing_and_one_that_may_overflow(dtype: Any) -> None:
    assert score(side([1.0, 0.0]), side([0.0, 1.0]), 3, dtype) == (0, 0)
    most = float(INFO[dtype].max)
    assert score(side([0.0, most / 2]), side([most / 2, 0.0]), most, dtype) == (0, 0)
    assert np.isnan(score(side([0.0]), side([float(INFO[np.float64].max)]), 1, dtype)).all()  # none is above it
    limit = float(INFO[dtype].max) / 4
    for q, k, scale in ((limit, 1.1, 1.0), (limit, 0.9, 1.2), (np.nan, 1.0, 1.0), (0.0, np.nan, 1.0)):
        assert np.isnan(score(side([q]), side([k]), scale, dtype)).all()
    assert not np.isnan(score(side([limit]), side([0.9]), 1.0, dtype)).any()
    many = side([1.0] * (200_000 if dtype == np.float32 else 10))
    assert np.isnan(score(many, many, 1.0, dtype)).all() == (dtype == np.float32)  # so many roundings


@each_dtype
def test_a_score_that_may_underflow(dtype: Any) -> None:
    """A product below the normal numbers may be zero in the program."""
    x = 2.0 ** np.floor(np.log2(float(INFO[dtype].tiny)) / 2) / 4
    for sign in (1, -1):
        low, high = score(side([x]), side([sign * x]), 1.0, dtype)
        assert low <= min(0, sign * x * x)
        assert max(0, sign * x * x) <= high


@each_dtype
@pytest.mark.parametrize("apart", [1e-6, 1.0, 60.0, 2000.0])
@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_what_keys_may_weigh(dtype: Any, apart: float, radius: float) -> None:
    """A weight goes through the difference, exp and a division: a unit of the difference, 8 and 1."""
    u, mask = float(unit(dtype)), np.ones((2, 1), bool)
    scored = np.array([[-apart], [0.0]])
    least, most = weights(scored - radius, scored + radius, mask, u)
    for key in range(2):
        for weight, sign in ((least[key, 0], -1), (most[key, 0], 1)):
            off = u * (9 + float(abs(scored[key, 0] - radius - radius)))
            with many_digits():
                exactly = Decimal(float(scored[key, 0])) + Decimal(sign * radius) + Decimal(radius)
                reached = (exactly + Decimal(sign * off)).exp()  # to a factor of the score that is reached
                share = reached / Decimal(float(weight)) if weight > 0 else Decimal(1)
            if apart == 2000 and key == 0:
                assert (weight == 0) if sign < 0 else (0 < weight < 1e-300)
                continue
            own = 2.0**-48 + 0.03 * off + 3 * np.spacing(apart + 2 * radius)
            assert 0 <= float(share.ln()) * -sign <= own
    empty = np.zeros((2, 1), bool)
    assert not np.array(weights(scored, scored, mask & empty | np.array([[False], [True]]), u))[:, 0].any()


def test_what_outweighs_a_key_that_is_always_there() -> None:
    """Up to infinity at most, cut off at least; what is far below the others is told apart among its own."""
    low = np.array([[0.0, -5000.0], [-2000.0, -2000.0], [-2010.0, -2010.0]])
    least, most = weights(low, low, np.ones_like(low, bool), 2.0**-53)
    assert most[0, 0] == np.inf
    assert 1e260 < least[0, 0] < np.inf
    assert least[1] == pytest.approx(1)
    assert most[2] == pytest.approx(np.exp(-10))
    assert least[0, 1] == 0


Keys = list[list[tuple[float, float, float]]]


def softmax_keys(rng: np.random.Generator, keys: int) -> Keys:
    """For each key and token the least and largest weight, and the value."""
    every = []
    for _ in range(keys):
        least = rng.random(rng.integers(1, 4))
        its = zip(least, least * rng.choice([1, 1.5, 4], len(least)), rng.normal(size=len(least)))
        every.append([(float(low), float(high), float(value)) for low, high, value in its])
    return every


def as_arrays(keys: Keys) -> tuple[Array, Array, Array, Array]:
    """Least and largest weights, values and the mask, [key, token]; where nothing may stand, there is what misleads."""
    out = np.full((3, len(keys), max(map(len, keys))), 1e9)
    mask = np.zeros(out.shape[1:], bool)
    for i, its in enumerate(keys):
        out[:, i, : len(its)], mask[i, : len(its)] = np.array(its).T, True
    return out[0] * mask, out[1] * mask, out[2], mask


def worst_excess(keys: Keys, level: float) -> Decimal:
    """The largest Σ w (v - level) of all choices of tokens and of ends of weights."""
    with many_digits():
        each = [[Decimal(w) * (Decimal(v) - Decimal(level)) for *ends, v in its for w in ends] for its in keys]
        return max((sum(choice, Decimal(0)) for choice in product(*each)), default=Decimal(0))


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_of_weights_and_tokens_exceeds_the_excess(seed: int) -> None:
    rng = np.random.default_rng(seed)
    keys = softmax_keys(rng, int(rng.integers(1, 5)))
    arrays = as_arrays(keys)
    for level in (-3.0, -0.5, 0.0, 0.4, 3.0):
        found, true = Decimal(float(excess(*arrays, np.array(level)))), worst_excess(keys, level)
        assert true <= found
        assert found - true < Decimal("1e-13") * (1 + abs(true))
    values = [v for its in keys for *_, v in its]
    for bits, loose in ((52, 1e-13), (10, 2.0**-8)):
        level = float(levels(*arrays, bits))
        assert worst_excess(keys, level) <= 0
        if not min(values) <= level <= min(values):
            assert worst_excess(keys, level - loose) > 0  # no number so much lower is a level
    assert abs(float(guess(*arrays)) - level) < 1e-2


@pytest.mark.parametrize("guesser", GUESSERS)
def test_what_is_guessed_is_confirmed_or_not_taken(guesser: str) -> None:
    for seed in range(20):
        rng = np.random.default_rng(seed)
        keys = softmax_keys(rng, int(rng.integers(1, 5)))
        with guessing(guesser):
            level = float(levels(*as_arrays(keys), 52))
        assert worst_excess(keys, level) <= 0
        assert level <= max(v for its in keys for *_, v in its)


@pytest.mark.parametrize("value", [-7.5, 0.0, 3.0])
def test_the_level_of_equal_values_is_their_value(value: float) -> None:
    ones: Array = np.ones((3, 1))
    assert float(levels(ones, 2 * ones, value * ones, ones > 0, 52)) == value


def test_of_what_is_not_known_there_is_no_level() -> None:
    ones, mask = np.ones((2, 2, 1)), np.ones((2, 2, 1), bool)
    for bad in (np.nan, np.inf):
        values = np.stack([ones[0], np.array([[bad], [0.0]])])
        found = levels(ones, ones, values, mask, 52)
        assert found.tolist() == [1, np.inf]
    found = levels(ones, np.stack([ones[0], ones[0] * np.nan]), np.array([[[1.0], [0.0]]] * 2), mask, 52)
    assert found[0] == pytest.approx(0.5)
    assert found[1] == np.inf


def test_a_heavy_key_that_stands_in_the_way_is_passed() -> None:
    """Below its value its largest weight counts, above it its least, which may be nothing."""
    least, most = np.array([[0.0], [1e-9], [1e-9]]), np.array([[np.inf], [1e-9], [1e-9]])
    value, mask = np.array([[0.3], [1.0], [0.8]]), np.ones((3, 1), bool)
    assert float(levels(least, most, value, mask, 52)) == pytest.approx(0.9, rel=1e-12)


def test_many_steps_lead_to_the_level() -> None:
    """Of each key the weight is a quarter of that before it, and the value larger."""
    i = np.arange(100.0)[:, None]
    mask = np.ones_like(i, bool)
    level = float(levels(0 * i, 4.0**-i, i, mask, 52))
    assert 98.9 < level <= 99
    assert float(excess(0 * i, 4.0**-i, i, mask, np.array(level))) <= 0 or level == 99


@each_dtype
def test_sums_that_are_loosened_are_not_below(dtype: Any) -> None:
    """For the worst of roundings: each by a unit, downwards."""
    for count in (1, 5, 1000):
        with many_digits():
            less = Decimal(3) * (1 - Decimal(2) ** -53) ** (count + 30)
            assert Decimal(float(loosened(np.array(float(less)), count))) >= 3
        assert loosened(np.array(0.0), count) >= (count + 30) * means.TINY


def test_numbers_of_flint_are_rounded_outward() -> None:
    for number in ("0.1", "-0.1", "1e-400", "1e300"):
        ball = flint.arb(number)
        low, high = means.below(ball), means.above(ball)
        assert low < ball < high
        assert high - low <= max(2 * float(np.spacing(abs(float(ball)))), 1e-323)
    around = flint.arb(0.5, 2.0**-100)  # which is neither above 0.5 nor below
    assert means.below(around) < 0.5 < means.above(around)
    for exact in (0.0, -0.5, 3.0):
        assert means.below(flint.arb(exact)) == means.above(flint.arb(exact)) == exact
    assert (means.above(flint.arb("nan")), means.below(flint.arb("nan"))) == (np.inf, -np.inf)
    assert (means.above(flint.arb("inf")), means.below(flint.arb("-inf"))) == (np.inf, -np.inf)
