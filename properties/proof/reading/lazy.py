"""Lazy contexts: what stands in for a string or a tuple of tokens of which not all is known, and asks a run for them.

A real `str` cannot be imitated (C code reads it without asking), so these are types of their own; a function whose code
could tell the difference and say nothing (`zoo.rule.telling`) does not get them.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from zoo.rule import plain


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

    def __ne__(self, other: Any) -> Any:
        kind, own = type(other), _KINDS[type(self)]
        if kind is not own and kind not in _KINDS and issubclass(kind, own):  # it is asked first, and may say anything
            return operator.ne(_real(self), other)
        return object.__ne__(self, other)


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


def _read(context: Any, index: Any) -> Any:
    """What is at a position, or at several: a real string or tuple where all is known, else what stands in for it."""
    run, positions = _open(context)
    try:
        found = positions[index]
    except (IndexError, TypeError):
        return _KINDS[type(context)]()[index]  # with the words of a real one
    if type(found) is range:
        return run.real(found) if run.cut(found) else type(context)(run, found)
    token = run.known(found)
    return LazyToken(run, found) if token is None else token


class _Context(_StandIn):
    """Some positions of an unknown context, in order, which can be counted and read."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(_open(self)[1])

    __getitem__ = _read  # not through a function of its own: each is seen by the run's tracing

    def __iter__(self) -> Iterator[Any]:
        return LazyIterator(self, [0])


class LazyString(_Context):
    """Some positions of an unknown context, in order. Reading gives a token where it is known, else a lazy one.

    To `isinstance` it is a string, as real contexts are where all tokens are single characters.
    """

    __slots__ = ()

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

    def __getattribute__(self, name: str) -> Any:
        return LazyMethod(self, name) if name in ("startswith", "endswith", "count") else super().__getattribute__(name)


class LazyTuple(_Context):
    """The same where contexts are tuples; patterns match it as a sequence.

    `tuple[context]` holds a real one's tokens, and else the object itself: that is met again where it is hashed,
    printed or compared with what is no tuple, and then it insists on a real context.
    """

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        if type(other) in (tuple, LazyTuple):
            if len(self) != len(other):  # what is of a class of its own is asked all the same
                return type(other) is tuple and any(type(its) is not str for its in other) and _real(self) == other
            return all(mine == its for mine, its in zip(self, other))
        return _equals(_insisting(self), other, tuple)

    def __contains__(self, item: Any) -> bool:
        return any(token is item or token == item for token in self)

    def __getattribute__(self, name: str) -> Any:
        return LazyMethod(self, name) if name == "count" else super().__getattribute__(name)


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
    """`startswith` or `endswith` of a lazy string, or `count` of it or of a lazy tuple."""

    __slots__ = ()

    def __call__(self, *sought: Any, **more: Any) -> Any:
        context, name = _open(self)
        if name == "count":
            return _open(context)[0].count(context, sought, more)
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
        context, name = _open(self)
        return f"<built-in method {name} of {_KINDS[type(context)].__name__} object at {id(context):#x}>"


_KINDS: dict[type, Any] = {
    LazyToken: str,
    LazyString: str,
    LazyTuple: tuple,
    LazyIterator: type(iter("")),
    LazyMethod: type("".startswith),
}


REALS: dict[type, Callable[[Any], Any]] = {}  # of other stand-ins, how to get what they stand for


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
    return REALS[kind](value) if kind in REALS else value


def _on_real(kind: type, name: str, operation: Callable[..., Any]) -> None:
    """Gives a lazy type an operator that names what it needs and works on real tokens."""
    setattr(kind, name, lambda self, *others: operation(*map(_real, (self, *others))))


def _insisting(context: Any) -> Any:
    _open(context)[0].stumbles()
    return context


def _ordered(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`<` and the like of a token, which split what it may be in two."""

    def compared(self: Any, other: Any) -> Any:
        run, position = _open(self)
        if type(other) is LazyToken:
            return bool(run.compared(operation, position, *_open(other)))
        other = _real(other)
        is_own = type(other) is str
        return bool(run.holds(position, operation, other)) if is_own else operation(_real(self), other)

    return compared


for _kind in (LazyToken, LazyString, LazyTuple):
    for _name in ("lt", "le", "gt", "ge", "add", "mul", "mod"):
        _on_real(_kind, f"__{_name}__", getattr(operator, _name))
    _on_real(_kind, "__radd__", lambda mine, other: operator.add(other, mine))
    _on_real(_kind, "__rmul__", lambda mine, other: operator.mul(other, mine))
for _operation in (operator.lt, operator.le, operator.gt, operator.ge):
    setattr(LazyToken, f"__{_operation.__name__}__", _ordered(_operation))
_asked: tuple[Callable[..., Any], ...] = (len, iter, operator.getitem, operator.contains)
_on_real(LazyToken, "__format__", format)
_on_real(LazyToken, "__repr__", repr)
for _text in (str, repr, format, hash):
    _on_real(LazyString, f"__{_text.__name__}__", _text)
    setattr(LazyTuple, f"__{_text.__name__}__", lambda self, *how, of=_text: of(_real(_insisting(self)), *how))
_on_real(LazyIterator, "__repr__", repr)
for _method in _asked:
    _on_real(LazyToken, f"__{_method.__name__}__", _method)
