"""Counting: the formula against operations counted one by one, and parameters from the arrays."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.selftest.models import NAMES, aab
from properties.strategies import transformers
from zoo.cost.operations import Parameters, flops, instructions, parameters
from zoo.transformer.scalar import count_operations


@pytest.mark.parametrize("name", NAMES)
def test_the_formula_counts_what_the_scalar_forward_does(name: str) -> None:
    model = zoo.load(name)
    for seq in range(1, model.n_ctx + 1):
        assert flops(model.transformer, seq) == count_operations(model.transformer, seq)


@given(st.data())
def test_the_formula_on_random_transformers(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    seq = data.draw(st.integers(1, transformer.n_ctx))
    assert flops(transformer, seq) == count_operations(transformer, seq)


def test_the_source_figure() -> None:
    assert flops(aab.MODEL.transformer, 5) == 3935
    assert flops(replace(aab.MODEL.transformer, layers=[]), 5) == 3935 - 3735  # embedding 40, unembedding 160


def test_parameters() -> None:
    assert parameters(aab.MODEL.transformer) == Parameters(total=344, nonzero=26, unique=4)
    untied = replace(aab.MODEL.transformer, unembedding=aab.MODEL.transformer.token_embedding)
    assert parameters(untied) == Parameters(total=360, nonzero=28, unique=4)


def test_instructions() -> None:
    assert instructions(aab.MODEL) == {"least": 3, "most": 8}
    assert instructions(zoo.load("ab")) is None
