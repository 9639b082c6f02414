"""A Norm in intervals against exact arithmetic: what is centred, what it is divided by, and the roundings of both."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest

from properties.proof import interval
from properties.proof.arithmetic import Interval, OutOfRangeError
from properties.proof.interval import (
    centred,
    inverse_deviation,
    norm_error,
    normalize,
)
from properties.selftest.proof.exact import (
    HERE,
    LOSES,
    OWN,
    ROUNDS,
    STILL,
    U,
    known,
    use_worst_numbers,
)
from properties.selftest.worst import Number, Program, Run, assert_reached, exact, span
from zoo import Norm
from zoo.transformer import scalar


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


def away_from_mean(x: Interval, i: int) -> Program:
    """The entry less the mean, whose sum begins with the largest."""

    def program(run: Run) -> Number:
        values = [run(c, r) for c, r in zip(x.c, x.r)]
        order = sorted(range(len(values)), key=lambda j: -abs(x.c[j]))
        mean: Number = scalar._sum([values[j] for j in order], run) / len(values)
        return values[i] - mean

    return program


# The stream, and how much of its bound the worst rounding reaches at its first and at its last entry.
STREAMS = [
    ([1.0, *[1e-4] * 7], 0.86, 0.86),
    ([-1.0, *[1e-4] * 7], 0.86, 0.86),
    ([10.0, -1.0], 0.5, 0.8),
    ([-10.0, 1.0], 0.5, 0.8),
    ([1e-4, 1e-4, 1e-4, -1.0], 0.7, 0.7),
    ([3.0], 0.3, 0.3),
    ([0.0, 0.0, 2.0], 0.4, 0.4),
]


@pytest.mark.parametrize(("stream", "first", "last"), STREAMS)
def test_centring(stream: list[float], first: float, last: float) -> None:
    for at, share in ((0, first), (len(stream) - 1, last)):
        c, rounding = centred(known(stream), ROUNDS)
        assert_reached(c.c[at], c.r[at], away_from_mean(known(stream), at), share, unit=U)
        assert rounding[at] == c.r[at]
        x = Interval(np.array(stream), np.arange(1.0, len(stream) + 1))
        c, rounding = centred(x, replace(ROUNDS, unit=0.0))
        assert not rounding.any()
        assert_reached(c.c[at], c.r[at], away_from_mean(x, at), 0.999 * (len(stream) > 1))
        c, _ = centred(x, OWN)
        worst = float(span(away_from_mean(x, at))[1] - exact(away_from_mean(x, at)))
        size = x.magnitude.mean()
        assert c.r[at] == pytest.approx((1 + U) * (worst + U * (x.magnitude[at] + 2 * size)), rel=1e-9)
        c, _ = centred(x, HERE)
        assert_reached(c.c[at], c.r[at], away_from_mean(x, at), spare=0)


def test_centring_where_entries_move_together() -> None:
    """By t and -t, so that the mean does not move; what is known of it is off by 0.125."""
    c, mean = np.array([5.0, 1, -2, 3]), Interval(np.array([1.75 + 0.125]), np.array([0.125]))

    def program(run: Run) -> Number:
        t = run(0.0, 1.0)
        values = [run(c[0]) + t, run(c[1]) - t, run(c[2]) + t, run(c[3]) - t]
        total: Number = scalar._sum(values, run)
        return values[1] - total / 4

    y, _ = centred(Interval(c, np.ones(4)), replace(ROUNDS, unit=0.0), mean)
    assert_reached(y.c[1], y.r[1], program, 0.999)  # 1.125: of what is known 0.125 is used
    assert y.r[1] == 1.125
    y, _ = centred(Interval(c, np.array([1.0, 0, 0, 0])), replace(ROUNDS, unit=0.0), mean)
    np.testing.assert_array_equal(y.r, [0.75, 0.125, 0.125, 0.125])
    np.testing.assert_array_equal(y.c, c - [1.75, 1.875, 1.875, 1.875])


def scaled(c: Interval, i: int, weight: float, bias: float, eps: float) -> Program:
    """What a Norm makes of an entry that is centred: the sum of squares begins with the largest."""

    def program(run: Run) -> Number:
        values = [run(v, r) for v, r in zip(c.c, c.r)]
        order = sorted(range(len(values)), key=lambda j: -abs(c.c[j]))
        squares = scalar._dot([values[j] for j in order], [values[j] for j in order], run)
        y: Number = values[i] / (squares / len(values) + eps).sqrt()
        if weight != 1:
            y = y * run(weight, 0)
        return y + run(bias, 0)

    return program


def norm_of(d: int, weight: float, bias: float, eps: float) -> Norm:
    return Norm(np.full(d, weight), np.full(d, bias), eps)


@pytest.mark.parametrize("d", [1, 2, 3, 8, 9, 33])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_relative_error_of_a_norm(d: int, sign: int) -> None:
    """d + 2 roundings before the root, of which it takes half, and 3 from it on: d / 2 + 4 of those counted."""
    c = known([sign * 1.0, *[1e-4] * (d - 1)])
    value = float(exact(scaled(c, 0, -2.0, 0.0, 1e-3)))
    r = norm_error(c, 1e-3, ROUNDS).item() * abs(value)
    assert_reached(value, r, scaled(c, 0, -2.0, 0.0, 1e-3), 0.97 * (d / 2 + 4) / ((d + 1) // 2 + 5), unit=U)
    assert norm_error(c, 1e-3, OWN).item() >= U
    with pytest.raises(OutOfRangeError):
        norm_error(known([3.0] * d), 1.0, replace(ROUNDS, largest=4 * (9 * d + 0.9)))
    assert norm_error(known([3.0] * d), 1.0, replace(ROUNDS, largest=4 * (9 * d + 1.1))).item() > 0


@pytest.mark.parametrize("d", [1, 4])
@pytest.mark.parametrize("eps", [U, 1.5 * U, 4 * 4 * U, 1.0])
def test_squares_that_are_lost_in_a_norm(d: int, eps: float) -> None:
    """Each below `tiny`, so that nothing but eps may be left of their sum."""
    c = known([sqrt(0.99 * U)] * d)
    value = float(exact(scaled(c, 0, 1.0, 0.0, eps)))
    alone = c.c[0] / sqrt(eps)  # all of them lost
    error = norm_error(c, eps, LOSES).item()
    assert abs(alone - value) <= error * value
    least = eps if eps < 2 * d * U else eps + 0.99 * U
    assert 3 * U / least <= error <= 4.01 * d * U / least


# Intervals of which none is around 0, for each of which it is known which way it moves which entry.
CENTRED = [
    ([1.0, -2.0, 3.0], [0.5, 0.25, 1.0]),
    ([-1.0, -2.0, 3.0], [0.5, 0.25, 1.0]),
    ([-0.01, 5.0], [0.005, 0.5]),
    ([4.0], [2.0]),
    ([-4.0, 1e-3, 1e-3, 1e-3], [2.0, 1e-4, 1e-4, 1e-4]),
]


@pytest.mark.parametrize(("c", "r"), CENTRED)
@pytest.mark.parametrize(("weight", "bias", "eps"), [(1.0, 0.0, 1e-3), (-3.0, 2.0, 1.0), (0.5, -100.0, 2.0**-14)])
def test_scaling(
    c: list[float], r: list[float], weight: float, bias: float, eps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry rises with itself, and falls in size as the others grow; the ends are reached."""
    d = len(c)
    norm, at, still = norm_of(d, weight, bias, eps), Interval(np.array(c), np.array(r)), known(c)
    monkeypatch.setattr(interval, "centred", lambda x, a, mean: (x, np.zeros(d)))
    for i in range(d):
        y = normalize(at, norm, replace(ROUNDS, unit=0.0))
        assert_reached(y.c[i], y.r[i], scaled(at, i, weight, bias, eps), 0.999)
        y = normalize(at, norm, HERE)
        assert_reached(y.c[i], y.r[i], scaled(at, i, weight, bias, eps), 0.95, spare=0)
        y = normalize(still, norm, ROUNDS)
        assert_reached(y.c[i], y.r[i], scaled(still, i, weight, bias, eps), 0.3, unit=U)
        y = normalize(still, norm, HERE)
        assert_reached(y.c[i], y.r[i], scaled(still, i, weight, bias, eps), spare=0)
        y = normalize(still, norm, LOSES)  # the quotient, the program's and two made here
        assert 3 * U * abs(weight) <= y.r[i]
        assert normalize(at, norm, OWN).r[i] >= normalize(at, norm, replace(ROUNDS, unit=0.0)).r[i] * (1 + U)


