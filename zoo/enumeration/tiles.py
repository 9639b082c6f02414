"""What every way of enumerating gives: tiles of contexts, of whose margins the smallest is found."""

import sys
from collections.abc import Iterable
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from zoo.enumeration.native import Ranked
from zoo.transformer.arrays import Array


class Tile(NamedTuple):
    """Logits [vocab, ...] of the contexts at `where` among all of their length, which are arranged in `shape`."""

    length: int
    shape: tuple[int, ...]
    where: tuple[slice | int, ...]
    logits: Array
    error: float  # how far from those of `forward` they may be
    ranked: Ranked | None = None  # the answers alone, where there are no logits; they are in their place

    def numbers(self, local: tuple[Any, ...]) -> Array:
        """The numbers of some of its contexts, given by their indices in the tile."""
        free = iter(local)
        axes = [part.start + next(free) if isinstance(part, slice) else part for part in self.where]
        return np.asarray(np.ravel_multi_index(np.broadcast_arrays(*axes), self.shape))

    def number(self, local: Iterable[Any]) -> int:
        """That of one of them; a call of numpy for one number would cost more than a small tile."""
        free = iter(local)
        axes = (part.start + next(free) if isinstance(part, slice) else part for part in self.where)
        return int(reduce(lambda number, axis: number * axis[0] + axis[1], zip(self.shape, axes), 0))


class Lowest:
    """The smallest margin, and the first context that has it.

    Where two contexts have the same margin, rounding decides which is smaller, and so would the way of enumerating. In
    one program each logit is off from real arithmetic by half the error that both have: two margins that are equal
    come out no farther apart than twice the error.
    """

    def __init__(self) -> None:
        self.margin, self.at = np.inf, sys.maxsize

    def add(self, tile: Tile, margin: Array, smallest: float) -> None:
        smallest, apart = -np.inf if np.isnan(smallest) else smallest, _apart(tile.error)
        less = smallest < self.margin - apart
        if less or (smallest <= self.margin + apart and tile.number((0,) * margin.ndim) < self.at):
            first = (~(margin > smallest + apart)).argmax()
            at = tile.number(np.unravel_index(first, margin.shape))
            self.at = at if less else min(at, self.at)
        self.margin = min(self.margin, smallest)

    def heeded(self, number: int, error: float) -> float:
        """The largest margin that changes anything in contexts from that number on, with such an error."""
        return self.margin + _apart(error) if number < self.at else float(np.nextafter(self.margin, -np.inf))

    def found(self) -> tuple[float, int]:
        """NaN where a margin is, and the number of the context."""
        return np.nan if self.margin == -np.inf else self.margin, self.at


def _apart(error: float) -> float:
    return max(0.0, 2 * error) if np.isfinite(error) else 0.0
