"""Boxes: sets of contexts of one length, and what is found out about them."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from zoo import domain
from zoo.transformer.arrays import Array

Replies = tuple[tuple[int, frozenset[str]], ...]  # positions in the order they were asked for, and what was replied


@dataclass(frozen=True, eq=False)
class Box(domain.Box):
    """Contexts of one length, and what is permitted on all of them."""

    permitted: frozenset[str]
    path: Replies = ()  # the splits that led here: the boxes of one length are the leaves of a tree

    def split(self, position: int, vocab: Sequence[str]) -> Iterator["Box"]:
        """One box for each token that may stand there."""
        for token in vocab:
            if token in self.sets.get(position, vocab):
                part = frozenset([token])
                yield Box(self.length, {**self.sets, position: part}, self.permitted, (*self.path, (position, part)))


class Tally:
    """A count of contexts: the numbers are long, and those of boxes that are as free as each other are added first."""

    def __init__(self) -> None:
        self.by_free: Counter[int] = Counter()  # by how many positions may hold any token

    def add(self, box: Box) -> None:
        self.by_free[box.length - len(box.sets)] += math.prod(map(len, box.sets.values()))

    def total(self, vocab: int) -> int:
        """Horner's rule, from the freest down."""
        total: int = 0
        power = max(self.by_free, default=0)
        for free in sorted(self.by_free, reverse=True):
            total = total * vocab ** (power - free) + self.by_free[free]
            power = free
        total *= vocab**power
        return total


@dataclass(frozen=True)
class Boxes:
    """Several boxes as arrays. At `positions`, which are sorted, a box may hold what `masks` says, elsewhere any token.

    The last position of each box is among them. Behind the last position of a shorter box, nothing may stand.
    """

    lengths: Array  # int [box]
    positions: Array  # int [position]
    masks: Array  # bool [box, position, vocab]

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
        return cls(lengths, positions, masks)

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
        return Boxes(self.lengths, np.arange(longest), masks)

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, some: slice | Array) -> "Boxes":
        return Boxes(self.lengths[some], self.positions, self.masks[some])

    @property
    def last(self) -> Array:
        """What the last position may hold: bool [box, vocab]."""
        result: Array = self.masks[np.arange(len(self)), np.searchsorted(self.positions, self.lengths - 1)]
        return result


@dataclass(frozen=True)
class Settled:
    """A box that is done: "proved", with an answer; "run"; or "skipped", as nothing is wrong."""

    kind: str
    box: Box
    margin: float
    answer: str | None = None
