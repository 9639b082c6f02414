"""How far two programs that compute a transformer's last row in another order of operations can be apart.

`embed`, `normalize`, `attend`, `transform`, `unembed`, as in `zoo.transformer.forward`, on absolute values, which are
followed through the layers with a count of the roundings: what the readout cancels still counts in full. It holds for
any order of additions, with or without fused multiply-adds, where results may also underflow to zero, on the
assumptions of `zoo.transformer.arithmetic`.

A sum of n products is off by gamma(k) Σ |product| if each goes through k roundings at most, gamma(k) = k u / (1 - k u),
which is less than 2 k u, k `ulp`, where k u is less than a half. Of its products and additions no more than n can lose
to underflow, `tiny` each: a sum of k of them that is not zero has lost k - 1 at most, and one that becomes zero, be it
of one number and an exact zero, k.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from zoo.transformer import Attention, Mlp, Norm, Transformer, chosen, residuals, unhandled
from zoo.transformer.arithmetic import EXP_ULPS, FLOAT64, FloatingPoint
from zoo.transformer.arrays import Array


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


class Rows(NamedTuple):
    """What matters here of rows of the residual stream, [row, d_model], as one program computed them."""

    largest: Array  # the largest absolute values, [d_model]
    variance: float  # that of the row that varies least, in float64: the mean square of distances from a row's mean


Seen = tuple[tuple[Value, Value], ...]  # of each Attention the keys and values so far, [head, d] each


def _largest(rows: Array | Rows) -> Array:
    return rows.largest if isinstance(rows, Rows) else np.abs(rows).max(axis=0)


def _variance(rows: Array | Rows) -> float:
    return rows.variance if isinstance(rows, Rows) else float(rows.astype(np.float64).var(axis=-1).min())


class Rounding:
    """Bounds for one transformer, as a program of some type computes it; they are computed in float64.

    Each method says how far the program's result is from real arithmetic. An error is infinite or NaN where a number,
    or a sum on the way to it, could overflow.
    """

    def __init__(self, transformer: Transformer, dtype: DTypeLike | None = None) -> None:
        """The type is the transformer's own where none is given."""
        program = FloatingPoint.of(transformer.dtype if dtype is None else dtype)
        self.exact = transformer.astype(np.float64)
        self.ulp = 2 * program.unit  # 2 u: k of its size are more than gamma(k) where k u < 1/2, see above
        # Of a product of the program, and of up to three made here for each: sizes, and errors twice.
        self.tiny = program.tiny + 3 * FLOAT64.tiny
        self.smallest = program.tiny
        # Sums of absolute values are compared with it. No sum has more addends than the largest dimension, or heads
        # times d_v: with k u < 1/4, the program's own are less than 4/3 as large, and twice that in a sum of squares.
        self.most = program.largest / 4
        sizes = [part.sizes for _, part in self.exact.parts()]
        longest = max(max(*s.values(), s.get("head", 1) * s.get("d_v", 1)) for s in sizes)
        self.known = (longest + 16) * self.ulp < 0.5

    @np.errstate(all="ignore")
    def of_step(self, residuals: Sequence[Array | Rows], length: int, seen: Seen = ()) -> tuple[float, Seen]:
        """How far the logits of two programs can be apart, and what was seen.

        Of rows with these residual streams, [rows, d_model] each, as one of the programs computed them: the embedding,
        then one after each layer. Each row sees `length` tokens, those before it `seen`.
        """
        now: list[tuple[Value, Value]] = []
        x = self.embed(_largest(residuals[0]))
        for layer, before, after in zip(self.exact.layers, residuals, residuals[1:]):
            h = self.normalize(x, layer.norm, before)
            if isinstance(layer, Mlp):
                added = self.transform(h, layer)
            elif isinstance(layer, Attention):
                added, kept = self.attend(h, layer, length, seen[len(now)] if seen else None)
                now.append(kept)
            else:
                unhandled(layer)
            x = self.after(x, added, after)
        logits = self.unembed(self.normalize(x, self.exact.final_norm, residuals[-1]))
        # Both programs are off from real arithmetic by so much. The bound itself is made of sums and products of
        # positive numbers, which round by less than a hundredth, of fewer than 10^13 operations.
        return 2.02 * float(logits.error.max()), tuple(now)

    def of_trace(self, trace: Mapping[str, Array]) -> float:
        """How far two programs' logits can be apart, at any position of contexts of one length, which was traced."""
        streams = [*residuals(self.exact, trace), trace["residual"]]
        length = streams[0].shape[1]
        return self.of_step([x.reshape(-1, x.shape[-1]) for x in streams], length)[0]

    def embed(self, size: Array) -> Value:
        """Sums of two numbers of which one program's results are at most so large: [..., d_model]

        One addition: u of the sum, which is less than `ulp` of its result. Another program's result is off by as much.
        """
        size = size.astype(np.float64)
        return self.finite(Value(size * (1 + 2 * self.ulp) + 2 * self.tiny, size * self.ulp + self.tiny))

    def sum(self, parts: Sequence[Value]) -> Value:
        """Of so many numbers, in any order: one addition less than there are numbers."""
        size, error = (np.sum(all_parts, axis=0) for all_parts in zip(*((part.size, part.error) for part in parts)))
        error = error + len(parts) * (self.ulp * size + self.tiny)
        return self.finite(Value(size + error, error))

    def after(self, x: Value, added: Value, rows: Array | Rows) -> Value:
        """The stream to which that is added, of rows [rows, d_model] as one program had it then: [d_model]

        The other program's is as far from real arithmetic as the one that was seen.
        """
        error = self.sum([x, added]).error
        return Value(_largest(rows).astype(np.float64) + 2 * error, error)

    def map(self, x: Value, w: Array, b: Array | None) -> Value:
        """x @ w + b: [..., d_in] -> [..., d_out]

        A product is rounded by itself, in at most d_in - 1 additions and in that of b: d_in + 1 times, and 1 to spare.
        """
        n, w = w.shape[-2], np.abs(w)
        size = x.size @ w if b is None else x.size @ w + np.abs(b)
        error = x.error @ w + (n + 2) * (self.ulp * size + self.tiny)
        return self.finite(Value(size + error, error))

    def finite(self, x: Value) -> Value:
        """Nothing is known where a number, or a sum on the way to it, could overflow, or there are too many terms."""
        if x.size.max() < self.most and self.known:
            return x
        return Value(x.size, np.full_like(x.error, np.inf))

    def attend(
        self, h: Value, layer: Attention, length: int, seen: tuple[Value, Value] | None = None
    ) -> tuple[Value, tuple[Value, Value]]:
        """What an attention adds to the stream, [d_model], and its keys and values with those seen before."""
        k, v = self.map(h, layer.w_k, layer.b_k), self.map(h, layer.w_v, layer.b_v)
        if seen is not None:
            k, v = k.joined(seen[0]), v.joined(seen[1])
        weight, underflow = self.weights(self.map(h, layer.w_q, layer.b_q), k, layer, length)
        return self.output(self.mean(v, weight, underflow, length), layer), (k, v)

    def weights(self, q: Value, k: Value, layer: Attention, length: int, reach: float = 0.0) -> tuple[Array, Array]:
        """How far softmax weights can be off: relative to each, and what underflow takes from or adds to all: [head, 1]

        q and k [head, d_head]. A program that does not subtract the largest score but one that `reach` lies above a
        score that is there has a denominator of e^-reach at least.
        """
        ulp, scale, d_head = self.ulp, abs(layer.multiplier), q.size.shape[-1]
        product = (q.size * k.size).sum(axis=-1, keepdims=True)  # [head, 1]
        off = (q.size * k.error + k.size * q.error).sum(axis=-1, keepdims=True)
        off = off + (d_head + 1) * (ulp * product + self.tiny)  # d_head products and d_head - 1 additions; 1 to spare
        off = self.finite(Value(product + off, off)).error
        # The product with the scale is rounded, and so may the scale have been: 2 u and u² of a sum that may be 4/3 as
        # large as its absolute values, where 2 `ulp` are 4 u; of what underflowed, that is less than was to spare.
        score = scale * product
        off = self.finite(Value(score, scale * off + 2 * ulp * score + self.tiny)).error
        # By how much exponents are off. The difference of a score and what it is shifted by, 2 (score + off) at most,
        # rounds by u: `ulp` of half of it. A shift that is a sum with `reach` rounds by u of that, too: the denominator
        # may be so much less. exp is off by EXP_ULPS `ulp`, for which ln(1 - x) > -1.01 x, x being less than 0.0099.
        exponent = off + ulp * (score + off + reach / 2) + 1.01 * EXP_ULPS * ulp
        # A weight is off as an exponential and as the denominator is; by its length - 1 additions; and by the division.
        weight = np.expm1(2 * exponent + (length + 2) * ulp)
        # Every exponential may underflow, in the numerators and in the denominator, which is at least e^-reach, and so
        # may every division: 3 length.
        return weight, (1 + weight) * (3 * length + 2) * self.tiny * np.exp(reach)

    def mean(self, v: Value, weight: Array, underflow: Array, length: int, reach: float = 0.0) -> Value:
        """Weighted means of values [head, d], whose weights sum to 1, in one sum of `length` products.

        A product is rounded by itself, in length - 1 additions and in a division where that comes last: length + 1
        times, and 1 to spare. Where it does, products and their sum underflow before they are divided by e^-reach.
        """
        off = weight + underflow + (1 + weight + underflow) * (length + 2) * self.ulp
        error = (1 + off) * (v.error + (length + 2) * self.tiny * np.exp(reach)) + off * v.size
        return Value(v.size + error, error)

    def output(self, mean: Value, layer: Attention) -> Value:
        """What the heads' means [head, d_v] add to the stream: [d_model]

        Head by head or all heads in one sum: a product is rounded by itself, in head d_v - 1 additions at most, and in
        that of b_o: head d_v + 1 times, and 1 to spare.
        """
        w, n = np.abs(layer.w_o), layer.sizes["head"] * layer.sizes["d_v"] + 2
        size = (mean.size[:, None] @ w)[:, 0].sum(axis=0)
        size = size if layer.b_o is None else size + np.abs(layer.b_o)
        error = (mean.error[:, None] @ w)[:, 0].sum(axis=0) + n * (self.ulp * size + self.tiny)
        return self.finite(Value(size + error, error))

    def transform(self, h: Value, layer: Mlp) -> Value:
        """What an Mlp adds to the stream."""
        activate = chosen({"relu": lambda x: x, "gelu": self.gelu}, layer.activation)  # relu moves nothing apart
        return self.map(activate(self.map(h, layer.w_in, layer.b_in)), layer.w_out, layer.b_out)

    def gelu(self, x: Value) -> Value:
        """x (1 + tanh z) / 2, which is steeper than 1 by less than a fifth.

        1 + tanh z is off by the 8 roundings of z, less than 4 u since |z| (1 - tanh² z) < 0.45, by 2 EXP_ULPS u of tanh
        and by 2 u of the sum, which is at most 2. Of all that |x| / 2 is taken, and the product rounds: (4 + EXP_ULPS)
        u |x|, where 4 u are 3.6 and leave room for products of roundings. Underflow takes less than 3 tiny from z and 1
        from tanh, of which |x| / 2 is taken, and 3 from x / 2, which is at most doubled, and the product.
        """
        error = 1.2 * x.error + (4 + EXP_ULPS) / 2 * self.ulp * x.size + 4 * self.tiny * (1 + x.size)
        return Value(x.size + error, error)

    def normalize(self, x: Value, norm: Norm | None, rows: Array | Rows) -> Value:
        """Of rows [rows, d_model] as one program had them, of which the one that varies least is magnified most."""
        if norm is None:
            return x
        c = self.centred(x)
        return self.scaled(c, *self.deviation(c.error, rows, norm.eps), norm)

    def centred(self, x: Value) -> Value:
        """The distances from the mean: [d_model]

        n - 1 additions, a division by n and the difference are n + 1 roundings of no more than what the size is here.
        """
        away = x.size + x.size.mean()
        return Value(away, x.error + x.error.mean() + (len(away) + 3) * (self.ulp * away + self.tiny))

    def deviation(self, error: Array, rows: Array | Rows, eps: float) -> tuple[float, float]:
        """D = sqrt(mean(c²) + eps): the least that it is in a program, D', and how far it is off, relative to that.

        Of distances c from the mean that are off by such errors [d_model], and with the roundings of c / D.
        """
        ulp, n = self.ulp, len(error)
        # D moves by no more than the root mean square of what c moves by.
        off = float(np.sqrt((error * error).mean()))
        # Squares are not negative: D' is at least this, unless the sum of eps and their mean may become zero.
        root = float(np.sqrt(eps)) * (1 - ulp) if eps >= self.smallest else 0.0
        # The least D' of both programs: D of these rows, as float64 has it from their own mean, which is off by less
        # than `off`; real arithmetic's is off from that by `off`, and another program's from that again: 3. Roundings:
        # here of differences 1, squared 3, n - 1 additions, a division and eps: n + 4, halved by the root, and the
        # root; in the program, from c', n + 2, halved, and the root: n + 5 of u, and n + 6 `ulp` are more.
        least = np.sqrt(_variance(rows) + eps)
        least = np.maximum((1 - (n + 6) * ulp) * least - 3 * off, root)
        # The squares' sum may lose n tiny, of which the mean is 1, the division 1 and eps 1; n + 2 is no less than 3.
        under = (n + 2) * self.tiny / least  # and the root half of that
        least = np.maximum(least - under, root)  # what is divided by 0 below is infinite or NaN, and so not known
        off = (off + under) / least
        # D' is off by its (n + 2) / 2 + 1 roundings as well, and the division is another; n + 6 `ulp` are more.
        return least, off + (n + 6) * ulp * (1 + off)

    def scaled(self, c: Value, least: float, off: float, norm: Norm) -> Value:
        """c / D * weight + bias, where D is at least so large and so far off, relative to that: [d_model]

        A program's c' / D' differs from c / D by (c' - c) / D' + (c / D) (D - D') / D', and by what is rounded then.
        """
        n = len(c.size)
        y = np.minimum(np.sqrt(n), c.size / least)  # |c / D|: a square is at most the sum of them
        error = (c.error / least + y * off) + self.tiny
        squares = n * (c.size + error) ** 2 + norm.eps
        error = self.finite(Value(squares, error)).error  # inf where they could overflow
        weight, bias = np.abs(norm.weight), np.abs(norm.bias)
        size = (y + error) * weight + bias
        error = error * weight + 3 * (self.ulp * size + self.tiny)  # a product and a sum; 1 to spare
        return self.finite(Value(size + error, error))

    def unembed(self, x: Value) -> Value:
        """The logits of a normed stream: [d_model] -> [vocab]"""
        return self.map(x, self.exact.readout.T, None)
