"""Arrays known up to a radius, through the operations of a forward pass as a program computes them.

An `Interval` holds a midpoint and a radius, and what the program computes lies within. Each operation adds what the
program's own rounding may change, in any order of summation, with or without fused multiply-add, and what is rounded
here, where all is computed in float64. Sums count only products that can be nonzero, for adding an exact zero is exact.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from zoo.arrays import Array
from zoo.errors import ModelError
from zoo.transformer import Norm, Transformer, gelu

ULPS = 4  # what numpy's exp and tanh are taken to be right to, in units in the last place; the tests measure less
FLOAT64 = 2.0**-53
TINY = 2.0**-1022  # what underflow may take from one result in float64, also where it goes to zero at once
GELU_MINIMUM = -0.75246  # where the tanh form of GELU is smallest
GELU_BELOW = -0.170041  # a little less than it is there


class OutOfRangeError(ArithmeticError):
    """Numbers so large that the program might overflow: nothing is said of it then."""


@dataclass(frozen=True)
class Interval:
    c: Array
    r: Array

    @property
    def magnitude(self) -> Array:
        return np.abs(self.c) + self.r

    def __getitem__(self, index: Any) -> "Interval":
        return Interval(self.c[index], self.r[index])

    def take(self, indices: Array, axis: int) -> "Interval":
        return Interval(self.c.take(indices, axis), self.r.take(indices, axis))

    def flat(self, axis: int) -> "Interval":
        """With the dimensions from an axis on made one."""
        size = math.prod(self.c.shape[axis:])  # -1 means nothing where some other dimension is 0
        return Interval(*(y.reshape(*y.shape[:axis], size) for y in (self.c, self.r)))

    def hull(self, axis: int) -> "Interval":
        """One entry along an axis that encloses all of them."""
        low, high = (self.c - self.r).min(axis, keepdims=True), (self.c + self.r).max(axis, keepdims=True)
        c = (low + high) / 2
        # low and high were rounded, and so is the radius; where all entries are the same number, it stays exact
        slack = (np.abs(low) + np.abs(high)) * (self.r > 0).any(axis, keepdims=True)
        r = np.maximum(high - c, c - low) * (1 + 4 * FLOAT64) + 2 * FLOAT64 * slack
        return Interval(c, r + 4 * TINY * (high > low))

    @property
    def largest(self) -> float:
        """Above every magnitude."""
        return float(max(self.c.max(initial=0), -self.c.min(initial=0)) + self.r.max(initial=0)) * (1 + 4 * FLOAT64)

    @staticmethod
    def join(parts: Sequence["Interval"], axis: int) -> "Interval":
        return Interval(np.concatenate([p.c for p in parts], axis), np.concatenate([p.r for p in parts], axis))


@dataclass(frozen=True)
class Arithmetic:
    """That of the program: `unit` is its largest relative error, `tiny` its smallest normal number.

    `own` bounds the relative error of any sum made here, for sums as long as all dimensions together. With `weights`,
    every weight of the transformer may be off by so much of itself.
    """

    unit: float
    tiny: float
    largest: float
    own: float
    weights: float = 0.0

    @classmethod
    def of(cls, transformer: Transformer, weights: float = 0.0) -> "Arithmetic":
        if transformer.dtype not in (np.float32, np.float64):
            raise ModelError(f"the arrays are {transformer.dtype}, but should be float32 or float64 to be bounded")
        info = np.finfo(transformer.dtype)
        widest = sum(sum(part.sizes.values()) for _, part in transformer.parts())
        terms = 4 * (widest + transformer.n_ctx * transformer.sizes["vocab"] + 16)
        # A number that passes through several weights is off by all of them: each counts as if the others were, too.
        compounded = weights * (1 + weights) ** (4 * len(transformer.layers) + 4)
        return cls(float(info.eps) / 2, float(info.tiny), float(info.max), gamma(terms, FLOAT64), compounded)

    def check(self, magnitude: Array) -> None:
        """OutOfRangeError where the program might overflow, or where nothing is known."""
        if not np.all(magnitude < self.largest / 4):
            raise OutOfRangeError

    def rounding(self, magnitude: Array, count: Array | int) -> Array:
        """What rounding may change in sums of `count` nonzero products whose absolute values sum to `magnitude`.

        Each product and each addition may underflow: in the program's sum, in that of the midpoints made here, and in
        two that make a radius.
        """
        self.check(magnitude)
        underflow = 8 * self.tiny * count
        relative: Array = gamma(count, self.unit) * (1 + self.weights) + self.weights
        return (relative * magnitude + underflow + self.own * (magnitude + underflow)) * (1 + self.own)


def gamma(count: Any, unit: float) -> Any:
    """The relative error of a product or sum that goes through `count` roundings."""
    steps = count * unit
    if not np.all(steps < 0.01):
        raise OutOfRangeError
    return steps / (1 - steps) * (1 + 8 * FLOAT64)


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


def lost(before: float, w: Array) -> float:
    """What underflow may take from the entries of x @ w, made here in float64, where it took `before` from those of x.

    w [d, k]. It counts where products of weights by themselves are smaller than what they are multiplied by is large.
    """
    columns: Array = np.abs(w).sum(axis=-2)
    return float(before * columns.max(initial=0) * (1 + 1e-9) + 2 * w.shape[-2] * TINY)


def nonzero(x: Array, w: Array) -> Array:
    """At most how many products are nonzero in each entry of x @ w: [..., d], [..., d, k] -> [..., k]"""
    count: Array = np.minimum(np.count_nonzero(x, axis=-1)[..., None], np.count_nonzero(w, axis=-2))
    return count


def linear(x: Interval, w: Array, b: Array | None, a: Arithmetic) -> tuple[Interval, Array]:
    """x @ w + b and, by itself, the part of its radius that is rounding: [..., d], [d, k], [k] -> [..., k]"""
    magnitude = x.magnitude
    used = np.flatnonzero(magnitude.reshape(-1, len(w)).any(axis=0))
    if 2 * len(used) < len(w):  # a few one-hot rows
        x, magnitude, w = x[..., used], magnitude[..., used], w[used]
    weights = np.abs(w)
    sums, count = product(magnitude, weights), nonzero(magnitude, w)
    c, r = product(x.c, w), product(x.r, weights) * (1 + a.own)
    if b is not None:
        c, sums, count = c + b, sums + np.abs(b), count + (b != 0)
    rounding = a.rounding(sums, count)
    return Interval(c, r + rounding), rounding


def add(x: Interval, y: Interval, a: Arithmetic) -> tuple[Interval, Array]:
    """x + y, exact where either is exactly zero, and the part of its radius that is rounding."""
    both = (x.magnitude > 0) & (y.magnitude > 0)
    rounding = a.rounding(x.magnitude + y.magnitude, 1) * both
    return Interval(x.c + y.c, (x.r + y.r) * (1 + a.own) + rounding), rounding


def activate(h: Interval, activation: str, a: Arithmetic) -> tuple[Interval, Array]:
    """relu or gelu of h, and the part of its radius that is rounding. relu does not round."""
    low, high = h.c - h.r, h.c + h.r
    if activation == "relu":
        low, high, rounding = np.maximum(low, 0), np.maximum(high, 0), np.zeros_like(h.c)
    else:
        g_low, g_high = gelu(low), gelu(high)
        inside = (low <= GELU_MINIMUM + 1e-4) & (high >= GELU_MINIMUM - 1e-4)
        low, high = np.where(inside, GELU_BELOW, np.minimum(g_low, g_high)), np.maximum(g_low, g_high)
        # tanh is off by its ulps and by at most 0.45 of the relative error of its argument, about eight roundings;
        # 1 + tanh may cancel, so all this counts relative to |h|, and so do the roundings of the products.
        rounding = a.rounding(h.magnitude, 2 * ULPS + 16)
    # The ends were rounded themselves: `own` is far more than that.
    c, r = (low + high) / 2, (high - low) / 2 + a.own * (np.abs(low) + np.abs(high)) + 4 * TINY * (high > low)
    return Interval(c, r + rounding), rounding


def average(x: Interval, a: Arithmetic) -> Interval:
    """The mean of the entries, as far as they tell: [..., d] -> [..., 1]"""
    r = x.r.mean(axis=-1, keepdims=True) + a.own * x.magnitude.mean(axis=-1, keepdims=True)
    return Interval(x.c.mean(axis=-1, keepdims=True), r * (1 + a.own) + 4 * x.c.shape[-1] * TINY)


def centred(x: Interval, a: Arithmetic, mean: Interval | None = None) -> tuple[Interval, Array]:
    """x - mean(x) over the last dimension, and the part of its radius that is rounding.

    `mean` [..., 1] is what else is known of the mean, where entries move together.
    """
    d = x.c.shape[-1]
    c = x.c - x.c.mean(axis=-1, keepdims=True)
    spread = x.r * (1 - 1 / d) + (x.r.sum(axis=-1, keepdims=True) - x.r) / d
    if mean is not None:
        other = x.r + mean.r
        c, spread = np.where(other < spread, x.c - mean.c, c), np.minimum(other, spread)
    magnitude = x.magnitude
    size = magnitude.mean(axis=-1, keepdims=True)
    rounding = a.rounding(size, d + 2) + a.rounding(magnitude + size, 1)
    return Interval(c, spread * (1 + a.own) + rounding), rounding


def inverse_deviation(c: Interval, eps: float, a: Arithmetic) -> tuple[Array, Array]:
    """The least and the most that 1/sqrt(mean(c²) + eps) can be, before rounding: [..., d] -> [..., 1] twice."""
    d = c.c.shape[-1]
    least = (np.maximum(np.abs(c.c) - c.r, 0) ** 2).sum(axis=-1, keepdims=True) / d + eps
    most = (c.magnitude**2).sum(axis=-1, keepdims=True) / d + eps
    return (1 - a.own) / np.sqrt(most), (1 + a.own) / np.sqrt(least)


def norm_error(c: Interval, eps: float, a: Arithmetic) -> Array:
    """The relative error of a program's c / sqrt(mean(c²) + eps) * weight: [..., d] -> [..., 1]

    Squares may underflow, which takes at most 2 d tiny from their mean. Where eps itself is no more than that, nothing
    but eps may be left of the sum.
    """
    d = c.c.shape[-1]
    a.check(d * c.magnitude**2 + eps)
    least = inverse_deviation(c, eps, a)[1] ** -2 if eps >= 2 * d * a.tiny else np.full((*c.c.shape[:-1], 1), eps)
    return gamma(d + 12, a.unit) + 4 * d * a.tiny / least + a.own  # type: ignore[no-any-return]


def normalize(x: Interval, norm: Norm | None, a: Arithmetic, mean: Interval | None = None) -> Interval:
    """LayerNorm. c / sqrt((c² + R) / d + eps), R the squares of the others, rises with c. `mean`: see `centred`."""
    if norm is None:
        return x
    c, _ = centred(x, a, mean)
    d, eps = c.c.shape[-1], norm.eps
    least, most = np.maximum(np.abs(c.c) - c.r, 0) ** 2, c.magnitude**2
    others_least = np.maximum(least.sum(-1, keepdims=True) * (1 - a.own) - least * (1 + a.own), 0)
    others_most = most.sum(-1, keepdims=True) * (1 + a.own) - most * (1 - a.own)

    def scaled(end: Array, outward: Array) -> Array:
        return np.where(
            end == 0, 0, end / np.sqrt((end * end + np.where(outward, others_least, others_most)) / d + eps)
        )

    low, high = c.c - c.r, c.c + c.r
    low, high = scaled(low, low < 0), scaled(high, high > 0)
    y = Interval((low + high) / 2 * norm.weight, (high - low) / 2 * np.abs(norm.weight))
    magnitude = y.magnitude
    rounding = (norm_error(c, eps, a) + a.own) * magnitude + a.rounding(magnitude + np.abs(norm.bias), 1)
    rounding += 8 * a.tiny * np.abs(norm.weight)  # the division may underflow
    return Interval(y.c + norm.bias, y.r * (1 + a.own) + rounding)
