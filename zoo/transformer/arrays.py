"""What all parts of a transformer share: named arrays, checked and made read-only when the part is made."""

from collections.abc import Iterator
from dataclasses import Field, replace
from math import isfinite
from numbers import Real
from reprlib import repr as shortly
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from zoo.errors import ModelError

Array = NDArray[Any]
TYPES = (np.float16, np.float32, np.float64)


class Emulated(np.ndarray[Any, Any]):
    """The base of arrays with an arithmetic of their own, of a type that numpy has not: a part keeps them as they are.

    Any other subclass of numpy's arrays becomes a plain one.
    """


class Part:
    """The base of Norm, Attention, Mlp and Transformer, which are dataclasses with a shape for each array."""

    shapes: ClassVar[dict[str, str]]  # the name of each array -> the names of its dimensions
    sizes: dict[str, int]  # the name of each dimension -> its size
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    def __post_init__(self) -> None:
        sizes: dict[str, int] = {}
        fields = self.__dataclass_fields__
        for name, dimensions in self.shapes.items():
            value = getattr(self, name)
            if value is None:
                if fields[name].default is not None:
                    raise ModelError(f"{type(self).__name__}.{name} is None, but should be [{dimensions}]")
            else:
                array = _as_floats(f"{type(self).__name__}.{name}", value)
                _check_shape(f"{type(self).__name__}.{name}", array, dimensions.split(), sizes)
                object.__setattr__(self, name, array)
        object.__setattr__(self, "sizes", sizes)

    def arrays(self) -> Iterator[tuple[str, Array]]:
        """Its own arrays with their names, in order of declaration; what was left out is not listed."""
        for name in self.shapes:
            if getattr(self, name) is not None:
                yield name, getattr(self, name)

    def astype(self, dtype: DTypeLike) -> Self:
        """A copy with every array in another floating-point type."""
        with np.errstate(over="ignore"):  # what is inf then, is refused
            changes: dict[str, Any] = {name: array.astype(dtype) for name, array in self.arrays()}
        for name, value in vars(self).items():
            if isinstance(value, Part):
                changes[name] = value.astype(dtype)
            elif name == "layers":
                changes[name] = tuple(layer.astype(dtype) for layer in value)
        return replace(self, **changes)


def rank(value: Any) -> int | None:
    """How many dimensions an array has; None where its rows have different lengths."""
    try:
        return np.ndim(value)
    except ValueError:
        return None


def _as_floats(name: str, value: Any) -> Array:
    """A read-only, contiguous copy in a floating-point type; integers become float64."""
    try:
        array = np.array(value, order="C", subok=isinstance(value, Emulated))
    except ValueError:
        raise ModelError(f"{name} has rows of different lengths, but should be a full array") from None
    if array.dtype.kind in "iub":
        array = array.astype(np.float64)
    if array.dtype.kind != "f":
        raise ModelError(f"{name} has dtype {array.dtype}, but should hold real numbers")
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    if array.dtype not in TYPES:
        raise ModelError(f"{name} has dtype {array.dtype}, but should be float16, float32 or float64")
    if not np.isfinite(array).all():
        where = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise ModelError(f"{name} is {array[tuple(where)]} at {where}, but should be finite")
    array.setflags(write=False)
    return array


def setting(name: str, value: Any, dtype: np.dtype[Any]) -> float:
    """A number beside the arrays as the program has it: rounded to their type. ModelError where it is lost by that."""
    try:
        number = float(value) if isinstance(value, Real) else float("nan")
    except OverflowError:  # a whole number or fraction beyond all floats
        number = float("inf")
    with np.errstate(all="ignore"):
        rounded = float(dtype.type(number))
    if not isfinite(number):
        raise ModelError(f"{name} is {shortly(value)}, but should be a finite number")
    if not isfinite(rounded) or (rounded == 0) != (value == 0):
        raise ModelError(
            f"{name} is {shortly(value)}, which is {rounded:g} in {dtype}, but should be a number that {dtype} has"
        )
    return rounded


def _check_shape(name: str, array: Array, dimensions: list[str], sizes: dict[str, int]) -> None:
    """Binds the size of each dimension when it is first met, and holds later arrays to it."""
    expected = [sizes.get(dimension) for dimension in dimensions]
    same_rank = array.ndim == len(dimensions)
    if not same_rank or any(e not in (None, actual) or not actual for e, actual in zip(expected, array.shape)):
        described = ", ".join(d if e is None else f"{d} = {e}" for d, e in zip(dimensions, expected))
        raise ModelError(f"{name} has shape {list(array.shape)}, but should be [{described}], none of them 0")
    sizes.update(zip(dimensions, array.shape))
