"""The forward pass as the sources write it: one context, every row, one head after another.

It is what the other implementations are measured against; see docs/cost.md.
"""

import numpy as np

from zoo.transformer import ACTIVATIONS, Attention, Mlp, Norm, Transformer, unhandled
from zoo.transformer.arrays import Array


def baseline(transformer: Transformer, tokens: Array) -> Array:
    """Logits of every position of one context: int [seq] -> [seq, vocab]."""
    x = transformer.token_embedding[tokens] + transformer.position_embedding[range(len(tokens))]  # [seq, d_model]
    for layer in transformer.layers:
        h = layer_norm(x, layer.norm)
        if isinstance(layer, Attention):
            x = x + attention(h, layer)
        elif isinstance(layer, Mlp):
            x = x + mlp(h, layer)
        else:
            unhandled(layer)
    x = layer_norm(x, transformer.final_norm)
    unembedding = transformer.readout
    return x @ unembedding.T


def attention(x: Array, layer: Attention) -> Array:
    """[seq, d_model] -> [seq, d_model]"""
    seq, outputs = len(x), []
    mask = (1 - np.tri(seq, dtype=x.dtype)) * -1e10 if layer.causal else None  # [seq, seq]
    for h in range(layer.sizes["head"]):
        q, k, v = x @ layer.w_q[h], x @ layer.w_k[h], x @ layer.w_v[h]  # [seq, d_head] x2, [seq, d_v]
        if layer.b_q is not None:
            q = q + layer.b_q[h]
        if layer.b_k is not None:
            k = k + layer.b_k[h]
        if layer.b_v is not None:
            v = v + layer.b_v[h]
        scores = q @ k.T * layer.multiplier
        outputs.append(softmax(scores if mask is None else scores + mask) @ v)
    heads = np.hstack(outputs) @ layer.w_o.reshape(-1, x.shape[1])  # [seq, head * d_v] -> [seq, d_model]
    return heads if layer.b_o is None else heads + layer.b_o


def mlp(x: Array, layer: Mlp) -> Array:
    """[seq, d_model] -> [seq, d_model]"""
    return ACTIVATIONS[layer.activation](x @ layer.w_in + layer.b_in) @ layer.w_out + layer.b_out


def layer_norm(x: Array, norm: Norm | None) -> Array:
    if norm is None:
        return x
    mean, variance = np.mean(x, axis=-1, keepdims=True), np.var(x, axis=-1, keepdims=True)
    return np.asarray(norm.weight * (x - mean) / np.sqrt(variance + norm.eps) + norm.bias)


def softmax(x: Array) -> Array:
    e = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return np.asarray(e / np.sum(e, axis=-1, keepdims=True))
