"""Lazy contexts: run a plain function on a context of unknown tokens, and see on what its answer depends.

The leaves of `leaves(function, ...)` are the function's own decision tree: what each position may hold, and the answer.
Where the function asks something that is not settled yet, the run goes on with one reply and notes the other for a
later run from the start; no exception is raised that the function could swallow. Comparing an unread token with a
constant splits what it may be in two; everything else names the token. A real `str` cannot be imitated (C code reads
it without asking), so these are types of their own, and where a function insists on real tokens it gets them.
"""

import random
import sys
from collections.abc import Callable, Hashable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cache
from types import FrameType
from typing import Any

from properties.proof.boxes import Box, Path
from properties.proof.purity import changed, memory
from zoo.errors import RuleError

Function = Callable[[Any], Any]  # a rule or a predictor


def leaves(function: Function, vocab: Sequence[str], length: int, samples: int = 2, kind: str = "") -> Iterator[Box]:
    """The decision tree of a rule or predictor on all contexts of a length; the leaves partition those contexts.

    A run that continues an earlier one must ask what that one asked, and each leaf is tried on `samples` contexts out
    of it: RuleError where the function then asks or says something else (it depends on more than its context, on what
    it kept of an earlier one, say), where it raises, or where its answer is not made of tokens of the vocabulary, or
    not one of its `kind`, see `permitted`.
    """
    if isinstance(function, _lru_cache_wrapper):  # it would hash its argument, and so read all of it
        function = function.__wrapped__
    todo: list[Path] = [()]
    before = memory(function)
    while todo:
        run = Run(tuple(vocab), length, todo.pop())
        answer = permitted(function, run.call(function), vocab, kind)
        if unasked := [position for position, _ in run.path if position not in run.asked]:
            raise RuleError(
                f"{_name(function)} asked for token [{unasked[0] - length}] of {length} and, run again, did not, "
                "but should depend on nothing but its context"
            )
        todo += run.open
        leaf = Box(length, run.sets, answer, run.path)
        for context in _samples(leaf, run.vocab, samples):
            again = permitted(function, _call(function, context), vocab, kind)
            if again != answer:
                raise RuleError(
                    f"{_name(function)} says {_tokens(again)} to {context!r} and {_tokens(answer)} to the same context "
                    "read token by token, but should depend on nothing but its context"
                )
        yield leaf
    if name := changed(before, memory(function)):
        raise RuleError(
            f"{_name(function)} changes {name!r} when it is called, but should depend on nothing but its context; "
            "to keep results, use functools.cache"
        )


def permitted(function: Function, answer: Any, vocab: Sequence[str], kind: str = "") -> frozenset[str]:
    """The answer of a rule (a set of tokens) or a predictor (one token) as a set of permitted tokens.

    `kind` says which of them the function is; "" is either.
    """
    answer = _real(answer)
    if isinstance(answer, AbstractSet) and kind != "predictor":
        tokens = frozenset(map(_real, answer))
    elif isinstance(answer, str) and kind != "rule":
        tokens = frozenset([answer])
    else:
        right = {"rule": "a set of tokens", "predictor": "a token", "": "a token or a set of tokens"}[kind]
        raise RuleError(f"{_name(function)} answers {answer!r}, but should answer {right}")
    for token in tokens:
        if token not in tuple(vocab):
            raise RuleError(f"{_name(function)} answers {token!r}, but should answer tokens out of {', '.join(vocab)}")
    return tokens


