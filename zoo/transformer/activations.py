"""What an Mlp can have between its two maps."""

from collections.abc import Mapping
from math import pi, sqrt
from typing import TypeVar

import numpy as np

from zoo.transformer.arrays import Array

Entry = TypeVar("Entry")


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def gelu(x: Array) -> Array:
    """The tanh form, as in GPT-2."""
    result: Array = 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return result


ACTIVATIONS = {"relu": relu, "gelu": gelu}


def chosen(table: Mapping[str, Entry], activation: str) -> Entry:
    """What a table has for an activation; NotImplementedError where it has nothing: none is taken for another."""
    if activation not in table:
        raise NotImplementedError(f"{activation} is not handled here, but should be, as an activation")
    return table[activation]
