"""A Norm in enumeration's bounds against exact arithmetic: each step of it by itself, and all of it."""

from itertools import product
from math import sqrt

import numpy as np
import pytest

from properties.selftest.enumeration.exact import (
    LOSES,
    ROUNDS,
    STILL,
    U,
    assert_bounds,
    largest_first,
    numbers,
    rounding,
    value,
)
from properties.selftest.worst import Number, Program, Run, assert_reached, exact
from zoo import Norm
from zoo.enumeration.rounding import Value
from zoo.transformer import normalize


def centred(values: list[Number]) -> list[Number]:
    mean = largest_first(values) / len(values)
    return [v - mean for v in values]


def deviation(c: list[Number], eps: float) -> Number:
    return (largest_first([v * v for v in c]) / len(c) + c[0].run(eps, 0.0)).sqrt()


def norm_of(n: int, weight: float = 1.0, bias: float = 0.0, eps: float = 1e-3) -> Norm:
    return Norm(np.full(n, weight), np.full(n, bias), eps)


# The stream, and how much of its bound the worst rounding of a distance from the mean reaches at its last entry.
STREAMS = [
    ([1.0, *[1e-5] * 30], 0.46),
    ([-1.0, *[1e-5] * 7], 0.38),
    ([1.0, 0.0], 0.19),
    ([3.0], 0.06),
    ([-2.0, 2.0, 1.0], 0.03),
    ([0.0, 0.0, 1e-5], 0.06),
]


def with_error(x: Value) -> Value:
    """Of a size that is real arithmetic's."""
    return Value(x.size + x.error, x.error)


@pytest.mark.parametrize(("stream", "share"), STREAMS)
def test_centring(stream: list[float], share: float) -> None:
    signs, sizes, n = np.sign(stream), np.abs(stream), len(stream)
    for off in (value(sizes), value(sizes, 1e-3 * sizes * np.arange(1.0, n + 1))):
        for at in (0, n - 1):
            program: Program = lambda run: centred(numbers(run, off, signs))[at]  # noqa: B023, E731
            last = at == n - 1
            if off.error.any():
                assert_bounds(with_error(STILL.centred(off)), at, program, 0.9 * (1 - 1 / n) ** 2 * last)
                assert_bounds(with_error(ROUNDS.centred(off)), at, program, unit=U)
            else:
                assert_bounds(with_error(ROUNDS.centred(off)), at, program, share * last, unit=U)


def test_centring_of_many() -> None:
    """So many, and so coarse, that what rounds roundings counts."""
    n, coarse = 200, 2.0**-10
    x = value([1.0, *[1e-9] * (n - 1)])
    program: Program = lambda run: centred(numbers(run, x))[n - 1]  # noqa: E731
    assert_bounds(with_error(rounding(coarse).centred(x)), n - 1, program, 0.54, unit=coarse)


def test_the_size_of_a_distance_from_the_mean() -> None:
    """The largest and all others on the other side."""
    x = value([1.0, *[1.0] * 99])
    program: Program = lambda run: centred(numbers(run, x, [1, *[-1] * 99]))[0]  # noqa: E731
    assert_bounds(STILL.centred(x), 0, program, 0, 0.98)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_distances_that_underflow(n: int) -> None:
    """The sum, the division and the difference, of n + 3 that are counted."""
    x = value([0.99 * U, *[0.0] * (n - 1)])
    program: Program = lambda run: centred(numbers(run, x))[n - 1]  # noqa: E731
    found = LOSES.centred(x)
    assert_bounds(with_error(found), n - 1, program, 0.9 / (n + 3), tiny=U)
    np.testing.assert_array_equal(found.error, (n + 3) * U)


def quotient(c: list[float], off: list[float], eps: float) -> Program:
    """What D by its own is off by: c / D of a c that is 1."""
    return lambda run: run(1.0, 0.0) / deviation([run(x, o) for x, o in zip(c, off)], eps)


