"""Activations and an Mlp in enumeration's bounds against exact arithmetic: the worst roundings and inputs."""

from math import pi, sqrt
from typing import Any

import numpy as np
import pytest

from properties.selftest import worst
from properties.selftest.enumeration.exact import (
    LOSES,
    ROUNDS,
    STILL,
    U,
    assert_bounds,
    inputs,
    largest_first,
    numbers,
    rounding,
    value,
)
from properties.selftest.worst import Number, Program, Run
from zoo import Mlp
from zoo.enumeration import rounding as module
from zoo.enumeration.rounding import Value
from zoo.transformer.arrays import Array


def gelu(x: Number) -> Number:
    """As the forward pass has it, whose two constants are rounded to its type."""
    run = x.run
    cubic, root = (run(c, c * run.unit) for c in (0.044715, sqrt(2 / pi)))
    z = root * (x + cubic * x * x * x)
    return run(0.5, 0.0) * x * (run(1.0, 0.0) + z.tanh())


@pytest.mark.parametrize(
    ("x", "share"),
    [(1e-3, 0.1), (0.5, 0.3), (1.0, 0.4), (1.5, 0.55), (2.5, 0.72), (6.0, 0.68), (-0.5, 0.2), (-6.0, 0.0)],
)
def test_the_roundings_of_gelu(x: float, share: float) -> None:
    found = ROUNDS.gelu(value([abs(x)]))
    assert_bounds(found, 0, lambda run: gelu(run(x, 0.0)), share, unit=U)


@pytest.mark.parametrize("through", [False, True])
def test_a_tanh_that_is_farther_off(through: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """So far that nothing else matters, by itself and in an Mlp."""
    monkeypatch.setattr(module, "EXP_ULPS", 1000)
    monkeypatch.setattr(worst, "EXP_UNITS", 2000)
    layer = Mlp(np.ones((1, 1)), np.zeros(1), np.ones((1, 1)), np.zeros(1), "gelu")
    x = value([6.0])
    assert_bounds(
        ROUNDS.transform(x, layer) if through else ROUNDS.gelu(x), 0, lambda run: gelu(run(6.0)), 0.98, unit=U
    )


@pytest.mark.parametrize(("b_in", "b_out"), [(1e4, 0.0), (0.0, -1e4)])
def test_the_biases_of_an_mlp(b_in: float, b_out: float) -> None:
    """Each so large that what is multiplied is next to nothing."""
    one = np.ones((1, 1))
    layer = Mlp(one, np.array([b_in]), one, np.array([b_out]), "relu")
    program: Program = lambda run: (run(1.0) + run(b_in)).relu() * run(1.0) + run(b_out)  # noqa: E731
    assert_bounds(ROUNDS.transform(value([1.0]), layer), 0, program, 0.1, unit=U)


@pytest.mark.parametrize(("x", "share"), [(0.0, 0.4), (1.4, 0.94), (-1.4, 0.1), (10.0, 0.8)])
def test_the_slope_of_gelu(x: float, share: float) -> None:
    found = STILL.gelu(value([abs(x) + 1e-3], 1e-3))
    assert_bounds(found, 0, lambda run: gelu(run(x, 1e-3)), share)


@pytest.mark.parametrize("x", [1e-6, 0.9 * U, 0.01, 0.5, 5.0, 30.0, -0.01, -3.0, -30.0])
def test_gelu_that_underflows(x: float) -> None:
    tiny = 2.0**-10
    found = rounding(tiny=tiny).gelu(value([abs(x)]))
    assert_bounds(found, 0, lambda run: gelu(run(x, 0.0)), tiny=tiny)
    assert found.error[0] <= 4 * tiny * (1 + abs(x))


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_an_mlp(activation: str) -> None:
    """Negative weights and biases on either side; hidden units that are on."""
    layer = Mlp(
        np.array([[-2.0, 1.0, 0], [1.0, -1.0, 0]]),
        np.array([1.0, -0.5, 3.0]),
        np.array([[-1.0, 2.0], [3.0, -1.0], [0.0, 0.5]]),
        np.array([-1.0, 0.25]),
        activation,
    )

    def program(run: Run, a: Any, x: Value, at: int) -> Number:
        stream = numbers(run, x, [-1, 1])
        act = Number.relu if activation == "relu" else gelu
        h = [act(_product(stream, layer.w_in[:, j], layer.b_in[j])) for j in range(3)]
        return _product(h, layer.w_out[:, at], layer.b_out[at])

    for a, x, share, off in (
        (ROUNDS, value([2.0, 1.0]), 0.05, {"unit": U}),
        (STILL, value([2.0, 1.0], [1e-3, 1e-4]), 0.1, {}),
        (LOSES, value([2.0, 1.0]), 0.0, {"tiny": U}),
    ):
        for at in (0, 1):
            assert_bounds(a.transform(x, layer), at, lambda run: program(run, a, x, at), share, **off)  # noqa: B023


def _product(x: list[Number], w: Array, b: float) -> Number:
    run = x[0].run
    return largest_first([v * n for v, n in zip(x, inputs(run, w))]) + run(float(b), 0.0)
