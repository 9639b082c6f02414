"""How far two programs that compute a transformer's last row in another order of operations can be apart.

Absolute values are followed through the layers with a count of the roundings: what the readout cancels still counts in
full. It holds for any order of additions, with or without fused multiply-adds, where results may also underflow to
zero, on the assumption of EXP_ULPS for exp and tanh.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from zoo.training.backward import residuals
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

EXP_ULPS = 4  # how far exp and tanh may be off, in units of the last place; an assumption: numpy states less than 1


@dataclass(frozen=True)
class Value:
    """Of an array's entries the largest absolute value there can be, and how far each can be from real arithmetic."""

    size: Array
    error: Array

    def joined(self, other: "Value") -> "Value":
        return Value(np.maximum(self.size, other.size), np.maximum(self.error, other.error))

    def worst(self, axis: int) -> "Value":
        return Value(self.size.max(axis), self.error.max(axis))

    def __getitem__(self, index: Any) -> "Value":
        return Value(self.size[index], self.error[index])


Seen = tuple[tuple[Value, Value], ...]  # of each Attention the keys and values so far, [head, d] each


class Rounding:
    """Bounds for one transformer, as a program of some type computes it; they are computed in float64.

    Each method says how far the program's result is from real arithmetic. An error is infinite or NaN where a number,
    or a sum on the way to it, could overflow.
    """

    def __init__(self, transformer: Transformer, dtype: DTypeLike | None = None) -> None:
        """The type is the transformer's own where none is given."""
        numbers = np.finfo(transformer.dtype if dtype is None else dtype)
        self.exact = transformer.astype(np.float64)
        # Twice the unit roundoff u: n of its size are more than n u / (1 - n u) for all n u below a half.
        self.unit, self.tiny, self.most = float(numbers.eps), float(numbers.tiny), float(numbers.max) / 4
        sizes = [size for _, part in self.exact.parts() for size in part.sizes.values()]
        self.known = (2 * max(sizes) + 16) * self.unit < 0.5

    @np.errstate(all="ignore")
    def of_step(self, residuals: Sequence[Array], length: int, seen: Seen = ()) -> tuple[float, Seen]:
        """How far the logits of two programs can be apart, and what was seen.

        Of rows with these residual streams, [rows, d_model] each, as one of the programs computed them: the embedding,
        then one after each layer. Each row sees `length` tokens, those before it `seen`.
        """
        now: list[tuple[Value, Value]] = []
        x = self.embedded(np.abs(residuals[0]).max(axis=0))
        for layer, before, after in zip(self.exact.layers, residuals, residuals[1:]):
            h = self.normalize(x, layer.norm, before)
            if isinstance(layer, Mlp):
                added = self.transform(h, layer)
            else:
                k, v = self.map(h, layer.w_k, layer.b_k), self.map(h, layer.w_v, layer.b_v)
                if seen:
                    k, v = k.joined(seen[len(now)][0]), v.joined(seen[len(now)][1])
                now.append((k, v))
                weight, underflow = self.weights(self.map(h, layer.w_q, layer.b_q), k, layer, length)
                added = self.output(self.mean(v, weight, underflow, length), layer)
            # The other program's stream is as far from real arithmetic as the one that was seen.
            error = self.sum([x, added]).error
            x = Value(np.abs(after).max(axis=0).astype(np.float64) + 2 * error, error)
        logits = self.map(self.normalize(x, self.exact.final_norm, residuals[-1]), self.exact.readout.T, None)
        # Both programs are off from real arithmetic by so much; the bound itself is computed with rounding.
        return 2.02 * float(logits.error.max()), tuple(now)

    def of_trace(self, trace: Mapping[str, Array]) -> float:
        """How far two programs' logits can be apart, at any position of contexts of one length, which was traced."""
        streams = [*residuals(self.exact, trace), trace["residual"]]
        length = streams[0].shape[1]
        return self.of_step([x.reshape(-1, x.shape[-1]) for x in streams], length)[0]

    def embedded(self, size: Array) -> Value:
        """Sums of two numbers of which one program's results are at most so large: [..., d_model]"""
        size = size.astype(np.float64)
        return self.finite(Value(size * (1 + 2 * self.unit) + 2 * self.tiny, size * self.unit + self.tiny))

    def sum(self, parts: Sequence[Value]) -> Value:
        """Of so many numbers, in any order."""
        size, error = (np.sum(all_parts, axis=0) for all_parts in zip(*((part.size, part.error) for part in parts)))
        error = error + len(parts) * (self.unit * size + self.tiny)
        return self.finite(Value(size + error, error))

    def map(self, x: Value, w: Array, b: Array | None) -> Value:
        """x @ w + b: [..., d_in] -> [..., d_out]; at most d_in + 1 roundings, each of which may underflow instead."""
        n, w = w.shape[-2], np.abs(w)
        size = x.size @ w if b is None else x.size @ w + np.abs(b)
        error = x.error @ w + (n + 2) * (self.unit * size + self.tiny)
        return self.finite(Value(size + error, error))

    def finite(self, x: Value) -> Value:
        """Nothing is known where a number, or a sum on the way to it, could overflow, or there are too many terms."""
        if x.size.max() < self.most and self.known:
            return x
        return Value(x.size, np.full_like(x.error, np.inf))

    def weights(self, q: Value, k: Value, layer: Attention, length: int, reach: float = 0.0) -> tuple[Array, Array]:
        """How far softmax weights can be off: relative to each, and what underflow takes from or adds to all: [head, 1]

        q and k [head, d_head]. A program that does not subtract the largest score but one that `reach` lies above a
        score that is there has a denominator of e^-reach at least.
        """
        unit, scale, d_head = self.unit, abs(layer.multiplier), q.size.shape[-1]
        product = (q.size * k.size).sum(axis=-1, keepdims=True)  # [head, 1]
        off = (q.size * k.error + k.size * q.error).sum(axis=-1, keepdims=True)
        off = off + (d_head + 1) * (unit * product + self.tiny)
        off = self.finite(Value(product + off, off)).error
        # The product with the scale, which may itself have been rounded.
        score = scale * product
        off = self.finite(Value(score, scale * off + 2 * unit * score + self.tiny)).error
        # Of a weight, relative to itself: the score and what it is shifted by, whose difference is rounded; exp; the
        # same of the denominator; the sum and the division.
        exponent = off + unit * (score + off + reach / 2) + 1.01 * EXP_ULPS * unit
        weight = np.expm1(2 * exponent + (length + 2) * unit)
        # Every exponential may underflow, in the numerators and in the denominator, which is at least e^-reach.
        return weight, (1 + weight) * (2 * length + 2) * self.tiny * np.exp(reach)

    def mean(self, v: Value, weight: Array, underflow: Array, length: int, reach: float = 0.0) -> Value:
        """Weighted means of values [head, d], whose weights sum to 1, in one sum of `length` products."""
        off = weight + underflow + (1 + weight + underflow) * (length + 2) * self.unit
        error = (1 + off) * v.error + off * v.size + (length + 2) * self.tiny * np.exp(reach)
        return Value(v.size + error, error)

    def output(self, mean: Value, layer: Attention) -> Value:
        """What the heads' means [head, d_v] add to the stream: [d_model]"""
        w, head = np.abs(layer.w_o), len(layer.w_o)
        size = (mean.size[:, None] @ w)[:, 0].sum(axis=0)
        size = size if layer.b_o is None else size + np.abs(layer.b_o)
        n = layer.sizes["d_v"] + head + 3
        error = (mean.error[:, None] @ w)[:, 0].sum(axis=0) + n * (self.unit * size + head * self.tiny)
        return self.finite(Value(size + error, error))

    def transform(self, h: Value, layer: Mlp) -> Value:
        hidden = self.map(h, layer.w_in, layer.b_in)
        if layer.activation == "gelu":
            # It is steeper than 1 by less than a fifth. 1 + tanh z is off by the 8 roundings of z, less than 4 u since
            # |z| (1 - tanh² z) < 0.45, by 2 EXP_ULPS u of tanh and by 2 u of the sum, which is at most 2; of all that
            # |x| / 2 is taken, and the product rounds: (4 + EXP_ULPS) u |x|.
            size = hidden.size
            error = 1.2 * hidden.error + (4 + EXP_ULPS) / 2 * self.unit * size + 4 * self.tiny * (1 + size)
            hidden = Value(size + error, error)
        return self.map(hidden, layer.w_out, layer.b_out)

    def normalize(self, x: Value, norm: Norm | None, rows: Array) -> Value:
        """Of rows [rows, d_model] as one program had them, of which the one that varies least is magnified most."""
        if norm is None:
            return x
        unit, tiny, n = self.unit, self.tiny, rows.shape[-1]
        away = x.size + x.size.mean()  # the distances from the mean, and how far they are off: a sum, a difference
        error = x.error + x.error.mean() + (n + 3) * (unit * away + tiny)
        off = float(np.sqrt((error * error).mean()))  # of their root mean square
        root = float(np.sqrt(norm.eps)) * (1 - unit)  # squares are not negative
        least = float(np.sqrt(rows.astype(np.float64).var(axis=-1).min() + norm.eps))
        least = float(np.maximum((1 - (n + 6) * unit) * least - 2 * off, root))
        under = (n + 2) * tiny / least  # of that root, as every square may underflow
        least = float(np.maximum(least - under, root))
        y = np.minimum(np.sqrt(n), away / least)
        off = (off + under) / least
        error = (error / least + y * (off + (n + 6) * unit * (1 + off))) + tiny
        squares = self.finite(Value(n * (away + error) ** 2 + norm.eps, error)).error  # inf where they could overflow
        weight, bias = np.abs(norm.weight), np.abs(norm.bias)
        size = (y + error) * weight + bias
        error = np.maximum(error, squares) * weight + 3 * (unit * size + tiny)
        return self.finite(Value(size + error, error))
