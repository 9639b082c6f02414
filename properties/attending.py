"""Attention over boxes: keys, scores, means and output as intervals, one for each token a position may be.

Queries are (position, token) pairs, and so are keys, but for blocks of positions; a position that attends to itself
sees only its own token. Shapes use `batch` for one a box, or 1 where boxes do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from properties.intervals import TINY, Arithmetic, Interval, linear, lost, nonzero, product
from properties.softmax import Weights, softmax_mean
from zoo.arrays import Array
from zoo.transformer import Attention


@dataclass(frozen=True)
class Keys:
    """What attention looks at: single positions, or blocks, whose positions are bounded as if they were all alike."""

    positions: Array  # int [key], the first of each, sorted
    counts: Array  # int [key], how many positions it stands for

    @classmethod
    def single(cls, positions: Array) -> "Keys":
        return cls(positions, np.ones(len(positions), int))


@dataclass(frozen=True)
class Head:
    """What one head of an attention layer sees: its normed inputs, and their keys and values."""

    x: Interval  # [batch, key, token, d_model]
    k: Interval  # [batch, dimension, key, token]
    k_rounding: Array | None  # that part of the radius; None where there is no other
    dims: Array | None  # which dimensions of d_head these are; None for all
    columns: Array  # which columns of the values are not all zero
    v: Interval  # [batch, key, token, column]
    v_rounding: Array
    along: Interval | None = None  # [1, 1, direction, key, token] the values along given directions of the output

    @classmethod
    def of(
        cls, x: Interval, layer: Attention, h: int, spread: bool, a: Arithmetic, dims: Array | None = None
    ) -> "Head":
        """`spread` says that the radii of the inputs are more than rounding."""
        k, rounding = linear(x, *columns_of(layer.w_k, layer.b_k, h, dims), a)
        columns = value_columns(layer)[h]
        v, v_rounding = linear(x, *columns_of(layer.w_v, layer.b_v, h, columns), a)
        k = Interval(np.moveaxis(k.c, -1, 1), np.moveaxis(k.r, -1, 1))
        return cls(x, k, np.moveaxis(rounding, -1, 1) if spread else None, dims, columns, v, v_rounding)

    def projected_once(self, along: Interval) -> "Head":
        """With its values along all directions there are, so that its inputs are not needed any more."""
        return replace(self, x=self.x[..., :0], along=along)

    def take(self, keys: Array, dims: Array | None = None) -> "Head":
        """Some of the keys, and of them some dimensions, where inputs do not spread."""
        along = None if self.along is None else self.along.take(keys, 3)
        k = self.k if dims is None else self.k.take(dims, 1)
        x, k, v = self.x.take(keys, 1), k.take(keys, 2), self.v.take(keys, 1)
        dims = self.dims if dims is None else dims
        return Head(x, k, None, dims, self.columns, v, self.v_rounding.take(keys, 1), along)

    def hull(self) -> "Head":
        """One key that is whatever any of them is, where inputs do not spread."""
        along = None if self.along is None else self.along.hull(3)
        v_rounding = self.v_rounding.max(1, keepdims=True)
        return Head(self.x.hull(1), self.k.hull(2), None, self.dims, self.columns, self.v.hull(1), v_rounding, along)

    @staticmethod
    def join(heads: Sequence["Head"]) -> "Head":
        """The keys of all of them, where inputs do not spread."""
        if len(heads) == 1:
            return heads[0]
        x, k, v = (Interval.join(parts, i) for parts, i in zip(zip(*((h.x, h.k, h.v) for h in heads)), (1, 2, 1)))
        along = [head.along for head in heads if head.along is not None]
        v_rounding = np.concatenate([head.v_rounding for head in heads], 1)
        together = Interval.join(along, 3) if along else None
        return Head(x, k, None, heads[0].dims, heads[0].columns, v, v_rounding, together)

    def scores(self, layer: Attention, h: int, x: Interval, a: Arithmetic) -> Interval:
        """Of queries from normed inputs [batch, query, d_model] -> [batch, query, key, token].

        Where inputs spread, what a deviation does to a score is followed through w_q and w_k together: it loses less.
        """
        q, q_rounding = linear(x, *columns_of(layer.w_q, layer.b_q, h, self.dims), a)
        k = self.k.flat(-2)
        if self.k_rounding is None:
            r = product(np.abs(q.c), k.r) + product(q.r, k.magnitude)
        else:
            w_q, w_k = layer.w_q[h], layer.w_k[h]
            inputs = Interval(*(y.reshape(len(y), -1, y.shape[-1]).swapaxes(1, 2) for y in (self.x.c, self.x.r)))
            q_full = x.c @ w_q + (0 if layer.b_q is None else layer.b_q[h])
            r = np.abs(q_full @ w_k.T) @ inputs.r + x.r @ np.abs(w_q @ k.c)
            r = r + x.r @ np.abs(w_q @ w_k.T) @ inputs.r
            k_rounding = self.k_rounding.reshape(k.r.shape)
            r = r + product(q_rounding, k.magnitude) + product(q.magnitude, k_rounding)
            spread = (1 + x.r.sum(axis=-1).max(initial=0)) * (1 + inputs.r.sum(axis=-2).max(initial=0))
            r = r + (lost(lost(0, w_q), w_k.T) + 4 * len(w_q) * TINY) * spread
        sums = product(q.magnitude, k.magnitude)
        count = np.minimum(
            np.count_nonzero(q.magnitude, axis=-1)[..., None], np.count_nonzero(k.magnitude, axis=-2)[:, None]
        )
        scale = layer.multiplier
        if scale != 1:  # the multiplier is rounded to the dtype, and so is the product with it
            count = count + 2
        a.check(sums * abs(scale))
        rounding = a.rounding(sums, count) * abs(scale) + 2 * a.tiny
        s = Interval(product(q.c, k.c) * scale, r * abs(scale) * (1 + a.own) + rounding)
        return Interval(*(y.reshape(*y.shape[:2], *self.v.c.shape[1:3]) for y in (s.c, s.r)))


_value_columns: WeakKeyDictionary[Attention, list[Array]] = WeakKeyDictionary()


def value_columns(layer: Attention) -> list[Array]:
    """Which columns of each head's values are not always zero; found once, as one-hot maps are large."""
    if layer not in _value_columns:
        used = np.asarray(layer.w_v.any(axis=1))
        if layer.b_v is not None:
            used = used | (layer.b_v != 0)
        _value_columns[layer] = [np.flatnonzero(columns) for columns in used]
    return _value_columns[layer]


