"""Boxes that are done, put together where there are too many to be shown: those of one length that end alike.

What is put together is of one answer, and may hold the same tokens at the last positions, as many of them as leave a
number that can be shown.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from properties.proof.boxes import Box, Settled
from zoo import domain

MOST = 200  # bands of a length
DEEPEST = 12  # last positions that are looked at
End = frozenset[str] | None  # what a position may hold; None where that is any token
Key = tuple[tuple[End, ...], str, str | None, int | None]  # the last position first; kind, answer and position asked at


@dataclass(frozen=True)
class Band:
    """So many boxes with so many contexts together, their smallest margin, and the box that has it."""

    length: int
    key: Key
    boxes: int
    contexts: int
    margin: float
    least: Box

    @property
    def kind(self) -> str:
        return self.key[1]

    @property
    def answer(self) -> str | None:
        return self.key[2]

    @property
    def at(self) -> int | None:
        return self.key[3]

    @property
    def end(self) -> domain.Box:
        """All contexts that end so, among them its own."""
        return domain.Box(self.length, {self.length - 1 - i: its for i, its in enumerate(self.key[0]) if its})

    def __add__(self, other: "Band") -> "Band":
        boxes, contexts = self.boxes + other.boxes, self.contexts + other.contexts
        least = other if other.margin < self.margin else self
        return replace(least, boxes=boxes, contexts=contexts)


class Bands:
    """Told of every box that is done, it keeps at most MOST bands of each length."""

    def __init__(self, vocab: Sequence[str], told: Iterable[Settled] = ()) -> None:
        self.vocab, self.every = len(vocab), frozenset(vocab)
        self.rows: dict[int, dict[Key, Band]] = {}
        self.depths: dict[int, int] = {}
        for one in told:
            self.add(one)

    def single(self, settled: Settled) -> Band:
        """Of one box."""
        box = settled.box
        ends = (box.sets.get(box.length - 1 - i, self.every) for i in range(min(DEEPEST, box.length)))
        key = tuple(its if its != self.every else None for its in ends), settled.kind, settled.answer, settled.at
        return Band(box.length, key, 1, box.count(self.vocab), settled.margin, box)

    def add(self, settled: Settled) -> None:
        box, band = settled.box, self.single(settled)
        depth = self.depths.setdefault(box.length, min(DEEPEST, box.length))
        row = self.rows.setdefault(box.length, {})
        _put(row, replace(band, key=(band.key[0][:depth], *band.key[1:])))
        self.rows[box.length], self.depths[box.length] = _within(MOST, row, depth)

    def __iter__(self) -> Iterator[Band]:
        for length in sorted(self.rows):
            yield from self.of(length)

    def of(self, length: int, most: int = MOST) -> list[Band]:
        """At most so many; where there are more answers than that, whatever is answered together."""
        row, _ = _within(most, self.rows[length], self.depths[length])
        return list((row if len(row) <= most else _shallower(row.values(), 0, False)).values())


def _put(row: dict[Key, Band], band: Band) -> None:
    row[band.key] = row[band.key] + band if band.key in row else band


def _within(most: int, row: dict[Key, Band], depth: int) -> tuple[dict[Key, Band], int]:
    """At most so many of a row, as far as fewer last positions make them fewer; and how many of these are left."""
    while len(row) > most and depth:
        depth -= 1
        row = _shallower(row.values(), depth)
    return row, depth


def _shallower(bands: Iterable[Band], depth: int, by_answer: bool = True) -> dict[Key, Band]:
    row: dict[Key, Band] = {}
    for band in bands:
        answer = (band.answer, band.at) if by_answer else (None, None)
        _put(row, replace(band, key=(band.key[0][:depth], band.kind, *answer)))
    return row
