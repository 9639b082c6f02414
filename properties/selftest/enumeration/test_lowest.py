"""The smallest margin and the first context that has it, of tiles made by hand; contexts by their numbers."""

import math

import numpy as np
import pytest

from zoo.enumeration import Tile
from zoo.enumeration.tiles import Lowest

NONE = np.empty(0)
EXACT = -np.inf  # the error of the forward pass's own logits


def found(*tiles: tuple[int, list[float]], error: float) -> tuple[float, int]:
    """Of margins of contexts of four tokens out of two, each tile from some number on."""
    lowest = Lowest()
    for start, margins in tiles:
        tile = Tile(4, (16,), (slice(start, start + len(margins)),), NONE, error)
        lowest.add(tile, np.array(margins), float(np.min(margins)))
    return lowest.found()


@pytest.mark.parametrize(
    ("error", "first", "second", "expected"),
    [
        (EXACT, (0, [3.0, 4.0]), (2, [2.0, 5.0]), (2.0, 2)),  # a smaller one that comes later
        (EXACT, (0, [3.0, 4.0]), (2, [5.0, 2.0]), (2.0, 3)),
        (EXACT, (0, [3.0, 2.0]), (2, [2.0, 2.0]), (2.0, 1)),  # the same: the first that has it
        (EXACT, (8, [3.0, 2.0]), (4, [5.0, 2.0]), (2.0, 5)),  # and so where a tile of earlier ones is later
        (EXACT, (8, [2.0, 2.0]), (4, [3.0, 4.0]), (2.0, 8)),  # earlier, but larger
        (0.25, (0, [3.0, 4.0]), (2, [2.5, 5.0]), (2.5, 0)),  # less by twice the error: equal, as far as is known
        (0.25, (0, [3.0, 4.0]), (2, [2.375, 5.0]), (2.375, 2)),
        (0.25, (8, [2.0, 4.0]), (4, [2.5, 5.0]), (2.0, 4)),  # earlier, and larger by no more than twice the error
        (0.25, (8, [2.0, 4.0]), (4, [2.625, 5.0]), (2.0, 8)),
        (0.5, (8, [7.0, 7.0]), (4, [2.0, 1.0]), (1.0, 4)),  # in one tile
        (0.5, (8, [7.0, 7.0]), (4, [2.125, 1.0]), (1.0, 5)),
        (np.inf, (0, [3.0, 4.0]), (2, [5.0, 2.0]), (2.0, 3)),  # nothing is known: what forward said is compared
        (np.nan, (0, [3.0, 4.0]), (2, [5.0, 2.0]), (2.0, 3)),
        (-1.0, (0, [3.0, 4.0]), (2, [3.5, 2.0]), (2.0, 3)),
    ],
)
def test_the_first_context_with_the_smallest_margin(
    error: float, first: tuple[int, list[float]], second: tuple[int, list[float]], expected: tuple[float, int]
) -> None:
    assert found(first, second, error=error) == expected


@pytest.mark.parametrize("error", [EXACT, 0.25, np.inf])
def test_a_margin_that_is_no_number_is_less_than_all(error: float) -> None:
    """Wherever it is; and the first of them is named."""
    for tiles, at in (
        ([(0, [3.0, np.nan]), (2, [1.0, 2.0])], 1),
        ([(0, [3.0, 4.0]), (2, [np.nan, 2.0])], 2),
        ([(4, [3.0, np.nan]), (2, [np.nan, np.nan])], 2),
        ([(2, [3.0, np.nan]), (4, [np.nan, np.nan])], 3),
    ):
        margin, where = found(*tiles, error=error)
        assert math.isnan(margin)
        assert where == at


def test_in_a_tile_of_running_sums_the_first_context_counts() -> None:
    """Whose numbers do not follow one another: a first half, a second half, and a last token that all have."""
    tile = Tile(5, (4, 4, 2), (slice(2, 4), slice(0, None), 1), NONE, 0.0)
    margins = np.array([[5, 6, 7, 3], [9, 3, 8, 3]], float)
    lowest = Lowest()
    lowest.add(tile, margins, 3)
    assert lowest.found() == (3, (2 * 4 + 3) * 2 + 1)
    assert tile.number((1, 2)) == (3 * 4 + 2) * 2 + 1 == 29
    assert tile.numbers(np.nonzero(margins == 3)).tolist() == [23, 27, 31]


def test_numbers_count_from_where_a_tile_begins() -> None:
    tile = Tile(3, (8,), (slice(4, 8),), NONE, 0.0)
    assert tile.numbers((np.array([1, 3]),)).tolist() == [5, 7]
    assert tile.numbers((np.array([], np.int64),)).tolist() == []
    assert tile.number((3,)) == 7


def test_which_margins_still_matter() -> None:
    """Before the context that is known: those up to the same, as far as rounding lets tell. After it smaller ones."""
    lowest = Lowest()
    assert lowest.heeded(0, 0.25) == np.inf
    lowest.add(Tile(3, (8,), (slice(4, 8),), NONE, 0.25), np.array([2, 1, 3, 4.0]), 1.0)
    assert lowest.found() == (1, 5)
    assert [lowest.heeded(n, 0.25) for n in (0, 4, 5, 7)] == [1.5, 1.5, np.nextafter(1, 0), np.nextafter(1, 0)]
    assert lowest.heeded(0, np.inf) == 1
    assert Lowest().found()[0] == np.inf


@pytest.mark.parametrize("start", range(0, 8, 2))
def test_what_is_not_heeded_changes_nothing(start: int) -> None:
    """And what just is does: a tile of two contexts, after the smallest margin at number 4, or before it."""
    base = (4, [1.0, 9.0])
    lowest = Lowest()
    lowest.add(Tile(4, (16,), (slice(4, 6),), NONE, 0.25), np.array(base[1]), 1.0)
    most = lowest.heeded(start, 0.25)
    other = start if start < 4 else start + 2
    more, less = np.nextafter(most, np.inf), most
    assert found(base, (other, [more, 9.0]), error=0.25) == (1, 4)
    assert found(base, (other, [less, 9.0]), error=0.25) != (1, 4)
