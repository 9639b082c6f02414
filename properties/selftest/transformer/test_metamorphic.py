"""Changes of the weights that change no answer: on every context of the zoo, and on random transformers.

A transformer's arrays are one of many that compute the same. Each relation here holds by algebra, so that a forward
pass which breaks it reads an array in the wrong way.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.selftest.models import NAMES
from properties.strategies import each_attention, tokens, transformers
from zoo import contexts
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward
from zoo.transformer.arrays import Array

Change = Callable[[Transformer, np.random.Generator], Transformer]


def other_query_key_basis(transformer: Transformer, random: np.random.Generator) -> Transformer:
    """(W_Q A, W_K A^-T): the scores are the same for any invertible A."""

    def change(layer: Attention) -> Attention:
        # Orthogonal, times a power of two for each direction: invertible, and rounding stays small.
        head, d_head = layer.sizes["head"], layer.sizes["d_head"]
        rotation = np.linalg.qr(random.normal(size=(head, d_head, d_head)))[0]
        scale = 2.0 ** random.integers(-2, 3, size=(head, 1, d_head))
        a, a_inverse_transposed = rotation * scale, rotation / scale
        return replace(
            layer,
            w_q=layer.w_q @ a,
            w_k=layer.w_k @ a_inverse_transposed,
            b_q=None if layer.b_q is None else (layer.b_q[:, None] @ a)[:, 0],
            b_k=None if layer.b_k is None else (layer.b_k[:, None] @ a_inverse_transposed)[:, 0],
        )

    return each_attention(transformer, change)


def swapped_roles(transformer: Transformer, random: np.random.Generator) -> Transformer:
    """W_Q and W_K negated together: neither has a role of its own."""
    return each_attention(
        transformer,
        lambda layer: replace(
            layer,
            w_q=-layer.w_q,
            w_k=-layer.w_k,
            b_q=None if layer.b_q is None else -layer.b_q,
            b_k=None if layer.b_k is None else -layer.b_k,
        ),
    )


def permuted_heads(transformer: Transformer, random: np.random.Generator) -> Transformer:
    def change(layer: Attention) -> Attention:
        order = random.permutation(layer.sizes["head"])
        moved: dict[str, Any] = {name: array[order] for name, array in layer.arrays() if name != "b_o"}
        return replace(layer, **moved)

    return each_attention(transformer, change)


def permuted_head_dimensions(transformer: Transformer, random: np.random.Generator) -> Transformer:
    def change(layer: Attention) -> Attention:
        keys, values = random.permutation(layer.sizes["d_head"]), random.permutation(layer.sizes["d_v"])
        last = {"w_q": keys, "b_q": keys, "w_k": keys, "b_k": keys, "w_v": values, "b_v": values}
        arrays = dict(layer.arrays())
        moved: dict[str, Any] = {name: arrays[name][..., order] for name, order in last.items() if name in arrays}
        return replace(layer, **moved, w_o=layer.w_o[:, values])

    return each_attention(transformer, change)


def permuted_residual_stream(transformer: Transformer, random: np.random.Generator) -> Transformer:
    """The directions of the residual stream in another order, wherever they are read or written."""
    order = random.permutation(transformer.d_model)

    def norm(old: Norm | None) -> Norm | None:
        return None if old is None else replace(old, weight=old.weight[order], bias=old.bias[order])

    def layer(old: Attention | Mlp) -> Attention | Mlp:
        if isinstance(old, Mlp):
            return replace(
                old, w_in=old.w_in[order], w_out=old.w_out[:, order], b_out=old.b_out[order], norm=norm(old.norm)
            )
        return replace(
            old,
            w_q=old.w_q[:, order],
            w_k=old.w_k[:, order],
            w_v=old.w_v[:, order],
            w_o=old.w_o[..., order],
            b_o=None if old.b_o is None else old.b_o[order],
            norm=norm(old.norm),
        )

    return Transformer(
        token_embedding=transformer.token_embedding[:, order],
        position_embedding=transformer.position_embedding[:, order],
        layers=[layer(old) for old in transformer.layers],
        final_norm=norm(transformer.final_norm),
        unembedding=None if transformer.unembedding is None else transformer.unembedding[:, order],
    )


def constant_on_all_scores(transformer: Transformer, random: np.random.Generator) -> Transformer:
    """One more dimension of queries and keys, in which every query and every key holds the same."""

    def change(layer: Attention) -> Attention:
        head, d_model, d_head = (layer.sizes[name] for name in ("head", "d_model", "d_head"))
        nothing = np.zeros((head, d_model, 1))
        b_q = np.zeros((head, d_head)) if layer.b_q is None else layer.b_q
        b_k = np.zeros((head, d_head)) if layer.b_k is None else layer.b_k
        constant = random.normal(size=(head, 1))
        return replace(
            layer,
            w_q=np.concatenate([layer.w_q, nothing], axis=2),
            w_k=np.concatenate([layer.w_k, nothing], axis=2),
            b_q=np.concatenate([b_q, constant], axis=1),
            b_k=np.concatenate([b_k, np.ones((head, 1))], axis=1),
            scale=layer.multiplier,
        )

    return each_attention(transformer, change)


def constant_on_all_logits(transformer: Transformer, random: np.random.Generator) -> Transformer:
    """The same direction of the stream added to what every token is read out with."""
    unembedding = transformer.readout
    return replace(transformer, unembedding=unembedding + random.normal(size=transformer.d_model))


SAME_LOGITS: list[Change] = [
    other_query_key_basis,
    swapped_roles,
    permuted_heads,
    permuted_head_dimensions,
    permuted_residual_stream,
    constant_on_all_scores,
]


def centred(logits: Array) -> Array:
    result: Array = logits - logits.mean(axis=-1, keepdims=True)
    return result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("change", [*SAME_LOGITS, constant_on_all_logits], ids=lambda change: change.__name__)
def test_every_answer_of_the_zoo_stays(name: str, change: Change) -> None:
    transformer = zoo.load(name).transformer
    changed = change(transformer, np.random.default_rng(0))
    for batch in contexts.batches(transformer.sizes["vocab"], transformer.n_ctx):
        before, after = forward(transformer, batch)[:, -1], forward(changed, batch)[:, -1]
        np.testing.assert_array_equal(before.argmax(axis=-1), after.argmax(axis=-1))


@pytest.mark.parametrize("change", SAME_LOGITS, ids=lambda change: change.__name__)
@given(st.data())
def test_the_logits_of_random_transformers_stay(change: Change, data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    changed = change(transformer, np.random.default_rng(data.draw(st.integers(0, 99))))
    np.testing.assert_allclose(forward(changed, batch), forward(transformer, batch), rtol=1e-6, atol=1e-6)


@given(st.data())
def test_a_constant_on_all_logits_of_random_transformers(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    changed = constant_on_all_logits(transformer, np.random.default_rng(data.draw(st.integers(0, 99))))
    before, after = forward(transformer, batch), forward(changed, batch)
    np.testing.assert_allclose(centred(after), centred(before), rtol=1e-8, atol=1e-8)


def renamed(transformer: Transformer, order: Array) -> Transformer:
    """The tokens in another order."""
    unembedding = transformer.unembedding
    return replace(
        transformer,
        token_embedding=transformer.token_embedding[order],
        unembedding=None if unembedding is None else unembedding[order],
    )


@pytest.mark.parametrize("name", NAMES)
def test_tokens_renamed_give_the_answers_renamed(name: str) -> None:
    model = zoo.load(name)
    vocab = list(reversed(model.vocab))
    other = replace(model, vocab=vocab, transformer=renamed(model.transformer, np.arange(len(vocab))[::-1]))
    for context in model.contexts():
        assert other.predict(context) == model.predict(context)


@given(st.data())
def test_tokens_of_random_transformers_renamed(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    order = np.array(data.draw(st.permutations(range(transformer.sizes["vocab"]))))
    new_name = np.argsort(order)  # old token -> its row in the new order
    after = forward(renamed(transformer, order), new_name[batch])
    np.testing.assert_allclose(after[..., new_name], forward(transformer, batch), rtol=1e-8, atol=1e-8)
