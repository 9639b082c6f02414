"""What confirms a level, and how far above a guess it is looked for, held to numbers worked out by hand."""

from typing import Any

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.means import excess, guess, levels
from properties.recheck.prices import Counted
from zoo.transformer.arrays import Array

U = 2.0**-53
TINY = 2.0**-1074


def keys_of(*values: Any, weight: Any = 1.0) -> tuple[Array, Array, Array, Array]:
    """One set of keys that may hold one token each: weights, twice, values and the mask, [1, key, token]"""
    value = np.array(values, float).reshape(1, -1, 1)
    weights = np.broadcast_to(np.array(weight, float).reshape(1, -1, 1), value.shape)
    return weights, weights, value, np.ones(value.shape, bool)


def test_how_often_the_sum_is_rounded_that_confirms_a_level() -> None:
    """2 keys, and 4 more, of which 3 are to spare: 6 of all that is added in absolute values, 5 + 5.

    What is loosened of that are twice 2 + 32 units.
    """
    [found] = excess(*keys_of(5, -5), np.zeros(1))
    assert (found / (6 * U * 10) - 1) / U == pytest.approx(2 * 34, abs=3)


@pytest.mark.parametrize(
    ("price", "limits", "values", "absolute"),
    [
        # Each of 3 keys is worst at 3 - 9 = 1 - 7, and 2 of them are paid 9: 3 * -6 + 2 * 9 is 0.
        (9.0, (1, 2), (3.0, -6.0), 3 * 6 + 9 * (2 + 2 * 3)),
        # Here it is at -6 + 9, and 1 at least is paid: 3 * 3 - 9 is 0.
        (-9.0, (1, 2), (-6.0, 3.0), 3 * 3 + 9 * (1 + 2 * 3)),
    ],
)
def test_prices_are_rounded_with_the_sum(
    price: float, limits: tuple[int, int], values: tuple[float, float], absolute: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """3 keys and 4, and 3 more for a count: 10. A price is paid as often as its limit says, and twice at each key."""
    monkeypatch.setattr(means, "prices", lambda terms, counted: np.array([[price]]))
    value = np.tile(np.array(values), (1, 3, 1))
    ends = np.array([[limits]], float)
    counted = Counted(np.ones((1, 1, 3), bool), np.array([[[True, False]]]), ends[..., 0], ends[..., 1])
    ones = np.ones_like(value)
    found = excess(ones, ones, value, ones > 0, np.zeros(1), counted)
    assert found.tolist() == pytest.approx([10 * U * absolute], rel=1e-12, abs=0)


def test_at_its_value_a_key_of_any_weight_adds_nothing() -> None:
    _, most, value, mask = keys_of(0.25, 1, weight=[np.inf, 1])
    least = np.where(most < np.inf, most, 0)
    assert excess(least, most, value, mask, np.array([0.25])).tolist() == pytest.approx([0.75])


# Of two keys with values 4 and 0 the mean is 2, and (2 + 4) * 2 roundings of 4 are 48 U: three steps of the grid.
STEP = 48 * U


@pytest.mark.parametrize(("below", "slack"), [(0, 1), (8, 16), (2**11, 2**12), (2**23, 2**24)])
def test_how_far_above_a_guess_a_level_is_tried(below: int, slack: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In roundings of the sum: where the guess is so many too low, and the key's tokens are alike."""
    monkeypatch.setattr(means, "guess", lambda *_: np.array([2 - below * STEP]))
    weight, _, value, mask = (np.tile(x, (1, 1, 3)) for x in keys_of(4, 0))
    assert levels(weight, weight, value, mask, 52).tolist() == [2 + (slack - below) * STEP]
    monkeypatch.setattr(means, "guess", lambda *_: np.array([2, 2 - below * STEP]))
    weight, value, mask = (np.tile(x, (2, 1, 1)) for x in (weight, value, mask))
    assert levels(weight, weight, value, mask, 52).tolist() == [2 + STEP, 2 + (slack - below) * STEP]


def test_where_a_guess_is_much_too_low_the_level_is_the_largest_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(means, "guess", lambda *_: np.array([2 - 2.0**24 * STEP]))
    assert levels(*keys_of(4, 0), 52).tolist() == [4]


def test_where_the_grid_underflows_a_level_is_what_is_tried() -> None:
    """The mean of 5, 0 and 0 of the smallest numbers is rounded to 2 of them, and 2 is confirmed."""
    found = levels(*keys_of(5 * TINY, 0, 0, weight=2.0**100), 40)
    assert found.tolist() == [2 * TINY]


@pytest.mark.parametrize("guessed", [0.25, 0.75])
def test_where_one_weight_is_not_known_nothing_is(guessed: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is guessed, and be it confirmed with the least weight."""
    monkeypatch.setattr(means, "guess", lambda *_: np.array([guessed]))
    some, _, value, mask = keys_of(1, 0)
    for unknown in (0, 1):
        most = some.copy()
        most[0, unknown] = np.nan
        assert levels(some, most, value, mask, 52).tolist() == [np.inf]


def test_sets_of_which_one_has_values_that_are_all_alike() -> None:
    value = np.array([[[3.0], [3]], [[1], [0]]])
    ones = np.ones_like(value)
    assert levels(ones, ones, value, ones > 0, 52).tolist() == [3, pytest.approx(0.5, rel=1e-12)]


@pytest.mark.parametrize("weight", [1e3, 1e6, 1e9])
def test_the_level_of_a_heavy_key(weight: float) -> None:
    found = levels(*keys_of(1, 0, weight=[weight, 1]), 52)
    assert found.tolist() == pytest.approx([weight / (weight + 1)], rel=1e-14)


@pytest.mark.parametrize("size", [1.0, 2.0**60])
def test_a_heavy_token_at_a_level_that_another_one_of_its_key_exceeds(size: float) -> None:
    """The first key's heavy token is worst up to its value, 1; above it is the light one of value 0: 0 and 4 make 2.

    At 1 there are still 3 too many, which are nothing to the heavy token's weight: one has to step over it.
    """
    value = np.array([[[1.0, 0], [4, 4]]]) * size
    weight = np.array([[[2.0**60, 1], [1, 1]]])
    assert levels(weight, weight, value, value == value, 52).tolist() == pytest.approx([2 * size], rel=1e-12)


def test_a_guess_is_the_mean_and_stays_there_while_others_are_on_their_way() -> None:
    """Of another set the largest value may weigh 3, and the others no less than 1: 3 * 4 + 1 of 5."""
    least, _, value, mask = (np.concatenate([a, b]) for a, b in zip(keys_of(4, 2, 0), keys_of(4, 1, 0), strict=True))
    assert guess(least, least * [[[1]], [[3]]], value, mask).tolist() == [2, pytest.approx(13 / 5, rel=1e-15)]


@pytest.mark.parametrize("size", [1.0, 0.1, 0.7])
def test_the_level_where_a_price_makes_tokens_alike(size: float) -> None:
    """One of two keys holds the first token, of value 1, the other one the second, of 0 and 1000 times its weight.

    The mean is 1 / 1001. A third one of a much larger weight is never worst.
    """
    value = np.tile(np.array([1.0, 0, -1]), (1, 2, 1)) * size
    weight = np.tile(np.array([1.0, 1000, 1e9]), (1, 2, 1)) * 0.3
    one = np.ones((1, 1))
    counted = Counted(np.ones((1, 1, 2), bool), np.array([[[True, False, False]]]), one, one)
    found = levels(weight, weight, value, value == value, 52, counted)
    assert found.tolist() == pytest.approx([size / 1001], rel=1e-9)
