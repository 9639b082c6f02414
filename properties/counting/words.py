"""Sets of contexts, or of what they begin with: what each position may hold, and an automaton that accepts them."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from properties.counting.automaton import Automaton
from zoo.transformer.arrays import Array


class Spelled(NamedTuple):
    """Words one by one: their numbers among all that the positions may hold, and sums over their tokens."""

    numbers: Array  # int [word]
    sums: Array  # [row, word]


@dataclass(frozen=True, eq=False)
class Words:
    """Words of so many tokens as there are positions; made by `of`, so that each token at each position is in one."""

    may: Array  # bool [position, token]
    automaton: Automaton

    @classmethod
    def of(cls, may: Array, automaton: Automaton | None) -> "Words | None":
        """Without the tokens that no word of them has; None where there are no words."""
        if automaton is None:
            return None
        untrimmed = cls(may, automaton)
        left = untrimmed.left
        if not left[0][0]:
            return None
        useful = np.zeros((len(may), len(automaton.of_kind)), bool)
        states = {0}
        for at, ways in enumerate(left[1:]):
            steps = [(kind, after) for state in states for kind, after in automaton.steps[state] if ways[after]]
            useful[at, [kind for kind, _ in steps]] = True
            present = untrimmed.sizes[at]
            states = {after for kind, after in steps if present[kind]}
        trimmed = may & useful[:, automaton.kinds]
        return untrimmed if (trimmed == may).all() else cls(trimmed, automaton)

    @cached_property
    def sizes(self) -> list[list[int]]:
        """How many tokens of each kind a position may hold."""
        sizes: list[list[int]] = (self.may.astype(int) @ self.automaton.of_kind.T).tolist()
        return sizes

    @cached_property
    def left(self) -> list[list[int]]:
        """From each position on and from each state, how many ways there are to the end of a word."""
        left = [[int(ends) for ends in self.automaton.accept]]
        for sizes in reversed(self.sizes):
            after = left[-1]
            left.append([sum(sizes[kind] * after[to] for kind, to in steps) for steps in self.automaton.steps])
        return left[::-1]

    @property
    def count(self) -> int:
        return self.left[0][0]

    @property
    def cells(self) -> int:
        """How many words there are without the automaton."""
        return int(np.prod(self.may.sum(axis=1).astype(object), initial=1))

    def least(self, terms: Array) -> Array:
        """The least sum over a word of a term for each position and token: [row, position, token] -> [row]"""
        of_kind = self.automaton.of_kind
        by_kind = np.stack([np.where(self.may & some, terms, np.inf).min(axis=-1) for some in of_kind])
        best = {0: np.zeros(len(terms))}
        for at, sizes in enumerate(self.sizes):
            new: dict[int, Array] = {}
            for state, sums in best.items():
                for kind, to in self.automaton.steps[state]:
                    if sizes[kind]:
                        found = sums + by_kind[kind, :, at]
                        new[to] = found if to not in new else np.minimum(new[to], found)
            best = new
        ends = [sums for state, sums in best.items() if self.automaton.accept[state]]
        return np.asarray(np.min(ends, axis=0))

    def spelled(self, terms: Array) -> Spelled:
        """All of them, with the sum of their terms [row, position, token] for each row."""
        numbers, states, sums = np.zeros(1, int), np.zeros(1, int), np.zeros((len(terms), 1))
        for at, may in enumerate(self.may):
            tokens = np.flatnonzero(may)
            after = self.automaton.next[states[:, None], tokens]
            alive = np.array([*self.left[at + 1], 0], dtype=bool)[after]  # the last is that of DEAD
            word, token = np.nonzero(alive)
            numbers = numbers[word] * len(tokens) + token
            sums = sums[:, word] + terms[:, at, tokens[token]]
            states = after[word, token]
        return Spelled(numbers, sums)

    def tokens(self, numbers: Array) -> Array:
        """The words with these numbers: int [word, position]"""
        found = np.empty((len(numbers), len(self.may)), int)
        for at in reversed(range(len(self.may))):
            options = np.flatnonzero(self.may[at])
            numbers, which = np.divmod(numbers, len(options))
            found[:, at] = options[which]
        return found

    def only(self, may: Array) -> "Words | None":
        """Those of them of which each token may be where it is: bool [position, token]"""
        return Words.of(self.may & may, self.automaton)
