"""What the last attention sees, in intervals, against every context of a box: the stream, its mean, and its size."""

from typing import Any

import numpy as np
import pytest

from properties.proof.attention import Keys
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from zoo import Attention, Mlp, Norm, Transformer, forward
from zoo.transformer.arrays import Array


def transformer_of(between: list[str], seed: int) -> Transformer:
    """With what comes between its first attention and its last."""
    rng = np.random.default_rng(seed)

    def attention() -> Attention:
        w = rng.normal(size=(4, 2, 3, 3))
        norm = Norm(rng.normal(size=3), rng.normal(size=3), 0.5)
        return Attention(w[0], w[1], w[2], w[3], b_o=rng.normal(size=3), norm=norm)

    def mlp() -> Mlp:
        w = rng.normal(size=(2, 3, 3))
        return Mlp(w[0], rng.normal(size=3), w[1], rng.normal(size=3), "gelu", Norm(np.ones(3), np.zeros(3), 0.5))

    layers = [attention(), *[attention() if kind == "attention" else mlp() for kind in between], attention()]
    return Transformer(rng.normal(size=(2, 3)), rng.normal(size=(3, 3)), layers)


@pytest.mark.parametrize("between", [[], ["gelu"], ["attention"]])
@pytest.mark.parametrize("seed", range(4))
def test_no_stream_leaves_what_the_last_attention_sees(between: list[str], seed: int) -> None:
    transformer = transformer_of(between, seed)
    bound, n = Bounds(transformer), 3
    boxes, every = Boxes.dense(np.ones((1, n, 2), bool)), np.arange(n)
    heads = bound._heads(boxes.lengths, np.zeros(0, int), every, every)
    ahead = bound.forward.ahead(boxes, Keys.single(every), heads)
    tokens = np.array(list(np.ndindex(2, 2, 2)))
    trace: dict[str, Any] = {}
    forward(transformer, tokens, trace)
    stream: Array = trace["embedding"]
    for i, layer in enumerate(transformer.layers[:-1]):
        if isinstance(layer, Mlp):
            stream = stream + trace[f"{i}.mlp"]
        else:
            stream = stream + trace[f"{i}.heads"].sum(axis=1) + layer.b_o
    moved = np.zeros(2)
    for row, context in zip(stream, tokens):
        for p in range(n):
            x = ahead.x[0, p, context[p]]
            assert (np.abs(row[p] - x.c) <= x.r).all()
        last, mean = ahead.last[0, context[-1]], ahead.mean[0, context[-1]]
        assert (np.abs(row[-1] - last.c) <= last.r).all()
        off = abs(row[-1].mean() - mean.c.item())
        assert off <= mean.r.item()
        moved = np.maximum(moved, [off, mean.r.item()])
    assert moved[0] >= 0.02 * moved[1]
