"""What a model costs, counted: operations and parameters from its arrays, instructions from its assembly predictor.

The convention: every add, subtract, multiply, divide, compare, exp, tanh and square root is one operation; a dot
product of length n is 2n; a softmax row of length n is 5n; a scale other than 1 and a mask are one each a score; every
position is computed, masked scores too. `zoo.scalar` performs and counts the same.
"""

from dataclasses import dataclass

import numpy as np

from reference import Assembly
from zoo import contexts
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, Transformer

GELU = 9  # x, x*x*x, *0.044715, +x, *sqrt(2/pi), tanh, +1, *x, *0.5


def flops(transformer: Transformer, seq: int) -> int:
    """Operations of one forward pass over a context of `seq` tokens."""
    d_model, vocab = transformer.d_model, transformer.sizes["vocab"]
    count = seq * d_model  # token + position
    for layer in transformer.layers:
        own = _attention_flops(layer, seq) if isinstance(layer, Attention) else _mlp_flops(layer, seq)
        count += _norm_flops(layer.norm, seq, d_model) + own + seq * d_model  # the last: onto the residual stream
    return count + _norm_flops(transformer.final_norm, seq, d_model) + seq * 2 * d_model * vocab


def _attention_flops(layer: Attention, seq: int) -> int:
    head, d_head, d_v = (layer.sizes[name] for name in ("head", "d_head", "d_v"))
    maps = sum(2 * w.size for w in (layer.w_q, layer.w_k, layer.w_v, layer.w_o))
    biases = sum(b.size for b in (layer.b_q, layer.b_k, layer.b_v, layer.b_o) if b is not None)
    each_score = 2 * d_head + (layer.multiplier != 1) + layer.causal + 5 + 2 * d_v
    return seq * (maps + biases) + head * seq * seq * each_score


def _mlp_flops(layer: Mlp, seq: int) -> int:
    activation = {"relu": 1, "gelu": GELU}[layer.activation] * layer.sizes["d_mlp"]
    return seq * (2 * layer.w_in.size + layer.b_in.size + activation + 2 * layer.w_out.size + layer.b_out.size)


def _norm_flops(norm: Norm | None, seq: int, d_model: int) -> int:
    return 0 if norm is None else seq * (7 * d_model + 4)


@dataclass(frozen=True)
class Parameters:
    """Entries of all arrays (a tied unembedding once), how many are not zero, how many different values those have."""

    total: int
    nonzero: int
    unique: int


def parameters(transformer: Transformer) -> Parameters:
    entries = np.concatenate([array.ravel() for _, part in transformer.parts() for _, array in part.arrays()])
    nonzero = entries[entries != 0]
    return Parameters(len(entries), len(nonzero), len(np.unique(nonzero)))


def instructions(model: Model) -> dict[str, int] | None:
    """The least and most instructions that its assembly predictor executes, over every context.

    None where it has none, or has more than 2^17 contexts.
    """
    if contexts.count(len(model.vocab), model.n_ctx) > 2**17:
        return None
    for predictor in model.predictors:
        if isinstance(predictor, Assembly):
            executed = [predictor.run(context)[1] for context in model.contexts()]
            return {"least": min(executed), "most": max(executed)}
    return None
