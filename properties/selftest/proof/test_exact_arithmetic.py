"""Intervals and their sums against exact arithmetic: nothing leaves a bound, and the worst there is comes close to it.

The share of a bound that the worst reaches is stated, so that a term of it that is lost is missed.
"""

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from properties.proof import arithmetic
from properties.proof.arithmetic import (
    Arithmetic,
    Interval,
    OutOfRangeError,
    add,
    average,
    gamma,
    linear,
    lost,
    nonzero,
    product,
)
from properties.selftest.worst import Number, Program, Run, assert_reached
from zoo import Attention, Transformer
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

U = 2.0**-16
ROUNDS = Arithmetic(U, 0.0, 1e300)
VARIES = Arithmetic(0.0, 0.0, 1e300, weights=U)
OWN = Arithmetic(0.0, 0.0, 1e300, own=U)
LOSES = Arithmetic(0.0, U, 1e300)


def known(values: list[float], radius: float = 0.0) -> Interval:
    return Interval(np.array(values), np.full(len(values), radius))


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
    counts = {1, 2, 3, *rng.integers(1, min(0.01 / unit, 10**6), 200).tolist()}
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
        assert (a.unit, a.tiny, a.largest) == (unit, tiny, np.finfo(dtype).max)
        assert 0.1 * 1.1**5 <= a.weights <= 0.1 * 1.1**8 * (1 + 1e-12)


def test_few_nonzero_entries_are_multiplied_alone() -> None:
    """A row of NaN at which no entry is looked shows that it is not: a whole product would be NaN."""
    rng, d, k = np.random.default_rng(0), 128, 50
    w = rng.integers(-9, 10, (d, k)).astype(float)
    x = np.zeros((3, 5, d))
    for row, count in zip(x.reshape(15, d), [0, 1, 2, 3, 7, 15, 15, *[1] * 8]):
        row[rng.choice(d - 1, count, replace=False)] = rng.integers(1, 9, count) * rng.choice([-1, 1], count)
    whole = (x.astype(int)[..., None] * w.astype(int)).sum(axis=-2)
    np.testing.assert_array_equal(product(x, w), whole)
    w[-1] = np.nan
    for b in (w, w[None]):
        np.testing.assert_array_equal(product(x, b), whole)
    x[0, 0, :16] = 1  # an eighth, and not worth it any more
    assert np.isnan(product(x, w)).all()
    assert np.isnan(product(x[:, :, -64:], w[-64:])).all()
    assert np.isnan(product(x, w[:, :8])).all()


def test_products_are_those_of_numpy_where_they_are_small_or_many() -> None:
    x, w = np.arange(12.0).reshape(1, 4, 3), np.arange(6.0).reshape(3, 2)
    np.testing.assert_array_equal(product(x, w), x @ w)
    np.testing.assert_array_equal(product(x, w[None]), x @ w)
    np.testing.assert_array_equal(product(x[[0, 0]], np.stack([w, -w])), np.stack([x[0] @ w, -x[0] @ w]))


def test_how_many_products_are_nonzero() -> None:
    x, w = np.array([[1.0, -2, 0], [0, 0, 0], [1, 2, 3]]), np.array([[1.0, 0], [-1, 0], [1, 0]])
    np.testing.assert_array_equal(nonzero(x, w), [[2, 0], [0, 0], [3, 0]])
    np.testing.assert_array_equal(nonzero(x[:, None], w[None])[:, 0], [[2, 0], [0, 0], [3, 0]])


def test_what_underflow_takes_is_followed_through_weights() -> None:
    w = np.array([[1.0, -3], [-2, 0.5], [0.5, -0.25]])
    assert 3.75 <= lost(1.0, w) <= 3.75 * (1 + 2e-9)
    taken = 2 * 3 * FLOAT64.tiny
    assert taken <= lost(0.0, w) <= taken * 1.1
    assert lost(0.0, w[:, :0]) >= 0
    column = np.array([1.0, *[2.0**-54] * 1000])[:, None]  # each is rounded away
    assert Fraction(lost(1.0, column)) >= 1 + 1000 * Fraction(2) ** -54


