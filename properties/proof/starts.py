"""What a search starts from: the boxes of a domain, or the leaves of a rule's tree, in stretches."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from properties.proof.boxes import Box
from properties.proof.reading.stretch import Stretch
from properties.proof.settling import OfRule
from zoo.domain import Domain


class Starts(Protocol):
    def __call__(self, length: int, at: int | None, ends: Callable[[Box], bool]) -> Iterator[Box | Stretch]:
        """Of contexts of a length, boxes, or stretches of them, each of which `ends` where that says so of a box."""

    def asks(self, box: Box) -> bool:
        """Whether anything is asked of a box."""


@dataclass(frozen=True)
class Whole:
    """The boxes of a domain: what is asked of them is not said by a rule."""

    scope: Domain
    vocab: Sequence[str]

    def __call__(self, length: int, at: int | None, ends: Callable[[Box], bool]) -> Iterator[Box | Stretch]:
        for box in self.scope.boxes(length, self.vocab):
            start = Box(length, box.sets, frozenset())
            ends(start)
            yield start

    def asks(self, box: Box) -> bool:
        return True


@dataclass(frozen=True)
class Leaves:
    """The leaves of a rule's tree, which are tried by whoever settles them."""

    work: OfRule
    scope: Domain

    def __call__(self, length: int, at: int | None, ends: Callable[[Box], bool]) -> Iterator[Box | Stretch]:
        for root in self.scope.boxes(length, self.work.reading.vocab):
            yield from self.work.reading.stretches(length, root.sets, at, ends)

    def asks(self, box: Box) -> bool:
        return self.work.asks(box)
