"""Sums, products and softmax in balls, each by itself: what may come out at worst is within, and near the edge.

The worst is made: of the numbers that go in at the ends of their balls, and of roundings that all go one way.
"""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.program import Ball, Program, Row
from properties.selftest.recheck.worst import Machine, exact, many_digits, outside, unit
from zoo.errors import CertificateError
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
DTYPES = [np.float64, np.float32]
TINY = {np.float64: 2.0**-1022, np.float32: 2.0**-126}
WIDE, NONE = 2.0**-10, 0.0  # radii that outweigh all rounding, and none
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def row(program: Program, centres: Sequence[float], radius: float = NONE) -> Row:
    """Balls around numbers, those that are zero left out."""
    number = program.number
    return {i: Ball(number(c), number(abs(c) * radius)) for i, c in enumerate(centres) if c}


def moved(array: Array) -> float:
    """How many units the roundings of a machine can drive a number off: [1 + site] -> units"""
    return float(abs(array[1:] - array[:1]).sum()) * 2**22


def machine(run: Any) -> Array:
    """What comes out of some operations with each rounding by itself: [1 + site, ...]"""
    counted = Machine(np.float64)
    run(counted)
    found: Array = run(Machine(np.float64, counted.seen))
    return found


def share(ball: Ball, number: Any, units: float, dtype: Any) -> float:
    """The share of a ball that a number reaches, driven off by so many units; it should not be above 1."""
    off, allowed = outside(Decimal(number), ball)
    reaches = off + units * float(unit(dtype)) * (1 - 1e-4)
    assert reaches <= allowed, f"{number} is off by {reaches}, but should be by {allowed} at most"
    return reaches / allowed if allowed else 1.0


@each_dtype
def test_the_numbers_of_a_dtype(dtype: Any) -> None:
    program = Program(dtype)
    assert Fraction(exact(program.unit)) == unit(dtype)
    assert program.tiny.overlaps(program.number(2) ** (-1022 if dtype == np.float64 else -126))
    assert float(exact(program.tiny)) == TINY[dtype]
    assert float(exact(program.limit)) == float(np.finfo(dtype).max) / 4


@pytest.mark.parametrize(
    ("dtype", "count"), [*product(DTYPES, [1, 2, 3, 64, 20_000]), (np.float32, 150_000), (np.float32, 167_772)]
)
def test_a_sum_is_rounded_as_often_as_it_says(dtype: Any, count: int) -> None:
    """Each time by a unit, upwards."""
    program = Program(dtype)
    with many_digits():
        u = Decimal(unit(dtype).numerator) / unit(dtype).denominator
        worst = 3 * ((1 + u) ** count - 1)
        allowed = exact(program.rounding(program.number(3), count))
        assert Decimal("0.99") * allowed < worst <= allowed


@each_dtype
@pytest.mark.parametrize(("count", "products"), [(1, 0), (5, 0), (2, 7), (7, 2), (3, 3)])
def test_each_product_may_underflow(dtype: Any, count: int, products: int) -> None:
    """There is room for four times that."""
    program = Program(dtype)
    lost = max(count, products) * TINY[dtype]
    assert float(exact(program.rounding(program.zero, count, products))) == 4 * lost


@each_dtype
def test_what_may_overflow_or_is_no_number_is_refused(dtype: Any) -> None:
    program = Program(dtype)
    below = program.limit * (1 - program.number(2) ** -60)
    assert program.rounding(below, 1) > 0
    for size in (program.limit, program.limit * 2, program.number("nan"), program.number("inf")):
        with pytest.raises(CertificateError, match="may overflow"):
            program.rounding(size, 1)


def test_so_are_more_roundings_than_can_be_bounded() -> None:
    program = Program(np.dtype(np.float32))
    with pytest.raises(CertificateError, match="167773 roundings are more"):
        program.rounding(program.number(1), 167_773)
    with pytest.raises(CertificateError, match="roundings are more"):
        program.rounding(program.number(1), 2**24)


@each_dtype
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, 1)])
def test_a_total_has_the_radii_of_its_terms_and_their_rounding(dtype: Any, signs: Sequence[int]) -> None:
    program = Program(dtype)
    number = program.number
    for sizes, radii in product([(4, 1, 3), (4, 0, 0)], [(0, 0, 0), (1, 0, 2), (0, 2**20, 0)]):
        terms = [(number(size * sign), number(radius)) for size, sign, radius in zip(sizes, signs, radii)]
        ball, error = program.total(terms, 5, 9)
        assert exact(ball.c) == sum(size * sign for size, sign in zip(sizes, signs))
        assert (ball.r - error).overlaps(number(sum(radii)))
        assert error.overlaps(program.rounding(number(sum(sizes) + sum(radii)), 5, 9))


