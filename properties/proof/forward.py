"""Forward in intervals up to the last attention: what it looks at from the last position of each box."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.proof import interval
from properties.proof.arithmetic import Arithmetic, Interval, average
from properties.proof.attention import Head, Keys, visible_tokens
from properties.proof.boxes import Boxes
from properties.proof.first_layer import FirstLayer
from properties.proof.softmax import Weights, softmax_weights
from zoo.transformer import Attention, Mlp
from zoo.transformer.arrays import Array


@dataclass(frozen=True)
class Ahead:
    """What the last attention sees from the last position of each box."""

    by_length: Any  # of each box, the number of its length among the lengths, where there are several
    n: int  # the longest
    x: Interval  # the stream before it: [box, position, token, d_model], or last ones [1, length, token, d_model]
    last: Interval  # of that the last position: [box or length, token, d_model]
    mean: Interval  # of the last position's entries: [..., 1]
    magnitude: Array  # of the stream behind it
    rounding: Array  # and what rounding may change there
    heads: list[Head]
    weights: list[Weights]
    kept: list[Array | None]  # of each head, which of all keys weigh, where those are not all: as in `Weights`


@dataclass(frozen=True)
class Behind:
    """What comes behind the last attention, entry by entry: the stream, its size, and the Mlps it went through."""

    final: Interval
    magnitude: Array
    passed: list[interval.Passed]


@dataclass(frozen=True)
class Along:
    """What the directions read before the last attention: the stream, its rounding, each head's values."""

    direct: Interval  # [box or length, token, rival]
    rounding: Array  # the same
    values: list[Interval]  # [batch, token, rival, key, token]


@dataclass(frozen=True)
class Forward:
    """The way through one transformer: its first layer, those from its first attention to before its last, and that."""

    first: FirstLayer
    between: Sequence[Attention | Mlp]
    attention: Attention | None
    entrywise: bool  # whether something behind the last attention asks for every entry of the stream
    arithmetic: Arithmetic

    def ahead(self, boxes: Boxes, keys: Keys, heads: list[Head], narrow: bool = False) -> Ahead:
        """embed, and what else comes before the last attention; of that what it looks at.

        With `narrow`, of boxes that have one last token each: there is that token alone, and the keys that it keeps.
        """
        a, layer = self.arithmetic, self.attention
        # What comes before the boxes is done once for each length, or each length with a last token.
        lengths, inverse = np.unique(boxes.lengths, return_inverse=True)
        n, own = int(lengths[-1]), np.eye(self.first.vocab, dtype=bool)[None]
        if self.between:
            x, means = self._stream(boxes, heads)
            last, mean = x[:, n - 1], means[:, n - 1]
        else:
            x = self.first.embedded(lengths - 1)
            if narrow:
                ends, inverse = np.unique(inverse * len(own[0]) + boxes.last.argmax(axis=1), return_inverse=True)
                which, token = np.divmod(ends, len(own[0]))
                x, lengths, own = x[:, which, token][:, :, None], lengths[which], own[0, token][:, None]
            last = x[0][inverse] if self.entrywise and len(lengths) > 1 else x[0]
            mean = average(last, a)
        of = inverse if len(lengths) > 1 else slice(None)
        if layer is None:
            return Ahead(of, n, x, last, mean, last.magnitude, np.zeros(last.c.shape), [], [], [])
        if self.between:
            normed = interval.normalize(x, layer.norm, a, means)
            heads = [Head.of(normed, layer, h, True, a) for h in range(layer.sizes["head"])]
            queries = normed[:, [n - 1]]  # [box, 1, token, d_model]
        else:
            queries = Interval(*(y.swapaxes(0, 1) for y in (x.c, x.r)))  # [length, 1, token, d_model]
            queries = interval.normalize(queries, layer.norm, a)
        weights = self._weights(layer, heads, queries, keys, boxes, of, lengths, lengths[:, None] - 1, own)
        magnitude, rounding = interval.attend_rounding(last, layer, heads, n, a)
        kept = [w.kept for w in weights]
        if narrow:
            heads = [head if w.kept is None else head.narrowed(w.kept[:, 0]) for head, w in zip(heads, weights)]
            weights = [w.renumbered() for w in weights]
        return Ahead(of, n, x, last, mean, magnitude, rounding, heads, weights, kept)

    def _stream(self, boxes: Boxes, heads: list[Head]) -> tuple[Interval, Interval]:
        """The stream before the last attention, of boxes of one length, and its mean: [box or 1, position, token, …]"""
        a, n = self.arithmetic, len(boxes.positions)
        keys, every, own = Keys.single(np.arange(n)), np.arange(n)[None], np.eye(self.first.vocab, dtype=bool)[None]
        x = self.first.embedded(keys.positions)
        mean = average(x, a)
        for i, layer in enumerate(self.between):
            if isinstance(layer, Mlp):
                x, mean, _ = interval.transform(x, mean, layer, a)
                continue
            normed = interval.normalize(x, layer.norm, a, mean)
            if i > 0:
                heads = [Head.of(normed, layer, h, True, a) for h in range(layer.sizes["head"])]
            weights = self._weights(layer, heads, normed, keys, boxes, np.s_[:], boxes.lengths[:1], every, own)
            rows, its_mean = (s.reshape(len(s.c), n * self.first.vocab, -1) for s in (x, mean))
            after = interval.attend(rows, its_mean, layer, heads, weights, n, a)
            x, mean = (s.reshape(len(s.c), n, self.first.vocab, -1) for s in after)
        return x, mean

    def _weights(
        self,
        layer: Attention,
        heads: list[Head],
        queries: Interval,  # normed, [batch, query, token, d_model]
        keys: Keys,
        boxes: Boxes,
        of: Any,
        lengths: Array,
        positions: Array,  # of the queries, int [batch, query]
        own: Array,  # their tokens, bool [batch or 1, token, any token]
    ) -> list[Weights]:
        """What each head gives to the keys, from each query with every token it may be."""
        visible = visible_tokens(keys, positions, lengths, own, layer.causal)
        own_key = np.repeat(np.searchsorted(keys.positions, positions), own.shape[1], axis=1)
        rows = queries.reshape(len(queries.c), -1, queries.c.shape[-1])
        may_be = np.ones((len(boxes), len(keys.positions), self.first.vocab), bool)
        may_be[:, np.searchsorted(keys.positions, boxes.positions)] = boxes.masks
        scores = [head.scores(layer, h, rows, self.arithmetic) for h, head in enumerate(heads)]
        counted = None if boxes.counts is None else (boxes.counts, keys.positions)
        return [softmax_weights(s, visible, own_key, keys.counts, may_be, of, self.arithmetic, counted) for s in scores]
