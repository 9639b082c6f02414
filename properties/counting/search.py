"""How many contexts are right: parts of them are bounded, and that in which most is open is split, best first.

Whatever is stopped, by time or by hand, is certain so far, and what is certain only grows.
"""

import heapq
import math
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice

import numpy as np

from properties.counting import terms
from properties.counting.engine import Bounded, Engine
from properties.counting.general import General
from properties.counting.parts import of_fold, of_leaves
from properties.counting.result import Count, Counted
from properties.counting.separable import Separable
from properties.proof.counterexample import judged, margin_of
from properties.proof.reading.decision_tree import Reading
from zoo.black_box import BlackBox
from zoo.enumeration import last_rows
from zoo.errors import ContextError, ModelError
from zoo.model import Model
from zoo.rule import Asked

SECONDS = 60.0
LEAVES = 20_000  # of a plain rule at one length: with more, its contexts are gone through one by one
ROWS = 4096  # of these at a time


def count(
    model: Model, lengths: Iterable[int] | None = None, gap: float = 0.0, max_seconds: float | None = SECONDS
) -> Count:
    """How many contexts the model answers as its rule permits: of some lengths, or of all of its domain.

    Stops where no more than `gap` of them is open, or after so many seconds of the processor; None is no limit. A tie
    is wrong. ModelError for a model without a rule or weights, or that answers with numbers or at every position;
    RuleError for a rule that is none.
    """
    counting = Counting(model, lengths)
    for _ in counting.steps(gap, max_seconds):
        pass
    return counting.so_far()


@dataclass(frozen=True)
class _Found:
    """Of the contexts of a length, how many are wrong, at least and at most, and how many are judged."""

    least: int
    most: int
    judged: int


