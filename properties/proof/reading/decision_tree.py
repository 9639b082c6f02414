"""The decision tree of a rule or predictor: on what its answer depends, found by running it on lazy contexts.

The leaves of `leaves(function, ...)` are what each position may hold, and the answer. `run` is one run of the function,
`lazy` what it is run on.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import _lru_cache_wrapper
from typing import Any

from properties.proof.boxes import Box, Replies
from properties.proof.counted import Counted
from properties.proof.folds import Table
from properties.proof.reading.run import NONE, Run
from properties.proof.reading.samples import Samples
from properties.proof.reading.stretch import Stretch
from reference import Fold
from zoo.domain import Sets
from zoo.errors import RuleError
from zoo.rule import LAZY, SHOULD, Asked, Function, name_of, plain
from zoo.rule.telling import Looked
from zoo.rule.watch import AGAIN, Said, ask_again, known, tokens


def leaves(function: Function, vocab: Sequence[str], length: int, samples: int = 2, kind: str = "") -> Iterator[Box]:
    """The decision tree of a rule or predictor on all contexts of a length; the leaves partition those contexts.

    RuleError as of `Reading`.
    """
    reading = Reading(function, vocab, kind, samples)
    yield from reading.leaves(length)
    reading.check()


class Reading:
    """A rule or predictor that is read at several lengths, and then checked.

    A run that continues an earlier one must ask what that one asked, and each leaf is tried on `samples` contexts out
    of it: RuleError where the function then asks or says something else (it depends on more than its context, on what
    it kept of an earlier one, say), where it raises, or where its answer is not made of tokens of the vocabulary, or
    not one of its `kind`, see `zoo.rule.Asked`. `tells` names what in its code could tell a lazy context from a real
    one: then each leaf is one context, and is asked about as a real one. It answers with `names`, see there; with the
    tokens of the vocabulary where that is None.
    """

    def __init__(
        self,
        function: Function,
        vocab: Sequence[str],
        kind: str = "",
        samples: int = 2,
        names: Sequence[str] | None = None,
    ) -> None:
        while isinstance(function, _lru_cache_wrapper):  # it would hash its argument, and so read all of it
            function = function.__wrapped__
        self.asked = Asked(function, vocab if names is None else names, kind, LAZY)
        self.vocab = tuple(map(plain, vocab))
        self.samples = Samples(self.vocab, samples)
        self.before = known(function)
        # The parts of a fold are given real states and tokens.
        self.table = Table(function, self.asked, self.vocab) if type(function) is Fold else None
        looked = Looked("", False) if self.table is not None else self.before.looked
        self.tells, self.swallows = looked.tells, looked.swallows
        self.said: deque[Said] = deque(maxlen=AGAIN)
        self.number = 0
        self.kept: list[int] = []  # what was asked about tokens of an earlier run

    def leaves(self, length: int, sets: Sets = NONE, at: int | None = None) -> Iterator[Box]:
        """The leaves of a length, of contexts of which that is known already: they partition those.

        With `at`, what is permitted at that position. The memory is looked at after as many leaves as are a power of
        two.
        """
        asked = self._at(at)
        for leaf in self._untried(length, sets, asked):
            self._try(leaf, asked, sets)
            yield leaf

    def stretches(self, length: int, sets: Sets, at: int | None, ends: Callable[[Box], bool]) -> Iterator[Stretch]:
        """The same leaves, not tried yet, in stretches, each of which ends where a leaf `ends` it, or with the tree.

        What was read before anything is raised is a stretch, too.
        """
        read = list[Box]()
        try:
            for leaf in self._untried(length, sets, self._at(at)):
                read.append(leaf)
                if ends(leaf):
                    yield Stretch(length, sets, at, read)
                    read = []
        except RuleError:
            if read:
                yield Stretch(length, sets, at, read)
            raise
        if read:
            yield Stretch(length, sets, at, read)

    def tried(self, stretch: Stretch) -> Sequence[Box]:
        """Its leaves, each of which is tried now."""
        asked = self._at(stretch.at)
        for leaf in stretch.leaves:
            self._try(leaf, asked, stretch.root)
        return stretch.leaves

    def _at(self, at: int | None) -> Asked:
        return self.asked if at is None else self.asked.at(at)

    def _untried(self, length: int, sets: Sets, asked: Asked) -> Iterator[Box]:
        return self._read(length, sets, asked) if self.table is None else self._walked(self.table, length, sets)

    def _walked(self, table: Table, length: int, sets: Sets) -> Iterator[Box]:
        for counts, ending, answer in table.parts(length, sets):
            yield Box(length, dict(sets), answer, tuple(counts.items()), counts, ending)

    def _read(self, length: int, sets: Sets, asked: Asked) -> Iterator[Box]:
        todo: list[Replies] = [()]
        while todo:
            run = Run(self.vocab, length, todo.pop(), sets, kept=self.kept, swallows=self.swallows)
            answer = run.named(asked) if self.tells else run.call(asked)
            run.done = True
            if self.kept:
                raise RuleError(f"{name_of(self.asked.function)} keeps tokens that it was given before, {SHOULD}")
            if unasked := [one for one, _ in run.path if one not in run.asked and not _was_asked(one, run.asked)]:
                what = "for a count" if isinstance(unasked[0], Counted) else f"for token [{unasked[0] - length}]"
                raise RuleError(
                    f"{name_of(self.asked.function)} asked {what} of {length} and, run again, did not, {SHOULD}"
                )
            todo += run.open
            leaf = Box(length, run.sets, answer, run.path, run.counts)
            yield (leaf.tightened(self.vocab) or leaf) if run.counts else leaf

    def check(self) -> None:
        """RuleError where the function has changed anything, or a copy says something else in the opposite order."""
        self.before.memory.check()
        if self.before.copy is not None:
            ask_again(self.said, self.asked, self.before.copy)
        self.said.clear()

    def _try(self, leaf: Box, asked: Asked, sets: Sets) -> None:
        """RuleError where the function says something else to real contexts out of a leaf, or has changed anything."""
        last: Said | None = None
        for context in self.samples.of(leaf, sets):
            again, permitted = asked(context), leaf.permitted
            if self.table is not None and leaf.ending is not None:  # samples may end elsewhere
                permitted = self.table.after_context(context)
            if again != permitted:
                how = "before" if self.tells else "read token by token"
                raise RuleError(
                    f"{name_of(self.asked.function)} says {tokens(again)} to {context!r} and {tokens(permitted)} "
                    f"to the same context {how}, {SHOULD}"
                )
            if self.before.copy is not None:
                last = (context, permitted, *asked.where)
        if last is not None:
            self.said.append(last)
        self.number += 1
        if not self.number & (self.number - 1):
            self.before.memory.check()


def _was_asked(one: Any, asked: set[Any]) -> bool:
    """Whether of something counted, as all was known, each position was read."""
    return isinstance(one, Counted) and asked.issuperset(one.positions)