@pytest.mark.parametrize("sign", [-1, 1])
def test_sums_of_squares_may_be_off(sign: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a tenth of all, and what is taken from them, by a tenth of itself; all else that is off is left out."""
    c, r, own, d, eps = np.array([sign * 10.0, 20.0, 30.0]), np.array([1.0, 1, 0]), 0.1, 3, 2.0
    monkeypatch.setattr(interval, "centred", lambda x, a, mean: (x, np.zeros(d)))
    monkeypatch.setattr(interval, "norm_error", lambda x, eps, a: -own)
    y = normalize(Interval(c, r), norm_of(d, 1.0, 0.0, eps), replace(OWN, own=own))
    least, most = (np.abs(c) - r) ** 2, (np.abs(c) + r) ** 2
    fewest = least.sum() * (1 - own) - least[0] * (1 + own)
    largest = most.sum() * (1 + own) - most[0] * (1 - own)
    high = 11 / sqrt((11**2 + fewest) / d + eps)
    low = 9 / sqrt((9**2 + largest) / d + eps)
    magnitude = (high + low) / 2 + (high - low) / 2
    expected = (high - low) / 2 * (1 + own) + own * magnitude * (1 + own)
    assert y.r[0] == pytest.approx(expected, rel=1e-9)
    assert y.c[0] == pytest.approx(sign * (high + low) / 2, rel=1e-9)


def test_what_may_be_0_adds_no_square(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 2, and of what is within 0.5 of 0.25: all that the first is divided by may be its own."""
    monkeypatch.setattr(interval, "centred", lambda x, a, mean: (x, np.zeros(2)))
    y = normalize(Interval(np.array([2.0, 0.25]), np.array([0.0, 0.5])), norm_of(2, 1.0, 0.0, 1.0), STILL)
    least, most = 2 / sqrt((4 + 0.75**2) / 2 + 1), 2 / sqrt(4 / 2 + 1)
    assert y.c[0] - y.r[0] == pytest.approx(least, rel=1e-12)
    assert y.c[0] + y.r[0] == pytest.approx(most, rel=1e-12)


def test_where_sums_of_squares_are_off_what_is_left_is_not_negative(monkeypatch: pytest.MonkeyPatch) -> None:
    """One entry has no others, though by a tenth of 9 and 9 again less would be left of their sum than nothing."""
    monkeypatch.setattr(interval, "centred", lambda x, a, mean: (x, np.zeros(1)))
    monkeypatch.setattr(interval, "norm_error", lambda x, eps, a: -0.1)
    y = normalize(Interval(np.array([4.0]), np.array([1.0])), norm_of(1, 1.0, 0.0, 2.0), replace(OWN, own=0.1))
    high, low = 5 / sqrt(25 + 2), 3 / sqrt(9 + 25 * 0.2 + 2)
    assert y.c[0] == pytest.approx((low + high) / 2, rel=1e-12)
    assert y.r[0] == pytest.approx((high - low) / 2 * 1.1 + 0.1 * high * 1.1, rel=1e-12)


@pytest.mark.parametrize("weight", [-5.0, 0.25])
def test_quotients_may_underflow(weight: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program's, and both ends made here, c and r of them, each multiplied by the weight; and the addition."""
    monkeypatch.setattr(interval, "centred", lambda x, a, mean: (x, np.zeros(2)))
    monkeypatch.setattr(interval, "norm_error", lambda x, eps, a: 0.0)
    y = normalize(known([3.0, -3.0]), norm_of(2, weight, 1.0, 1.0), LOSES)
    np.testing.assert_allclose(y.r, 8 * U * (1 + abs(weight)))


def test_scaling_what_may_be_0() -> None:
    """What others are least is nothing, and what an entry is least is below 0."""
    rng = np.random.default_rng(0)
    norm = norm_of(3, 2.0, 0.5, 0.1)
    x = Interval(np.array([0.25, -0.5, 0.25]), np.array([0.5, 0.75, 0.1]))
    y = normalize(x, norm, HERE)
    for values in x.c + rng.uniform(-1, 1, (200, 3)) * x.r:
        for i in range(3):
            middle = values - values.mean()
            value = middle[i] / sqrt((middle**2).mean() + 0.1) * 2 + 0.5
            assert y.c[i] - y.r[i] <= value <= y.c[i] + y.r[i]
    assert (y.r < [2.6, 2.6, 2.2]).all()
    still = normalize(known([1.0, 1.0]), norm_of(2, 3.0, -1.0, 1.0), HERE)
    np.testing.assert_allclose(still.c, -1, atol=1e-12)
    assert normalize(x, None, HERE) is x


@pytest.mark.parametrize("stream", [[1.0, -2.0, 4.0], [3.0, 1e-3, 1e-3, 1e-3], [-5.0, 2.0]])
def test_a_whole_norm(stream: list[float]) -> None:
    """Centring and scaling together: the stream moves by what it may, and all roundings go the same way."""
    d = len(stream)
    norm = norm_of(d, -1.5, 0.25, 0.01)
    for x, a, share in ((known(stream), ROUNDS, 0.25), (known(stream, 1e-6), replace(ROUNDS, unit=0.0), 0)):
        y = normalize(x, norm, a)
        for i in range(d):
            program: Program = lambda run: scalar.normalize(  # noqa: E731
                [run(c, r) for c, r in zip(x.c, x.r)],  # noqa: B023
                norm,
                run,
            )[i]  # noqa: B023
            assert_reached(y.c[i], y.r[i], program, share, unit=a.unit)


def test_the_least_and_the_most_of_an_inverse_deviation() -> None:
    for c, r in CENTRED:
        x, d = Interval(np.array(c), np.array(r)), len(c)

        def program(run: Run, x: Interval = x, d: int = d) -> Number:
            values = [run(v, r) for v, r in zip(x.c, x.r)]
            deviation: Number = (scalar._dot(values, values, run) / d + 0.25).sqrt()
            return run(1.0) / deviation

        low, high = map(float, span(program))
        least, most = inverse_deviation(x, 0.25, replace(ROUNDS, unit=0.0))
        assert (least.item(), most.item()) == (pytest.approx(low, rel=1e-12), pytest.approx(high, rel=1e-12))
        least, most = inverse_deviation(x, 0.25, OWN)
        assert low * (1 - 2 * U) <= least.item() <= low * (1 - U / 2)
        assert high * (1 + U / 2) <= most.item() <= high * (1 + 2 * U)
    assert inverse_deviation(known([0.5, 0.5], 1.0), 0.25, HERE)[1].item() == pytest.approx(2)