def mapped(x: Interval, w: Array, b: float) -> Program:
    """Σ x w + b, the largest addend first: it is rounded most often."""

    def program(run: Run) -> Number:
        addends = [run(c, r) * run(v) for c, r, v in zip(x.c, x.r, w)] + ([run(b)] if b else [])
        sizes = [abs(c * v) + r * abs(v) for c, r, v in zip(x.c, x.r, w)] + [abs(b)]
        order = sorted(range(len(addends)), key=lambda i: -sizes[i])
        total = addends[order[0]]
        for i in order[1:]:
            total = total + addends[i]
        return total

    return program


# The inputs, the weights, the bias, how much of its bound the worst rounding reaches, and of what weights may change.
MAPS = [
    ([1.0, 1e-3, -1e-3, 1e-3], [1.0, 1.0, 1.0, -1.0], 0.0, 0.98, 0.99),
    ([-1.0, 1e-3, 1e-3, 1e-3], [1.0, 1.0, 1.0, 1.0], 0.0, 0.98, 0.99),
    ([1e-3, 1e-3, 1e-3, 1e-3], [-1.0, 1.0, 1.0, 1.0], -1.0, 0.78, 0.99),  # b is rounded four times of five
    ([1e-3, 1e-3, 1e-3, 1e-3], [-1.0, 1.0, 1.0, 1.0], 1.0, 0.78, 0.99),
    ([1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0], 1e-3, 0.19, 0.99),  # cancels
    ([1.0, 0.0, 0.0, 1e-3], [1.0, 1.0, 1.0, 1.0], 0.0, 0.98, 0.99),
    ([1.0, 1.0, 1.0, 1e-3], [-1.0, 0.0, 0.0, 1.0], 0.0, 0.98, 0.99),
    ([2.0], [-3.0], 0.0, 0.99, 0.99),
    ([2.0], [-3.0], 1e-3, 0.98, 0.99),
    ([1.0, 0.0, 0.0, 0.0], [1.0, 1.0, 1.0, 1.0], -1e-3, 0.98, 0.99),  # one row of four is looked at
    ([0.0, 0.0], [1.0, -1.0], -1.0, 0.0, 0.99),
]


@pytest.mark.parametrize(("x", "w", "b", "rounded", "varied"), MAPS)
def test_maps(x: list[float], w: list[float], b: float, rounded: float, varied: float) -> None:
    weights, bias = np.array(w)[:, None], np.array([b]) if b else None

    def at(radius: float, a: Arithmetic) -> tuple[float, float, float]:
        y, rounding = linear(known(x, radius), weights, bias, a)
        return y.c.item(), y.r.item(), rounding.item()

    program = mapped(known(x), np.array(w), b)
    c, r, rounding = at(0.0, ROUNDS)
    assert rounding == r
    assert_reached(c, r, program, rounded, unit=U)
    assert_reached(*at(0.0, VARIES)[:2], program, varied, weights=U)
    assert_reached(*at(2.0, replace(OWN, own=0.0))[:2], mapped(known(x, 2.0), np.array(w), b), 1 - 1e-12)
    assert_reached(*at(2.0, ROUNDS)[:2], mapped(known(x, 2.0), np.array(w), b), 0.99, unit=U)
    c, r, rounding = at(0.0, OWN)  # the midpoint that is made here may be off by so much of all magnitudes
    size = float(np.abs(x) @ np.abs(w)) + abs(b)
    assert U * size <= r <= U * size * (1 + 3 * U)
    c, r, rounding = at(2.0, OWN)  # and the radius, by so much of itself
    size += 2 * float(np.abs(w).sum())
    assert r * (1 - U) >= 2 * float(np.abs(w).sum()) + U * size * (1 - 2 * U)
    assert r - rounding <= 2 * float(np.abs(w).sum()) * (1 + U) * (1 + 1e-15)
    products = sum(bool(p * q) for p, q in zip(x, w)) + bool(b)
    assert 4 * (2 * products - 1) * U <= at(0.0, LOSES)[1] <= 8 * (len(x) + bool(b)) * U


