"""What a transformer is and what its operations do to arrays; read `parts` first, then `forward`.

What is said of a transformer (a vocabulary, a rule) belongs to `zoo.model`; whatever else runs one (costs, gradients,
bounds) has its own folder and the same names for the operations.
"""

from zoo.transformer.activations import ACTIVATIONS, gelu, relu
from zoo.transformer.forward import (
    attend,
    check_tokens,
    forward,
    greedy,
    linear,
    normalize,
    softmax,
    total,
    transform,
    visible,
)
from zoo.transformer.parts import Attention, Mlp, Norm, Transformer

__all__ = [
    "ACTIVATIONS",
    "Attention",
    "Mlp",
    "Norm",
    "Transformer",
    "attend",
    "check_tokens",
    "forward",
    "gelu",
    "greedy",
    "linear",
    "normalize",
    "relu",
    "softmax",
    "total",
    "transform",
    "visible",
]
