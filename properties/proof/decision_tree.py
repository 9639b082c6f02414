"""Lazy contexts: run a plain function on a context of unknown tokens, and see on what its answer depends.

The leaves of `leaves(function, ...)` are the function's own decision tree: what each position may hold, and the answer.
Where the function asks something that is not settled yet, the run goes on with one reply and notes the other for a
later run from the start; no exception is raised that the function could swallow. Comparing an unread token with a
constant splits what it may be in two; everything else names the token. A real `str` cannot be imitated (C code reads
it without asking), so these are types of their own, and where a function insists on real tokens it gets them; one whose
code could tell the difference and say nothing (`zoo.rule.telling`) gets nothing else.
"""

import operator
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import _lru_cache_wrapper, cache
from types import FrameType
from typing import Any

from properties.proof.boxes import Box, Replies
from properties.proof.samples import Samples
from zoo.contexts import reads_strings
from zoo.errors import RuleError
from zoo.rule import LAZY, Asked, Function, name_of, plain
from zoo.rule.remembering import SHOULD
from zoo.rule.watch import AGAIN, Said, ask_again, known, tokens

# What a function may raise and swallow: it means the same whatever the context is. Others come from C code that is
# handed something else than a real context, or from a stack that is deeper than it would be.
ITS_OWN = (LookupError, ValueError, ArithmeticError, AssertionError, StopIteration, GeneratorExit)


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
    one: then each leaf is one context, and is asked about as a real one.
    """

    def __init__(self, function: Function, vocab: Sequence[str], kind: str = "", samples: int = 2) -> None:
        while isinstance(function, _lru_cache_wrapper):  # it would hash its argument, and so read all of it
            function = function.__wrapped__
        self.asked = Asked(function, vocab, kind, LAZY)
        self.vocab = tuple(map(plain, vocab))
        self.samples = Samples(self.vocab, samples)
        self.before = known(function)
        self.tells = self.before.tells
        self.said: deque[Said] = deque(maxlen=AGAIN)
        self.number = 0
        self.kept: list[int] = []  # what was asked about tokens of an earlier run

    def leaves(self, length: int) -> Iterator[Box]:
        """The leaves of a length; the memory is looked at after as many leaves as are a power of two."""
        todo: list[Replies] = [()]
        while todo:
            run = Run(self.vocab, length, todo.pop(), kept=self.kept)
            answer = run.named(self.asked) if self.tells else run.call(self.asked)
            run.done = True
            if self.kept:
                raise RuleError(f"{name_of(self.asked.function)} keeps tokens that it was given before, {SHOULD}")
            if unasked := [position for position, _ in run.path if position not in run.asked]:
                raise RuleError(
                    f"{name_of(self.asked.function)} asked for token [{unasked[0] - length}] of {length} and, run "
                    f"again, did not, {SHOULD}"
                )
            todo += run.open
            leaf = Box(length, run.sets, answer, run.path)
            self._try(leaf)
            self.number += 1
            if not self.number & (self.number - 1):
                self.before.memory.check()
            yield leaf

    def check(self) -> None:
        """RuleError where the function has changed anything, or a copy says something else in the opposite order."""
        self.before.memory.check()
        if self.before.copy is not None:
            ask_again(self.said, self.asked, self.before.copy)
        self.said.clear()

    def _try(self, leaf: Box) -> None:
        """RuleError where the function says something else to real contexts out of a leaf."""
        context = None
        for context in self.samples.of(leaf):
            again = self.asked(context)
            if again != leaf.permitted:
                how = "before" if self.tells else "read token by token"
                raise RuleError(
                    f"{name_of(self.asked.function)} says {tokens(again)} to {context!r} and {tokens(leaf.permitted)} "
                    f"to the same context {how}, {SHOULD}"
                )
        if context is not None and self.before.copy is not None:
            self.said.append((context, leaf.permitted))


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
        self.sets = dict(self.path)

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
        return self.sets.get(position) or _set(self.vocab)

    def is_token(self, position: int, token: str) -> bool:
        """Whether a position holds a token; if that is open, it does now."""
        self.handed_out.discard(position)
        may_be = self.may_be(position)
        if token not in may_be:
            return False
        if len(may_be) > 1 and not self.done:
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

    def cut(self, positions: range) -> bool:
        """Whether nothing is open at the positions of a slice; what is known of them counts as read."""
        self.asked.update(position for position in self.sets if position in positions)
        if all(len(self.sets.get(position, self.vocab)) == 1 for position in positions):
            return True
        self.cut_out.update(positions)
        return False


def watched(function: Callable[[Any], frozenset[str]], context: Any, stumbles: Callable[[], None]) -> frozenset[str]:
    """The answer; `stumbles` is told of an error on the way, swallowed or not, that is none of a function's own."""
    mine = globals()

    def entered(frame: FrameType, event: str, _: Any) -> Any:
        frame.f_trace_lines = False
        return None if frame.f_globals is mine else seen

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


