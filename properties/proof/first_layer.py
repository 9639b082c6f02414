"""The first attention layer, and what comes before it: all that depends on a position and its token only.

Its keys are single positions, or blocks of them, each of which stands for whatever any of its positions may be: where
nothing is known of many tokens, the cost of a bound is not that of looking at each.
"""

import itertools
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from properties.proof import backward, interval
from properties.proof.arithmetic import Arithmetic, Interval, average
from properties.proof.attention import Head, Keys, columns_of, queried
from properties.proof.boxes import Boxes
from zoo.transformer import Attention, Mlp, Transformer
from zoo.transformer.arrays import Array

SLAB = 64  # positions whose keys are computed at a time: with one-hot positions, all at once take much memory


class FirstLayer:
    """Of a transformer in float64, whose program computes in some arithmetic; without attention, it has no heads."""

    def __init__(
        self, transformer: Transformer, a: Arithmetic, pairs: Array | None, underflow: float, block: int
    ) -> None:
        """With `pairs`, directions [1, 1, pair, d_model] of the output, heads hold their values along those.

        From the pairs' entries underflow may have taken so much.
        """
        self.transformer, self.arithmetic, self.block = transformer, a, block
        self.pairs, self.underflow = pairs, underflow
        self.n_ctx, self.vocab = transformer.n_ctx, len(transformer.token_embedding)
        first = transformer.attentions[0] if transformer.attentions else len(transformer.layers)
        self.before = transformer.layers[:first]
        layer = transformer.layers[first] if transformer.attentions else None
        self.layer = layer if isinstance(layer, Attention) else None

    def embedded(self, positions: Array) -> Interval:
        """The stream before the first attention layer: [1, position, token, d_model]"""
        a = self.arithmetic
        x = interval.embed(self.transformer, positions, a)
        for layer in self.before:
            assert isinstance(layer, Mlp)
            x = interval.transform(x, average(x, a), layer, a)[0]
        return x

    def heads(self, positions: Array, dims: Sequence[Array | None]) -> list[Head]:
        """The heads of the first attention layer with single positions for keys, and of those these dimensions."""
        if self.n_ctx <= SLAB:
            return [head.take(positions, some) for head, some in zip(self._all, dims)]
        positions, which = np.unique(self._like[positions], return_inverse=True)
        slabs = [self._slab(positions[i : i + SLAB], dims) for i in range(0, len(positions), SLAB)]
        return [Head.join(heads).take(which) for heads in zip(*slabs)]

    @cached_property
    def _like(self) -> Array:
        """For each position one that is like it: of those whose rows are zero, the first."""
        bare = ~self.transformer.position_embedding.any(axis=1)
        return np.where(bare, bare.argmax(), np.arange(self.n_ctx))

    @cached_property
    def _some_alike(self) -> bool:
        """Whether there are so many that it is worth to find out which keys are alike."""
        return self.n_ctx - len(np.unique(self._like)) > SLAB

    @cached_property
    def _all(self) -> list[Head]:
        return self._slab(np.arange(self.n_ctx), self.every_dim)

    @cached_property
    def blocks(self) -> list[Head]:
        """The same with blocks of positions for keys, all that are whole."""
        several = self._like[: self.n_ctx // self.block * self.block].reshape(-1, self.block)
        several, which = np.unique(several, axis=0, return_inverse=True)
        slabs = (self.heads(positions, self.every_dim) for positions in several)
        hulls = [Head.join(heads) for heads in zip(*([head.hull() for head in heads] for heads in slabs))]
        return [hull.take(which.reshape(-1)) for hull in hulls]

    @property
    def every_dim(self) -> list[None]:
        return [None] * (0 if self.layer is None else self.layer.sizes["head"])

    def _slab(self, positions: Array, dims: Sequence[Array | None]) -> list[Head]:
        assert self.layer is not None
        a, layer, pairs = self.arithmetic, self.layer, self.pairs
        x = interval.normalize(self.embedded(positions), layer.norm, a)
        heads = [Head.of(x, layer, h, False, a, some) for h, some in enumerate(dims)]
        if pairs is None:
            return heads
        return [
            head.projected_once(backward.attend(head, layer, h, pairs, self.underflow, a))
            for h, head in enumerate(heads)
        ]

    def merged(self, boxes: Boxes, keys: Keys, heads: list[Head]) -> tuple[Keys, list[Head]]:
        """With keys that have the same rows, and of which boxes know the same counts, if any, and nothing else, as one.

        Nothing is lost: in any order their tokens weigh the same. Keys with a last position are left as they are.
        """
        if self.layer is None or (boxes.counts is None and not self._some_alike):
            return keys, heads
        among = ~np.isin(keys.positions, boxes.positions)
        if boxes.counts is not None:
            inside = boxes.counts.counted(keys.positions)  # [box, count, key]
            among &= (inside == inside[..., :1]).all(axis=(0, 1))
        at = np.flatnonzero(among & (keys.positions + keys.counts < boxes.lengths.min()))
        if len(at) < 2:
            return keys, heads
        rows: list[Array] = []
        for h, head in enumerate(heads):
            used = np.flatnonzero(self.layer.w_v[h].any(axis=1)) if head.along is None else np.zeros(0, int)
            of_keys = [(head.k, 2), (head.x.take(used, 3), 1), (head.v, 1), *([(head.along, 3)] if head.along else [])]
            parts = [np.moveaxis(part, axis, 0) for x, axis in of_keys for part in (x.c, x.r)]
            parts.append(np.moveaxis(head.v_rounding, 1, 0))
            rows += [part.reshape(len(keys.positions), -1)[at] for part in parts]
        table = np.concatenate(rows, axis=1) + 0.0  # -0 is 0
        _, first, which = np.unique(table, axis=0, return_index=True, return_inverse=True)
        counts = keys.counts.copy()
        counts[at[first]] = np.bincount(which.reshape(-1), keys.counts[at]).astype(int)
        kept = np.setdiff1d(np.arange(len(counts)), np.delete(at, first))
        return Keys(keys.positions[kept], counts[kept]), [head.take(kept) for head in heads]

    @cached_property
    def fits(self) -> bool:
        """Whether no key overflows in any dimension, asked for or not, by a bound over all positions at once."""
        a, layer, t = self.arithmetic, self.layer, self.transformer
        assert layer is not None
        if self.before or layer.norm is not None:
            starts = range(0, self.n_ctx, SLAB)
            parts = (self.embedded(np.arange(i, min(i + SLAB, self.n_ctx))) for i in starts)
            sizes = np.max(
                [interval.normalize(part, layer.norm, a).magnitude.max(axis=(0, 1, 2)) for part in parts], axis=0
            )
        else:
            sizes = np.abs(t.token_embedding).max(axis=0) + np.abs(t.position_embedding).max(axis=0)
        heads, d_head = layer.sizes["head"], layer.sizes["d_head"]
        for h, i in itertools.product(range(heads), range(0, d_head, SLAB)):
            w, b = columns_of(layer.w_k, layer.b_k, h, np.arange(i, min(i + SLAB, d_head)))
            keys = sizes @ np.abs(w) + (0 if b is None else np.abs(b))
            if not np.all(4 * keys * (1 + a.weights) ** 2 < a.largest):
                return False
        return True

    def dims(self, lengths: Array) -> Sequence[Array | None]:
        """The dimensions of each head in which something is asked from the last positions; all where keys may overflow.

        A key that overflows makes the program's scores NaN, also in a dimension in which nothing is asked.
        """
        assert self.layer is not None
        if not self.fits:
            return self.every_dim
        x = interval.normalize(self.embedded(np.unique(lengths) - 1), self.layer.norm, self.arithmetic)
        return [queried(x, self.layer, h, self.arithmetic) for h in range(self.layer.sizes["head"])]
