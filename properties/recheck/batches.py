"""Leaves of several lengths at a time, as arrays, and the rows of the stream that stand before the last attention."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from properties.recheck.attention import Seen
from properties.recheck.counts import Count, Limits
from properties.recheck.margins import Margins
from properties.recheck.prices import Counted
from zoo.transformer import Attention, Mlp, unhandled
from zoo.transformer.arrays import Array

NUMBERS = 2**18  # that are worked with at a time


class Counts(NamedTuple):
    """What is counted in sets of contexts; one with fewer counts than another has some of no positions."""

    inside: Array  # bool [set, count, position]
    codes: Array  # int [set, count] what is counted, by number in `Contexts.sets`
    limits: Array  # int [set, count, 2]

    @classmethod
    def of(cls, each: Sequence[Mapping[Count, Limits]], longest: int) -> "Counts | None":
        """None where nothing is counted."""
        shape = len(each), max(map(len, each), default=0)
        if not shape[1]:
            return None
        inside, codes, limits = np.zeros((*shape, longest), bool), np.zeros(shape, int), np.zeros((*shape, 2), int)
        for i, counts in enumerate(each):
            for c, (count, its) in enumerate(counts.items()):
                inside[i, c, list(count.positions)], codes[i, c], limits[i, c] = True, count.tokens, its
        return cls(inside, codes, limits)

    def numbers(self) -> Array:
        """Of each set, the same where its counts are: int [set]"""
        flat = (part.reshape(len(part), -1).astype(int) for part in self)
        found: Array = np.unique(np.concatenate([*flat], axis=1), axis=0, return_inverse=True)[1].reshape(-1)
        return found


class Contexts(NamedTuple):
    """Sets of contexts: the length of each, and by number in `sets` what each position may hold."""

    lengths: Array  # int [set]
    codes: Array  # int [set, position]
    sets: Array  # bool [code, token]
    counts: Counts | None = None

    def masks(self, some: Array, keys: int) -> Array:
        """What the first positions of some of them may hold: bool [set, position, token]"""
        masks: Array = self.sets[self.codes[some, :keys]]
        return masks

    def counted(self, some: Array, keys: int) -> Counted | None:
        """What is counted among the first positions of some of them."""
        if self.counts is None:
            return None
        inside, codes, limits = (part[some] for part in self.counts)
        return Counted.seen(inside, self.sets[codes], limits, keys)


def rows(margins: Margins, contexts: Contexts, layer: int) -> Array:
    """The numbers of the rows that go into a layer, or behind the last one come out.

    int [set, position, token], of one set where they are the same in all; -1 where a position may not hold a token.
    """
    longest = contexts.codes.shape[1]
    numbers = np.array([[[margins.embed(p, t) for t in margins.vocab] for p in range(longest)]])
    for i, kind in enumerate(margins.t.layers[:layer]):
        if isinstance(kind, Mlp):
            found, which = np.unique(numbers, return_inverse=True)
            behind = [margins.behind_mlp(i, number) if number >= 0 else -1 for number in found.tolist()]
            numbers = np.array(behind)[which].reshape(numbers.shape)
        elif isinstance(kind, Attention):
            numbers = _behind_attention(margins, i, kind.causal, numbers, contexts)
        else:
            unhandled(kind)
    return numbers


def _behind_attention(margins: Margins, i: int, causal: bool, numbers: Array, contexts: Contexts) -> Array:
    found = np.full((len(contexts.codes), *numbers.shape[1:]), -1)
    for some, alike, p, keys in _views(contexts, margins.sight[i + 1] == 2, causal):
        may_be = contexts.sets[contexts.codes[some, p]]
        for t in np.flatnonzero(may_be.any(axis=0)).tolist():
            mine = may_be[:, t]
            _, firsts, alike_to = np.unique(alike[mine], return_index=True, return_inverse=True)
            shown, behind = some[mine][firsts], list[int]()
            for part in parts(shown, keys * len(margins.vocab)):
                before = numbers[:, :keys] if len(numbers) == 1 else numbers[part, :keys]
                seen = Seen(margins, i, p, t, before, contexts.masks(part, keys), contexts.counted(part, keys))
                heads, which = seen.heads()
                own = np.broadcast_to(before[:, p, t], len(part)).tolist()
                behind += [margins.behind_attention(i, number, heads[k]) for number, k in zip(own, which.tolist())]
            found[some[mine], p, t] = np.array(behind)[alike_to]
    return found


def _views(contexts: Contexts, whole: bool, causal: bool) -> Iterator[tuple[Array, Array, int, int]]:
    """Each position, and which sets have one there: their numbers, those of what is seen from there, how many keys.

    What is seen is what stands before, or, where some layer has no mask, the whole context.
    """
    every, lengths = np.arange(len(contexts.codes)), contexts.lengths
    if whole:
        for n in np.unique(lengths).tolist():
            some = every[lengths == n]
            yield from ((some, some, p, p + 1 if causal else n) for p in range(n))
        return
    alike = np.zeros(len(every), int) if contexts.counts is None else contexts.counts.numbers()
    for p in range(contexts.codes.shape[1]):
        some = every[lengths > p]
        yield some, alike[some], p, p + 1
        _, alike = np.unique(alike * len(contexts.sets) + contexts.codes[:, p], return_inverse=True)


def parts(some: Array, each: int) -> Iterator[Array]:
    """So few at a time that the numbers of all are not too many."""
    count = max(1, NUMBERS // each)
    for start in range(0, len(some), count):
        yield some[start : start + count]
