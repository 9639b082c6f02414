"""Settings beside the arrays, eps and scale, are what the arrays' type makes of them, in every program."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from zoo.errors import ModelError
from zoo.transformer import Attention, Norm, Transformer, forward
from zoo.transformer.arrays import Array

ONES = np.ones((1, 2, 2))


def norm(eps: Any, dtype: type = np.float64) -> Norm:
    return Norm(np.ones(2, dtype), np.zeros(2, dtype), eps)


def attention(scale: Any, dtype: type = np.float64) -> Attention:
    return Attention(*(ONES.astype(dtype),) * 4, scale=scale)


def transformer(layers: list[Attention], final: Norm | None, dtype: type) -> Transformer:
    return Transformer(np.eye(2, dtype=dtype), np.zeros((3, 2), dtype), layers, final)


@pytest.mark.parametrize("value", [Fraction(1, 100), 0.01, np.float64(0.01), np.longdouble(0.01)])
def test_what_is_a_number_is_taken(value: Any) -> None:
    for dtype in (np.float64, np.float32):
        for setting in (norm(value, dtype).eps, attention(value, dtype).scale, attention(value, dtype).multiplier):
            assert type(setting) is float
            assert setting == float(dtype(0.01))


@pytest.mark.parametrize(
    "value", [1e39, 5e-46, 10**400, Fraction(1, 10**400), float("nan"), float("inf"), "1", None, 1j]
)
def test_what_a_type_has_not_is_refused(value: Any) -> None:
    with pytest.raises(ModelError, match=r"^Norm\.eps is .*, but should be a (finite )?number"):
        norm(value, np.float32)
    if value is not None:  # then it is 1/sqrt(d_head)
        with pytest.raises(ModelError, match=r"^Attention\.scale is .*, but should be a (finite )?number"):
            attention(value, np.float32)


@pytest.mark.parametrize("value", [0, -1, -0.0])
def test_eps_is_above_zero(value: float) -> None:
    with pytest.raises(ModelError, match="but should be a number above 0"):
        norm(value)


@pytest.mark.parametrize("value", [1e39, 5e-46])
def test_what_another_type_has_not_is_refused_when_it_is_converted(value: float) -> None:
    for one in (transformer([], norm(value), np.float64), transformer([attention(value)], None, np.float64)):
        with pytest.raises(ModelError, match="in float32, but should be a number that float32 has"):
            one.astype(np.float32)


def test_a_setting_of_double_precision_does_not_change_the_program() -> None:
    one = transformer([attention(np.float64(0.3), np.float32)], norm(np.float64(1e-3), np.float32), np.float32)
    assert forward(one, np.array([[0, 1]])).dtype == np.float32


def test_settings_stay_what_they_are_in_a_wider_type() -> None:
    one = transformer([attention(0.1, np.float32)], norm(1e-3, np.float32), np.float32).astype(np.float64)
    [layer] = one.layers
    assert isinstance(layer, Attention)
    assert one.final_norm is not None
    assert (layer.multiplier, one.final_norm.eps) == (float(np.float32(0.1)), float(np.float32(1e-3)))


@pytest.mark.parametrize("array", [np.ones(2, np.longdouble), np.ones(2, complex), np.array(["a", "b"])])
def test_arrays_of_other_types_are_refused(array: Array) -> None:
    with pytest.raises(ModelError, match=r"but should (be float16, float32 or float64|hold real numbers)"):
        Norm(array, np.zeros(2), 1)


def test_arrays_in_the_other_byte_order_are_taken() -> None:
    swapped = np.ones(2).astype(np.dtype(np.float64).newbyteorder())
    assert norm(1).weight.dtype == Norm(swapped, swapped, 1).weight.dtype == np.float64
