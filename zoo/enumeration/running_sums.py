"""Running sums: every context of one length through a single attention layer, for a few additions each.

Where there is one Attention and no Norm or Mlp, the last row's logits are a fixed part for (length, last token) plus,
for each head, numerator / denominator of the softmax, and both are sums of one term for each (position, token). Terms
of the first and of the second half of the positions are summed apart, for every half context; a context then costs one
addition for each sum. Memory is those halves, vocab^(length/2) numbers each, and one tile.

It is another program than the forward pass: `Sums.error` bounds what they can differ by.
"""

from collections.abc import Iterator

import numpy as np

from zoo.enumeration.rounding import Rounding, Value
from zoo.transformer import Attention, Transformer, linear, total
from zoo.transformer.arrays import Array

TILE = 2**14  # contexts summed at a time: the numbers in hand stay in the processor's cache
# The shift is at most REACH above a score that is there, so that a denominator is e^-REACH at least, far above tiny,
# e^-708; and the largest term e^709 at most, the largest double, where no score is more than 600 + 709 above that one.
REACH = 600.0


def single_attention(transformer: Transformer) -> bool:
    """Whether there is exactly one layer, an Attention, and no Norm."""
    if len(transformer.layers) != 1 or transformer.final_norm is not None:
        return False
    return isinstance(transformer.layers[0], Attention) and transformer.layers[0].norm is None


