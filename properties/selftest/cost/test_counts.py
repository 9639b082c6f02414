"""Operations by formula and as counted while the scalar forward pass runs: equal for every architecture."""

from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import zoo
import zoo.enumeration.prefixes
from properties.strategies import tokens, transformers
from zoo.cost.operations import answer_flops, bytes_moved, flops, parameters
from zoo.errors import ContextError
from zoo.transformer import Attention, Mlp, forward
from zoo.transformer.scalar import Kept, count_operations, scalar_forward


@given(st.data(), st.sampled_from(["all", "fused"]))
def test_the_formula_counts_what_runs(data: st.DataObject, how: Literal["all", "fused"]) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5))
    seq = data.draw(st.integers(1, transformer.n_ctx))
    rows = data.draw(st.integers(1, seq))
    assert flops(transformer, seq, rows, fused=how == "fused") == count_operations(transformer, seq, rows, how)


FEATURES: dict[str, Callable[[zoo.Transformer], object]] = {
    "no layers": lambda t: not t.layers,
    "a Norm before a layer": lambda t: any(layer.norm for layer in t.layers),
    "a final Norm": lambda t: t.final_norm,
    "untied": lambda t: t.unembedding is not None,
    "relu": lambda t: any(layer.activation == "relu" for layer in t.layers if isinstance(layer, Mlp)),
    "gelu": lambda t: any(layer.activation == "gelu" for layer in t.layers if isinstance(layer, Mlp)),
    "several heads": lambda t: any(a.sizes["head"] > 1 for a in attentions(t)),
    "values of another width": lambda t: any(a.sizes["d_v"] != a.sizes["d_head"] for a in attentions(t)),
    "no mask": lambda t: any(not a.causal for a in attentions(t)),
    "a scale": lambda t: any(a.multiplier != 1 for a in attentions(t)),
    "no scale": lambda t: any(a.multiplier == 1 for a in attentions(t)),
    "biases": lambda t: any(all(getattr(a, f"b_{x}") is not None for x in "qkvo") for a in attentions(t)),
    "no biases": lambda t: any(all(getattr(a, f"b_{x}") is None for x in "qkvo") for a in attentions(t)),
    "an Mlp after the last Attention": lambda t: 0 <= t.last_attention < len(t.layers) - 1,
    "Mlps and no Attention": lambda t: t.layers and t.last_attention < 0,
    "two Attentions": lambda t: len(attentions(t)) > 1,
}


def attentions(transformer: zoo.Transformer) -> list[Attention]:
    return [layer for layer in transformer.layers if isinstance(layer, Attention)]


@pytest.mark.parametrize("feature", FEATURES)
def test_the_architectures_that_are_counted_have(feature: str) -> None:
    first = settings(phases=[Phase.generate], max_examples=1000)  # any will do, not the smallest
    found = find(transformers(max_n_ctx=4, max_d_model=5), lambda t: bool(FEATURES[feature](t)), settings=first)
    assert flops(found, found.n_ctx) == count_operations(found, found.n_ctx)
    assert answer_flops(found, found.n_ctx) == count_operations(found, found.n_ctx, last=True)


@given(st.data())
def test_the_formula_counts_what_the_last_row_takes(data: st.DataObject) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5))
    row = data.draw(tokens(transformer, max_batch=1))[0]
    assert answer_flops(transformer, len(row)) == count_operations(transformer, len(row), last=True)
    alone = scalar_forward(transformer, row.tolist(), last=True)
    np.testing.assert_allclose(alone, scalar_forward(transformer, row.tolist())[-1:], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(forward(transformer, row[None], last=True)[0], alone, rtol=1e-8, atol=1e-8)


@given(st.data(), st.integers(1, 4), st.integers(1, 3), st.integers(1, 3))
def test_what_is_left_without_zeros(data: st.DataObject, d_model: int, n_ctx: int, vocab: int) -> None:
    """Embedding and unembedding of weights that cannot cancel: a sum less than products, where there are products."""
    small = st.integers(0, 2)
    tokens_, positions, out = (data.draw(arrays(np.int64, (n, d_model), elements=small)) for n in (vocab, n_ctx, vocab))
    x = tokens_[0] + positions  # [seq, d_model]
    products = np.count_nonzero(x[:, None] * out, axis=2)  # [seq, vocab]
    expected = np.count_nonzero(tokens_[0] * positions) + (2 * products - (products > 0)).sum()
    transformer = zoo.Transformer(tokens_, positions, [], None, out)
    assert count_operations(transformer, n_ctx, how="nonzero") == expected


@given(st.data())
def test_kept_keys_and_values_give_the_same_logits_where_all_is_causal(data: st.DataObject) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5).filter(zoo.enumeration.prefixes.cacheable))
    row = data.draw(tokens(transformer, max_batch=1))[0].tolist()
    kept: Kept = {}
    for i, token in enumerate(row):
        [logits] = scalar_forward(transformer, [token], kept=kept, start=i)
    np.testing.assert_allclose(logits, scalar_forward(transformer, row)[-1], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(("seq", "rows"), [(-5, None), (0, None), (6, None), (5, 0), (5, 6)])
def test_lengths_that_are_not_read_are_refused(seq: int, rows: int | None) -> None:
    transformer = zoo.load("aab").transformer
    with pytest.raises(ContextError, match=r"asked for, but should be 1 to 5"):
        flops(transformer, seq, rows)
    for count in (answer_flops, bytes_moved) if rows is None else ():
        with pytest.raises(ContextError, match=f"the length {seq} is asked for"):
            count(transformer, seq)


def test_the_source_s_model() -> None:
    transformer = zoo.load("aab").transformer
    assert flops(transformer, 5) == 3935
    assert flops(transformer, 2) == 1340  # what the rule reads
    assert flops(transformer, 5, fused=True) == 2150
    assert flops(transformer, 5, rows=1) == 787
    assert count_operations(transformer, 5, how="nonzero") == 197
    assert bytes_moved(transformer, 5) == 8 * (80 + 16 + 4 * 64 + 32 + 2 * (5 * 10 + 80 + 160 + 50))


@given(transformers(max_n_ctx=3, max_d_model=4))
def test_skipping_zeros_never_costs_more(transformer: zoo.Transformer) -> None:
    assert count_operations(transformer, 1, how="nonzero") <= count_operations(transformer, 1)


def test_a_tied_unembedding_is_counted_once() -> None:
    tied = zoo.load("aab").transformer
    untied = zoo.Transformer(tied.token_embedding, tied.position_embedding, tied.layers, None, tied.token_embedding)
    assert parameters(untied).total - parameters(tied).total == tied.token_embedding.size


def test_an_unknown_way_of_counting() -> None:
    with pytest.raises(KeyError):
        count_operations(zoo.load("ab").transformer, 1, how="most")
