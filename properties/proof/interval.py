"""The operations of a forward pass on intervals: what a program computes, for each token that a position may be.

`embed`, `normalize`, `attend`, `transform`, `unembed`, as in `zoo.transformer.forward`; each adds what rounding may
change. The last layers are followed backwards as well, in `backward`, for what intervals lose where numbers cancel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from properties.proof.arithmetic import (
    Arithmetic,
    Interval,
    OutOfRangeError,
    add,
    gamma,
    linear,
    nonzero,
    product,
)
from properties.proof.attention import Head
from properties.proof.softmax import Weights, softmax_mean
from zoo.transformer import Attention, Mlp, Norm, Transformer, gelu
from zoo.transformer.arithmetic import EXP_ULPS, FLOAT64
from zoo.transformer.arrays import Array

GELU_MINIMUM = -0.75246  # where the tanh form of GELU is smallest
GELU_BELOW = -0.170041  # a little less than it is there
STEEPEST = 1.2  # no activation is steeper: relu 1, gelu 1.13


@dataclass(frozen=True)
class Passed:
    """What the way back needs of an Mlp: its hidden units before and after, and the rounding of its output."""

    layer: Mlp
    hidden: Interval  # [box, token, d_mlp]
    active: Interval  # [box, token, d_mlp]
    rounding: Array  # [box, token, d_model]


def embed(transformer: Transformer, positions: Array, a: Arithmetic) -> Interval:
    """Every token at these positions: [1, position, token, d_model]"""
    tokens, rows = transformer.token_embedding[None], transformer.position_embedding[positions, None]
    token, position = (Interval(x, a.weights * np.abs(x) * (1 + a.own)) for x in (tokens, rows))
    return add(token, position, a)[0][None]


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
        others = np.where(outward, others_least, others_most)
        return np.where(end == 0, 0, end / np.sqrt((end * end + others) / d + eps))

    low, high = c.c - c.r, c.c + c.r
    low, high = scaled(low, low < 0), scaled(high, high > 0)
    y = Interval((low + high) / 2 * norm.weight, (high - low) / 2 * np.abs(norm.weight))
    magnitude = y.magnitude
    rounding = (norm_error(c, eps, a) + a.own) * magnitude + a.rounding(magnitude + np.abs(norm.bias), 1)
    rounding += 8 * a.tiny * np.abs(norm.weight)  # the division may underflow, the program's and the one made here
    return Interval(y.c + norm.bias, y.r * (1 + a.own) + rounding)


def centred(x: Interval, a: Arithmetic, mean: Interval | None = None) -> tuple[Interval, Array]:
    """x - mean(x) over the last dimension, and the part of its radius that is rounding.

    `mean` [..., 1] is what else is known of the mean, where entries move together. The program's mean is a sum of d and
    a division, d roundings, and the difference is one more.
    """
    d = x.c.shape[-1]
    c = x.c - x.c.mean(axis=-1, keepdims=True)
    spread = x.r * (1 - 1 / d) + (x.r.sum(axis=-1, keepdims=True) - x.r) / d
    if mean is not None:
        other = x.r + mean.r
        c, spread = np.where(other < spread, x.c - mean.c, c), np.minimum(other, spread)
    magnitude = x.magnitude
    size = magnitude.mean(axis=-1, keepdims=True)
    rounding = a.rounding(size, d) + a.rounding(magnitude + size, 1)
    return Interval(c, spread * (1 + a.own) + rounding), rounding


def inverse_deviation(c: Interval, eps: float, a: Arithmetic) -> tuple[Array, Array]:
    """The least and the most that 1/sqrt(mean(c²) + eps) can be, before rounding: [..., d] -> [..., 1] twice."""
    d = c.c.shape[-1]
    least = (np.maximum(np.abs(c.c) - c.r, 0) ** 2).sum(axis=-1, keepdims=True) / d + eps
    most = (c.magnitude**2).sum(axis=-1, keepdims=True) / d + eps
    return (1 - a.own) / np.sqrt(most), (1 + a.own) / np.sqrt(least)


def norm_error(c: Interval, eps: float, a: Arithmetic) -> Array:
    """The relative error of a program's c / sqrt(mean(c²) + eps) * weight: [..., d] -> [..., 1]

    A square, d - 1 additions, the division by d and the addition of eps are d + 2 roundings, of which the root takes
    half; itself, the division and the weight are 3 more: d / 2 + 4, and 1 for what their product adds to that.
    Underflow takes d tiny at most from the squares and their sum, of which 1 is left in the mean, 1 as that is divided
    and 1 as eps is added: 3 tiny, of which the root takes half, relative to what is left; 4 d are more. Squares are not
    negative, so that eps is left, and where it is less than 2 d tiny perhaps nothing else. Where it is below tiny
    itself, its sum with the mean may become zero, and nothing is known.
    """
    if eps < a.tiny:
        raise OutOfRangeError
    d = c.c.shape[-1]
    a.check(d * c.magnitude**2 + eps)
    least = inverse_deviation(c, eps, a)[1] ** -2 if eps >= 2 * d * a.tiny else np.full((*c.c.shape[:-1], 1), eps)
    return gamma((d + 1) // 2 + 5, a.unit) + 4 * d * a.tiny / least + a.own  # type: ignore[no-any-return]


def attend(
    x: Interval,
    mean: Interval,
    layer: Attention,
    heads: list[Head],
    weights: list[Weights],
    positions: int,
    a: Arithmetic,
) -> tuple[Interval, Interval]:
    """The stream after the layer, entry by entry: x [batch, query, d_model] -> [box, query, d_model], and its mean.

    The mean [..., 1] is followed by itself: where what a head writes sums to nothing, it does not move.
    """
    total, rounding = attend_rounding(x, layer, heads, positions, a)
    c, r = x.c, x.r + rounding
    middle, spread = mean.c, mean.r + (rounding + a.own * total).mean(axis=-1, keepdims=True)
    # w_o's means, found here, may underflow before they are multiplied by values.
    spread = spread + 4 * FLOAT64.tiny * sum(1 + len(head.columns) * (1 + head.v.largest) for head in heads)
    if layer.b_o is not None:
        c, middle = c + layer.b_o, middle + layer.b_o.mean()
    for h, (head, weight) in enumerate(zip(heads, weights)):
        w_o = layer.w_o[h][head.columns]
        high, low = (np.moveaxis(end, -1, 1)[:, None] for end in (head.v.c + head.v.r, head.v.c - head.v.r))
        upper, lower = softmax_mean(weight, high, a), -softmax_mean(weight, -low, a)
        c, r = c + (upper + lower) / 2 @ w_o, r + (upper - lower) / 2 @ np.abs(w_o)
        means = w_o.mean(axis=-1, keepdims=True)
        middle, spread = middle + (upper + lower) / 2 @ means, spread + (upper - lower) / 2 @ np.abs(means)
    return Interval(c, r * (1 + a.own)), Interval(middle, spread * (1 + a.own))


def mean_rounding(v: Interval, positions: int, a: Arithmetic) -> tuple[Array, Array]:
    """The largest values [batch, 1, column], and what rounding may change in a softmax mean of them, up to its weights.

    What goes into a mean is rounded as exponentials are added, n - 1 times, as a product, and as those are added, n - 1
    times: 2 n - 1. 4 more are for exponentials and quotients that underflow, 3 tiny for each key, as their sum is 1 or
    more.
    """
    largest = v.magnitude.max(axis=(1, 2))[:, None]
    return largest, a.rounding(largest, 2 * positions + 4)


def attend_rounding(
    x: Interval, layer: Attention, heads: Sequence[Head], positions: int, a: Arithmetic
) -> tuple[Array, Array]:
    """Of the stream after the layer, x [batch, query, d_model]: the sums' magnitudes, and what rounding may change.

    `positions` is how many a query sees at most. A product is rounded by itself and in its head's sum, as often as that
    has products, and once less than there are addends as heads, b_o and the stream are added. All of them may
    underflow, though, not only as many as one head has, and so may a single addend.
    """
    total, addends = x.magnitude, (x.magnitude > 0).astype(int)
    error: Array = np.zeros(1)
    count: Array = np.zeros(1, int)
    if layer.b_o is not None:
        total, addends = total + np.abs(layer.b_o), addends + (layer.b_o != 0)
    for h, head in enumerate(heads):
        w_o = layer.w_o[h][head.columns]
        largest, rounding = mean_rounding(head.v, positions, a)
        out = largest @ np.abs(w_o)
        total, addends = total + out, addends + (out > 0)
        products = nonzero(largest, w_o)
        error, count = error + rounding @ np.abs(w_o) + a.underflow(products), np.maximum(count, products)
    error = error + a.underflow(addends > 0)
    return total, error * (1 + a.own) + a.rounding(total, count + np.maximum(addends - 1, 0))


def transform(x: Interval, mean: Interval, layer: Mlp, a: Arithmetic) -> tuple[Interval, Interval, Passed]:
    """The stream after an Mlp, entry by entry, its mean [..., 1], and what the way back needs of it."""
    hidden, first = linear(normalize(x, layer.norm, a, mean), layer.w_in, layer.b_in, a)
    active, second = activate(hidden, layer.activation, a)
    out, third = linear(active, layer.w_out, layer.b_out, a)
    stream, fourth = add(x, out, a)
    rounding = (STEEPEST * first + second) @ np.abs(layer.w_out) + third + fourth
    means = layer.w_out.mean(axis=-1, keepdims=True)
    size = a.own * (active.magnitude @ np.abs(layer.w_out) + np.abs(layer.b_out))
    spread = mean.r + active.r @ np.abs(means) + (third + fourth + size).mean(axis=-1, keepdims=True)
    spread = spread + 4 * FLOAT64.tiny * (2 + len(means) * (1 + active.largest))  # the means may underflow, as above
    mean = Interval(mean.c + active.c @ means + layer.b_out.mean(), spread * (1 + a.own))
    return stream, mean, Passed(layer, hidden, active, rounding)


def activate(h: Interval, activation: str, a: Arithmetic) -> tuple[Interval, Array]:
    """relu or gelu of h, and the part of its radius that is rounding. relu does not round.

    gelu: 1 + tanh z is off by less than 4 u for the 8 roundings of z, as |z| (1 - tanh² z) < 0.45; by 2 EXP_ULPS u
    of tanh; and by 2 u of the sum, which is at most 2. Of that |h| / 2 is taken, and the product rounds once: in all
    EXP_ULPS + 4 roundings of |h|, since 1 + tanh may cancel, and 1 for what their product adds.
    """
    low, high = h.c - h.r, h.c + h.r
    if activation == "relu":
        low, high, rounding = np.maximum(low, 0), np.maximum(high, 0), np.zeros_like(h.c)
    elif activation == "gelu":
        g_low, g_high = gelu(low), gelu(high)
        inside = (low <= GELU_MINIMUM + 1e-4) & (high >= GELU_MINIMUM - 1e-4)
        low, high = np.where(inside, GELU_BELOW, np.minimum(g_low, g_high)), np.maximum(g_low, g_high)
        rounding = a.rounding(h.magnitude, EXP_ULPS + 5)
    else:
        raise NotImplementedError(f"{activation} is not handled here, but should be, as an activation")
    # relu's ends were rounded once. gelu's were by 9 u of |h| and may be 0: `own` in `rounding` is more than that.
    slack = a.own * (np.abs(low) + np.abs(high)) + 4 * FLOAT64.tiny * (high > low)
    return Interval((low + high) / 2, (high - low) / 2 + slack + rounding), rounding


def unembed(magnitude: Array, readout: Array, a: Arithmetic) -> Array:
    """What rounding may change in each logit of a stream of that magnitude: [..., d_model] -> [..., vocab]"""
    return a.rounding(product(magnitude, np.abs(readout).T), nonzero(magnitude, readout.T))