class Sums:
    """A transformer with a single attention layer; computes in float64 whatever the transformer's type."""

    def __init__(self, transformer: Transformer) -> None:
        exact = transformer.astype(np.float64)
        [layer] = exact.layers
        assert isinstance(layer, Attention)
        self.vocab, self.scale = exact.sizes["vocab"], layer.multiplier
        unembedding = exact.readout
        x = exact.token_embedding + exact.position_embedding[:, None]  # [position, token, d_model]
        self.q = linear(x[:, None], layer.w_q, layer.b_q)  # [position, head, token, d_head]
        self.k = linear(x[:, None], layer.w_k, layer.b_k)  # [position, head, token, d_head]
        self.v = linear(x[:, None], layer.w_v, layer.b_v) @ layer.w_o @ unembedding.T  # [position, head, token, output]
        self.fixed = total(x, layer.b_o) @ unembedding.T  # [position, token, output]
        self.error = _error(transformer, x)

    def tiles(self, length: int) -> Iterator[tuple[slice, int, Array]]:
        """(some first halves, a last token, logits [output, first halves, second halves]), for all contexts."""
        for [token], [first], [second] in self.halves(length, 1):
            fixed = self.fixed[length - 1, token]
            for part in self.parts(length, TILE):
                yield part, token, self._tile(fixed, first[:, :, part, None], second[:, :, None])

    def halves(self, length: int, together: int) -> Iterator[tuple[Array, Array, Array]]:
        """(some last tokens, sums of all first halves and of all second halves, [last token, head, sum, half] each)"""
        split, all_terms = self._split(length), self._terms(length)
        for start in range(0, self.vocab, together):
            terms = all_terms[start : start + together]
            lasts = np.arange(start, start + len(terms))
            first = _all_sums(terms[..., :split, :])
            # The last token's own term goes along with every second half.
            own = terms[np.arange(len(terms)), :, :, -1, lasts]  # [last token, head, sum]
            second = _all_sums(terms[..., split:-1, :]) + own[..., None]
            known = np.isfinite(np.abs(first).max(axis=-1) + np.abs(second).max(axis=-1)).all(axis=(1, 2))
            first[~known] = np.nan  # where a sum overflows none of these logits is known
            yield lasts, first, second

    def parts(self, length: int, size: int) -> Iterator[slice]:
        """The first halves, so many at a time that a tile has about that many contexts."""
        first_halves, second_halves, _ = self.shape(length)
        rows = max(1, size // second_halves)
        yield from (slice(start, min(start + rows, first_halves)) for start in range(0, first_halves, rows))

    def logits(self, tokens: Array) -> Array:
        """Of any contexts of one length, a look-up and an addition a position: [batch, seq] -> [batch, output]."""
        result = np.empty((len(tokens), self.fixed.shape[-1]))
        for token, terms in enumerate(self._terms(tokens.shape[1])):
            rows = np.flatnonzero(tokens[:, -1] == token)
            columns = np.ascontiguousarray(tokens[rows].T)  # [position, rows]
            sums = np.zeros((*terms.shape[:2], len(rows)))  # [head, sum, rows]
            for position, column in enumerate(columns):
                sums += terms[:, :, position].take(column, axis=2)
            logits = (sums[:, 1:] / sums[:, :1]).sum(axis=0) + self.fixed[len(columns) - 1, token, :, None]
            # Where a sum overflows, its quotient may be finite, and is not known all the same.
            known = np.asarray(np.isfinite(sums).all(axis=(0, 1)))
            result[rows] = np.where(known[:, None], logits.T, np.nan)
        return result

    def shape(self, length: int) -> tuple[int, int, int]:
        """A context is (first half, second half, last token); in lexicographic order that is its number herein."""
        split = self._split(length)
        return self.vocab**split, self.vocab ** (length - 1 - split), self.vocab

    def _split(self, length: int) -> int:
        return (length - 1) // 2

    def _terms(self, length: int) -> Array:
        """[last token, head, sum, position, token]; the first sum is the denominator, then one for each logit."""
        k, v = self.k[:length].swapaxes(0, 1), self.v[:length].swapaxes(0, 1)  # [head, position, token, ...]
        q = self.q[length - 1].swapaxes(0, 1)[:, :, None, :, None]  # [last token, head, 1, d_head, 1]
        scores = (k @ q)[..., 0] * self.scale  # [last token, head, position, token]
        # Terms are e^(score - shift); the shift is at most REACH above a score that every context reaches.
        own = np.arange(self.vocab)
        scores[own, :, -1] = scores[own, :, -1, own][..., None]  # at the last position there is only the last token
        reached = scores.min(axis=3).max(axis=2)  # [last token, head]
        terms = np.exp(scores - np.minimum(scores.max(axis=(2, 3)), reached + REACH)[..., None, None])
        return np.concatenate([terms[:, :, None], terms[:, :, None] * v.transpose(0, 3, 1, 2)], axis=2)

    def _tile(self, fixed: Array, first: Array, second: Array) -> Array:
        """[head, sum, first halves, 1] and [head, sum, 1, second halves] -> [output, first halves, second halves]"""
        logits = np.empty((len(fixed), first.shape[2], second.shape[3]))
        numerator = np.empty_like(logits[0])
        for h in range(len(first)):
            denominator = first[h, 0] + second[h, 0]
            for i, logit in enumerate(logits):
                np.add(first[h, 1 + i], second[h, 1 + i], out=numerator)
                np.divide(numerator, denominator, out=numerator)
                np.add(numerator, logit if h else fixed[i], out=logit)
        return logits


def _all_sums(terms: Array) -> Array:
    """One term of each position, summed for every choice of tokens: [..., position, token] -> [..., token^position]"""
    sums = np.zeros((*terms.shape[:-2], 1))
    for position in range(terms.shape[-2]):
        sums = (sums[..., None] + terms[..., position, None, :]).reshape(*terms.shape[:-2], -1)
    return sums


@np.errstate(all="ignore")
def _error(transformer: Transformer, x: Array) -> float:
    """How far the logits of the sums and of the forward pass can be apart; x [position, token, d_model] is embedded.

    Each of the two programs is off from real arithmetic by so much, with its own roundings. The bound itself is made of
    sums and products of positive numbers, which round by less than a hundredth, of fewer than 10^13 operations.
    """
    rows = np.abs(x).reshape(-1, x.shape[-1])
    error = _forward(Rounding(transformer), rows, len(x)) + _sums(Rounding(transformer, np.float64), rows, len(x))
    return 1.01 * error


def _forward(rounding: Rounding, rows: Array, length: int) -> float:
    """How far the forward pass is off: rows [row, d_model] are the largest that can be embedded."""
    layer, x, v, (weight, underflow) = _attention(rounding, rows, length, 0.0)
    stream = rounding.sum([x.worst(0), rounding.output(rounding.mean(v, weight, underflow, length), layer)])
    return float(rounding.map(stream, rounding.exact.readout.T, None).error.max())


def _sums(rounding: Rounding, rows: Array, length: int) -> float:
    """How far running sums are off: they read out what each value and what the stream without attention adds."""
    layer, x, v, (weight, underflow) = _attention(rounding, rows, length, REACH)
    readout = rounding.exact.readout.T
    added = rounding.map(rounding.map(v[:, None], layer.w_o, None), readout, None)[:, 0]  # [head, vocab]
    fixed = x
    if layer.b_o is not None:
        fixed = rounding.sum([x, Value(np.broadcast_to(np.abs(layer.b_o), x.size.shape), np.zeros(x.size.shape))])
    heads = rounding.mean(added, weight, underflow, length, REACH)
    parts = [rounding.map(fixed, readout, None).worst(0), *(heads[h] for h in range(len(heads.size)))]
    return float(rounding.sum(parts).error.max())


def _attention(
    rounding: Rounding, rows: Array, length: int, reach: float
) -> tuple[Attention, Value, Value, tuple[Array, Array]]:
    """The layer, what goes into it [row, d_model], its largest values [head, d_v], and how far its weights are off."""
    [layer] = rounding.exact.layers
    assert isinstance(layer, Attention)
    x = rounding.embed(rows)
    q, k, v = (
        rounding.map(x[None], w, None if b is None else b[:, None]).worst(1)
        for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
    )
    return layer, x, v, rounding.weights(q, k, layer, length, reach)
