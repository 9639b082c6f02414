"""One run of a plain function on a context of unknown tokens: what it asked, and the replies that were not given.

Where the function asks something that is not settled yet, the run goes on with one reply and notes the other for a
later run from the start; no exception is raised that the function could swallow. Comparing an unread token with a
constant, for order too, splits what it may be in two; everything else names the token. So it is with a number that says
how often a token occurs, and the range that it is in. Where a function insists on real tokens it gets them.
"""

import sys
from collections.abc import Callable
from functools import cache
from types import FrameType, MappingProxyType
from typing import Any

from properties.proof.boxes import Replies
from properties.proof.counted import Counted, Limits, Together, by_positions
from properties.proof.reading import lazy, lazy_count, stand_in
from properties.proof.reading.lazy import LazyString, LazyTuple
from properties.proof.reading.lazy_count import LazyInteger
from zoo.contexts import reads_strings
from zoo.domain import Sets
from zoo.rule import Asked

KINDS = 4  # of tokens that are counted at the same positions, with all others: what follows is found set by set
# What a function may raise and swallow: it means the same whatever the context is. Others come from C code that is
# handed something else than a real context, or from a stack that is deeper than it would be.
ITS_OWN = (LookupError, ValueError, ArithmeticError, AssertionError, StopIteration, GeneratorExit)

NONE: Sets = MappingProxyType({})


