"""A key/value cache: one token more at the cost of one row, while the context still fits.

It holds as long as no token changes its position: every Attention but the last must be causal (only the last row is
asked), and once the window of n_ctx tokens slides, absolute positions make every kept key and value stale.
"""

from dataclasses import dataclass

import numpy as np

from zoo.arrays import Array
from zoo.errors import ContextError, ModelError
from zoo.transformer import Attention, Mlp, Transformer, linear, normalize, softmax, total, transform


@dataclass(frozen=True)
class Cache:
    """The keys and values of some contexts of one length, for each Attention: [contexts, head, length, d] each."""

    length: int
    contexts: int
    kept: tuple[tuple[Array, Array], ...]

    def part(self, start: int, stop: int) -> "Cache":
        """Those of some of the contexts."""
        return Cache(self.length, stop - start, tuple((k[start:stop], v[start:stop]) for k, v in self.kept))


def empty(transformer: Transformer) -> Cache:
    """One context of no tokens. ModelError where a row would change with what comes after it."""
    layers = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    if not cacheable(transformer):
        raise ModelError("an Attention before the last sees the future, but should be causal for its keys to be kept")

    def nothing(layer: Attention, size: str) -> Array:
        return np.zeros((1, layer.sizes["head"], 0, layer.sizes[size]), dtype=transformer.dtype)

    return Cache(0, 1, tuple((nothing(layer, "d_head"), nothing(layer, "d_v")) for layer in layers))


def cacheable(transformer: Transformer) -> bool:
    """Whether a row, once computed, stays: the last Attention may lack a mask, since its last row sees all anyway."""
    return all(layer.causal for layer in [x for x in transformer.layers if isinstance(x, Attention)][:-1])


def step(transformer: Transformer, cache: Cache, tokens: Array) -> tuple[Array, list[tuple[Array, Array]]]:
    """Every cached context with each of the tokens after it: logits of the last row [contexts, tokens, vocab].

    Also the new rows' keys and values, [contexts, head, tokens, d] for each Attention; `extended` keeps them. Raises
    ContextError where the contexts are full.
    """
    if cache.length >= transformer.n_ctx:
        raise ContextError(
            f"the cache holds {cache.length} tokens, but should hold fewer than n_ctx {transformer.n_ctx}: "
            "when the window slides every position changes"
        )
    row = transformer.token_embedding[tokens] + transformer.position_embedding[cache.length]  # [tokens, d_model]
    x = np.broadcast_to(row, (cache.contexts, *row.shape))  # [contexts, tokens, d_model]
    made: list[tuple[Array, Array]] = []
    for layer in transformer.layers:
        h = normalize(x, layer.norm)
        if isinstance(layer, Mlp):
            x = x + transform(h, layer, {}, 0)
        else:
            output, new = _attend(h, layer, *cache.kept[len(made)])
            made.append(new)
            x = x + output
    unembedding = transformer.token_embedding if transformer.unembedding is None else transformer.unembedding
    return normalize(x, transformer.final_norm) @ unembedding.T, made


def extended(cache: Cache, made: list[tuple[Array, Array]], children: int) -> Cache:
    """The cache of the longer contexts: those of each context one after another, in the order of the tokens."""

    def longer(old: Array, new: Array) -> Array:
        contexts, head, length, d = old.shape
        result = np.empty((contexts, children, head, length + 1, d), dtype=old.dtype)
        result[..., :length, :] = old[:, None]
        result[..., length, :] = new.swapaxes(1, 2)
        return result.reshape(contexts * children, head, length + 1, d)

    kept = tuple((longer(k, k1), longer(v, v1)) for (k, v), (k1, v1) in zip(cache.kept, made))
    return Cache(cache.length + 1, cache.contexts * children, kept)


def _attend(x: Array, layer: Attention, k: Array, v: Array) -> tuple[Array, tuple[Array, Array]]:
    """[contexts, tokens, d_model] -> the same: each new row sees the kept ones of its context and itself."""
    x = x[:, None]
    q1, k1, v1 = (
        linear(x, w, b) for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
    )  # [contexts, head, tokens, d]
    own = (q1 * k1).sum(axis=-1, keepdims=True)  # [contexts, head, tokens, 1]
    pattern = softmax(np.concatenate([q1 @ k.swapaxes(-1, -2), own], axis=-1) * layer.multiplier)
    mixed = pattern[..., :-1] @ v + pattern[..., -1:] * v1  # [contexts, head, tokens, d_v]
    return total((mixed @ layer.w_o).sum(axis=1), layer.b_o), (k1, v1)
