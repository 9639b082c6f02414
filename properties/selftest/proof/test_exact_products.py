"""Sums of products, as programs make them, against exact arithmetic: the worst order, the worst roundings."""

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties.proof import arithmetic
from properties.proof.arithmetic import (
    Arithmetic,
    Interval,
    add,
    average,
    linear,
    nonzero,
    product,
)
from properties.selftest.proof.exact import (
    LOSES,
    OWN,
    ROUNDS,
    VARIES,
    U,
    known,
    lose,
)
from properties.selftest.worst import Number, Program, Run, assert_reached
from zoo.transformer.arrays import Array


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


def test_large_products_that_are_several_or_none_are_those_of_numpy() -> None:
    x, w = np.arange(1.0, 71)[:, None, None] * np.eye(2, 100), np.arange(70 * 100 * 60.0).reshape(70, 100, 60)
    np.testing.assert_array_equal(product(x, w), x @ w)
    np.testing.assert_array_equal(product(x[:2], w[:2]), x[:2] @ w[:2])
    assert product(x[0, :0], w[0]).shape == (0, 60)


def test_how_many_products_are_nonzero() -> None:
    x, w = np.array([[1.0, -2, 0], [0, 0, 0], [1, 2, 3]]), np.array([[1.0, 0], [-1, 0], [1, 0]])
    np.testing.assert_array_equal(nonzero(x, w), [[2, 0], [0, 0], [3, 0]])
    np.testing.assert_array_equal(nonzero(x[:, None], w[None])[:, 0], [[2, 0], [0, 0], [3, 0]])


def mapped(x: Interval, w: Array, b: Any) -> Program:
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


def test_what_is_rounded_is_products_that_are_not_zero() -> None:
    """Rows that have no entry where a column has one round nothing, whatever stands beside them."""
    w = np.array([[3.0, 0, 5], [0, 7, 0], [0, 7, 5]])
    x = np.array([[1.0, 0, 0], [0, 1.0, 0], [1.0, 1.0, 1.0]])
    rounding = linear(Interval(x, 0 * x), w, None, ROUNDS)[1]
    assert (rounding > 0).tolist() == [[True, False, True], [False, True, False], [True, True, True]]
    once = linear(known([5.0]), np.array([[1.0]]), None, ROUNDS)[1].item()
    assert rounding[0].tolist() == pytest.approx([0.6 * once, 0, once], rel=1e-9)


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
    lose(monkeypatch, U, arithmetic)
    assert 4 * (2 * 4 - 1) * U / 2 <= average(Interval(0 * x.c, 0 * x.r), ROUNDS).r.item() <= 4 * 4 * U
    assert average(x, OWN).c.shape == (1, 1)
