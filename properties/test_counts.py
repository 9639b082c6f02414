"""Operations by formula and as counted while the scalar forward pass runs: equal for every architecture."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
import zoo.cache
from properties.strategies import tokens, transformers
from zoo.cost import bytes_moved, flops, parameters
from zoo.scalar import Kept, count_operations, scalar_forward


@given(st.data(), st.sampled_from(["all", "fused"]))
def test_the_formula_counts_what_runs(data: st.DataObject, how: Literal["all", "fused"]) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5))
    seq = data.draw(st.integers(1, transformer.n_ctx))
    rows = data.draw(st.integers(1, seq))
    assert flops(transformer, seq, rows, fused=how == "fused") == count_operations(transformer, seq, rows, how)


@given(st.data())
def test_kept_keys_and_values_give_the_same_logits_where_all_is_causal(data: st.DataObject) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5).filter(zoo.cache.cacheable))
    row = data.draw(tokens(transformer, max_batch=1))[0].tolist()
    kept: Kept = {}
    for i, token in enumerate(row):
        [logits] = scalar_forward(transformer, [token], kept=kept, start=i)
    np.testing.assert_allclose(logits, scalar_forward(transformer, row)[-1], rtol=1e-9, atol=1e-9)


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
