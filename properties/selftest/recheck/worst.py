"""The forward pass as any machine may run it: exactly, or with one rounding at a time as large as it may be.

A result that is rounded is a site. With every site moved by itself, the sum of what they do to a number is how far all
roundings together can drive it, but for what they do to each other: the worst that a program may do, without waiting
for it. The same functions run in decimals of many digits, where nothing is rounded that matters: the exact result.
"""

import decimal
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from properties.recheck.program import Ball
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

STEP = 2.0**-22  # of which every rounding is, to see what it does
LIBRARY = 8  # units: exp and tanh are off by 4 in the last place
PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459")


def _tanh(x: Decimal) -> Decimal:
    e = (-2 * abs(x)).exp()
    return ((1 - e) / (1 + e)).copy_sign(x)


decimals, tanh_decimal = np.frompyfunc(Decimal, 1, 1), np.frompyfunc(_tanh, 1, 1)


@contextmanager
def many_digits() -> Iterator[None]:
    """In which what is done with exact numbers is done."""
    with decimal.localcontext(prec=150):
        yield


def exact(number: Any) -> Decimal:
    """The middle of a number of python-flint's."""
    man, exp = number.mid().man_exp()
    with decimal.localcontext(prec=400):
        return Decimal(int(man)) * (Decimal(2) ** int(exp))


def outside(number: Decimal, ball: Ball) -> tuple[float, float]:
    """How far a number is from the middle of a ball, and how far it may be."""
    return float(abs(number - exact(ball.c))), float(exact(ball.r.upper()) + exact(ball.c.rad()))


@dataclass
class Machine:
    """Runs in `dtype` (object: decimals). With `sites` above 0, a batch: no site moved, then each by itself.

    It counts the sites that it has `seen`.
    """

    dtype: Any = object
    sites: int = 0
    seen: int = 0

    def array(self, x: Any) -> Array:
        """As a batch of one."""
        x = np.asarray(x, np.float64)[None]
        return decimals(x) if self.dtype is object else x  # type: ignore[no-any-return]

    def near(self, x: Array, same: Any = np.False_, units: float = 1) -> Array:
        """Results, each a site but where they are the `same` as what went in."""
        size = math.prod(x.shape[1:])
        if self.sites:
            one, x = x, np.empty((self.sites + 1, *x.shape[1:]))
            x[...] = one
            fixed = np.broadcast_to(same, x.shape)[0].reshape(-1) if same.ndim else same
            at, moves = np.arange(size), np.where(fixed, 1, 1 + units * STEP)
            x.reshape(len(x), -1)[at + self.seen + 1, at] *= moves
        self.seen += size
        return x

    def plus(self, x: Array, y: Array) -> Array:
        return self.near(x + y, (x == 0) | (y == 0))

    def times(self, x: Array, y: Array) -> Array:
        return self.near(x * y)

    def total(self, terms: Array) -> Array:
        """The sum over the last axis, largest first: the more of it is there, the more is rounded."""
        if terms.shape[-1] > 1:
            order = np.argsort(-abs(terms[:1]), axis=-1, kind="stable")
            terms = np.take_along_axis(terms, np.broadcast_to(order, terms.shape), -1)
        return reduce(self.plus, np.moveaxis(terms, -1, 0))

    def product(self, x: Array, w: Array) -> Array:
        """[batch, ..., n, d], [batch, ..., d, m] -> [batch, ..., n, m]"""
        return self.total(self.times(x[..., :, None, :], np.swapaxes(w, -1, -2)[..., None, :, :]))

    def exp(self, x: Array) -> Array:
        return self.near(np.exp(x), x == 0, LIBRARY)

    def tanh(self, x: Array) -> Array:
        y: Array = tanh_decimal(x) if self.dtype is object else np.tanh(x)  # type: ignore[assignment]
        return self.near(y, x == 0, LIBRARY)

    def constant(self, number: Decimal) -> Array:
        return self.near(np.array([number if self.dtype is object else float(number)]))


def normalize(m: Machine, x: Array, norm: Norm | None) -> Array:
    if norm is None:
        return x
    d = len(norm.weight)
    c = m.plus(x, -m.near(m.total(x) / d)[..., None])
    variance = m.near(m.total(m.times(c, c)) / d)
    root = m.near(np.sqrt(m.plus(variance, m.array(np.float64(norm.eps)))))
    y = m.times(m.near(c / root[..., None]), m.array(norm.weight))
    return m.plus(y, np.broadcast_to(m.array(norm.bias), y.shape))


