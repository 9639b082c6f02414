"""A rule that is a `reference.Fold`, walked from state to state: how many contexts end where, and what is said there.

`step` and `answer` are given real states and tokens only. Two states are one where they are equal and of equal types.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

from properties.recheck.counts import Count, Limits, Tokens, Vector
from reference import Fold
from zoo.errors import CertificateError
from zoo.model import Model
from zoo.rule import Asked

KINDS = 2  # of tokens that are counted, at most: with more there are too many ways to end
Ways = dict[Vector, Counter[int]]  # by how often each kind of tokens occurs: how many contexts end in which state
Said = frozenset[Any]  # outputs, by number; or one number


class Walk:
    """The states of one fold that were reached, by number."""

    def __init__(self, fold: Fold, model: Model, asked: Asked, sets: Sequence[Tokens]) -> None:
        self.fold, self.model, self.asked, self.sets = fold, model, asked, sets
        self.states: list[Any] = [fold.start]
        self.words: list[tuple[str, ...]] = [()]  # which lead there
        self.numbers = {_key(fold.start): 0}
        self.next: list[list[int]] = []  # where each token leads
        self.permitted: dict[int, Said] = {}
        self.free: dict[tuple[int, ...], list[Ways]] = {}  # by what is counted: of contexts of 0 tokens, 1, …

    def after(self, state: int) -> list[int]:
        while len(self.next) <= state:
            self.next.append([self._step(len(self.next), token) for token in self.model.vocab])
        return self.next[state]

    def _step(self, state: int, token: str) -> int:
        try:
            found = self.fold.step(self.states[state], token)
            key = _key(found)
            hash(key)
        except (Exception, SystemExit) as error:
            raise CertificateError(f"the fold raises {error!r} on {token!r} after {self.words[state]!r}") from None
        if key not in self.numbers:
            if len(self.states) >= self.fold.states:
                raise CertificateError(f"the fold has more than {self.fold.states} states, but should have fewer")
            self.numbers[key] = len(self.states)
            self.states.append(found)
            self.words.append((*self.words[state], token))
        return self.numbers[key]

    def says(self, state: int) -> Said:
        """What is permitted after contexts that end there: the fold is asked about one of them."""
        if state not in self.permitted:
            words = self.words[state]
            context: Any = "".join(words) if self.model.reads_strings else words
            try:
                said = self.asked.raw(context)
            except (Exception, SystemExit) as error:
                raise CertificateError(f"the function raises {error!r} after {context!r}") from None
            names = self.model.names
            self.permitted[state] = frozenset(names.index(name) if names else name for name in said)
        return self.permitted[state]

    def split(self, n: int, known: Mapping[int, int], counts: Mapping[Count, Limits]) -> dict[Said, int]:
        """How many contexts of n tokens there are, by what is permitted in them."""
        rows, found = self._rows(n, known, self._kinds(n, counts)), Counter[Said]()
        for vector in _within(rows[-1], list(counts.values())):
            for state, ways in rows[-1][vector].items():
                found[self.says(state)] += ways
        return dict(found)

    def example(self, n: int, known: Mapping[int, int], counts: Mapping[Count, Limits], said: Said) -> list[int]:
        """One of those where that is permitted; there is one."""
        kinds = self._kinds(n, counts)
        rows = self._rows(n, known, kinds)
        vector, state = next(
            (vector, state)
            for vector in _within(rows[-1], list(counts.values()))
            for state in rows[-1][vector]
            if self.says(state) == said
        )
        tokens: list[int] = []
        for at in reversed(range(n)):
            vector, state, token = next(
                (before, old, token)
                for token in sorted(self.sets[known.get(at, -1)])
                if (before := tuple(k - more for k, more in zip(vector, self._counted(token, kinds)))) in rows[at]
                for old in rows[at][before]
                if self.after(old)[token] == state
            )
            tokens.append(token)
        return tokens[::-1]

    def _kinds(self, n: int, counts: Mapping[Count, Limits]) -> tuple[int, ...]:
        """What is counted, which is at all positions."""
        if len(counts) > KINDS or any(count.positions != range(n) for count in counts):
            raise CertificateError(f"of a fold, {KINDS} kinds of tokens should be counted at most, at all positions")
        return tuple(count.tokens for count in counts)

    def _rows(self, n: int, known: Mapping[int, int], kinds: tuple[int, ...]) -> list[Ways]:
        """Of what contexts begin with, up to n tokens. What comes before all that is known is the same for all."""
        free, first = self.free.setdefault(kinds, [{(0,) * len(kinds): Counter({0: 1})}]), min(known, default=n)
        while len(free) <= first:
            free.append(self._further(free[-1], self.sets[-1], kinds))
        rows = free[: first + 1]
        for at in range(first, n):
            rows.append(self._further(rows[-1], self.sets[known.get(at, -1)], kinds))
        return rows

    def _further(self, before: Ways, tokens: Tokens, kinds: tuple[int, ...]) -> Ways:
        found: Ways = {}
        each = [(token, self._counted(token, kinds)) for token in tokens]
        for vector, ends in before.items():
            for token, more in each:
                there = found.setdefault(tuple(map(sum, zip(vector, more))), Counter())
                for state, ways in ends.items():
                    there[self.after(state)[token]] += ways
        return found

    def _counted(self, token: int, kinds: tuple[int, ...]) -> Vector:
        return tuple(int(token in self.sets[kind]) for kind in kinds)


def _within(ways: Ways, limits: Sequence[Limits]) -> list[Vector]:
    """The numbers that there are within limits."""
    number = 1
    for least, most in limits:
        number *= most + 1 - least
    if number < len(ways):
        return [vector for vector in product(*(range(least, most + 1) for least, most in limits)) if vector in ways]
    return [vector for vector in ways if all(least <= n <= most for n, (least, most) in zip(vector, limits))]


def _key(state: Any) -> Any:
    """What is the same for states that are equal and of equal types, down to what they are made of."""
    if type(state) in (tuple, frozenset):
        return type(state), type(state)(map(_key, state))
    return type(state), repr(state) if isinstance(state, float | complex) else state
