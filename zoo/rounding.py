"""How far two programs that compute a transformer's last row in another order of operations can be apart.

Absolute values are followed through the layers, next to the largest residual stream that was met, with a count of the
roundings: what the readout cancels still counts in full. It holds for any order of additions, with or without fused
multiply-adds, on the assumption of `zoo.sums` for exp and tanh.
"""

from typing import NamedTuple

import numpy as np

from zoo.arrays import Array
from zoo.sums import EXP_ULPS
from zoo.transformer import Attention, Mlp, Norm, Transformer


class Value(NamedTuple):
    """Of an array's entries the largest absolute value there can be, and how far each can be from real arithmetic."""

    size: Array
    error: Array

    def joined(self, other: "Value") -> "Value":
        return Value(np.maximum(self.size, other.size), np.maximum(self.error, other.error))


Seen = tuple[tuple[Value, Value], ...]  # of each Attention the keys and values so far, [head, d] each


class Rounding:
    """Bounds for one transformer, in float64 whatever its type."""

    def __init__(self, transformer: Transformer) -> None:
        numbers = np.finfo(transformer.dtype)
        self.exact = transformer.astype(np.float64)
        # Twice the unit roundoff u: n of its size are more than n u / (1 - n u) for all n u below a half.
        self.unit, self.tiny, self.most = float(numbers.eps), float(numbers.tiny), float(numbers.max) / 4
        sizes = [size for _, part in self.exact.parts() for size in part.sizes.values()]
        self.known = max(sizes) * self.unit < 0.5

    @np.errstate(all="ignore")
    def of_step(self, residuals: list[Array], length: int, seen: Seen) -> tuple[float, Seen]:
        """How far logits can be apart, and what was seen: of rows with these residual streams, [rows, d_model] each.

        The first is the embedding, then one after each layer; each row sees `length` tokens, those before it `seen`.
        The result is infinite or NaN where a number could overflow.
        """
        unit = self.unit
        now: list[tuple[Value, Value]] = []
        size = np.abs(residuals[0]).max(axis=0).astype(np.float64)
        x = Value(size * (1 + unit), size * unit)
        for layer, before, after in zip(self.exact.layers, residuals, residuals[1:]):
            h = self._norm(x, layer.norm, before)
            if isinstance(layer, Mlp):
                added = self._mlp(h, layer)
            else:
                k, v = self._map(h, layer.w_k, layer.b_k), self._map(h, layer.w_v, layer.b_v)
                if seen:
                    k, v = k.joined(seen[len(now)][0]), v.joined(seen[len(now)][1])
                now.append((k, v))
                added = self._attention(self._map(h, layer.w_q, layer.b_q), k, v, layer, length)
            size = np.abs(after).max(axis=0).astype(np.float64)
            error = x.error + added.error + unit * size
            x = Value(size + 2 * error, error)
        logits = self._map(self._norm(x, self.exact.final_norm, residuals[-1]), self.exact.readout.T, None)
        # Both programs are off from real arithmetic by so much; the bound itself is computed with rounding.
        return 2.02 * float(logits.error.max()), tuple(now)

    def _map(self, x: Value, w: Array, b: Array | None) -> Value:
        """x @ w + b: [..., d_in] -> [..., d_out]"""
        n, w = w.shape[-2], np.abs(w)
        size = x.size @ w if b is None else x.size @ w + np.abs(b)
        error = x.error @ w + (n + 2) * (self.unit * size + self.tiny)
        return self._finite(Value(size, error))

    def _finite(self, x: Value) -> Value:
        """Nothing is known where a number, or a sum on the way to it, could overflow, or there are too many terms."""
        if x.size.max() < self.most and self.known:
            return x
        return Value(x.size, np.full_like(x.error, np.inf))

    def _attention(self, q: Value, k: Value, v: Value, layer: Attention, length: int) -> Value:
        unit, scale, d_head = self.unit, abs(layer.multiplier), q.size.shape[-1]
        score = scale * (q.size * k.size).sum(axis=-1, keepdims=True)  # [head, 1]
        off = scale * (q.size * k.error + k.size * q.error).sum(axis=-1, keepdims=True)
        off = self._finite(Value(score, off + (d_head + 3) * (unit * score + (1 + scale) * self.tiny))).error
        # Of a weight, relative to itself: the score, what it is shifted by, exp; the denominator is as far off again.
        weight = np.expm1(2 * (off + 2 * unit * score + EXP_ULPS * unit) + (length + 4) * unit)
        rest = (1 + weight) * (length + 4) * (unit + self.tiny)  # sum and underflow
        mean = Value(v.size, (1 + weight) * v.error + (weight + rest) * v.size)
        w, head = np.abs(layer.w_o), len(layer.w_o)
        size = (mean.size[:, None] @ w)[:, 0].sum(axis=0)  # [d_model]
        size = size if layer.b_o is None else size + np.abs(layer.b_o)
        n = layer.sizes["d_v"] + head + 3
        error = (mean.error[:, None] @ w)[:, 0].sum(axis=0) + n * (unit * size + head * self.tiny)
        return self._finite(Value(size, error))

    def _mlp(self, h: Value, layer: Mlp) -> Value:
        hidden = self._map(h, layer.w_in, layer.b_in)
        # Both are steeper than 1 nowhere, or by an eighth; gelu's tanh is off by at most ten units for each x.
        gelu = layer.activation == "gelu"
        hidden = Value(hidden.size, 1.2 * hidden.error + 10 * self.unit * hidden.size if gelu else hidden.error)
        return self._map(hidden, layer.w_out, layer.b_out)

    def _norm(self, x: Value, norm: Norm | None, rows: Array) -> Value:
        """Of rows [rows, d_model], of which the one that varies least is magnified most."""
        if norm is None:
            return x
        unit, n = self.unit, rows.shape[-1]
        error = x.error + x.error.mean() + (n + 3) * unit * (x.size + x.size.mean())  # of the distances from the mean
        off = float(np.sqrt((error * error).mean()))  # of their root mean square, rounding of the squares left out
        least = float(np.sqrt(rows.astype(np.float64).var(axis=-1).min() + norm.eps))
        least = max((1 - (n + 6) * unit) * least - 2 * off, float(np.sqrt(norm.eps)))
        y = np.minimum(np.sqrt(n), (x.size + x.size.mean()) / least)
        error = error / least + y * (off / least + (n + 6) * unit)
        weight, bias = np.abs(norm.weight), np.abs(norm.bias)
        size = (y + error) * weight + bias
        return self._finite(Value(size, error * weight + 3 * (unit * size + self.tiny)))
