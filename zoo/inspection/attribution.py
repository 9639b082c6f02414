"""What each part of a transformer adds to the logits of the last position: direct logit attribution."""

from collections.abc import Iterator

import numpy as np

from zoo.transformer import Attention, Mlp, Transformer, unhandled
from zoo.transformer.arrays import Array


def shares(transformer: Transformer, trace: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """The parts by name, [batch, vocab] each, from what `forward` traced; they sum to the logits.

    Where there is a final Norm, its mean and deviation are taken as they are.
    """
    unembedding = transformer.readout
    norm = transformer.final_norm
    if norm is None:
        for name, part in _written(transformer, trace):
            yield name, part @ unembedding.T
        return
    deviation = np.sqrt(trace["residual"][:, -1].var(axis=-1, keepdims=True) + norm.eps)
    for name, part in _written(transformer, trace):
        yield name, (part - part.mean(axis=-1, keepdims=True)) / deviation * norm.weight @ unembedding.T
    yield "final norm bias", norm.bias[None] @ unembedding.T


def sizes(transformer: Transformer, trace: dict[str, Array]) -> Array:
    """What their absolute values sum to at most, [batch, vocab]: how large what cancels between the parts can be."""
    size: Array = np.zeros(transformer.d_model)
    for _, part in _written(transformer, trace):
        size = size + np.abs(part)
    norm = transformer.final_norm
    if norm is not None:
        deviation = np.sqrt(trace["residual"][:, -1].var(axis=-1, keepdims=True) + norm.eps)
        size = (size + size.mean(axis=-1, keepdims=True)) / deviation * np.abs(norm.weight) + np.abs(norm.bias)
    return np.asarray(size @ np.abs(transformer.readout).T)


def _written(transformer: Transformer, trace: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """What each part writes to the residual stream at the last position, [batch or nothing, d_model]."""
    yield "embedding", trace["embedding"][:, -1]
    for i, layer in enumerate(transformer.layers):
        if isinstance(layer, Attention):
            for h in range(layer.sizes["head"]):
                yield f"head {i}.{h}", trace[f"{i}.heads"][:, h, -1]
            if layer.b_o is not None:
                yield f"bias {i}", layer.b_o[None]
        elif isinstance(layer, Mlp):
            yield f"mlp {i}", trace[f"{i}.mlp"][:, -1]
        else:
            unhandled(layer)
