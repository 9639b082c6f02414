"""Small parts of a bound, computed by hand: sums over keys, effects of tokens, and what is counted for roundings."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from properties.proof import arithmetic
from properties.proof.arithmetic import Interval, add, average, product
from properties.proof.boxes import CountArrays
from properties.proof.interval import norm_error, transform
from properties.proof.prices import Seen
from properties.proof.softmax import Weights, _Sums, effects
from properties.selftest.proof.exact import HERE, LOSES, OWN, ROUNDS, STILL, U, known, lose
from zoo import Mlp
from zoo.transformer.arrays import Array


def weights_of(least: Array, rest: float, seen: Seen | None = None) -> Weights:
    """Of one box and one query, [key, token]; the most is the same."""
    each = np.array(least, float)[None, None]
    return Weights(each, each, np.ones(each.shape, bool), np.full((1, 1, 1), rest), None, seen)


def one_of(keys: int, least: int, most: int) -> Seen:
    """The first of two tokens is counted at all keys."""
    counts = CountArrays(np.array([[[0, keys, 1]]]), np.array([[[True, False]]]), np.array([[[least, most]]]))
    every = np.ones((1, 1, keys, 2), bool)
    return Seen.of(counts, np.arange(keys), np.ones(keys, int), np.arange(keys)[None, None], every)


@pytest.mark.parametrize(("counted", "total"), [(False, 3), (True, 1)])
def test_what_is_only_summed_counts_in_all_three_sums(counted: bool, total: float) -> None:
    """Above a level of 1 the keys are worth 1 or -1, and 2 or -2, and all others half of what the top is, 3."""
    values = np.array([[2.0, 0.0], [3.0, -1.0]])
    found = []
    for rest in (0.0, 0.5):
        weights = weights_of(np.ones((2, 2)), rest, one_of(2, 1, 1) if counted else None)
        at_one = np.ones((1, 1, 1))
        found.append([one.item() for one in _Sums(weights, values[None, None, None], 3 * at_one)(at_one)])
    (without, size, weight), (above, its_size, its_weight) = found
    assert (without, weight) == (total, 2)
    assert (above, its_size, its_weight) == (total + 1, size + 1, 2.5)


@pytest.mark.parametrize("limits", [(0, 3), (0, 2), (1, 3), (2, 2)])
def test_a_score_is_reached_where_a_token_must_stand(limits: tuple[int, int]) -> None:
    """Of three keys, what is counted scores 1000, 1001 or 1002, and all else 0, 1 or 2."""
    low = np.arange(3.0)[:, None] + [1000, 0]
    least, most = limits
    expected = 1000 if least else 0 if most < 3 else -np.inf
    assert one_of(3, *limits).reached(low[None, None], np.ones((1, 1, 3, 2), bool)).item() == expected


@pytest.mark.parametrize("kept", [None, [2, 0]])
def test_a_token_pulls_by_the_worst_end_of_its_value(kept: list[int] | None) -> None:
    """By 1 to 4 tenths of what the negative of its value may be above the level, of the worst rival."""
    weights = weights_of(np.array([[1.0, 2.0], [3.0, 4.0]]), 0.0)
    values = Interval(np.array([[5.0, 0.0], [1.0, -2.0]]), np.array([[0.5, 0.0], [0.0, 2.0]]))
    both = Interval(np.stack([9 * values.c, values.c])[None, None], np.stack([values.r, values.r])[None, None])
    level, lower = np.array([[[7.0, -1.0]]]), np.array([[[0.5, -0.5]]])
    at = None if kept is None else np.array([[kept]])
    found = effects(weights, both, level, lower, np.ones((1, 2 if kept is None else 3, 2), bool), at)
    first, second = [-3.5 * 1 / 10, 1 * 2 / 10], [0.0, 5 * 4 / 10]
    expected = [first, second] if kept is None else [second, [0.0, 0.0], first]
    np.testing.assert_allclose(found[0], np.array(expected))


def test_a_product_with_many_rows_or_of_none() -> None:
    """Also of many numbers in layers, and where there is nothing to be multiplied."""
    rng = np.random.default_rng(0)
    b = rng.normal(size=(2, 100, 60))
    rows = np.zeros((2, 3, 100))
    rows[0, :, 7], rows[1, 2, 70:72] = 2, [1, -1]
    expected = np.zeros((2, 3, 60))
    expected[0], expected[1, 2] = 2 * b[0, 7], b[1, 70] - b[1, 71]
    np.testing.assert_array_equal(product(rows, b), expected)
    np.testing.assert_array_equal(product(rows[0], b[0]), expected[0])
    assert product(np.zeros((0, 100)), np.ones((100, 60))).shape == (0, 60)


def test_underflow_is_not_lost_beside_a_large_radius() -> None:
    """8 of what may underflow are less than the radius rounds by, and no magnitude counts beside an exact zero."""
    a = replace(HERE, tiny=2.0**-60)
    x, _ = add(known([0.0]), known([0.0], 1.0), a)
    assert 1 + 8 * Fraction(a.tiny) <= Fraction(x.r.item()) <= 1 + 2 * Fraction(a.own)


def test_the_radius_of_a_mean_is_a_mean_and_may_underflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be off by a part of itself, and of the magnitudes; each of 4 numbers and its share underflow 4 times."""
    x = Interval(np.zeros(4), np.array([1.0, 2.0, 3.0, 6.0]))
    assert average(x, STILL).r.item() == pytest.approx(3, abs=1e-12)
    assert average(x, replace(OWN, own=0.5)).r.item() == pytest.approx(3 * 1.5 * 1.5, abs=1e-12)
    lose(monkeypatch, U, arithmetic)
    assert average(known([0.0] * 4), STILL).r.item() == 4 * 4 * U


@pytest.mark.parametrize(("eps", "least"), [(1.0, 1.0), (4.0, 4.0), (7.9, 7.9), (8.0, 8.99)])
def test_what_is_left_where_squares_underflow(eps: float, least: float) -> None:
    """Of four squares of 0.99 tiny, nothing where eps is less than 8 tiny: 16 tiny may be lost, by what is left."""
    c = known([(0.99 * U) ** 0.5] * 4)
    assert norm_error(c, eps * U, LOSES).item() == pytest.approx(16 / least)


def test_what_is_rounded_before_an_activation_comes_out_steeper() -> None:
    """GELU rises by 1.129 where it is steepest: two roundings of 1000 and of 998.586 there are the most that is off."""
    layer = Mlp(np.array([[1000.0]]), np.array([2**0.5 - 1000]), np.array([[1.0]]), np.zeros(1), "gelu")
    x = known([1.0]).reshape(1, 1, 1)
    rounding = transform(x, x, layer, ROUNDS)[2].rounding.item()
    before = 2 * U * (1000 + 998.586)
    assert 1.129 * before <= rounding <= 1.21 * before
