"""Leaves of a certificate, confirmed many at a time: by how much the answer wins, or what running a context says."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np

from properties.recheck.batches import NUMBERS, Contexts, Counts, parts, rows
from properties.recheck.graph import Graph
from properties.recheck.leaves import Leaf
from properties.recheck.margins import Margins
from zoo.model import Model
from zoo.transformer import Transformer, forward
from zoo.transformer.arrays import Array

REMEMBERED = 300_000  # rows, of 1.2 kB in a small model


class Bound(NamedTuple):
    """The least and the most that the margin may be over a leaf's contexts."""

    least: float
    most: float


class Confirmation:
    """Of leaves of one certificate: the quick way first, the fine one where that is not enough."""

    def __init__(self, transformer: Transformer, graph: Graph, model: Model) -> None:
        self.transformer, self.graph, self.within = transformer, graph, model.within
        self.every = len(graph.sets) - 1  # any token; behind it each by itself
        sets = [[token in its for token in range(graph.vocab)] for its in graph.sets]
        self.sets = np.concatenate([np.array(sets), np.eye(graph.vocab, dtype=bool)])
        # A number is bounded from both sides, by its difference with another output that is always zero.
        rows = [transformer.readout, *([0 * transformer.readout] if model.within is not None else [])]
        self.bounded, self.outputs = replace(transformer, unembedding=np.concatenate(rows)), len(transformer.readout)
        self.quick, self.fine = Margins(self.bounded), Margins(self.bounded, fine=True)
        masks = [transformer.layers[i].causal for i in transformer.attentions]  # type: ignore[union-attr]
        self.causal, self.sees_all = all(masks), bool(masks) and not masks[-1]
        self.fits: dict[int, bool] = {}

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
        return Margins(self.bounded, margins.fine)

    def _bounds(self, margins: Margins, leaves: Sequence[Leaf]) -> list[Bound]:
        contexts, found = self._contexts(leaves), [Bound(math.inf, math.inf)] * len(leaves)
        numbers = rows(margins, contexts, margins.last)
        for here in _alike(leaves, _place):
            box = leaves[here[0]].box
            at = box.position
            keys = box.length if self.sees_all else at + 1
            may_be = np.array([[token in leaves[i].own for token in margins.vocab] for i in here])
            if box.at is not None and not self._fits(margins, box.length):
                may_be[:] = False
                for i in here:
                    found[i] = Bound(-math.inf, math.inf)
            for t in np.flatnonzero(may_be.any(axis=0)).tolist():
                for some in parts(here[may_be[:, t]], keys * len(margins.vocab)):
                    before = (numbers if len(numbers) == 1 else numbers[some])[:, :keys]
                    counted = contexts.counted(some, keys)
                    shown = margins.shown(before, contexts.masks(some, keys), t, counted, at)
                    for alike in _alike([leaves[i] for i in some], _question):
                        lower = margins.lowest(shown, alike, self._pairs(leaves[some[alike[0]]]))
                        for i, row in zip(some[alike].tolist(), lower, strict=True):
                            found[i] = _together(found[i], self._bound(leaves[i], row))
        return found

    def _contexts(self, leaves: Sequence[Leaf]) -> Contexts:
        """Those of leaves; where all is causal, nothing is seen of what stands behind the position that is asked."""
        longest = max(leaf.box.length for leaf in leaves)
        lengths = np.array([leaf.box.position + 1 if self.causal else leaf.box.length for leaf in leaves])
        codes = np.full((len(leaves), longest), self.every)
        for code, leaf in zip(codes, leaves):
            if leaf.kind == "run":  # which is one context, whatever else says so
                code[: leaf.box.length] = np.array(leaf.example) + self.every + 1
            else:
                code[list(leaf.box.known)] = list(leaf.box.known.values())
        counts = [{} if leaf.kind == "run" else leaf.box.counts for leaf in leaves]
        return Contexts(lengths, codes, self.sets, Counts.of(counts, longest))

    def _fits(self, margins: Margins, n: int) -> bool:
        """Whether no number that the last position of any context of n tokens sees may overflow.

        A program that answers at every position computes it all, and times 0 what is infinite is no number. Where one
        logit may overflow, nothing is known of any; there are two, or nothing would be asked.
        """
        if n not in self.fits:
            boxes = [box for box, _ in self.graph.roots if (box.length, box.at) == (n, 0)]
            every = [Leaf(box._replace(at=None), "proved", -1, frozenset(), 1, frozenset(), []) for box in boxes]
            contexts = self._contexts(every)
            numbers, found = rows(margins, contexts, margins.last), []
            for i, box in enumerate(boxes):
                before, masks = numbers[i if len(numbers) > 1 else 0][None], contexts.masks(np.array([i]), n)
                found += [margins.lower(before, masks, t, [(0, 1)]) for t in self.graph.held(box, n - 1)]
            self.fits[n] = bool(np.isfinite(found).all())
        return self.fits[n]

    def _pairs(self, leaf: Leaf) -> list[tuple[int, int]]:
        """Whose differences are bounded: the answer's with what is not permitted; of a run, of all that may win."""
        if self.within is not None:
            return [(0, 1), (1, 0)]
        wrong = [output for output in range(self.outputs) if output not in leaf.permitted]
        if leaf.kind == "proved":
            return [(leaf.answer, output) for output in wrong]
        right = sorted(leaf.permitted)
        return [*product(right, wrong), *((b, a) for a, b in product(right, wrong))]

    def _bound(self, leaf: Leaf, lower: Array) -> Bound:
        if self.within is not None:
            [right] = leaf.permitted
            return _of_number(right, self.within, float(lower[0]), -float(lower[1]))
        if leaf.kind == "proved":
            return Bound(float(lower.min()), math.inf)
        each = lower.reshape(2, len(leaf.permitted), -1)  # right less wrong, and wrong less right
        return Bound(float(each[0].min(axis=1).max()), float(-each[1].max(axis=1).min()))

    def run(self, leaf: Leaf) -> bool:
        """Whether the program itself is right in the one context of a leaf."""
        tokens, at = np.array([leaf.example]), leaf.box.at
        with np.errstate(all="ignore"):
            logits = forward(self.transformer, tokens, last=at is None)[0, -1 if at is None else at]
        if self.within is not None:
            [number] = leaf.permitted
            value = float(logits[0])
            return math.isfinite(value) and abs(Fraction(value) - Fraction(number)) < Fraction(self.within)
        right = np.isin(np.arange(len(logits)), list(leaf.permitted))
        return bool(logits[right].max() > logits[~right].max())