@dataclass
class Run:
    """One run of a function: what each position may hold by now, and the replies not given that are left open."""

    vocab: tuple[str, ...]
    length: int
    path: Path
    open: list[Path] = field(default_factory=list)
    asked: set[int] = field(default_factory=set)  # positions that were read
    handed_out: set[int] = field(default_factory=set)  # those read as tokens, of which nothing was asked yet

    def __post_init__(self) -> None:
        self.sets = dict(self.path)

    def call(self, function: Function) -> Any:
        """The function's answer. What it reads and does not ask about by itself, it gets named, and is run again."""
        kind, every = LazyContext if _reads_strings(self.vocab) else LazyTuple, range(self.length)
        while True:
            self.asked.clear()
            self.handed_out.clear()
            try:
                answer, stumbled = watched(function, kind(self, every))
                if stumbled:  # over a token that it read, or else over what is no real context
                    self.handed_out.update(at for at in self.asked if len(self.may_be(at)) > 1)
                if not self.handed_out:
                    return _call(function, self.real(every)) if stumbled else answer
            except (Exception, SystemExit):  # a real error comes again below, on real tokens
                if not self.handed_out:
                    return _call(function, self.real(every))
            for position in sorted(self.handed_out):  # it may have gone to C code, and a failure there been swallowed
                self.name(position)

    def may_be(self, position: int) -> frozenset[str]:
        self.asked.add(position)
        return self.sets.get(position) or _set(self.vocab)

    def is_token(self, position: int, token: object) -> bool:
        """Whether a position holds a token; if that is open, it does now."""
        self.handed_out.discard(position)
        may_be = self.may_be(position)
        if not isinstance(token, str) or token not in may_be:
            return False
        if len(may_be) > 1:
            self.open.append((*self.path, (position, may_be - {token})))
            self.sets[position] = frozenset([token])
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


def watched(function: Function, context: Any) -> tuple[Any, bool]:
    """The answer, and whether a TypeError or AttributeError was raised on the way and swallowed.

    C code raises those where it is handed something else than a real context, and a function may have a way out.
    """
    stumbled = False

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_lines = False
        return None if frame.f_code.co_filename == __file__ else seen

    def seen(frame: FrameType, event: str, raised: Any) -> Any:
        nonlocal stumbled
        stumbled = stumbled or (event == "exception" and issubclass(raised[0], TypeError | AttributeError))
        return seen

    before = sys.gettrace()
    sys.settrace(entered)
    try:
        return function(context), stumbled
    finally:
        sys.settrace(before)


class LazyToken:
    """A token that was read and not looked at yet. To `isinstance` it is a string, as the real one is."""

    __class__ = property(lambda self: str)

    def __init__(self, run: Run, position: int) -> None:
        self._run, self._position = run, position

    def __eq__(self, other: object) -> bool:
        if isinstance(other, LazyToken):
            if other._run is self._run and other._position == self._position:
                return True
            other = str(other)
        return self._run.is_token(self._position, other)

    def __str__(self) -> str:
        return self._run.name(self._position)

    def __hash__(self) -> int:
        return hash(str(self))

    def __bool__(self) -> bool:
        return True  # no token is empty

    def __getattr__(self, name: str) -> Any:
        return getattr(str(self), name)


class LazyContext:
    """Some positions of an unknown context, in order. Reading gives a token where it is known, else a lazy one.

    To `isinstance` it is a string, as real contexts are where all tokens are single characters.
    """

    __class__ = property(lambda self: str)

    def __init__(self, run: Run, positions: range) -> None:
        self._run, self._positions = run, positions

    def __len__(self) -> int:
        return len(self._positions)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return type(self)(self._run, self._positions[index])
        position = self._positions[index]
        if len(self._run.may_be(position)) == 1:
            return self._run.name(position)
        self._run.handed_out.add(position)
        return LazyToken(self._run, position)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LazyContext | (str if _reads_strings(self._run.vocab) else tuple)):
            return False
        return len(self) == len(other) and all(mine == its for mine, its in zip(self, other))

    def __contains__(self, item: object) -> bool:
        if _reads_strings(self._run.vocab) and isinstance(item, str | LazyContext):
            return any(self[i : i + len(item)] == item for i in range(len(self) - len(item) + 1))
        return any(token == item for token in self)

    def __str__(self) -> str:
        return str(self._run.real(self._positions))

    def __repr__(self) -> str:
        return repr(self._run.real(self._positions))

    def __hash__(self) -> int:
        return hash(self._run.real(self._positions))

    def __getattr__(self, name: str) -> Any:
        if _reads_strings(self._run.vocab) and name in ("startswith", "endswith"):
            return self._starts if name == "startswith" else self._ends
        return getattr(self._run.real(self._positions), name)

    def _starts(self, prefix: Any) -> bool:
        return any(self[: len(p)] == p for p in (prefix if isinstance(prefix, tuple) else (prefix,)))

    def _ends(self, suffix: Any) -> bool:
        suffixes = suffix if isinstance(suffix, tuple) else (suffix,)
        return any(len(s) <= len(self) and self[len(self) - len(s) :] == s for s in suffixes)


