"""When a search stops, and what it says then: time that ends between shards, a number of boxes, a shorter failure."""

from collections.abc import Iterator
from itertools import count
from typing import Any

import numpy as np
import pytest

from properties.proof import rounds, splits
from properties.proof.boxes import Box, Tally
from properties.proof.judges import Answers
from properties.proof.reach import BATCH
from properties.proof.search import prove_answers
from properties.proof.settling import Found, OfRule, Settling, Shard, settle, sizes
from properties.proof.splits import Splits
from properties.selftest.models import aab, induction
from zoo import Transformer
from zoo.domain import Domain

TIED = Transformer(np.zeros((2, 2)), np.zeros((3, 2)), [])  # whatever one answer is permitted, it is wrong


def of_rule(permitted: Any, outputs: str = "ab") -> OfRule:
    return OfRule(TIED, ("a", "b"), permitted, "", tuple(outputs), None)


def test_what_nobody_came_to_is_open_whenever_time_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 14 contexts in 6 leaves, of which nothing is asked: what was not looked at is not said to hold."""
    monkeypatch.setattr(rounds, "SILENT", 1)  # leaves of a shard
    found = []
    for looks in range(16):
        seen = count()
        monkeypatch.setattr(rounds.Search, "late", lambda self, seen=seen, looks=looks: next(seen) >= looks)
        proof = prove_answers(TIED, "ab", lambda context: {"a", "b"} if context[-1] == "a" else set("ba"))
        assert proof.status == ("holds" if proof.skipped == 14 else "undecided")
        assert bool(proof.widest) == (proof.status == "undecided")
        found.append(proof.skipped)
    assert found == sorted(found)
    assert {0, 14} < set(found)


def test_boxes_of_all_groups_are_counted_together() -> None:
    """Of two layers each length is a group."""
    model = induction.MODEL
    assert model.rule is not None
    lengths = [2, 3, 4]
    each = [prove_answers(model.transformer, model.vocab, model.rule, [n]).boxes for n in lengths]
    assert all(each)
    whole = prove_answers(model.transformer, model.vocab, model.rule, lengths, max_boxes=sum(each))
    assert (whole.status, whole.boxes, whole.upto) == ("holds", sum(each), 4)
    less = prove_answers(model.transformer, model.vocab, model.rule, lengths, max_boxes=sum(each) - 1)
    assert (less.status, less.upto) == ("undecided", 3)
    assert less.boxes < sum(each)


def test_all_counterexamples_are_sought_but_for_the_first() -> None:
    """Lengths that are groups of their own, and all are wrong."""
    found = prove_answers(TIED, "ab", lambda context: {"a"}, [1, 3])
    assert [len(one.context) for one in found.counterexamples] == [1] * 2 + [3] * 8
    assert found.upto == 3
    first = prove_answers(TIED, "ab", lambda context: {"a"}, [1, 3], first=True)
    assert [len(one.context) for one in first.counterexamples] == [1]


def contexts(*tokens: str) -> list[Box]:
    return [Box(len(some), {i: frozenset(one) for i, one in enumerate(some)}, frozenset("a")) for some in tokens]


@pytest.mark.parametrize(
    ("first", "most", "wrong", "open_"),
    [
        (False, 9, ["ab", "aa", "b", "bbb"], []),
        (True, 9, ["ab", "b"], []),
        (False, 2, ["ab", "aa"], ["b", "bbb"]),
        (False, 3, ["ab", "aa", "b"], ["bbb"]),
        (True, 1, ["ab"], ["b", "bbb"]),
        (False, 0, [], ["ab", "aa", "b", "bbb"]),
    ],
)
def test_a_shard_ends_where_it_may(first: bool, most: int, wrong: list[str], open_: list[str]) -> None:
    """After so many boxes; after one that is wrong only shorter ones are looked at where the first is sought."""
    boxes, found = contexts("ab", "aa", "b", "bbb"), Found(Tally(2), Tally(2))
    settle(Answers(TIED, ("a", "b")), Shard(boxes, most, 1, first), boxes, "ab", found)
    assert ["".join(one.context) for one in found.counterexamples] == wrong
    assert ["".join(min(one.sets[i]) for i in range(one.length)) for one in found.open] == open_
    assert found.boxes == len(wrong)


def test_leaves_that_are_too_long_are_of_no_interest() -> None:
    work = of_rule(lambda context: {"a"} if context[-1] == "a" else {"a", "b"})
    stretches = list(work.reading.stretches(3, {}, None, lambda leaf: False))
    for below, number in ((3, 0), (4, 1)):
        boxes, found = work.opened(Shard(stretches, 9, 9, below=below))
        assert (len(boxes), found.skipped.total()) == (number, 4)


@pytest.mark.parametrize(
    ("outputs", "permitted", "asks"),
    [("abc", "", False), ("abc", "a", True), ("abc", "ac", True), ("abc", "abc", False), ("ab", "ab", False)],
)
def test_what_is_asked_of_a_leaf(outputs: str, permitted: str, asks: bool) -> None:
    assert of_rule(lambda context: {"a"}, outputs).asks(Box(1, {}, frozenset(permitted))) == asks


def test_of_a_number_one_is_asked() -> None:
    assert of_rule(lambda context: 0.5, "").asks(Box(1, {}, frozenset([0.5])))  # type: ignore[list-item]


def test_a_shard_is_about_a_seconds_work() -> None:
    """Of 10^9 operations: a batch of leaves at least and 8 at most, and 8 batches of boxes to 64."""
    assert BATCH == 256
    for operations, leaves, boxes in (
        (10, 8, 64),
        (10**5, 8, 39),
        (10**6, 3, 8),
        (10**7, 1, 8),
        (10**12, 1, 8),
    ):
        assert sizes(operations) == (256 * leaves, 256 * boxes)
    assert Settling(lambda: Answers(TIED, ("a", "b")), ("a", "b")).sizes(3) == (256, 256 * 8)


def test_boxes_are_kept_up_to_their_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def kept(most: int) -> Iterator[int]:
        monkeypatch.setattr(splits, "MOST_KEPT", most)
        its = Splits("ab", Domain.every("ab", model.n_ctx), "ab")
        proof = prove_answers(model.transformer, "ab", lambda context: set("ab"), [1, 2], settled=its.add)
        assert proof.skipped == 6
        yield from (len(its.settled), its.bands is None)

    model = aab.MODEL
    # One leaf of each length.
    assert list(kept(2)) == [2, True]
    assert list(kept(1)) == [0, False]
