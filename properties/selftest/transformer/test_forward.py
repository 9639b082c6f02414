"""The forward pass against one that computes number by number, on random transformers of every shape."""

from dataclasses import replace

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st

from properties.strategies import each_attention, tokens, transformers
from zoo.transformer import Attention, forward
from zoo.transformer.scalar import scalar_forward


@given(st.data())
def test_forward_equals_the_scalar_one(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    for layer in transformer.layers:
        kind = f"causal {layer.causal}" if isinstance(layer, Attention) else layer.activation
        event(f"{type(layer).__name__} {kind}, norm {layer.norm is not None}")
    slow = [scalar_forward(transformer, row.tolist()) for row in batch]
    np.testing.assert_allclose(forward(transformer, batch), slow, rtol=1e-8, atol=1e-8)


@given(st.data())
def test_a_batch_is_its_rows(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer, max_batch=5))
    alone = np.concatenate([forward(transformer, row[None]) for row in batch])
    np.testing.assert_allclose(forward(transformer, batch), alone, rtol=1e-10, atol=1e-10)


@given(st.data())
def test_the_last_row_alone_is_the_last_row(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    last = forward(transformer, batch, last=True)
    np.testing.assert_allclose(last, forward(transformer, batch)[:, -1:], rtol=1e-8, atol=1e-8)


@given(st.data())
def test_the_past_does_not_see_the_future(data: st.DataObject) -> None:
    transformer = each_attention(data.draw(transformers()), lambda layer: replace(layer, causal=True))
    batch = data.draw(tokens(transformer))
    cut = data.draw(st.integers(1, batch.shape[1]))
    whole = forward(transformer, batch)[:, :cut]
    np.testing.assert_allclose(whole, forward(transformer, batch[:, :cut]), rtol=1e-10, atol=1e-10)
