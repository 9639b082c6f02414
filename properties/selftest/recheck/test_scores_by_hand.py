"""How far scores and weights may be off, held to numbers worked out by hand: each rounding, and what underflows."""

import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.means import loosened, weights
from properties.selftest.recheck.test_means import each_dtype, score, side
from properties.selftest.recheck.test_program_sums import TINY
from properties.selftest.recheck.worst import unit

U = 2.0**-53


@each_dtype
@pytest.mark.parametrize(("size", "moves"), [(1.0, 0), (3.0, 0), (3.0, 2)])
def test_how_often_a_score_is_rounded(dtype: Any, size: float, moves: int) -> None:
    """Four products that cancel, of six directions: the program rounds each 4 times, and numpy 6, with 4 to spare.

    What moves them is summed in as many directions of the stream, and as many roundings more are allowed.
    """
    still = 0.0, [0.0] * moves, [0.0] * moves
    q, k = side([1.0, -1, 1, -1, 5, 0], *still), side([size, size, size, size, 0, 7], *still)
    low, high = score(q, k, 1.0, dtype)
    u = float(unit(dtype))
    assert high == pytest.approx(size * (4 * (4 * u) / (1 - 4 * u) + 4 * (6 + moves + 4) * U), rel=1e-12, abs=0)
    assert low == -high


@each_dtype
@pytest.mark.parametrize(("scale", "lost"), [(1.0, 16), (-1.0, 16 + 4), (3.0, 3 * 16 + 4), (-3.0, 3 * 16 + 4)])
def test_what_a_score_loses_to_underflow(dtype: Any, scale: float, lost: int) -> None:
    """Four tiny for each of its four products, and four for that with the scale."""
    x = 2.0**-70 if dtype == np.float32 else 2.0**-520
    low, high = score(side([x, -x, x, -x, 1, 0]), side([x, x, x, x, 0, 1]), scale, dtype)
    assert high == pytest.approx(lost * TINY[dtype], rel=1e-6, abs=0)
    assert low == -high


@pytest.mark.parametrize(("q", "k"), [([0.0, 0], [np.nan, 1]), ([np.nan, 0], [0.0, 0]), ([1.0, 0], [0.0, np.nan])])
def test_of_what_is_partly_unknown_no_score_is_known(q: list[float], k: list[float]) -> None:
    """Not even where nothing looks for it."""
    assert np.isnan(score(side(q), side(k), 1.0, np.float64)).all()


def test_sums_of_millions_are_loosened_enough() -> None:
    """Where each of count + 30 operations loses a unit; what loosens it is rounded down too, by almost a unit."""
    count = 2**21 + 1
    its = count + 30
    x = 1 + 2 * (2**53 // (2 * (its + 1)) - 1) * U
    exactly = Fraction(x) * (1 + Fraction(its, 2**53) + Fraction(its * (its - 1) // 2, 2**106))  # below (1 + U)^its
    assert Fraction(float(loosened(np.array(x), count))) >= exactly


def test_what_a_float_loses_as_it_underflows() -> None:
    assert np.finfo(np.float64).smallest_subnormal == means.TINY


def test_what_is_rounded_of_a_weight() -> None:
    """9.2 units of the program, and 16 here: 8 for exp, and one for a product with that, with room."""
    at = np.zeros((1, 1))
    least, most = weights(at, at, at == 0, U)
    assert 1 - least[0, 0] == pytest.approx((9.2 + 16) * U, abs=4 * U)
    assert most[0, 0] - 1 == pytest.approx((9.2 + 16) * U, abs=4 * U)


def test_a_weight_that_underflows_may_be_off_by_more() -> None:
    """e^-730 is below the normal numbers: 2^-1060 of it is not known."""
    scored = np.array([[0.0], [-730.0]])
    least, most = weights(scored, scored, np.ones_like(scored, bool), U)
    off = 2.0**-1060
    assert math.exp(-730) - least[1, 0] == pytest.approx(off, rel=1e-2, abs=0)
    assert most[1, 0] - math.exp(-730) == pytest.approx(off, rel=1e-2, abs=0)
