"""How often tokens occur in sets of contexts: whether they can, in how many contexts they do, and one such context.

Counts of the same positions are of tokens of which none is the same, and those of others of positions of which none is.
So what is known of a context falls into groups of positions, each with its counts, and the other positions.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

KINDS = 4  # of tokens that are counted at the same positions, at most: with more of them there are too many cases


class Count(NamedTuple):
    """Of these positions, how many hold a token of a set, by number."""

    positions: range
    tokens: int


Limits = tuple[int, int]  # the least and the most
Tokens = frozenset[Any]  # by number, or as they are
Vector = tuple[int, ...]  # of each kind of tokens so many


class Group:
    """Positions, what each may hold, and how often which kinds of tokens occur: those of each count, and all others.

    A set of positions that can hold nothing but some kinds holds one of these at each, so that these occur so often
    together; and kinds occur together at no more positions than may hold one of them. Where that fits the limits, for
    every set of kinds, there is such a context, and else there is none: Frank's theorem on a polymatroid and a box.
    """

    def __init__(
        self,
        positions: range,
        kinds: Sequence[Tokens],
        limits: Sequence[Limits],
        held: Mapping[int, Tokens],
        every: Tokens,
    ) -> None:
        self.positions, self.every = positions, every
        self.kinds = [*kinds, every.difference(*kinds)]
        self.limits = [*limits, (0, len(positions))]
        self.held = {at: tokens for at, tokens in held.items() if at in positions}
        self.free = len(positions) - len(self.held)
        self.rows = Counter(self._row(tokens) for tokens in self.held.values())
        self.rows[self._row(every)] += self.free

    def _row(self, tokens: Tokens) -> Vector:
        """How many tokens of each kind are among these."""
        return tuple(len(tokens & kind) for kind in self.kinds)

    @cached_property
    def _subsets(self) -> list[tuple[set[int], int, int]]:
        """Each set of kinds: at how many positions one of them may stand, and at how many one must."""
        number, found = len(self.kinds), []
        for bits in range(1, 1 << number):
            some = {kind for kind in range(number) if bits >> kind & 1}
            can = must = 0
            for row, times in self.rows.items():
                can += times * any(row[kind] for kind in some)
                must += times * all(kind in some for kind in range(number) if row[kind])
            found.append((some, can, must))
        return found

    @property
    def feasible(self) -> bool:
        return all(least <= most for least, most in self.limits) and all(
            sum(self.limits[kind][0] for kind in some) <= can and sum(self.limits[kind][1] for kind in some) >= must
            for some, can, must in self._subsets
        )

    def limit(self, kind: int) -> Limits:
        """How often a kind can occur: least and most."""
        low, high = self.limits[kind]
        for some, can, must in self._subsets:
            if kind in some:
                low = max(low, must - sum(self.limits[other][1] for other in some - {kind}))
                high = min(high, can - sum(self.limits[other][0] for other in some - {kind}))
        return low, high

    def holding(self, at: int, tokens: Tokens) -> "Group":
        """The same where a position may hold these only."""
        return Group(self.positions, self.kinds[:-1], self.limits[:-1], {**self.held, at: tokens}, self.every)

    def possible(self, at: int, tokens: Tokens) -> Tokens:
        """What of this a position can hold."""
        parts = (tokens & kind for kind in self.kinds)
        return frozenset().union(*(part for part in parts if part and self.holding(at, part).feasible))

    def ways(self) -> int:
        """In how many ways its positions can be filled."""
        (most, number), *others = self.rows.most_common()
        before: dict[Vector, int] = {(0,) * (len(self.kinds) - 1): 1}
        for row, times in others:
            for _ in range(times):
                before = self._with(before, row)
        return sum(its * self._rest(most, number, 0, vector) for vector, its in before.items())

    def _with(self, before: Mapping[Vector, int], row: Vector) -> dict[Vector, int]:
        """One more position."""
        after = Counter[Vector]()
        for vector, its in before.items():
            for kind, size in enumerate(row):
                if size:
                    more = tuple(n + (i == kind) for i, n in enumerate(vector))
                    after[more] += its * size
        return after

    def _rest(self, row: Vector, number: int, kind: int, already: Vector) -> int:
        """In how many ways so many positions can be filled that are alike, with kinds from this one on."""
        size = row[kind]
        if kind == len(row) - 1:
            return int(size**number)
        least, most = (limit - already[kind] for limit in self.limits[kind])
        if not size:
            return self._rest(row, number, kind + 1, already) if least <= 0 <= most else 0
        chosen = _binomials(number)
        return sum(
            chosen[k] * size**k * self._rest(row, number - k, kind + 1, already)
            for k in range(max(least, 0), min(most, number) + 1)
        )

    def example(self, last: bool) -> dict[int, Any]:
        """One way to fill it: of tokens, and of kinds, the first or the last one that can be."""
        choose, found = max if last else min, dict[int, Any]()
        group = Group(self.positions, self.kinds[:-1], self.limits[:-1], self.held, self.every)
        filled = [0] * len(self.kinds)
        for at, tokens in sorted(self.held.items()):
            order = sorted(tokens, reverse=last)
            found[at] = next(token for token in order if group.holding(at, frozenset([token])).feasible)
            group = group.holding(at, frozenset([found[at]]))
            filled[next(i for i, kind in enumerate(self.kinds) if found[at] in kind)] += 1
        numbers = list[int]()
        for kind in range(len(self.kinds)):
            low, high = group.limit(kind)
            numbers.append(high if last else low)
            group.limits[kind] = (numbers[-1], numbers[-1])
        open_ = [at for at in self.positions if at not in found]
        for kind, (tokens, number) in enumerate(zip(self.kinds, numbers, strict=True)):
            for at in open_[: number - filled[kind]]:
                found[at] = choose(tokens)
            open_ = open_[number - filled[kind] :]
        return found


@lru_cache(maxsize=64)
def _binomials(n: int) -> list[int]:
    return [math.comb(n, k) for k in range(n + 1)]


Counts = Mapping[Count, Limits]


def groups(counts: Counts, sets: Sequence[Tokens], held: Mapping[int, Tokens], every: Tokens) -> list[Group]:
    """Those of counts: see above. `sets` are of tokens, by number."""
    together: dict[range, list[Count]] = {}
    for count in counts:
        together.setdefault(count.positions, []).append(count)
    return [
        Group(positions, [sets[count.tokens] for count in its], [counts[count] for count in its], held, every)
        for positions, its in together.items()
    ]


def fits(count: Count, others: Sequence[Count], sets: Sequence[Tokens]) -> str:
    """Why it cannot be counted beside others: "" where it can."""
    alike = [other for other in others if other.positions == count.positions]
    if len(alike) >= KINDS:
        return f"more than {KINDS} kinds of tokens are counted at the same positions"
    if any(sets[other.tokens] & sets[count.tokens] for other in alike):
        return "a token is counted twice at the same positions"
    if any(set(other.positions) & set(count.positions) for other in others if other not in alike):
        return "positions are counted twice that are not the same"
    return ""
