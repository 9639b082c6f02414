"""Norms and activations in balls, each by itself: what may come out at worst is within, and near the edge."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.program import Ball, Program
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.test_program_sums import (
    NONE,
    TINY,
    WIDE,
    each_dtype,
    machine,
    moved,
    row,
    share,
)
from properties.selftest.recheck.worst import Machine, activate, exact, many_digits, normalize, outside, unit
from zoo import Norm, Transformer
from zoo.errors import CertificateError
from zoo.transformer.arrays import Array
from zoo.transformer.forward import normalize as forward_normalize

CENTRES = [[3.0, -1.0, 0.25, 5.0], [7.0, 7.0, 7.0, -7.0], [1.0, 2.0], [1e3, 1e3 + 1, 0.0], [1e3, 2.0**-10], [4.0]]


def centred(x: Sequence[float]) -> Any:
    def run(m: Machine) -> Array:
        row = m.array([x])
        mean = m.near(m.total(row) / len(x))[..., None]
        return m.plus(row, 0 * row - mean)

    return run


@each_dtype
@pytest.mark.parametrize("x", CENTRES)
@pytest.mark.parametrize("radius", [NONE, WIDE])
def test_an_entry_less_the_mean(dtype: Any, x: Sequence[float], radius: float) -> None:
    """Farthest where it is at one end of its ball and all others are at their other ends."""
    program, d = Program(dtype), len(x)
    found, errors = program.centred(row(program, x, radius), d)
    for e, sign in product(range(d), (-1, 1)):
        ends = [c + (sign if i == e else -sign) * abs(c) * radius for i, c in enumerate(x)]
        with many_digits():
            number = Decimal(ends[e]) - sum(map(Decimal, ends), Decimal(0)) / d
        units = moved(machine(centred(ends))[:, 0, e])
        assert share(found[e], number, units, dtype) > (0.99 if radius and d > 1 else 0.2)
        assert float(exact(errors[e])) >= units * float(unit(dtype)) * (1 - 1e-4)
        with many_digits():
            sizes = sum(map(abs, map(Decimal, x))) * Decimal(1 + radius)
            assert exact(errors[e]) >= Decimal(TINY[dtype]) * (5 + d)
            assert float(exact(errors[e])) <= 5 * float(unit(dtype)) * float(sizes) + 20 * d * TINY[dtype]


@each_dtype
def test_entries_that_move_together(dtype: Any) -> None:
    """Where the mean is known by itself, that is taken where it says more, and not where it says less."""
    program = Program(dtype)
    number = program.number
    balls = {i: Ball(number(c), number(4 * WIDE)) for i, c in enumerate([4.0, 4.0, -2.0])}
    free, errors = program.centred(balls, 3)
    assert share(free[0], 2 + 16 * WIDE / 3, 0, dtype) > 0.99
    for radius, moves in ((0, 4 * WIDE), (WIDE, 5 * WIDE), (2 * WIDE, 16 * WIDE / 3)):
        found, same = program.centred(balls, 3, Ball(number(2), number(radius)))
        assert [exact(error) for error in same] == [exact(error) for error in errors]
        for ball, number_there in zip(found, (2 + moves, 2 - moves, -4 - moves)):
            assert share(ball, number_there, 0, dtype) > 0.99
    still = {**balls, 2: Ball(number(-2), number(0))}
    found, _ = program.centred(still, 3, Ball(number(2), number(0)))
    assert share(found[2], -4, 0, dtype) == 0


def norm_of(d: int, weight: Any = 1.0, bias: Any = 0.0, eps: float = 0.25, dtype: Any = np.float64) -> Norm:
    return Norm(np.full(d, 1.0) * weight, np.full(d, 1.0) * bias, eps).astype(dtype)


@each_dtype
@pytest.mark.parametrize("d", [1, 2, 5, 6])
def test_the_variance_and_how_it_is_rounded(dtype: Any, d: int) -> None:
    """Relative to each entry: half of what happens below the root, and the root, the division and the weight."""
    program, u, zero = Program(dtype), float(unit(dtype)), Decimal(0)
    number = program.number
    rng = np.random.default_rng(d)
    c = np.where(np.arange(d) == 0, 3.0, rng.normal(size=d) / 64)
    radii = [0.5, *[1.0] * (d - 1)]
    balls = [Ball(number(float(x)), number(r)) for x, r in zip(c, radii)]
    least, most, relative = program.variances(balls, norm_of(d, dtype=dtype))
    with many_digits():
        low = sum((max(abs(Decimal(float(x))) - Decimal(r), zero) ** 2 for x, r in zip(c, radii)), zero) / d
        high = sum(((abs(Decimal(float(x))) + Decimal(r)) ** 2 for x, r in zip(c, radii)), zero) / d
        assert abs(exact(least) - low - Decimal("0.25")) < Decimal("1e-30")
        assert abs(exact(most) - high - Decimal("0.25")) < Decimal("1e-30")

    def run(m: Machine) -> Array:
        x = m.array([c])
        variance = m.near(m.total(m.times(x, x)) / d)
        root = m.near(np.sqrt(m.plus(variance, m.array(np.float64(1e-3)))))
        return m.times(m.near(x / root[..., None]), m.array(np.full(d, 1.5)))

    found = machine(run)[:, 0, 0]
    units = moved(found) / abs(found[0])
    assert 0.7 < units * u / float(exact(relative)) <= 1 + 1e-6
    assert float(exact(relative)) <= u * ((d + 1) // 2 + 5) * (1 + 1e-5)


@each_dtype
@pytest.mark.parametrize(("size", "large"), [(0.0, 2.0**8), (0.0, 1.0), (2.0**-20, 1.0), (2.0**-20, 2.0**8)])
def test_a_variance_that_underflows(dtype: Any, size: float, large: float) -> None:
    """Half of what is lost below the root, relative to what is left: eps alone, where that is as small itself."""
    program, d, tiny = Program(dtype), 4, TINY[dtype]
    eps = float(np.dtype(dtype).type(large * tiny))
    ball = Ball(program.number(size), program.zero)
    least, _, relative = program.variances([ball] * d, norm_of(d, eps=eps, dtype=dtype))
    left = float(exact(least)) if large > 2 * d else eps
    rounding = float(unit(dtype)) * (d / 2 + 4)
    lost = (d + 3) / 2 * tiny / left
    assert lost + rounding <= float(exact(relative)) <= 9 * (rounding + (d + 8) * tiny / left)


@each_dtype
def test_a_variance_that_may_overflow_is_refused(dtype: Any) -> None:
    program = Program(dtype)
    large = program.limit.sqrt()
    fits = [Ball(large / 2, program.zero), Ball(program.zero, large / 2)]
    assert program.variances(fits, norm_of(2, dtype=dtype))[0] > 0
    for ball in (Ball(large, program.zero), Ball(program.zero, large)):
        with pytest.raises(CertificateError, match="may overflow"):
            program.variances([ball, fits[0]], norm_of(2, dtype=dtype))


@each_dtype
@pytest.mark.parametrize("eps", [2.0**-10, 64.0])
@pytest.mark.parametrize("weight", [1.0, -3.0])
@pytest.mark.parametrize("bias", [0.0, -1.0, 2.0**12])
def test_a_norm_of_what_is_known(dtype: Any, eps: float, weight: float, bias: float) -> None:
    """All roundings of it: of the mean, the difference, the variance, and of weight and bias."""
    program = Program(dtype)
    shares = []
    for x in CENTRES:
        norm = norm_of(len(x), weight, bias, eps, dtype)
        found = program.normalize(row(program, x), norm)
        m = Machine()
        with many_digits():
            numbers = normalize(m, m.array([x]), norm)[0, 0]
        moves = machine(lambda m, x=x, norm=norm: normalize(m, m.array([x]), norm))[:, 0]
        for e, number in enumerate(numbers):
            if e in found:
                shares.append(share(found[e], number, moved(moves[:, e]), dtype))
            else:
                assert number == bias == 0
    assert max(shares) > 0.6


@each_dtype
@pytest.mark.parametrize("weight", [2.0**-10, -(2.0**10)])
def test_what_a_norm_divides_and_multiplies_may_underflow(dtype: Any, weight: float) -> None:
    """The quotient, of which the weight is taken, and the product; behind the last layer as before any."""
    norm = norm_of(2, weight, eps=2.0**20)
    found = Program(dtype).normalize({}, norm.astype(dtype))
    alone = Alone(Transformer(np.zeros((2, 2)), np.zeros((1, 2)), [], norm, np.ones((2, 2))).astype(dtype))
    alone.at([(0,)])
    assert alone.lower(0, 0, 1) < 0
    [behind] = [alone.margins.normed(end) for end, _ in enumerate(alone.margins.ends)]
    lost = (1 + abs(weight)) * TINY[dtype]
    assert len(found) == len(behind.sizes) == 2
    for error in (*(ball.r for ball in found.values()), *behind.roundings, *behind.sizes.values()):
        assert lost <= float(exact(error)) < 40 * lost


@each_dtype
def test_a_bias_alone_may_underflow(dtype: Any) -> None:
    """Where the weight is zero."""
    program = Program(dtype)
    for bias, lost in ((0.0, 0), (TINY[dtype], 0), (TINY[dtype] / 2, 1), (-TINY[dtype] / 2, 1)):
        found = program.normalize(row(program, [3.0, -1.0]), norm_of(2, 0, bias, dtype=dtype))
        balls = [Ball(program.number(bias), lost * program.tiny)] * 2 if bias else []
        assert [*found.values()] == balls


@each_dtype
def test_a_norm_of_what_moves(dtype: Any) -> None:
    """One entry moves, and with it the variance: what comes out at its ends, and what others are there."""
    program, norm = Program(dtype), norm_of(4, [2.0, -1.0, 0.0, 1.0], [0.0, 0.0, 3.0, 0.0], 2.0**-6, dtype)
    number, reached = program.number, [0.0] * 4
    for low, high, known in ((-3.0, 4.0, True), (2.0, 2.5, True), (-6.0, -5.5, True), (2.0, 2.5, False)):
        x = {0: Ball(number((low + high) / 2), number((high - low) / 2)), 1: Ball(number(-1), number(0))}
        mean = Ball(number((low + high) / 2 - 1) / 4, number((high - low) / 8)) if known else None
        found = program.normalize(x, norm, mean)
        assert found[2] == (3, 0)  # its weight is zero
        for end in np.linspace(low, high, 29):
            m = Machine()
            with many_digits():
                for e, entry in enumerate(normalize(m, m.array([[end, -1.0, 0, 0]]), norm)[0, 0]):
                    off, allowed = outside(entry, found[e])
                    assert off <= allowed, (e, end)
                    reached[e] = max(reached[e], off / allowed if allowed else 1)
    assert min(reached) > 0.4


def gelu(x: float) -> Decimal:
    m = Machine()
    with many_digits():
        return activate(m, m.array([[x]]), "gelu")[0, 0, 0]  # type: ignore[no-any-return]


LOWEST = -0.7524614220710163  # where gelu has its minimum


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (-3.0, -1.0),
        (-2.0, -0.76),
        (-2.0, -0.7525),
        (-0.7524, 0.0),
        (-0.75, 3.0),
        (-0.76, -0.74),
        (-0.8, 0.5),
        (-6.0, 7.0),
        (0.5, 0.75),
    ],
)
def test_gelu_of_what_moves(low: float, high: float) -> None:
    """It falls, and then rises: its ends are at the ends of the ball, or at its minimum."""
    program = Program(np.dtype(np.float64))
    ball = program.activate(Ball(program.number(low + high) / 2, program.number(high - low) / 2), "gelu")
    assert ball is not None
    numbers = [gelu(x) for x in (low, high, *([LOWEST] if low < LOWEST < high else []))]
    ends = {sign: max(numbers, key=lambda number: sign * number) for sign in (-1, 1)}
    for number in ends.values():
        assert share(ball, number, 0, np.float64) > 0.98
    for x in np.linspace(low, high, 25):
        share(ball, gelu(float(x)), 0, np.float64)


@each_dtype
@pytest.mark.parametrize("x", [1e-3, -1e-3, 0.5, -0.7, 5.0, -5.0, 50.0, -50.0])
def test_gelu_is_rounded(dtype: Any, x: float) -> None:
    program = Program(dtype)
    ball = program.activate(Ball(program.number(x), program.zero), "gelu")
    assert ball is not None
    units = moved(machine(lambda m: activate(m, m.array([[x]]), "gelu"))[:, 0, 0])
    assert share(ball, gelu(x), units, dtype) > 0.1


def test_relu() -> None:
    program = Program(np.dtype(np.float64))

    def relu(low: float, high: float) -> Any:
        ball = program.activate(Ball(program.number(low + high) / 2, program.number(high - low) / 2), "relu")
        return ball and (float(exact(ball.c - ball.r)), float(exact(ball.c + ball.r)))

    assert relu(-3, -1) is None
    assert relu(-3, 0) is None
    assert relu(-3, 1) == (0, 1)
    assert relu(-1, 5) == (0, 5)
    assert relu(0, 2) == (0, 2)
    assert relu(2, 3) == (2, 3)


def test_another_activation_is_not_taken_for_one_of_these() -> None:
    program = Program(np.dtype(np.float64))
    with pytest.raises(NotImplementedError, match="tanh is not handled"):
        program.activate(Ball(program.zero, program.zero), "tanh")


@each_dtype
@pytest.mark.parametrize("bias", [0.0, 1.0])
def test_a_norm_that_overflows(dtype: Any, bias: float) -> None:
    """Also where no bias is added, and so nothing is rounded behind the product."""
    x, weight = [0.0, 0.0, 0.0, 1e6], np.array([1, 1, 1, np.finfo(dtype).max], dtype)
    norm = Norm(weight, np.full(4, bias, dtype), 1.0)
    with np.errstate(all="ignore"):
        assert forward_normalize(np.array([x], dtype), norm)[0, 3] == np.inf
    with pytest.raises(CertificateError, match="may overflow"):
        Program(dtype).normalize(row(Program(dtype), x, NONE), norm)