def relative(least: float, off: float, program: Program, share: float, least_share: float, **unit: float) -> None:
    """1 / D' differs from 1 / D by `off` of 1 / D, and is at most 1 / least."""
    true = float(exact(program))
    assert_reached(true, off * true, program, share, **unit)
    assert_reached(0, 1 / least, program, least_share, **unit)


DISTANCES = [([1.0], 0.249), ([1.0, -1.0], 0.23), ([-1.0, *[1e-4] * 7], 0.249), ([0.5, *[1e-4] * 31], 0.246)]


@pytest.mark.parametrize(("c", "share"), DISTANCES)
@pytest.mark.parametrize("eps", [1e-9, 0.25])
def test_the_roundings_of_a_deviation(c: list[float], share: float, eps: float) -> None:
    """n + 2 before the root, which halves them, the root and the division, where 2 (n + 6) are counted."""
    rows = np.array([[*c, *[-x for x in c]]])
    n = rows.shape[-1]
    program = quotient(rows[0].tolist(), [0.0] * n, eps)
    least, off = ROUNDS.deviation(np.zeros(n), rows, eps)
    relative(least, off, program, share * (eps < 0.1), 0.99, unit=U)


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("away", [1e-6, 0.2])
def test_how_far_a_deviation_moves(sign: int, away: float) -> None:
    """With what its distances from the mean are off by; rows are one program's, and may lie on either side."""
    c, eps, n = np.array([1.0, -1, 1, -1]) * sign, 1e-6, 4
    for toward in (-1, 0, 1):
        rows = (c * (1 + toward * away))[None]
        least, off = STILL.deviation(np.full(n, away), rows, eps)
        relative(least, off, quotient(c.tolist(), [away] * n, eps), 0.999 if away < 0.1 else 0.24, 0.24)
        if toward == 1:  # another program's may be twice as far from these: a third was for what is rounded here
            assert least <= 1 - away
            assert least >= (1 - 2.01 * away) * (1 - 1e-9)


def test_how_far_a_deviation_moves_with_some_of_its_distances() -> None:
    """Two of sixteen: by the root of their share, which is neither the least of them, nor their mean."""
    rows, error = np.array([[1.0, -1.0, *[0.0] * 14]]), np.array([1e-6, 1e-6, *[0.0] * 14])
    least, off = STILL.deviation(error, rows, 1e-12)
    relative(least, off, quotient(rows[0].tolist(), error.tolist(), 1e-12), 0.999, 0.99)


def test_rows_are_taken_as_they_are() -> None:
    """How they vary is known more exactly than in their own type."""
    rows = np.array([[2.0**24, 2.0**24 + 2, 2.0**24 + 2, 2.0**24 + 2, 2.0**24 + 2]], np.float32)
    assert rows.var(axis=-1)[0] > 1.01 * rows.astype(np.float64).var()
    assert STILL.deviation(np.zeros(5), rows, 1e-12)[0] == pytest.approx(0.8)


def test_a_deviation_that_may_be_none() -> None:
    """What is left of it lies below 0, and nothing follows from that: it is the root of eps at least."""
    off = (sqrt(0.09 + 1e-4) + 1e-6) / 3
    assert LOSES.deviation(np.full(2, off), np.array([[0.3, -0.3]]), 1e-4)[0] == pytest.approx(1e-2)


