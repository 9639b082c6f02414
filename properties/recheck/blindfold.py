"""What a rule or predictor permits when it may see no more of a context than a leaf says."""

import operator
import sys
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

from properties.recheck.hidden import GET, IS, Hidden, PeekError, peek
from properties.recheck.hidden_number import number
from properties.recheck.sight import Sight, Unasked
from zoo.errors import CertificateError
from zoo.rule import Asked, Looked, plain

Context = str | tuple[str, ...]
Said = frozenset[str]
# A function may raise these whatever the context is; others come from what is no real one.
ITS_OWN = (LookupError, ValueError, ArithmeticError, AssertionError, StopIteration, GeneratorExit)
LOOKED = Looked("", True)  # nothing could tell, and any error might be swallowed


def blind_answer(asked: Asked, known: Sight, strings: bool, where: object, looked: Looked = LOOKED) -> frozenset[str]:
    """What the function permits in every context of a leaf. `strings` says that contexts are strings.

    CertificateError where that depends on more than the leaf says, or is no answer.

    A single context is asked about as it is; where the function could tell a blindfold from that (by what `looked`
    names), nothing else is believed. Else two real contexts out of the leaf must be answered alike.
    """
    first, last = (joined(some, strings) for some in known.ends)
    if first == last and known.is_one:
        return said_of(asked, first)
    answer = said_of(asked, first) if looked.tells else _blindfolded(asked, known, strings, where, looked.swallows)
    for context in (first, last):
        if said_of(asked, context) != answer:
            raise CertificateError(f"the function permits something else after {context!r} than at {where}")
    if looked.tells:
        raise CertificateError(f"the function uses {looked.tells}, and {where} should be one context, but is several")
    return answer


def _blindfolded(asked: Asked, known: Sight, strings: bool, where: object, swallows: bool) -> frozenset[str]:
    """What the function permits that does not see more than `known`. Where it swallows no error, all come out here."""
    unasked = Unasked(known)
    context = (_String if strings else _Tuple)(known, range(len(known)), unasked)
    try:
        answer, stumbled = _watched(asked.raw, context) if swallows else (asked.raw(context), False)
    except (PeekError, Exception, SystemExit) as error:
        raise CertificateError(f"the function does not answer by what {where} says alone ({error!r})") from None
    if stumbled:
        raise CertificateError(f"at {where} the function stumbles over a context of which not all is known")
    if any(unasked.values()):
        raise CertificateError(f"the function reads more than {where} says")
    return answer


def joined(tokens: Sequence[str], strings: bool) -> Context:
    """A context of these tokens."""
    return "".join(tokens) if strings else tuple(tokens)


def said_of(asked: Asked, context: Context) -> frozenset[str]:
    try:
        return asked.raw(context)
    except (Exception, SystemExit) as error:
        raise CertificateError(f"the function raises {error!r} after {context!r}") from None


def _watched(function: Callable[[Any], Said], context: Any) -> tuple[Said, bool]:
    """The answer, and whether an error was swallowed on the way that C code raises over what is no real context."""
    stumbled: list[type[BaseException]] = []

    def watch(frame: FrameType, event: str, raised: Any) -> Any:
        frame.f_trace_lines = False
        if event == "exception" and not issubclass(raised[0], (*ITS_OWN, PeekError)):
            stumbled.append(raised[0])
        return watch

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        return function(context), bool(stumbled)
    finally:
        sys.settrace(before)


class _String(Hidden):
    """A context of which only what a leaf says is known. A slice in which all is known is a real context."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(GET(self)[1])

    def __getitem__(self, index: Any) -> Any:
        return _read(self, index)

    def __iter__(self) -> Iterator[Any]:
        return _Reader(self, [0], GET(self)[-1])

    def __eq__(self, other: Any) -> Any:
        if type(other) in (str, _String):
            return len(self) == len(other) and all(map(operator.eq, self, other))
        if type(other) is _Token:  # of one character
            return len(self) == 1 and bool(self[0] == other)
        return _with_stranger(self, other)

    def __contains__(self, item: Any) -> bool:
        text, size = _text(item)
        return any(self[i : i + size] == text for i in range(len(self) - size + 1))

    def __getattribute__(self, name: str) -> Any:
        if name in ("startswith", "endswith", "count"):
            return _Method(self, name, GET(self)[-1])
        return super().__getattribute__(name)


class _Tuple(Hidden):
    """The same where contexts are tuples; patterns match it as a sequence."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(GET(self)[1])

    def __getitem__(self, index: Any) -> Any:
        return _read(self, index)

    def __iter__(self) -> Iterator[Any]:
        return _Reader(self, [0], GET(self)[-1])

    def __eq__(self, other: Any) -> Any:
        if type(other) in (tuple, _Tuple):
            if len(self) != len(other):  # a real one asks what is of a class of its own all the same
                plainly = type(other) is _Tuple or all(type(its) in (str, _Token) for its in other)
                return False if plainly else peek(self)
            return all(map(operator.eq, self, other))
        return peek(self)  # `tuple[context]` holds the tokens of a real one: it is not met within that

    def __contains__(self, item: Any) -> bool:
        return any(token == item for token in self)

    def __getattribute__(self, name: str) -> Any:
        return _Method(self, name, GET(self)[-1]) if name == "count" else super().__getattribute__(name)


