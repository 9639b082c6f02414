"""Embedding, activation and readout in intervals against exact arithmetic, with the worst inputs and roundings."""

from collections.abc import Callable
from dataclasses import replace
from math import pi, sqrt

import numpy as np
import pytest

from properties.proof import interval
from properties.proof.interval import (
    STEEPEST,
    activate,
    embed,
    unembed,
)
from properties.selftest.proof.exact import (
    HERE,
    OWN,
    ROUNDS,
    VARIES,
    U,
    known,
    use_worst_numbers,
)
from properties.selftest.worst import Number, Program, Run, assert_reached, exact, flint
from zoo import Transformer
from zoo.transformer import scalar
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


def test_embedding() -> None:
    token, position = np.array([[1.0, -1, 1, 0, 0.1, 1]]), np.array([[9.0, 9, 9, 9, 9, 9], [2, -2, 0, -3, 0.2, -1]])
    t = Transformer(token, position, [])
    for i, (p, q) in enumerate(zip(token[0], position[1])):
        program: Program = lambda run: scalar.embed([run(p)], [run(q)])[0]  # noqa: B023, E731
        for a, share in ((ROUNDS, 0.999 if p * q > 0 else 0), (VARIES, 0.499)):  # `add` counts the weights again
            x = embed(t, np.array([1]), a)
            assert x.c.shape == (1, 1, 1, 6)
            assert_reached(x.c[0, 0, 0, i], x.r[0, 0, 0, i], program, share, unit=a.unit, weights=a.weights)
        x = embed(t, np.array([1]), HERE)
        assert_reached(x.c[0, 0, 0, i], x.r[0, 0, 0, i], program, spare=0)
        assert embed(t, np.array([1]), replace(VARIES, own=0.5)).r[0, 0, 0, i] >= 1.5 * U * (abs(p) + abs(q))


def gelu_of(h: float, r: float) -> Program:
    """In the order of the forward pass."""

    def program(run: Run) -> Number:
        x = run(h, r)
        z = (x + run(0.044715) * x * x * x) * run(sqrt(2 / pi), sqrt(2 / pi) * run.unit)
        return run(0.5) * x * (run(1.0) + z.tanh())

    return program


# Where 1 + tanh cancels, half of the last two roundings is of almost nothing.
GELUS = [(5.0, 0.7), (2.0, 0.7), (0.5, 0.45), (-0.5, 0.3), (-2.0, 0.4), (-4.0, 0.4)]


@pytest.mark.parametrize(("h", "share"), GELUS)
def test_gelu(h: float, share: float) -> None:
    y, rounding = activate(known([h]), "gelu", ROUNDS)
    assert rounding.item() == y.r.item()
    assert_reached(y.c.item(), y.r.item(), gelu_of(h, 0), share, unit=U)
    y, rounding = activate(known([h], 1e-3), "gelu", replace(ROUNDS, unit=0.0))
    assert not rounding.any()
    assert_reached(y.c.item(), y.r.item(), gelu_of(h, 1e-3), 0.99)
    y, _ = activate(known([h], 1e-3), "gelu", HERE)
    assert_reached(y.c.item(), y.r.item(), gelu_of(h, 1e-3), 0.99, spare=0)


def test_gelu_falls_before_it_rises() -> None:
    for h, r in ((-0.75, 0.2), (-1.5, 1.4), (-0.75, 1e-5), (-0.7, 0.0526), (-0.7, 0.0525), (-0.8, 0.0476)):
        y, _ = activate(known([h], r), "gelu", HERE)
        low, high = y.c.item() - y.r.item(), y.c.item() + y.r.item()
        where = np.clip([*np.linspace(h - r, h + r, 201), -0.7524614], h - r, h + r)  # it is least there
        ends = [float(exact(gelu_of(v, 0))) for v in where]
        assert low <= min(ends) <= low + 1e-5
        assert high - 1e-12 <= max(ends) <= high


def test_no_activation_is_steeper() -> None:
    steepest = max(
        float((exact(gelu_of(x + 1e-6, 0)) - exact(gelu_of(x, 0))) / flint.arb(1e-6)) for x in np.arange(0, 3, 0.01)
    )
    assert 1.12 < steepest <= STEEPEST < 1.1 * steepest


@pytest.mark.parametrize(("h", "r"), [(1.0, 0.5), (-1.0, 0.5), (0.1, 0.5), (-0.1, 0.5), (0.0, 0.0)])
def test_relu(h: float, r: float) -> None:
    y, rounding = activate(known([h], r), "relu", replace(ROUNDS, tiny=U))
    low, high = max(h - r, 0), max(h + r, 0)
    assert (y.c.item(), y.r.item(), rounding.item()) == ((low + high) / 2, pytest.approx((high - low) / 2), 0)
    y, _ = activate(known([h], r), "relu", OWN)
    assert y.r.item() == pytest.approx((high - low) / 2 + U * (low + high))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_middle_of_an_activation_may_underflow(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum, its half, the difference and its half."""
    monkeypatch.setattr(interval, "FLOAT64", replace(FLOAT64, tiny=U))
    y, _ = activate(known([1.0], 0.5), activation, replace(ROUNDS, unit=0.0))
    away = y.r.item() - (activate(known([1.5]), activation, HERE)[0].c - y.c).item()
    assert away == pytest.approx(4 * U, rel=1e-9)
    assert activate(known([1.0]), activation, replace(ROUNDS, unit=0.0))[0].r.item() == 0


def test_an_activation_that_is_not_known() -> None:
    with pytest.raises(NotImplementedError, match="silu is not handled here"):
        activate(known([1.0]), "silu", HERE)


READOUTS: list[tuple[list[float], list[float], float]] = [
    ([1.0, 1e-3, 1e-3], [-1.0, 1.0, 1.0], 0.98),
    ([-1.0, 1e-3, 1e-3, 1.0], [-1.0, 1.0, 1.0, 0.0], 0.98),
    ([2.0], [-3.0], 0.98),
    ([1.0, 0.0, 1e-3], [1.0, 1.0, -1.0], 0.98),
]


@pytest.mark.parametrize(("x", "row", "share"), READOUTS)
def test_readout(x: list[float], row: list[float], share: float) -> None:
    readout = np.array([row, [0.0] * len(row), [5.0] * len(row)])
    own = unembed(np.abs(x), readout, ROUNDS)
    assert own.shape == (3,)
    value: Callable[[Array], float] = lambda w: float(np.array(x) @ w)  # noqa: E731
    program: Program = lambda run: scalar.unembed([run(v) for v in x], [[run(w) for w in row]], run)[0]  # noqa: E731
    assert_reached(value(readout[0]), own[0], program, share, unit=U)
    assert own[1] == 0