class Counting:
    """A count on its way: `steps` narrows what `so_far` says."""

    def __init__(self, model: Model, lengths: Iterable[int] | None = None) -> None:
        _check(model)
        self.model, self.scope = model, model.scope
        self.lengths = _lengths(model, lengths)
        self._known = {n: _Found(0, self.scope.count(n), self.scope.count(n)) for n in self.lengths}
        self._sums = dict(self._known)  # the same, of the parts there are; it may be less narrow
        self._open: list[tuple[int, int, Engine, Bounded]] = []  # a heap
        self._pushed, self._begin = 0, time.process_time()
        self.general = General(model.transformer, model.names)
        self.separable = Separable(model.transformer, model.names) if terms.separable(model.transformer) else None

    def so_far(self) -> Count:
        rows = []
        for n, found in self._known.items():
            skipped = self.scope.count(n) - found.judged
            rows.append(Counted(n, found.judged - found.most, found.least, found.most - found.least, skipped))
        return Count(self.model.name, tuple(rows), time.process_time() - self._begin)

    def steps(self, gap: float = 0.0, max_seconds: float | None = None) -> Iterator[None]:
        """Goes on until no more than `gap` is open, or the processor was at it for so many seconds."""
        begin = time.process_time()
        deadline = math.inf if max_seconds is None else begin + max_seconds
        assert self.model.rule is not None
        reading = Reading(self.model.rule, self.model.vocab, "rule", names=self.model.names)
        left, long = deque(reversed(self.lengths)), []  # most contexts are long
        while (now := time.process_time()) < deadline and not self._narrow_enough(gap):
            if left and (not self._open or now < (begin + deadline) / 2):  # or nothing might come of so many lengths
                length = left.popleft()
                long += [length] * (not self._start(reading, length))
            elif self._open:
                self._narrow()
                yield
            else:
                break
        long.sort()
        for length in long:
            for _ in self._one_by_one(length):
                yield
                if time.process_time() >= deadline or self._narrow_enough(gap):
                    return
        reading.check()

    def _narrow_enough(self, gap: float) -> bool:
        found = self._known.values()
        return sum(one.most - one.least for one in found) <= Fraction(gap) * sum(one.judged for one in found)

    def _start(self, reading: Reading, length: int) -> bool:
        """The parts of a length, of which all is open yet; False where a plain rule has too many leaves."""
        if reading.table is None:
            parts = list(islice(of_leaves(reading, self.scope, length), LEAVES + 1))
        else:
            parts = list(of_fold(reading.table, self.scope, length))
        if len(parts) > LEAVES:
            return False
        parts = [part for part in parts if 0 < len(part.permitted) < len(self.model.names)]
        number = sum(part.words.count for part in parts)
        self._known = self._known | {length: _Found(0, number, number)}
        self._sums[length] = self._known[length]
        for part in parts:
            if self.separable is not None and self.separable.knows(part):
                self._push(self.separable, map(Bounded.not_yet, part.ending()))
            else:
                self._push(self.general, [Bounded.not_yet(part)])
        return True

    def _push(self, engine: Engine, found: Iterable[Bounded]) -> None:
        for one in found:
            if one.most > one.least:
                self._pushed += 1
                heapq.heappush(self._open, (one.least - one.most, self._pushed, engine, one))

    def _narrow(self) -> None:
        """Splits the parts in which most is open, and bounds what comes of them."""
        engine, taken = self._open[0][2], list[Bounded]()
        while self._open and self._open[0][2] is engine and len(taken) < engine.batch:
            taken.append(heapq.heappop(self._open)[-1])
        parts = [part for one in taken for part in (engine.split(one) if one.looked else [one.part])]
        found = engine.bound(parts)
        for sign, some in ((-1, taken), (1, found)):
            for one in some:
                sums = self._sums[one.part.length]
                least, most = sums.least + sign * one.least, sums.most + sign * one.most
                self._sums[one.part.length] = replace(sums, least=least, most=most)
        self._push(engine, found)
        known = {}
        for length, sums in self._sums.items():
            before = self._known[length]
            known[length] = replace(before, least=max(before.least, sums.least), most=min(before.most, sums.most))
        self._known = known  # at once: whoever interrupts finds all of it, or nothing

    def _one_by_one(self, length: int) -> Iterator[None]:
        """Every context of a length is run, and the rule is asked about it."""
        assert self.model.rule is not None
        names, asked = np.array(self.model.names), Asked(self.model.rule, self.model.names, "rule")
        for tokens in self.scope.batches(self.model.vocab, ROWS, [length]):
            with np.errstate(all="ignore"):  # what overflows shows in the logits
                logits = last_rows(self.model.transformer, tokens)
            said = [asked(self.model.decode(row)) for row in tokens]
            right = np.array([[name in permitted for name in names] for permitted in said])
            speaks = judged(right)
            wrong = int((~(margin_of(logits, right) > 0) & speaks).sum())  # NaN is not above 0
            before, silent = self._known[length], int((~speaks).sum())
            fine = len(tokens) - silent - wrong
            now = _Found(before.least + wrong, before.most - silent - fine, before.judged - silent)
            self._known = self._known | {length: now}
            yield


def _check(model: Model) -> None:
    """ModelError for what is not counted."""
    if not isinstance(model, Model) or isinstance(model, BlackBox):
        raise ModelError(f"{getattr(model, 'name', model)!s} has no weights, but should be a Model to be counted")
    if model.rule is None:
        raise ModelError(f"{model.name} states no rule, but should state what is right to be counted")
    if model.answers != "last" or not model.names:
        what = "at every position" if model.answers != "last" else "with a number"
        raise ModelError(f"{model.name} answers {what}, but should with a name after the last position to be counted")


def _lengths(model: Model, lengths: Iterable[int] | None) -> list[int]:
    """Those asked for, each once; ContextError where the domain has none of that length."""
    wanted = list(dict.fromkeys(model.scope.lengths if lengths is None else lengths))
    for length in wanted:
        if not model.scope.count(length):
            known = model.scope.lengths
            raise ContextError(
                f"contexts of {length} tokens are asked for, but should have {known[0]} to {known[-1]} in {model.name}"
            )
    return wanted
