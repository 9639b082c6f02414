"""The count by boxes: for several heads and layers, Mlps and Norms, by the bounds that proofs are made of.

A box is right where an answer's bound is above 0, and wrong where that of a rival is against all that is right. What is
small is run.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from properties.counting.engine import Bounded, judged_wrong
from properties.counting.parts import Part
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.proof.reach import within_reach
from zoo.enumeration import last_rows
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

SMALL = 2048  # contexts that are run rather than split
TRIED = 24  # contexts of a part in which each change of one token is tried


class General:
    """Of any transformer; where there are no bounds on it, what is small is run, and all else is open."""

    batch = 32

    def __init__(self, transformer: Transformer, names: Sequence[str]) -> None:
        self.transformer, self.names = transformer, list(names)
        self.bounds = Bounds(transformer) if within_reach(transformer) else None
        self.small = SMALL

    def bound(self, parts: Sequence[Part]) -> list[Bounded]:
        found: dict[int, Bounded] = {}
        for i, part in enumerate(parts):
            if part.words.cells == 1 or max(part.words.count, part.words.cells // 64) <= self.small:
                tokens = part.tokens(part.words.spelled(np.zeros((0, *part.words.may.shape))).numbers)
                wrong = judged_wrong(self.transformer, tokens, self._right(part))
                found[i] = Bounded(part, wrong, wrong)
        groups: dict[tuple[int, frozenset[str]], list[int]] = {}
        for i, part in enumerate(parts):
            if i not in found:
                groups.setdefault((part.length, part.permitted), []).append(i)
        for some in groups.values():
            found.update(zip(some, self._by_bounds([parts[i] for i in some])))
        return [found[i] for i in range(len(parts))]

    def _by_bounds(self, parts: Sequence[Part]) -> list[Bounded]:
        """Of parts of one length, in which the same is permitted."""
        right = self._right(parts[0])
        open_ = [Bounded(part, 0, part.words.count) for part in parts]
        if self.bounds is None:
            return open_
        boxes = Boxes.dense(np.array([part.words.may for part in parts]))

        def wins(names: Array, others: Array) -> Array:
            """Whether one of the outputs surely exceeds all of the others: bool [part]"""
            assert self.bounds is not None
            won = np.zeros(len(parts), bool)
            rivals = np.broadcast_to(others, (len(parts), len(others)))
            for name in np.flatnonzero(names):
                won |= self.bounds.margins(boxes, np.full(len(parts), name), rivals).lower > 0
            return won

        is_right = wins(right, ~right)
        is_wrong = wins(self._feared(parts, right), right)
        return [
            replace(one, most=0) if fine else replace(one, least=one.most) if wrong else one
            for one, fine, wrong in zip(open_, is_right, is_wrong)
        ]

    def _feared(self, parts: Sequence[Part], right: Array) -> Array:
        """The wrong outputs that are largest somewhere in one context of each part: bool [output]"""
        tokens = np.array([part.words.tokens(np.zeros(1, int))[0] for part in parts])
        with np.errstate(all="ignore"):
            logits = last_rows(self.transformer, tokens)
        logits = np.where(right, -np.inf, np.nan_to_num(logits))
        feared = np.zeros(len(right), bool)
        feared[logits.argmax(axis=1)] = True
        return feared & ~right

    def _right(self, part: Part) -> Array:
        return np.array([name in part.permitted for name in self.names])

    def split(self, found: Bounded) -> Iterator[Part]:
        """Where changes of one token move the margin most, into the tokens that lower it and those that raise it."""
        part, may = found.part, found.part.words.may
        effect = self._effects(part)  # [position, token]
        low, high = np.where(may, effect, np.inf).min(axis=1), np.where(may, effect, -np.inf).max(axis=1)
        at = int(np.where(may.sum(axis=1) > 1, high - low, -1).argmax())
        half = may[at] & (effect[at] <= (low[at] + high[at]) / 2)
        if (half == may[at]).all():  # all the same, or not known
            half = may[at] & (np.cumsum(may[at]) <= may[at].sum() // 2)
        for tokens in (half, may[at] & ~half):
            narrowed = may.copy()
            narrowed[at] = tokens
            yield from part.but(part.words.only(narrowed))

    def _effects(self, part: Part) -> Array:
        """By how much the margin moves, on average, as one token of some contexts of a part changes."""
        may, right = part.words.may, self._right(part)
        rng = np.random.default_rng(0)
        rows = np.array([[rng.choice(np.flatnonzero(row)) for row in may] for _ in range(TRIED)])
        places = np.argwhere(may)
        tokens = np.repeat(rows[None], len(places), axis=0)  # [change, tried, position]
        tokens[np.arange(len(places)), :, places[:, 0]] = places[:, 1:]
        with np.errstate(all="ignore"):
            logits = last_rows(self.transformer, tokens.reshape(-1, len(may))).astype(np.float64)
        margins = np.where(right, logits, -np.inf).max(axis=1) - np.where(right, -np.inf, logits).max(axis=1)
        effects = np.zeros(may.shape)
        effects[may] = np.nan_to_num(margins.reshape(len(places), TRIED)).mean(axis=1)
        return effects
