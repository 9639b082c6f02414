"""What is assumed of the arithmetic in which programs run a transformer: one home for all that bounds rounding.

+, -, *, / and the square root round to nearest, as IEEE 754 says, with a relative error of `unit` at most. A result
below `tiny` may keep fewer digits or become zero, and is off by at most `tiny` then, also that of a sum with an exact
zero; arguments below it are what they are. A sum is made in any order, with or without fused multiply-add. exp and tanh
are off by at most EXP_ULPS units in the last place, and exp(0) is 1.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import DTypeLike

EXP_ULPS = 4  # an assumption: numpy states less than 1, and selftest/transformer/test_arithmetic measures less than 4


@dataclass(frozen=True)
class FloatingPoint:
    """A type of numbers."""

    unit: float  # half a unit in the last place of 1
    tiny: float  # the smallest normal number
    largest: float

    @classmethod
    def of(cls, dtype: DTypeLike) -> Self:
        info = np.finfo(dtype)
        return cls(float(info.eps) / 2, float(info.tiny), float(info.max))


FLOAT64 = FloatingPoint.of(np.float64)
