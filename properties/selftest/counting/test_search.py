"""The order of a count, what it keeps count of, and when it ends; by a clock and parts that are made up."""

import heapq
import inspect
import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import properties
from properties.counting import Count, Counted, Counting, search
from properties.counting.engine import Bounded
from properties.counting.narrowing import Narrowing, OneByOne, Shard
from properties.counting.parts import Part
from properties.counting.search import _Found
from properties.proof.reading.decision_tree import Reading
from properties.selftest.counting.maxima import SIZE
from properties.selftest.counting.test_count import model
from reference import Fold
from zoo import BlackBox, Domain, Model, ModelError
from zoo.errors import ContextError
from zoo.model import NUMBER, Context
from zoo.transformer import forward


def bounded(least: int, most: int, looked: bool = True, length: int = 2) -> Bounded:
    return Bounded(cast(Part, SimpleNamespace(length=length)), least, most, looked=looked)


def sizes(counting: Counting) -> list[list[int]]:
    """Of the shards that are open, in the order in which they are taken, how much is open in each part."""
    return [[one.most - one.least for one in shard.parts] for *_, shard in sorted(counting._open)]


@pytest.mark.parametrize(
    ("small", "first"), [(7, [[9, 8], [7, 1, 1, 1]]), (14, [[9, 8], [7, 1, 1, 1]]), (15, [[9, 8, 7], [1, 1, 1]])]
)
def test_parts_go_into_shards(small: int, first: list[list[int]], monkeypatch: pytest.MonkeyPatch) -> None:
    """The most open first; of those an engine has looked at so many as it takes, of small others more."""
    monkeypatch.setattr(search, "SMALL", small)
    monkeypatch.setattr(search, "SMALL_PARTS", 4)
    counting = Counting(model(), [2])
    monkeypatch.setattr(counting.general, "batch", 2)
    counting._push("general", [bounded(0, most, looked=False) for most in (1, 9, 0, 1, 8, 7, 1)])
    assert sizes(counting) == first
    assert {shard.engine for *_, shard in counting._open} == {"general"}
    counting._open = []
    counting._push("general", [bounded(3, 3), *(bounded(5, 5 + more) for more in (5, 9, 8, 7, 6))])
    assert sizes(counting) == [[9, 8], [7, 6], [5]]
    counting._push("separable", [bounded(1, 8), bounded(0, 20)])
    assert sizes(counting) == [[20], [9, 8], [7, 6], [7], [5]]  # of as much that is open, what came first
    assert heapq.heappop(counting._open)[-1].engine == "separable"


class Settled:
    """In place of shards: what is found of one, and which were said to follow."""

    def __init__(self, found: Sequence[Bounded], width: int = 0) -> None:
        self.found, self.width, self.asked = found, width, list[tuple[list[Bounded], list[Any]]]()

    def __call__(self, shard: Shard, following: Sequence[Shard] = ()) -> Sequence[Bounded]:
        self.asked.append((list(shard.parts), list(following)))
        return self.found


def test_what_is_found_takes_the_place_of_what_was_split() -> None:
    """And what was known stays known, where sums of the parts are less narrow."""
    counting = Counting(model(), [2, 3])
    counting._known = {2: _Found(5, 18, 100), 3: _Found(1, 7, 50)}
    counting._sums = {2: _Found(3, 20, 100), 3: _Found(0, 9, 50)}
    first, found = bounded(1, 10), [bounded(2, 4), bounded(0, 3), bounded(1, 1)]
    counting._push("general", [first])
    counting._push("general", [bounded(0, 2)])
    counting._push("general", [bounded(0, 1)])
    counting.shards = settled = cast(Any, Settled(found))
    counting._narrow()
    assert settled.asked == [([first], [])]
    assert counting._sums == {2: _Found(5, 18, 100), 3: _Found(0, 9, 50)}
    assert counting._known == {2: _Found(5, 18, 100), 3: _Found(1, 7, 50)}
    assert sizes(counting) == [[3, 2], [2], [1]]
    counting.shards = settled = cast(Any, Settled([bounded(2, 3), bounded(1, 1)], width=2))
    counting._narrow()
    assert [[one.most for one in shard.parts] for shard in settled.asked[0][1]] == [[2], [1]]
    assert counting._known[2] == _Found(6, 15, 100)
    counting.shards = cast(Any, Settled([bounded(1, 1, length=3)]))
    counting._open = [(-5, 1, Shard("general", [bounded(0, 5, length=3)]))]
    counting._narrow()
    assert counting._known == {2: _Found(6, 15, 100), 3: _Found(1, 5, 50)}


