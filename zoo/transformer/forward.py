"""The one forward pass that runs a transformer: embed, normalize, attend, transform, unembed."""

from collections.abc import Mapping
from functools import reduce

import numpy as np

from zoo.errors import ContextError
from zoo.transformer.activations import ACTIVATIONS
from zoo.transformer.arrays import Array
from zoo.transformer.parts import Attention, Mlp, Norm, Transformer, unhandled


# BLAS may raise the flag for lanes that it does not use (numpy issue 24067); numbers that are none are seen as such.
@np.errstate(invalid="ignore")
def forward(
    transformer: Transformer,
    tokens: Array,
    trace: dict[str, Array] | None = None,
    last: bool = False,
    checked: bool = False,
) -> Array:
    """Logits of every position: int [batch, seq] -> float [batch, seq, vocab]; with `last` [batch, 1, vocab].

    `last` asks for the last position only: from the last Attention on, or all along if there is none, no other row is
    computed.

    A `trace` dict is filled with what was computed on the way: "embedding", "residual" (after the last layer), and
    for layer i "i.pattern" [batch, head, seq, seq] and "i.heads" [batch, head, seq, d_model], or "i.mlp"
    [batch, seq, d_model]. Raises ContextError for tokens that are no integer array [batch, 1 to n_ctx] below vocab;
    `checked` says that they are known to be one, as `Model.encode` makes them.
    """
    tokens = tokens if checked else check_tokens(transformer, tokens)
    trace = {} if trace is None else trace
    trace["embedding"] = x = embed(transformer, tokens)  # [batch, seq, d_model]
    if last and transformer.last_attention < 0:
        x = x[:, -1:]
    for i, layer in enumerate(transformer.layers):
        h = normalize(x, layer.norm)
        if last and i == transformer.last_attention:
            x = x[:, -1:]
        if isinstance(layer, Attention):
            x = x + attend(h, layer, trace, i, x.shape[1])
        elif isinstance(layer, Mlp):
            x = x + transform(h, layer, trace, i)
        else:
            unhandled(layer)
    trace["residual"] = x
    return unembed(normalize(x, transformer.final_norm), transformer.readout)


def residuals(transformer: Transformer, trace: Mapping[str, Array]) -> list[Array]:
    """What each layer is given, before its Norm, from the trace of a forward pass: [batch, seq, d_model] each."""
    x, inputs = trace["embedding"], []
    for i, layer in enumerate(transformer.layers):
        inputs.append(x)
        if isinstance(layer, Mlp):
            x = x + trace[f"{i}.mlp"]
        elif isinstance(layer, Attention):
            x = x + trace[f"{i}.heads"].sum(axis=1) + (0 if layer.b_o is None else layer.b_o)
        else:
            unhandled(layer)
    return inputs


def embed(transformer: Transformer, tokens: Array) -> Array:
    """int [batch, seq] -> [batch, seq, d_model]"""
    # With a few tokens it is numpy's calls that cost: `take` a third of an index, equal ranks half of other ones.
    return transformer.token_embedding.take(tokens, axis=0) + transformer.position_embedding[None, : tokens.shape[1]]


def normalize(x: Array, norm: Norm | None) -> Array:
    """LayerNorm over the last dimension, or x itself where there is none."""
    if norm is None:
        return x
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + norm.eps) * norm.weight + norm.bias  # type: ignore[no-any-return]


def attend(x: Array, layer: Attention, trace: dict[str, Array], i: int, rows: int) -> Array:
    """[batch, seq, d_model] -> [batch, rows, d_model], the last rows"""
    x = x[:, None]  # [batch, 1, seq, d_model]
    q = linear(x[:, :, -rows:], layer.w_q, layer.b_q)  # [batch, head, rows, d_head]
    k = linear(x, layer.w_k, layer.b_k)  # [batch, head, seq, d_head]
    v = linear(x, layer.w_v, layer.b_v)  # [batch, head, seq, d_v]
    scores = q @ k.swapaxes(-1, -2) * layer.multiplier  # [batch, head, query, key]
    if layer.causal and rows > 1:  # the last row sees all
        np.copyto(scores, -np.inf, where=~visible(scores.shape[-1])[-rows:])
    trace[f"{i}.scores"] = scores
    trace[f"{i}.pattern"] = pattern = softmax(scores)  # [batch, head, query, key]
    trace[f"{i}.heads"] = heads = pattern @ v @ layer.w_o  # [batch, head, rows, d_model]
    return total(reduce(np.add, heads.swapaxes(0, 1)), layer.b_o)


def transform(x: Array, layer: Mlp, trace: dict[str, Array], i: int) -> Array:
    """[batch, seq, d_model] -> [batch, seq, d_model]"""
    trace[f"{i}.hidden"] = hidden = ACTIVATIONS[layer.activation](x @ layer.w_in + layer.b_in)  # [batch, seq, d_mlp]
    trace[f"{i}.mlp"] = hidden @ layer.w_out + layer.b_out
    return trace[f"{i}.mlp"]


def unembed(x: Array, readout: Array) -> Array:
    """[..., d_model] -> [..., vocab]"""
    return x @ readout.T


def linear(x: Array, w: Array, b: Array | None) -> Array:
    """One map for each head: [batch, 1, seq, d_in], [head, d_in, d_out], [head, d_out] -> [batch, head, seq, d_out]"""
    return total(x @ w, None if b is None else b[:, None])


def total(x: Array, b: Array | None) -> Array:
    return x if b is None else x + b


def visible(seq: int) -> Array:
    """Which key each query may see under a causal mask: [query, key], itself and what came before it."""
    position = np.arange(seq)
    return position[:, None] >= position


def softmax(x: Array) -> Array:
    """Over the last dimension, shifted by the largest entry so that exp cannot overflow."""
    e = np.exp(x - np.maximum.reduce(x, axis=-1, keepdims=True))
    return e / np.add.reduce(e, axis=-1, keepdims=True)  # type: ignore[no-any-return]


def greedy(logits: Array) -> Array:
    """The answers: the first largest logit of each row, [..., vocab] -> int [...]; -1 where one is NaN, for none is."""
    best: Array = logits.argmax(axis=-1)  # a NaN, if there is one
    return np.where(np.isnan(np.take_along_axis(logits, best[..., None], -1)[..., 0]), -1, best)


def check_tokens(transformer: Transformer, tokens: Array) -> Array:
    """The tokens as an integer array [batch, seq]; ContextError where they are anything else."""
    try:
        array = np.asarray(tokens)
    except ValueError:
        raise ContextError("the rows of tokens differ in length, but should form an array [batch, seq]") from None
    n_ctx, vocab = transformer.sizes["n_ctx"], transformer.sizes["vocab"]
    if array.dtype.kind not in "iu":
        raise ContextError(f"tokens are of type {array.dtype}, but should be integers")
    if array.ndim != 2:
        raise ContextError(f"tokens have shape {list(array.shape)}, but should be [batch, seq]")
    if not 1 <= array.shape[1] <= n_ctx:
        raise ContextError(f"the contexts have {array.shape[1]} tokens, but should have 1 to {n_ctx}")
    try:
        return np.ravel_multi_index((array,), (vocab,))  # the array itself as int64; it looks at both ends in one call
    except ValueError:
        wrong = array.min() if array.min() < 0 else array.max()
        raise ContextError(f"token {wrong} is out of range, but should be from 0 to {vocab - 1}") from None