class Run:
    """One run of a function: what each position may hold by now, and the replies not given that are left open."""

    def __init__(
        self,
        vocab: tuple[str, ...],
        length: int,
        path: Replies,
        root: Sets = NONE,
        kept: list[int] | None = None,
        swallows: bool = True,
    ) -> None:
        """`path` is what was replied beyond what is known already, the `root`; `kept`, `swallows`: see below."""
        self.vocab, self.length, self.path, self.every = vocab, length, path, _set(vocab)
        self.sets: dict[int, frozenset[str]] = dict(root)
        self.counts: dict[Counted, Limits] = {}
        for asked, reply in path:
            (self.counts if type(asked) is Counted else self.sets)[asked] = reply
        self.open: list[Replies] = []
        self.asked: set[Any] = set()  # positions that were read, and what was counted
        self.handed_out: set[Any] = set()  # tokens and counts of which nothing was asked yet
        self.counted: list[Counted] = []  # what stands in for a number, in order
        self.cut_out: set[int] = set()  # those of slices of which not all was known
        self.stumble: Any = None  # all of that as it was when something was asked for which only a real context will do
        self.done = False  # it has answered, and nothing of it should be in use any more
        self.kept = [] if kept is None else kept  # positions that were asked about all the same
        self.swallows = swallows  # whether an error on the way may not come out

    def call(self, asked: Asked) -> frozenset[str]:
        """The function's answer. What it reads and does not ask about by itself, it gets named, and is run again.

        Where none of its errors could be swallowed, it need not be watched for them: they come out here.
        """
        kind, every = LazyString if _reads_strings(self.vocab) else LazyTuple, range(self.length)
        while True:
            settled, self.stumble = len(self.path), None
            try:
                context = kind(self, every)
                answer = watched(asked.raw, context, self.stumbles) if self.swallows else asked.raw(context)
                if self.stumble is None and not self.handed_out:
                    return answer
            except (Exception, SystemExit) as error:  # a real error comes again below, on real tokens
                if not isinstance(error, ITS_OWN):
                    self.stumbles()
            if self.stumble is not None:  # over a token that it read, or a slice, or else over what is no real context
                self.path, self.sets, self.counts, replies, self.asked, self.handed_out, self.cut_out = self.stumble
                del self.open[replies:]
                self.handed_out.update(one for one in [*self.asked] if self._is_open(one))
            # Unasked counts and tokens may have gone to C code, and a failure there been swallowed.
            if counts := [one for one in self.counted if one in self.handed_out]:
                for counted in counts:
                    self.number(counted)
            else:
                for position in sorted(self.handed_out) or sorted(self.cut_out):
                    self.name(position)
            if len(self.path) == settled:  # there is nothing left that it would get as a real token now
                return self.named(asked)
            for found in (self.asked, self.handed_out, self.cut_out, self.counted):
                found.clear()

    def stumbles(self) -> None:
        """From here on it may do what it would not do with a real context, and nothing of that counts."""
        if self.stumble is None:
            positions = (set(self.asked), set(self.handed_out), set(self.cut_out))
            self.stumble = (self.path, dict(self.sets), dict(self.counts), len(self.open), *positions)

    def named(self, asked: Asked) -> frozenset[str]:
        """The answer to the one context that is left when every token is named."""
        return asked(self.real(range(self.length)))

    def _is_open(self, asked: Any) -> bool:
        """Whether there is something to be found out of a position, or of what was counted."""
        if type(asked) is not Counted:
            return len(self.may_be(asked)) > 1
        least, most = self.limits(asked)
        return least < most

    def may_be(self, position: int) -> frozenset[str]:
        if self.done:
            self.kept.append(position)
        self.asked.add(position)
        may_be = self.sets.get(position) or self.every
        for positions, counts in by_positions(self.counts) if self.counts else ():
            if position in positions:
                together = Together(positions, counts, self.sets, len(self.vocab))
                may_be = together.tokens(together.possible(together.mask(position)), may_be)
        return may_be

    def count(self, context: Any, sought: tuple[Any, ...], more: dict[str, Any]) -> Any:
        """What `count` of a context answers: of a token, what stands in for a number, where that is open."""
        found = lazy_count.sought(context, sought, more)
        if type(found) is not Counted:
            return found
        if not self._goes_with(found):
            [token] = found.tokens
            return sum(self.is_token(position, token) for position in found.positions)
        others = [one for one in self.counted if one.positions == found.positions]
        if len(self.vocab) == 2 and self.vocab[0] not in found.tokens:
            others = [Counted(found.positions, _set(self.vocab[:1]))]
        in_others = found not in others and sum(len(one.tokens) for one in others) + 1 == len(self.vocab)
        # In terms of the others where it is all that is left of them, for less to be asked.
        constant, times, asked = (len(found.positions), -1, others) if in_others else (0, 1, [found])
        limits = [self.limits(one) for one in asked]
        if all(least == most for least, most in limits):
            return constant + times * sum(least for least, _ in limits)
        self.counted += [one for one in asked if one not in self.counted]
        self.handed_out.update(asked)
        return LazyInteger(self, constant, dict.fromkeys(asked, times))

    def _goes_with(self, counted: Counted) -> bool:
        """Whether it can be counted beside what else is: of the same positions, and few kinds of tokens, or others."""
        before = {one: one.positions == counted.positions for one in (*self.counts, *self.counted) if one != counted}
        apart = all(same or not {*one.positions} & {*counted.positions} for one, same in before.items())
        return apart and sum(before.values()) < KINDS

    def limits(self, counted: Counted) -> Limits:
        """How often it may be, by what is known."""
        if self.done:
            self.kept += counted.positions
        self.asked.add(counted)
        self.handed_out.discard(counted)
        every = {counted: (0, len(counted.positions)), **self.counts}
        counts = {one: limits for one, limits in every.items() if one.positions == counted.positions}
        return Together(counted.positions, counts, self.sets, len(self.vocab)).range(0)

    def is_above(self, counted: Counted, number: int) -> bool:
        """Whether it is more than a number; if that is open, it is now."""
        least, most = self.limits(counted)
        if least <= number < most and not self.done:
            self.open.append((*self.path, (counted, (least, number))))
            self._narrow(counted, (number + 1, most))
        return number < most

    def number(self, counted: Counted) -> int:
        """How many it is; if that is open, as few as may be now."""
        least, most = self.limits(counted)
        if least < most and not self.done:
            self.open += [(*self.path, (counted, (k, k))) for k in range(most, least, -1)]
            self._narrow(counted, (least, least))
        return least

    def _narrow(self, counted: Counted, limits: Limits) -> None:
        self.counts[counted] = limits
        self.path = (*self.path, (counted, limits))

    def is_token(self, position: int, token: str) -> bool:
        """Whether a position holds a token; if that is open, it does now."""
        self.handed_out.discard(position)
        may_be = self.may_be(position)
        if token not in may_be:
            return False
        if len(may_be) > 1 and not self.done:
            others = may_be - {token}
            self.open.append((*self.path, (position, others)))
            self.sets[position] = may_be - others  # the vocabulary's own object
            self.path = (*self.path, (position, self.sets[position]))
        return True

    def holds(self, position: int, operation: Callable[[str, str], bool], other: str) -> bool:
        """Whether a token is less than another one, say; if that is open, it is now."""
        self.handed_out.discard(position)
        may_be = self.may_be(position)
        fulfil = frozenset(token for token in may_be if operation(token, other))
        if fulfil and fulfil != may_be and not self.done:
            self.open.append((*self.path, (position, may_be - fulfil)))
            self.sets[position] = fulfil
            self.path = (*self.path, (position, fulfil))
        return bool(fulfil)

    def compared(self, operation: Callable[[str, str], bool], position: int, its: "Run", at: int) -> bool:
        """The same of two that are unknown, the other of which is named unless their sets decide."""
        mine, theirs = self.may_be(position), its.may_be(at)
        ends = operation(min(mine), max(theirs)), operation(max(mine), min(theirs))
        if ends[0] != ends[1] or (its is self and at == position):
            return self.holds(position, operation, its.name(at))
        self.handed_out.discard(position)
        its.handed_out.discard(at)
        return ends[0]

    def name(self, position: int) -> str:
        """The token at a position; if that is open, it is the first of the vocabulary that it may be."""
        may_be = self.may_be(position)
        token = next(token for token in self.vocab if token in may_be)
        self.is_token(position, token)
        return token

    def real(self, positions: range) -> str | tuple[str, ...]:
        """The tokens at some positions, all of them named: a string where all tokens are single characters."""
        tokens = tuple(map(self.name, positions))
        return "".join(tokens) if _reads_strings(self.vocab) else tokens

    def cut(self, positions: range) -> bool:
        """Whether nothing is open at the positions of a slice; what is known of them counts as read."""
        self.asked.update(position for position in self.sets if position in positions)
        if all(len(self.sets.get(position, self.vocab)) == 1 for position in positions):
            return True
        self.cut_out.update(positions)
        return False


# The variables of what the function runs on, by their id: what is raised there is none of its errors.
OURS = {id(variables) for variables in (globals(), *map(vars, (lazy, lazy_count, stand_in)))}


def watched(function: Callable[[Any], frozenset[str]], context: Any, stumbles: Callable[[], None]) -> frozenset[str]:
    """The answer; `stumbles` is told of an error on the way, swallowed or not, that is none of a function's own."""

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        if id(frame.f_globals) in OURS:  # the rule's own calls are few beside these
            return None
        frame.f_trace_lines = False
        return seen

    def seen(frame: FrameType, event: str, raised: Any) -> Any:
        if event == "exception" and not issubclass(raised[0], ITS_OWN):
            stumbles()
        return seen

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        return function(context)
    finally:
        sys.settrace(before)


@cache
def _set(vocab: tuple[str, ...]) -> frozenset[str]:
    return frozenset(vocab)


@cache
def _reads_strings(vocab: tuple[str, ...]) -> bool:
    return reads_strings(vocab)
