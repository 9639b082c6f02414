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
    x: Array = np.random.default_rng(0).uniform(-12, 12, 4_000).astype(dtype)
    e = [(2 * Decimal(float(v))).exp() for v in x]
    exact = np.array([float((v - 1) / (v + 1)) for v in e])
    assert _ulps(np.tanh(x), exact) < EXP_ULPS


def _exact_exp(x: Array) -> Array:
    if x.dtype == np.float32:
        return np.exp(x.astype(np.float64))
    with localcontext() as context:
        context.Emin = -10_000
        return np.array([float(Decimal(float(v)).exp()) for v in x])


def _ulps(computed: Array, exact: Array) -> float:
    return float((np.abs(computed.astype(np.float64) - exact) / np.spacing(np.abs(exact).astype(computed.dtype))).max())
