"""Programs in which every number may be off by what is assumed of it, and all the same way: the worst there is.

A program is written with a `Run`, which makes its numbers: inputs with how far they may be off, and what operations
make of them, each rounded by a `unit` of itself, or lost where it is below `tiny`. Numbers are python-flint's, of so
many digits that they are as good as exact. `extreme` runs the program once to see which way each of these moves the
result, and once more with all of them moving it the same way, as far as they may.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest

flint = pytest.importorskip("flint", reason="python-flint is not installed, and nothing is exact without it")

PRECISION = 256  # binary digits
EXP_UNITS = 8  # 4 units in the last place, each two of `unit`: what is assumed of exp and tanh


class Run:
    """One run. It is called to make an input; `signs` says which way each number is off, in the order they are made."""

    def __init__(self, unit: float = 0.0, tiny: float = 0.0, weights: float = 0.0, signs: Sequence[int] = ()) -> None:
        flint.ctx.prec = PRECISION
        self.unit, self.tiny, self.weights, self.signs = unit, tiny, weights, signs
        self.numbers: list[Number] = []

    def __call__(self, value: Any, off: float | None = None) -> "Number":
        """An input, which may be so far off; by what weights may be off where nothing is said."""
        if isinstance(value, Number):
            return value
        exact = flint.arb(value)
        return self.made(exact, (), abs(exact) * self.weights if off is None else flint.arb(off))

    def rounded(self, exact: Any, slopes: Sequence[tuple["Number", Any]], units: int = 1) -> "Number":
        if exact == 0 or not exact.is_finite():
            return self.made(exact, slopes, 0)
        if abs(exact) < self.tiny:  # it may keep fewer digits, and be off by that at most, or become zero
            away, toward = flint.arb(self.tiny), abs(exact)
            return self.made(exact, slopes, *((toward, away) if exact > 0 else (away, toward)))
        return self.made(exact, slopes, abs(exact) * (self.unit * units))

    def made(self, exact: Any, slopes: Sequence[tuple["Number", Any]], down: Any, up: Any = None) -> "Number":
        """It may be so much less, and as much more where nothing else is said."""
        up = down if up is None else up
        sign = self.signs[len(self.numbers)] if self.signs else 0
        value = exact + up if sign > 0 else exact - down if sign < 0 else exact
        number = Number(self, value, slopes, len(self.numbers), down != 0)
        self.numbers.append(number)
        return number


class Number:
    """A number of a run, and by how much it moves with those that it is made of."""

    def __init__(self, run: Run, value: Any, slopes: Sequence[tuple["Number", Any]], at: int, off: bool) -> None:
        self.run, self.value, self.slopes, self.at, self.off = run, value, slopes, at, off

    def __add__(self, other: Any) -> "Number":
        other = _number(self.run, other)
        units = 0 if self.value == 0 or other.value == 0 else 1  # a sum with zero is exact, but may underflow
        return self.run.rounded(self.value + other.value, ((self, 1), (other, 1)), units)

    def __sub__(self, other: Any) -> "Number":
        if other is self:  # a ball less itself is one around 0
            nothing: Number = self.run.made(flint.arb(0), (), 0)
            return nothing
        other = _number(self.run, other)
        units = 0 if other.value == 0 else 1
        return self.run.rounded(self.value - other.value, ((self, 1), (other, -1)), units)

    def __mul__(self, other: Any) -> "Number":
        other = _number(self.run, other)
        return self.run.rounded(self.value * other.value, ((self, other.value), (other, self.value)))

    def __truediv__(self, other: Any) -> "Number":
        other = _number(self.run, other)
        slope = 1 / other.value
        return self.run.rounded(self.value * slope, ((self, slope), (other, -self.value * slope * slope)))

    def __gt__(self, other: Any) -> bool:
        return bool(self.value > _number(self.run, other).value)

    def relu(self) -> "Number":
        on = self.value > 0
        return self.run.made(self.value if on else flint.arb(0), ((self, int(on)),), 0)

    def sqrt(self) -> "Number":
        root = self.value.sqrt()
        return self.run.rounded(root, ((self, 0 if root == 0 else 1 / (2 * root)),))

    def exp(self) -> "Number":
        if self.value == 0:  # exp(0) is 1, but where it is the difference of two that are equal, it may move
            return self.run.made(flint.arb(1), ((self, 1),), 0)
        e = self.value.exp()
        return self.run.rounded(e, ((self, e),), EXP_UNITS)

    def tanh(self) -> "Number":
        t = self.value.tanh()
        return self.run.rounded(t, ((self, 1 - t * t),), EXP_UNITS)


def _number(run: Run, value: Any) -> Number:
    return value if isinstance(value, Number) else run(value, 0.0)


def function(f: Callable[[float], float], x: Number) -> Number:
    """What `zoo.transformer.scalar` calls for what Python's numbers have no operator for."""
    result: Number = getattr(x, f.__name__)()
    return result


