"""Leaves of a tree in a row, by what they start from: whoever has the function can read them."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from zlib import crc32

from properties.proof.boxes import Box, Replies
from zoo.domain import Sets


@dataclass(frozen=True, eq=False)
class Stretch:
    """So many leaves of the contexts of a length of which that is known, `at` a position if each has an answer.

    `start` leaves come before. Of a plain function, `todo` are the replies that are left then, the next ones last.
    `check` tells, with all likelihood, whether what is read of it is the same. Leaves that were read are at hand, and
    are not sent.
    """

    length: int
    root: Sets
    at: int | None
    start: int
    todo: tuple[Replies, ...]
    number: int
    check: int

    @classmethod
    def of(cls, leaves: Sequence[Box], root: Sets, at: int | None, start: int, todo: tuple[Replies, ...]) -> "Stretch":
        number = len(leaves)  # each takes one of what is left, or of what came to it since
        new = cls(leaves[0].length, root, at, start, todo[-number:], number, _check(leaves))
        vars(new)["leaves"] = leaves
        return new

    @property
    def read(self) -> bool:
        return "leaves" in vars(self)

    @property
    def leaves(self) -> Sequence[Box]:
        found: Sequence[Box] = vars(self)["leaves"]
        return found

    def found(self, leaves: Sequence[Box]) -> bool:
        """Whether it is these leaves, as far as can be told; they are at hand then."""
        vars(self)["leaves"] = leaves
        return len(leaves) == self.number and _check(leaves) == self.check

    def but_last(self) -> "Stretch":
        return Stretch.of(self.leaves[:-1], self.root, self.at, self.start, self.todo)


def _check(leaves: Sequence[Box]) -> int:
    """How much was asked for each leaf, what at last, and what is permitted."""
    marks = array("q")
    for leaf in leaves:
        asked = leaf.path[-1][0] if leaf.path else None
        marks.extend((len(leaf.path), asked if isinstance(asked, int) else -1, _mark(leaf.permitted)))
    return crc32(marks.tobytes())


@lru_cache(maxsize=2**12)
def _mark(permitted: frozenset[Any]) -> int:
    """A number of it that is the same in another process."""
    return crc32(repr(sorted(permitted)).encode())
