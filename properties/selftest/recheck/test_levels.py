"""What a level rests on: the roundings of the sum that confirms it, prices that are paid, and how near it comes."""

from fractions import Fraction

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.attention import LIGHT, _coarser, _heard
from properties.recheck.means import excess, levels
from properties.recheck.prices import Counted
from properties.selftest.recheck.liars import guessing
from zoo.transformer.arrays import Array

UNIT = Fraction(1, 2**53)


def counted(keys: int, limits: list[tuple[int, int]]) -> Counted:
    """Of each count one token, by number, at all keys."""
    ends = np.array(limits, float).reshape(1, -1, 2)
    tokens = np.arange(5) == np.arange(len(limits))[None, :, None]
    return Counted(np.ones((1, len(limits), keys), bool), tokens, ends[..., 0], ends[..., 1])


@pytest.mark.parametrize("keys", [1, 2, 64])
@pytest.mark.parametrize(
    "prices", [[], [3.0], [2.0**20], [-(2.0**20)], [2.0**-20], [2.0**20, -(2.0**18)], [2.0**-20] * 4]
)
def test_the_sum_that_confirms_a_level_may_round(
    keys: int, prices: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers of few digits, of which it rounds none: it allows for what others of their size may lose.

    Of each key, a difference, a product and one subtraction of each price; of each price a product; and all sums.
    """
    most = [(0, keys // 2) if price > 0 else (keys // 2, keys) for price in prices]
    monkeypatch.setattr(means, "prices", lambda terms, counted: np.array([prices]))
    its, mask = counted(keys, most) if prices else None, np.ones((1, keys, 5), bool)
    value = np.array([*prices, *[0.0] * 5])[:5] + 0.25
    weight: Array = np.ones((1, keys, 5))
    for level in (0.0, -8.0):
        terms = [Fraction(v - level) for v in value]
        left = [term - Fraction(prices[c]) if c < len(prices) else term for c, term in enumerate(terms)]
        worst = max(left)
        paid = [Fraction(price) * (keys // 2) for price in prices]
        exact = keys * worst + sum(paid)
        [found] = excess(weight, weight, value * weight, mask, np.array([level]), its)
        largest = max(abs(term) for term, its in zip(terms, left) if its == worst)
        lost = keys * (2 * largest + (keys - 1 + 2 * len(prices)) * abs(worst))
        lost += sum((1 + len(prices)) * abs(its) for its in paid)
        assert UNIT * lost <= Fraction(float(found)) - exact
        sizes = keys * abs(worst) + sum(abs(Fraction(price)) * (keys // 2 + 2 * keys) for price in prices)
        allowed = UNIT * (keys + 4 + 3 * len(prices)) * sizes
        assert Fraction(float(found)) - exact <= allowed * Fraction(101, 100) + Fraction(float(abs(np.spacing(found))))


@pytest.mark.parametrize("seed", range(6))
def test_where_several_are_counted_a_level_is_halved(seed: int) -> None:
    """However it is guessed, it is confirmed, and as near to what is not as so many halves come."""
    rng, keys = np.random.default_rng(seed), 5
    its, mask = counted(keys, [(1, 2), (1, 3)]), np.ones((1, keys, 5), bool)
    least = rng.random((1, keys, 5)) + 0.5
    value = rng.normal(size=(1, keys, 5))
    arrays = least, least * 1.5, value, mask
    for how in ("the lowest", "no number", "infinity"):
        with guessing(how):
            [level] = levels(*arrays, bits=52, counted=its)
        apart = (value.max() - value.min()) * 2.0**-means.HALVES
        assert excess(*arrays, level=np.array([level]), counted=its) <= 0
        assert excess(*arrays, level=np.array([level - apart * 1.001]), counted=its) > 0
    [guessed] = levels(*arrays, bits=52, counted=its)
    assert guessed <= level + 2 * apart
    one = Counted(*(part[:, :1] for part in its))
    [level] = levels(*arrays, bits=52, counted=one)  # the first guess is near where there is one
    assert excess(*arrays, level=np.array([level]), counted=one) <= 0
    assert excess(*arrays, level=np.array([level - 1e-3]), counted=one) > 0


def test_levels_are_coarse_and_not_above_the_largest_value() -> None:
    mask, ones = np.ones((1, 2, 1), bool), np.ones((1, 2, 1))
    value = np.array([[[1.0], [0.3]]])
    assert levels(ones, ones, value, mask, 5).tolist() == [0.6875]  # up to the next of sixteen parts of 1
    assert levels(ones, ones, -value, mask, 5).tolist() == [-0.625]
    assert levels(ones, ones, 1000 * value, mask, 5).tolist() == [672]
    assert levels(ones, ones * [[[1], [1e-9]]], value, mask, 1).tolist() == [1]


def test_what_is_hardly_heard() -> None:
    """What cannot weigh e^LIGHT of the largest that some key reaches whatever it holds."""
    low = np.array([[0.0, -5.0], [2.0, 9.0], [50.0, 1.0], [-100.0, -100.0], [-100.0, -100.0]])
    high = np.array([[0.0, -5.0], [9.0, 9.0], [50.0, 50.0], [2 + LIGHT + 0.01, -100.0], [2 + LIGHT - 0.01, -100.0]])
    there = np.ones_like(low, bool)
    assert _heard(low, high, there).tolist() == [True, True, True, True, False]
    there[2, 1] = False  # 50 is reached there then
    assert _heard(low, high, there).tolist() == [False, False, True, False, False]
    high[4] = np.nan
    assert _heard(low, high, there)[4]


def test_sizes_of_ten_bits() -> None:
    sizes = np.concatenate([np.linspace(1, 2, 5000), [0, np.inf, 1e-310, 3e300, 1 / 3]])
    found = _coarser(sizes)
    assert (found >= sizes).all()
    assert (found <= sizes * (1 + 2.0**-9)).all()
    assert len(np.unique(found[:5000])) == 2**9 + 1
    assert _coarser(found).tolist() == found.tolist()
