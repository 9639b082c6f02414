"""The map of every context: a row for each length, in which contexts stand by their last token, then the one before it.

So, where every context is spoken of, the cells below a cell are the contexts that add one earlier token to it.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

import numpy as np

from zoo.model import Model
from zoo.transformer.arrays import Array

BINS = 600  # of a row with more contexts: what lies in one is drawn as the gravest of it
WRONG, DEVIATES, SILENT = "b", "d", "n"  # before the tones "0", "1", "2" of answers


class Run(NamedTuple):
    """Neighbours of one state: where they begin and how wide they are, as shares of the row; the first's number."""

    start: float
    width: float
    state: str
    first: int
    number: int


def orders(model: Model) -> dict[int, Array]:
    """Of each length the numbers of its contexts, as `model.contexts()` has them, in the order of their row."""
    found, before = {}, 0
    for length in model.scope.lengths:
        tokens = np.concatenate(list(model.scope.batches(model.vocab, lengths=[length])))
        found[length] = before + np.lexsort(tokens.T)  # the last key, which is the last token, counts most
        before += len(tokens)
    return found


def runs(order: Array, states: Sequence[str], apart: int = 0, bins: int = BINS) -> Iterator[Run]:
    """A row: a run for each context where there are at most `apart`, else neighbours of one state as one."""
    if len(order) <= apart:
        for i, number in enumerate(order.tolist()):
            yield Run(i / len(order), 1 / len(order), states[number], number, 1)
        return
    edges = np.linspace(0, len(order), min(bins, len(order)) + 1).round().astype(int).tolist()
    parts = [(start, end, _gravest([states[i] for i in order[start:end]])) for start, end in pairwise(edges)]
    for state, same in groupby(parts, key=lambda one: one[2]):
        all_of_them = list(same)
        start, end = all_of_them[0][0], all_of_them[-1][1]
        yield Run(start / len(order), (end - start) / len(order), state, int(order[start]), end - start)


def _gravest(states: list[str]) -> str:
    for state in (WRONG, DEVIATES):
        if state in states:
            return state
    return max(sorted(set(states)), key=states.count)
