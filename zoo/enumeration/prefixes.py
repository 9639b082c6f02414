"""A key/value cache: one token more at the cost of one row, while the context still fits.

It holds as long as no token changes its position: every Attention but the last must be causal (only the last row is
asked), and once the window of n_ctx tokens slides, absolute positions make every kept key and value stale.

`step` is the forward pass of the new rows alone, in the same five operations: embedding and attention are here, the
rest is `forward`'s.

It holds one context, or all contexts that begin alike: then the keys and values of the common beginning are there once.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.errors import ContextError, ModelError
from zoo.transformer import (
    Attention,
    Mlp,
    Transformer,
    linear,
    normalize,
    softmax,
    total,
    transform,
    unembed,
    unhandled,
)
from zoo.transformer.arrays import Array


class Kept(NamedTuple):
    """Of one Attention, the keys and values of the common beginning and those of what follows it in each context."""

    common_k: Array  # [head, common, d_head]
    common_v: Array  # [head, common, d_v]
    k: Array  # [head, contexts, length - common, d_head]
    v: Array  # [head, contexts, length - common, d_v]


@dataclass(frozen=True)
class Cache:
    """What is kept of contexts of one length, in lexicographic order."""

    length: int
    contexts: int
    kept: tuple[Kept, ...]

    def part(self, i: int, parts: int) -> "Cache":
        """The contexts whose first token after the common beginning is number i of so many: it is common to them."""
        size = self.contexts // parts
        own = slice(i * size, (i + 1) * size)

        def split(common: Array, array: Array) -> tuple[Array, Array]:
            mine = array[:, own]
            return np.concatenate([common, mine[:, 0, :1]], axis=1), mine[:, :, 1:]

        kept = []
        for one in self.kept:
            (common_k, k), (common_v, v) = split(one.common_k, one.k), split(one.common_v, one.v)
            kept.append(Kept(common_k, common_v, k, v))
        return Cache(self.length, size, tuple(kept))


def empty(transformer: Transformer) -> Cache:
    """One context of no tokens. ModelError where a row would change with what comes after it."""
    layers = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    if not cacheable(transformer):
        raise ModelError("an Attention before the last sees the future, but should be causal for its keys to be kept")

    def nothing(layer: Attention) -> Kept:
        head, d_head, d_v = (layer.sizes[name] for name in ("head", "d_head", "d_v"))
        shapes = ((head, 0, d_head), (head, 0, d_v), (head, 1, 0, d_head), (head, 1, 0, d_v))
        return Kept(*(np.zeros(shape, dtype=transformer.dtype) for shape in shapes))

    return Cache(0, 1, tuple(nothing(layer) for layer in layers))


def cacheable(transformer: Transformer) -> bool:
    """Whether a row, once computed, stays: the last Attention may lack a mask, since its last row sees all anyway."""
    return all(layer.causal for layer in [x for x in transformer.layers if isinstance(x, Attention)][:-1])


def step(
    transformer: Transformer, cache: Cache, tokens: Array, residuals: list[Array] | None = None
) -> tuple[Array, list[tuple[Array, Array]]]:
    """Every cached context with each of the tokens after it: logits of the last row [contexts * tokens, vocab].

    Also the new rows' keys and values, [head, contexts * tokens, d] for each Attention; `extended` keeps them. To the
    list `residuals` the residual stream is appended, before the first layer and after each, [contexts * tokens,
    d_model]. Raises ContextError where the contexts are full.
    """
    if cache.length >= transformer.n_ctx:
        raise ContextError(
            f"the cache holds {cache.length} tokens, but should hold fewer than n_ctx {transformer.n_ctx}: "
            "when the window slides every position changes"
        )
    x = embed(transformer, cache, tokens)
    made: list[tuple[Array, Array]] = []
    residuals = [] if residuals is None else residuals
    residuals.append(x)
    for layer in transformer.layers:
        h = normalize(x, layer.norm)
        if isinstance(layer, Mlp):
            x = x + transform(h, layer, {}, 0)
        elif isinstance(layer, Attention):
            output, new = attend(h, layer, cache.kept[len(made)])
            made.append(new)
            x = x + output
        else:
            unhandled(layer)
        residuals.append(x)
    return unembed(normalize(x, transformer.final_norm), transformer.readout), made


def extended(cache: Cache, made: list[tuple[Array, Array]], tokens: int) -> Cache:
    """The cache of the longer contexts: those of each context one after another, in the order of the tokens."""

    def longer(old: Array, new: Array) -> Array:
        head, contexts, length, d = old.shape
        result = np.empty((head, contexts, tokens, length + 1, d), dtype=old.dtype)
        result[..., :length, :] = old[:, :, None]
        result[..., length, :] = new.reshape(head, contexts, tokens, d)
        return result.reshape(head, contexts * tokens, length + 1, d)

    kept = (Kept(*one[:2], longer(one.k, k), longer(one.v, v)) for one, (k, v) in zip(cache.kept, made))
    return Cache(cache.length + 1, cache.contexts * tokens, tuple(kept))


def embed(transformer: Transformer, cache: Cache, tokens: Array) -> Array:
    """The rows that come after the cached contexts: [contexts * tokens, d_model]"""
    row = transformer.token_embedding[tokens] + transformer.position_embedding[cache.length]  # [tokens, d_model]
    return np.tile(row, (cache.contexts, 1))


def attend(x: Array, layer: Attention, kept: Kept) -> tuple[Array, tuple[Array, Array]]:
    """[rows, d_model] -> the same: each new row sees the kept ones of its context and itself."""
    q, k, v = (
        linear(x, w, b) for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
    )  # [head, rows, d]
    head, contexts, length, _ = kept.k.shape
    by_context = (head, contexts, len(x) // contexts)
    scores = [
        q @ kept.common_k.swapaxes(-1, -2),  # [head, rows, common]
        (q.reshape(*by_context, q.shape[2]) @ kept.k.swapaxes(-1, -2)).reshape(head, len(x), length),
        np.einsum("hrd,hrd->hr", q, k)[..., None],
    ]
    pattern = softmax(np.concatenate(scores, axis=-1) * layer.multiplier)
    common, own = pattern[..., : -length - 1], pattern[..., -length - 1 : -1]
    mixed = common @ kept.common_v + pattern[..., -1:] * v  # [head, rows, d_v]
    if length:
        mixed += (own.reshape(*by_context, length) @ kept.v).reshape(mixed.shape)
    return total((mixed @ layer.w_o).sum(axis=0), layer.b_o), (k, v)
