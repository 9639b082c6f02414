"""One run of a plain function on a context of unknown tokens: what it asked, and the replies that were not given.

Where the function asks something that is not settled yet, the run goes on with one reply and notes the other for a
later run from the start; no exception is raised that the function could swallow. Comparing an unread token with a
constant splits what it may be in two; everything else names the token. Where a function insists on real tokens it gets
them.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import FrameType
from typing import Any

from properties.proof import lazy
from properties.proof.boxes import Replies
from properties.proof.lazy import LazyString, LazyTuple
from zoo.contexts import reads_strings
from zoo.rule import Asked

# What a function may raise and swallow: it means the same whatever the context is. Others come from C code that is
# handed something else than a real context, or from a stack that is deeper than it would be.
ITS_OWN = (LookupError, ValueError, ArithmeticError, AssertionError, StopIteration, GeneratorExit)


@dataclass
class Run:
    """One run of a function: what each position may hold by now, and the replies not given that are left open."""

    vocab: tuple[str, ...]
    length: int
    path: Replies
    open: list[Replies] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)  # positions that were read
    handed_out: set[int] = field(default_factory=set)  # those read as tokens, of which nothing was asked yet
    cut_out: set[int] = field(default_factory=set)  # those of slices of which not all was known
    stumble: Any = None  # all of the above as it was when something was asked for which only a real context will do
    done: bool = False  # it has answered, and nothing of it should be in use any more
    kept: list[int] = field(default_factory=list)  # positions that were asked about all the same

    def __post_init__(self) -> None:
        self.sets, self.every = dict(self.path), _set(self.vocab)

    def call(self, asked: Asked) -> frozenset[str]:
        """The function's answer. What it reads and does not ask about by itself, it gets named, and is run again."""
        kind, every = LazyString if _reads_strings(self.vocab) else LazyTuple, range(self.length)
        while True:
            settled, self.stumble = len(self.path), None
            for positions in (self.asked, self.handed_out, self.cut_out):
                positions.clear()
            try:
                answer = watched(asked.raw, kind(self, every), self.stumbles)
                if self.stumble is None and not self.handed_out:
                    return answer
            except (Exception, SystemExit):  # a real error comes again below, on real tokens
                pass
            if self.stumble is not None:  # over a token that it read, or a slice, or else over what is no real context
                self.path, self.sets, replies, self.asked, self.handed_out, self.cut_out = self.stumble
                del self.open[replies:]
                self.handed_out.update(at for at in self.asked if len(self.may_be(at)) > 1)
            # Unasked tokens may have gone to C code, and a failure there been swallowed.
            for position in sorted(self.handed_out) or sorted(self.cut_out):
                self.name(position)
            if len(self.path) == settled:  # there is nothing left that it would get as a real token now
                return self.named(asked)

    def stumbles(self) -> None:
        """From here on it may do what it would not do with a real context, and nothing of that counts."""
        if self.stumble is None:
            positions = (set(self.asked), set(self.handed_out), set(self.cut_out))
            self.stumble = (self.path, dict(self.sets), len(self.open), *positions)

    def named(self, asked: Asked) -> frozenset[str]:
        """The answer to the one context that is left when every token is named."""
        return asked(self.real(range(self.length)))

    def may_be(self, position: int) -> frozenset[str]:
        if self.done:
            self.kept.append(position)
        self.asked.add(position)
        return self.sets.get(position) or self.every

    def known(self, position: int) -> str | None:
        """The token at a position that is read, if that is known."""
        may_be = self.may_be(position)
        if len(may_be) > 1:
            self.handed_out.add(position)
            return None
        self.handed_out.discard(position)
        (token,) = may_be
        return token

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


# The variables of what the function runs on: what is raised there is none of its errors.
THESE, LAZY = globals(), vars(lazy)


def watched(function: Callable[[Any], frozenset[str]], context: Any, stumbles: Callable[[], None]) -> frozenset[str]:
    """The answer; `stumbles` is told of an error on the way, swallowed or not, that is none of a function's own."""

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        names = frame.f_globals
        if names is THESE or names is LAZY:  # the rule's own calls are few beside these
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
