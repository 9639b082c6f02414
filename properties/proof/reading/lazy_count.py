"""What stands in for a number that depends on how many positions of an unknown context hold some tokens.

Compared with a number it asks for a range of a count, as long as one count is open; all else names the counts. It is a
type of its own for the reason that lazy contexts are: a function whose code could tell the difference and say nothing
does not get it.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

from properties.proof.counted import Counted, Limits
from properties.proof.reading.lazy import LazyString, LazyToken
from properties.proof.reading.stand_in import KINDS, REALS, StandIn, as_real, inside, on_real


class LazyInteger(StandIn):
    """constant + Σ times · count. To `isinstance` it is an int, as the real one is."""

    __slots__ = ()

    def __init__(self, run: Any, constant: int, terms: dict[Counted, int]) -> None:
        super().__init__(run, constant, {counted: times for counted, times in terms.items() if times})

    def __int__(self) -> int:
        run, constant, terms = inside(self)
        return int(constant + sum(times * run.number(counted) for counted, times in terms.items()))

    def __add__(self, other: Any) -> Any:
        return _sum(self, other, 1)

    def __radd__(self, other: Any) -> Any:
        return _sum(self, other, 1) if _is_whole(other) else operator.add(as_real(other), int(self))

    def __sub__(self, other: Any) -> Any:
        return _sum(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return _sum(-self, other, 1) if _is_whole(other) else operator.sub(as_real(other), int(self))

    def __mul__(self, other: Any) -> Any:
        if type(other) not in (int, bool):
            return operator.mul(int(self), as_real(other))
        run, constant, terms = inside(self)
        return LazyInteger(run, constant * other, {counted: times * other for counted, times in terms.items()})

    def __rmul__(self, other: Any) -> Any:
        return self * other if type(other) in (int, bool) else operator.mul(as_real(other), int(self))

    def __neg__(self) -> Any:
        return self * -1

    def __gt__(self, other: Any) -> Any:
        return _compare(self, other, operator.gt, lambda ends: _exceeds(self, ends[0]))

    def __le__(self, other: Any) -> Any:
        return _compare(self, other, operator.le, lambda ends: not _exceeds(self, ends[0]))

    def __ge__(self, other: Any) -> Any:
        return _compare(self, other, operator.ge, lambda ends: _exceeds(self, ends[1] - 1))

    def __lt__(self, other: Any) -> Any:
        return _compare(self, other, operator.lt, lambda ends: not _exceeds(self, ends[1] - 1))

    def __eq__(self, other: Any) -> Any:
        def equals(ends: Limits) -> bool:
            return ends[0] == ends[1] and _exceeds(self, ends[0] - 1) and not _exceeds(self, ends[0])

        return _compare(self, other, operator.eq, equals)

    def __bool__(self) -> bool:
        return bool(self != 0)


def _is_whole(value: Any) -> bool:
    return type(value) in (int, bool, LazyInteger)


def _sum(mine: Any, other: Any, sign: int) -> Any:
    """mine + sign · other, where that is a whole number; else of real numbers."""
    if not _is_whole(other):
        return (operator.add if sign > 0 else operator.sub)(int(mine), as_real(other))
    run, constant, terms = inside(mine)
    if type(other) is not LazyInteger:
        return LazyInteger(run, constant + sign * other, terms)
    _, more, its = inside(other)
    total = {counted: terms.get(counted, 0) + sign * its.get(counted, 0) for counted in {**terms, **its}}
    return LazyInteger(run, constant + sign * more, total)


def _compare(mine: Any, other: Any, real: Callable[[Any, Any], Any], whole: Callable[[Limits], bool]) -> Any:
    """By the whole numbers just below and above the other; of real numbers, where it is none."""
    if type(other) is LazyInteger:
        return real(mine - other, 0)
    if type(other) in (int, bool):
        return whole((int(other), int(other)))
    if type(other) is float and math.isfinite(other):
        return whole((math.floor(other), math.ceil(other)))
    return real(int(mine), as_real(other))


def _exceeds(mine: Any, number: int) -> bool:
    """Whether it is more than a number. All counts but one are named; of that it is asked on which side it is."""
    run, constant, terms = inside(mine)
    rest, open_ = constant - number, dict[Counted, int]()
    for counted, times in terms.items():
        least, most = run.limits(counted)
        if least == most:
            rest += times * least
        else:
            open_[counted] = times
    for counted in list(open_)[:-1]:
        rest += open_[counted] * run.number(counted)
    if not open_:
        return bool(rest > 0)
    counted, times = list(open_.items())[-1]
    if times > 0:  # from some count on it is
        return bool(run.is_above(counted, -rest // times))
    return not run.is_above(counted, -(-rest // -times) - 1)  # up to some count it is


def sought(context: Any, given: tuple[Any, ...], more: dict[str, Any]) -> Any:
    """What `count` of a context is asked to count: a token, between ends that a string may be given.

    The number itself where it is asked anything else, by real tokens.
    """
    run, positions = inside(context)
    token, *ends = given or (None,)
    strings = type(context) is LazyString
    if type(token) is LazyToken:
        token = str(token)
    fine = type(token) is str and given and not more and all(type(end) in (int, type(None)) for end in ends)
    if not fine or len(ends) > 2 * strings or (strings and len(token) != 1):
        return as_real(context).count(*given, **more)
    start, end = (*ends, None, None)[:2]
    some = positions[start:end]
    if token not in run.vocab or not some:
        return 0
    return Counted(some if some.step > 0 else some[::-1], frozenset([token]))


KINDS[LazyInteger] = int
REALS[LazyInteger] = LazyInteger.__int__
for _name in ("truediv", "floordiv", "mod", "pow", "lshift", "rshift", "and_", "or_", "xor"):
    _operation: Callable[..., Any] = getattr(operator, _name)
    on_real(LazyInteger, f"__{_name.rstrip('_')}__", _operation)
    on_real(LazyInteger, f"__r{_name.rstrip('_')}__", lambda mine, other, its=_operation: its(other, mine))
on_real(LazyInteger, "__divmod__", divmod)
on_real(LazyInteger, "__rdivmod__", lambda mine, other: divmod(other, mine))
for _name in ("index", "abs", "pos", "invert"):
    on_real(LazyInteger, f"__{_name}__", getattr(operator, _name))
for _function in (float, hash, repr, format, round, math.trunc, math.floor, math.ceil):
    on_real(LazyInteger, f"__{_function.__name__}__", _function)
