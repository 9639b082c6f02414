"""How often a token occurs, where a leaf says no more than a range: it can be compared where that decides."""

import operator
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from properties.recheck.hidden import GET, IS, Hidden, peek
from properties.recheck.sight import Key, Unasked


def number(constant: int, terms: Mapping[Key, int], unasked: Unasked) -> Any:
    """A real number where nothing is open."""
    open_ = {key: times for key, times in terms.items() if times}
    return Number(constant, open_, unasked) if open_ else constant


class Number(Hidden):
    """A number and what is counted, each so many times."""

    __slots__ = ()

    def __add__(self, other: Any) -> Any:
        return _sum(self, other, 1)

    def __sub__(self, other: Any) -> Any:
        return _sum(self, other, -1)

    def __rsub__(self, other: Any) -> Any:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if type(other) not in (int, bool):
            return peek(self)
        constant, terms, unasked = GET(self)
        return number(constant * other, {key: times * other for key, times in terms.items()}, unasked)

    def __neg__(self) -> Any:
        return self * -1

    __radd__, __rmul__ = __add__, __mul__

    def __gt__(self, other: Any) -> Any:
        return _compared(self, other, operator.gt)

    def __ge__(self, other: Any) -> Any:
        return _compared(self, other, operator.ge)

    def __lt__(self, other: Any) -> Any:
        return not self >= other

    def __le__(self, other: Any) -> Any:
        return not self > other

    def __eq__(self, other: Any) -> Any:
        low, high, its = _ends(self, other)
        if low == high or not low <= its <= high or int(its) != its:
            return bool(low == its == high)
        return bool(peek(self))

    def __bool__(self) -> bool:
        return bool(self != 0)


def _sum(mine: Any, other: Any, sign: int) -> Any:
    """mine + sign · other"""
    constant, terms, unasked = GET(mine)
    if type(other) in (int, bool):
        return number(constant + sign * other, terms, unasked)
    if type(other) is not Number:
        return peek(mine)
    more, its, _ = GET(other)
    return number(
        constant + sign * more, {key: terms.get(key, 0) + sign * its.get(key, 0) for key in {**terms, **its}}, unasked
    )


def _ends(mine: Any, other: Any) -> tuple[int, int, Any]:
    """The least and the most that it may be, and what it is compared with."""
    if type(other) is Number:
        mine, other = mine - other, 0
    if type(mine) is int:  # all that was open is gone
        return mine, mine, other
    constant, terms, unasked = GET(mine)
    if not (type(other) in (int, bool) or (type(other) is float and isfinite(other))):
        peek(mine)
    low = high = constant
    for key, times in terms.items():
        unasked[key] = False
        ends = sorted(times * limit for limit in unasked.sight.limit(key))
        low, high = low + ends[0], high + ends[1]
    return low, high, other


def _compared(mine: Any, other: Any, how: Callable[[Any, Any], bool]) -> bool:
    """Whether it is so of the least and of the most alike."""
    low, high, its = _ends(mine, other)
    if how(low, its) != how(high, its):
        peek(mine)
    return how(low, its)


IS[Number] = int
for _name in (
    *("str", "repr", "format", "hash", "int", "index", "float", "abs", "pos", "invert", "round", "trunc", "floor"),
    *("ceil", "mod", "rmod", "floordiv", "rfloordiv", "truediv", "rtruediv", "pow", "rpow", "divmod", "rdivmod"),
    *("lshift", "rlshift", "rshift", "rrshift", "and", "rand", "or", "ror", "xor", "rxor"),
):
    setattr(Number, f"__{_name}__", peek)