class _StandIn:
    """What stands in for a real object. It has the attributes of that one, and no others.

    What it knows is in a slot that only this file can open.
    """

    __slots__ = ("__known",)

    def __init__(self, *known: Any) -> None:
        _keep(self, known)

    def __getattribute__(self, name: str) -> Any:
        kind = _KINDS[type(self)]
        if name == "__class__":
            return kind
        getattr(kind, name)  # AttributeError, as of a real one
        return getattr(_real(self), name)

    def __setattr__(self, name: str, value: object) -> None:
        object.__setattr__(_KINDS[type(self)](), name, value)  # AttributeError, as of a real one

    def __delattr__(self, name: str) -> None:
        object.__delattr__(_KINDS[type(self)](), name)

    def __dir__(self) -> list[str]:
        return dir(_KINDS[type(self)])


_keep: Callable[[Any, Any], None] = vars(_StandIn)["_StandIn__known"].__set__
_open: Callable[[Any], Any] = vars(_StandIn)["_StandIn__known"].__get__


class LazyToken(_StandIn):
    """A token that was read and not looked at yet. To `isinstance` it is a string, as the real one is."""

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        run, position = _open(self)
        kind = type(other)
        if kind is str:
            return bool(run.is_token(position, other))
        if kind is LazyToken:
            its, at = _open(other)
            return (its is run and at == position) or bool(run.is_token(position, its.name(at)))
        if kind is LazyString:
            return bool(run.is_token(position, _real(other)))
        run.handed_out.discard(position)  # it is the same answer for all tokens
        return _equals(self, other, str)

    def __str__(self) -> str:
        run, position = _open(self)
        return str(run.name(position))

    def __hash__(self) -> int:
        return hash(str(self))

    def __bool__(self) -> bool:
        return True  # no token is empty


class LazyString(_StandIn):
    """Some positions of an unknown context, in order. Reading gives a token where it is known, else a lazy one.

    To `isinstance` it is a string, as real contexts are where all tokens are single characters.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return len(_open(self)[1])

    def __getitem__(self, index: Any) -> Any:
        return _read(self, index)

    def __iter__(self) -> Iterator[Any]:
        return LazyIterator(self, [0])

    def __eq__(self, other: Any) -> Any:
        run, positions = _open(self)
        kind = type(other)
        if kind is str:
            return len(positions) == len(other) and all(map(run.is_token, positions, other))
        if kind is LazyString:
            return len(self) == len(other) and all(mine == its for mine, its in zip(self, other))
        if kind is LazyToken:  # of one character
            return len(self) == 1 and bool(self[0] == other)
        return _equals(self, other, str)

    def __contains__(self, item: Any) -> bool:
        if not isinstance(item, str):
            raise TypeError(f"'in <string>' requires string as left operand, not {type(item).__name__}")
        sought, size = _sought(item)
        return any(_part(self, i, size) == sought for i in range(len(self) - size + 1))

    def __str__(self) -> str:
        return str(_real(self))

    def __hash__(self) -> int:
        return hash(_real(self))

    def __getattribute__(self, name: str) -> Any:
        return LazyMethod(self, name) if name in ("startswith", "endswith") else super().__getattribute__(name)


class LazyTuple(_StandIn):
    """The same where contexts are tuples; patterns match it as a sequence.

    `tuple[context]` holds a real one's tokens, and else the object itself: that is met again where it is hashed,
    printed or compared with what is no tuple, and then it insists on a real context.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return len(_open(self)[1])

    def __getitem__(self, index: Any) -> Any:
        return _read(self, index)

    def __iter__(self) -> Iterator[Any]:
        return LazyIterator(self, [0])

    def __eq__(self, other: Any) -> Any:
        if type(other) in (tuple, LazyTuple):
            return len(self) == len(other) and all(mine == its for mine, its in zip(self, other))
        return _equals(_insisting(self), other, tuple)

    def __contains__(self, item: Any) -> bool:
        return any(token is item or token == item for token in self)

    def __str__(self) -> str:
        return str(_real(_insisting(self)))

    def __repr__(self) -> str:
        return repr(_real(_insisting(self)))

    def __format__(self, how: str) -> str:
        return format(_real(_insisting(self)), how)

    def __hash__(self) -> int:
        return hash(_real(_insisting(self)))


Sequence.register(LazyTuple)


class LazyIterator(_StandIn):
    """Reads a lazy context from its beginning."""

    __slots__ = ()

    def __iter__(self) -> "LazyIterator":
        return self

    def __next__(self) -> Any:
        context, at = _open(self)
        if at[0] >= len(context):
            raise StopIteration
        at[0] += 1
        return context[at[0] - 1]


