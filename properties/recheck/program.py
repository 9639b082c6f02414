"""What any execution of a program may compute, enclosed in rigorous arithmetic.

A number that the program computes lies within r of c, in whatever order it sums, with or without fused multiply-add,
where results may also underflow to zero. c and r are python-flint's, which encloses its own errors. Adding an exact
zero rounds nothing, so that only what can be nonzero counts; but it may underflow. Taken for granted is what IEEE 754
says of +, *, / and sqrt, and that exp and tanh are off by at most 4 units in the last place, with exp(0) = 1.
"""

from typing import Any, NamedTuple

import numpy as np

from zoo.errors import CertificateError, UnavailableError
from zoo.transformer import Norm
from zoo.transformer.arrays import Array

PRECISION = 128  # bits
Number = Any  # a real number as python-flint encloses it


class Ball(NamedTuple):
    c: Number
    r: Number

    @property
    def size(self) -> Number:
        return abs(self.c) + self.r


Vector = dict[int, Number]  # without the entries that are exactly zero
Row = dict[int, Ball]  # the same of what a program computes
Matrix = list[list[tuple[int, Number, Number]]]  # for each row the column, the entry and its absolute value


class Program:
    """The arithmetic of a dtype, float32 or float64."""

    def __init__(self, dtype: np.dtype[Any]) -> None:
        try:
            import flint  # type: ignore[import-not-found, import-untyped, unused-ignore]
        except ImportError:
            raise UnavailableError(
                "python-flint is not installed, but is needed to recheck: pip install python-flint"
            ) from None
        flint.ctx.prec = PRECISION
        info = np.finfo(dtype)
        self.number, self.zero = flint.arb, flint.arb(0)
        self.unit, self.tiny = self.number(float(info.eps)) / 2, self.number(float(info.tiny))
        self.limit = self.number(float(info.max)) / 4  # sums are rounded by less than a hundredth, see `rounding`
        self.gammas: dict[int, Number] = {}

    def vector(self, x: Array) -> Vector:
        return {int(i): self.number(float(x[i])) for i in np.flatnonzero(x)}

    def matrix(self, w: Array) -> Matrix:
        return [[(j, entry, abs(entry)) for j, entry in self.vector(row).items()] for row in w]

    def rounding(self, size: Number, count: int, products: int = 0) -> Number:
        """What rounding may change in a sum of products whose absolute values sum to `size`.

        Each goes through `count` roundings at most, of u: n u / (1 - n u). Of n products, or numbers, and all sums of
        them no more than n lose to underflow, tiny each: a sum of k of them that is not zero has lost k - 1 at most,
        and one that becomes zero, be it of one number and an exact zero, k: 4 leave room. There are no more products
        than `count` in one sum; `products` says how many there are in several.
        """
        self.check(size)
        if count not in self.gammas:
            steps = count * self.unit
            if not steps < 0.01:
                raise CertificateError(f"{count} roundings are more than can be confirmed")
            self.gammas[count] = steps / (1 - steps)
        return self.gammas[count] * size + 4 * max(count, products) * self.tiny

    def check(self, size: Number) -> None:
        """CertificateError where a number of that size, or a sum of absolute values, may overflow."""
        if not size < self.limit:
            raise CertificateError("numbers may overflow, and nothing can be confirmed of the program then")

    def total(self, terms: list[tuple[Number, Number]], count: int, products: int = 0) -> tuple[Ball, Number]:
        """A sum of products, each known up to a radius and rounded `count` times at most; its radius by rounding."""
        c = r = size = self.zero
        for term, radius in terms:
            c, r, size = c + term, r + radius, size + abs(term)
        error = self.rounding(size + r, count, products)
        return Ball(c, r + error), error

    def linear(self, x: Row, w: Matrix, b: Vector) -> tuple[Row, Vector]:
        """x @ w + b, and the part of its radii that is rounding."""
        terms: dict[int, list[tuple[Number, Number]]] = {}
        for i, ball in x.items():
            for j, entry, absolute in w[i]:
                terms.setdefault(j, []).append((ball.c * entry, ball.r * absolute))
        counts = {j: len(its) + (j in b) for j, its in terms.items()}
        for j, entry in b.items():
            terms.setdefault(j, []).append((entry, self.zero))
        sums = {j: self.total(its, counts[j]) if j in counts else self.alone(Ball(*its[0])) for j, its in terms.items()}
        return {j: ball for j, (ball, _) in sums.items()}, {j: error for j, (_, error) in sums.items()}

    def alone(self, ball: Ball) -> tuple[Ball, Number]:
        """A number to which an exact zero is added, and the part of its radius that is what underflow may take then.

        Nothing from one that is surely normal.
        """
        error = self.zero if abs(ball.c) - ball.r >= self.tiny else self.tiny
        return Ball(ball.c, ball.r + error), error

    def add(self, x: Row, y: Row) -> tuple[Row, Vector]:
        """x + y, and the part of its radii that is rounding: where one is exactly zero, only the other's underflow."""
        sums = {i: self.alone(ball) for i, ball in {**x, **y}.items()}
        for i in x.keys() & y.keys():
            error = self.rounding(x[i].size + y[i].size, 1)
            sums[i] = Ball(x[i].c + y[i].c, x[i].r + y[i].r + error), error
        return {i: ball for i, (ball, _) in sums.items()}, {i: error for i, (_, error) in sums.items() if error != 0}

    def mean_error(self, size: Number, keys: int) -> Number:
        """What rounding may change in a mean of values up to `size`, beside its weights: two sums over the keys.

        keys - 1 additions of exponentials, keys - 1 of products, which are rounded themselves: 2 keys - 1, and 3 more
        for what underflows: exponentials, which are at most off by tiny where the largest is 1, and divisions: 3 tiny
        for each key, of `size`, which is less than a unit of it for fewer than 10^30 keys.
        """
        return self.rounding(size, 2 * keys + 2)

    def centred(self, x: Row, d: int, known: Ball | None = None) -> tuple[list[Ball], list[Number]]:
        """x - mean(x), all d entries of it, and the part of its radii that is rounding.

        `known` is what else is known of the mean, where entries move together.
        """
        balls = [x.get(i, Ball(self.zero, self.zero)) for i in range(d)]
        mean, spread = sum((b.c for b in balls), self.zero) / d, sum((b.r for b in balls), self.zero) / d
        size = sum((b.size for b in balls), self.zero)
        # len(x) - 1 additions and the division; the difference is one more.
        error = self.rounding(size, len(x)) / d + self.tiny
        errors = [error + self.rounding(ball.size + size / d + error, 1) for ball in balls]
        out = []
        for ball, e in zip(balls, errors):
            # 1 - 1/d of the entry's own radius and 1/d of the others'.
            c, r = ball.c - mean, ball.r * (d - 2) / d + spread
            if known is not None and ball.r + known.r < r:
                c, r = ball.c - known.c, ball.r + known.r
            out.append(Ball(c, r + e))
        return out, errors

    def variances(self, c: list[Ball], norm: Norm) -> tuple[Number, Number, Number]:
        """Least and largest mean(c²) + eps, and the relative error of a program's c / sqrt(mean(c²) + eps) * weight."""
        d, eps = len(c), self.number(float(norm.eps))
        if eps < self.tiny:
            raise CertificateError(
                f"eps is {norm.eps}, and nothing can be confirmed of a program that divides by what may become zero"
            )
        self.check(sum((ball.size**2 for ball in c), eps))
        least, most = (sum(squares, self.zero) / d + eps for squares in zip(*map(self.squares, c)))
        # Where eps is as small as what underflow takes from the squares, nothing but eps may be left of the sum.
        left = least if eps > 2 * d * self.tiny else eps
        # Squares, their sum, its division and eps: d + 2 roundings, of which the root takes half, (d + 1) // 2 + 1 at
        # most; itself, the division and the weight: 3; and 1 for what they add to each other. Underflow takes d tiny
        # from the sum at most, 1 of which is left in the mean, 1 as that is divided and 1 as eps is added; the root
        # takes half of those 3, relative to what is left: 4 (d + 8) are far more.
        return least, most, self.rounding(self.number(1), (d + 1) // 2 + 5) + 4 * (d + 8) * self.tiny / left

    def squares(self, ball: Ball) -> tuple[Number, Number]:
        return (abs(ball.c) - ball.r).max(self.zero) ** 2, ball.size**2

    def normalize(self, x: Row, norm: Norm | None, known: Ball | None = None) -> Row:
        """c / sqrt((c² + others) / d + eps) rises with c: its ends are at those of c. `known`: see `centred`."""
        if norm is None:
            return x
        d = len(norm.weight)
        c, _ = self.centred(x, d, known)
        least, most, relative = self.variances(c, norm)
        out: Row = {}
        for i, ball in enumerate(c):
            weight, bias = self.number(float(norm.weight[i])), self.number(float(norm.bias[i]))
            ends = []
            for end, sign in ((ball.c - ball.r, -1), (ball.c + ball.r, 1)):
                small, large = self.squares(ball)
                both = [sign * end / (v + end**2 / d).sqrt() for v in (least - small / d, most - large / d)]
                ends.append(sign * both[0].max(both[1]))
            low, high = ends
            y = Ball((low + high) / 2 * weight, (high - low) / 2 * abs(weight))
            if weight == 0:
                entry = self.alone(Ball(bias, self.zero))[0] if bias != 0 else Ball(bias, self.zero)
            else:
                # The division may underflow, of which the weight is taken, and so may that product: 4 leave room.
                error = relative * y.size + 4 * self.tiny * (1 + abs(weight))
                self.check(y.size + error)  # also where nothing is added to the product, and so nothing rounded
                error += self.rounding(y.size + error + abs(bias), 1) if bias != 0 else 0
                entry = Ball(y.c + bias, y.r + error)
            if not (entry.c == 0 and entry.r == 0):
                out[i] = entry
        return out

    def activate(self, h: Ball, activation: str) -> Ball | None:
        """relu or gelu; None is exactly zero."""
        low, high, error = h.c - h.r, h.c + h.r, self.zero
        if activation == "relu":
            if high <= 0:
                return None
            low, high = low.max(self.zero), high.max(self.zero)
        elif activation != "gelu":
            raise NotImplementedError(f"{activation} is not handled here, but should be, as an activation")
        else:
            # 1 + tanh is off by less than 4 units for the 8 roundings of tanh's argument, by 8 of tanh, and by 2 of
            # the sum. Of that |h| / 2 is taken, for 1 + tanh may cancel, and the product rounds: 8, and 1 for what they
            # add to each other. What underflows on the way to tanh does where |h| is tiny itself.
            error = self.rounding(h.size, 9)
            ends = self.gelu(low), self.gelu(high)
            falls, rises = high <= -0.7525, low >= -0.7524
            low = ends[0].min(ends[1]) if falls or rises else self.number(-0.170041)  # a little below its minimum
            high = ends[0].max(ends[1])
        return Ball((low + high) / 2, (high - low) / 2 + error)

    def gelu(self, x: Number) -> Number:
        return x / 2 * (1 + ((2 / self.number.pi()).sqrt() * (x + self.number("0.044715") * x**3)).tanh())
