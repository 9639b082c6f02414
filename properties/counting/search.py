"""How many contexts are right: parts of them are bounded, and that in which most is open is split, best first.

Whatever is stopped, by time or by hand, is certain so far, and what is certain only grows.
"""

import heapq
import math
import operator
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from numbers import Real
from typing import Any

from properties.counting.engine import Bounded
from properties.counting.narrowing import Narrowing, OneByOne, Shard
from properties.counting.parts import Part, of_fold, of_leaves
from properties.counting.result import Count, Counted
from properties.proof.reading.decision_tree import Reading
from zoo.black_box import BlackBox
from zoo.errors import ContextError, ModelError, shown
from zoo.model import Model
from zoo.shards import Keep, Shards, bare

SECONDS = 60.0
LEAVES = 20_000  # of a plain rule at one length: with more, its contexts are gone through one by one
SMALL_PARTS, SMALL = 256, 2_000_000  # of parts not looked at, together in a shard: how many, of how many words
ROWS = 4096  # of these at a time


def count(
    model: Model,
    lengths: Iterable[int] | None = None,
    gap: float = 0.0,
    max_seconds: float | None = SECONDS,
    executor: Executor | None = None,
    keep: Keep | None = None,
) -> Count:
    """How many contexts the model answers as its rule permits: of some lengths, or of all of its domain.

    Stops where no more than `gap` of them is open, or after so many seconds of the processor; None is no limit. A tie
    is wrong. With an `executor`, shards of the work are settled there, and seconds are of the clock; with `keep`, what
    an earlier run settled is not settled again. ModelError for a model without a rule or weights, or that answers with
    numbers or at every position; RuleError for a rule that is none.
    """
    for name, value in {"gap": gap, "max_seconds": 0 if max_seconds is None else max_seconds}.items():
        if not (isinstance(value, Real) and 0 <= value <= sys.float_info.max):
            raise ModelError(f"{name} is {shown(value)}, but should be a number from 0 on")
    counting = Counting(model, lengths, executor, keep)
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

    def __init__(
        self,
        model: Model,
        lengths: Iterable[int] | None = None,
        executor: Executor | None = None,
        keep: Keep | None = None,
    ) -> None:
        check(model)
        self.model, self.scope = model, model.scope
        self.lengths = _lengths(model, lengths)
        self._known = {n: _Found(0, self.scope.count(n), self.scope.count(n)) for n in self.lengths}
        self._sums = dict(self._known)  # the same, of the parts there are; it may be less narrow
        self._open: list[tuple[int, int, Shard]] = []  # a heap
        self._pushed = 0
        self.spread: dict[str, Any] = {"executor": executor, "keep": keep}
        self.shards = Shards(Narrowing, replace(bare(model), rule=None, predictors=(), accuracy=None), **self.spread)
        self._begin = self.shards.clock()
        narrowing = self.shards.made(Narrowing)
        self.engine, self.general, self.separable = narrowing.engine, narrowing.general, narrowing.separable

    def so_far(self) -> Count:
        rows = []
        for n, found in self._known.items():
            skipped = self.scope.count(n) - found.judged
            rows.append(Counted(n, found.judged - found.most, found.least, found.most - found.least, skipped))
        return Count(self.model.name, tuple(rows), self.shards.clock() - self._begin)

    def steps(self, gap: float = 0.0, max_seconds: float | None = None) -> Iterator[None]:
        """Goes on until no more than `gap` is open, or the processor was at it for so many seconds."""
        with self.shards:
            yield from self._steps(gap, math.inf if max_seconds is None else max_seconds)

    def _steps(self, gap: float, seconds: float) -> Iterator[None]:
        begin = self.shards.clock()
        deadline = begin + seconds
        assert self.model.rule is not None
        reading = Reading(self.model.rule, self.model.vocab, "rule", names=self.model.names)
        left, long = deque(reversed(self.lengths)), []  # most contexts are long
        while (now := self.shards.clock()) < deadline and not self._narrow_enough(gap):
            if left and (not self._open or now < (begin + deadline) / 2):  # or nothing might come of so many lengths
                length = left.popleft()
                long += [length] * (not self._start(reading, length, deadline))
            elif self._open:
                self._narrow()
                yield
            else:
                break
        for _ in chain.from_iterable(map(self._one_by_one, sorted(long))):
            yield
            if self.shards.clock() >= deadline or self._narrow_enough(gap):
                break
        reading.check()

    def _narrow_enough(self, gap: float) -> bool:
        found = self._known.values()
        return sum(one.most - one.least for one in found) <= Fraction(gap) * sum(one.judged for one in found)

    def _start(self, reading: Reading, length: int, deadline: float) -> bool:
        """The parts of a length, of which all is open yet; False where a plain rule has too many leaves to be read."""
        if reading.table is None:
            parts = list[Part]()
            for part in of_leaves(reading, self.scope, length):
                parts.append(part)
                if len(parts) > LEAVES or self.shards.clock() >= deadline:
                    return False
        else:
            parts = list(of_fold(reading.table, self.scope, length))
        parts, general = [part for part in parts if 0 < len(part.permitted) < len(self.model.names)], list[Bounded]()
        number = sum(part.words.count for part in parts)
        self._known = self._known | {length: _Found(0, number, number)}
        self._sums[length] = self._known[length]
        for part in parts:
            if self.separable is not None and self.separable.knows(part):
                self._push("separable", map(Bounded.not_yet, part.ending()))
            else:
                general.append(Bounded.not_yet(part))
        self._push("general", general)
        return True

    def _push(self, name: str, found: Iterable[Bounded]) -> None:
        """As shards: of as many parts as the engine takes at a time; of those it has not looked at, of small ones more.

        In the parts of a shard about as much is open.
        """
        some = deque(sorted((one for one in found if one.most > one.least), key=lambda one: one.least - one.most))
        batch = self.engine(name).batch
        while some:
            parts, words = [some.popleft()], 0
            while some and len(parts) < (batch if some[0].looked else SMALL_PARTS):
                words += some[0].most
                if len(parts) >= batch and words > SMALL:
                    break
                parts.append(some.popleft())
            self._pushed += 1
            heapq.heappush(self._open, (parts[0].least - parts[0].most, self._pushed, Shard(name, parts)))

    def _narrow(self) -> None:
        """Splits the parts in which most is open, and bounds what comes of them."""
        _, _, shard = heapq.heappop(self._open)
        found = self.shards(shard, self._following())
        for sign, some in ((-1, shard.parts), (1, found)):
            for one in some:
                sums = self._sums[one.part.length]
                least, most = sums.least + sign * one.least, sums.most + sign * one.most
                self._sums[one.part.length] = replace(sums, least=least, most=most)
        self._push(shard.engine, found)
        known = {}
        for length, sums in self._sums.items():
            before = self._known[length]
            known[length] = replace(before, least=max(before.least, sums.least), most=min(before.most, sums.most))
        self._known = known  # at once: whoever interrupts finds all of it, or nothing

    def _following(self) -> Iterator[Shard]:
        """Those that are next, as far as that is known."""
        yield from (shard for *_, shard in heapq.nsmallest(self.shards.width, self._open))

    def _one_by_one(self, length: int) -> Iterator[None]:
        """Every context of a length is run, and the rule is asked about it."""
        with Shards(OneByOne, replace(bare(self.model), predictors=()), **self.spread) as shards:
            for tokens, (wrong, silent) in shards.each(self.scope.batches(self.model.vocab, ROWS, [length])):
                before, fine = self._known[length], len(tokens) - silent - wrong
                now = _Found(before.least + wrong, before.most - silent - fine, before.judged - silent)
                self._known = self._known | {length: now}
                yield