Sequence.register(_Tuple)


class _Token(Hidden):
    """One of several tokens, nobody knows which."""

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        tokens, position, unasked = GET(self)
        unasked[position] = False
        if type(other) is _String:
            return len(other) == 1 and bool(self == other[0])
        if type(other) is _Token and GET(other)[1] == position:
            return True
        if type(other) not in (str, _Token):
            return _with_stranger(self, other)
        others = GET(other)[0] if type(other) is _Token else {other}
        return bool(peek(self)) if tokens & others else False

    def __bool__(self) -> bool:
        return True  # no token is empty


class _Reader(Hidden):
    """Reads a context from its beginning."""

    __slots__ = ()

    def __iter__(self) -> "_Reader":
        return self

    def __next__(self) -> Any:
        context, at, _ = GET(self)
        if at[0] >= len(context):
            raise StopIteration
        at[0] += 1
        return context[at[0] - 1]


class _Method(Hidden):
    """Whether a context starts or ends with one of some texts; or how often it has a token."""

    __slots__ = ()

    def __call__(self, *sought: Any, **more: Any) -> Any:
        context, name, _ = GET(self)
        if name == "count" and not more:
            return _counted(context, *sought)
        if len(sought) != 1 or more:
            return bool(peek(self))
        for one in tuple(sought[0]) if isinstance(sought[0], tuple) else sought:
            text, size = _text(one)
            start = 0 if name == "startswith" else len(context) - size
            if context[start : start + size] == text:  # of another length it is another
                return True
        return False


IS.update({_String: str, _Tuple: tuple, _Token: str, _Reader: type(iter("")), _Method: type("".startswith)})


def _read(context: Any, index: Any) -> Any:
    known, positions, unasked = GET(context)
    try:
        found = positions[index]
    except (IndexError, TypeError):
        return IS[type(context)]()[index]  # with the words of a real one
    if not isinstance(found, range):
        if len(known[found]) == 1:
            return min(known[found])
        unasked.setdefault(found, True)
        return _Token(known[found], found, unasked)
    if all(len(known[position]) == 1 for position in found):
        return joined([min(known[position]) for position in found], type(context) is _String)
    return type(context)(known, found, unasked)


def _counted(context: Any, token: Any = None, *ends: Any) -> Any:
    """How often a token occurs, in a string between two ends that may be given."""
    _, positions, unasked = GET(context)
    strings = type(context) is _String
    fine = type(token) is str and all(type(end) in (int, type(None)) for end in ends)
    if not fine or len(ends) > 2 * strings or (strings and len(token) != 1):
        return peek(context)
    start, end = (*ends, None, None)[:2]
    some = positions[start:end]
    found = unasked.sight.number(some if some.step > 0 else some[::-1], token)
    if found is None:
        return peek(context)
    constant, terms = found
    for key in terms:
        unasked.setdefault(key, True)
    return number(constant, terms, unasked)


def _text(item: Any) -> tuple[Any, int]:
    """A text that is looked for in a string, and its length."""
    if type(item) in (_String, _Token):
        return item, 1 if type(item) is _Token else len(item)
    if not isinstance(item, str):
        raise TypeError(f"a string is looked for in a string, not {type(item).__name__}")
    return plain(item), len(plain(item))


def _with_stranger(mine: Any, other: Any) -> Any:
    """`mine == other` with what is of a class of its own: a string of one is asked first, as by a real string."""
    kind: Any = type(other)
    if not issubclass(kind, str):
        return NotImplemented
    if (answer := kind.__eq__(other, mine)) is not NotImplemented:
        return answer
    return mine == plain(other)


def _ordered(operation: Callable[[str, str], bool]) -> Callable[[Any, Any], Any]:
    """`<` and the like of a token, where it is the same for all that it may be."""

    def compared(self: Any, other: Any) -> Any:
        tokens, position, unasked = GET(self)
        if type(other) not in (str, _Token):
            return peek(self)
        unasked[position] = False
        others = {other} if type(other) is str else GET(other)[0]
        if type(other) is _Token:
            unasked[GET(other)[1]] = False
            if GET(other)[1] == position:
                tokens = others = {""}  # each is the same as itself
        ends = operation(min(tokens), max(others)), operation(max(tokens), min(others))
        return ends[0] if ends[0] == ends[1] else bool(peek(self))

    return compared


for _name in ("str", "repr", "format", "hash"):
    for _kind in (_String, _Tuple, _Token, _Reader, _Method):
        setattr(_kind, f"__{_name}__", peek)
for _name in ("lt", "le", "gt", "ge", "add", "radd", "mul", "rmul", "mod"):
    for _kind in (_String, _Tuple, _Token):
        setattr(_kind, f"__{_name}__", peek)
for _operation in (operator.lt, operator.le, operator.gt, operator.ge):
    setattr(_Token, f"__{_operation.__name__}__", _ordered(_operation))
setattr(_Method, "__eq__", peek)  # noqa: B010
for _name in ("len", "getitem", "iter", "contains"):
    setattr(_Token, f"__{_name}__", peek)
