"""Boxes of which some tokens are counted: what is split, and how they lie beside those of fewer counts."""

import numpy as np

from properties.proof.arithmetic import Arithmetic, Interval, average
from properties.proof.boxes import Box, Boxes
from properties.proof.counted import Counted
from properties.selftest.models import aab

A, B = (Counted(range(5), frozenset(token)) for token in "ab")


def test_the_widest_count_is_split() -> None:
    for counts, widest in (
        ({}, None),
        ({A: (2, 2)}, None),
        ({A: (2, 2), B: (0, 3)}, B),
        ({A: (0, 3), B: (2, 2)}, A),
        ({A: (0, 2), B: (1, 4)}, B),
        ({A: (2, 2), B: (1, 1)}, None),
    ):
        assert Box(5, {}, frozenset("a"), (), counts).widest is widest


def test_boxes_of_several_numbers_of_counts_lie_side_by_side() -> None:
    each = [{A: (1, 4)}, {A: (1, 3), B: (0, 2)}, {}]
    arrays = Boxes.of([Box(5, {}, frozenset("a"), (), counts) for counts in each], "abc").counts
    assert arrays is not None
    assert arrays.limits.tolist() == [[[1, 4], [0, 0]], [[1, 3], [0, 2]], [[0, 0], [0, 0]]]
    assert arrays.ranges[:2].tolist() == [[[0, 5, 1], [0, 0, 1]], [[0, 5, 1], [0, 5, 1]]]
    assert arrays.tokens[1].tolist() == [[True, False, False], [False, True, False]]
    assert Boxes.of([Box(5, {}, frozenset("a"))], "abc").counts is None


def test_the_mean_of_what_is_known_exactly_is_known_as_well_as_it_is_computed() -> None:
    a = Arithmetic.of_program(aab.MODEL.transformer)
    mean = average(Interval(np.array([1.0, -2.0, 4.0]), np.zeros(3)), a)
    assert mean.c.item() == 1
    assert 7 / 3 * a.own <= mean.r.item() <= 7 / 3 * a.own * (1 + 1e-6)
    wide = average(Interval(np.array([1.0, -2.0, 4.0]), np.array([0.5, 0.0, 1.0])), a)
    assert 0.5 <= wide.r.item() <= 0.5 + 4 * a.own
