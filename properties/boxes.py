"""Boxes: sets of contexts of one length, and what is found out about them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from properties.lazy import Leaf, Path
from zoo.arrays import Array
from zoo.model import Context
from zoo.transformer import Transformer, forward


@dataclass(frozen=True)
class Counterexample:
    """A context that was run: what is said there and what should be; `margin` is best right - best wrong logit."""

    context: Context
    says: str
    permitted: frozenset[str]
    margin: float


@dataclass(frozen=True, eq=False)
class Box:
    """Contexts of one length, and what is permitted on all of them; mask [position, vocab] says what may be where."""

    mask: Array
    permitted: frozenset[str]
    path: Path  # the splits that led here

    @property
    def free(self) -> Array:
        """Positions that may hold more than one token."""
        return np.flatnonzero(self.mask.sum(axis=1) > 1)

    def count(self) -> int:
        return math.prod(size ** int(k) for size, k in enumerate(np.bincount(self.mask.sum(axis=1))))

    def split(self, position: int, vocab: Sequence[str]) -> Iterator["Box"]:
        """One box for each token that may stand there."""
        for token in np.flatnonzero(self.mask[position]).tolist():
            mask = self.mask.copy()
            mask[position] = np.arange(len(vocab)) == token
            yield Box(mask, self.permitted, (*self.path, (position, frozenset([vocab[token]]))))

    def describe(self, vocab: Sequence[str]) -> str:
        """What is known of these contexts, counted from their end: "6 tokens, [-1] a, [-4] b or c"."""
        narrowed = np.flatnonzero(~self.mask.all(axis=1))[::-1]
        n = len(self.mask)
        known = [f"[{i - n}] {' or '.join(t for t, may in zip(vocab, self.mask[i]) if may)}" for i in narrowed.tolist()]
        return ", ".join([f"{n} token{'s' * (n > 1)}", *known])


@dataclass(frozen=True)
class Settled:
    """A box that is done: "proved", with an answer and levels of `Bounds`; "run"; or "skipped", as nothing is wrong."""

    kind: str
    box: Box
    margin: float
    answer: str | None = None
    levels: Array | None = None  # [head, token at the last position, rival]


def one_hot(tokens: Array, mask: Array) -> Array:
    """A mask of one context: these tokens where they may stand, else the first that may."""
    allowed = np.take_along_axis(mask, tokens[:, None], -1)[:, 0]
    return np.arange(mask.shape[1]) == np.where(allowed, tokens, mask.argmax(axis=1))[:, None]  # type: ignore[no-any-return]


def masks_of(boxes: list[Box]) -> Array:
    """[box, position, vocab], where nothing stands behind the last position of a shorter box."""
    longest = max(len(box.mask) for box in boxes)
    masks = np.zeros((len(boxes), longest, boxes[0].mask.shape[1]), bool)
    for i, box in enumerate(boxes):
        masks[i, : len(box.mask)] = box.mask
    return masks


def run(transformer: Transformer, box: Box) -> Array:
    """Logits of the last position for the first context of a box, by the program itself: [vocab]."""
    logits: Array = forward(transformer, box.mask.argmax(axis=1)[None])[0, -1]
    return logits


def box_of(leaf: Leaf, vocab: Sequence[str]) -> Box:
    mask = np.ones((leaf.length, len(vocab)), bool)
    for position, tokens in leaf.sets.items():
        mask[position] = [token in tokens for token in vocab]
    return Box(mask, leaf.permitted, leaf.path)


def context_of(box: Box, vocab: Sequence[str]) -> Context:
    tokens = tuple(vocab[i] for i in box.mask.argmax(axis=1))
    return "".join(tokens) if all(len(token) == 1 for token in vocab) else tokens