class LazyTuple(LazyContext):
    """The same where contexts are tuples; patterns match it as a sequence."""

    __class__ = property(lambda self: tuple)


Sequence.register(LazyTuple)


def _on_real(kind: type, name: str) -> None:
    """Gives a lazy type an operator that names what it needs and works on real tokens."""

    def operator(self: Any, *others: Any) -> Any:
        real = _real(self)
        method = getattr(type(real), name, None)
        if method is None:  # str has no __radd__
            return others[0] + real if isinstance(others[0], type(real)) else NotImplemented
        return method(real, *map(_real, others))

    setattr(kind, name, operator)


def _real(value: Any) -> Any:
    if isinstance(value, LazyContext):
        return value._run.real(value._positions)
    return str(value) if isinstance(value, LazyToken) else value


for _operator in ("__lt__", "__le__", "__gt__", "__ge__", "__add__", "__radd__", "__mul__", "__rmul__"):
    _on_real(LazyToken, _operator)
    _on_real(LazyContext, _operator)
for _operator in ("__len__", "__getitem__", "__iter__", "__contains__", "__format__", "__repr__"):
    _on_real(LazyToken, _operator)
_on_real(LazyContext, "__format__")


@cache
def _set(vocab: tuple[str, ...]) -> frozenset[str]:
    return frozenset(vocab)


@cache
def _reads_strings(vocab: tuple[str, ...]) -> bool:
    return all(len(token) == 1 for token in vocab)


def _call(function: Function, context: Hashable) -> Any:
    try:
        return function(context)
    except (Exception, SystemExit) as error:
        raise RuleError(
            f"{_name(function)} raises {type(error).__name__} ({error}) on {context!r}, but should answer every context"
        ) from error


def _samples(leaf: Box, vocab: tuple[str, ...], samples: int) -> Iterator[Any]:
    """Real contexts out of a leaf: at random, and every second time with one token wherever that may be."""
    for i in range(samples):
        pool = _pool(vocab, _RANDOM.choice(vocab) if i % 2 else "", 1 << leaf.length.bit_length())
        start = _RANDOM.randrange(len(pool) - leaf.length)
        context, at = pool[:0], 0
        for position, may_be in sorted(leaf.sets.items()):
            token = pool[start + position]
            token = token if token in may_be else _RANDOM.choice(sorted(may_be))
            context += pool[start + at : start + position] + (token if isinstance(pool, str) else (token,))
            at = position + 1
        yield context + pool[start + at : start + leaf.length]


_RANDOM = random.Random(0)  # its own generator: a rule that reseeds the global one changes nothing here


@cache
def _pool(vocab: tuple[str, ...], only: str, size: int) -> Any:
    """Random tokens, or one again and again, to cut samples from: to draw each would take longer than the rule."""
    drawn = tuple(_RANDOM.choices([only] if only else vocab, k=2 * size + 997))
    return "".join(drawn) if _reads_strings(vocab) else drawn


def _tokens(tokens: frozenset[str]) -> str:
    return "{" + ", ".join(sorted(tokens)) + "}"


def _name(function: Function) -> str:
    return getattr(function, "__name__", repr(function))
