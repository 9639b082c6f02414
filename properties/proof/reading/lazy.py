"""Lazy contexts: what stands in for a string or a tuple of tokens of which not all is known, and asks a run for them.

A real `str` cannot be imitated (C code reads it without asking), so these are types of their own; a function whose code
could tell the difference and say nothing (`zoo.rule.telling`) does not get them.
"""

import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from properties.proof.reading.stand_in import KINDS, REALS, StandIn, as_real, inside, on_real
from zoo.rule import plain


class LazyToken(StandIn):
    """A token that was read and not looked at yet. To `isinstance` it is a string, as the real one is."""

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        run, position = inside(self)
        kind = type(other)
        if kind is str:
            return bool(run.is_token(position, other))
        if kind is LazyToken:
            its, at = inside(other)
            return (its is run and at == position) or bool(run.is_token(position, its.name(at)))
        if kind is LazyString:
            return bool(run.is_token(position, as_real(other)))
        run.handed_out.discard(position)  # it is the same answer for all tokens
        return _equals(self, other, str)

    def __str__(self) -> str:
        run, position = inside(self)
        return str(run.name(position))

    def __hash__(self) -> int:
        return hash(str(self))

    def __bool__(self) -> bool:
        return True  # no token is empty


def _read(context: Any, index: Any) -> Any:
    """What is at a position, or at several: a real string or tuple where all is known, else what stands in for it."""
    run, positions = inside(context)
    try:
        found = positions[index]
    except (IndexError, TypeError):
        return KINDS[type(context)]()[index]  # with the words of a real one
    if type(found) is range:
        return run.real(found) if run.cut(found) else type(context)(run, found)
    if run.counts or run.done:
        may_be = run.may_be(found)
    else:  # the same without a call, as a leaf is little else than this
        run.asked.add(found)
        may_be = run.sets.get(found) or run.every
    if len(may_be) > 1:
        run.handed_out.add(found)
        return LazyToken(run, found)
    [token] = may_be
    return token


class _Context(StandIn):
    """Some positions of an unknown context, in order, which can be counted and read."""

    __slots__ = ()

    def __len__(self) -> int:
        return len(inside(self)[1])

    __getitem__ = _read  # not through a function of its own: each is seen by the run's tracing

    def __iter__(self) -> Iterator[Any]:
        return LazyIterator(self, [0])


class LazyString(_Context):
    """Some positions of an unknown context, in order. Reading gives a token where it is known, else a lazy one.

    To `isinstance` it is a string, as real contexts are where all tokens are single characters.
    """

    __slots__ = ()

    def __eq__(self, other: Any) -> Any:
        run, positions = inside(self)
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
                return type(other) is tuple and any(type(its) is not str for its in other) and as_real(self) == other
            return all(mine == its for mine, its in zip(self, other))
        return _equals(_insisting(self), other, tuple)

    def __contains__(self, item: Any) -> bool:
        return any(token is item or token == item for token in self)

    def __getattribute__(self, name: str) -> Any:
        return LazyMethod(self, name) if name == "count" else super().__getattribute__(name)


Sequence.register(LazyTuple)


class LazyIterator(StandIn):
    """Reads a lazy context from its beginning."""

    __slots__ = ()

    def __iter__(self) -> "LazyIterator":
        return self

    def __next__(self) -> Any:
        context, at = inside(self)
        if at[0] >= len(context):
            raise StopIteration
        at[0] += 1
        return context[at[0] - 1]


class LazyMethod(StandIn):
    """`startswith` or `endswith` of a lazy string, or `count` of it or of a lazy tuple."""

    __slots__ = ()

    def __call__(self, *sought: Any, **more: Any) -> Any:
        context, name = inside(self)
        if name == "count":
            return inside(context)[0].count(context, sought, more)
        real = len(sought) != 1 or more or not isinstance(sought[0], str | tuple)
        if real:
            return bool(getattr(as_real(context), name)(*sought, **more))
        for part in (sought[0],) if isinstance(sought[0], str) else tuple(sought[0]):
            if not isinstance(part, str):
                raise TypeError(f"tuple for {name} must only contain str, not {type(part).__name__}")
            text, size = _sought(part)
            start = 0 if name == "startswith" else len(context) - size
            if size <= len(context) and _part(context, start, size) == text:
                return True
        return False

    def __eq__(self, other: Any) -> Any:
        return type(other) is LazyMethod and all(map(operator.is_, inside(self), inside(other)))

    def __hash__(self) -> int:
        return hash(tuple(map(id, inside(self))))

    def __repr__(self) -> str:
        context, name = inside(self)
        return f"<built-in method {name} of {KINDS[type(context)].__name__} object at {id(context):#x}>"


def _part(context: Any, start: int, size: int) -> Any:
    """A slice that nobody gets to see."""
    run, positions = inside(context)
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


def _insisting(context: Any) -> Any:
    inside(context)[0].stumbles()
    return context


def _ordered(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """`<` and the like of a token, which split what it may be in two."""

    def compared(self: Any, other: Any) -> Any:
        run, position = inside(self)
        if type(other) is LazyToken:
            return bool(run.compared(operation, position, *inside(other)))
        other = as_real(other)
        is_own = type(other) is str
        return bool(run.holds(position, operation, other)) if is_own else operation(as_real(self), other)

    return compared


def _named(context: Any) -> Any:
    run, positions = inside(context)
    return run.real(positions)


def _iterator(iterator: Any) -> Any:
    context, at = inside(iterator)
    return iter(as_real(context)[at[0] :])


def _method(method: Any) -> Any:
    context, name = inside(method)
    return getattr(as_real(context), name)


KINDS |= {
    LazyToken: str,
    LazyString: str,
    LazyTuple: tuple,
    LazyIterator: type(iter("")),
    LazyMethod: type("".startswith),
}
REALS |= {
    LazyToken: str,
    LazyString: _named,
    LazyTuple: _named,
    LazyIterator: _iterator,
    LazyMethod: _method,
}
for _kind in (LazyToken, LazyString, LazyTuple):
    for _name in ("lt", "le", "gt", "ge", "add", "mul", "mod"):
        on_real(_kind, f"__{_name}__", getattr(operator, _name))
    on_real(_kind, "__radd__", lambda mine, other: operator.add(other, mine))
    on_real(_kind, "__rmul__", lambda mine, other: operator.mul(other, mine))
for _operation in (operator.lt, operator.le, operator.gt, operator.ge):
    setattr(LazyToken, f"__{_operation.__name__}__", _ordered(_operation))
_asked: tuple[Callable[..., Any], ...] = (len, iter, operator.getitem, operator.contains)
on_real(LazyToken, "__format__", format)
on_real(LazyToken, "__repr__", repr)
for _text in (str, repr, format, hash):
    on_real(LazyString, f"__{_text.__name__}__", _text)
    setattr(LazyTuple, f"__{_text.__name__}__", lambda self, *how, of=_text: of(as_real(_insisting(self)), *how))
on_real(LazyIterator, "__repr__", repr)
for _method in _asked:
    on_real(LazyToken, f"__{_method.__name__}__", _method)
