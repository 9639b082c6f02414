"""Answers at every position, each asked about as if it were the last one.

Where all attention is causal, a position sees what stands before it: asked of the context up to there, it is the last
one. Where none is, positions have no order but for what their rows add: asked at position i, it is the same as at the
last one with these two rows, and what stands there, exchanged. The bounds hold for sums in any order. Of a transformer
that has both kinds, nothing is said here.

A context is run as it is, in one forward pass, in which what comes later may overflow, though no position before sees
it: 0 times infinity is no number. So nothing is proved of a length at which numbers might, in contexts of the domain.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace

import numpy as np

from properties.proof.boxes import Box, Boxes, Settled
from properties.proof.counterexample import Counterexample
from properties.proof.judges import Answers, Values
from zoo.domain import Domain
from zoo.rule import Permitted
from zoo.transformer import Attention, Transformer, forward
from zoo.transformer.arrays import Array

Asked = Answers | Values
KEPT = 2**16  # boxes whose bounds are kept


def _key(box: Box) -> Hashable:
    return box.length, box.permitted, frozenset(box.sets.items()), frozenset(box.counts.items())


class Positions:
    """The judges of a transformer's positions; `asked` makes one of what it answers last."""

    def __init__(
        self, transformer: Transformer, vocab: tuple[str, ...], domain: Domain, asked: Callable[[Transformer], Asked]
    ) -> None:
        self.transformer, self.vocab, self.domain, self.asked = transformer, vocab, domain, asked
        masks = {layer.causal for layer in transformer.layers if isinstance(layer, Attention)}
        self.causal, self.known = masks != {False}, len(masks) < 2
        self.last = asked(transformer)
        self.fits: dict[int, bool] = {}
        self.bounded: dict[Hashable, tuple[Array, list[Settled]]] = {}  # by the judge of last answers
        self.number = 0

    def at(self, length: int, position: int) -> "AtPosition":
        if self.causal:
            judge, end = self.last, position
        else:
            judge, end = self.last if position == length - 1 else self._exchanged(length, position), length - 1
        return AtPosition(self, judge, position, end, self.known and self._fits(length))

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """As the judge of last answers bounds them, but once: where all is causal, contexts begin as shorter ones.

        What it says of boxes depends on what is in the key, and on nothing else: rounding may depend on all of them.
        """
        key = tuple(map(_key, boxes))
        if key not in self.bounded:
            if self.number > KEPT:
                self.bounded.clear()
                self.number = 0
            self.bounded[key] = self.last.bound(boxes)
            self.number += len(boxes)
        return self.bounded[key]

    def _exchanged(self, length: int, position: int) -> Asked:
        rows = self.transformer.position_embedding.copy()
        rows[[position, length - 1]] = rows[[length - 1, position]]
        return self.asked(replace(self.transformer, position_embedding=rows))

    def _fits(self, length: int) -> bool:
        """Whether no number on the way to the last answer overflows in any context of that length."""
        if length not in self.fits:
            boxes = [Box(length, box.sets, frozenset()) for box in self.domain.boxes(length, self.vocab)]
            bounds, number = self.last.bounds, len(boxes)
            rivals = np.arange(bounds.outputs)[None] != np.zeros((number, 1))
            found = bounds.margins(Boxes.of(boxes, self.vocab), np.zeros(number, int), rivals)
            self.fits[length] = bool(np.isfinite(found.lower).all())
        return self.fits[length]


@dataclass(frozen=True)
class AtPosition:
    """The judge of one position, of boxes of contexts as they are; `end` is where the position stands in its judge."""

    of: Positions
    judge: Asked
    position: int
    end: int
    fits: bool
    mixes: bool = False

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        if not self.fits:
            return np.full(len(boxes), -np.inf), [Settled("proved", box, -np.inf) for box in boxes]
        moved = [self._moved(box) for box in boxes]
        lower, found = self.of.bound(moved) if self.of.causal else self.judge.bound(moved)
        return lower, [replace(one, box=box) for one, box in zip(found, boxes)]

    def _moved(self, box: Box) -> Box:
        """As the judge has it: without what comes later, or with this position and the last one exchanged."""
        sets = {self._place(at): tokens for at, tokens in box.sets.items() if self._seen(at)}
        counts = {one: limits for one, limits in box.counts.items() if self._stays(one.positions)}
        return Box(self.end + 1, sets, box.permitted, counts=counts)

    def _place(self, at: int) -> int:
        """Where a position stands in the judge's contexts, and one of those here."""
        return {self.position: self.end, self.end: self.position}.get(at, at)

    def _seen(self, at: int) -> bool:
        return not self.of.causal or at <= self.position

    def _stays(self, positions: range) -> bool:
        """Whether these are all there, and the same ones; else less is known of the box: it has more contexts then."""
        return all(map(self._seen, positions)) and (self.position in positions) == (self.end in positions)

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        moved = [self._moved(box) for box in boxes]
        free = [i for i, box in enumerate(moved) if not box.is_one_context(len(self.of.vocab))]
        looks = dict(zip(free, self.judge.look([moved[i] for i in free]) if free else ()))
        found = []
        for i, box in enumerate(boxes):
            context = box.first(self.of.vocab)
            if i in looks:
                at, context[: self.end + 1] = looks[i]
                context[[self.position, self.end]] = context[[self.end, self.position]]
                at = self._place(at)
            if i not in looks or len(box.sets.get(at, self.of.vocab)) == 1:  # all that is seen is known
                at = next(j for j in range(box.length) if len(box.sets.get(j, self.of.vocab)) > 1)
            if [self.of.vocab[token] for token in context] not in box:  # its judge knows less of it
                context = box.first(self.of.vocab)
            found.append((at, context))
        return found

    def run(self, tokens: Array, permitted: Permitted) -> tuple[float, Counterexample | None]:
        with np.errstate(all="ignore"):  # what overflows shows in the logits
            logits: Array = forward(self.of.transformer, tokens[None])[0, self.position]
        return self.judge.held(tokens, logits, permitted, self.position)
