"""What the tests of enumeration's bounds against exact arithmetic share: coarse arithmetics, and what a bound says."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.selftest.worst import Number, Program, Run, assert_reached, exact, flint, span, total
from zoo import Transformer
from zoo.enumeration import rounding as module
from zoo.enumeration.rounding import Rounding, Value
from zoo.transformer.arithmetic import FLOAT64, FloatingPoint

U = 2.0**-16  # so coarse that what is made here, in float64, is as good as exact
LARGEST = 1e300
ONE = Transformer(np.ones((1, 1)), np.ones((1, 1)), [])


def rounding(
    unit: float = 0.0, tiny: float = 0.0, largest: float = LARGEST, transformer: Transformer = ONE
) -> Rounding:
    """Bounds for programs with this arithmetic."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FloatingPoint, "of", classmethod(lambda cls, dtype: cls(unit, tiny, largest)))
        patch.setattr(module, "FLOAT64", replace(FLOAT64, tiny=0.0))  # nothing is lost here
        return Rounding(transformer)


ROUNDS, LOSES, STILL = rounding(U), rounding(tiny=U), rounding()


def value(size: Any, error: Any = 0.0) -> Value:
    """The largest there are, each off by so much at most."""
    array = np.array(size, float)
    return Value(array, np.broadcast_to(np.array(error, float), array.shape))


def numbers(run: Run, x: Value, signs: Any = 1) -> Any:
    """The worst that a `Value` may stand for: as large as it says where they are off away from zero."""
    real = (x.size - x.error) * signs
    return [
        numbers(run, Value(s, e), np.asarray(g)) if np.ndim(s) else run(float(c), float(e))
        for s, e, c, g in zip(x.size, x.error, real, np.broadcast_to(signs, x.size.shape))
    ]


def inputs(run: Run, array: Any) -> Any:
    """Weights, which are exact."""
    return [inputs(run, one) for one in array] if np.ndim(array) else run(float(array), 0.0)


def largest_first(terms: list[Number]) -> Number:
    """Their sum, which begins with the largest."""
    return total(terms, [abs(float(term.value)) for term in terms])


def assert_bounds(found: Value, at: Any, program: Program, share: float = 0.0, full: float = 0.0, **off: float) -> None:
    """What the program can compute is within the error of real arithmetic, and no larger than the size says.

    The worst of it reaches this `share` of the error, and the largest `full` of the size.
    """
    size, error = float(found.size[at]), float(found.error[at])
    assert_reached(exact(program), error, program, share, **off)
    least, most = span(program, **off)
    largest = abs(least).max(abs(most))
    assert largest <= flint.arb(size) * (1 + 1e-12), f"it can be {float(largest)}, but should be {size} at most"
    assert not largest < size * full, f"it is {float(largest)} at most, but should be {full} of {size}"
