"""What an engine of the count is: it bounds how many contexts of a part are wrong, and splits what is open."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from properties.counting.parts import Part
from properties.proof.counterexample import margin_of
from zoo.enumeration import last_rows
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

RUN = 4096  # contexts that are run at a time


@dataclass(frozen=True, eq=False)
class Bounded:
    """How many contexts of a part are wrong, at least and at most."""

    part: Part
    least: int
    most: int
    rivals: tuple[int, ...] = ()  # the outputs that are to be feared there, the most feared first
    looked: bool = True  # whether an engine has looked at it

    @classmethod
    def not_yet(cls, part: Part) -> "Bounded":
        return cls(part, 0, part.words.count, looked=False)


class Engine(Protocol):
    batch: int  # how many parts are split at a time

    def bound(self, parts: Sequence[Part]) -> list[Bounded]: ...

    def split(self, found: Bounded) -> Iterator[Part]:
        """Into parts, of which each context that may be wrong is in one."""


def judged_wrong(transformer: Transformer, tokens: Array, right: Array) -> int:
    """How many of these contexts are wrong when they are run: int [context, position], bool [output]. Ties are."""
    with np.errstate(all="ignore"):  # what overflows shows in the logits
        parts = (tokens[i : i + RUN] for i in range(0, len(tokens), RUN))
        logits = (last_rows(transformer, part) for part in parts)
        margins = [margin_of(rows, np.broadcast_to(right, rows.shape)) for rows in logits]
    return int(sum((~(margin > 0)).sum() for margin in margins))  # NaN is not
