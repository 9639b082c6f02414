"""A search through boxes, shard after shard: which are read, what is asked next, and what it comes to.

Shards are settled in this order whoever settles them (`zoo.shards`), those that follow being begun ahead. What is read
ahead is told of when its turn comes.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Literal, Protocol

from properties.proof.boxes import Box, Settled, Tally
from properties.proof.counterexample import Counterexample
from properties.proof.reach import BATCH
from properties.proof.reading.decision_tree import Reading
from properties.proof.settling import Found, Settling, Shard, shorter
from properties.proof.splits import Splits
from zoo.domain import Domain
from zoo.progress import steps
from zoo.shards import Shards

SILENT = 4096  # leaves of which nothing is asked that are read for one shard


@dataclass
class Proof:
    """What was found. `contexts` were proved or run, `skipped` have no wrong answer or none specified.

    `margin` is a lower bound on best right - best wrong logit over all of `contexts`, found at `where`.
    """

    status: Literal["holds", "failed", "undecided"] = "holds"
    leaves: int = 0
    boxes: int = 0
    contexts: int = 0
    skipped: int = 0
    margin: float = float("inf")
    where: str = ""
    counterexamples: list[Counterexample] = field(default_factory=list)
    determined: bool = True  # one token is right in each of `contexts`
    widest: str = ""  # where undecided: the largest set left
    upto: int = 0  # every length up to this was settled
    by_length: dict[int, int] = field(default_factory=dict)  # of answers at every position: how many of `contexts`
    tells: str = ""  # what in the function's code could tell a lazy context: each was asked about by itself
    seconds: float = 0.0
    splits: Splits | None = None  # where they were kept: what a certificate is made of

    def add(self, other: "Proof", length: int, at: int) -> None:
        """What was found of a position in contexts of a length."""
        self.leaves, self.boxes = self.leaves + other.leaves, self.boxes + other.boxes
        self.contexts += other.contexts
        self.by_length[length] = self.by_length.get(length, 0) + other.contexts
        if other.margin < self.margin:
            self.margin, self.where = other.margin, f"{other.where}, at token {at + 1}"
        self.counterexamples += other.counterexamples
        self.determined &= other.determined
        self.widest = other.widest and f"{other.widest}, at token {at + 1}"
        self.status = "failed" if self.counterexamples else other.status

    def ended(self, vocab: Sequence[str], begin: float) -> "Proof":
        """Its counterexamples in order: by length, by tokens, by position."""
        order = {token: i for i, token in enumerate(vocab)}
        self.counterexamples.sort(key=lambda c: (len(c.context), [order[token] for token in c.context], c.at or 0))
        self.seconds = time.perf_counter() - begin
        return self


@dataclass(frozen=True)
class Budget:
    """When to stop: at the `first` counterexample, which is of the shortest length, or else when this is used up."""

    first: bool = False
    boxes: int | None = None
    seconds: float | None = None


class Starts(Protocol):
    """What a search starts from."""

    def __call__(self, length: int, late: Callable[[], bool]) -> Iterator[tuple[Box, bool]]:
        """Boxes, and whether something is asked of them."""

    def silent(self, box: Box) -> None:
        """Is told of a box of which nothing is asked."""


@dataclass(frozen=True)
class Whole:
    """The boxes of a domain: what is asked of them is not said by a rule."""

    scope: Domain
    vocab: Sequence[str]

    def __call__(self, length: int, late: Callable[[], bool]) -> Iterator[tuple[Box, bool]]:
        for box in self.scope.boxes(length, self.vocab):
            yield Box(length, box.sets, frozenset()), True

    def silent(self, box: Box) -> None:
        """There is none."""


@dataclass(frozen=True)
class Leaves:
    """The leaves of a rule's tree, `at` a position if each has an answer.

    Of those in which nothing or everything is permitted, nothing is asked: they are counted, and told of.
    """

    reading: Reading
    scope: Domain
    outputs: Sequence[str]
    settled: Callable[[Settled], None] | None
    skipped: Tally
    at: int | None = None

    def __call__(self, length: int, late: Callable[[], bool]) -> Iterator[tuple[Box, bool]]:
        for root in self.scope.boxes(length, self.reading.vocab):
            for leaf in self.reading.leaves(length, root.sets, self.at):
                asked = 0 < len(leaf.permitted) < (len(self.outputs) or 2)  # of a number, one
                if not asked and late():  # a rule may be silent about more contexts than can be looked through
                    yield leaf, True  # which is then left open
                    return
                yield leaf, asked

    def silent(self, box: Box) -> None:
        self.skipped.add(box)
        if self.settled is not None:
            self.settled(Settled("skipped", box, math.inf, at=self.at))


@dataclass
class _Next:
    """A shard of boxes of a group of lengths, and what was read before it or with it."""

    group: list[int]
    shard: Shard
    leaves: int = 0
    silent: Sequence[Box] = ()


def search(
    shards: Shards,
    starts: Starts,
    groups: Iterable[list[int]],
    budget: Budget,
    vocab: Sequence[str],
    settled: Callable[[Settled], None] | None = None,
) -> Proof:
    """What is found of all boxes of these lengths, group after group. `settled` is told of every box that is done."""
    proof, seen, begin, end = Proof(), Tally(len(vocab)), time.perf_counter(), math.inf
    if budget.seconds is not None:
        end = shards.clock() + budget.seconds

    def late() -> bool:
        return shards.clock() > end

    groups = list(groups)
    bar, source, queue = steps(groups, "groups of lengths"), _read(shards, starts, groups, budget, late), deque[_Next]()
    group, least = list[int](), None
    while not proof.widest:
        queue += islice(source, max(0, shards.width + 1 - len(queue)))
        if not queue or queue[0].group is not group:
            if budget.first and proof.counterexamples:
                break
            proof.upto = group[-1] if group else 0
            next(bar, None)
            if not queue:
                break
        following = queue.popleft()
        group, shard = following.group, _left(following.shard, budget, proof)
        proof.leaves += following.leaves
        proof.determined &= all(len(box.permitted) <= 1 for box in following.shard.boxes)
        for box in following.silent:
            starts.silent(box)
        found = Found()
        if shard.boxes:
            found = Found(open=list(shard.boxes)) if late() else shards(shard, (one.shard for one in queue))
        least = _add(found, proof, seen, settled, least)
        rest = [one for one in queue if not one.shard.fresh]
        if found.open and (not found.boxes or late()):  # there is neither time nor number of boxes for one batch more
            every = [*found.open, *(box for one in rest for box in one.shard.boxes)]
            proof.widest = max(every, key=lambda box: box.count(len(vocab))).describe(vocab)
        parts = [found.open[i : i + BATCH] for i in range(0, len(found.open), BATCH)]
        queue.extendleft(_Next(group, replace(following.shard, boxes=p, fresh=False)) for p in reversed(parts))
    if least is not None:
        proof.margin, proof.where = least.margin, least.box.describe(vocab)
    proof.contexts = seen.total()
    proof.ended(vocab, begin)
    if proof.counterexamples:
        proof.status = "failed"
        proof.counterexamples = proof.counterexamples[: 1 if budget.first else None]
    elif proof.widest:
        proof.status = "undecided"
    return proof


def _read(
    shards: Shards, starts: Starts, groups: Sequence[list[int]], budget: Budget, late: Callable[[], bool]
) -> Iterator[_Next]:
    """What a search starts from, as shards of one group each; of a group without any box, an empty one."""
    assert isinstance(shards.work, Settling)
    for group in groups:
        number, most = shards.work.sizes(group[-1])
        source, read = chain.from_iterable(starts(length, late) for length in group), 0
        while True:
            boxes, silent = list[Box](), list[Box]()
            for box, asked in source:
                (boxes if asked else silent).append(box)
                if len(boxes) == number or len(silent) == SILENT:
                    break
            if not (boxes or silent) and read:
                break
            read += 1
            yield _Next(group, Shard(boxes, most, budget.first, True), len(boxes) + len(silent), silent)


def _left(shard: Shard, budget: Budget, proof: Proof) -> Shard:
    """What of a shard is still of interest, and how many boxes may be bounded; itself where that is all."""
    boxes, most = shard.boxes, shard.most
    if budget.first and proof.counterexamples:  # only a shorter one is of interest now
        boxes = shorter(boxes, proof.counterexamples)
    if budget.boxes is not None:
        most = min(most, budget.boxes - proof.boxes)
    same = len(boxes) == len(shard.boxes) and most == shard.most
    return shard if same else replace(shard, boxes=boxes, most=most)


def _add(
    found: Found,
    proof: Proof,
    seen: Tally,
    settled: Callable[[Settled], None] | None,
    least: Settled | None,
) -> Settled | None:
    """Takes up what was found of a shard, and returns what has the least margin by now; of equal ones the latest."""
    proof.boxes += found.boxes
    proof.counterexamples += found.counterexamples
    for one in found.done:
        seen.add(one.box)
        if settled is not None:
            settled(one)
    return min((one for one in (found.least, least) if one is not None), key=lambda one: one.margin, default=None)
