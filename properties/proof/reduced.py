"""Of a transformer that is one attention layer, what contexts of some lengths can feel: a smaller one, bounded alike.

With one-hot positions a stream has as many directions as there are positions, and the last token of a context asks for
a few of them. A direction is left out where nothing reads it: no readout, no value, no query of a last position that
holds anything there, no key in a dimension in which one of these queries asks. A dimension of the head is left out
where none of them asks.

What is left out adds zeros to the program's sums, and an exact zero rounds nothing. What is below the normal numbers
may become zero by it, once for each number that is none, as `Arithmetic.underflow` has it. Only a number that is too
large would be felt all the same (infinity times zero is no number): so it is found out once that none can be.
"""

from dataclasses import replace

import numpy as np

from properties.proof.arithmetic import Arithmetic
from properties.proof.first_layer import FirstLayer
from zoo.transformer import Attention, Transformer
from zoo.transformer.arrays import Array

LEAST = 128  # directions, for fewer are soon looked at
SHARE = 0.5  # of them that may be felt at most, or it is not worth it
SPARSE = 2**22  # numbers that are not zero in the keys' map: beyond, hardly a direction is not felt


class Reduction:
    """Of a transformer in float64, which may be reduced; see `of`."""

    def __init__(self, transformer: Transformer) -> None:
        self.transformer = transformer
        [layer] = transformer.layers
        assert isinstance(layer, Attention)
        self.layer = layer
        self.read: Array = np.asarray(transformer.readout.any(axis=0) | layer.w_v.any(axis=(0, 2)))
        self.by_dimension = [_by_column(w) for w in layer.w_k]
        self.columns = np.flatnonzero(layer.w_v.any(axis=(0, 1)) | (layer.b_v is not None and layer.b_v.any(axis=0)))

    @classmethod
    def of(cls, transformer: Transformer, first: FirstLayer) -> "Reduction | None":
        """None where a number might overflow, and where there would be little to leave out."""
        layers = transformer.layers
        if len(layers) != 1 or not isinstance(layers[0], Attention) or transformer.d_model < LEAST:
            return None
        if layers[0].norm is not None or transformer.final_norm is not None:
            return None
        if any(np.count_nonzero(w) > SPARSE for w in layers[0].w_k):
            return None
        with np.errstate(all="ignore"):  # what overflows does not fit
            fits = first.fits and _fits(transformer, layers[0], first.arithmetic)
        return cls(transformer) if fits else None

    def to(self, lengths: Array) -> Transformer | None:
        """For contexts of these lengths, sorted; None where most of it is felt."""
        t, layer = self.transformer, self.layer
        held = np.flatnonzero(t.token_embedding.any(axis=0) | t.position_embedding[lengths - 1].any(axis=0))
        felt, asked = self.read.copy(), np.zeros(layer.sizes["d_head"], bool)
        for w_q in layer.w_q:
            used = w_q[held] != 0
            felt[held] |= used.any(axis=1)
            asked |= used.any(axis=0)
        if layer.b_q is not None:
            asked |= layer.b_q.any(axis=0)
        asked[0] |= not asked.any()  # a part has one of each at least
        for rows, starts in self.by_dimension:
            for dimension in np.flatnonzero(asked):
                felt[rows[starts[dimension] : starts[dimension + 1]]] = True
        felt[0] |= not felt.any()
        if np.count_nonzero(felt) > SHARE * t.d_model:
            return None
        return self._with(np.flatnonzero(felt), np.flatnonzero(asked), int(lengths[-1]))

    def _with(self, felt: Array, asked: Array, n: int) -> Transformer:
        t, layer, heads = self.transformer, self.layer, np.arange(self.layer.sizes["head"])
        columns = self.columns if len(self.columns) else np.zeros(1, int)

        def some(b: Array | None, which: Array) -> Array | None:
            return None if b is None else b[..., which]

        smaller = Attention(
            w_q=layer.w_q[np.ix_(heads, felt, asked)],
            w_k=layer.w_k[np.ix_(heads, felt, asked)],
            w_v=layer.w_v[np.ix_(heads, felt, columns)],
            w_o=layer.w_o[np.ix_(heads, columns, felt)],
            b_q=some(layer.b_q, asked),
            b_k=some(layer.b_k, asked),
            b_v=some(layer.b_v, columns),
            b_o=some(layer.b_o, felt),
            causal=layer.causal,
            scale=layer.multiplier,
        )
        positions = t.position_embedding[:n, felt]
        return replace(
            t,
            token_embedding=t.token_embedding[:, felt],
            position_embedding=positions,
            layers=[smaller],
            unembedding=t.readout[:, felt],
        )


def _by_column(w: Array) -> tuple[Array, Array]:
    """Which rows of each column are not zero: these, one column after another, and where each column starts."""
    rows, columns = np.nonzero(w)
    order = np.argsort(columns, kind="stable")
    return rows[order], np.searchsorted(columns[order], np.arange(w.shape[1] + 1))


def _fits(transformer: Transformer, layer: Attention, a: Arithmetic) -> bool:
    """Whether no entry of the stream overflows, at any position, before attention or behind it.

    Four times, as `Arithmetic.check`; each product goes through two weights more than the embedding.
    """
    size = sum(_largest(x) for x in (transformer.token_embedding, transformer.position_embedding))
    behind = size + (0 if layer.b_o is None else np.abs(layer.b_o))
    for h, w_o in enumerate(layer.w_o):
        used = np.flatnonzero(layer.w_v[h].any(axis=0) | (layer.b_v is not None and layer.b_v[h] != 0))
        values = size @ np.abs(layer.w_v[h][:, used]) + (0 if layer.b_v is None else np.abs(layer.b_v[h][used]))
        behind = behind + values @ np.abs(w_o[used])
    return bool(np.all(4 * behind * (1 + a.weights) ** 3 < a.largest))


def _largest(x: Array) -> Array:
    """Of each column, without a copy of all."""
    found: Array = np.maximum(x.max(axis=0), -x.min(axis=0))
    return found
