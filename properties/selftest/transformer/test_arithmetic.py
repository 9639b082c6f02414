"""What is assumed of the arithmetic, measured."""

from decimal import Decimal, localcontext

import numpy as np
import pytest

from zoo.transformer.arithmetic import EXP_ULPS
from zoo.transformer.arrays import Array


@pytest.mark.parametrize(("dtype", "lowest"), [(np.float32, -87.3), (np.float64, -708.3)])
def test_exp_is_as_good_as_assumed(dtype: type, lowest: float) -> None:
    """And where its results are below the normal numbers, they are off by less than the smallest of those."""
    rng = np.random.default_rng(0)
    x: Array = rng.uniform(lowest, 0, 200_000 if dtype == np.float32 else 4_000).astype(dtype)
    assert _ulps(np.exp(x), _exact_exp(x)) < EXP_ULPS
    below: Array = rng.uniform(2 * lowest, lowest, 1000).astype(dtype)
    assert (np.abs(np.exp(below) - _exact_exp(below).astype(dtype)) <= np.finfo(dtype).tiny).all()
    assert np.exp(dtype(0)) == 1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tanh_is_as_good_as_assumed(dtype: type) -> None:
    """Also of arguments that are small, down to the smallest normal number."""
    rng = np.random.default_rng(0)
    ordinary, signs = rng.uniform(-12, 12, 4_000), rng.choice([-1, 1], 4_000)
    small = np.ldexp(signs * rng.uniform(1, 2, 4_000), rng.integers(np.finfo(dtype).minexp, 0, 4_000))
    x: Array = np.concatenate([ordinary, small]).astype(dtype)
    assert _ulps(np.tanh(x), np.array([_exact_tanh(Decimal(float(v))) for v in x])) < EXP_ULPS


def _exact_exp(x: Array) -> Array:
    if x.dtype == np.float32:
        return np.exp(x.astype(np.float64))
    with localcontext() as context:
        context.Emin = -10_000
        return np.array([float(Decimal(float(v)).exp()) for v in x])


def _exact_tanh(x: Decimal) -> float:
    """Of 28 digits; below, 2 x^5 / 15 and what follows it are less than 2e-17 of x."""
    if abs(x) < Decimal("1e-4"):
        return float(x - x * x * x / 3)
    e = (2 * x).exp()
    return float((e - 1) / (e + 1))


def _ulps(computed: Array, exact: Array) -> float:
    return float((np.abs(computed.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(computed.dtype))).max())
