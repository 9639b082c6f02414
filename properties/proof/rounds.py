"""A search through boxes, shard after shard: which are read, what is asked next, and what it comes to.

Shards are settled in this order whoever settles them (`zoo.shards`), those that follow being begun ahead. What is read
ahead counts when its turn comes.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Literal, NamedTuple

from properties.proof.boxes import Box, Settled, Tally
from properties.proof.counterexample import Counterexample
from properties.proof.reach import BATCH
from properties.proof.reading.stretch import Stretch
from properties.proof.settling import Found, Settling, Shard, lesser
from properties.proof.splits import Splits
from properties.proof.starts import Starts
from zoo.errors import RuleError
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


class Group(NamedTuple):
    """Lengths whose boxes are settled together, `at` a position if each has an answer."""

    lengths: Sequence[int]
    at: int | None = None


@dataclass
class _Next:
    """A shard of boxes of a group, and what is to be said of the `leaves` it was made of; or what was raised then.

    One may be `left` that nobody came to, as it was late.
    """

    group: Group
    shard: Shard
    leaves: int = 0
    determined: bool = True
    left: Box | None = None
    error: RuleError | None = None


class _Filling:
    """Ends a stretch of leaves where it fills a shard: with so many of which something is asked, or some of others.

    A rule may be silent about more contexts than can be looked through: late, such a leaf is left.
    """

    def __init__(self, asks: Callable[[Box], bool], late: Callable[[], bool]) -> None:
        self.asks, self.late = asks, late
        self.begin(0)

    def begin(self, number: int) -> None:
        self.number, self.asked, self.silent, self.determined = number, 0, 0, True
        self.left: Box | None = None

    def ends(self, leaf: Box) -> bool:
        if self.asks(leaf):
            self.asked += 1
            self.determined &= len(leaf.permitted) <= 1
        elif self.late():
            self.left = leaf
        else:
            self.silent += 1
        return self.full

    @property
    def full(self) -> bool:
        return self.asked == self.number or self.silent == SILENT or self.left is not None


class Search:
    """A search as it goes on: what was found of a group, or of all up to it, and what is next.

    `settled` is told of every box that is done. What nothing is asked of is `skipped`, in all groups.
    """

    def __init__(
        self,
        shards: Shards,
        starts: Starts,
        budget: Budget,
        vocab: Sequence[str],
        settled: Callable[[Settled], None] | None = None,
    ) -> None:
        self.shards, self.starts, self.budget, self.vocab, self.settled = shards, starts, budget, vocab, settled
        self.work, self.queue, self.skipped, self.boxes = shards.made(Settling), deque[_Next](), Tally(len(vocab)), 0
        self.end = math.inf if budget.seconds is None else shards.clock() + budget.seconds
        self._anew()

    def _anew(self) -> None:
        self.begin, self.proof, self.seen = time.perf_counter(), Proof(), Tally(len(self.vocab))
        self.least: Settled | None = None

    def late(self) -> bool:
        return self.shards.clock() > self.end

    def through(self, groups: Iterable[Group]) -> Iterator[Group]:
        """Each as it is done, in order; the last one is that with which the search ends."""
        source, group = self._read(groups), None
        while True:
            self.queue += islice(source, max(0, self.shards.width + 1 - len(self.queue)))
            if group is not None and (self.proof.widest or not self.queue or self.queue[0].group is not group):
                yield group
                if self.proof.widest or (self.budget.first and self.proof.counterexamples):
                    return
            if not self.queue:
                return
            following = self.queue.popleft()
            group = following.group
            self._settle(following)

    def taken(self) -> Proof:
        """What was found since it was last taken."""
        proof, budget = self.proof, self.budget
        if self.least is not None:
            proof.margin, proof.where = self.least.margin, self.least.box.describe(self.vocab)
        proof.contexts = self.seen.total()
        proof.ended(self.vocab, self.begin)
        if proof.counterexamples:
            proof.status = "failed"
            proof.counterexamples = proof.counterexamples[: 1 if budget.first else None]
        elif proof.widest:
            proof.status = "undecided"
        self._anew()
        return proof

    def _read(self, groups: Iterable[Group]) -> Iterator[_Next]:
        """What it starts from, as shards of one group each; of a group without any box, an empty one."""
        for group in groups:
            number, most = self.work.sizes(group.lengths[-1])
            shard = Shard((), most, BATCH, self.budget.first, True, told=self.settled is not None, at=group.at)
            filling = _Filling(self.starts.asks, self.late)
            source = chain.from_iterable(self.starts(length, group.at, filling.ends) for length in group.lengths)
            some, error = True, None
            while some and error is None and filling.left is None:
                filling.begin(number)
                parts, error = _until(source, filling)
                if parts or shard.fresh or filling.left is not None:
                    leaves = filling.asked + filling.silent + (filling.left is not None)
                    its = replace(shard, boxes=parts, fresh=True)
                    yield _Next(group, its, leaves, filling.determined, filling.left)
                    shard = replace(shard, fresh=False)
                some = bool(parts)
            if error is not None:
                yield _Next(group, shard, error=error)
            if error is not None or filling.left is not None:
                return

    def _settle(self, following: _Next) -> None:
        """Takes up what was read, and what is found of its shard; what is open is next."""
        if following.error is not None:
            raise following.error
        shard, proof, left = self._limited(following.shard), self.proof, following.left
        if shard.fresh:
            proof.leaves += following.leaves
            proof.determined &= following.determined
        if shard.boxes and not self.late():
            found: Found = self.shards(shard, (one.shard for one in self.queue))
        else:
            boxes, found = self.work.opened(shard)
            found.open = boxes if left is None else [*boxes, left]
        proof.boxes, self.boxes = proof.boxes + found.boxes, self.boxes + found.boxes
        proof.counterexamples += found.counterexamples
        self.seen.take(found.seen)
        self.skipped.take(found.skipped)
        for one in found.done or ():
            assert self.settled is not None
            self.settled(one if shard.at is None else replace(one, at=shard.at))
        self.least = lesser([found.least, self.least])  # of equal margins, the latest counts
        if found.open and not found.boxes:  # there is neither time nor number of boxes for one batch more
            others = (one.shard.known for one in self.queue if not one.shard.fresh)
            widest = max(chain(found.open, *others), key=lambda box: box.count(len(self.vocab)))
            proof.widest = widest.describe(self.vocab)
        parts = [found.open[i : i + BATCH] for i in range(0, len(found.open), BATCH)]
        for part in reversed(parts):
            its = replace(following.shard, boxes=part, fresh=False)
            self.queue.appendleft(replace(following, shard=its, left=None))

    def _limited(self, shard: Shard) -> Shard:
        """What of a shard is still of interest, and how many boxes may be bounded; itself where that is all."""
        below, most = math.inf, shard.most
        if self.budget.first and self.proof.counterexamples:  # only a shorter one is of interest now
            below = min(len(one.context) for one in self.proof.counterexamples)
        if self.budget.boxes is not None:
            most = min(most, self.budget.boxes - self.boxes)
        same = most == shard.most and all(one.length < below for one in shard.boxes)
        return shard if same else replace(shard, below=below, most=most)


def _until(source: Iterator[Box | Stretch], filling: _Filling) -> tuple[list[Box | Stretch], RuleError | None]:
    """What fills a shard, or what there is of it, and what is raised then."""
    parts = list[Box | Stretch]()
    try:
        for part in source:
            parts.append(part)
            if filling.full:
                break
    except RuleError as raised:  # which does not matter if the search ends before
        return parts, raised
    if filling.left is not None and isinstance(last := parts.pop(), Stretch) and len(last.leaves) > 1:
        parts.append(last.but_last())
    return parts, None
