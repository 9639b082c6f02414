"""The questions a proof asks of boxes: is the answer permitted everywhere, do two transformers answer alike."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes, Settled
from properties.proof.counterexample import Counterexample, around, margin_of, own_answer
from zoo.model import Model
from zoo.rule import Function, Permitted
from zoo.transformer import Transformer, forward, greedy
from zoo.transformer.arrays import Array


def stated(model: Model) -> Function | None:
    """What says most of what a model should answer: its first predictor, which answers every context, or its rule."""
    return model.predictors[0] if model.predictors else model.rule


class Judge(Protocol):
    """What a question asks of boxes; where it `mixes`, of boxes of several lengths at a time."""

    @property
    def mixes(self) -> bool: ...

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """Lower bounds on the margins [box]; above 0 the box is done, as described."""

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        """For boxes that were not proved, the free position that matters most, and one context that looks bad."""

    def run(self, tokens: Array, permitted: Permitted) -> tuple[float, Counterexample | None]:
        """The margin in one context, int [position], of a box, and what is wrong there."""


class Answers:
    """The question of `proof.prove_answers`, of what answers with names after the last position."""

    def __init__(self, transformer: Transformer, vocab: tuple[str, ...], names: tuple[str, ...] | None = None) -> None:
        """`names` are of the rows of the logits; None where they are the vocabulary."""
        self.transformer, self.vocab, self.names = transformer, vocab, vocab if names is None else names
        self.bounds = Bounds(transformer)
        self.mixes = self.bounds.mixes

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """A permitted name that beats all forbidden ones on the whole box is enough."""
        rows = [(i, self.names.index(name)) for i, box in enumerate(boxes) for name in sorted(box.permitted)]
        of, answers = np.array(rows).T
        rivals = np.array([[name not in box.permitted for name in self.names] for box in boxes])
        margins = self.bounds.margins(Boxes.of(boxes, self.vocab)[of], answers, rivals[of])
        lower = np.full(len(boxes), -np.inf)
        best = np.zeros(len(boxes), int)
        for row, i in enumerate(of):
            if margins.lower[row] > lower[i]:
                lower[i], best[i] = margins.lower[row], row
        return lower, [
            Settled("proved", box, float(lower[i]), self.names[answers[best[i]]]) for i, box in enumerate(boxes)
        ]

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        answers = np.array([self.names.index(min(box.permitted)) for box in boxes])
        rivals = np.array([[name not in box.permitted for name in self.names] for box in boxes])
        return _look([self.bounds], boxes, self.vocab, answers, rivals)

    def run(self, tokens: Array, permitted: Permitted) -> tuple[float, Counterexample | None]:
        return self.held(tokens, run(self.transformer, tokens), permitted)

    def held(
        self, tokens: Array, logits: Array, permitted: Permitted, at: int | None = None
    ) -> tuple[float, Counterexample | None]:
        """What was run, held against what is permitted: the margin, and what is wrong."""
        right = np.array([name in permitted for name in self.names])
        return _held(tokens, self.vocab, logits, right, self.transformer.dtype, self.names, at)


class Values:
    """The same of what answers with a number, which may be off by less than `within`: it is bounded from both sides."""

    def __init__(self, transformer: Transformer, vocab: tuple[str, ...], within: float) -> None:
        self.transformer, self.vocab, self.within = transformer, vocab, within
        # Beside another output that is always zero, the margins are those of the number and of its negative.
        rows = np.concatenate([transformer.readout, np.zeros_like(transformer.readout)])
        self.bounds = Bounds(replace(transformer, unembedding=rows))
        self.mixes = self.bounds.mixes

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        lower = np.min(self._both(boxes), axis=0)
        return lower, [Settled("proved", box, float(lower[i])) for i, box in enumerate(boxes)]

    def _both(self, boxes: list[Box]) -> list[Array]:
        """By how much more it may fall, and rise, at least, before it is off by `within`: [box] twice."""
        several, right = Boxes.of(boxes, self.vocab), np.array([next(iter(box.permitted)) for box in boxes])
        found = []
        for answer, sign in ((0, 1), (1, -1)):
            rivals = np.tile(np.arange(2) != answer, (len(boxes), 1))
            least = self.bounds.margins(several, np.full(len(boxes), answer), rivals).lower
            error = np.nextafter(sign * right - least, np.inf)  # at most, on this side: rounded up
            found.append(np.nextafter(self.within - error, -np.inf))
        return found

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        answers = np.argmin(self._both(boxes), axis=0)
        rivals = np.arange(2) != answers[:, None]
        return _look([self.bounds], boxes, self.vocab, answers, rivals)

    def run(self, tokens: Array, permitted: Permitted) -> tuple[float, Counterexample | None]:
        return self.held(tokens, run(self.transformer, tokens), permitted)

    def held(
        self, tokens: Array, logits: Array, permitted: Permitted, at: int | None = None
    ) -> tuple[float, Counterexample | None]:
        """As that of `Answers`."""
        right = around(np.array(next(iter(permitted))), self.within)
        return _held(tokens, self.vocab, logits, right, self.transformer.dtype, (), at)


def _held(
    tokens: Array, vocab: tuple[str, ...], logits: Array, right: Array, dtype: object, names: tuple[str, ...], at: Any
) -> tuple[float, Counterexample | None]:
    margin = float(margin_of(logits, right))
    if margin > 0:  # NaN is not
        return margin, None
    return margin, Counterexample.of(tokens, vocab, logits, right, dtype, names, at)


class Equal:
    """The question of `proof.prove_equal`: what a says in one context of a box, do both say in all of them?"""

    def __init__(self, a: Transformer, b: Transformer, vocab: tuple[str, ...]) -> None:
        self.a, self.b, self.vocab = a, b, vocab
        self.bounds = [Bounds(a), Bounds(b)]
        self.mixes = all(bounds.mixes for bounds in self.bounds)

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        answers, rivals = self._answers(boxes), np.ones((len(boxes), len(self.vocab)), bool)
        both = Boxes.of(boxes, self.vocab)
        lower = np.minimum(*(bounds.margins(both, answers, rivals).lower for bounds in self.bounds))
        return lower, [Settled("proved", box, float(lower[i]), self.vocab[answers[i]]) for i, box in enumerate(boxes)]

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        rivals = np.ones((len(boxes), len(self.vocab)), bool)
        return _look(self.bounds, boxes, self.vocab, self._answers(boxes), rivals)

    def run(self, tokens: Array, permitted: Permitted) -> tuple[float, Counterexample | None]:
        both = [run(transformer, tokens) for transformer in (self.a, self.b)]
        a, b = (int(greedy(logits)) for logits in both)
        margin = min(float(margin_of(logits, np.arange(len(logits)) == logits.argmax())) for logits in both)
        if a == b >= 0:
            return margin, None
        return margin, Counterexample.of(tokens, self.vocab, both[1], own_answer(both[0]), self.b.dtype)

    def _answers(self, boxes: list[Box]) -> Array:
        """What a says in one context of each; any token where it says none, for nothing is proved then."""
        return np.array([max(0, int(greedy(run(self.a, box.first(self.vocab))))) for box in boxes])


def run(transformer: Transformer, tokens: Array) -> Array:
    """Logits of the last position after int [position], by the program itself: [vocab]."""
    with np.errstate(all="ignore"):  # what overflows shows in the logits
        logits: Array = forward(transformer, tokens[None], last=True)[0, -1]
    return logits


def _look(
    bounds: list[Bounds], some: list[Box], vocab: tuple[str, ...], answers: Array, rivals: Array
) -> list[tuple[int, Array]]:
    """Where to split: where the last token is free, there; else where it is felt most by the bounds or by running."""
    boxes = Boxes.of(some, vocab)
    masks = boxes.everywhere().masks
    felt: Array = np.zeros(masks.shape[:2])
    pull: Array = np.zeros(masks.shape)
    worst = masks.argmax(axis=-1)
    for one in bounds:
        if one.between:  # tokens act through several layers: change each and see
            more, worst = _try_changes(one.transformer, masks, answers, rivals)
        else:
            margins = one.margins(boxes, answers, rivals, felt=True)
            assert margins.felt is not None
            assert margins.worst is not None
            assert margins.pull is not None
            more, worst, pull = margins.felt, margins.worst, pull + margins.pull
        felt = felt + more / np.maximum(more.max(axis=1, keepdims=True), 1e-300)
    free = masks.sum(axis=-1) > 1
    felt = np.where(free, felt + np.linspace(0, 1e-9, felt.shape[1]), -1)  # of equals the later
    ends = np.arange(len(boxes)), boxes.lengths - 1
    felt[ends] = np.where(free[ends], np.inf, -1)
    tokens = np.where(np.take_along_axis(masks, worst[..., None], -1)[..., 0], worst, masks.argmax(axis=-1))
    for i, box in enumerate(some):
        if box.counts or box.ending is not None:  # what looks worst must be one of its contexts
            tokens[i, : box.length] = box.nearest(vocab, pull[i, : box.length])
    return [(int(felt[i].argmax()), tokens[i, :length]) for i, length in enumerate(boxes.lengths.tolist())]


def _try_changes(transformer: Transformer, masks: Array, answers: Array, rivals: Array) -> tuple[Array, Array]:
    """How far the margin moves when one free token of one context of a box changes, and the worst context met."""
    felt, worst = np.zeros(masks.shape[:2]), masks.argmax(axis=-1)
    for i, mask in enumerate(masks):
        free = np.flatnonzero(mask.sum(axis=1) > 1)
        changes = [(position, token) for position in free for token in np.flatnonzero(mask[position])]
        tokens = np.repeat(worst[i][None], len(changes), axis=0)
        for row, (position, token) in enumerate(changes):
            tokens[row, position] = token
        logits = forward(transformer, tokens, last=True)[:, -1]
        margins = logits[:, answers[i]] - np.where(
            rivals[i] & (np.arange(len(rivals[i])) != answers[i]), logits, -np.inf
        ).max(axis=1)
        for position in free:
            mine = margins[[at == position for at, _ in changes]]
            felt[i, position] = mine.max() - mine.min()
        worst[i] = tokens[margins.argmin()]
    return felt, worst
