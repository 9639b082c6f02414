"""Boxes of which some tokens are counted: what is split, and how they lie beside those of fewer counts."""

from dataclasses import replace

import numpy as np

from properties.proof.boxes import Box, Boxes, Tally
from properties.proof.counted import Counted
from properties.proof.judges import Answers
from properties.proof.reading.decision_tree import leaves
from properties.selftest.models import aab, third_previous
from reference import Fold
from zoo import Transformer

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


def test_a_box_is_split_where_it_matters_most() -> None:
    """Where the last token is known, at the one that is copied, if that is free."""
    model = third_previous.MODEL
    names = frozenset(model.vocab)
    judge, first, last = Answers(model.transformer, tuple(model.vocab)), *map(frozenset, "ab")
    assert model.n_ctx >= 6
    for known, position in (({5: last}, 2), ({5: last, 4: first}, 2), ({4: last}, 5)):
        [(at, _)] = judge.look([Box(6, known, names)])
        assert at == position, known


def test_what_looks_worst_is_one_of_the_contexts_of_a_box() -> None:
    """Where tokens are counted the worst one of each position need not go with the others."""
    model = aab.build(6)
    judge = Answers(model.transformer, tuple(model.vocab))
    for counts in ({A: (2, 2)}, {A: (4, 5)}, {A: (0, 0)}, {A: (5, 5)}):
        box = Box(6, {5: frozenset("b")}, frozenset("a"), (), counts)
        [(_, tokens)] = judge.look([box])
        assert model.decode(tokens) in box


def test_a_box_is_one_context_where_a_fold_ends_so_after_one() -> None:
    """Whether an a came before a b, which no count tells: of two tokens it did in one context."""
    after = {"": {"a": "a", "b": ""}, "a": {"a": "a", "b": "ab"}, "ab": {"a": "ab", "b": "ab"}}
    fold = Fold("", lambda state, token: after[state][str(token)], lambda state: {"ab"[state == "ab"]})
    found = [leaf for length in (1, 2, 3) for leaf in leaves(fold, "ab", length)]
    assert sum(leaf.count(2) for leaf in found) == 14
    ending = [replace(leaf, counts={}) for leaf in found if leaf.ending is not None]
    assert {1, 2} < {leaf.count(2) for leaf in ending}
    for leaf in (*found, *ending):
        assert leaf.is_one_context(2) == (leaf.count(2) == 1)
        tally = Tally(2)
        tally.add(leaf)
        assert tally.total() == leaf.count(2)
        assert "".join("ab"[token] for token in leaf.first("ab")) in leaf
        for at in range(leaf.length):  # what it is split into ends so, too
            assert sum(part.count(2) for part in leaf.split(at, "ab")) == leaf.count(2)


def test_of_positions_that_matter_as_much_the_later_one_is_split() -> None:
    still = Transformer(np.eye(2), np.zeros((4, 2)), [])
    judge, last = Answers(still, ("a", "b")), frozenset("a")
    for known, position in (({3: last}, 2), ({3: last, 2: last}, 1), ({}, 3)):
        [(at, _)] = judge.look([Box(4, known, frozenset("a"))])
        assert at == position
