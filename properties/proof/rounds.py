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
from zoo.errors import RuleError
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
    """A shard of boxes of a group of lengths, and what was read before it or with it; or what was raised then."""

    group: list[int]
    shard: Shard
    silent: Sequence[Box] = ()
    error: RuleError | None = None


def search(
    shards: Shards,
    starts: Starts,
    groups: Iterable[list[int]],
    budget: Budget,
    vocab: Sequence[str],
    settled: Callable[[Settled], None] | None = None,
) -> Proof:
    """What is found of all boxes of these lengths, group after group. `settled` is told of every box that is done."""
    begin, one = time.perf_counter(), _Search(shards, starts, budget, vocab, settled)
    one.through(list(groups))
    proof = one.proof
    if one.least is not None:
        proof.margin, proof.where = one.least.margin, one.least.box.describe(vocab)
    proof.contexts = one.seen.total()
    proof.ended(vocab, begin)
    if proof.counterexamples:
        proof.status = "failed"
        proof.counterexamples = proof.counterexamples[: 1 if budget.first else None]
    elif proof.widest:
        proof.status = "undecided"
    return proof


class _Search:
    """A search as it goes on: what was found, and what is next."""

    def __init__(
        self,
        shards: Shards,
        starts: Starts,
        budget: Budget,
        vocab: Sequence[str],
        settled: Callable[[Settled], None] | None,
    ) -> None:
        self.shards, self.starts, self.budget, self.vocab, self.settled = shards, starts, budget, vocab, settled
        self.proof, self.seen, self.queue = Proof(), Tally(len(vocab)), deque[_Next]()
        self.least: Settled | None = None
        self.end = math.inf if budget.seconds is None else shards.clock() + budget.seconds

    def late(self) -> bool:
        return self.shards.clock() > self.end

    def through(self, groups: list[list[int]]) -> None:
        bar, source, group = steps(groups, "groups of lengths"), self._read(groups), list[int]()
        while not self.proof.widest:
            self.queue += islice(source, max(0, self.shards.width + 1 - len(self.queue)))
            if not self.queue or self.queue[0].group is not group:
                if self.budget.first and self.proof.counterexamples:
                    break
                self.proof.upto = group[-1] if group else 0
                next(bar, None)
                if not self.queue:
                    break
            following = self.queue.popleft()
            group = following.group
            self._settle(following)

    def _read(self, groups: Sequence[list[int]]) -> Iterator[_Next]:
        """What it starts from, as shards of one group each; of a group without any box, an empty one."""
        work = self.shards.made(Settling)
        for group in groups:
            number, most = work.sizes(group[-1])
            source, read = chain.from_iterable(self.starts(length, self.late) for length in group), False
            while True:
                boxes, silent, error = list[Box](), list[Box](), None
                try:
                    for box, asked in source:
                        (boxes if asked else silent).append(box)
                        if len(boxes) == number or len(silent) == SILENT:
                            break
                except RuleError as raised:  # which does not matter if the search ends before
                    error = raised
                if boxes or silent or not read:
                    yield _Next(group, Shard(boxes, most, BATCH, self.budget.first, True), silent)
                    read = True
                elif error is None:
                    break
                if error is not None:
                    yield _Next(group, Shard((), most, BATCH), error=error)
                    return

    def _settle(self, following: _Next) -> None:
        """Takes up what was read, and what is found of its shard; what is open is next."""
        if following.error is not None:
            raise following.error
        shard, proof, found = self._left(following.shard), self.proof, Found()
        if following.shard.fresh:
            proof.leaves += len(following.shard.boxes) + len(following.silent)
            proof.determined &= all(len(box.permitted) <= 1 for box in following.shard.boxes)
        for box in following.silent:
            self.starts.silent(box)
        if shard.boxes:
            late, ahead = self.late(), (one.shard for one in self.queue)
            found = Found(open=list(shard.boxes)) if late else self.shards(shard, ahead)
        proof.boxes += found.boxes
        proof.counterexamples += found.counterexamples
        for one in found.done:
            self.seen.add(one.box)
            if self.settled is not None:
                self.settled(one)
        some = (one for one in (found.least, self.least) if one is not None)  # of equal margins, the latest counts
        self.least = min(some, key=lambda one: one.margin, default=None)
        if found.open and not found.boxes:  # there is neither time nor number of boxes for one batch more
            others = (one.shard.boxes for one in self.queue if not one.shard.fresh)
            widest = max(chain(found.open, *others), key=lambda box: box.count(len(self.vocab)))
            proof.widest = widest.describe(self.vocab)
        parts = [found.open[i : i + BATCH] for i in range(0, len(found.open), BATCH)]
        following = replace(following, silent=())
        for part in reversed(parts):
            self.queue.appendleft(replace(following, shard=replace(following.shard, boxes=part, fresh=False)))

    def _left(self, shard: Shard) -> Shard:
        """What of a shard is still of interest, and how many boxes may be bounded; itself where that is all."""
        boxes, most = shard.boxes, shard.most
        if self.budget.first and self.proof.counterexamples:  # only a shorter one is of interest now
            boxes = shorter(boxes, self.proof.counterexamples)
        if self.budget.boxes is not None:
            most = min(most, self.budget.boxes - self.proof.boxes)
        same = len(boxes) == len(shard.boxes) and most == shard.most
        return shard if same else replace(shard, boxes=boxes, most=most)
