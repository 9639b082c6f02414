"""How far scores and weights may be off, held to numbers worked out by hand: each rounding, and what underflows."""

import math
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.means import Sides, loosened, weights
from properties.selftest.recheck.test_means import each_dtype, score, side
from properties.selftest.recheck.test_program_sums import TINY
from properties.selftest.recheck.worst import many_digits, unit

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


@pytest.mark.parametrize(
    ("q", "k", "scale", "exactly", "units"),
    [
        # Four roundings of four products by the program, and 6 + 4 here.
        (side([1.0, -1] * 2 + [0] * 2), side([1.0] * 6), 1.0, Fraction(4 * 4 + 4 * 10, 2**53), 2 * 76),
        # Three of a size of 4, which was loosened once, are added.
        (
            side([1.0, -1] * 2 + [0] * 2),
            side([1.0] * 6),
            3.0,
            3 * Fraction(56 + 12, 2**53),
            (3 * 56 + 2 * 12) * 76 / 68,
        ),
        # 2^-10 of six keys; by 6 + 10 roundings it is more, of 1 + 2^-10.
        (side([1.0, -1] * 3), side([1.0] * 6, 2.0**-10), 1.0, Fraction(6, 2**10), 2 * 76 + 16 * (2**10 + 1)),
        # A query and a key of 2 at most, which move by 2^-10 in two directions each; and 6 + 12 roundings of 24.
        (
            side([1.0, -1] * 3, 1.0, [2.0**-10] * 2, [1.0] * 2),
            side([1.0] * 6, 1.0, [2.0**-10] * 2, [1.0] * 2),
            1.0,
            Fraction(4, 2**10),
            2 * 80 + 18 * 6 * 2**10,
        ),
    ],
)
def test_sums_are_loosened(q: Sides, k: Sides, scale: float, exactly: Fraction, units: float) -> None:
    """By twice 6 + 32 units, or 8 + 32: sizes and what moves, then all that is added, and once more with a scale."""
    high = score(q, k, scale, np.float64)[1]
    assert float((Fraction(high) / exactly - 1) * 2**53) == pytest.approx(units, abs=0.2 * 76)


@pytest.mark.parametrize("rounded", ["q", "k"])
def test_what_is_rounded_of_one_side_is_felt_by_all_of_the_other(rounded: str) -> None:
    """Of a query of 2, or a key of 3, that may be twice as large."""
    sides = {"q": side([2.0], 1.0, [0.0], [0.0]), "k": side([3.0], 1.0, [0.0], [0.0])}
    sides[rounded] = sides[rounded]._replace(rounding=np.array([[2.0**-10]]))
    low, high = score(sides["q"], sides["k"], 1.0, np.float64)
    moved = 2.0**-10 * (6 if rounded == "q" else 4)
    assert [6 - low, high - 6] == pytest.approx([moved] * 2, rel=1e-9)


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


def test_differences_of_scores_are_rounded_outward() -> None:
    """By up to 256 units where they are below 512: more than all room that there is.

    Of so many units as here are taken from it, rounding makes 512, and so no more room either.
    """
    rng = np.random.default_rng(0)
    for apart in rng.uniform(490, 502, 20):
        scored = np.array([[rng.random()], [-apart]])
        least, most = weights(scored, scored, np.ones_like(scored, bool), U)
        with many_digits():
            difference = Decimal(float(scored[1, 0])) - Decimal(float(scored[0, 0]))
            off = (9 + abs(difference)) / 2**53
            assert Decimal(float(least[1, 0])) <= (difference - off).exp()
            assert (difference + off).exp() <= Decimal(float(most[1, 0]))
