"""Adders of two numbers with planted faults, as functions and as black boxes."""

from collections.abc import Callable
from typing import Any

import reference
from zoo import NUMBER, BlackBox
from zoo.generators import DIGITS, sums, sums_domain

Add = Callable[[int, int], Any]


def digits_of(number: int, digits: int = 10) -> list[int]:
    """The ones first."""
    return [number // 10**i % 10 for i in range(digits)]


def long_chain(a: int, b: int, least: int = 7) -> int:
    """Wrong where a carry runs through so many columns whose sum is 9, from any column on."""
    run, carry = 0, False
    for x, y in zip(digits_of(a), digits_of(b)):
        run = run + 1 if x + y == 9 and carry else 0
        carry = x + y >= 10 or (carry and x + y == 9)
        if run >= least:
            return a + b - 1
    return a + b


def long_number(a: int, b: int) -> int:
    """Wrong where a carry leaves the tenth column, and came from the first."""
    chain = all(x + y == 9 for x, y in zip(digits_of(a)[1:], digits_of(b)[1:]))
    return a + b - 10**10 if chain and a % 10 + b % 10 >= 10 else a + b


def from_column(a: int, b: int) -> int:
    """Wrong where a carry from the fourth column, and from no earlier one, leaves the tenth."""
    sums = [x + y for x, y in zip(digits_of(a), digits_of(b))]
    chain = sums[3] >= 10 and sums[4:] == [9] * 6
    return a + b + 1 if chain and a % 1000 + b % 1000 < 1000 else a + b


def itself(a: int, b: int) -> int:
    """Wrong where the two are alike, and long."""
    return a + b + 1 if a == b and a >= 10**9 else a + b


def nearly_itself(a: int, b: int) -> int:
    """Wrong where the two differ in one digit."""
    return a + b + 1 if sum(x != y for x, y in zip(digits_of(a), digits_of(b))) == 1 and min(a, b) >= 10**9 else a + b


def short(a: int, b: int) -> Any:
    """No answer where a number has one digit and the other has six."""
    if {len(str(a)), len(str(b))} == {1, 6}:
        raise IndexError("list index out of range")
    return a + b


def run_of_nines(a: int, b: int) -> int:
    """Wrong where a number is nines, seven of them or more."""
    return a + b + 1 if any(len(str(one)) >= 7 and set(str(one)) == {"9"} for one in (a, b)) else a + b


def periodic(a: int, b: int) -> int:
    """Wrong where a number is three digits again and again, and these are different."""
    return a + b + 1 if any(_is_periodic(f"{one:010}") for one in (a, b)) else a + b


def _is_periodic(text: str) -> bool:
    return len(set(text[:3])) == 3 and text == (text[:3] * 4)[:10]


PLANTED: list[Add] = [long_chain, long_number, from_column, itself, nearly_itself, short, run_of_nines, periodic]


def box(add: Add, **stated: Any) -> BlackBox:
    """Of two numbers of ten digits, held against their sum."""
    known: dict[str, Any] = {"rule": reference.sum_of_two, "generate": sums(), "domain": sums_domain()}
    return BlackBox(
        getattr(add, "__name__", "box"),
        [*DIGITS, "+", "="],
        22,
        lambda context: add(int(context[:10]), int(context[11:21])),
        **(known | {"outputs": NUMBER} | stated),
    )
