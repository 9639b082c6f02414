"""What of a layer is laid out for the C: all that matters, nothing that is zero in every context."""

import ctypes
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from zoo.enumeration.layout import Arrays, Layer
from zoo.transformer import Attention, Mlp

# One head: d_model 2, d_head 3, d_v 3. Of each column of the queries, keys and values, what it reads.
ONES: Mapping[str, Any] = MappingProxyType(
    {"w_q": np.ones((1, 2, 3)), "w_k": np.ones((1, 2, 3)), "w_v": np.ones((1, 2, 3)), "w_o": np.ones((1, 3, 2))}
)
FIRST_IS_ZERO = np.array([[[0.0, 1, 0], [0, 0, 1]]])  # the others read one number of the stream each


def laid(**arrays: Any) -> tuple[int, int, int]:
    """How many numbers of queries, of keys and of values are kept of a head."""
    layer, _ = Arrays().layer(Attention(**{**ONES, **arrays}), 1)
    return layer.into.outputs, layer.key.outputs, layer.value.outputs


def test_of_a_head_that_reads_all_all_is_kept() -> None:
    assert laid() == (3, 3, 3)


@pytest.mark.parametrize(("name", "kept"), [("q", (2, 2, 3)), ("k", (2, 2, 3)), ("v", (3, 3, 2))])
def test_a_column_of_zeros_without_a_bias_is_left_out(name: str, kept: tuple[int, int, int]) -> None:
    column = {f"w_{name}": FIRST_IS_ZERO}
    assert laid(**column) == kept
    assert laid(**column, **{f"b_{name}": np.array([[0.0, 0, 5]])}) == kept


@pytest.mark.parametrize("bias", [1.0, -1.0, 1e-300])
@pytest.mark.parametrize("name", "qkv")
def test_a_column_of_zeros_with_a_bias_is_kept(name: str, bias: float) -> None:
    assert laid(**{f"w_{name}": FIRST_IS_ZERO, f"b_{name}": np.array([[bias, 0, 0]])}) == (3, 3, 3)


def test_what_meets_nothing_is_left_out() -> None:
    """A query whose key is zero, and the other way round; a value that is not read."""
    last_is_zero = FIRST_IS_ZERO[..., ::-1]
    assert laid(w_q=FIRST_IS_ZERO, w_k=last_is_zero) == (1, 1, 3)
    assert laid(w_v=FIRST_IS_ZERO, w_o=np.array([[[1.0, 0], [0, 0], [1, 1]]])) == (3, 3, 1)
    assert laid(w_o=np.array([[[0.0, 0], [0, 0], [0, 1]]])) == (3, 3, 1)
    assert laid(w_q=np.zeros((1, 2, 3)), w_o=np.zeros((1, 3, 2))) == (0, 0, 0)


def integers(address: int, number: int) -> list[int]:
    return list((ctypes.c_int64 * number).from_address(address))


def doubles(address: int, number: int) -> list[float]:
    return list((ctypes.c_double * number).from_address(address))


def test_heads_begin_where_those_before_end() -> None:
    """Two heads, of which 2 and 1 numbers are scored, and 1 and 3 are mixed; and what is in hand at most."""
    w_q = np.array([[[1.0, 0, 1], [0, 0, 1]], [[0, 2, 0], [0, 0, 0]]])
    w_v = np.array([[[0.0, 0, 3], [0, 0, 0]], [[1, 1, 1], [1, 1, 1]]])
    two: dict[str, Any] = {name: np.concatenate([array, array]) for name, array in ONES.items()}
    arrays = Arrays()
    layer, width = arrays.layer(Attention(**{**two, "w_q": w_q, "w_v": w_v}, b_k=np.array([[1.0, 2, 3], [4, 5, 6]])), 7)
    assert (layer.heads, layer.gelu, width) == (2, 0, 4)
    assert integers(layer.scored, 3) == [0, 2, 3]
    assert integers(layer.mixed, 3) == [0, 1, 4]
    assert integers(layer.into.start, 4) == [0, 1, 3, 4]  # of three queries 1, 2 and 1 weights
    assert integers(layer.into.input, 4) == [0, 0, 1, 0]
    assert doubles(layer.into.weight, 4) == [1, 1, 1, 2]
    assert doubles(layer.key.bias, 3) == [1, 3, 5]
    assert doubles(layer.into.bias, 3) == [0, 0, 0]
    assert layer.out.outputs == 2
    assert [one.size for one in arrays.kept if one.shape[-1:] == (16,)] == [7 * 3 * 16, 7 * 4 * 16]


@pytest.mark.parametrize(("activation", "gelu"), [("relu", 0), ("gelu", 1)])
def test_an_mlp_says_what_it_applies(activation: Any, gelu: int) -> None:
    w_in = np.array([[1.0, 0, 2], [0, 0, 3]])
    mlp = Mlp(w_in, np.array([4.0, 5, 6]), np.ones((3, 2)), np.array([7.0, 8]), activation)
    arrays = Arrays()
    layer, width = arrays.layer(mlp, 1)
    assert isinstance(layer, Layer)
    assert (layer.heads, layer.gelu, width) == (0, gelu, 3)
    assert integers(layer.into.start, 4) == [0, 1, 1, 3]
    assert integers(layer.into.input, 3) == [0, 0, 1]
    assert doubles(layer.into.weight, 3) == [1, 2, 3]
    assert doubles(layer.into.bias, 3) == [4, 5, 6]
    assert doubles(layer.out.bias, 2) == [7, 8]
    assert not layer.norm.weight
