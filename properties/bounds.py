"""Bounds on what a transformer answers over whole sets of contexts, sound for the program that runs.

A box is a set of contexts of one length: what each position may hold. `Bounds.margins` bounds from below, for many
boxes at once, by how much the logit of an answer exceeds those of its rivals at the last position. What is bounded is
the difference: it is followed backwards, as a direction, through the layers behind the last attention. Up to there,
each position carries one interval vector for each token it may be, so that a first attention layer is exact up to
rounding; its scores and values depend on position and token only and are computed once.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from properties.attending import Head, Keys, output, output_rounding, projected, value_columns, visible_tokens
from properties.boxes import Boxes
from properties.directions import along, along_size, back, before_norm, behind_norm, through
from properties.first_layer import SLAB, FirstLayer
from properties.intervals import TINY, Arithmetic, Interval, OutOfRangeError, average, lost, nonzero, normalize, product
from properties.softmax import Weights, effects, softmax_mean, softmax_weights
from zoo.arrays import Array
from zoo.transformer import Attention, Mlp, Transformer

BATCH = 256  # boxes bounded at a time
MOST = 2**28  # numbers that one box may need and a batch may leave, 2 GB
MEMORY = 3_000_000  # numbers in the largest array that a batch of boxes may need


@dataclass(frozen=True)
class Margins:
    """Lower bounds [box], and what proves them: the heads' means along rival - answer are at most `levels`.

    levels [box, head, token at the last position, rival] in order of rivals, the answer itself left out.
    """

    lower: Array
    levels: Array
    felt: Array | None = None  # [box, position] how much each position can move the last layer's mean
    worst: Array | None = None  # [box, position] the token that moves it down most


class Bounds:
    """Those of one transformer, in the arithmetic of its dtype, float32 or float64; ModelError for another."""

    def __init__(self, transformer: Transformer, weights: float = 0.0, block: int | None = None) -> None:
        """With `weights`, the bounds hold for all weights that differ from these by at most so much of themselves.

        `block` is how many positions may be looked at as if they were one; None is about the root of n_ctx.
        """
        self.arithmetic = Arithmetic.of(transformer, weights)
        self.transformer = t = transformer if transformer.dtype == np.float64 else transformer.astype(np.float64)
        self.block = max(32, 2 ** (t.n_ctx.bit_length() // 2)) if block is None else block
        self.unembedding = t.readout
        self.vocab = len(t.token_embedding)
        at = [i for i, layer in enumerate(t.layers) if isinstance(layer, Attention)]
        first, last = (at[0], at[-1]) if at else (len(t.layers), len(t.layers))
        self.between, self.after = t.layers[first:last], t.layers[last + 1 :]
        self.attention = next((layer for layer in reversed(t.layers) if isinstance(layer, Attention)), None)
        self.mixes = not self.between  # boxes of several lengths may be bounded together
        # Where nothing that depends on the box comes before the last attention or behind it, rivals are projected once.
        self.pairs: Array | None = None  # [1, 1, vocab * vocab, d_model]
        if not self.between and not self.after:
            pairs = (self.unembedding[:, None] - self.unembedding).reshape(1, 1, self.vocab**2, -1)
            self.pairs = before_norm(pairs, t.final_norm)
        # What underflow may take from differences of the readout's rows, before the final Norm.
        self.underflow = TINY if t.final_norm is None else lost(TINY, 2 * t.final_norm.weight[None])
        self.first = FirstLayer(t, self.arithmetic, self.pairs, self.underflow, self.block)

    def margins(self, boxes: Boxes, answers: Array, rivals: Array, felt: bool = False) -> Margins:
        """By how much the answer's logit at least exceeds each rival's, the least over rivals and contexts of a box.

        answers int [box], rivals bool [box, vocab]. What cannot be bounded is -inf. Where `mixes`, boxes may differ in
        length. Positions of which nothing is known are first looked at in blocks; what that does not prove, one by one.
        With `felt`, also which positions matter, as far as the last attention layer by itself can tell.
        """
        if felt or self.between or not len(closed := self._closed(boxes)):
            return self._in_parts(boxes.everywhere(), np.zeros(0, int), answers, rivals, felt)
        found = self._in_parts(boxes, closed, answers, rivals, felt)
        again = np.flatnonzero(~(found.lower > 0))
        if len(again):
            exact = self._in_parts(boxes[again].everywhere(), np.zeros(0, int), answers[again], rivals[again], felt)
            found.lower[again], found.levels[again] = exact.lower, exact.levels
        return found

    def _closed(self, boxes: Boxes) -> Array:
        """The blocks of which nothing is known in any of these boxes, and which are at least a block before their ends.

        What is close to the end is often what counts, and is not blurred.
        """
        whole = np.arange(max(0, (int(boxes.lengths.min()) - 1) // self.block - 1))
        return np.setdiff1d(whole, boxes.positions // self.block)

    def _in_parts(self, boxes: Boxes, closed: Array, answers: Array, rivals: Array, felt: bool = False) -> Margins:
        blocks = closed * self.block
        single = np.ones(boxes.lengths.max(), bool)
        single[blocks[:, None] + np.arange(self.block)] = False
        opened = np.flatnonzero(single)
        positions = np.concatenate([blocks, opened])
        order = np.argsort(positions)
        keys = Keys(positions[order], np.repeat([self.block, 1], [len(blocks), len(opened)])[order])
        # Where no other attention comes before, what does not depend on tokens elsewhere is done once for all parts.
        heads: list[Head] = []
        parts = []
        with np.errstate(all="ignore"):
            for part in self._batches(len(boxes), len(positions)):
                try:
                    if not heads and self.attention is not None:
                        dims = self.first.every_dim if self.between else self.first.dims(boxes.lengths)
                        heads = self.first.heads(opened, dims)
                        if len(blocks):
                            joined = zip(
                                (head.take(closed, some) for head, some in zip(self.first.blocks, dims)), heads
                            )
                            heads = [Head.join(both).take(order) for both in joined]
                    parts.append(self._margins(boxes[part], keys, heads, answers[part], rivals[part], felt))
                except OutOfRangeError:
                    count = len(boxes[part])
                    number = 0 if self.attention is None else self.attention.sizes["head"]
                    levels = np.full((count, number, self.vocab, self.vocab - 1), np.nan)
                    worst = boxes[part].masks.argmax(axis=-1)
                    parts.append(Margins(np.full(count, -np.inf), levels, np.zeros(worst.shape), worst))
        names = ("lower", "levels", "felt", "worst") if felt else ("lower", "levels")
        return Margins(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def _batches(self, count: int, keys: int) -> list[slice]:
        rows = max(1, MEMORY // largest(self.transformer, keys))
        return [slice(start, start + rows) for start in range(0, count, rows)]

    def _margins(
        self, boxes: Boxes, keys: Keys, heads: list[Head], answers: Array, rivals: Array, felt: bool
    ) -> Margins:
        t, a = self.transformer, self.arithmetic
        # What comes before the boxes is done once for each length; `of` tells the length of each box.
        lengths, inverse = np.unique(boxes.lengths, return_inverse=True)
        of: Any = inverse if len(lengths) > 1 else slice(None)
        n = int(lengths[-1])
        entrywise = self.after or t.final_norm is not None
        if self.between:
            x, mean = self._stream(boxes, heads)  # [box, position, token, d_model], [..., 1]
            last = final = x[:, n - 1]
            final_mean = mean[:, n - 1]
        else:
            x = self.first.embedded(lengths - 1)  # [1, length, token, d_model]
            last = final = x[0][of] if entrywise else x[0]  # [box or length, token, d_model]
            final_mean = average(final, a)
        magnitude, rounding, passed = last.magnitude, np.zeros(last.c.shape), []
        if self.attention is not None:
            layer, ends = self.attention, lengths[:, None] - 1
            if self.between:
                normed = normalize(x, layer.norm, a, mean)
                heads = [Head.of(normed, layer, h, True, a) for h in range(layer.sizes["head"])]
                queries = normed[:, [n - 1]]  # [box, 1, token, d_model]
            else:
                queries = Interval(*(y.swapaxes(0, 1) for y in (x.c, x.r)))  # [length, 1, token, d_model]
                queries = normalize(queries, layer.norm, a)
            weights = self._weights(layer, heads, queries, keys, boxes, of, lengths, ends)
            magnitude, rounding = output_rounding(last, layer, heads, n, a)
            if entrywise:
                final, final_mean = output(last, final_mean, layer, heads, weights, n, a)
        for mlp in self.after:
            assert isinstance(mlp, Mlp)
            final, final_mean, step = through(final, final_mean, mlp, a)
            passed.append(step)
            magnitude = final.magnitude

        others = np.arange(self.vocab - 1) + (np.arange(self.vocab - 1) >= answers[:, None])  # [box, rival]
        differences = self.unembedding[answers][:, None, None] - self.unembedding[others][:, None]  # [box, 1, rival, d]
        constant, underflow = np.zeros(1), self.underflow
        if self.pairs is not None:
            pair = answers[:, None] * self.vocab + others

            def pick(table: Array) -> Array:  # [box or 1, token, vocab * vocab, ...] -> [box, token, rival, ...]
                each = np.arange(len(pair)) if len(table) > 1 else np.zeros(len(pair), int)
                return np.moveaxis(table[each[:, None], :, pair], 2, 1)

            directions = pick(self.pairs)
            direct = along(x[0], self.pairs[0])[of]  # [length, token, vocab * vocab] -> [box or 1, ...]
            direct = Interval(pick(direct.c), pick(direct.r))
            slack = pick(along_size(rounding, self.pairs[0])[np.s_[:] if entrywise else of])
            values = [Interval(pick(v.c), pick(v.r)) for v in (head.along for head in heads) if v is not None]
        else:
            directions = before_norm(differences, t.final_norm)
            for step in reversed(passed):
                directions, constant, underflow = back(step, directions, constant, underflow)
            direct, slack = along(last, directions), along_size(rounding, directions)
            last_layer = self.attention
            values = (
                [projected(head, last_layer, h, directions, underflow, a) for h, head in enumerate(heads)]
                if last_layer
                else []
            )

        lower = constant + direct.c - direct.r - slack
        lower = lower - underflow * (last.largest * t.d_model + float(rounding.sum(axis=-1).max()))
        lower = lower - 8 * (t.d_model + n) * (1 + len(heads)) * TINY
        levels = []
        if self.attention is not None:
            for weight, v in zip(weights, values):
                levels.append(softmax_mean(weight, v.r - v.c, a))
                lower = lower - levels[-1]
            if self.attention.b_o is not None:
                lower = lower + directions @ self.attention.b_o - lost(underflow, self.attention.b_o[:, None])
        if t.final_norm is not None:
            lower, magnitude = behind_norm(final, differences, lower, t.final_norm, a)
        sums = product(magnitude, np.abs(self.unembedding).T)
        error = a.rounding(sums, nonzero(magnitude, self.unembedding.T))  # [box, length or 1, token, vocab]
        error = error if entrywise or self.between else error[of]
        error = np.broadcast_to(error, (len(boxes), *error.shape[1:]))
        lower = lower - error[np.arange(len(boxes)), :, answers][..., None]
        lower = lower - np.take_along_axis(error, others[:, None], -1)
        matters = boxes.last[..., None] & np.take_along_axis(rivals, others, -1)[:, None]  # [box, token, rival]
        # What is infinite overflowed on the way, and is not known.
        lower = np.where(matters, np.where(np.isfinite(lower), lower, -np.inf), np.inf)
        none = np.zeros((len(boxes), 0, self.vocab, self.vocab - 1))
        found = Margins(lower.min(axis=(1, 2), initial=np.inf), np.stack(levels, axis=1) if levels else none)
        if not felt:
            return found
        may_be = boxes.masks
        total = np.zeros(may_be.shape)
        for weight, v, level in zip(weights if levels else [], values, levels):
            total += effects(weight, v, level, lower, may_be)
        reach = np.where(may_be, total, -np.inf).max(axis=-1) - np.where(may_be, total, np.inf).min(axis=-1)
        return replace(found, felt=reach, worst=np.where(may_be, total, -np.inf).argmax(axis=-1))

    def _stream(self, boxes: Boxes, heads: list[Head]) -> tuple[Interval, Interval]:
        """The stream before the last attention, of boxes of one length, and its mean: [box or 1, position, token, …]"""
        a, n = self.arithmetic, len(boxes.positions)
        keys, every = Keys.single(np.arange(n)), np.arange(n)[None]
        x = self.first.embedded(keys.positions)
        mean = average(x, a)
        for i, layer in enumerate(self.between):
            if isinstance(layer, Mlp):
                x, mean, _ = through(x, mean, layer, a)
                continue
            normed = normalize(x, layer.norm, a, mean)
            if i > 0:
                heads = [Head.of(normed, layer, h, True, a) for h in range(layer.sizes["head"])]
            weights = self._weights(layer, heads, normed, keys, boxes, np.s_[:], boxes.lengths[:1], every)
            rows, its_mean = (Interval(*(y.reshape(len(y), n * self.vocab, -1) for y in (s.c, s.r))) for s in (x, mean))
            after = output(rows, its_mean, layer, heads, weights, n, a)
            x, mean = (Interval(*(y.reshape(len(y), n, self.vocab, -1) for y in (s.c, s.r))) for s in after)
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
    ) -> list[Weights]:
        """What each head gives to the keys, from each query with every token it may be."""
        visible = visible_tokens(keys, positions, lengths, self.vocab, layer.causal)
        own = np.repeat(np.searchsorted(keys.positions, positions), self.vocab, axis=1)
        rows = Interval(*(y.reshape(len(y), -1, y.shape[-1]) for y in (queries.c, queries.r)))
        may_be = np.ones((len(boxes), len(keys.positions), self.vocab), bool)
        may_be[:, np.searchsorted(keys.positions, boxes.positions)] = boxes.masks
        scores = [head.scores(layer, h, rows, self.arithmetic) for h, head in enumerate(heads)]
        return [softmax_weights(s, visible, own, keys.counts, may_be, of, self.arithmetic) for s in scores]


def largest(transformer: Transformer, keys: int) -> int:
    """How many numbers the largest array has that the bounds of one box need, with so many keys."""
    vocab = len(transformer.token_embedding)
    attentions = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    widths = [max(map(len, value_columns(layer)), default=1) for layer in attentions]
    pairs = vocab**2 * transformer.d_model
    last = vocab * keys * vocab * max([vocab, *widths[-1:]])
    return max(pairs, last, *(keys * vocab * keys * vocab * max(width, 1) for width in widths[:-1]))


def numbers(transformer: Transformer) -> int:
    """How many numbers the bounds of one box of the longest contexts need at once, and what is kept of a batch.

    The values of each head's keys along every difference of logits are there as midpoints and radii, of the model and
    of the box, and five more such arrays while a mean of them is bounded; of an earlier layer's keys it is the same.
    """
    vocab, keys = len(transformer.token_embedding), transformer.n_ctx
    heads = max((layer.sizes["head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    hidden = max((layer.sizes["d_mlp"] for layer in transformer.layers if isinstance(layer, Mlp)), default=0)
    d_head = max((layer.sizes["d_head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    values = (5 + 4 * heads) * largest(transformer, keys) if heads else 0
    directions = 4 * vocab**2 * (transformer.d_model + hidden)
    several = sum(isinstance(layer, Attention) for layer in transformer.layers) > 1  # then every position's are kept
    rows = 12 * (keys if several else min(keys, SLAB)) * vocab * (transformer.d_model + hidden + heads * d_head)
    levels = 2 * BATCH * max(heads, 1) * vocab**2
    return values + directions + rows + levels


def within_reach(transformer: Transformer) -> bool:
    """Whether there are bounds on it: float64 or float32, and no more numbers than memory has room for."""
    return transformer.dtype in (np.float64, np.float32) and numbers(transformer) <= MOST