def linear(m: Machine, x: Array, w: Any, b: Any) -> Array:
    out = m.product(x, m.array(w))
    return out if b is None else m.plus(out, np.broadcast_to(m.array(b), out.shape))


def attend(m: Machine, x: Array, layer: Attention) -> Array:
    heads = []
    for h in range(layer.sizes["head"]):
        q, k, v = (
            linear(m, x, getattr(layer, f"w_{name}")[h], None if bias is None else bias[h])
            for name, bias in (("q", layer.b_q), ("k", layer.b_k), ("v", layer.b_v))
        )
        scores = m.product(q, np.swapaxes(k, -1, -2))
        if layer.multiplier != 1:
            scores = m.times(scores, m.array(np.float64(layer.multiplier)))
        means = []
        for row in range(x.shape[1]):
            seen = slice(row + 1 if layer.causal else None)
            s = scores[:, row, seen]
            weights = m.exp(m.near(s - s.max(axis=-1, keepdims=True)))
            weights = m.near(weights / m.total(weights)[..., None])
            means.append(m.product(weights[:, None], v[:, seen])[:, 0])
        heads.append(m.product(np.stack(means, 1), m.array(layer.w_o[h])))
    out = reduce(m.plus, heads)
    return out if layer.b_o is None else m.plus(out, np.broadcast_to(m.array(layer.b_o), out.shape))


def activate(m: Machine, x: Array, activation: str) -> Array:
    if activation == "relu":
        return np.where(x > 0, x, 0 * x)
    cubic, root = m.constant(Decimal("0.044715")), m.constant((2 / PI).sqrt())
    cube = m.times(m.times(m.times(cubic[:, None, None], x), x), x)
    argument = m.times(root[:, None, None], m.plus(x, cube))
    return m.times(x / 2, m.plus(m.tanh(argument), 1 + 0 * x))


def transform(m: Machine, x: Array, layer: Mlp) -> Array:
    hidden = activate(m, linear(m, x, layer.w_in, layer.b_in), layer.activation)
    return linear(m, hidden, layer.w_out, layer.b_out)


def forward(m: Machine, t: Transformer, tokens: Sequence[int]) -> tuple[list[Array], Array]:
    """What goes into each layer and out of the last, [batch, seq, d_model] each, and the last position's logits."""
    at = list(tokens)
    x = m.plus(m.array(t.token_embedding[at]), m.array(t.position_embedding[: len(at)]))
    stream = [x]
    for layer in t.layers:
        h = normalize(m, x, layer.norm)
        x = m.plus(x, attend(m, h, layer) if isinstance(layer, Attention) else transform(m, h, layer))
        stream.append(x)
    return stream, m.product(normalize(m, x, t.final_norm)[:, -1:], m.array(t.readout.T))[:, 0]


@dataclass
class Worst:
    """The exact numbers of one context, and what each rounding does to them, in units."""

    stream: list[Array]  # [seq, d_model] each, exactly
    logits: Array
    stream_moves: list[Array]  # [site, seq, d_model] each
    logit_moves: Array  # [site, vocab]

    def difference(self, answer: int, rival: int) -> tuple[Decimal, float]:
        """Answer - rival exactly, and how many units it can be driven off."""
        moves = abs(self.logit_moves[:, answer] - self.logit_moves[:, rival]).sum()
        return self.logits[answer] - self.logits[rival], float(moves)


def worst(t: Transformer, tokens: Sequence[int]) -> Worst:
    exactly = Machine()
    stream, logits = forward(exactly, t, tokens)
    moving = Machine(np.float64, exactly.seen)
    moved, last = forward(moving, t, tokens)
    moves = [(np.broadcast_to(x, (moving.sites + 1, *x.shape[1:])) - x[:1])[1:] / STEP for x in moved]
    return Worst([x[0] for x in stream], logits[0], moves, (last - last[:1])[1:] / STEP)


def unit(dtype: Any) -> Fraction:
    """Half a unit in the last place of 1, by its definition."""
    return Fraction(1, 2**24 if dtype == np.float32 else 2**53)
