"""Sets of contexts of no certificate, one or several at a time, as the checker of certificates sees its leaves."""

from collections.abc import Sequence

import numpy as np

from properties.recheck.batches import Contexts, Counts, rows
from properties.recheck.counts import Count, Limits
from properties.recheck.margins import Margins
from properties.recheck.stream import Known
from zoo import Transformer
from zoo.transformer.arrays import Array

Held = tuple[range, Array, Limits]  # positions, which tokens are counted there, bool [token], the least and the most


class Alone:
    """`at` turns to a set of contexts, `together` to several: what is remembered of others is kept."""

    def __init__(self, transformer: Transformer, fine: bool = True) -> None:
        self.t, self.margins = transformer, Margins(transformer, fine)

    def at(self, options: Sequence[Sequence[int]]) -> None:
        """The tokens, by number, that each position may hold."""
        self.together([np.array([[token in its for token in self.margins.vocab] for its in options])])

    def together(self, boxes: Sequence[Array], counts: Sequence[Sequence[Held]] = ()) -> None:
        """What each position may hold: bool [position, token] of each; and what is counted in them, if something is."""
        self.boxes, lengths = boxes, np.array(list(map(len, boxes)))
        first = np.cumsum(lengths) - lengths
        known, which = np.unique(np.concatenate(boxes), axis=0, return_inverse=True)
        codes = which.reshape(-1)[np.minimum(first[:, None] + np.arange(lengths.max()), lengths.sum() - 1)]
        sets, each = [*known], list[dict[Count, Limits]]()
        for its in counts:
            each.append({})
            for positions, tokens, limits in its:
                number = next((i for i, row in enumerate(sets) if (row == tokens).all()), len(sets))
                each[-1][Count(positions, number)] = limits
                sets += [tokens] * (number == len(sets))
        self.contexts = Contexts(lengths, codes, np.array(sets), Counts.of(each, lengths.max()))
        self.known: dict[int, Array] = {}

    def numbers(self, layer: int) -> Array:
        """Of the rows that go into a layer, or behind the last one come out: int [set or 1, position, token]"""
        if layer not in self.known:
            self.known[layer] = rows(self.margins, self.contexts, layer)
        return self.known[layer]

    def row(self, layer: int, p: int, t: int) -> Known:
        """What goes into a layer, in the first set. CertificateError where nothing is known of it."""
        return self.margins.known(layer, int(self.numbers(layer)[0, p, t]))

    def lower(self, token: int, answer: int, rival: int) -> float:
        """A lower bound on answer - rival where the token stands last; -inf where nothing is known."""
        return self.lowers(token, [(answer, rival)])[0]

    def lowers(self, token: int, pairs: Sequence[tuple[int, int]]) -> list[float]:
        """The same for several pairs."""
        found: list[float] = self.lowest([0], token, pairs)[0].tolist()
        return found

    def lowest(self, some: Sequence[int], token: int, pairs: Sequence[tuple[int, int]]) -> Array:
        """The same of some of the sets, which are of one length: [set, pair]"""
        numbers = self.numbers(self.margins.last)
        before = (numbers if len(numbers) == 1 else numbers[list(some)])[:, : len(self.boxes[some[0]])]
        masks, counted = np.array([self.boxes[i] for i in some]), self.contexts.counted(np.array(some), before.shape[1])
        return self.margins.lower(before, masks, token, pairs, counted)