def test_right_wrong_and_open_are_all_there_is() -> None:
    """Of each length and in all; what is skipped is not among them."""
    rows = (Counted(1, 1, 2, 4, 8), Counted(2, 16, 32, 64, 128))
    assert [row.total for row in rows] == [7, 112]
    assert Counted(1, 1, 2, 4).skipped == 0
    found = Count("name", rows, 1.0)
    assert (found.right, found.wrong, found.open, found.skipped, found.total) == (17, 34, 68, 136, 119)
    assert found.accuracy == (Fraction(17, 119), Fraction(85, 119))
    assert Count("name", (Counted(1, 0, 0, 0, 8),), 1.0).accuracy == (Fraction(0), Fraction(1))
    counting = Counting(replace(model(), domain=Domain.every(model().vocab, 3)))
    counting._known = {3: _Found(5, 18, 100), 2: _Found(1, 1, 44)}
    counting.shards.clock = lambda: counting._begin + 3  # type: ignore[method-assign]
    now = counting.so_far()
    assert now.lengths == (Counted(3, 82, 5, 13, SIZE**3 - 100), Counted(2, 43, 1, 0, SIZE**2 - 44))
    assert (now.name, round(now.seconds, 6)) == ("maxima", 3)


@pytest.mark.parametrize(("open_", "enough"), [(50, True), (51, False)])
def test_a_gap_is_of_all_that_is_judged(open_: int, enough: bool) -> None:
    counting = Counting(model(), [2, 3])
    counting._known = {2: _Found(3, 23, 150), 3: _Found(10, open_ - 10, 50)}
    assert counting._narrow_enough(0.25) == enough
    counting._known = {2: _Found(3, 3, 150)}
    assert counting._narrow_enough(0.0)


class Timed(Counting):
    """Starts lengths, narrows, and goes through contexts, in so many seconds each; what it did when."""

    def __init__(self, leaves: bool = True, closes: int = 0) -> None:
        super().__init__(model(), [1, 2, 3, 4])
        self.now, self.did, self.leaves, self.closes = 100.0, list[Any](), leaves, closes
        self.shards.clock = lambda: self.now  # type: ignore[method-assign]

    def _start(self, reading: Reading, length: int, deadline: float) -> bool:
        self.did.append(length)
        self.now += 2
        self._open += [(0, length, Shard("general", []))] * self.leaves
        return self.leaves

    def _narrow(self) -> None:
        self.did.append("narrow")
        self.now += 2
        self.closes -= 1
        if self.closes == 0:
            self._open = []

    def _one_by_one(self, length: int) -> Iterator[None]:
        for _ in range(2):
            self.did.append(-length)
            self.now += 2
            yield


def test_half_of_the_time_is_for_beginning_with_the_longest() -> None:
    """And as long as something is open, the other half for what was begun."""
    counting = Timed()
    assert len(list(counting.steps(max_seconds=12))) == 3
    assert counting.did == [4, 3, 2, "narrow", "narrow", "narrow"]
    counting = Timed(closes=1)
    assert len(list(counting.steps(max_seconds=10))) == 1
    assert counting.did == [4, 3, 2, "narrow", 1]
    counting = Timed(closes=2)
    assert len(list(counting.steps(max_seconds=100))) == 2
    assert counting.did == [4, 3, 2, 1, "narrow", "narrow"]
    counting = Timed()
    assert list(counting.steps(gap=1.0)) == counting.did == []


def test_contexts_are_gone_through_last_and_the_shortest_first() -> None:
    counting = Timed(leaves=False)
    assert len(list(counting.steps(max_seconds=None))) == 8
    assert counting.did == [4, 3, 2, 1, -1, -1, -2, -2, -3, -3, -4, -4]
    counting = Timed(leaves=False)
    assert len(list(counting.steps(max_seconds=14))) == 3
    assert counting.did == [4, 3, 2, 1, -1, -1, -2]
    counting = Timed(leaves=False)
    counting._known = {2: _Found(0, 1, 4)}
    counting.did = []
    counting._narrow_enough = lambda gap: gap == 0.5 and len(counting.did) > 4  # type: ignore[method-assign]
    assert len(list(counting.steps(gap=0.5))) == 1


def test_a_minute_is_what_it_takes() -> None:
    assert inspect.signature(properties.count).parameters["max_seconds"].default == 60


def some(context: Context) -> set[str]:
    """Nothing is asked after some contexts, and everything permitted after others."""
    if context[-1] == "07":
        return set()
    if context[-1] == "03":
        return {f"{i:02}" for i in range(SIZE)}
    return {max(context)} if context[-1] != "05" else {max(context), min(context)}


def judged(length: int) -> tuple[int, int, int]:
    """How many are right, wrong and skipped, by running them."""
    tokens = np.indices((SIZE,) * length).reshape(length, -1).T
    logits = forward(model().transformer, tokens, last=True)[:, -1]
    found = [0, 0, 0]
    for row, numbers in zip(tokens, logits):
        right = {int(name) for name in some(tuple(f"{t:02}" for t in row))}
        if not 0 < len(right) < SIZE:
            found[2] += 1
        else:
            others = max(number for i, number in enumerate(numbers) if i not in right)
            found[not max(numbers[i] for i in right) > others] += 1
    return found[0], found[1], found[2]


