"""Boxes: sets of contexts of one length, and what is found out about them."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from properties.proof.counted import Counted, Counts, Together, by_positions, outside
from properties.proof.folds import Ending
from zoo import domain
from zoo.transformer.arrays import Array

# What was asked for in order, and what was replied: of a position its tokens, of a `Counted` its least and most.
Replies = tuple[tuple[Any, Any], ...]


@dataclass(frozen=True, eq=False)
class Box(domain.Box):
    """Contexts of one length, and what is permitted on all of them.

    Beside what each position may hold, it may be known how many of some positions hold some tokens (`counts`), and
    where a fold ends. What follows for a position from a count is in `sets` only of those that are there anyway, and of
    the last: a box that lists every position takes the memory and time of them.
    """

    permitted: frozenset[str]
    path: Replies = ()  # the splits that led here: the boxes of one length are the leaves of a tree
    counts: Counts = field(default_factory=dict)
    ending: Ending | None = None

    def split(self, position: int, vocab: Sequence[str]) -> Iterator["Box"]:
        """One box for each token that may stand there."""
        for token in vocab:
            if token in self.sets.get(position, vocab):
                part = frozenset([token])
                sets, path = {**self.sets, position: part}, (*self.path, (position, part))
                if not self.counts and self.ending is None:
                    yield Box(self.length, sets, self.permitted, path)
                elif (tight := replace(self, sets=sets, path=path).tightened(vocab)) is not None:
                    yield tight

    @property
    def widest(self) -> Counted | None:
        """The count of the widest range; None where each is one number."""
        wide = max(self.counts, key=lambda one: self.counts[one][1] - self.counts[one][0], default=None)
        return None if wide is None or self.counts[wide][0] == self.counts[wide][1] else wide

    def halved(self, counted: Counted, vocab: Sequence[str]) -> Iterator["Box"]:
        """Two boxes, of the lower and of the upper half of what a count may be; without those of no context."""
        least, most = self.counts[counted]
        middle = (least + most) // 2
        for part in ((least, middle), (middle + 1, most)):
            counts, path = {**self.counts, counted: part}, (*self.path, (counted, part))
            if (tight := replace(self, counts=counts, path=path).tightened(vocab)) is not None:
                yield tight

    def tightened(self, vocab: Sequence[str]) -> "Box | None":
        """The same contexts, with what counts leave no choice about in `sets`; None where there are none."""
        sets, every = dict(self.sets), frozenset(vocab)
        for positions, counts in by_positions(self.counts):
            together = Together(positions, counts, sets, len(vocab))
            if not together.feasible:
                return None
            possible: dict[int, int] = {}  # each kind of position is looked at once
            for at in {*together.listed, *([self.length - 1] if self.length - 1 in positions else [])}:
                mask = together.mask(at)
                if mask not in possible:
                    possible[mask] = together.possible(mask)
                if possible[mask] != mask:
                    sets[at] = together.tokens(possible[mask], sets.get(at, every))
        tight = replace(self, sets=sets)
        return tight if self.ending is None or self.ending.feasible(self.length, sets, self.counts) else None

    def __contains__(self, context: Sequence[str]) -> bool:
        """Whether these tokens, as many as its contexts have, are one of its contexts."""
        return (
            all(context[at] in tokens for at, tokens in self.sets.items())
            and all(
                least <= sum(context[at] in counted.tokens for at in counted.positions) <= most
                for counted, (least, most) in self.counts.items()
            )
            and (self.ending is None or context in self.ending)
        )

    def count(self, vocab: int) -> int:
        """How many contexts these are."""
        if self.ending is not None:
            return self.ending.ways(self.length, self.sets, self.counts)
        if not self.counts:
            return super().count(vocab)
        groups = (Together(positions, counts, self.sets, vocab) for positions, counts in by_positions(self.counts))
        return outside(self.length, self.counts, self.sets, vocab) * math.prod(group.ways() for group in groups)

    def is_one_context(self, vocab: int) -> bool:
        if not self.counts and self.ending is None:
            return super().is_one_context(vocab)
        return self.count(vocab) == 1

    def first(self, vocab: Sequence[str]) -> Array:
        """One of its contexts; without counts the first, where any token may stand with the first of the vocabulary."""
        if not self.counts and self.ending is None:
            return super().first(vocab)
        return self.nearest(vocab, np.zeros((self.length, len(vocab))))

    def nearest(self, vocab: Sequence[str], wish: Array) -> Array:
        """One of its contexts, of tokens for which the wish [position, token] is large: int [position].

        Those with which a position's wish would lose most are granted first.
        """
        if self.ending is not None:
            return self.ending.nearest(self.length, self.sets, self.counts, wish)
        masks = np.ones((self.length, len(vocab)), bool)
        for at, may_be in self.sets.items():
            masks[at] = [token in may_be for token in vocab]
        wish = np.where(masks, wish, -np.inf)
        tokens: Array = wish.argmax(axis=-1)
        for positions, counts in by_positions(self.counts):
            together, where = Together(positions, counts, self.sets, len(vocab)), np.array(positions)
            inside = np.array([[token in counted.tokens for token in vocab] for counted in counts])
            inside = np.array([*inside, ~inside.any(axis=0)])  # [kind, token]
            of_kinds = np.where(inside[:, None], wish[where], -np.inf)  # [kind, position, token]
            best = of_kinds.max(axis=-1)
            with np.errstate(invalid="ignore"):
                lost = np.diff(np.sort(best, axis=0)[-2:], axis=0)[0]
            for i in np.argsort(-np.nan_to_num(lost, nan=np.inf), kind="stable").tolist():
                mask = together.mask(positions[i])
                possible = together.possible(mask)
                kind = max((k for k in range(len(best)) if possible >> k & 1), key=lambda k: best[k, i])
                together.settle(mask, kind)
                tokens[positions[i]] = of_kinds[kind, i].argmax()
        return tokens

    def describe(self, vocab: Sequence[str]) -> str:
        counted = [self._said(one, vocab) for one in self.counts]
        ending = [] if self.ending is None else [self.ending.describe()]
        return ", ".join([super().describe(vocab), *counted, *ending])

    def _said(self, counted: Counted, vocab: Sequence[str]) -> str:
        """ "a or b 3 to 5 times in [-6] to [-2]": where it is not all positions, these, counted from the end."""
        least, most = self.counts[counted]
        times = f"{least if least == most else f'{least} to {most}'} time{'s' * (most != 1)}"
        said = f"{' or '.join(token for token in vocab if token in counted.tokens)} {times}"
        where = counted.positions
        if where == range(self.length):
            return said
        step = "" if where.step == 1 else f", each {where.step} apart"
        return f"{said} in [{where[0] - self.length}] to [{where[-1] - self.length}]{step}"


@dataclass(eq=False)
class Tally:
    """A count of contexts: the numbers are long, and those of boxes that are as free as each other are added first."""

    vocab: int
    by_free: Counter[int] = field(default_factory=Counter)  # by how many positions may hold any token
    counted: int = 0  # in boxes that count

    def add(self, box: Box) -> None:
        if box.counts or box.ending is not None:
            self.counted += box.count(self.vocab)
            return
        self.by_free[box.length - len(box.sets)] += math.prod(map(len, box.sets.values()))

    def take(self, other: "Tally") -> None:
        """What another has counted, too."""
        self.by_free.update(other.by_free)
        self.counted += other.counted

    def total(self) -> int:
        """Horner's rule, from the freest down."""
        total: int = 0
        power = max(self.by_free, default=0)
        for free in sorted(self.by_free, reverse=True):
            total = total * self.vocab ** (power - free) + self.by_free[free]
            power = free
        total *= self.vocab**power
        return total + self.counted


