"""Counts: of some positions, how many hold one of some tokens. What follows from that is found exactly.

Of the counts of one box, two are of the same positions, and then of tokens of which none is the same, or of positions
of which none is the same.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from zoo.domain import Sets

Limits = tuple[int, int]  # the least and the most


@dataclass(frozen=True)
class Counted:
    """A question: how many of these positions hold one of these tokens? The reply is a range."""

    positions: range  # ascending
    tokens: frozenset[str]


Counts = Mapping[Counted, Limits]


def by_positions(counts: Counts) -> Iterator[tuple[range, dict[Counted, Limits]]]:
    """The counts of the same positions, together."""
    together: dict[range, dict[Counted, Limits]] = {}
    for counted, limits in counts.items():
        together.setdefault(counted.positions, {})[counted] = limits
    yield from together.items()


class Together:
    """What is known of some positions: what each may hold, and how many of them hold which kind of tokens.

    The kinds are the tokens of each count, and last all others. A bit stands for a kind: `masks` counts positions by
    the kinds that they may hold. How often each kind can occur, where counts do not limit that, are the integral
    points of a base polytope: no set of kinds occurs more often than there are positions that may hold one of it, and
    all together fill the positions. With limits there is one exactly if no set of kinds must occur more often than it
    can, or less often than it must (Frank's theorem on a generalized polymatroid and a box).
    """

    def __init__(self, positions: range, counts: Mapping[Counted, Limits], sets: Sets, vocab: int) -> None:
        self.asked = list(counts)
        self.limits = [*counts.values(), (0, len(positions))]
        sizes = [len(counted.tokens) for counted in counts]
        self.sizes = (*sizes, vocab - sum(sizes))  # of the kinds, in tokens
        self.listed = {at: self._held(tokens) for at, tokens in sets.items() if at in positions}
        self.free = len(positions) - len(self.listed)
        self.masks = {_bits(self.sizes): self.free}
        for held in self.listed.values():
            self._more(_bits(held), 1)

    def _held(self, tokens: frozenset[str]) -> tuple[int, ...]:
        """How many tokens of each kind are among these."""
        counted = [len(tokens & counted.tokens) for counted in self.asked]
        return (*counted, len(tokens) - sum(counted))

    def _more(self, mask: int, number: int) -> None:
        self.masks[mask] = self.masks.get(mask, 0) + number

    def mask(self, position: int) -> int:
        """The kinds that a position may hold, whatever is counted."""
        return _bits(self.listed.get(position, self.sizes))

    def _sums(self) -> Iterable[tuple[int, int, int, int, int]]:
        """Of every set of kinds: its bits, on how many positions it can and must occur, and its limits together."""
        if len(self.limits) == 2:  # by far the most frequent: a leaf of a rule takes some of these
            (least, most), (others_least, others_most) = self.limits
            one, other, both = (self.masks.get(mask, 0) for mask in (1, 2, 3))
            every = one + other + both
            return (
                (1, one + both, one, least, most),
                (2, other + both, other, others_least, others_most),
                (3, every, every, least + others_least, most + others_most),
            )
        return [self._sum(some) for some in range(1, 1 << len(self.limits))]

    def _sum(self, some: int) -> tuple[int, int, int, int, int]:
        can = sum(number for mask, number in self.masks.items() if mask & some)
        must = sum(number for mask, number in self.masks.items() if not mask & ~some)
        within = [limits for kind, limits in enumerate(self.limits) if some >> kind & 1]
        return some, can, must, sum(least for least, _ in within), sum(most for _, most in within)

    @property
    def feasible(self) -> bool:
        """Whether there is any choice of tokens."""
        ranges = all(least <= most for least, most in self.limits)
        return ranges and all(least <= can and most >= must for _, can, must, least, most in self._sums())

    def range(self, kind: int) -> Limits:
        """How often a kind occurs at least and at most; every number between is possible."""
        low, high = self.limits[kind]
        for some, can, must, least, most in self._sums():
            if some >> kind & 1:
                low = max(low, must - (most - self.limits[kind][1]))
                high = min(high, can - (least - self.limits[kind][0]))
        return low, high

    def possible(self, mask: int) -> int:
        """Which of the kinds that a position may hold it can hold: bits."""
        found = 0
        for kind in range(len(self.sizes)):
            if mask >> kind & 1:
                self.settle(mask, kind)
                found |= self.feasible << kind
                self.masks[mask] += 1
                self.masks[1 << kind] -= 1
        return found

    def settle(self, mask: int, kind: int) -> None:
        """From here on, a position that might hold some kinds holds this one."""
        self._more(mask, -1)
        self._more(1 << kind, 1)

    def tokens(self, bits: int, may_be: frozenset[str]) -> frozenset[str]:
        """Of the tokens that a position may be, those of some kinds."""
        out = (counted.tokens for kind, counted in enumerate(self.asked) if not bits >> kind & 1)
        left = may_be.difference(*out)
        if not bits >> len(self.asked) & 1:
            left &= frozenset().union(*(counted.tokens for counted in self.asked))
        return left

    def ways(self) -> int:
        """In how many ways there can be a token at each position."""
        rows = Counter(self.listed.values())
        rows[self.sizes] += self.free
        (most, number), *others = rows.most_common()
        before = {(0,) * len(self.asked): 1}
        for sizes, count in others:
            before = _times(before, _power(sizes, count))
        return sum(
            times * _within(most, number, [(low - n, high - n) for n, (low, high) in zip(already, self.limits)])
            for already, times in before.items()
        )


def _bits(sizes: Sequence[int]) -> int:
    return sum(1 << kind for kind, size in enumerate(sizes) if size)


@lru_cache(maxsize=64)
def _binomials(n: int) -> list[int]:
    row = [1]
    for k in range(n):
        row.append(row[-1] * (n - k) // (k + 1))
    return row


def _within(sizes: Sequence[int], n: int, limits: Sequence[Limits]) -> int:
    """In how many ways n positions hold so many tokens of each kind, each kind but the last as often as limits say."""
    if len(sizes) == 1:
        return int(sizes[0] ** n)
    low, high = max(limits[0][0], 0), min(limits[0][1], n)
    if not sizes[0]:
        return _within(sizes[1:], n, limits[1:]) if low == 0 <= high else 0
    row = _binomials(n)
    total: int = sum(row[k] * sizes[0] ** k * _within(sizes[1:], n - k, limits[1:]) for k in range(low, high + 1))
    return total


def _power(sizes: Sequence[int], n: int) -> dict[tuple[int, ...], int]:
    """The same by how often each kind but the last occurs."""
    if len(sizes) == 1:
        return {(): sizes[0] ** n} if sizes[0] or not n else {}
    row, found = _binomials(n), {}
    for k in range(n + 1 if sizes[0] else 1):
        for others, ways in _power(sizes[1:], n - k).items():
            found[(k, *others)] = row[k] * sizes[0] ** k * ways
    return found


def _times(a: Mapping[tuple[int, ...], int], b: Mapping[tuple[int, ...], int]) -> dict[tuple[int, ...], int]:
    product: Counter[tuple[int, ...]] = Counter()
    for x, m in a.items():
        for y, n in b.items():
            product[tuple(map(sum, zip(x, y)))] += m * n
    return product


def outside(length: int, counts: Counts, sets: Sets, vocab: int) -> int:
    """In how many ways there can be a token at each position that is not counted."""
    ranges = {counted.positions for counted in counts}
    listed = [len(tokens) for at, tokens in sets.items() if not any(at in one for one in ranges)]
    free: int = vocab ** (length - sum(map(len, ranges)) - len(listed))
    return free * math.prod(listed)
