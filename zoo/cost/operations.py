"""What a model costs, counted: operations and parameters from its arrays, instructions from its assembly predictor.

The convention: every add, subtract, multiply, divide, compare, exp, tanh and square root is one operation; a dot
product of length n is 2n; a softmax row of length n is 5n; a scale other than 1 and a mask are one each a score; every
position is computed, masked scores too. `zoo.transformer.scalar` performs and counts the same.
"""

from dataclasses import dataclass

import numpy as np

from reference import Assembly
from zoo import contexts
from zoo.errors import ContextError
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, Transformer

GELU = 9  # x, x*x*x, *0.044715, +x, *sqrt(2/pi), tanh, +1, *x, *0.5


def flops(transformer: Transformer, seq: int, rows: int | None = None, fused: bool = False) -> int:
    """Operations of one forward pass over a context of `seq` tokens.

    With `rows` only of its last rows, the keys and values of all before being kept. With `fused` a product and the sum
    that takes it up are one operation, as in a fused multiply-add: a dot product of length n is n. ContextError for
    lengths that the transformer does not read.
    """
    rows = _check(transformer, seq, seq if rows is None else rows)
    d_model, vocab, product = transformer.d_model, transformer.sizes["vocab"], 1 if fused else 2
    count = rows * d_model  # token + position
    for layer in transformer.layers:
        own = _attention(layer, seq, fused) if isinstance(layer, Attention) else _mlp(layer, fused)
        count += rows * (_norm(layer.norm, d_model, fused) + own + d_model)  # the last: onto the residual stream
    return count + rows * (_norm(transformer.final_norm, d_model, fused) + product * d_model * vocab)


def _check(transformer: Transformer, seq: int, rows: int) -> int:
    if not 1 <= seq <= transformer.n_ctx:
        raise ContextError(f"the length {seq} is asked for, but should be 1 to {transformer.n_ctx}")
    if not 1 <= rows <= seq:
        raise ContextError(f"{rows} rows are asked for, but should be 1 to {seq}")
    return rows


def answer_flops(transformer: Transformer, seq: int) -> int:
    """Operations of `forward(last=True)`: from the last Attention on only one row, which needs no mask."""
    d_model, final = transformer.d_model, transformer.last_attention
    count = flops(transformer, seq, rows=1) + (seq - 1) * d_model  # the last row, and the other rows' embeddings
    for i, layer in enumerate(transformer.layers[: final + 1]):
        norm = _norm(layer.norm, d_model, False)
        if i < final:
            own = _attention(layer, seq, False) if isinstance(layer, Attention) else _mlp(layer, False)
            count += (seq - 1) * (norm + own + d_model)
        elif isinstance(layer, Attention):  # of the other rows, keys and values
            arrays = (
                2 * layer.w_k.size,
                2 * layer.w_v.size,
                *(b.size for b in (layer.b_k, layer.b_v) if b is not None),
            )
            count += (seq - 1) * (norm + sum(arrays)) - layer.sizes["head"] * seq * layer.causal
    return count


def _attention(layer: Attention, seq: int, fused: bool) -> int:
    """For one row that sees `seq` tokens."""
    product = 1 if fused else 2
    head, d_head, d_v = (layer.sizes[name] for name in ("head", "d_head", "d_v"))
    maps = sum(product * w.size for w in (layer.w_q, layer.w_k, layer.w_v, layer.w_o))
    biases = sum(b.size for b in (layer.b_q, layer.b_k, layer.b_v, layer.b_o) if b is not None)
    scale, mask = int(layer.multiplier != 1), int(layer.causal)
    scaled = max(scale, mask) if fused else scale + mask
    return maps + biases + head * seq * (product * d_head + scaled + 5 + product * d_v)


def _mlp(layer: Mlp, fused: bool) -> int:
    """For one row."""
    product = 1 if fused else 2
    activation = {"relu": 1, "gelu": GELU - fused}[layer.activation] * layer.sizes["d_mlp"]
    return product * (layer.w_in.size + layer.w_out.size) + layer.b_in.size + activation + layer.b_out.size


def _norm(norm: Norm | None, d_model: int, fused: bool) -> int:
    """For one row: the mean and the distances from it, their squares' mean, the root, and weight and bias."""
    return 0 if norm is None else (5 if fused else 7) * d_model + 4


def bytes_moved(transformer: Transformer, seq: int) -> int:
    """What one forward pass reads and writes if nothing but numbers in hand stays anywhere: a count, not a measurement.

    Each weight is read once, of the embeddings the rows that are used; each intermediate array is written and read.
    """
    _check(transformer, seq, seq)
    d_model, vocab = transformer.d_model, transformer.sizes["vocab"]
    read, made = 2 * seq * d_model + vocab * d_model, seq * (d_model + vocab)  # embeddings, unembedding; stream, logits
    for layer in transformer.layers:
        read += sum(array.size for _, array in layer.arrays())
        made += seq * d_model * (2 if layer.norm is None else 3)  # what the layer writes, and the stream with it
        if isinstance(layer, Attention):
            head, d_head, d_v = (layer.sizes[name] for name in ("head", "d_head", "d_v"))
            made += seq * head * (2 * d_head + 2 * d_v + 2 * seq)  # q, k, v and their mean; scores and pattern
        else:
            made += seq * layer.sizes["d_mlp"]
    norms = [part for name, part in transformer.parts() if name.endswith("norm")]
    read += sum(array.size for norm in norms for _, array in norm.arrays())
    made += 0 if transformer.final_norm is None else seq * d_model
    return (read + 2 * made) * transformer.dtype.itemsize


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
