"""What is no part of a transformer is refused where it is made, with what would be right."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.selftest.transformer.test_arrays import transformer
from zoo.errors import ContextError, ModelError
from zoo.transformer import Norm, Transformer, forward
from zoo.transformer.scalar import CountingNumber, FusingNumber, SkippingNumber, scalar_forward

WHOLE = transformer()
ATTENTION, MLP, NORM = (dict(WHOLE.parts())[name] for name in ("layer 0", "layer 1", "final norm"))


def with_array(part: Any, name: str, value: Any) -> Callable[[], object]:
    return lambda: replace(part, **{name: value})


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "an array of another rank": (
        with_array(ATTENTION, "w_k", np.ones((3, 2))),
        "Attention.w_k has shape [3, 2], but should be [head = 2, d_model = 3, d_head = 2], none of them 0",
    ),
    "one size that differs": (
        with_array(ATTENTION, "w_v", np.ones((2, 4, 2))),
        "Attention.w_v has shape [2, 4, 2], but should be [head = 2, d_model = 3, d_v]",
    ),
    "a dimension too many": (
        with_array(ATTENTION, "w_v", np.ones((2, 3, 2, 1))),
        "Attention.w_v has shape [2, 3, 2, 1], but should be [head = 2, d_model = 3, d_v], none of them 0",
    ),
    "a size of 0": (
        with_array(ATTENTION, "w_v", np.ones((2, 3, 0))),
        "Attention.w_v has shape [2, 3, 0], but should be [head = 2, d_model = 3, d_v], none of them 0",
    ),
    "an array that is None": (
        with_array(ATTENTION, "w_k", None),
        "Attention.w_k is None, but should be [head d_model d_head]",
    ),
    "rows of different lengths": (
        with_array(MLP, "w_in", [[1, 2], [3]]),
        "Mlp.w_in has rows of different lengths, but should be a full array",
    ),
    "another activation": (
        with_array(MLP, "activation", "silu"),
        "Mlp.activation is 'silu', but should be one of relu",
    ),
    "no activation": (with_array(MLP, "activation", ["relu"]), "Mlp.activation is ['relu'], but should be one of relu"),
    "a mask that is a number": (with_array(ATTENTION, "causal", 1), "Attention.causal is 1, but should be True or"),
    "another Norm": (with_array(MLP, "norm", 1), "Mlp.norm is 1, but should be a Norm or None"),
    "no list of layers": (with_array(WHOLE, "layers", {MLP}), "layers is a set, but should be a list of Attention"),
    "another layer": (with_array(WHOLE, "layers", [MLP, NORM]), "layer 1 is a Norm, but should be an Attention or an"),
    "another d_model": (
        lambda: Transformer(np.eye(2), np.zeros((5, 2)), WHOLE.layers[:1]),
        "layer 0 has d_model 3, but should have the embedding's 2",
    ),
    "another d_model of a Norm": (
        with_array(WHOLE, "final_norm", Norm(np.ones(2), np.ones(2), 1)),
        "final norm has d_model 2, but should have the embedding's 3",
    ),
    "another dtype": (
        with_array(WHOLE, "layers", [MLP.astype(np.float32)]),
        "layer 0 w_in is float32, but should be float64 like the token embedding",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_no_part(what: str) -> None:
    make, said = REFUSED[what]
    with pytest.raises(ModelError, match="^" + re.escape(said)):
        make()


def test_tokens_are_looked_at_where_nobody_says_that_they_are_right() -> None:
    wrong = np.array([[0, -1]])
    with pytest.raises(ContextError, match="token -1 is out of range"):
        forward(WHOLE, wrong)
    assert forward(WHOLE, wrong, checked=True).shape == (1, 2, 2)


def test_what_is_true_or_false_or_whole_is_a_number() -> None:
    whole: Any = [1, 2]
    norm = Norm(np.array([True, False]), whole, 1)
    assert (norm.weight.tolist(), norm.bias.tolist()) == ([1.0, 0.0], [1.0, 2.0])
    assert norm.weight.dtype == norm.bias.dtype == np.float64


def test_parts_with_equal_arrays_are_parts_of_their_own() -> None:
    assert [part == replace(part) for part in (WHOLE, ATTENTION, MLP, NORM)] == [False] * 4
    assert len({WHOLE, ATTENTION, MLP, NORM}) == 4


@pytest.mark.parametrize("number", [CountingNumber, FusingNumber, SkippingNumber])
def test_numbers_that_count_are_the_numbers_they_are(number: type) -> None:
    class Counted(number):  # type: ignore[misc]
        operations = 0

    for changes in ({}, {"causal": True}):
        layers: list[Any] = [replace(ATTENTION, **changes), MLP, replace(MLP, activation="relu")]
        one, tokens = replace(WHOLE, layers=layers), [0, 1, 1, 0]
        assert scalar_forward(one, tokens, Counted) == scalar_forward(one, tokens)