def test_random_maps() -> None:
    """Of many dimensions that differ, with zeros, and several rows and batches: each entry by itself."""
    rng = np.random.default_rng(0)
    for d, k in ((1, 3), (7, 2), (12, 4), (3, 1)):
        sparse = rng.random((2, 3, d)) < rng.choice([0.2, 1.0])
        x = Interval(rng.normal(size=(2, 3, d)) * sparse, rng.choice([0, 1e-4]) * rng.random((2, 3, d)) * sparse)
        w, b = rng.normal(size=(d, k)) * (rng.random((d, k)) < 0.7), rng.normal(size=k)
        y = linear(x, w, b, replace(ROUNDS, weights=U))[0]
        for i in np.ndindex(*y.c.shape):
            program = mapped(x[i[:-1]], w[:, i[-1]], b[i[-1]])
            assert_reached(y.c[i], y.r[i], program, 0.1, unit=U, weights=U)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("sign", [-1, 1])
def test_a_sum_whose_addends_are_all_rounded_away(dtype: type, sign: int) -> None:
    """As the program computes it: 1 and many halves of its last place, one by one, stay 1. It may be the bias."""
    n, half = 400, float(np.finfo(dtype).eps) / 2
    a = Arithmetic(half, 0.0, 1e300)
    x, total = np.array([sign, *[sign * half] * n]), dtype(sign)
    for value in x[1:]:
        total = dtype(total + dtype(value))
    off = abs(Fraction(float(total)) - sum(map(Fraction, x)))
    assert off == n * Fraction(half)
    mapping = linear(known(x.tolist()), np.ones((n + 1, 1)), None, a)[1].item()
    biased = linear(known(x[1:].tolist()), np.ones((n, 1)), np.array([float(sign)]), a)[1].item()
    for radius in (mapping, biased):
        assert 0.99 * radius <= off <= radius


SUMS = [(1.0, 1.0), (1.0, 1e-3), (-1.0, -1.0), (1e-3, -1.0), (0.0, -1.0), (1.0, 0.0)]


@pytest.mark.parametrize(("x", "y"), SUMS)
def test_sums_of_two(x: float, y: float) -> None:
    for r in (0.0, 2.0):
        total, rounding = add(known([x], r), known([y], r / 2), ROUNDS)
        program: Program = lambda run: run(x, r) + run(y, r / 2)  # noqa: B023, E731
        assert_reached(total.c.item(), total.r.item(), program, 0 if r == 0 else 0.99, unit=U)
        assert rounding.item() == 0 if r == 0 and not x * y else rounding.item() >= U * (abs(x) + abs(y) + 1.5 * r)
        assert rounding.item() <= U * (1 + 2 * U) * (abs(x) + abs(y) + 1.5 * r)
    for one, other in ((2.0, 0.0), (0.0, 2.0)):
        total = add(known([x], one), known([y], other), OWN)[0]
        assert total.r.item() * (1 - U) >= 2 * (1 - U * U) + bool(x and y) * U * (abs(x) + abs(y))


def test_an_average_and_what_may_be_off_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    x = Interval(np.array([[1.0, -3, 0.5, 0]]), np.array([[0.25, 0.5, 0, 0]]))
    y = average(x, ROUNDS)
    assert y.c.item() == -0.375
    assert 0.1875 <= y.r.item() <= 0.1875 * (1 + 1e-15)
    assert 0.1875 + U * 5.25 / 4 <= average(x, OWN).r.item() * (1 - U) * (1 + U * U) <= 0.1875 + U * 5.3 / 4
    monkeypatch.setattr(arithmetic, "FLOAT64", replace(FLOAT64, tiny=U))
    assert 4 * (2 * 4 - 1) * U / 2 <= average(Interval(0 * x.c, 0 * x.r), ROUNDS).r.item() <= 4 * 4 * U
    assert average(x, OWN).c.shape == (1, 1)


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
