"""What counts say of keys, and the prices of tokens that are counted, worked out by hand."""

import numpy as np
import pytest

from properties.recheck.prices import Counted, prices
from zoo.transformer.arrays import Array

NEVER = -np.inf  # what a key cannot hold is worth


def counted(inside: list[list[int]], limits: list[tuple[int, int]], tokens: int = 3) -> Counted:
    """One set: of each count the keys, 1 where they are counted, and the token of its number."""
    ends = np.array([limits], float)
    which = np.eye(len(limits), tokens, dtype=bool)[None]
    return Counted(np.array([inside], bool), which, ends[..., 0], ends[..., 1])


@pytest.mark.parametrize(
    ("inside", "limits", "may_be", "then"),
    [
        ([1, 1, 0], (0, 0), "abc abc abc", "bc bc abc"),
        ([1, 1, 0], (2, 2), "abc abc abc", "a a abc"),
        ([1, 1, 0], (0, 2), "abc abc abc", "abc abc abc"),
        ([1, 1, 0], (1, 1), "abc abc abc", "abc abc abc"),
        ([1, 1, 0], (0, 0), "a abc ab", "a bc ab"),  # at its own key, what stands there is known
        ([1, 0, 1], (2, 2), "abc c bc", "a c bc"),
        ([0, 0, 0], (0, 0), "abc ab c", "abc ab c"),
    ],
)
def test_what_keys_may_hold_where_none_is_counted_or_all_are(
    inside: list[int], limits: tuple[int, int], may_be: str, then: str
) -> None:
    mask, exactly = (np.array([[[token in key for token in "abc"] for key in its.split()]]) for its in (may_be, then))
    assert (counted([inside], [limits]).possible(mask) == exactly).all()


def test_how_many_are_among_the_keys_that_are_seen() -> None:
    """One to three of four positions: of the first two none at least, for two others may hold it, and two at most."""
    inside, tokens = np.ones((1, 1, 4), bool), np.array([[[True, False]]])
    for keys, least, most in ((1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 3)):
        seen = Counted.seen(inside, tokens, np.array([[[1, 3]]]), keys)
        assert (seen.least.tolist(), seen.most.tolist()) == ([[least]], [[most]])


@pytest.mark.parametrize(
    ("gains", "limits", "alone", "beside"),
    [
        ([5, 3, 1, -2], (0, 4), 0, 0),  # as many as gain may be taken
        ([5, 3, 1, -2], (0, 1), 3, 4),  # what the first that is not taken would gain; or between that and the last
        ([5, 3, 1, -2], (0, 2), 1, 2),
        ([5, 3, 1, -2], (0, 0), 5, 5),
        ([5, 3, 1, -2], (4, 4), -2, -2),  # what the last that is taken would gain
        ([5, 3, 1, -2], (3, 3), 0, -0.5),
        ([-2, 1, 5, 3], (0, 1), 3, 4),
        ([3, 0], (0, 1), 0, 0),
        ([5, NEVER], (1, 1), 0, 5),
        ([NEVER, NEVER], (0, 1), 0, 0),
    ],
)
def test_the_price_of_a_count(gains: list[float], limits: tuple[int, int], alone: float, beside: float) -> None:
    """Of one count the best, and beside another one, be it of what no key can hold, one from which that can move."""
    terms: Array = np.array([[[gain, NEVER, 0] for gain in gains]])
    every = [1] * len(gains)
    assert prices(terms, counted([every], [limits])).tolist() == [[alone]]
    assert prices(terms, counted([every] * 2, [limits, (0, 0)])).tolist() == [[beside, 0]]


def test_a_key_of_infinite_weight_is_not_paid_for() -> None:
    terms: Array = np.array([[[np.inf, NEVER, np.inf], [3, NEVER, 0], [1, NEVER, 0]]])
    assert prices(terms, counted([[1, 1, 1]], [(0, 1)])).tolist() == [[1]]


def test_prices_of_several_counts_follow_each_other() -> None:
    """Neither may be held: at first 5 - 3 and 7 - (6 - 2), then, for what the other one costs, 5 and 7 - (6 - 5).

    In another set, at the same time, both may be held as often as one likes.
    """
    terms: Array = np.array([[[5, 3, 0], [6, 7, 0]]] * 2, float)
    none, any_ = (counted([[1, 1], [1, 1]], [limits] * 2) for limits in ((0, 0), (0, 2)))
    both = Counted(*(np.concatenate(parts) for parts in zip(none, any_, strict=True)))
    assert prices(terms, both).tolist() == [[5, 6], [0, 0]]
    assert prices(terms[:1], none).tolist() == [[5, 6]]
