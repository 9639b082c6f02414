"""Leaves as arrays: who is seen alike, how many at a time, and that none is left out."""

from itertools import product

import numpy as np
import pytest

from properties.recheck.batches import NUMBERS, Contexts, Counts, _views, parts
from properties.recheck.counts import Count


def test_what_was_seen_before_is_the_same_or_not() -> None:
    """All contexts of four positions, each one of two things: by all that stands before a position."""
    codes = np.array([*product(range(2), repeat=4)])
    contexts = Contexts(np.full(16, 4), codes, np.eye(2, dtype=bool))
    for some, alike, p, keys in _views(contexts, False, True):
        assert (some.tolist(), keys) == ([*range(16)], p + 1)
        for one, other in product(range(16), repeat=2):
            assert (alike[one] == alike[other]) == (codes[one, :p] == codes[other, :p]).all()


def test_what_is_counted_is_the_same_or_not() -> None:
    """From the first position on: nothing stands before that."""
    limits = [(0, 1), (1, 1), (0, 1)]
    counts = Counts.of([{Count(range(2), 0): its} for its in limits], 2)
    contexts = Contexts(np.full(3, 2), np.zeros((3, 2), int), np.eye(2, dtype=bool), counts)
    for _, alike, *_ in _views(contexts, False, True):
        assert [alike[0] == alike[2], alike[0] == alike[1]] == [True, False]


def test_what_is_counted_in_some_of_several_sets() -> None:
    """The others have a count of no positions, which is 0; where nothing is counted in any, there are no counts."""
    counts = Counts.of([{}, {Count(range(1, 3), 1): (1, 2), Count(range(1), 2): (0, 1)}], 3)
    assert counts is not None
    assert counts.inside.astype(int).tolist() == [[[0, 0, 0], [0, 0, 0]], [[0, 1, 1], [1, 0, 0]]]
    assert counts.codes.tolist() == [[0, 0], [1, 2]]
    assert counts.limits.tolist() == [[[0, 0], [0, 0]], [[1, 2], [0, 1]]]
    assert Counts.of([{}, {}], 3) is None
    assert Counts.of([], 3) is None


@pytest.mark.parametrize(("causal", "keys"), [(True, [1, 2, 1, 2, 3]), (False, [2, 2, 3, 3, 3])])
def test_where_all_is_seen_each_is_by_itself(causal: bool, keys: list[int]) -> None:
    """Those of one length together, at each of their positions."""
    contexts = Contexts(np.array([3, 2, 3]), np.zeros((3, 3), int), np.eye(2, dtype=bool))
    found = [(some.tolist(), alike.tolist(), p, keys) for some, alike, p, keys in _views(contexts, True, causal)]
    sets = [[1]] * 2 + [[0, 2]] * 3
    assert found == list(zip(sets, sets, [0, 1, 0, 1, 2], keys))


def test_all_are_worked_with_and_so_many_at_a_time() -> None:
    some = np.arange(7) + 5
    for each, sizes in ((NUMBERS // 3, [3, 3, 1]), (NUMBERS, [1] * 7), (9 * NUMBERS, [1] * 7), (1, [7])):
        found = list(parts(some, each))
        assert [len(part) for part in found] == sizes
        assert np.concatenate(found).tolist() == some.tolist()
    assert list(parts(some[:0], 1)) == []
