"""Automata: what is kept of the tokens that were read, as far as it matters for whether a context is meant.

A fold is one already. Here its states are put together where they lead to the same, and those are left out from which
no context that is meant can be reached.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakValueDictionary

import numpy as np

from properties.proof.counted import Counts
from properties.proof.folds import Table
from zoo.transformer.arrays import Array

DEAD = -1

_known: WeakValueDictionary[tuple[object, ...], "Automaton"] = WeakValueDictionary()


@dataclass(frozen=True, eq=False)
class Automaton:
    """States by number; contexts begin in the first, and are meant where they end in one that is accepted.

    Those alike are one object, also of several that were sent: what follows from them is found once, and sent once.
    """

    next: Array  # int [state, token]; DEAD where no context that is meant begins so
    accept: Array  # bool [state]

    def __new__(cls, next: Array, accept: Array) -> "Automaton":
        key = (next.shape, next.dtype.str, next.tobytes(), accept.tobytes())
        found = _known.get(key)
        if found is None:
            found = _known[key] = super().__new__(cls)
        return found

    @cached_property
    def kinds(self) -> Array:
        """Tokens of the same kind lead to the same from every state: int [token]"""
        kinds: Array = np.unique(self.next, axis=1, return_inverse=True)[1].reshape(-1)
        return kinds

    @cached_property
    def of_kind(self) -> Array:
        """bool [kind, token]"""
        return np.asarray(self.kinds == np.arange(self.kinds.max() + 1)[:, None])

    @cached_property
    def steps(self) -> list[list[tuple[int, int]]]:
        """From each state, the kinds that do not lead to DEAD, and where they lead."""
        _, first = np.unique(self.kinds, return_index=True)
        table = self.next[:, first].tolist()
        return [[(kind, after) for kind, after in enumerate(row) if after != DEAD] for row in table]

    def requiring(self, tokens: Array) -> "Automaton":
        """Of the same contexts, those in which one of these tokens occurs: bool [token]. States are doubled."""
        after = 2 * self.next[:, None] + (np.arange(2)[:, None] | tokens)[None]
        after = np.where(self.next[:, None] == DEAD, DEAD, after)
        accept = self.accept[:, None] & np.array([False, True])
        return Automaton(after.reshape(-1, len(tokens)), accept.reshape(-1))


def anything(vocab: int) -> Automaton:
    """Every context."""
    return Automaton(np.zeros((1, vocab), int), np.ones(1, bool))


def reduced(after: Array, accept: Array) -> Automaton | None:
    """The same contexts with as few states as there can be; None where there are none.

    Where tokens lead is int [state, token], -1 being the last state; what is accepted bool [state]; contexts begin in
    the first.

    Moore's refinement: states stay together while tokens lead from them to states that do.
    """
    part: Array = accept.astype(int)
    while True:
        rows = np.concatenate([part[:, None], part[after]], axis=1)
        _, first, finer = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        finer = finer.reshape(-1)
        if len(first) == len(np.unique(part)):
            break
        part = finer
    merged, ends = finer[after[first]], accept[first]
    # The one from which nothing leads elsewhere, and which is not accepted.
    dead = ~ends & (merged == np.arange(len(merged))[:, None]).all(axis=1)
    if dead[finer[0]]:
        return None
    order = np.argsort(np.where(np.arange(len(merged)) == finer[0], -1, dead), kind="stable")
    number = np.empty(len(order), int)
    number[order] = np.arange(len(order))
    number[dead] = DEAD
    live = order[: len(order) - int(dead.sum())]
    return Automaton(number[merged[live]], ends[live])


def of_table(table: Table, length: int) -> Array:
    """Where each token leads from the states that contexts of fewer tokens than `length` end in: int [state, token].

    The last state is where all others lead to, which are never left, and what the fold does not bear (REFUSED).
    """
    reached = table.reached(length)
    rows = [table.after(state) for state in reached]
    number = len(table.states)
    after = np.full((number + 1, len(table.vocab)), number)
    after[reached] = rows
    return after


def of_counts(counts: Counts, length: int, vocab: Sequence[str]) -> Automaton | None:
    """The contexts of a length in which so many of some positions hold some tokens; None where there are none."""
    if not counts:
        return anything(len(vocab))
    # A state is the position, where not all are counted alike, and how often each was counted, up to once too often.
    everywhere = all(counted.positions == range(length) for counted in counts)
    sizes = (1 if everywhere else length + 1, *(most + 2 for _, most in counts.values()))
    states = np.indices(sizes).reshape(len(sizes), -1)  # [part of the state, state]
    after = np.empty((states.shape[1], len(vocab)), int)
    for i, token in enumerate(vocab):
        moved = states.copy()
        moved[0] = 0 if everywhere else np.minimum(states[0] + 1, length)
        for j, counted in enumerate(counts, start=1):
            here = token in counted.tokens and np.isin(states[0], counted.positions if not everywhere else [0])
            moved[j] = np.minimum(states[j] + here, sizes[j] - 1)
        after[:, i] = np.ravel_multi_index(tuple(moved), sizes)
    accept = np.ones(states.shape[1], bool)
    for j, (least, most) in enumerate(counts.values(), start=1):
        accept &= (states[j] >= least) & (states[j] <= most)
    return reduced(after, accept)