def columns_of(w: Array, b: Array | None, h: int, dims: Array | None) -> tuple[Array, Array | None]:
    """Of one head's map and bias, those of some dimensions."""
    some = slice(None) if dims is None else dims
    return w[h][:, some], None if b is None else b[h][some]


def queried(x: Interval, layer: Attention, h: int, a: Arithmetic) -> Array:
    """The dimensions in which queries from normed inputs [..., d_model] can be anything but zero."""
    q, _ = linear(x, *columns_of(layer.w_q, layer.b_q, h, None), a)
    return np.flatnonzero(q.magnitude.reshape(-1, q.c.shape[-1]).any(axis=0))


def visible_tokens(keys: Keys, queries: Array, lengths: Array, vocab: int, causal: bool) -> Array:
    """What a query may see: queries int [batch, q], lengths int [batch] -> bool [batch, q * token, key, token]

    A position that is the query itself holds the query's own token. Blocks are before every query and whole.
    """
    limits = queries + 1 if causal else np.broadcast_to(lengths[:, None], queries.shape)
    seen = (keys.positions < limits[..., None])[:, :, None, :, None]  # [batch, q, 1, key, 1]
    itself = (keys.positions == queries[..., None])[:, :, None, :, None]
    visible: Array = seen & (~itself | np.eye(vocab, dtype=bool)[:, None])
    return visible.reshape(len(queries), -1, len(keys.positions), vocab)


def mean_rounding(v: Interval, positions: int, a: Arithmetic) -> tuple[Array, Array]:
    """The largest values [batch, 1, column], and what rounding may change in a softmax mean of them.

    The normalization and the sum over positions are two sums of so many terms.
    """
    largest = v.magnitude.max(axis=(1, 2))[:, None]
    return largest, a.rounding(largest, 2 * positions + 4)


def output_rounding(
    x: Interval, layer: Attention, heads: list[Head], positions: int, a: Arithmetic
) -> tuple[Array, Array]:
    """Of the stream after the layer, x [batch, query, d_model]: the sums' magnitudes, and what rounding may change.

    `positions` is how many a query sees at most.
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
        error, count = error + rounding @ np.abs(w_o), np.maximum(count, nonzero(largest, w_o))
    return total, error * (1 + a.own) + a.rounding(total, count + np.maximum(addends - 1, 0))


def output(
    x: Interval,
    mean: Interval,
    layer: Attention,
    heads: list[Head],
    weights: list[Weights],
    positions: int,
    a: Arithmetic,
) -> tuple[Interval, Interval]:
    """The stream after the layer, entry by entry: x [batch, query, d_model] -> [box, query, d_model], and its mean.

    The mean [..., 1] is followed by itself: where what a head writes sums to nothing, it does not move it.
    """
    total, rounding = output_rounding(x, layer, heads, positions, a)
    c, r = x.c, x.r + rounding
    middle, spread = mean.c, mean.r + (rounding + a.own * total).mean(axis=-1, keepdims=True)
    spread = spread + 4 * TINY * sum(1 + len(head.columns) * (1 + head.v.largest) for head in heads)
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


def projected(head: Head, layer: Attention, h: int, directions: Array, before: float, a: Arithmetic) -> Interval:
    """The head's values along directions of its output: [batch, query, rival, d_model] -> [..., key, token].

    Its rounding is followed through the magnitudes of all matrices, for they may cancel; from the directions' entries
    underflow may have taken `before`.
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
    by_column = lost(before, w_o.T)
    underflow = lost(by_column, w_v.T) * head.x.largest * head.x.c.shape[-1] + 4 * head.x.c.shape[-1] * TINY
    underflow += by_column * head.v_rounding.max(initial=0) * len(w_o) + 4 * len(w_o) * TINY
    if layer.b_v is not None:
        b_v = layer.b_v[h][head.columns]
        c = c + (along @ b_v)[..., None, None]
        underflow += lost(by_column, b_v[:, None])
    return Interval(c, r * (1 + a.own) + underflow)
