"""What a `reference.Fold` says of all contexts of a length: in which state each ends, by how often tokens occur in it.

The states are found by walking from the first on, so that nothing of a context has to be unknown: `step` and `answer`
are given real states and tokens only.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, NoReturn

import numpy as np

from properties.proof.alike import MADE_OF, made_of
from properties.proof.counted import Counted, Counts
from reference import Fold
from zoo.contexts import reads_strings
from zoo.domain import Sets
from zoo.errors import RuleError, shown
from zoo.rule import SHOULD, Asked, name_of
from zoo.transformer.arrays import Array

KINDS = 2  # of tokens that are counted at most: with more, contexts are only told apart by where they end
KEPT = 40  # lengths of which it is kept how many contexts end where
REFUSED = -1  # in place of a state: step raises, or leads to what is none, or to one too many
Vector = tuple[int, ...]  # how often each kind of tokens that is counted occurs
Part = tuple[Counts, "Ending | None", frozenset[str]]


class Table:
    """The states of a fold that were reached, by number; where each token leads from them; what is said there."""

    def __init__(self, fold: Fold, asked: Asked, vocab: tuple[str, ...]) -> None:
        self.fold, self.asked, self.vocab = fold, asked, vocab
        self.strings = reads_strings(vocab)
        if type(fold.states) is not int or fold.states < 1:
            raise RuleError(f"{name_of(fold)} states {shown(fold.states)} states, but should state a number from 1 on")
        self.states, self.numbers = list[Any](), dict[Any, int]()
        self.words: list[tuple[str, ...]] = []  # the first context that was seen to end there
        self.next: list[list[int]] = []  # of those that were left
        self.said: dict[int, frozenset[str]] = {}
        self.ends: dict[Any, dict[tuple[int, Vector], int]] = {}
        self._number(fold.start, ())

    def to(self, state: int, token: int) -> int:
        """Where a token leads that a context which is meant has there; RuleError where the fold does not bear it."""
        found = self.next[state][token] if state < len(self.next) else self.after(state)[token]
        if found == REFUSED:
            self._refuse(state, self.vocab[token])
        return found

    def after(self, state: int) -> list[int]:
        """Where each token leads, or REFUSED. States are left in the order of their numbers."""
        while len(self.next) <= state:
            self.next.append([self._step(len(self.next), token) for token in self.vocab])
        return self.next[state]

    def _step(self, state: int, token: str) -> int:
        try:
            return self._number(self.fold.step(self.states[state], token), self.words[state], token)
        except (Exception, SystemExit):  # said as soon as a context that is meant comes there
            return REFUSED

    def _number(self, state: Any, before: tuple[str, ...], *token: str) -> int:
        """Of a state that a token leads to; RuleError for what is none, or one too many."""
        try:
            key = made_of(state)
            found = self.numbers.get(key)
        except Exception:  # nested too deeply, or of a class that raises
            name = name_of(self.fold)
            raise RuleError(f"{name} has the state {shown(state)}, but should have states of {MADE_OF}") from None
        if found is None:
            if len(self.states) >= self.fold.states:
                raise RuleError(
                    f"{name_of(self.fold)} has more than {self.fold.states} states, but should have fewer, or state "
                    "that it has so many"
                )
            found = self.numbers[key] = len(self.states)
            self.states.append(state)
            self.words.append((*before, *token))
        return found

    def _refuse(self, state: int, token: str) -> NoReturn:
        context = self.context((*self.words[state], token))
        try:
            found = self.fold.step(self.states[state], token)
        except (Exception, SystemExit):
            self.asked(context)  # says it as of any rule
        else:
            self._number(found, self.words[state], token)
        raise RuleError(f"{name_of(self.fold)} raises an error after {context!r} and then does not, {SHOULD}")

    def context(self, tokens: Sequence[str]) -> Any:
        return "".join(tokens) if self.strings else tuple(tokens)

    def answer(self, state: int) -> frozenset[str]:
        """What is permitted after contexts that end there: the fold is asked about one of them."""
        if state not in self.said:
            self.said[state] = self.asked(self.context(self.words[state]))
        return self.said[state]

    def after_context(self, context: Sequence[str]) -> frozenset[str]:
        """What is permitted after a context, by the states."""
        return self.answer(self.end(context))

    def end(self, context: Sequence[str]) -> int:
        state = 0
        for token in context:
            state = self.to(state, self.vocab.index(token))
        return state

    def kinds(self, states: Sequence[int]) -> list[frozenset[str]]:
        """The tokens that lead to the same from each of these states, together; but for those of one kind, the most."""
        kinds: dict[tuple[int, ...], set[str]] = {}
        for i, token in enumerate(self.vocab):
            kinds.setdefault(tuple(self.after(state)[i] for state in states), set()).add(token)
        most = max(reversed(kinds.values()), key=len)
        return [frozenset(kind) for kind in kinds.values() if kind is not most]

    def reached(self, length: int) -> list[int]:
        """The states that contexts of fewer tokens end in."""
        seen, new = {0}, {0}
        for _ in range(length - 1):
            new = {state for old in new for state in self.after(old)} - seen - {REFUSED}
            if not new:
                break
            seen |= new
        return sorted(seen)

    def ways(self, length: int, sets: Sets, kinds: Sequence[frozenset[str]]) -> dict[tuple[int, Vector], int]:
        """How many contexts of a length end in each state, by how often each kind of tokens occurs in them."""
        if not length:
            return {(0, (0,) * len(kinds)): 1}
        sets = {at: tokens for at, tokens in sets.items() if at < length}
        about = (length, frozenset(sets.items()), tuple(kinds))
        if about not in self.ends:
            shorter = self._shorter(about)
            found: dict[tuple[int, Vector], int] = {}
            for at in range(shorter[0], length):
                before = found or self.ways(*shorter)
                found = {}
                allowed = [
                    (i, self._counts(t, kinds)) for i, t in enumerate(self.vocab) if t in sets.get(at, self.vocab)
                ]
                for (state, vector), number in before.items():
                    for i, more in allowed:
                        end = (self.to(state, i), tuple(map(sum, zip(vector, more))))
                        found[end] = found.get(end, 0) + number
            self.ends[about] = found
            while len(self.ends) > KEPT:
                del self.ends[next(iter(self.ends))]
        return self.ends[about]

    def _shorter(self, about: tuple[int, frozenset[Any], tuple[frozenset[str], ...]]) -> Any:
        """The longest that is known of what the contexts begin with, as arguments of `ways`."""
        length, sets, kinds = about
        for its_length, its_sets, its_kinds in reversed(self.ends):
            if its_length < length and its_kinds == kinds and its_sets == {x for x in sets if x[0] < its_length}:
                return its_length, dict(its_sets), kinds
        return 0, {}, kinds

    @staticmethod
    def _counts(token: str, kinds: Sequence[frozenset[str]]) -> Vector:
        return tuple(int(token in kind) for kind in kinds)

    def parts(self, length: int, sets: Sets) -> Iterator[Part]:
        """Disjoint sets of all contexts of a length of which that is known, in each of which one thing is permitted.

        As long as the same is permitted, counts go together; where of one count not all contexts end alike, it is also
        said where they end.
        """
        kinds = self.kinds(self.reached(length))
        kinds = kinds if len(kinds) <= KINDS else []
        states: dict[Vector, set[int]] = {}
        for state, vector in self.ways(length, sets, kinds):
            states.setdefault(vector, set()).add(state)
        said = {vector: frozenset(map(self.answer, some)) for vector, some in states.items()}
        for run in _runs(said):
            most = dict(zip(kinds, zip(run[0], run[-1])))
            counts = {Counted(range(length), tokens): limits for tokens, limits in most.items()}
            within = frozenset().union(*(states[vector] for vector in run))
            for permitted in sorted(said[run[0]], key=sorted):
                ending = frozenset(state for state in within if self.answer(state) == permitted)
                yield counts, Ending(self, ending) if len(said[run[0]]) > 1 else None, permitted


def _runs(said: dict[Vector, frozenset[frozenset[str]]]) -> Iterator[list[Vector]]:
    """Vectors that differ by one in their last number and of which the same is said, as long as there are such."""
    ordered = sorted(said)
    place = {vector: i for i, vector in enumerate(ordered)}
    for _, run in groupby(ordered, lambda v: (v[:-1], v[-1] - place[v] if v else 0, said[v])):
        yield list(run)


@dataclass(frozen=True)
class Ending:
    """Contexts for which a fold ends in one of these states. Counts beside it are of all positions."""

    table: Table
    states: frozenset[int]

    def __contains__(self, context: Sequence[str]) -> bool:
        return self.table.end(context) in self.states

    def describe(self) -> str:
        states = [repr(self.table.states[state]) for state in sorted(self.states)]
        return f"ending in {' or '.join(states if len(states) <= 3 else [*states[:3], f'{len(states) - 3} others'])}"

    def ways(self, length: int, sets: Sets, counts: Counts) -> int:
        found = self.table.ways(length, sets, [counted.tokens for counted in counts])
        return sum(
            number
            for (state, vector), number in found.items()
            if state in self.states and all(low <= n <= high for n, (low, high) in zip(vector, counts.values()))
        )

    def feasible(self, length: int, sets: Sets, counts: Counts) -> bool:
        return self._best(length, sets, counts, np.zeros((length, len(self.table.vocab)))) is not None

    def nearest(self, length: int, sets: Sets, counts: Counts, wish: Array) -> Array:
        """Of the contexts that end so, that for which the wish [position, token] is largest: int [position]."""
        found = self._best(length, sets, counts, wish)
        assert found is not None
        return found

    def _best(self, length: int, sets: Sets, counts: Counts, wish: Array) -> Array | None:
        """The same; None where there is none. Forwards the best sum for each state and counts, back from the best."""
        table, kinds = self.table, [counted.tokens for counted in counts]
        shape = tuple(most + 1 for _, most in counts.values())
        best: list[dict[int, Array]] = [{0: np.full(shape, -np.inf)}]
        best[0][0][(0,) * len(shape)] = 0
        options = [[i for i, t in enumerate(table.vocab) if t in sets.get(at, table.vocab)] for at in range(length)]
        more = [table._counts(token, kinds) for token in table.vocab]
        for at in range(length):
            best.append({})
            for state, sums in best[at].items():
                for i in options[at]:
                    new = best[-1].setdefault(table.to(state, i), np.full(shape, -np.inf))
                    there, here = _shifted(more[i])
                    np.maximum(new[there], sums[here] + wish[at, i], out=new[there])
        within = tuple(slice(least, None) for least, _ in counts.values())
        ends = {state: sums[within].max() for state, sums in best[-1].items() if state in self.states}
        if not ends or max(ends.values()) == -np.inf:
            return None
        state = max(ends, key=lambda end: ends[end])
        sums = best[-1][state][within]
        found = tuple(int(i) for i in np.unravel_index(int(sums.argmax()), sums.shape)) if shape else ()
        vector = tuple(n + least for n, (least, _) in zip(found, counts.values()))
        tokens = np.zeros(length, int)
        for at in reversed(range(length)):
            state, vector, tokens[at] = next(
                (old, before, i)
                for old, sums in best[at].items()
                for i in options[at]
                if table.to(old, i) == state
                and min(before := tuple(n - m for n, m in zip(vector, more[i])), default=0) >= 0
                if sums[before] + wish[at, i] == best[at + 1][state][vector]
            )
        return tokens


def _shifted(more: Vector) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Where sums go to and come from as so much is counted."""
    there = tuple(slice(n, None) for n in more)
    here = tuple(slice(None, -n if n else None) for n in more)
    return (*there, ...), (*here, ...)  # an array also where nothing is counted
