"""Differences of logits, followed backwards as directions through the layers behind the last attention.

A bound along a direction is tighter than one on each entry of the stream by itself: what entries share cancels.
"""

from dataclasses import dataclass

import numpy as np

from properties.intervals import (
    TINY,
    Arithmetic,
    Interval,
    activate,
    add,
    centred,
    inverse_deviation,
    linear,
    lost,
    norm_error,
    normalize,
)
from zoo.arrays import Array
from zoo.transformer import Mlp, Norm


@dataclass(frozen=True)
class Passed:
    """What the way back needs of an Mlp: its hidden units before and after, and the rounding of its output."""

    layer: Mlp
    hidden: Interval  # [box, token, d_mlp]
    active: Interval  # [box, token, d_mlp]
    rounding: Array  # [box, token, d_model]


def through(x: Interval, mean: Interval, layer: Mlp, a: Arithmetic) -> tuple[Interval, Interval, Passed]:
    """The stream after an Mlp, entry by entry, its mean [..., 1], and what the way back needs of it."""
    hidden, first = linear(normalize(x, layer.norm, a, mean), layer.w_in, layer.b_in, a)
    active, second = activate(hidden, layer.activation, a)
    out, third = linear(active, layer.w_out, layer.b_out, a)
    stream, fourth = add(x, out, a)
    rounding = (1.2 * first + second) @ np.abs(layer.w_out) + third + fourth  # no activation is steeper than 1.2
    means = layer.w_out.mean(axis=-1, keepdims=True)
    size = a.own * (active.magnitude @ np.abs(layer.w_out) + np.abs(layer.b_out))
    spread = mean.r + active.r @ np.abs(means) + (third + fourth + size).mean(axis=-1, keepdims=True)
    spread = spread + 4 * TINY * (2 + len(means) * (1 + active.largest))
    mean = Interval(mean.c + active.c @ means + layer.b_out.mean(), spread * (1 + a.own))
    return stream, mean, Passed(layer, hidden, active, rounding)


def back(step: Passed, directions: Array, constant: Array, before: float) -> tuple[Array, Array, float]:
    """From directions behind an Mlp to those before it: units of relu that are surely on are linear.

    From the directions' entries underflow may have taken `before`; returned is what it may have taken then. What it
    takes from the constant is taken off.
    """
    layer, active = step.layer, step.active
    onto = directions @ layer.w_out.T  # [box, token or 1, rival, d_mlp]
    linear_units = np.zeros(step.hidden.c.shape, bool)
    if layer.norm is None and layer.activation == "relu":
        linear_units = step.hidden.c - step.hidden.r >= 0
    on = linear_units[:, :, None]
    bounded = np.where(on, onto * layer.b_in, onto * active.c[:, :, None] - np.abs(onto) * active.r[:, :, None])
    constant = constant + bounded.sum(axis=-1) + directions @ layer.b_out
    constant = constant - along_size(step.rounding, directions)
    by_unit = lost(before, layer.w_out.T)
    sizes = active.largest + float(np.abs(layer.b_in).max()), float(np.abs(layer.b_out).sum())
    underflow = by_unit * len(layer.w_out) * sizes[0] + before * (sizes[1] + step.rounding.sum(axis=-1).max())
    constant = constant - underflow - 8 * (len(layer.w_out) + layer.w_out.shape[1]) * TINY
    return directions + (onto * on) @ layer.w_in.T, constant, before + lost(by_unit, layer.w_in.T)


def behind_norm(final: Interval, differences: Array, lower: Array, norm: Norm, a: Arithmetic) -> tuple[Array, Array]:
    """From a bound along `before_norm` on what goes into the final Norm to one on what comes out."""
    c, rounding = centred(final, a)
    least, most = inverse_deviation(c, norm.eps, a)  # [box or 1, token, 1]
    lower = lower - along_size(rounding, differences * norm.weight)
    lower = np.where(lower > 0, lower * least, lower * most)
    size = c.magnitude * most * np.abs(norm.weight)
    # The program's division may underflow, and so may the products made here.
    error = norm_error(c, norm.eps, a) * size + 8 * a.tiny * (1 + np.abs(norm.weight))
    error = error + a.rounding(size + error + np.abs(norm.bias), 1)
    lower = lower + differences @ norm.bias - along_size(error, differences)
    return lower, size + np.abs(norm.bias) + error


def before_norm(directions: Array, norm: Norm | None) -> Array:
    """The directions before a Norm that correspond to those behind it, up to its division."""
    if norm is None:
        return directions
    weighted = directions * norm.weight
    return weighted - weighted.mean(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def along(x: Interval, directions: Array) -> Interval:
    """x [..., token, d_model] along directions [..., token or 1, rival, d_model] -> [..., token, rival]"""
    across = directions.swapaxes(-1, -2)
    c = (x.c[..., None, :] @ across)[..., 0, :]
    return Interval(c, along_size(x.r, directions))


def along_size(x: Array, directions: Array) -> Array:
    """The same of magnitudes."""
    if x.any():
        return (x[..., None, :] @ np.abs(directions).swapaxes(-1, -2))[..., 0, :]
    return np.zeros((*np.broadcast_shapes(x.shape[:-1], directions.shape[:-2]), directions.shape[-2]))
