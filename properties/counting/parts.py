"""Parts of the contexts of a length, in each of which one thing is permitted: what a count starts from and splits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from properties.counting.automaton import DEAD, Automaton, of_counts, of_table, reduced
from properties.counting.words import Words
from properties.proof.folds import Table
from properties.proof.reading.decision_tree import Reading
from zoo.domain import Box, Domain
from zoo.transformer.arrays import Array


@dataclass(frozen=True, eq=False)
class Part:
    """Contexts in all of which the same is permitted.

    Where `last` is the token that all of them end with, words are what comes before it. `base` is what accepts them but
    for the `need` that one of some tokens occurs.
    """

    words: Words
    permitted: frozenset[str]
    last: int | None = None
    base: Automaton | None = None
    need: Array | None = None  # bool [token]

    @property
    def length(self) -> int:
        return len(self.words.may) + (self.last is not None)

    def but(self, words: Words | None) -> Iterator["Part"]:
        """The same of some of its words, if there are such."""
        if words is not None:
            yield replace(self, words=words)

    def ending(self) -> Iterator["Part"]:
        """One part for each token that these contexts may end with."""
        automaton, known = self.words.automaton, dict[bytes, Automaton | None]()
        for token in np.flatnonzero(self.words.may[-1]):
            after = automaton.next[:, token]
            ends = np.append(automaton.accept, False)[after]  # the last is that of DEAD
            key = ends.tobytes()
            if key not in known:
                states = np.pad(automaton.next, ((0, 1), (0, 0)), constant_values=DEAD)
                known[key] = reduced(states, np.append(ends, False))
            words = Words.of(self.words.may[:-1], known[key])
            if words is not None:
                yield Part(words, self.permitted, int(token), known[key])

    def tokens(self, numbers: Array) -> Array:
        """Contexts by the numbers of their words: int [context, position]"""
        words = self.words.tokens(numbers)
        return words if self.last is None else np.pad(words, ((0, 0), (0, 1)), constant_values=self.last)


def of_fold(table: Table, domain: Domain, length: int) -> Iterator[Part]:
    """One for each box of the domain and each thing that is permitted."""
    after = of_table(table, length + 1)
    for box in domain.boxes(length, table.vocab):
        may = _may(box, table.vocab)
        states = {0}
        for row in may:
            states = {table.to(state, int(token)) for state in states for token in np.flatnonzero(row)}
        said: dict[frozenset[str], list[int]] = {}
        for state in sorted(states):
            said.setdefault(table.answer(state), []).append(state)
        for permitted, ends in said.items():
            words = Words.of(may, reduced(after, np.isin(np.arange(len(after)), ends)))
            if words is not None:
                yield Part(words, permitted, base=words.automaton)


def of_leaves(reading: Reading, domain: Domain, length: int) -> Iterator[Part]:
    """One for each leaf of a rule's tree."""
    for box in domain.boxes(length, reading.vocab):
        for leaf in reading.leaves(length, box.sets):
            words = Words.of(_may(leaf, reading.vocab), of_counts(leaf.counts, length, reading.vocab))
            if words is not None:
                yield Part(words, leaf.permitted, base=words.automaton)


def _may(box: Box, vocab: Sequence[str]) -> Array:
    """bool [position, token]"""
    may = np.ones((box.length, len(vocab)), bool)
    for at, tokens in box.sets.items():
        may[at] = [token in tokens for token in vocab]
    return may
