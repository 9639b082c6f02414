"""Leaves of a tree in a row, as they are sent: what they have in common once, and each as little as there is to it."""

from array import array
from collections.abc import Iterable, Sequence
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from properties.proof.boxes import Box
from zoo.domain import Sets

Row = tuple[Any, ...]  # of a leaf, its path and what is permitted; and what does not follow from that


class Stretch:
    """Leaves of contexts of a length of which that is known, `at` a position if each has an answer."""

    def __init__(self, length: int, root: Sets, at: int | None, leaves: Sequence[Box]) -> None:
        self.length, self.root, self.at, self.leaves = length, root, at, leaves

    def __reduce__(self) -> tuple[Any, ...]:
        return opened, (self.length, dict(self.root), self.at, [*map(_row, self.leaves)])

    @cached_property
    def told_by(self) -> tuple[Any, ...]:
        """What it is told from others by."""
        marks = array("q")
        for leaf in self.leaves:
            marks.extend((len(leaf.path), _mark(leaf.permitted), _mark(leaf.ending and leaf.ending.states)))
            for asked, reply in leaf.path:
                marks.extend((_mark(asked), _mark(reply)))
        return self.length, self.root, self.at, sha256(marks.tobytes()).hexdigest()

    def but_last(self) -> "Stretch":
        return Stretch(self.length, self.root, self.at, self.leaves[:-1])


def _row(leaf: Box) -> Row:
    least = leaf.path, leaf.permitted
    return least if not leaf.counts and leaf.ending is None else (*least, leaf.sets, leaf.counts, leaf.ending)


def opened(length: int, root: Sets, at: int | None, rows: Iterable[Row]) -> Stretch:
    """As it was sent."""
    leaves = []
    for path, permitted, *more in rows:
        sets, *rest = more or ({**root, **dict(path)},)
        leaves.append(Box(length, sets, permitted, path, *rest))
    return Stretch(length, root, at, leaves)


@lru_cache(maxsize=2**16)
def _mark(one: Any) -> int:
    """A number that is the same in another process."""
    text = repr(sorted(map(repr, one)) if isinstance(one, frozenset) else one)
    return int.from_bytes(sha256(text.encode()).digest()[:7], "big")
