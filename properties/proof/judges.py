"""The questions a proof asks of boxes: is the answer permitted everywhere, do two transformers answer alike."""

from typing import Protocol

import numpy as np

from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes, Settled
from properties.proof.counterexample import Counterexample, margin_of, own_answer
from zoo.model import Model
from zoo.rule import Function
from zoo.transformer import Transformer, forward, greedy
from zoo.transformer.arrays import Array


def stated(model: Model) -> Function | None:
    """What says most of what a model should answer: its first predictor, which answers every context, or its rule."""
    return model.predictors[0] if model.predictors else model.rule


class Judge(Protocol):
    """What a question asks of boxes; where it `mixes`, of boxes of several lengths at a time."""

    mixes: bool

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """Lower bounds on the margins [box]; above 0 the box is done, as described."""

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        """For boxes that were not proved, the free position that matters most, and one context that looks bad."""

    def run(self, tokens: Array, permitted: frozenset[str]) -> tuple[float, Counterexample | None]:
        """The margin in one context, int [position], of a box, and what is wrong there."""


class Answers:
    """The question of `proof.prove_answers`."""

    def __init__(self, transformer: Transformer, vocab: tuple[str, ...]) -> None:
        self.transformer, self.vocab = transformer, vocab
        self.bounds = Bounds(transformer)
        self.mixes = self.bounds.mixes

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """A permitted token that beats all forbidden ones on the whole box is enough."""
        rows = [(i, self.vocab.index(token)) for i, box in enumerate(boxes) for token in sorted(box.permitted)]
        of, answers = np.array(rows).T
        rivals = np.array([[token not in box.permitted for token in self.vocab] for box in boxes])
        margins = self.bounds.margins(Boxes.of(boxes, self.vocab)[of], answers, rivals[of])
        lower = np.full(len(boxes), -np.inf)
        best = np.zeros(len(boxes), int)
        for row, i in enumerate(of):
            if margins.lower[row] > lower[i]:
                lower[i], best[i] = margins.lower[row], row
        return lower, [
            Settled("proved", box, float(lower[i]), self.vocab[answers[best[i]]]) for i, box in enumerate(boxes)
        ]

    def look(self, boxes: list[Box]) -> list[tuple[int, Array]]:
        answers = np.array([self.vocab.index(min(box.permitted)) for box in boxes])
        rivals = np.array([[token not in box.permitted for token in self.vocab] for box in boxes])
        return _look([self.bounds], Boxes.of(boxes, self.vocab), answers, rivals)

    def run(self, tokens: Array, permitted: frozenset[str]) -> tuple[float, Counterexample | None]:
        logits = run(self.transformer, tokens)
        right = np.array([token in permitted for token in self.vocab])
        margin = float(margin_of(logits, right))
        if margin > 0:  # NaN is not
            return margin, None
        return margin, Counterexample.of(tokens, self.vocab, logits, right, self.transformer.dtype)


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
        return _look(self.bounds, Boxes.of(boxes, self.vocab), self._answers(boxes), rivals)

    def run(self, tokens: Array, permitted: frozenset[str]) -> tuple[float, Counterexample | None]:
        both = [run(transformer, tokens) for transformer in (self.a, self.b)]
        a, b = (int(greedy(logits)) for logits in both)
        margin = float(min(logits.max() - np.delete(logits, logits.argmax()).max(initial=-np.inf) for logits in both))
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


def _look(bounds: list[Bounds], boxes: Boxes, answers: Array, rivals: Array) -> list[tuple[int, Array]]:
    """Where to split: where the last token is free, there; else where it is felt most by the bounds or by running."""
    masks = boxes.everywhere().masks
    felt: Array = np.zeros(masks.shape[:2])
    worst = masks.argmax(axis=-1)
    for one in bounds:
        if one.between:  # tokens act through several layers: change each and see
            more, worst = _try_changes(one.transformer, masks, answers, rivals)
        else:
            margins = one.margins(boxes, answers, rivals, felt=True)
            assert margins.felt is not None
            assert margins.worst is not None
            more, worst = margins.felt, margins.worst
        felt = felt + more / np.maximum(more.max(axis=1, keepdims=True), 1e-300)
    free = masks.sum(axis=-1) > 1
    felt = np.where(free, felt + np.linspace(0, 1e-9, felt.shape[1]), -1)  # of equals the later
    ends = np.arange(len(boxes)), boxes.lengths - 1
    felt[ends] = np.where(free[ends], np.inf, -1)
    tokens = np.where(np.take_along_axis(masks, worst[..., None], -1)[..., 0], worst, masks.argmax(axis=-1))
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
