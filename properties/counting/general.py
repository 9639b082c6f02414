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
from properties.proof.counterexample import margin_of
from properties.proof.reach import within_reach
from zoo.enumeration import last_rows
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

SMALL = 2048  # contexts that are run rather than split
TRIED = 12  # contexts of a part that are run, and in which each change of one token is


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
        """Of parts of one length, in which the same is permitted: bounded where all contexts that are tried agree."""
        right = self._right(parts[0])
        wrong, feared = self._tried(parts, right)
        found = [Bounded(part, 0, part.words.count) for part in parts]
        if self.bounds is None:
            return found
        answers, others = np.flatnonzero(right), np.flatnonzero(~right)
        some: Array = np.flatnonzero(~wrong.any(axis=1))  # of each, one answer must exceed all that is wrong
        for answer in answers if len(some) else ():
            for i in some[self._wins([parts[int(i)] for i in some], np.full(len(some), answer), others)]:
                found[i] = replace(found[i], most=0)
        some = np.flatnonzero(wrong.all(axis=1))  # of each, a rival must exceed all that is right, or come up to it
        if len(some):
            for i in some[self._wins([parts[int(i)] for i in some], feared[some], answers)]:
                found[i] = replace(found[i], least=found[i].most)
        return found

    def _wins(self, parts: Sequence[Part], names: Array, others: Array) -> Array:
        """Whether in each part its output surely exceeds all of the others: int [part], int [other] -> bool [part]"""
        assert self.bounds is not None
        boxes = Boxes.dense(np.array([part.words.may for part in parts]))
        rivals = np.isin(np.arange(len(self.names)), others)
        return self.bounds.margins(boxes, names, np.tile(rivals, (len(parts), 1))).lower > 0

    def _tried(self, parts: Sequence[Part], right: Array) -> tuple[Array, Array]:
        """Whether some contexts of each box are wrong, bool [part, tried], and the wrong output that is largest mostly.

        They need not be accepted by the automaton: the bounds speak of the whole box.
        """
        tokens = np.array([drawn(part, TRIED) for part in parts])
        with np.errstate(all="ignore"):
            logits = last_rows(self.transformer, tokens.reshape(-1, tokens.shape[-1]))
        wrong = ~(margin_of(logits, np.broadcast_to(right, logits.shape)) > 0)
        rivals = np.where(right, -np.inf, np.nan_to_num(logits)).argmax(axis=1).reshape(len(parts), -1)
        feared = np.array([np.bincount(row).argmax() for row in rivals])
        return wrong.reshape(len(parts), -1), feared

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
        rows = drawn(part, TRIED)
        places = np.argwhere(may)
        tokens = np.repeat(rows[None], len(places), axis=0)  # [change, tried, position]
        tokens[np.arange(len(places)), :, places[:, 0]] = places[:, 1:]
        with np.errstate(all="ignore"):
            logits = last_rows(self.transformer, tokens.reshape(-1, len(may))).astype(np.float64)
        margins = np.where(right, logits, -np.inf).max(axis=1) - np.where(right, -np.inf, logits).max(axis=1)
        effects = np.zeros(may.shape)
        effects[may] = np.nan_to_num(margins.reshape(len(places), TRIED)).mean(axis=1)
        return effects


def drawn(part: Part, number: int) -> Array:
    """Contexts out of what each position may hold, always the same ones: int [context, position]"""
    may = part.words.may
    tokens: Array = np.where(may, np.random.default_rng(0).random((number, *may.shape)), -1).argmax(axis=-1)
    return tokens