def _of_number(right: float, within: float, low: float, high: float) -> Bound:
    """By how much less than `within` a number is off at least, and at most, that lies between low and high."""

    def above(x: float) -> float:
        return math.nextafter(x, math.inf)

    least = within - max(above(right - low), above(high - right))
    most = within - max(-above(right - low), -above(high - right), 0)
    return Bound(math.nextafter(least, -math.inf), above(most))


def _together(a: Bound, b: Bound) -> Bound:
    """Of contexts of either."""
    return Bound(min(a.least, b.least), min(a.most, b.most))


def _place(leaf: Leaf) -> object:
    return leaf.box.length, leaf.box.at


def _question(leaf: Leaf) -> object:
    """Of leaves where that is the same, the same differences are bounded."""
    return leaf.kind, leaf.answer, leaf.permitted


def _alike(leaves: Sequence[Leaf], what: Callable[[Leaf], object]) -> list[Array]:
    """The numbers of leaves of which something is the same."""
    groups: dict[object, list[int]] = {}
    for i, leaf in enumerate(leaves):
        groups.setdefault(what(leaf), []).append(i)
    return [np.array(group) for group in groups.values()]


def gathered(leaves: Iterable[Leaf], vocab: int) -> Iterator[list[Leaf]]:
    """So many at a time that their positions and tokens are not too many numbers."""
    batch = list[Leaf]()
    for leaf in leaves:
        batch.append(leaf)
        if len(batch) * leaf.box.length * vocab > 8 * NUMBERS:  # they come shortest first
            yield batch
            batch = []
    if batch:
        yield batch
