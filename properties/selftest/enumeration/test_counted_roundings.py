"""How many roundings and underflows a bound counts, those to spare too: as its derivation says, number by number.

Each is an `ulp`, twice the unit: exact arithmetic reaches half of a bound, and one rounding less might not show there.
"""

import numpy as np
import pytest

from properties.selftest.enumeration.exact import LOSES, ROUNDS, U, rounding, value
from properties.selftest.enumeration.test_exact_weights import layer_of
from zoo import Attention, Norm
from zoo.enumeration import rounding as module
from zoo.enumeration.rounding import Value
from zoo.transformer.arrays import Array

ULP = 2 * U


@pytest.mark.parametrize("d_head", [1, 3])
@pytest.mark.parametrize("scale", [1.0, -0.5])
@pytest.mark.parametrize("length", [1, 2, 40])
def test_the_roundings_of_a_weight(d_head: int, scale: float, length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a score: d_head products and additions, 1 to spare; 2 of the scale; and its difference from the largest.

    Of an exponential EXP_ULPS; twice all of that, and length - 1 additions, a division and 2 to spare.
    """
    entry = 0.25
    q = value([[entry] * d_head])
    score = entry * entry * d_head * abs(scale)
    for ulps in (0, 4):
        monkeypatch.setattr(module, "EXP_ULPS", ulps)
        weight, _ = ROUNDS.weights(q, q, layer_of(d_head, scale), length)
        off = (d_head + 1 + 2) * ULP * score
        exponent = off + ULP * (score + off) + 1.01 * ulps * ULP
        assert weight.item() == pytest.approx(np.expm1(2 * exponent + (length + 2) * ULP), rel=1e-12)
        above, _ = ROUNDS.weights(q, q, layer_of(d_head, scale), length, reach=8.0)  # of which half is rounded, too
        assert above.item() == pytest.approx(np.expm1(2 * (exponent + 4 * ULP) + (length + 2) * ULP), rel=1e-12)


@pytest.mark.parametrize("d_head", [1, 3])
@pytest.mark.parametrize("scale", [1.0, -0.5, 8.0])
@pytest.mark.parametrize("length", [1, 40])
def test_what_underflow_takes_of_a_weight(d_head: int, scale: float, length: int) -> None:
    """Of a score d_head products, 1 to spare, and what the scale makes of it; 3 times length, and 2 to spare."""
    q = value([[0.0] * d_head])
    for reach in (0.0, 2.0):
        weight, underflow = LOSES.weights(q, q, layer_of(d_head, scale), length, reach)
        exponent = (abs(scale) * (d_head + 1) + 1) * U
        assert weight.item() == pytest.approx(np.expm1(2 * exponent), rel=1e-12)
        assert underflow.item() == pytest.approx((1 + weight.item()) * (3 * length + 2) * U * np.exp(reach), rel=1e-12)


@np.errstate(all="ignore")
def test_a_score_that_is_off_may_overflow() -> None:
    """What is compared with a quarter of the largest number is as large as the program's may be."""
    a = rounding(U, largest=4.0 * 16)
    for error, known in ((0.5, True), (1.0, False)):
        weight, _ = a.weights(value([[4.0]], [[error]]), value([[3.5]]), layer_of(1), 2)
        assert np.isfinite(weight.item()) == known


@pytest.mark.parametrize(("weight", "underflow"), [(0.5, 0.25), (0.0, 0.0)])
def test_the_roundings_of_a_mean(weight: float, underflow: float) -> None:
    """length + 1 of each product, and 1 to spare, of weights that may be larger; underflow of each, and 2 more."""
    a, v, length = rounding(U, U), value([[3.0]], [[0.125]]), 5
    for reach in (0.0, 2.0):
        found = a.mean(v, np.array([[weight]]), np.array([[underflow]]), length, reach)
        off = weight + underflow + (1 + weight + underflow) * (length + 2) * ULP
        error = (1 + off) * (0.125 + (length + 2) * U * np.exp(reach)) + off * 3
        assert found.error.item() == pytest.approx(error, rel=1e-12)
        assert found.size.item() == pytest.approx(3 + error, rel=1e-12)
        if reach == 0:  # as where nothing is said
            assert a.mean(v, np.array([[weight]]), np.array([[underflow]]), length).error == found.error


def test_what_underflow_takes_of_gelu() -> None:
    for size in (0.0, 2.0):
        assert LOSES.gelu(value([size])).error.item() == 4 * U * (1 + size)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_the_roundings_of_a_deviation(n: int) -> None:
    """n + 6 of its least, and as many of what it is off by; n + 2 squares, sums and divisions that may underflow."""
    rows: Array = np.zeros((1, n))
    rows[0, 0] = n  # the mean is 1
    root, still = np.sqrt(n - 1 + 0.25), np.zeros(n)
    least, off = ROUNDS.deviation(still, rows, 0.25)
    assert least == pytest.approx(max(root * (1 - (n + 6) * ULP), 0.5 * (1 - ULP)), rel=1e-12)
    assert off == pytest.approx((n + 6) * ULP, rel=1e-12)
    least, off = LOSES.deviation(still, rows, 0.25)
    under = (n + 2) * U / root
    assert least == pytest.approx(max(root - under, 0.5), rel=1e-12)
    assert off == pytest.approx(under / least, rel=1e-12)


def test_the_roundings_of_a_deviation_that_is_far_off() -> None:
    """By the root mean square of what the distances are off by: 2.5, of a least of 3 times that less."""
    rows, error = np.array([[-10.0, 10.0, -10, 10]]), np.array([1.5, 2, 2.5, 3.5])
    off = np.sqrt((error**2).mean())
    least, found = ROUNDS.deviation(error, rows, 1e-300)
    assert least == pytest.approx(10 * (1 - 10 * ULP) - 3 * off, rel=1e-12)
    assert found == pytest.approx(off / least + 10 * ULP * (1 + off / least), rel=1e-12)


def test_a_square_that_is_off_may_overflow() -> None:
    a = rounding(U, largest=4.0 * 16)
    norm = Norm(np.ones(1), np.zeros(1), 1e-5)
    for error, known in ((0.4, True), (0.6, False)):
        found = a.scaled(Value(np.array([3.5]), np.array([error])), 1.0, 0.0, norm)
        assert np.isfinite(found.error.item()) == known


def test_the_roundings_of_sums() -> None:
    """One for each number; of what heads add one for each product, and 2; of a Norm's entry 2, and 1 to spare."""
    assert ROUNDS.sum([value([4.0]), value([3.0]), value([0.5])]).error.item() == 3 * ULP * 7.5
    assert LOSES.sum([value([4.0]), value([3.0])]).error.item() == 2 * U
    layer = Attention(np.ones((2, 1, 1)), np.ones((2, 1, 1)), np.ones((2, 1, 3)), 2 * np.ones((2, 3, 1)))
    mean = value(np.ones((2, 3)))
    assert ROUNDS.output(mean, layer).error.item() == (6 + 2) * ULP * 12
    norm = Norm(np.array([2.0]), np.array([0.5]), 1e-5)
    found = ROUNDS.scaled(value([0.25]), 1.0, 0.0, norm)
    assert found.error.item() == pytest.approx(3 * ULP * (0.25 * 2 + 0.5), rel=1e-12)
