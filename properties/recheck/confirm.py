"""Leaves of a certificate, confirmed many at a time: by how much the answer wins, or what running a context says."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from properties.recheck.batches import NUMBERS, Contexts, Counts, parts, rows
from properties.recheck.graph import Graph
from properties.recheck.leaves import Leaf
from properties.recheck.margins import Margins
from zoo.transformer import Transformer, forward
from zoo.transformer.arrays import Array

REMEMBERED = 300_000  # rows, of 1.2 kB in a small model


class Bound(NamedTuple):
    """The least and the most that the margin may be over a leaf's contexts."""

    least: float
    most: float


class Confirmation:
    """Of leaves of one certificate: the quick way first, the fine one where that is not enough."""

    def __init__(self, transformer: Transformer, graph: Graph) -> None:
        self.transformer = transformer
        self.every = len(graph.sets) - 1  # any token; behind it each by itself
        sets = [[token in its for token in range(graph.vocab)] for its in graph.sets]
        self.sets = np.concatenate([np.array(sets), np.eye(graph.vocab, dtype=bool)])
        self.quick, self.fine = Margins(transformer), Margins(transformer, fine=True)

    def bounds(self, leaves: Sequence[Leaf], stated: float) -> Iterator[tuple[Leaf, Bound]]:
        """A run is as good as decided where its margin is above 0, what was proved where it is as stated."""
        found = self._bounds(self.quick, leaves)
        enough = [
            bound.least >= stated or (leaf.kind == "run" and bound.least > 0)
            for leaf, bound in zip(leaves, found, strict=True)
        ]
        again = [leaf for leaf, fine in zip(leaves, enough) if not fine]
        finer = iter(self._bounds(self.fine, again) if again else ())
        for leaf, bound, fine in zip(leaves, found, enough, strict=True):
            yield leaf, bound if fine else next(finer)
        self.quick, self.fine = map(self._forgetting, (self.quick, self.fine))

    def _forgetting(self, margins: Margins) -> Margins:
        if len(margins.ends) + sum(map(len, margins.rows)) <= REMEMBERED:
            return margins
        return Margins(self.transformer, margins.fine)

    def _bounds(self, margins: Margins, leaves: Sequence[Leaf]) -> list[Bound]:
        lengths = np.array([leaf.box.length for leaf in leaves])
        codes = np.full((len(leaves), lengths.max()), self.every)
        for code, leaf in zip(codes, leaves):
            if leaf.kind == "run":  # which is one context, whatever else says so
                code[: leaf.box.length] = np.array(leaf.example) + self.every + 1
            else:
                code[list(leaf.box.known)] = list(leaf.box.known.values())
        counts = [{} if leaf.kind == "run" else leaf.box.counts for leaf in leaves]
        contexts = Contexts(lengths, codes, self.sets, Counts.of(counts, lengths.max()))
        numbers, found = rows(margins, contexts, margins.last), [Bound(math.inf, math.inf)] * len(leaves)
        for alike in _alike(leaves):
            one, n = leaves[alike[0]], leaves[alike[0]].box.length
            pairs = self._pairs(one)
            may_be = np.array([[token in leaves[i].last for token in margins.vocab] for i in alike])
            for t in np.flatnonzero(may_be.any(axis=0)).tolist():
                for some in parts(alike[may_be[:, t]], n * len(margins.vocab)):
                    before = (numbers if len(numbers) == 1 else numbers[some])[:, :n]
                    counted = contexts.counted(some, n)
                    lower = margins.lower(before, contexts.masks(some, n), t, pairs, counted)
                    for i, row in zip(some.tolist(), lower, strict=True):
                        found[i] = _together(found[i], self._bound(one, row))
        return found

    def _pairs(self, leaf: Leaf) -> list[tuple[int, int]]:
        """Whose differences are bounded: the answer's with what is not permitted; of a run, of all that may win."""
        wrong = [token for token in range(self.sets.shape[1]) if token not in leaf.permitted]
        if leaf.kind == "proved":
            return [(leaf.answer, token) for token in wrong]
        right = sorted(leaf.permitted)
        return [*product(right, wrong), *((b, a) for a, b in product(right, wrong))]

    def _bound(self, leaf: Leaf, lower: Array) -> Bound:
        if leaf.kind == "proved":
            return Bound(float(lower.min()), math.inf)
        each = lower.reshape(2, len(leaf.permitted), -1)  # right less wrong, and wrong less right
        return Bound(float(each[0].min(axis=1).max()), float(-each[1].max(axis=1).min()))

    def run(self, leaf: Leaf) -> bool:
        """Whether the program itself is right in the one context of a leaf."""
        tokens = np.array([leaf.example])
        with np.errstate(all="ignore"):
            logits = forward(self.transformer, tokens, last=True)[0, -1]
        right = np.isin(np.arange(len(logits)), list(leaf.permitted))
        return bool(logits[right].max() > logits[~right].max())


def _together(a: Bound, b: Bound) -> Bound:
    """Of contexts of either."""
    return Bound(min(a.least, b.least), min(a.most, b.most))


def _alike(leaves: Sequence[Leaf]) -> list[Array]:
    """The numbers of leaves of one length of which the same is asked."""
    groups: dict[object, list[int]] = {}
    for i, leaf in enumerate(leaves):
        groups.setdefault((leaf.box.length, leaf.kind, leaf.answer, leaf.permitted), []).append(i)
    return [np.array(group) for group in groups.values()]


def gathered(leaves: Iterable[Leaf], vocab: int) -> Iterator[list[Leaf]]:
    """So many at a time that their positions and tokens are not too many numbers."""
    batch, numbers = list[Leaf](), 0
    for leaf in leaves:
        batch.append(leaf)
        numbers = len(batch) * leaf.box.length * vocab  # they come shortest first
        if numbers > 8 * NUMBERS:
            yield batch
            batch = []
    if batch:
        yield batch
