"""What a transformer is and what its operations do to arrays; read `parts` first, then `forward`.

What is said of a transformer (a vocabulary, a rule) belongs to `zoo.model`; whatever else runs one (costs, gradients,
bounds) has its own folder and the same names for the operations.
"""

from zoo.transformer.activations import ACTIVATIONS, chosen, gelu, relu
from zoo.transformer.forward import (
    attend,
    check_tokens,
    embed,
    forward,
    greedy,
    linear,
    normalize,
    residuals,
    softmax,
    total,
    transform,
    unembed,
    visible,
)
from zoo.transformer.parts import Attention, Layer, Mlp, Norm, Transformer, unhandled

__all__ = [
    "ACTIVATIONS",
    "Attention",
    "Layer",
    "Mlp",
    "Norm",
    "Transformer",
    "attend",
    "check_tokens",
    "chosen",
    "embed",
    "forward",
    "gelu",
    "greedy",
    "linear",
    "normalize",
    "relu",
    "residuals",
    "softmax",
    "total",
    "transform",
    "unembed",
    "unhandled",
    "visible",
]
