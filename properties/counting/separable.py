"""The count where each comparison of two logits is one sum of terms: worst sums, convolution, splitting.

A part is what ends with one token and has one right answer. A rival that cannot win costs nothing; one that always wins
settles the part; tokens with which nothing can be wrong are left out; what is small is spelled; and else each open
rival is a convolution. What is split is whether a token of the heavier half occurs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache, lru_cache

import numpy as np

from properties.counting.convolution import wrong
from properties.counting.engine import Bounded, judged_wrong
from properties.counting.parts import Part
from properties.counting.terms import Compared, Terms
from properties.counting.words import Words
from properties.proof.arithmetic import OutOfRangeError
from properties.proof.bounds import Bounds
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

SMALL = 1_000_000  # sums, of words and rivals, that are made one by one
RESOLUTION = 256  # cells of a grid
KEPT = 64  # of the answers after some token, how many's terms are kept


class Separable:
    """Of a transformer that is `terms.separable`."""

    batch = 1

    def __init__(self, transformer: Transformer, names: Sequence[str]) -> None:
        self.transformer, self.names = transformer, list(names)
        self.small, self.resolution = SMALL, RESOLUTION
        self.bounds = Bounds(transformer)
        self.terms = cache(self._terms)
        self.compared = lru_cache(maxsize=KEPT)(self._compared)

    def _terms(self, length: int) -> Terms | None:
        try:
            return Terms(self.bounds, length)
        except OutOfRangeError:
            return None

    def _compared(self, length: int, last: int, answer: int) -> Compared:
        terms = self.terms(length)
        assert terms is not None
        return terms.of(last, answer)

    def knows(self, part: Part) -> bool:
        """Whether it can count there: one thing is right, and all terms are known."""
        return len(part.permitted) == 1 and self.terms(part.length) is not None

    def bound(self, parts: Sequence[Part]) -> list[Bounded]:
        return [self._bound(part) for part in parts]

    def _bound(self, part: Part) -> Bounded:
        compared, rivals, words = self._open(part)
        if words is None:
            all_of_them = part.words.count if len(rivals) else 0
            return Bounded(part, all_of_them, all_of_them)
        down, up = compared.down[rivals], compared.up[rivals]
        if words.cells <= max(1, self.small // len(rivals)):
            found = self._spelled(replace(part, words=words), compared, rivals)
            return Bounded(part, found, found)
        own = np.stack([compared.own_down[rivals], compared.own_up[rivals]], axis=1).tolist()
        each = [wrong(words, down[i], up[i], (low, high), self.resolution) for i, (low, high) in enumerate(own)]
        most = min(sum(number for _, number in each), words.count)
        least = min(max(number for number, _ in each), most)
        feared = np.argsort([-most for _, most in each], kind="stable")
        return Bounded(replace(part, words=words), least, most, tuple(rivals[feared].tolist()))

    def _open(self, part: Part) -> tuple[Compared, Array, Words | None]:
        """The terms, the rivals that may win, and of the words those in which one does.

        No words are left where all are decided: they are right where there are no rivals, else wrong.
        """
        assert part.last is not None
        [name] = part.permitted
        answer, words = self.names.index(name), part.words
        compared = self.compared(part.length, part.last, answer)
        others = np.arange(len(self.names)) != answer
        best = compared.own_up - words.least(-compared.up)
        if (sure := np.flatnonzero(others & (best <= 0))).size:
            return compared, sure, None
        worst = compared.own_down + words.least(compared.down)
        rivals = np.flatnonzero(others & (worst <= 0))
        if not len(rivals):
            return compared, rivals, None
        rivals = self._undominated(words, compared, rivals)
        down, before, after = compared.down[rivals], *_around(words.may, compared.down[rivals])
        possible = compared.own_down[rivals, None, None] + (before + after)[..., None] + down <= 0
        kept = words.only(possible.any(axis=0))
        return compared, rivals if kept is not None else rivals[:0], kept

    def _undominated(self, words: Words, compared: Compared, rivals: Array) -> Array:
        """Without rivals that win only where another does, as the other's sums are never larger."""
        down, up = compared.down[rivals], compared.up[rivals]
        own = compared.own_down[rivals][:, None] - compared.own_up[rivals]
        ahead = own + np.where(words.may, down[:, None] - up, np.inf).min(axis=-1).sum(axis=-1)
        # Each of these terms is the difference of two that were widened for being summed: with 2 to spare for that.
        left = list(range(len(rivals)))
        for i in range(len(rivals)):
            if any(ahead[i, j] >= 0 for j in left if j != i):
                left.remove(i)
        return rivals[left]

    def _spelled(self, part: Part, compared: Compared, rivals: Array) -> int:
        """How many are wrong: by sums, or where rounding leaves that open by running them."""
        words = part.words
        numbers, sums = words.spelled(compared.down[rivals])
        numbers = numbers[(sums + compared.own_down[rivals, None] <= 0).any(axis=0)]
        tokens = words.tokens(numbers)
        sums = np.repeat(compared.own_up[rivals][:, None], len(tokens), axis=1)
        for at, column in enumerate(tokens.T):
            sums = sums + compared.up[rivals][:, at, column]
        sure = (sums <= 0).any(axis=0)
        return int(sure.sum()) + judged_wrong(self.transformer, part.tokens(numbers[~sure]), self._right(part))

    def _right(self, part: Part) -> Array:
        return np.array([name in part.permitted for name in self.names])

    def split(self, found: Bounded) -> Iterator[Part]:
        """By whether a token of the heavier half occurs; where one token is left, by the tokens of a position."""
        part = found.part
        assert part.base is not None
        assert part.last is not None
        answer = self.names.index(next(iter(part.permitted)))
        down, may = self.compared(part.length, part.last, answer).down[list(found.rivals)], part.words.may
        pool = np.flatnonzero(may.any(axis=0) & (True if part.need is None else part.need) & ~self._must(part.words))
        if len(pool) < 2:
            yield from self._halved(part, down[0])
            return
        pull = np.where(may, down, np.inf).min(axis=(0, 1))[pool]
        heavy, light = (np.zeros(may.shape[1], bool) for _ in range(2))
        is_heavy = pull <= (pull.min() + pull.max()) / 2
        if is_heavy.all():
            is_heavy = np.arange(len(pool)) < len(pool) // 2
        heavy[pool[is_heavy]], light[pool[~is_heavy]] = True, True
        for tokens, others in ((heavy, may), (light, may & ~heavy)):
            words = Words.of(others, part.base.requiring(tokens))
            yield from replace(part, need=tokens).but(words)
        # Neither: what is needed may be what all words have, as nothing else of its kind is left.
        rest = part.base if part.need is None else part.base.requiring(part.need)
        yield from part.but(Words.of(may & ~heavy & ~light, rest))

    def _must(self, words: Words) -> Array:
        """Tokens that are in every word, as one of their kind is and there is no other: bool [token]"""
        alone = np.zeros(words.may.shape[1], bool)
        for kind in words.automaton.of_kind:
            some = np.flatnonzero(words.may.any(axis=0) & kind)
            if len(some) == 1:
                without = words.may.copy()
                without[:, some] = False
                alone[some] = Words.of(without, words.automaton) is None
        return alone

    def _halved(self, part: Part, down: Array) -> Iterator[Part]:
        may = part.words.may
        low, high = np.where(may, down, np.inf).min(axis=1), np.where(may, down, -np.inf).max(axis=1)
        at = int(np.where(may.sum(axis=1) > 1, high - low, -1).argmax())
        half = may[at] & (down[at] <= (low[at] + high[at]) / 2)
        if (half == may[at]).all():
            half = may[at] & (np.cumsum(may[at]) <= may[at].sum() // 2)
        for tokens in (half, may[at] & ~half):
            narrowed = may.copy()
            narrowed[at] = tokens
            yield from part.but(part.words.only(narrowed))


def _around(may: Array, terms: Array) -> tuple[Array, Array]:
    """The least sums of terms [row, position, token] before each position, and behind it: [row, position] twice."""
    low = np.pad(np.where(may, terms, np.inf).min(axis=-1), ((0, 0), (1, 1)))
    return np.cumsum(low, axis=1)[:, :-2], np.cumsum(low[:, ::-1], axis=1)[:, -3::-1]
