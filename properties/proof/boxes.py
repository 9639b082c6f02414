"""Boxes: sets of contexts of one length, and what is found out about them."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from zoo.transformer.arrays import Array

Replies = tuple[tuple[int, frozenset[str]], ...]  # positions in the order they were asked for, and what was replied
Sets = Mapping[int, frozenset[str]]  # what a position may hold; those not listed may hold any token


@dataclass(frozen=True, eq=False)
class Box:
    """Contexts of one length, and what is permitted on all of them."""

    length: int
    sets: Sets
    permitted: frozenset[str]
    path: Replies = ()  # the splits that led here: the boxes of one length are the leaves of a tree

    def count(self, vocab: int) -> int:
        """How many contexts these are."""
        product: int = vocab ** (self.length - len(self.sets))
        return product * math.prod(map(len, self.sets.values()))

    def is_one_context(self, vocab: int) -> bool:
        known = vocab == 1 or len(self.sets) == self.length
        return known and all(len(tokens) == 1 for tokens in self.sets.values())

    def split(self, position: int, vocab: Sequence[str]) -> Iterator["Box"]:
        """One box for each token that may stand there."""
        for token in vocab:
            if token in self.sets.get(position, vocab):
                part = frozenset([token])
                yield Box(self.length, {**self.sets, position: part}, self.permitted, (*self.path, (position, part)))

    def first(self, vocab: Sequence[str]) -> Array:
        """Its first context, where any token may stand with the first of the vocabulary: int [position]"""
        tokens = np.zeros(self.length, int)
        for at, may_be in self.sets.items():
            tokens[at] = next(i for i, token in enumerate(vocab) if token in may_be)
        return tokens

    def describe(self, vocab: Sequence[str]) -> str:
        """What is known of these contexts, counted from their end: "6 tokens, [-1] a, [-4] b or c"."""
        known = [
            f"[{at - self.length}] {' or '.join(t for t in vocab if t in tokens)}"
            for at, tokens in sorted(self.sets.items(), reverse=True)
            if len(tokens) < len(vocab)
        ]
        return ", ".join([f"{self.length} token{'s' * (self.length > 1)}", *known])


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
    """A box that is done: "proved", with an answer and levels of `Bounds`; "run"; or "skipped", as nothing is wrong."""

    kind: str
    box: Box
    margin: float
    answer: str | None = None
    levels: Array | None = None  # [head, token at the last position, rival]
