"""The operations of a forward pass on directions, backwards: answer - rival, from the logits to the embedding.

`unembed`, `normalize`, `transform`, `attend`, `embed`, as in `zoo.transformer.forward`, last one first. A bound along a
direction is tighter than one on each entry of the stream by itself: what entries share cancels. The directions are
products of weights made here, in float64, of which underflow may take something; how much is followed beside them.
"""

import numpy as np

from properties.proof.arithmetic import Arithmetic, Interval, lost, product
from properties.proof.attention import Head
from properties.proof.interval import Passed, centred, inverse_deviation, norm_error
from zoo.transformer import Attention, Norm
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array


def unembed(readout: Array, answers: Array, rivals: Array) -> Array:
    """answer - rival, as directions of what is read out: int [box], int [box, rival] -> [box, 1, rival, d_model]"""
    return readout[answers][:, None, None] - readout[rivals][:, None]


def normalize(directions: Array, norm: Norm | None) -> Array:
    """The directions before a Norm that correspond to those behind it, up to its division; see `behind_norm`."""
    if norm is None:
        return directions
    weighted = directions * norm.weight
    return weighted - weighted.mean(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def behind_norm(final: Interval, differences: Array, lower: Array, norm: Norm, a: Arithmetic) -> tuple[Array, Array]:
    """From a bound along `normalize` on what goes into the final Norm to one along the differences on what comes out.

    Also how large the entries are that come out. A bound above 0 is multiplied by the least that 1/deviation can be,
    one below by the most.
    """
    c, rounding = centred(final, a)
    least, most = inverse_deviation(c, norm.eps, a)  # [box or 1, token, 1]
    lower = lower - along_size(rounding, differences * norm.weight)
    lower = np.where(lower > 0, lower * least, lower * most)
    size = c.magnitude * most * np.abs(norm.weight)
    # The program's division may underflow, and so may the products made here.
    error = norm_error(c, norm.eps, a) * size + 8 * a.tiny * (1 + np.abs(norm.weight))
    error = error + a.rounding(size + error + np.abs(norm.bias), 1)
    lower = lower + differences @ norm.bias - along_size(error, differences)
    # Underflow may have taken tiny from each of the differences; what it takes from products with them, see `unembed`.
    lower = lower - FLOAT64.tiny * (np.abs(norm.bias) + error).sum(axis=-1, keepdims=True)
    return lower, size + np.abs(norm.bias) + error


def transform(step: Passed, directions: Array, constant: Array, lost_before: float) -> tuple[Array, Array, float]:
    """From directions behind an Mlp to those before it: units of relu that are surely on are linear, others bounded.

    From the directions' entries underflow may have taken `lost_before`; returned is what it may have taken then. What
    it takes from the constant is taken off.
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
    by_unit = lost(lost_before, layer.w_out.T)
    sizes = active.largest + float(np.abs(layer.b_in).max()), float(np.abs(layer.b_out).sum())
    underflow = by_unit * len(layer.w_out) * sizes[0] + lost_before * (sizes[1] + step.rounding.sum(axis=-1).max())
    constant = constant - underflow - 8 * (len(layer.w_out) + layer.w_out.shape[1]) * FLOAT64.tiny
    return directions + (onto * on) @ layer.w_in.T, constant, lost_before + lost(by_unit, layer.w_in.T)


def attend(head: Head, layer: Attention, h: int, directions: Array, lost_before: float, a: Arithmetic) -> Interval:
    """The head's values along directions of its output: [batch, query, rival, d_model] -> [..., key, token].

    Its rounding is followed through the magnitudes of all matrices, for they may cancel. `lost_before` is as for
    `transform`.
    """
    w_o, w_v = layer.w_o[h][head.columns], layer.w_v[h][:, head.columns]
    along, magnitude = directions @ w_o.T, np.abs(directions) @ np.abs(w_o).T  # [batch, query, rival, column]
    through = along @ w_v.T  # [batch, query, rival, d_model]
    n, vocab = head.x.c.shape[1:3]

    def apply(x: Array, y: Array) -> Array:
        flat = y.reshape(len(y), y.shape[1] * y.shape[2], y.shape[3])
        values = product(x.reshape(len(x), n * vocab, x.shape[-1]), flat.swapaxes(1, 2))  # [batch, key, query * rival]
        return values.swapaxes(1, 2).reshape(len(values), *y.shape[1:3], n, vocab)

    c, r = apply(head.x.c, through), apply(head.x.r, np.abs(through)) + apply(head.v_rounding, magnitude)
    by_column = lost(lost_before, w_o.T)
    underflow = lost(by_column, w_v.T) * head.x.largest * head.x.c.shape[-1] + 4 * head.x.c.shape[-1] * FLOAT64.tiny
    underflow += by_column * head.v_rounding.max(initial=0) * len(w_o) + 4 * len(w_o) * FLOAT64.tiny
    if layer.b_v is not None:
        b_v = layer.b_v[h][head.columns]
        c = c + (along @ b_v)[..., None, None]
        underflow += lost(by_column, b_v[:, None])
    return Interval(c, r * (1 + a.own) + underflow)


def embed(x: Interval, directions: Array) -> Interval:
    """x [..., token, d_model] along directions [..., token or 1, rival, d_model] -> [..., token, rival]"""
    across = directions.swapaxes(-1, -2)
    c = (x.c[..., None, :] @ across)[..., 0, :]
    return Interval(c, along_size(x.r, directions))


def along_size(x: Array, directions: Array) -> Array:
    """The same of magnitudes."""
    if x.any():
        return (x[..., None, :] @ np.abs(directions).swapaxes(-1, -2))[..., 0, :]
    return np.zeros((*np.broadcast_shapes(x.shape[:-1], directions.shape[:-2]), directions.shape[-2]))