def linear(x: Sequence[float], w: Array, b: Any) -> Any:
    def run(m: Machine) -> Array:
        out = m.product(m.array([x]), m.array(w))
        return out if b is None else m.plus(out, np.broadcast_to(m.array([b]), out.shape))

    return run


@each_dtype
@pytest.mark.parametrize("bias", [None, (2.0**-20, -3.0, 0.0, -5.0)])
@pytest.mark.parametrize("x", [(1.0, -(2.0**-20), 2.0**-18, 0.0), (-3.0, 2.0, 5.0, 7.0), (0.5, 0.0, 0.0, 0.0)])
def test_a_product_with_a_matrix(dtype: Any, bias: Sequence[float] | None, x: Sequence[float]) -> None:
    """One column is zero, and one has a single entry; where there is only the bias, nothing is rounded."""
    w = np.array([[-1.0, 3, 0.7, 0], [-1, 2, 0, 0], [0.3, -3, 0, 0], [2, 1, 0, 0]])
    program = Program(dtype)
    b = {} if bias is None else program.vector(np.array(bias))
    for radius in (NONE, WIDE):
        balls = row(program, x, radius)
        out, errors = program.linear(balls, program.matrix(w), b)
        assert set(out) == set(errors) == ({0, 1, 2} if bias is None else {0, 1, 2, 3})
        for j in out:
            ends = [value * (1 + radius * np.sign(value) * np.sign(w[i, j])) for i, value in enumerate(x)]
            units = moved(machine(linear(ends, w, bias))[:, 0, j])
            exactly = sum((Decimal(end) * Decimal(entry) for end, entry in zip(ends, w[:, j])), Decimal(0))
            with many_digits():
                number = exactly + Decimal(0 if bias is None else bias[j])
            cancels = radius == NONE and (x[1] == 2 or (bias is not None and j == 1))
            assert share(out[j], number, units, dtype) > (0.25 if cancels else 0.98), (j, radius)
            assert not errors[j] > out[j].r
            if units:
                assert errors[j] >= program.number(units * float(unit(dtype)) * 0.999)
    if bias is not None:
        assert out[3].r == errors[3] == 0
        assert out[3].c == -5


@each_dtype
def test_sums_of_two_rows(dtype: Any) -> None:
    """What is exactly zero in one of them is not rounded."""
    program = Program(dtype)
    for radius in (NONE, WIDE):
        x, y = row(program, [1.0, -2.0, 0.0, 4.0], radius), row(program, [3.0, -1.0, 5.0, 0.0], radius)
        out, errors = program.add(x, y)
        assert set(errors) == {0, 1}
        assert (out[2], out[3]) == (y[2], x[3])
        for i, number in ((0, 4.0), (1, -3.0)):
            end = number * (1 + radius)
            assert share(out[i], end, abs(end), dtype) > 0.99
            assert errors[i] >= program.number(abs(end) * float(unit(dtype)) * 0.999)
    cancelled, errors = program.add(row(program, [1.0], WIDE), row(program, [-1.0], WIDE))
    assert exact(cancelled[0].c) == 0
    assert share(cancelled[0], 2 * WIDE, 2 * WIDE, dtype) > 0.99


@each_dtype
def test_a_number_alone_may_underflow(dtype: Any) -> None:
    """Where it is not surely normal, an exact zero that is added may take it all."""
    program = Program(dtype)
    for c, r, lost in ((1, 0, 0), (-1, 0, 0), (-3, 2, 0), (1, 2.0**-20, 1), (-3, 3, 1), (0.5, 0, 1), (0, 9, 1)):
        ball, error = program.alone(Ball(c * program.tiny, r * program.tiny))
        assert error == lost * program.tiny
        assert ball == Ball(c * program.tiny, (r + lost) * program.tiny)


@each_dtype
@pytest.mark.parametrize("keys", [1, 2, 40])
def test_the_rounding_of_a_mean(dtype: Any, keys: int) -> None:
    """Beside weights and their division: of the sum that divides, of each product, and of their sum."""
    program = Program(dtype)
    weights = np.array([1.0] + [2.0**-12] * (keys - 1))

    def run(m: Machine) -> Array:
        e = m.array(weights)
        return m.product((e / m.total(e)[..., None])[:, None], m.array(np.full((keys, 1), 5.0)))[:, 0]

    reached = moved(machine(run)[:, 0]) * float(unit(dtype)) / float(exact(program.mean_error(program.number(5), keys)))
    assert 0.95 * (2 * keys - 1) / (2 * keys + 2) < reached <= 1
    with many_digits():
        tiny = Decimal(TINY[dtype])
        for size in (tiny, Decimal(1), Decimal(2) ** 90):
            lost = 3 * keys * tiny * size + 2 * keys * tiny
            sums = (2 * keys - 1) * size * Decimal(float(unit(dtype)))
            assert lost + sums <= exact(program.mean_error(program.number(str(size)), keys)) * (1 + Decimal("1e-20"))
