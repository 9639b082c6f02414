"""Figures that stay true when they are rounded, and numbers of contexts."""

import re
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from properties.selftest.models import aab
from zoo import Domain, ModelError, contexts, registry
from zoo.digits import apart, at_least, at_most, digits_apart, exact, held_against, nearest

finite = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53)


@given(finite, st.integers(1, 17))
def test_a_bound_is_rounded_to_its_own_side(value: float, digits: int) -> None:
    low, high = Decimal(at_least(value, digits)), Decimal(at_most(value, digits))
    written = Decimal(repr(value))
    assert low <= written <= high
    assert float(low) <= value <= float(high)
    assert all(len(bound.normalize().as_tuple().digits) <= digits for bound in (low, high))
    if low != written:  # nor is it lower than it must be: it is one unit of its last digit below the other
        event("rounded")
        unit = max(abs(high), abs(low)).adjusted() - digits + 1
        assert high - low <= Decimal(10) ** unit
    assert Decimal(exact(value)) == written


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_decimal_is_taken_exactly(value: float) -> None:
    assert Decimal(at_least(Decimal(value))) <= Decimal(value) <= Decimal(at_most(Decimal(value)))


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        (0.99999999, "0.999999", "1"),
        (1.00000001, "1", "1.00001"),
        (-38.0000001, "-38.0001", "-38"),
        (0.3, "0.3", "0.3"),  # as Python prints it, though it lies a little below
        (Decimal.from_float(0.3), "0.299999", "0.3"),
        (1023, "1023", "1023"),
        (1234567.0, "1.23456e+06", "1.23457e+06"),
        (0.00001234567, "1.23456e-05", "1.23457e-05"),
        (5e-324, "5e-324", "5e-324"),
        (0.0, "0", "0"),
        (-0.0, "0", "0"),
        (np.float32(0.3), "0.3", "0.300001"),
        (float("inf"), "inf", "inf"),
        (float("-inf"), "-inf", "-inf"),
        (float("nan"), "nan", "nan"),
    ],
)
def test_bounds_by_hand(value: float, low: str, high: str) -> None:
    assert (at_least(value), at_most(value)) == (low, high)


near = st.floats(0.5, 2) | st.integers(0, 3)


@given(st.data())
def test_what_is_held_against_something_says_whether_it_comes_up_to_it(data: st.DataObject) -> None:
    stated = data.draw(near)
    found = data.draw(near.map(float) | st.integers(-3, 3).map(lambda i: float(stated) * (1 + i * 2.0**-50)))
    event(f"found {'at least' if found >= stated else 'less than'} what is stated")
    text, said = held_against(found, stated)
    assert (Decimal(text) >= Decimal(said)) == (found >= stated)
    assert float(text) <= found
    assert float(said) == stated


def test_what_is_held_against_something_by_hand() -> None:
    assert held_against(0.99999999, 1) == ("0.999999", "1")
    assert held_against(1.00000049, 1.0000004) == ("1.0000004", "1.0000004")
    assert held_against(1.0, 1.0000001) == ("1", "1.0000001")
    assert held_against(1023.0, 1023) == ("1023", "1023")
    assert held_against(-np.inf, 1) == ("-inf", "1")
    assert held_against(np.inf, 1) == ("inf", "1")
    assert held_against(np.nan, 1) == ("nan", "1")


@given(st.floats(0.5, 2), st.integers(-5, 5))
def test_figures_that_differ_are_told_apart(value: float, steps: int) -> None:
    other = value * (1 + steps * 2.0**-52)
    digits = digits_apart(value, other)
    assert (nearest(value, digits) == nearest(other, digits)) == (value == other)
    assert digits == 6 or nearest(value, digits - 1) == nearest(other, digits - 1)


def test_the_largest_figures_are_told_apart() -> None:
    assert apart([1.0, 1.00000001, -3.0]) == ["1", "1.00000001", "-3"]
    assert apart([2.0, 2.0, 1.0, 1.00000001]) == ["2", "2", "1", "1"]  # the next smaller is told from the largest
    assert apart([float(np.float32(0.5)), np.nan]) == ["0.5", "nan"]
    assert apart([]) == []


@given(st.integers(10**6, 10**400))
def test_many_contexts_are_counted_by_the_nearest_power_of_two(number: int) -> None:
    power = int(contexts.counted(number).removeprefix("~2^"))
    assert max(Fraction(number, 2**power), Fraction(2**power, number)) ** 2 <= 2


def test_contexts_are_counted_of_how_many() -> None:
    assert contexts.counted(2**65 - 2) == "~2^65"
    assert contexts.counted(999_999) == "999999"
    assert contexts.counted(10**6) == "~2^20"
    assert contexts.counted_of(62, 62) == "all 62"
    assert contexts.counted_of(39, 120) == "39 of 120"
    assert contexts.counted_of(671_230, 2**21 - 2) == "671230 of ~2^21"
    assert contexts.counted_of(2**21 - 9, 2**21 - 2) == "all but 7 of ~2^21"
    assert contexts.counted_of(2**65 - 2, 2**65 - 2) == "all ~2^65"


@pytest.mark.parametrize(("vocab", "length", "rows"), [(2, 8, 255), (36, 2, 256), (2, 40, 9), (2, 100, 9), (300, 1, 1)])
def test_no_context_is_twice_in_a_sample(vocab: int, length: int, rows: int) -> None:
    tokens = [str(i) for i in range(vocab)]
    drawn = Domain.every(tokens, length).draw(np.random.default_rng(0), tokens, length, rows)
    assert drawn.shape == (rows, length)
    assert len({tuple(row) for row in drawn.tolist()}) == rows
    assert drawn.min() >= 0
    assert drawn.max() < vocab


def test_a_size_above_what_there_is_says_so_in_its_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    size = registry._bytes(aab.build, 2048)
    monkeypatch.setattr(registry, "most_bytes", lambda: size * 0.9999)
    with pytest.raises(ModelError) as refused:
        registry.load("aab", n_ctx=2048)
    found = re.search(r"has about (.*) GB of weights, but should have at most (.*) GB", str(refused.value))
    assert found is not None
    assert float(found[1]) > float(found[2])