def check(model: Model, lengths: Iterable[int] | None = None) -> None:
    """ModelError for what is not counted, ContextError where its domain has none of these lengths."""
    if not isinstance(model, Model) or isinstance(model, BlackBox):
        raise ModelError(f"{getattr(model, 'name', model)!s} has no weights, but should be a Model to be counted")
    if not model.weights_decide:
        raise ModelError(
            f"{model.name} has a forward pass of its own, but should have that of its weights to be counted"
        )
    if model.rule is None:
        raise ModelError(f"{model.name} states no rule, but should state what is right to be counted")
    if model.answers != "last" or not model.names:
        what = "at every position" if model.answers != "last" else "with a number"
        raise ModelError(f"{model.name} answers {what}, but should with a name after the last position to be counted")
    _lengths(model, lengths)


def _lengths(model: Model, lengths: Iterable[int] | None) -> list[int]:
    """Those asked for, each once; ContextError where the domain has none of that length."""
    try:
        wanted = list(dict.fromkeys(map(operator.index, model.scope.lengths if lengths is None else lengths)))
    except TypeError:
        raise ContextError(f"lengths are {shown(lengths)}, but should be a list of whole numbers") from None
    for length in wanted:
        if not model.scope.count(length):
            known = model.scope.lengths
            raise ContextError(
                f"contexts of {length} tokens are asked for, but should have {known[0]} to {known[-1]} in {model.name}"
            )
    return wanted