def test_what_is_rounded_here_and_in_the_program_is_taken_from_the_least() -> None:
    """n + 5 of u: of rows of which the deviation is a whole number, nothing else takes it away."""
    for n in (2, 4, 6):
        least, _ = rounding(2.0**-53).deviation(np.zeros(n), np.array([[1.0, -1.0] * (n // 2)]), 1e-300)
        assert 1 - 4 * (n + 6) * 2.0**-53 <= least <= 1 - (n + 5) * 2.0**-53


def test_the_row_that_varies_least_is_looked_at() -> None:
    rows = np.array([[3.0, -3], [0.5, -0.5], [1, -1]], np.float32)
    least, _ = STILL.deviation(np.zeros(2), rows, 1e-12)
    assert least == pytest.approx(0.5)
    least, off = STILL.deviation(np.full(2, 0.4), rows, 0.04)
    assert least == pytest.approx(0.2)  # by eps alone
    assert off == pytest.approx(2)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_squares_that_underflow(n: int) -> None:
    """Each square, the division and the sum with eps; where eps is itself lost, nothing is left."""
    for eps in (1.0001 * U, 4 * U, 0.25):
        c = [sqrt(0.99 * U)] * n
        rows = np.array([[*c, *[-x for x in c]]])
        least, off = LOSES.deviation(np.zeros(2 * n), rows, eps)
        program = quotient(rows[0].tolist(), [0.0] * 2 * n, eps)
        relative(least, off, program, 0.1 / n, 0.3, tiny=U)
    with np.errstate(all="ignore"):
        assert not np.isfinite(LOSES.deviation(np.zeros(2), np.zeros((1, 2)), 0.99 * U)[1])


def test_what_is_left_of_a_deviation() -> None:
    """The root of eps, rounded; and where everything cancels, it is what is divided by."""
    least, off = rounding(U, U).deviation(np.ones(3), np.zeros((1, 3)), 0.25)
    assert least == 0.5 * (1 - 2 * U)
    assert off >= 2


def scaled(c: Value, at: int, least: float, off: float, norm: Norm, sign: int) -> Program:
    """D is within `off` of what the program has, which is the least there is."""

    def program(run: Run) -> Number:
        true = run(1 / least / (1 + off), off / least / (1 + off))  # 1 / D
        y = run(sign * (c.size[at] - c.error[at]), c.error[at]) * true
        return y * run(norm.weight[at], 0.0) + run(norm.bias[at], 0.0)

    return program


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (-3.0, 2.0), (0.5, -100.0), (1e-6, -1.0)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_scaling(weight: float, bias: float, sign: int) -> None:
    norm = norm_of(9, weight, bias, 1e-6)
    for error, off in ((1e-5, 0.0), (0.0, 1e-5), (1e-5, 1e-5), (1e-3, 1e-3)):
        c = value(np.arange(1.0, 10) / 8, error)
        found = STILL.scaled(c, 0.5, off, norm)
        for at in (0, 3, 8):
            assert_bounds(found, at, scaled(c, at, 0.5, off, norm, sign), 0.99, 0.98 * (sign * weight * bias >= 0))


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (-3.0, 2.0), (0.5, -100.0), (1e-6, -1.0)])
def test_the_roundings_of_scaling(weight: float, bias: float) -> None:
    """A product and a sum; the quotient's was counted with what it is divided by."""
    norm, c = norm_of(4, weight, bias, 1e-6), value([1.0] * 4)

    def program(run: Run) -> Number:
        y = run(2.0, 0.0)
        return y * run(weight, 0.0) + run(bias or 1e-9, 0.0)

    assert_bounds(ROUNDS.scaled(c, 0.5, 0.0, norm), 0, program, 1 / 6.1, unit=U)


@pytest.mark.parametrize(("weight", "bias"), [(1.0, 0.0), (-0.9, 0.0), (30.0, 0.0), (0.9, -0.85 * U)])
def test_scaling_that_underflows(weight: float, bias: float) -> None:
    """The quotient, by the weight; the product; the sum."""
    norm, c = norm_of(1, weight, bias, 1e-6), value([0.495 * U])

    def program(run: Run) -> Number:
        return run(0.495 * U, 0.0) / run(0.5, 0.0) * run(weight, 0.0) + run(bias, 0.0)

    assert_bounds(LOSES.scaled(c, 0.5, 0.0, norm), 0, program, 0.2, tiny=U)


def test_a_quotient_is_no_more_than_the_root_of_how_many_there_are() -> None:
    """As one that is all there is, of which the rest are nothing."""
    found = STILL.scaled(value([1.0, 1e-9, 1e-9, 1e-9]), 1e-3, 1e-4, norm_of(4, eps=1e-12))
    np.testing.assert_allclose(found.error, [2e-4, *[1e-10] * 3])
    np.testing.assert_allclose(found.size, [2 * 1.0002, *[1e-6 * 1.0002] * 3])


@np.errstate(all="ignore")
def test_squares_that_could_overflow() -> None:
    """A fourth of the largest number is less than n squares and eps."""
    for c, eps, known in ((3.9, 1.0, True), (4.1, 1.0, False), (1.0, 58.0, True), (1.0, 62.5, False)):
        a = rounding(U, largest=256.0)
        found = a.scaled(value([c] * 4), 1.0, 0.0, norm_of(4, eps=eps))
        assert np.isfinite(found.error).all() == known
    for weight, bias, known in ((-63.0, 0.0, True), (-65.0, 0.0, False), (1.0, -62.0, True), (1.0, -64.0, False)):
        found = rounding(U, largest=256.0).scaled(value([2.0]), 1.0, 0.0, norm_of(1, weight, bias))
        assert np.isfinite(found.error).all() == known


CORNERS = [[1.0, -1.0, 0.5], [2.0, 1.0, 0.0], [0.25, 0.0, -0.125], [1.0, 1.0, -3.0], [0.1, 0.1, 0.1]]


@pytest.mark.parametrize("away", [1e-4, 0.02, 0.2])
@pytest.mark.parametrize("eps", [1e-2, 1.0])
def test_a_norm_of_all_that_a_stream_can_be(away: float, eps: float) -> None:
    """The rows are one program's, which is as far from real arithmetic as another is from that."""
    shares = []
    for row in CORNERS:
        for weight, bias in ((1.0, 0.0), (-2.0, 1.0)):
            rows, norm, error = np.array([row]), norm_of(3, weight, bias, eps), away * np.array([1.0, 0.5, 0.25])
            found = STILL.normalize(value(np.abs(row) + 2 * error, error), norm, rows)
            corners = np.array(list(product((-1, 0, 1), repeat=3))) * error
            real = normalize(rows + corners, norm)
            other = normalize((rows + corners)[:, None] + corners, norm)
            off = np.abs(other - real[:, None]).max(axis=(0, 1))
            assert (off <= found.error * (1 + 1e-9)).all()
            assert (np.abs(other).max(axis=(0, 1)) <= found.size * (1 + 1e-9)).all()
            shares.append((off / found.error).max())
    assert max(shares) > 0.2


@pytest.mark.parametrize(("stream", "_"), STREAMS)
@pytest.mark.parametrize(("weight", "bias", "eps"), [(1.0, 0.0, 1e-3), (-3.0, 2.0, 1.0), (0.5, -100.0, 1e-4)])
def test_all_of_a_norm(stream: list[float], _: float, weight: float, bias: float, eps: float) -> None:
    n = len(stream)
    norm = norm_of(n, weight, bias, eps)
    for a, error, unit in ((ROUNDS, 0.0, U), (STILL, 1e-6, 0.0), (ROUNDS, 1e-6, U)):
        x = value(np.abs(stream) + 2 * error, error)
        found = a.normalize(x, norm, np.array([stream]))
        for at in (0, n - 1):

            def program(run: Run, at: int = at, error: float = error) -> Number:
                c = centred([run(v, error) for v in stream])
                return c[at] / deviation(c, eps) * run(weight, 0.0) + run(bias, 0.0)

            assert_bounds(found, at, program, 0.01 * (unit > 0 and error == 0), unit=unit)


def test_no_norm_is_none() -> None:
    x = value([1.0, 2.0], 0.25)
    assert ROUNDS.normalize(x, None, np.ones((1, 2))) is x
