"""A rule that is a `reference.Fold`, walked from state to state: how many contexts end where, and what is said there.

`step` and `answer` are given real states and tokens only. Two states are one where they are made alike, see `_key`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from enum import EnumMeta
from itertools import product
from typing import Any

from properties.recheck.about import must
from properties.recheck.counts import Count, Limits, Tokens, Vector
from reference import Fold
from zoo.errors import CertificateError, shown
from zoo.model import Model
from zoo.rule import Asked

STATES = "bools, numbers but NaN, texts, bytes, None, members of enums, or plain or named tuples of these"
KINDS = 2  # of tokens that are counted, at most: with more there are too many ways to end
Ways = dict[Vector, Counter[int]]  # by how often each kind of tokens occurs: how many contexts end in which state
Said = frozenset[Any]  # outputs, by number; or one number


class Walk:
    """The states of one fold that were reached, by number."""

    def __init__(self, fold: Fold, model: Model, asked: Asked, sets: Sequence[Tokens]) -> None:
        self.fold, self.model, self.asked, self.sets = fold, model, asked, sets
        self.states, self.words = list[Any](), list[tuple[str, ...]]()  # and which lead there
        self.numbers: dict[Any, int] = {}
        self.next: list[list[int]] = []  # where each token leads
        self.wrong: dict[tuple[int, int], str] = {}  # what is so of the fold, where a token leads nowhere
        self.permitted: dict[int, Said] = {}
        self.free: dict[tuple[int, ...], list[Ways]] = {}  # by what is counted: of contexts of 0 tokens, 1, …
        must(type(fold.states) is int, f"the fold states {shown(fold.states)} states, but should state a whole number")
        self._number(fold.start, ())

    def to(self, state: int, token: int) -> int:
        """Where a token leads that a context of the domain has there."""
        while len(self.next) <= state:
            old = len(self.next)
            self.next.append([self._step(old, i, name) for i, name in enumerate(self.model.vocab)])
        found = self.next[state][token]
        if found < 0:
            raise CertificateError(self.wrong[state, token])
        return found

    def _step(self, state: int, number: int, token: str) -> int:
        words = self.words[state]
        try:
            return self._number(self.fold.step(self.states[state], token), (*words, token))
        except CertificateError as error:
            self.wrong[state, number] = str(error)
        except (Exception, SystemExit) as error:
            self.wrong[state, number] = f"the fold raises {shown(error)} on {token!r} after {words!r}"
        return -1

    def _number(self, state: Any, words: tuple[str, ...]) -> int:
        try:
            key = _key(state)
            found = self.numbers.get(key)
        except Exception:
            raise CertificateError(f"the fold has the state {shown(state)}, but states should be {STATES}") from None
        if found is None:
            if len(self.states) >= self.fold.states:
                raise CertificateError(f"the fold has more than {self.fold.states} states, but should have fewer")
            found = self.numbers[key] = len(self.states)
            self.states.append(state)
            self.words.append(words)
        return found

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
                if self.to(old, token) == state
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
                    there[self.to(state, token)] += ways
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
    """What is equal only for states of the same types and contents; TypeError for what may have more to it than that.

    A set has an order, which nothing says; an object could be changed, or be equal to what it is not.
    """
    kind, metaclass = type(state), type(type(state))
    if metaclass is type and kind in (bool, int, str, bytes, type(None)):
        return kind, state
    if metaclass is type and kind in (float, complex) and state == state:  # NaN is not
        return kind, repr(state)  # -0.0 equals 0.0
    if metaclass is type and (kind is tuple or (issubclass(kind, tuple) and _is_named(kind))):
        return kind, *map(_key, tuple.__iter__(state))
    if metaclass is EnumMeta and kind(state._value_) is state:
        return kind, _key(state._value_)
    raise TypeError


def _is_named(kind: type) -> bool:
    """Whether it is a named tuple as the library makes it, to whose instances nothing can be added."""
    return type(getattr(kind, "_fields", None)) is tuple and kind.__dictoffset__ == 0
