"""What attention sees: keys, values and scores as intervals, one for each token a position may be.

Queries are (position, token) pairs, and so are keys, but for blocks of positions; a position that attends to itself
sees only its own token. Shapes use `batch` for one a box, or 1 where boxes do not matter.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from weakref import WeakKeyDictionary

import numpy as np

from properties.proof.arithmetic import Arithmetic, Interval, linear, lost, product
from zoo.transformer import Attention
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array


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

    def narrowed(self, keys: Array) -> "Head":
        """The keys int [box, kept] of each box, and one more, which is whatever any key is. Their `k` is not needed."""

        def some(y: Interval) -> Interval:
            every, of_boxes = y.hull(1).hull(2), y[0][keys]  # [1, 1, 1, ...], [box, kept, token, ...]
            shape = (len(keys), 1, *of_boxes.c.shape[2:])
            return Interval.join([of_boxes, Interval(*(np.broadcast_to(end, shape) for end in (every.c, every.r)))], 1)

        rounding = some(Interval(0 * self.v_rounding, self.v_rounding)).r
        return replace(self, x=some(self.x), v=some(self.v), v_rounding=rounding)

    def scores(self, layer: Attention, h: int, x: Interval, a: Arithmetic) -> Interval:
        """Of queries from normed inputs [batch, query, d_model] -> [batch, query, key, token].

        The multiplier may have been rounded to the program's type, and the product with it is rounded: 2 more. That
        the radius has `own` of all absolute products in it, of which the midpoint takes a quarter, is relied upon.
        """
        q, q_rounding = linear(x, *columns_of(layer.w_q, layer.b_q, h, self.dims), a)
        k = self.k.flat(-2)
        if self.k_rounding is None:
            r = product(np.abs(q.c), k.r) + product(q.r, k.magnitude)
        else:
            r = self._spread(layer, h, x, q, q_rounding, k, self.k_rounding.reshape(k.r.shape))
        sums = product(q.magnitude, k.magnitude)
        asked = np.count_nonzero(q.magnitude, axis=-1)[..., None]
        count = np.minimum(asked, np.count_nonzero(k.magnitude, axis=-2)[:, None])
        scale = layer.multiplier
        a.check(sums * abs(scale))
        rounding = a.rounding(sums, count if scale == 1 else count + 2) * abs(scale) + 2 * a.tiny
        s = Interval(product(q.c, k.c) * scale, r * abs(scale) * (1 + a.own) + rounding)
        return s.reshape(*s.c.shape[:2], *self.v.c.shape[1:3])

    def _spread(
        self, layer: Attention, h: int, x: Interval, q: Interval, q_rounding: Array, k: Interval, k_rounding: Array
    ) -> Array:
        """How far scores move with inputs x + dx and y + dy, before the scale, A being w_q w_k': it may cancel.

        (x + dx) A (y + dy) - x A y is at most |x A| |dy| + |dx| |A y| + |dx| |A| |dy|; with the rounding of q and k.
        """
        w_q, w_k = layer.w_q[h], layer.w_k[h]
        dy = self.x.r.reshape(len(self.x.r), -1, self.x.r.shape[-1]).swapaxes(1, 2)
        q_full = x.c @ w_q + (0 if layer.b_q is None else layer.b_q[h])
        r = np.abs(q_full @ w_k.T) @ dy + x.r @ np.abs(w_q @ k.c)
        r = r + x.r @ np.abs(w_q @ w_k.T) @ dy
        r = r + product(q_rounding, k.magnitude) + product(q.magnitude, k_rounding)
        # What underflow takes from x A, A y and A counts as often as dx and dy multiply it, or both.
        spread = (1 + x.r.sum(axis=-1).max(initial=0)) * (1 + dy.sum(axis=-2).max(initial=0))
        return np.asarray(r + (lost(lost(0, w_q), w_k.T) + 4 * len(w_q) * FLOAT64.tiny) * spread)


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


def visible_tokens(keys: Keys, queries: Array, lengths: Array, own: Array, causal: bool) -> Array:
    """What a query may see: queries int [batch, q], lengths int [batch] -> bool [batch, q * own token, key, token]

    A position that is the query itself holds the query's own token, bool [batch or 1, own token, token]. Blocks are
    before every query and whole.
    """
    limits = queries + 1 if causal else np.broadcast_to(lengths[:, None], queries.shape)
    seen = (keys.positions < limits[..., None])[:, :, None, :, None]  # [batch, q, 1, key, 1]
    itself = (keys.positions == queries[..., None])[:, :, None, :, None]
    visible: Array = seen & (~itself | own[:, None, :, None])
    return visible.reshape(len(queries), -1, len(keys.positions), own.shape[-1])
