"""What a count says: how many contexts are right, wrong and open."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Counted:
    """Of the contexts of one length that are judged, so many are; `skipped` are those of which nothing is specified."""

    length: int
    right: int
    wrong: int
    open: int
    skipped: int = 0

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.open


@dataclass(frozen=True)
class Count:
    """How many contexts are right, wrong and open, of each length and in all: right + wrong + open = total.

    Judged are contexts of the domain in which something, not everything, is permitted; the others are `skipped`.
    """

    name: str
    lengths: tuple[Counted, ...]
    seconds: float  # of the processor

    @property
    def right(self) -> int:
        return sum(one.right for one in self.lengths)

    @property
    def wrong(self) -> int:
        return sum(one.wrong for one in self.lengths)

    @property
    def open(self) -> int:
        return sum(one.open for one in self.lengths)

    @property
    def skipped(self) -> int:
        return sum(one.skipped for one in self.lengths)

    @property
    def total(self) -> int:
        return self.right + self.wrong + self.open

    @property
    def accuracy(self) -> tuple[Fraction, Fraction]:
        """At least and at most so much of what is judged is right; nothing is known where nothing is judged."""
        if not self.total:
            return Fraction(0), Fraction(1)
        return Fraction(self.right, self.total), Fraction(self.right + self.open, self.total)
