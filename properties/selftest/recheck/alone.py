"""One set of contexts at a time, as the checker of certificates sees it among others."""

from collections.abc import Sequence

import numpy as np

from properties.recheck.batches import Contexts, rows
from properties.recheck.margins import Margins
from properties.recheck.stream import Known
from zoo import Transformer


class Alone:
    """`at` turns to a set of contexts: what is remembered of others is kept."""

    def __init__(self, transformer: Transformer, fine: bool = True) -> None:
        self.t, self.margins = transformer, Margins(transformer, fine)

    def at(self, options: Sequence[Sequence[int]]) -> None:
        """The tokens, by number, that each position may hold."""
        self.sets = np.array([[token in its for token in self.margins.vocab] for its in options])
        some = np.array([len(options)]), np.arange(len(options))[None], self.sets
        self.numbers = [rows(self.margins, Contexts(*some), i) for i in range(len(self.t.layers) + 1)]

    def row(self, layer: int, p: int, t: int) -> Known:
        """What goes into a layer. CertificateError where nothing is known of it."""
        return self.margins.known(layer, int(self.numbers[layer][0, p, t]))

    def lower(self, token: int, answer: int, rival: int) -> float:
        """A lower bound on answer - rival where the token stands last; -inf where nothing is known."""
        return self.lowers(token, [(answer, rival)])[0]

    def lowers(self, token: int, pairs: Sequence[tuple[int, int]]) -> list[float]:
        """The same for several pairs."""
        found: list[float] = self.margins.lower(self.numbers[self.margins.last], self.sets[None], token, pairs)[
            0
        ].tolist()
        return found