Program = Callable[[Run], Number]


def exact(program: Program) -> Any:
    """What it computes where nothing is off."""
    return program(Run()).value


def extreme(program: Program, up: bool, unit: float = 0.0, tiny: float = 0.0, weights: float = 0.0) -> Any:
    """The most, or the least, that it can compute, up to second order."""
    seen = Run(unit, tiny, weights)
    result = program(seen)
    slopes = [0.0] * len(seen.numbers)
    slopes[result.at] = 1.0
    signs = [0] * len(seen.numbers)
    for number in reversed(seen.numbers[: result.at + 1]):
        if slope := slopes[number.at]:
            signs[number.at] = (1 if (slope > 0) == up else -1) * number.off
            for source, by in number.slopes:
                slopes[source.at] += slope * float(by)
    return program(Run(unit, tiny, weights, signs)).value


def span(program: Program, **off: float) -> tuple[Any, Any]:
    """The least and the most that it can compute."""
    return extreme(program, False, **off), extreme(program, True, **off)


def assert_reached(c: Any, r: Any, program: Program, share: float = 0.0, spare: float = 1e-9, **off: float) -> None:
    """All that the program can compute lies within r of c, and the worst of it is at least such a `share` of r away.

    The midpoint was made in float64, with an arithmetic that may leave out what is rounded there: `spare` is for that.
    """
    least, most = span(program, **off)
    middle, radius = flint.arb(float(c)), flint.arb(float(r))
    away = (most - middle).max(middle - least)
    most_allowed = radius * (1 + spare) + abs(middle) * spare * 1e-6
    assert away <= most_allowed, f"it can be {float(away):.9g} off, but should be by {float(radius):.9g} at most"
    assert not away < radius * share, f"it is {float(away):.9g} off, but should be by {share} of {float(radius):.9g}"


def mean(numbers: Sequence[Number]) -> Number:
    """Without any rounding."""
    share = flint.arb(1) / len(numbers)
    value = sum((number.value for number in numbers), flint.arb(0)) * share
    return numbers[0].run.made(value, [(number, share) for number in numbers], 0)


def along(numbers: Sequence[Number], direction: Iterable[Any]) -> Number:
    """Σ number · direction, without any rounding; the direction may be made of numbers, too."""
    run = numbers[0].run
    ways = [_number(run, way) for way in direction]
    slopes = [pair for number, way in zip(numbers, ways) for pair in ((number, way.value), (way, number.value))]
    value = sum((number.value * way.value for number, way in zip(numbers, ways)), flint.arb(0))
    return run.made(value, slopes, 0)


def total(numbers: Sequence[Number], sizes: Any) -> Number:
    """Their sum, that of the largest size first: it is rounded most often."""
    first, *others = sorted(range(len(numbers)), key=lambda i: -sizes[i])
    result = numbers[first]
    for i in others:
        result = result + numbers[i]
    return result


def difference(one: Number, other: Number) -> Number:
    """Without any rounding."""
    return along([one, other], [1, -1])
