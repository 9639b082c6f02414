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

from properties.recheck.program import Ball, Key, Program, Row
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
@pytest.mark.parametrize("scale", [1.0, -0.5, 3.0, -8.0])
def test_a_score(dtype: Any, scale: float) -> None:
    """Where only one of both moves, or both do; with an entry that the other has not, whichever is longer."""
    program = Program(dtype)
    number, u = program.number, float(unit(dtype))
    for radii, (q, k) in product(
        [(NONE, NONE), (WIDE, NONE), (NONE, WIDE), (WIDE, WIDE)],
        [([2.0, -(2.0**-20)], [3.0, 0.5, 7.0]), ([2.0, 0.25, 1.0], [-3.0, 2.0**-20])],
    ):
        one, other = row(program, q, radii[0]), row(program, k, radii[1])
        ball = program.score(one, other, number(scale))
        products = [(a * (1 + radii[0])) * (b * (1 + radii[1])) for a, b in zip(q, k)]
        signs = [np.sign(p) * np.sign(products[0]) for p in products]
        ends = [p if s > 0 else a * (1 - radii[0]) * b * (1 - radii[1]) for p, s, a, b in zip(products, signs, q, k)]
        units = abs(products[0]) * (2 + (scale != 1)) * abs(scale)
        assert share(ball, sum(ends) * scale, units, dtype) > 0.97
    # Another bound on how far q @ k moves: half as far, and twice.
    one, other = row(program, [2.0], WIDE), row(program, [3.0], WIDE)
    free = program.score(one, other, number(scale))
    half = program.score(one, other, number(scale), number(6 * WIDE))
    twice = program.score(one, other, number(scale), number(24 * WIDE))
    assert share(half, 6 * (1 + WIDE) * scale, 6 * abs(scale) * (1 + (scale != 1)), dtype) > 0.99
    assert exact(twice.r) == exact(free.r)
    assert u > 0
    assert program.score(row(program, [1.0, 0.0]), row(program, [0.0, 1.0]), number(scale)) == (0, 0)


@each_dtype
@pytest.mark.parametrize("apart", [1e-6, 1.0, 60.0])
@pytest.mark.parametrize("radius", [0.0, 0.5])
def test_what_keys_may_weigh(dtype: Any, apart: float, radius: float) -> None:
    """A weight goes through the difference, exp and a division: a unit of the difference, 8 and 1."""
    program = Program(dtype)
    number, u = program.number, float(unit(dtype))
    scores = {"far": Ball(number(-apart), number(radius)), "top": Ball(number(0), number(radius))}
    found = program.weights(scores)
    assert set(found) == {"far", "top"}
    top = number(radius)  # the largest that a score may be, to which all are relative
    for key, centre in (("far", -apart), ("top", 0.0)):
        for weight, end, sign in zip(found[key], (number(centre) - radius, number(centre) + radius), (-1, 1)):
            off = float((weight.log() - (end - top)).mid()) * sign
            worst = u * (9 + float(abs(number(centre) - radius - top)))
            assert worst <= off * (1 + 1e-9)
            assert worst >= off * 0.97
    assert program.weights({}) == {}


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


def softmax_keys(rng: np.random.Generator, keys: int) -> list[list[tuple[float, float, float]]]:
    """For each key and token the least and largest weight, and the value."""
    every = []
    for _ in range(keys):
        least = rng.random(rng.integers(1, 4))
        its = zip(least, least * rng.choice([1, 1.5, 4], len(least)), rng.normal(size=len(least)))
        every.append([(float(low), float(high), float(value)) for low, high, value in its])
    return every


def enclosed(program: Program, keys: list[list[tuple[float, float, float]]]) -> list[Key]:
    number = program.number
    return [[(number(low), number(high), number(v)) for low, high, v in its] for its in keys]


def worst_excess(keys: list[list[tuple[float, float, float]]], level: float) -> Decimal:
    """The largest Σ w (v - level) of all choices of tokens and of ends of weights."""
    with many_digits():
        each = [[Decimal(w) * (Decimal(v) - Decimal(level)) for *ends, v in its for w in ends] for its in keys]
        return max((sum(choice, Decimal(0)) for choice in product(*each)), default=Decimal(0))


@pytest.mark.parametrize("seed", range(12))
def test_no_choice_of_weights_and_tokens_exceeds_the_excess(seed: int) -> None:
    program, rng = Program(np.dtype(np.float64)), np.random.default_rng(seed)
    keys = softmax_keys(rng, int(rng.integers(1, 5)))
    balls = enclosed(program, keys)
    for level in (-3.0, -0.5, 0.0, 0.4, 3.0):
        excess, weight = program.excess(balls, program.number(level))
        found, true = exact(excess.upper()), worst_excess(keys, level)
        assert true <= found
        assert found - true < Decimal("1e-30") * (1 + abs(true))
        most = sum(max(high for _, high, _ in its) for its in keys)
        assert 0 < float(exact(weight)) <= most * (1 + 1e-12)
    level = float(exact(program.level(balls)))
    values = [v for its in keys for *_, v in its]
    assert worst_excess(keys, level) <= Decimal("1e-15")
    if not min(values) <= level <= min(values):
        assert worst_excess(keys, level - 1e-12) > 0  # no number so much lower is a level


def test_the_weight_of_the_excess_is_that_of_the_worst_tokens() -> None:
    program = Program(np.dtype(np.float64))
    keys = [[(1.0, 2.0, 5.0), (3.0, 4.0, 1.0)], [(0.5, 7.0, -6.0)]]
    excess, weight = program.excess(enclosed(program, keys), program.zero)
    assert (exact(excess), exact(weight)) == (Decimal(10) - 3, Decimal("2.5"))


@pytest.mark.parametrize("value", [-7.5, 0.0, 3.0])
def test_the_level_of_equal_values_is_their_value(value: float) -> None:
    program = Program(np.dtype(np.float64))
    keys = [[(program.number(1), program.number(2), program.number(value))]] * 3
    assert exact(program.level(keys)) == Decimal(value)
