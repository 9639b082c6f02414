"""Settling boxes: of a question and some boxes, a pure function finds what is done, what is wrong and what is open.

It is asked shard by shard, in this process or in others (`zoo.shards`); what it says of one depends on nothing else.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

import numpy as np

from properties.proof.boxes import Box, Settled, Tally
from properties.proof.counterexample import Counterexample
from properties.proof.judges import Answers, Equal, Judge, Values
from properties.proof.positions import Positions
from properties.proof.reach import BATCH
from properties.proof.reading.decision_tree import Reading
from properties.proof.reading.stretch import Stretch
from zoo.cost.operations import flops
from zoo.domain import Domain
from zoo.rule import Function
from zoo.transformer import Transformer

SECOND = 10**9  # operations of the forward pass: to bound so many boxes takes about a second
MOST = 8  # batches of leaves in a shard
DEEP = 8  # batches of boxes that a shard bounds, whatever they are split into; the rest of them is left open


@dataclass(frozen=True, eq=False)
class Shard:
    """Boxes to be settled, each with what it is split into, until `most` were bounded; they are of about one length.

    They are given, or as stretches of a rule's tree, which whoever settles them tries. So many of a `batch` are bounded
    together, which rounding might depend on. With `first`, one wrong context is sought, the shortest, and `below` some
    length; those `fresh` are not what others were split into. `told` asks for each box that is done. If each position
    has an answer, they are asked about `at` one.
    """

    boxes: Sequence[Box | Stretch]
    most: int
    batch: int
    first: bool = False
    fresh: bool = False
    below: float = math.inf
    told: bool = False
    at: int | None = None

    @property
    def known(self) -> list[Box]:
        """What is at hand where it is settled, and where it comes from."""
        return [box for one in self.boxes for box in (one.leaves if isinstance(one, Stretch) else (one,))]


@dataclass
class Found:
    """What was found of a shard: which boxes are open, in order, and how many were bounded.

    `seen` are the contexts of boxes that are done, `skipped` those of which nothing is asked. The boxes of both are
    listed, in order, where they are told.
    """

    seen: Tally
    skipped: Tally
    done: list[Settled] | None = None
    open: list[Box] = field(default_factory=list)
    boxes: int = 0
    counterexamples: list[Counterexample] = field(default_factory=list)
    least: Settled | None = None  # that of the least margin

    def add(self, done: Sequence[Settled]) -> None:
        """Of equal margins, the latest counts."""
        for one in done:
            self.seen.add(one.box)
        if self.done is not None:
            self.done += done
        self.least = lesser([*done, self.least])


def lesser(some: Sequence[Settled | None]) -> Settled | None:
    """That of the least margin, the first of those that have it."""
    return min((one for one in some if one is not None), key=lambda one: one.margin, default=None)


class Settling:
    """Settles shards of what a judge is asked, which is made once a box is to be bounded: what is kept need not be."""

    def __init__(self, make: Callable[[], Judge], vocab: tuple[str, ...]) -> None:
        self.make, self.vocab = make, vocab

    @cached_property
    def judge(self) -> Judge:
        return self.make()

    def judge_at(self, length: int, at: int | None) -> Judge:
        """Of boxes of that length."""
        return self.judge

    def __call__(self, shard: Shard) -> Found:
        boxes, found = self.opened(shard)
        if boxes and shard.most > 0:
            settle(self.judge_at(boxes[0].length, shard.at), shard, boxes, self.vocab, found)
        else:
            found.open = boxes
        return found

    def opened(self, shard: Shard) -> tuple[list[Box], Found]:
        """The boxes of a shard that are of interest, and of all others what there is to be said."""
        size = len(self.vocab)
        found = Found(Tally(size), Tally(size), [] if shard.told else None)
        return [box for box in shard.boxes if isinstance(box, Box) and box.length < shard.below], found

    def sizes(self, length: int) -> tuple[int, int]:
        """How many leaves of that length are a shard, and how many boxes it bounds at most."""
        return BATCH, BATCH * DEEP


class OfRule(Settling):
    """The same of whether a transformer answers as a rule or predictor says; see `search.prove_answers`."""

    shares = True

    def __init__(
        self,
        transformer: Transformer,
        vocab: tuple[str, ...],
        function: Function,
        kind: str,
        outputs: tuple[str, ...],
        within: float | None,
        every: Domain | None = None,
    ) -> None:
        """With a domain, `every` position of its contexts is asked about."""
        super().__init__(lambda: self.asked(transformer), vocab)
        self.transformer, self.outputs, self.within, self.every = transformer, outputs, within, every
        self.where = (0, 0)
        self.there: Judge | None = None
        self.reading = Reading(function, vocab, kind, names=outputs)

    @property
    def shared(self) -> tuple[object, ...]:
        """What boxes refer to, and what need not be sent with them: the states of a fold."""
        return () if self.reading.table is None else (self.reading.table,)

    def asked(self, transformer: Transformer) -> Answers | Values:
        if self.within is None:
            return Answers(transformer, self.vocab, self.outputs)
        return Values(transformer, self.vocab, self.within)

    @cached_property
    def positions(self) -> Positions:
        assert self.every is not None
        return Positions(self.transformer, self.vocab, self.every, self.asked)

    def judge_at(self, length: int, at: int | None) -> Judge:
        if at is None:
            return self.judge
        if self.there is None or self.where != (length, at):
            self.where, self.there = (length, at), self.positions.at(length, at)
        return self.there

    def opened(self, shard: Shard) -> tuple[list[Box], Found]:
        boxes, found = super().opened(shard)
        stretches = [one for one in shard.boxes if isinstance(one, Stretch)]
        for leaf in (leaf for one in stretches for leaf in self.reading.tried(one)):
            if self.asks(leaf):
                boxes += [leaf] * (leaf.length < shard.below)
                continue
            found.skipped.add(leaf)
            if found.done is not None:
                found.done.append(Settled("skipped", leaf, math.inf))
        if stretches:
            self.reading.check()
        return boxes, found

    def asks(self, leaf: Box) -> bool:
        """Whether anything is asked of a leaf: not where nothing or everything is permitted."""
        return 0 < len(leaf.permitted) < (len(self.outputs) or 2)  # of a number, one

    def sizes(self, length: int) -> tuple[int, int]:
        return super().sizes(length) if self.every is not None else sizes(flops(self.transformer, length))


class OfTwo(Settling):
    """The same of whether two transformers answer alike."""

    def __init__(self, a: Transformer, b: Transformer, vocab: tuple[str, ...]) -> None:
        super().__init__(lambda: Equal(a, b, vocab), vocab)
        self.both = a, b

    def sizes(self, length: int) -> tuple[int, int]:
        return sizes(sum(flops(one, length) for one in self.both))


def sizes(operations: int) -> tuple[int, int]:
    """How many boxes of so many operations each are about a second's work: in fresh leaves, and at most."""
    batches = int(SECOND // (operations * BATCH))
    return BATCH * max(1, min(batches, MOST)), BATCH * max(DEEP, min(batches, MOST * DEEP))


def settle(judge: Judge, shard: Shard, boxes: Sequence[Box], vocab: Sequence[str], found: Found) -> None:
    """Depth first, some boxes at a time."""
    fresh, stack = iter(boxes), list[Box]()
    while batch := [stack.pop() for _ in range(min(shard.batch, len(stack)))] or list(islice(fresh, shard.batch)):
        if shard.first and found.counterexamples:  # only a shorter one is of interest now
            batch = shorter(batch, found.counterexamples)
        if found.boxes + len(batch) > shard.most:
            found.open = [*batch, *reversed(stack), *fresh]
            break
        if batch:
            stack += _settle(judge, batch, vocab, found, shard.first)


def shorter(boxes: Sequence[Box], wrong: Sequence[Counterexample]) -> list[Box]:
    """Those of contexts that are shorter than any that is wrong."""
    limit = min(len(one.context) for one in wrong)
    return [box for box in boxes if box.length < limit]


def _settle(judge: Judge, batch: list[Box], vocab: Sequence[str], found: Found, first: bool) -> list[Box]:
    """What of a batch is proved or run is done; returns what the rest is split into."""
    found.boxes += len(batch)
    lower, proofs = judge.bound(batch)
    proved = lower > 0  # NaN is not
    done = [proofs[i] for i in np.flatnonzero(proved)]
    rest = [box for box, fine in zip(batch, proved) if not fine]
    to_run, to_split = ([box for box in rest if box.is_one_context(len(vocab)) is one] for one in (True, False))
    wrongs = []
    for box in to_run:
        margin, wrong = judge.run(box.first(vocab), box.permitted)
        done.append(Settled("run", box, margin))
        wrongs.append(wrong)
    found.add(done)
    wide = [box.widest for box in to_split]  # of what is counted in a range, which halves first, no position is sought
    to_look = [box for box, counted in zip(to_split, wide) if counted is None]
    looks = judge.look(to_look) if to_look else []
    if first:
        wrongs += [judge.run(tokens, box.permitted)[1] for box, (_, tokens) in zip(to_look, looks)]
    found.counterexamples += [wrong for wrong in wrongs if wrong is not None]
    halves = [half for box, one in zip(to_split, wide) if one is not None for half in box.halved(one, vocab)]
    return [child for box, (at, _) in zip(to_look, looks) for child in box.split(at, vocab)] + halves