@dataclass(frozen=True)
class CountArrays:
    """The counts of several boxes; one with fewer than another has some of no positions."""

    ranges: Array  # int [box, count, 3]: start, stop and step
    tokens: Array  # bool [box, count, vocab]
    limits: Array  # int [box, count, 2]: least and most

    @classmethod
    def of(cls, boxes: Sequence[Box], vocab: Sequence[str]) -> "CountArrays | None":
        number = max((len(box.counts) for box in boxes), default=0)
        if not number:
            return None
        ranges, limits = np.zeros((len(boxes), number, 3), int), np.zeros((len(boxes), number, 2), int)
        tokens = np.zeros((len(boxes), number, len(vocab)), bool)
        ranges[..., 2] = 1
        rows = {one.tokens: [token in one.tokens for token in vocab] for box in boxes for one in box.counts}
        for i, box in enumerate(boxes):
            for j, (one, limit) in enumerate(box.counts.items()):
                ranges[i, j] = one.positions.start, one.positions.stop, one.positions.step
                tokens[i, j], limits[i, j] = rows[one.tokens], limit
        return cls(ranges, tokens, limits)

    def __getitem__(self, some: slice | Array) -> "CountArrays":
        return CountArrays(self.ranges[some], self.tokens[some], self.limits[some])

    def counted(self, positions: Array) -> Array:
        """Which positions are counted: bool [box, count, position]."""
        start, stop, step = (self.ranges[..., i, None] for i in range(3))
        found: Array = (positions >= start) & (positions < stop) & ((positions - start) % step == 0)
        return found

    @property
    def sizes(self) -> Array:
        """How many positions each counts: int [box, count]."""
        start, stop, step = (self.ranges[..., i] for i in range(3))
        found: Array = np.maximum(0, -((start - stop) // step))
        return found


@dataclass(frozen=True)
class Boxes:
    """Several boxes as arrays. At `positions`, which are sorted, a box may hold what `masks` says, elsewhere any token.

    The last position of each box is among them. Behind the last position of a shorter box, nothing may stand.
    """

    lengths: Array  # int [box]
    positions: Array  # int [position]
    masks: Array  # bool [box, position, vocab]
    counts: CountArrays | None = None

    @classmethod
    def of(cls, boxes: Sequence[Box], vocab: Sequence[str]) -> "Boxes":
        known = {at for box in boxes for at in (*box.sets, box.length - 1)}
        positions = np.array(sorted(known))
        column = {at: i for i, at in enumerate(positions.tolist())}
        lengths = np.array([box.length for box in boxes])
        masks = np.repeat((positions < lengths[:, None])[..., None], len(vocab), axis=-1)
        rows: dict[frozenset[str], Array] = {}
        for i, box in enumerate(boxes):
            for at, tokens in box.sets.items():
                if tokens not in rows:
                    rows[tokens] = np.array([token in tokens for token in vocab])
                masks[i, column[at]] = rows[tokens]
        return cls(lengths, positions, masks, CountArrays.of(boxes, vocab))

    @classmethod
    def dense(cls, masks: Array) -> "Boxes":
        """Of what each position may hold: bool [box, position, vocab]."""
        return cls(masks.any(axis=-1).sum(axis=-1), np.arange(masks.shape[1]), masks)

    def everywhere(self) -> "Boxes":
        """The same boxes with every position listed."""
        longest = int(self.lengths.max())
        known = self.positions < longest  # others may be left from longer boxes
        masks = np.repeat((np.arange(longest) < self.lengths[:, None])[..., None], self.masks.shape[-1], axis=-1)
        masks[:, self.positions[known]] = self.masks[:, known]
        return Boxes(self.lengths, np.arange(longest), masks, self.counts)

    def by_last_token(self) -> tuple["Boxes", Array, Array]:
        """The same contexts in boxes that have one last token each: which box each is of, and which token it is."""
        box, token = np.nonzero(self.last)
        some = self[box]
        at = np.searchsorted(some.positions, some.lengths - 1)
        some.masks[np.arange(len(box)), at] = np.eye(some.masks.shape[-1], dtype=bool)[token]  # in a copy
        return some, box, token

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, some: slice | Array) -> "Boxes":
        counts = None if self.counts is None else self.counts[some]
        return Boxes(self.lengths[some], self.positions, self.masks[some], counts)

    @property
    def last(self) -> Array:
        """What the last position may hold: bool [box, vocab]."""
        result: Array = self.masks[np.arange(len(self)), np.searchsorted(self.positions, self.lengths - 1)]
        return result


@dataclass(frozen=True)
class Settled:
    """A box that is done: "proved", with an answer, but for numbers; "run"; or "skipped", as nothing is wrong.

    Where every position has an answer, that `at` a position.
    """

    kind: str
    box: Box
    margin: float
    answer: str | None = None
    at: int | None = None