FOLD = Fold(
    None,
    lambda best, token: (token, token, token) if best is None else (max(best[0], token), min(best[1], token), token),
    some,
)


@pytest.mark.parametrize("leaves", [0, 10**4])
@pytest.mark.parametrize("rule", [some, FOLD])
def test_what_is_not_judged_is_skipped(rule: Any, leaves: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """By parts, and where contexts are gone through; on the way, too."""
    monkeypatch.setattr(search, "LEAVES", leaves)
    monkeypatch.setattr(search, "ROWS", 50)
    right, wrong, skipped = judged(2)
    assert min(right, wrong, skipped) > 5
    counting = Counting(replace(model(), rule=rule), [2])
    for _ in counting.steps():
        [now] = counting.so_far().lengths
        assert (now.wrong <= wrong, now.right <= right, now.skipped <= skipped) == (True,) * 3
        assert now.total + now.skipped == SIZE**2
    assert counting.so_far().lengths == (Counted(2, right, wrong, 0, skipped),)
    tokens = np.indices((SIZE,) * 2).reshape(2, -1).T
    assert OneByOne(replace(model(), rule=some))(tokens) == (wrong, skipped)
    ties = replace(model().transformer, unembedding=np.zeros((SIZE, SIZE + 1)))
    assert OneByOne(replace(model(), rule=some, transformer=ties))(tokens) == (SIZE**2 - skipped, skipped)


def reading(rule: Any) -> Reading:
    return Reading(rule, model().vocab, "rule", names=model().names)


def test_a_rule_is_read_while_there_is_time(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(SIZE))
    counting = Counting(replace(model(), rule=set), [1])
    monkeypatch.setattr(counting.shards, "clock", lambda: next(looks))
    assert not counting._start(reading(lambda context: {context[0]}), 1, 5)
    assert next(looks) == 6
    assert not counting._open


def test_a_rule_of_so_many_leaves_is_read() -> None:
    """At a length of one token, a leaf for each."""

    def rule(context: Context) -> set[str]:
        return {context[0]} if context[0] != "05" else set()

    counting = Counting(replace(model(), rule=rule), [1])
    for leaves, read in ((SIZE - 1, False), (SIZE, True)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "LEAVES", leaves)
            assert counting._start(reading(rule), 1, math.inf) == read
            assert bool(counting._open) == read
    assert counting._known == counting._sums == {1: _Found(0, SIZE - 1, SIZE - 1)}
    assert {shard.engine for *_, shard in counting._open} == {"separable"}


def test_parts_are_split_only_where_an_engine_has_looked() -> None:
    narrowing = Narrowing(model())
    assert narrowing.engine("general") is narrowing.general
    assert narrowing.engine("separable") is narrowing.separable
    assert Narrowing(model(2)).separable is None
    engine = SimpleNamespace(split=lambda one: [one.most, -one.most], bound=list)
    narrowing.general = cast(Any, engine)
    new, old = bounded(0, 4, looked=False), bounded(0, 5)
    assert narrowing(Shard("general", [new, old])) == [new.part, 5, -5]


def test_what_is_counted() -> None:
    properties.counting.check(model())
    for other, words in (
        (replace(model(), rule=None), "states no rule"),
        (replace(model(), rule=lambda context, at: {"00"}, answers="every"), "at every position"),
        (Model("number", "ab", number_model(), rule=lambda context: {1}, outputs=NUMBER, within=1), "with a number"),
        (
            cast(
                Model,
                BlackBox("box", "ab", 2, lambda contexts: np.zeros((len(contexts), 2)), rule=lambda context: {"a"}),
            ),
            "box has no weights",
        ),
        (cast(Model, SimpleNamespace(name="other")), "other has no weights"),
    ):
        with pytest.raises(ModelError, match=words):
            Counting(other)
    with pytest.raises(ContextError, match="contexts of 5 tokens are asked for, but should have 1 to 4"):
        Counting(model(), [2, 5])
    assert list(Counting(model(), [3, 2, 3])._known) == list(Counting(model(), iter([3, 2, 3]))._known) == [3, 2]
    assert Counting(model()).lengths == [1, 2, 3, 4]
    assert Counting(model(), [2])._known == Counting(model(), [2])._sums == {2: _Found(0, SIZE**2, SIZE**2)}


def number_model() -> Any:
    return replace(model().transformer, token_embedding=np.zeros((2, SIZE + 1)), unembedding=np.zeros((1, SIZE + 1)))
