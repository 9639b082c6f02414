"""What a rule or predictor permits when it may see no more of a context than a leaf says."""

import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from zoo.errors import CertificateError

Sets = dict[int, frozenset[str]]  # what a position may hold, where that is not any token
Context = str | tuple[str, ...]


def permitted(
    function: Callable[[Any], Any], sets: Sets, vocab: frozenset[str], strings: bool, n: int, where: str
) -> frozenset[str]:
    """CertificateError where that depends on more, or is no answer. `strings` says that contexts are strings.

    Two real contexts out of the leaf must be answered alike: a function can tell a blindfold from a context.
    """
    unasked: dict[int, bool] = {}
    blind = _Blindfolded if strings else _BlindfoldedTuple
    blindfolded = blind(sets, vocab, strings, range(n), unasked)
    try:
        said, stumbled = _watched(function, blindfolded[:])
        answer = _tokens(said)
    except (_PeekError, Exception, SystemExit) as error:
        raise CertificateError(f"the function does not answer by what {where} says alone ({error!r})") from None
    if stumbled:
        raise CertificateError(f"at {where} the function stumbles over a context of which not all is known")
    if any(unasked.values()):
        raise CertificateError(f"the function reads more than {where} says")
    if not answer <= vocab:
        raise CertificateError(f"at {where} the function permits {min(map(repr, answer - vocab))}, which is no token")
    for choose in (min, max):
        real = {i: frozenset([choose(sets.get(i, vocab))]) for i in range(n)}
        context = _Blindfolded(real, vocab, strings, range(n), {})[:]
        try:
            alike = _tokens(function(context)) == answer
        except (Exception, SystemExit) as error:
            raise CertificateError(f"the function raises {error!r} after {context!r}") from None
        if not alike:
            raise CertificateError(f"the function permits something else after {context!r} than at {where}")
    return answer


def _watched(function: Callable[[Any], Any], context: Any) -> tuple[Any, bool]:
    """The answer, and whether an error was swallowed on the way that C code raises over what is no real context."""
    stumbled: list[type[BaseException]] = []

    def watch(frame: FrameType, event: str, raised: Any) -> Any:
        frame.f_trace_lines = False
        if event == "exception" and issubclass(raised[0], TypeError | AttributeError):
            stumbled.append(raised[0])
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        return function(context), bool(stumbled)
    finally:
        sys.settrace(before)


def _tokens(answer: Any) -> frozenset[str]:
    return frozenset([answer] if isinstance(answer, str) else answer)


class _PeekError(BaseException):
    """The function wants to see more than it may; no `except Exception` of its own can hide that."""


class _Blindfolded:
    """A context of which only what a leaf says is known. A slice in which all is known is a real context."""

    __class__ = property(lambda self: str)

    def __init__(
        self, sets: Sets, vocab: frozenset[str], strings: bool, positions: range, unasked: dict[int, bool]
    ) -> None:
        self.sets, self.vocab, self.strings, self.positions, self.unasked = sets, vocab, strings, positions, unasked

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            positions = self.positions[index]
            known = [self.sets.get(position, self.vocab) for position in positions]
            if all(len(tokens) == 1 for tokens in known):
                real = tuple(next(iter(tokens)) for tokens in known)
                return "".join(real) if self.strings else real
            return type(self)(self.sets, self.vocab, self.strings, positions, self.unasked)
        position = self.positions[index]
        tokens = self.sets.get(position, self.vocab)
        if len(tokens) == 1:
            return next(iter(tokens))
        self.unasked.setdefault(position, True)
        return _Token(tokens, position, self.unasked)

    def __iter__(self) -> Iterator[Any]:
        return (self[i] for i in range(len(self)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, str | tuple | _Blindfolded):
            return len(self) == len(other) and all(a == b for a, b in zip(self, other))
        return False

    def __contains__(self, item: Any) -> bool:
        if isinstance(item, _Token) or not self.strings:
            return any(token == item for token in self)
        return any(self[i : i + len(item)] == item for i in range(len(self) - len(item) + 1))

    def endswith(self, suffix: Any) -> bool:
        ends = suffix if isinstance(suffix, tuple) else (suffix,)
        return any(len(s) <= len(self) and self[len(self) - len(s) :] == s for s in ends)

    def startswith(self, prefix: Any) -> bool:
        return any(self[: len(p)] == p for p in (prefix if isinstance(prefix, tuple) else (prefix,)))

    __hash__ = None  # type: ignore[assignment]


class _BlindfoldedTuple(_Blindfolded):
    """The same where contexts are tuples; patterns match it as a sequence."""

    __class__ = property(lambda self: tuple)


Sequence.register(_BlindfoldedTuple)


class _Token:
    """One of several tokens, nobody knows which."""

    __class__ = property(lambda self: str)

    def __init__(self, tokens: frozenset[str], position: int, unasked: dict[int, bool]) -> None:
        self.tokens, self.position, self.unasked = tokens, position, unasked

    def __eq__(self, other: object) -> bool:
        self.unasked[self.position] = False
        if isinstance(other, _Token) and other.position == self.position:
            return True
        others = other.tokens if isinstance(other, _Token) else {other}
        if self.tokens & others:
            self._peek()
        return False

    def __hash__(self) -> int:
        self._peek()
        raise AssertionError  # not reached

    def _peek(self) -> None:
        self.unasked[-1] = True  # for a function that swallows what is raised
        raise _PeekError
