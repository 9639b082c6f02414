"""Arrays known up to a radius, and their sums and products as a program computes them.

An `Interval` holds a midpoint and a radius, and what the program computes lies within. What the program's own rounding
may change counts in any order of summation, with or without fused multiply-add, and so does what is rounded here, where
all is computed in float64. Sums count only what can be nonzero, for adding an exact zero rounds nothing; but what is
below the normal numbers may become zero by it.

What a layer does to an interval is in `interval`; this is what it is made of.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.errors import ModelError
from zoo.transformer import Transformer
from zoo.transformer.arithmetic import FLOAT64, FloatingPoint
from zoo.transformer.arrays import Array


class OutOfRangeError(ArithmeticError):
    """Numbers so large that the program might overflow, or a divisor that might become zero: nothing is said then."""


@dataclass(frozen=True)
class Interval:
    c: Array
    r: Array

    @property
    def magnitude(self) -> Array:
        return np.abs(self.c) + self.r

    @property
    def largest(self) -> float:
        """Above every magnitude: of the sum of two numbers, 2 roundings and what is left of 1 + 4 u for it."""
        return float(max(self.c.max(initial=0), -self.c.min(initial=0)) + self.r.max(initial=0)) * (
            1 + 4 * FLOAT64.unit
        )

    def __getitem__(self, index: Any) -> "Interval":
        return Interval(self.c[index], self.r[index])

    def take(self, indices: Array, axis: int) -> "Interval":
        return Interval(self.c.take(indices, axis), self.r.take(indices, axis))

    def reshape(self, *shape: int) -> "Interval":
        return Interval(self.c.reshape(shape), self.r.reshape(shape))

    def flat(self, axis: int) -> "Interval":
        """With the dimensions from an axis on made one."""
        return self.reshape(*self.c.shape[:axis], math.prod(self.c.shape[axis:]))  # -1 means nothing beside a 0

    def hull(self, axis: int) -> "Interval":
        """One entry along an axis that encloses all of them."""
        low, high = (self.c - self.r).min(axis, keepdims=True), (self.c + self.r).max(axis, keepdims=True)
        c = (low + high) / 2
        # low and high were rounded once each, by a unit of their size, where there is a radius at all. So are their
        # differences from c, by a unit of themselves: 1 + 4 u is more than two of those.
        slack = (np.abs(low) + np.abs(high)) * (self.r > 0).any(axis, keepdims=True)
        r = np.maximum(high - c, c - low) * (1 + 4 * FLOAT64.unit) + 2 * FLOAT64.unit * slack
        return Interval(c, r + 4 * FLOAT64.tiny * (high > low))

    @staticmethod
    def join(parts: Sequence["Interval"], axis: int) -> "Interval":
        return Interval(np.concatenate([p.c for p in parts], axis), np.concatenate([p.r for p in parts], axis))


@dataclass(frozen=True)
class Arithmetic(FloatingPoint):
    """The arithmetic of the program.

    `own` bounds the relative error of any sum made here, for sums as long as all dimensions together. With `weights`,
    every weight of the transformer may be off by so much of itself.
    """

    own: float = 0.0
    weights: float = 0.0

    @classmethod
    def of_program(cls, transformer: Transformer, weights: float = 0.0) -> "Arithmetic":
        if transformer.dtype not in (np.float32, np.float64) or transformer.emulated:
            found = f"{'an emulated type in ' * transformer.emulated}{transformer.dtype}"
            raise ModelError(f"the arrays are {found}, but should be float32 or float64 to be bounded")
        program = FloatingPoint.of(transformer.dtype)
        sizes = [size for _, part in transformer.parts() for name, size in part.sizes.items() if name != "output"]
        # Four times: what is made here are sums of products, of sums themselves, with up to three factors. One sum
        # takes no more than a quarter of it; `softmax.ends` rests on that.
        terms = 4 * (sum(sizes) + transformer.n_ctx * transformer.sizes["vocab"] + 16)
        # A number that passes through several weights is off by all of them: each counts as if the others were, too.
        compounded = weights * (1 + weights) ** (4 * len(transformer.layers) + 4)
        own = float(gamma(terms, FLOAT64.unit))
        return cls(program.unit, program.tiny, program.largest, own, compounded)

    def check(self, magnitude: Array) -> None:
        """OutOfRangeError where the program might overflow, or where nothing is known.

        A quarter of the largest number leaves room for the rounding of what is compared with it, and of what it bounds.
        """
        if not np.all(magnitude < self.largest / 4):
            raise OutOfRangeError

    def rounding(self, magnitude: Array, count: Array | int) -> Array:
        """What rounding may change in sums of `count` nonzero products whose absolute values sum to `magnitude`.

        Computes gamma(count) * magnitude, for the weights being off too, and `underflow`. `own` of all that is added
        for what is rounded here, and a factor for the rounding of this bound.
        """
        self.check(magnitude)
        underflow = self.underflow(count)
        relative: Array = gamma(count, self.unit) * (1 + self.weights) + self.weights
        return (relative * magnitude + underflow + self.own * (magnitude + underflow)) * (1 + self.own)

    def underflow(self, count: Array | int) -> Array:
        """What underflow may take from sums of `count` numbers or products that are not zero, also of a single one.

        8 tiny for each: it and its addition may underflow in the program's sum, in that of the midpoints made here, and
        in two that make a radius. So does a number whose other addend is an exact zero.
        """
        return np.asarray(8 * self.tiny * count)


def gamma(count: Any, unit: float) -> Any:
    """The relative error of a product or sum that goes through `count` roundings: n u / (1 - n u).

    (1 + u)^n - 1 and 1 - (1 - u)^n are at most that where n u < 1; 8 units are more than it takes to compute it.
    """
    steps = count * unit
    if not np.all(steps < 0.01):
        raise OutOfRangeError
    return steps / (1 - steps) * (1 + 8 * FLOAT64.unit)


def product(a: Array, b: Array) -> Array:
    """a @ b; where rows of a hold few nonzero entries, as one-hot directions do, by those alone."""
    if b.ndim == 3 and len(b) == 1:
        b = b[0]
    if b.ndim == 2 and a.size and len(b) > 64 and b.size > 5000:  # small ones are done sooner whole
        rows = a.reshape(-1, a.shape[-1])
        counts = np.count_nonzero(rows, axis=1)
        if 8 * (most := counts.max()) < rows.shape[1]:
            r, i = np.nonzero(rows)
            nth = np.arange(len(r)) - np.repeat(np.cumsum(counts) - counts, counts)  # 0, 1, … within each row
            out = np.zeros((len(rows), b.shape[1]))
            for n in range(most):
                at = nth == n
                out[r[at]] += rows[r[at], i[at], None] * b[i[at]]
            return out.reshape(*a.shape[:-1], b.shape[1])
    return a @ b


def nonzero(x: Array, w: Array) -> Array:
    """At most how many products are nonzero in each entry of x @ w: [..., d], [..., d, k] -> [..., k]"""
    count: Array = np.minimum(np.count_nonzero(x, axis=-1)[..., None], np.count_nonzero(w, axis=-2))
    return count


def lost(before: float, w: Array) -> float:
    """What underflow may take from the entries of x @ w, made here in float64, where it took `before` from those of x.

    w [d, k]. It counts where products of weights by themselves are smaller than what they are multiplied by is large:
    `before` times the largest column of |w|, whose sum is rounded by less than 1e-9, and 2 tiny for each product.
    """
    columns: Array = np.abs(w).sum(axis=-2)
    return float(before * columns.max(initial=0) * (1 + 1e-9) + 2 * w.shape[-2] * FLOAT64.tiny)


def linear(x: Interval, w: Array, b: Array | None, a: Arithmetic) -> tuple[Interval, Array]:
    """x @ w + b and, by itself, the part of its radius that is rounding: [..., d], [d, k], [k] -> [..., k]"""
    magnitude = x.magnitude
    used = np.flatnonzero(magnitude.reshape(-1, len(w)).any(axis=0))
    if 2 * len(used) < len(w):  # a few one-hot rows
        x, magnitude, w = x[..., used], magnitude[..., used], w[used]
    weights = np.abs(w)
    sums = product(magnitude, weights)
    count = product((magnitude != 0) * 1.0, (w != 0) * 1.0)  # of products that are not zero: whole numbers, exact
    c, r = product(x.c, w), product(x.r, weights) * (1 + a.own)
    if b is not None:
        c, sums, count = c + b, sums + np.abs(b), count + (b != 0)
    rounding = a.rounding(sums, count)
    return Interval(c, r + rounding), rounding


def add(x: Interval, y: Interval, a: Arithmetic) -> tuple[Interval, Array]:
    """x + y, and the part of its radius that is rounding: where one is exactly zero, only the other's underflow."""
    here, there = ((z.c != 0) | (z.r != 0) for z in (x, y))  # a magnitude, found here, may underflow
    rounding = np.where(here & there, a.rounding(x.magnitude + y.magnitude, 1), a.underflow(here | there))
    return Interval(x.c + y.c, (x.r + y.r) * (1 + a.own) + rounding), rounding


def average(x: Interval, a: Arithmetic) -> Interval:
    """The mean of the entries, as far as they tell: [..., d] -> [..., 1]; each addition may underflow."""
    r = x.r.mean(axis=-1, keepdims=True) + a.own * x.magnitude.mean(axis=-1, keepdims=True)
    underflow = 4 * x.c.shape[-1] * FLOAT64.tiny
    return Interval(x.c.mean(axis=-1, keepdims=True), r * (1 + a.own) + underflow)
