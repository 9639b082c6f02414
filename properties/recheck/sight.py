"""What a leaf says of its contexts, as a function sees it: what each position may hold, and how often tokens occur."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache, cached_property
from itertools import repeat

from properties.recheck.counts import KINDS, Group, Limits

Words = frozenset[str]
Key = tuple[int, int]  # the number of a group, and of one of its kinds of tokens
Form = tuple[int, dict[Key, int]]  # a number, and how often what is counted is added to it


class Sight:
    """The contexts of n tokens of which some sets and counts are known. There is one at least."""

    def __init__(self, sets: Mapping[int, Words], every: Words, n: int, groups: Sequence[Group] = ()) -> None:
        self.sets, self.every, self.n, self.groups = sets, every, n, list(groups)
        self.group_at = {at: i for i, group in enumerate(groups) for at in group.positions}
        self.found: dict[tuple[int, Words], Words] = {}

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, at: int) -> Words:
        """What a position may hold, with what follows from counts."""
        tokens, number = self.sets.get(at, self.every), self.group_at.get(at)
        if number is None or len(tokens) == 1:
            return tokens
        if (number, tokens) not in self.found:
            self.found[number, tokens] = self.groups[number].possible(at, tokens)
        return self.found[number, tokens]

    def __iter__(self) -> Iterator[Words]:
        return map(self.__getitem__, range(self.n))

    @property
    def is_one(self) -> bool:
        """Whether it is a single context."""
        others = (len(self.sets.get(at, self.every)) for at in range(self.n) if at not in self.group_at)
        return all(size == 1 for size in others) and all(group.ways() == 1 for group in self.groups)

    @cached_property
    def ends(self) -> tuple[list[str], list[str]]:
        """Two of the contexts: of tokens, where there is a choice, the first or the last."""
        held = [*map(self.sets.get, range(self.n), repeat(self.every))]
        ends = list(map(least, held)), list(map(most, held))
        for end, some in enumerate(ends):
            for group in self.groups:
                for at, token in group.example(bool(end)).items():
                    some[at] = token
        return ends

    def number(self, positions: range, token: str) -> Form | None:
        """How many of these positions hold a token; None where nothing is known that would say it."""
        held = [self.sets.get(at, self.every) for at in positions]
        must, can = sum(tokens == {token} for tokens in held), sum(token in tokens for tokens in held)
        if must == can:
            return can, {}
        number = self._group(positions)
        if number is None:
            return None
        group, kind = self.groups[number], frozenset([token])
        if kind == group.kinds[-1]:
            return self._sum(len(positions), -1, number, list(range(len(group.kinds) - 1)))
        if token in group.kinds[-1] and len(group.kinds) <= KINDS:  # of which nothing is known but what follows
            kinds, limits = [*group.kinds[:-1], kind], [*group.limits[:-1], (0, len(positions))]
            self.groups[number] = group = Group(positions, kinds, limits, group.held, group.every)
        return self._sum(0, 1, number, [group.kinds.index(kind)]) if kind in group.kinds[:-1] else None

    def _group(self, positions: range) -> int | None:
        """That of these positions; where nothing is counted at any of them, one of which nothing is known."""
        number = next((i for i, group in enumerate(self.groups) if group.positions == positions), None)
        if number is None and not any(set(positions) & set(group.positions) for group in self.groups):
            self.groups.append(Group(positions, [], [], self.sets, self.every))
            return len(self.groups) - 1
        return number

    def _sum(self, constant: int, times: int, number: int, kinds: Sequence[int]) -> Form:
        terms: dict[Key, int] = {}
        for kind in kinds:
            low, high = self.limit((number, kind))
            if low == high:
                constant += times * low
            else:
                terms[number, kind] = times
        return constant, terms

    def limit(self, key: Key) -> Limits:
        """How often a kind of tokens may occur: least and most."""
        return self.groups[key[0]].limit(key[1])


@cache
def least(tokens: Words) -> str:
    """Of few sets, and for many leaves."""
    return min(tokens)


@cache
def most(tokens: Words) -> str:
    return max(tokens)


class Unasked(dict[object, bool]):
    """What a function was given, and whether nothing was asked of it; and the leaf that it is given of."""

    def __init__(self, sight: Sight) -> None:
        self.sight = sight
