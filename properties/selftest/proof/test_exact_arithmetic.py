"""Intervals and their sums against exact arithmetic: nothing leaves a bound, and the worst there is comes close to it.

The share of a bound that the worst reaches is stated, so that a term of it that is lost is missed.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from properties.proof.arithmetic import (
    Arithmetic,
    Interval,
    OutOfRangeError,
    average,
    gamma,
    lost,
)
from properties.selftest.models import aab
from properties.selftest.proof.exact import (
    LOSES,
    OWN,
    ROUNDS,
    VARIES,
    U,
)
from zoo import Attention, Transformer
from zoo.transformer.arithmetic import FLOAT64


@pytest.mark.parametrize("c", [1.0, -1.0])
def test_the_largest_is_above_what_its_sum_rounds_to(c: float) -> None:
    x = Interval(np.array([c, 0.25]), np.array([2.0**-53, 0]))  # 1 + 2^-53 rounds to 1
    assert 1 + Fraction(2) ** -53 <= Fraction(x.largest) <= 1 + 5 * Fraction(2) ** -53
    assert Interval(np.zeros(0), np.zeros(0)).largest == 0
    assert 3.5 <= Interval(np.array([c, c / 2]), np.array([0.25, 2.5])).largest <= 3.5 * (1 + 1e-15)


ENDS = [
    ([1.0], [2.0**-54]),
    ([-1.0, -1.0], [2.0**-54, 2.0**-55]),
    ([1.0, 1 + 2.0**-52], [2.0**-54, 0]),
    ([1.0, 1 + 2.0**-52, 3.0], [0.0, 0.0, 0.0]),
    ([1.0, 1 + 2.0**-52], [0.0, 0.0]),  # the midpoint is one of the ends
    ([-(2.0**-60), 1.0], [0.0, 0.0]),
    ([0.1, 0.7], [0.3, 1e-9]),
    ([-0.1, 0.7, 1e9], [0.3, 1e-9, 1e-9]),
    ([1e300, -1e-300], [0.1, 2.0]),
]


@pytest.mark.parametrize(("c", "r"), ENDS)
def test_a_hull_encloses_each_to_the_last_digit_and_little_more(c: list[float], r: list[float]) -> None:
    hull = Interval(np.array([c]), np.array([r])).hull(1)
    low = min(Fraction(a) - Fraction(b) for a, b in zip(c, r))
    high = max(Fraction(a) + Fraction(b) for a, b in zip(c, r))
    middle, radius = Fraction(hull.c[0, 0]), Fraction(hull.r[0, 0])
    assert middle - radius <= low <= high <= middle + radius
    assert radius <= (high - low) / 2 + 8 * Fraction(2) ** -53 * max(abs(low), abs(high)) + 5 * Fraction(FLOAT64.tiny)


def test_a_hull_of_what_is_known_exactly_is_exact() -> None:
    hull = Interval(np.full((2, 3, 4), 0.1), np.array([[[0.0]], [[1.0]]]) * np.ones((2, 3, 4))).hull(1)
    assert hull.c.shape == hull.r.shape == (2, 1, 4)
    np.testing.assert_allclose(hull.c, 0.1, atol=1e-15)
    assert not hull.r[0].any()
    np.testing.assert_allclose(hull.r[1], 1)


def test_the_difference_of_a_hulls_ends_may_underflow() -> None:
    """One of low, which has a radius, one of the difference, one of its product, and one to spare."""
    tiny = FLOAT64.tiny
    hull = Interval(np.array([[0, 2 * tiny]]), np.zeros((1, 2))).hull(1)
    assert 4 * tiny <= hull.r.item() <= 6 * tiny


@pytest.mark.parametrize("unit", [2.0**-53, 2.0**-24, 2.0**-11])
def test_gamma_is_above_what_so_many_roundings_make(unit: float) -> None:
    rng = np.random.default_rng(0)
    counts = {1, 2, 3, *rng.integers(1, min(int(0.01 / unit), 10**6), 200).tolist()}
    for count in counts:
        steps = count * Fraction(unit)
        found = Fraction(gamma(count, unit))
        assert steps / (1 - steps) <= found <= steps / (1 - steps) * (1 + 16 * Fraction(2) ** -53)
        if count < 100:
            assert found >= (1 + Fraction(unit)) ** count - 1
    for count in (0.01 / unit, np.array([1, 0.02 / unit])):
        with pytest.raises(OutOfRangeError):
            gamma(count, unit)


def test_what_may_overflow_is_not_bounded() -> None:
    a = Arithmetic(U, 0.0, 1024.0)
    a.check(np.array([0, 255.9]))
    for large in (256.0, np.inf, np.nan):
        with pytest.raises(OutOfRangeError):
            a.check(np.array([0, large]))
        with pytest.raises(OutOfRangeError):
            a.rounding(np.array(large), 1)


def test_each_term_of_rounding_is_there() -> None:
    """Of magnitude 1 and 20 products: what underflow takes is of a product and of its addition, four times over."""
    one, n = np.array(1.0), 20
    assert (1 + Fraction(U)) ** n - 1 <= Fraction(float(ROUNDS.rounding(one, n))) <= n * U * (1 + 2 * n * U)
    assert VARIES.rounding(one, n) == U
    assert replace(ROUNDS, weights=0.5).rounding(one, n) >= 0.5 + 1.5 * n * U
    assert 4 * (2 * n - 1) * U <= LOSES.rounding(np.array(0.0), n) <= 4 * 2 * n * U
    assert U * (1 + U / 2) <= OWN.rounding(one, n) <= U * (1 + 2 * U)
    assert 8 * n * U * (1 + 0.1) <= replace(LOSES, own=0.1).rounding(np.array(0.0), n) <= 8 * n * U * 1.1**2 * (1 + U)
    assert n * U * (1 + 0.1) <= replace(ROUNDS, own=0.1).rounding(one, n) - 0.1


def test_own_covers_sums_as_long_as_all_dimensions_together() -> None:
    rng, wide = np.random.default_rng(0), 500
    for vocab, n_ctx, d_model, d_head in ((wide, 1, 1, 1), (20, 25, 1, 1), (1, 1, wide, 1), (1, 1, 1, wide)):
        w = rng.normal(size=(1, d_model, d_head))
        layer = Attention(w, w, w, w.swapaxes(1, 2))
        t = Transformer(rng.normal(size=(vocab, d_model)), rng.normal(size=(n_ctx, d_model)), [layer])
        own = Arithmetic.of_program(t).own
        assert 4 * wide * 2.0**-53 <= own <= 14 * wide * 2.0**-53
    deep = replace(t, layers=[layer] * 3)
    # Through the embedding, a Norm, w_v and w_o of each layer, the final Norm and the unembedding, all off.
    assert 0.1 * 1.1**11 <= Arithmetic.of_program(deep, 0.1).weights <= 0.1 * 1.1**16 * (1 + 1e-12)
    for dtype, unit, tiny in ((np.float64, 2.0**-53, 2.0**-1022), (np.float32, 2.0**-24, 2.0**-126)):
        a = Arithmetic.of_program(t.astype(dtype), 0.1)
        assert (a.unit, a.tiny, a.largest) == (unit, tiny, float(np.finfo(dtype).max))
        assert 0.1 * 1.1**5 <= a.weights <= 0.1 * 1.1**8 * (1 + 1e-12)


def test_what_underflow_takes_is_followed_through_weights() -> None:
    w = np.array([[1.0, -3], [-2, 0.5], [0.5, -0.25]])
    assert 3.75 <= lost(1.0, w) <= 3.75 * (1 + 2e-9)
    taken = 2 * 3 * FLOAT64.tiny
    assert taken <= lost(0.0, w) <= taken * 1.1
    assert lost(0.0, w[:, :0]) >= 0
    column = np.array([1.0, *[2.0**-54] * 1000])[:, None]  # each is rounded away
    assert Fraction(lost(1.0, column)) >= 1 + 1000 * Fraction(2) ** -54


def test_parts_of_an_interval_keep_their_radii() -> None:
    c = np.arange(24.0).reshape(2, 3, 4)
    x = Interval(-c, c / 2)
    np.testing.assert_array_equal(x.magnitude, 1.5 * c)
    for part, index in ((x[0], np.s_[0]), (x.take(np.array([2, 0]), 1), np.s_[:, [2, 0]])):
        np.testing.assert_array_equal(part.c, -c[index])
        np.testing.assert_array_equal(part.r, c[index] / 2)
    assert x.flat(1).r.shape == (2, 12)
    assert Interval(np.zeros((2, 0, 3)), np.zeros((2, 0, 3))).flat(1).c.shape == (2, 0)
    joined = Interval.join([part for part, _ in pairwise([x[:1], x[1:], x])], 0)
    np.testing.assert_array_equal(joined.c, -c)
    np.testing.assert_array_equal(joined.r, c / 2)


def test_what_is_made_here_is_off_in_the_smallest_program_too() -> None:
    """A quarter of its terms is more than a Norm, an activation or a softmax takes beside its sums."""
    smallest = Transformer(np.ones((2, 1)), np.zeros((1, 1)), [])
    assert Arithmetic.of_program(smallest).own >= gamma(4 * (2 + 16), FLOAT64.unit)


def test_the_mean_of_what_is_known_exactly_is_known_as_well_as_it_is_computed() -> None:
    a = Arithmetic.of_program(aab.MODEL.transformer)
    mean = average(Interval(np.array([1.0, -2.0, 4.0]), np.zeros(3)), a)
    assert mean.c.item() == 1
    assert 7 / 3 * a.own <= mean.r.item() <= 7 / 3 * a.own * (1 + 1e-6)
    wide = average(Interval(np.array([1.0, -2.0, 4.0]), np.array([0.5, 0.0, 1.0])), a)
    assert 0.5 <= wide.r.item() <= 0.5 + 4 * a.own
