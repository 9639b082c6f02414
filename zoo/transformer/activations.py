"""What an Mlp can have between its two maps."""

from math import pi, sqrt

import numpy as np

from zoo.transformer.arrays import Array


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def gelu(x: Array) -> Array:
    """The tanh form, as in GPT-2."""
    result: Array = 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return result


ACTIVATIONS = {"relu": relu, "gelu": gelu}