class LazyMethod(_StandIn):
    """`startswith` or `endswith` of a lazy string."""

    __slots__ = ()

    def __call__(self, *sought: Any, **more: Any) -> bool:
        context, name = _open(self)
        real = len(sought) != 1 or more or not isinstance(sought[0], str | tuple)
        if real:
            return bool(getattr(_real(context), name)(*sought, **more))
        for part in (sought[0],) if isinstance(sought[0], str) else tuple(sought[0]):
            if not isinstance(part, str):
                raise TypeError(f"tuple for {name} must only contain str, not {type(part).__name__}")
            text, size = _sought(part)
            start = 0 if name == "startswith" else len(context) - size
            if size <= len(context) and _part(context, start, size) == text:
                return True
        return False

    def __eq__(self, other: Any) -> Any:
        return type(other) is LazyMethod and all(map(operator.is_, _open(self), _open(other)))

    def __hash__(self) -> int:
        return hash(tuple(map(id, _open(self))))

    def __repr__(self) -> str:
        return f"<built-in method {_open(self)[1]} of str object at {id(_open(self)[0]):#x}>"


_KINDS: dict[type, Any] = {
    LazyToken: str,
    LazyString: str,
    LazyTuple: tuple,
    LazyIterator: type(iter("")),
    LazyMethod: type("".startswith),
}


def _insisting(context: Any) -> Any:
    _open(context)[0].stumbles()
    return context


def _read(context: Any, index: Any) -> Any:
    """What is at a position, or at several: a real string or tuple where all is known, else what stands in for it."""
    run, positions = _open(context)
    try:
        found = positions[index]
    except (IndexError, TypeError):
        return _KINDS[type(context)]()[index]  # with the words of a real one
    if isinstance(found, range):
        return run.real(found) if run.cut(found) else type(context)(run, found)
    if len(run.may_be(found)) == 1:
        return run.name(found)
    run.handed_out.add(found)
    return LazyToken(run, found)


def _part(context: Any, start: int, size: int) -> Any:
    """A slice that nobody gets to see."""
    run, positions = _open(context)
    return type(context)(run, positions[start : start + size])


def _sought(text: Any) -> tuple[Any, int]:
    """A text that is looked for in a string, and its length."""
    kind: Any = type(text)
    if kind is LazyToken:  # of one character
        return text, 1
    return (text, len(text)) if kind is LazyString else (plain(text), len(plain(text)))


def _equals(mine: Any, other: Any, own: type) -> Any:
    """`mine == other` with what is of a class of its own, which is asked first, as by a real string or tuple."""
    kind: Any = type(other)
    if not issubclass(kind, own):
        return NotImplemented
    if kind.__eq__ is not own.__eq__ and (answer := kind.__eq__(other, mine)) is not NotImplemented:
        return answer
    return mine == (plain(other) if own is str else tuple.__getitem__(other, slice(None)))


def _real(value: Any) -> Any:
    """What a stand-in stands for; any other object is itself."""
    kind = type(value)
    if kind is LazyToken:
        return str(value)
    if kind in (LazyString, LazyTuple):
        run, positions = _open(value)
        return run.real(positions)
    if kind is LazyIterator:
        context, at = _open(value)
        return iter(_real(context)[at[0] :])
    if kind is LazyMethod:
        context, name = _open(value)
        return getattr(_real(context), name)
    return value


def _on_real(kind: type, name: str, operation: Callable[..., Any]) -> None:
    """Gives a lazy type an operator that names what it needs and works on real tokens."""
    setattr(kind, name, lambda self, *others: operation(*map(_real, (self, *others))))


for _kind in (LazyToken, LazyString, LazyTuple):
    for _name in ("lt", "le", "gt", "ge", "add", "mul", "mod"):
        _on_real(_kind, f"__{_name}__", getattr(operator, _name))
    _on_real(_kind, "__radd__", lambda mine, other: operator.add(other, mine))
    _on_real(_kind, "__rmul__", lambda mine, other: operator.mul(other, mine))
_asked: tuple[Callable[..., Any], ...] = (len, iter, operator.getitem, operator.contains)
for _kind in (LazyToken, LazyString):
    _on_real(_kind, "__format__", format)
    _on_real(_kind, "__repr__", repr)
_on_real(LazyIterator, "__repr__", repr)
for _method in _asked:
    _on_real(LazyToken, f"__{_method.__name__}__", _method)


@cache
def _set(vocab: tuple[str, ...]) -> frozenset[str]:
    return frozenset(vocab)


@cache
def _reads_strings(vocab: tuple[str, ...]) -> bool:
    return reads_strings(vocab)
