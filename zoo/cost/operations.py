"""What a model costs, counted: operations and parameters from its arrays, instructions from its assembly predictor.

The convention: every add, subtract, multiply, divide, compare, exp, tanh and square root is one operation; a dot
product of length n is 2n; a softmax row of length n is 5n; a scale other than 1 and a mask are one each a score; every
position is computed, masked scores too. `zoo.transformer.scalar` performs and counts the same, under the same names:
`embed`, `normalize`, `attend`, `transform`, `unembed`.
"""

from dataclasses import dataclass

import numpy as np

from reference import Assembly
from zoo.errors import ContextError
from zoo.model import Model
from zoo.transformer import Attention, Layer, Mlp, Norm, Transformer, chosen, unhandled

GELU = 9  # x, x*x*x, *0.044715, +x, *sqrt(2/pi), tanh, +1, *x, *0.5


@dataclass(frozen=True)
class Count:
    """What an operation takes on some rows: how many operations it makes, and how many numbers it reads and makes.

    Each weight is read once, of the embeddings the rows that are used; of what is made, all is written and read again.
    """

    operations: int = 0
    read: int = 0
    made: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(self.operations + other.operations, self.read + other.read, self.made + other.made)


def flops(transformer: Transformer, seq: int, rows: int | None = None, fused: bool = False) -> int:
    """Operations of one forward pass over a context of `seq` tokens.

    With `rows` only of its last rows, the keys and values of all before being kept. With `fused` a product and the sum
    that takes it up are one operation, as in a fused multiply-add: a dot product of length n is n. ContextError for
    lengths that the transformer does not read.
    """
    return _forward(transformer, seq, _check(transformer, seq, seq if rows is None else rows), fused).operations


def _check(transformer: Transformer, seq: int, rows: int) -> int:
    if not 1 <= seq <= transformer.n_ctx:
        raise ContextError(f"the length {seq} is asked for, but should be 1 to {transformer.n_ctx}")
    if not 1 <= rows <= seq:
        raise ContextError(f"{rows} rows are asked for, but should be 1 to {seq}")
    return rows


def answer_flops(transformer: Transformer, seq: int) -> int:
    """Operations of `forward(last=True)`: from the last Attention on only one row, which needs no mask."""
    final, others = transformer.last_attention, seq - 1
    count = flops(transformer, seq, rows=1) + embed(transformer, others).operations  # the last row, and the others'
    for i, layer in enumerate(transformer.layers[: final + 1]):
        if i < final:
            count += _layer(layer, seq, others, False).operations
        elif isinstance(layer, Attention):
            count += normalize(layer.norm, transformer.d_model, others, False).operations
            count += others * _projections(layer, "kv", False) - layer.sizes["head"] * seq * layer.causal
    return count


def bytes_moved(transformer: Transformer, seq: int) -> int:
    """What one forward pass reads and writes if nothing but numbers in hand stays anywhere: a count, not a measurement.

    Each weight is read once, of the embeddings the rows that are used; each intermediate array is written and read.
    """
    count = _forward(transformer, seq, _check(transformer, seq, seq), False)
    return (count.read + 2 * count.made) * transformer.dtype.itemsize


def _forward(transformer: Transformer, seq: int, rows: int, fused: bool) -> Count:
    """A forward pass that makes the last rows of a context of `seq` tokens."""
    count = embed(transformer, rows)
    for layer in transformer.layers:
        count += _layer(layer, seq, rows, fused)
    count += normalize(transformer.final_norm, transformer.d_model, rows, fused)
    return count + unembed(transformer, rows, fused)


def _layer(layer: Layer, seq: int, rows: int, fused: bool) -> Count:
    """With its Norm, and with what it makes added to the residual stream."""
    d_model = layer.sizes["d_model"]
    if isinstance(layer, Attention):
        own = attend(layer, seq, rows, fused)
    elif isinstance(layer, Mlp):
        own = transform(layer, rows, fused)
    else:
        unhandled(layer)
    return normalize(layer.norm, d_model, rows, fused) + own + Count(rows * d_model, made=rows * d_model)


def embed(transformer: Transformer, rows: int) -> Count:
    """Token and position."""
    stream = rows * transformer.d_model
    return Count(stream, read=2 * stream, made=stream)


def normalize(norm: Norm | None, d_model: int, rows: int, fused: bool) -> Count:
    """The mean and the distances from it, their squares' mean, the root, and weight and bias."""
    if norm is None:
        return Count()
    return Count(rows * ((5 if fused else 7) * d_model + 4), read=_size(norm), made=rows * d_model)


def attend(layer: Attention, seq: int, rows: int, fused: bool) -> Count:
    """Rows that see `seq` tokens; made are q, k, v and their mean, scores and pattern, and what is written."""
    product = 1 if fused else 2
    head, d_head, d_v = (layer.sizes[name] for name in ("head", "d_head", "d_v"))
    scale, mask = int(layer.multiplier != 1), int(layer.causal)
    scaled = max(scale, mask) if fused else scale + mask
    each = _projections(layer, "qkvo", fused) + head * seq * (product * d_head + scaled + 5 + product * d_v)
    made = head * (2 * d_head + 2 * d_v + 2 * seq) + layer.sizes["d_model"]
    return Count(rows * each, read=_size(layer), made=rows * made)


def _projections(layer: Attention, which: str, fused: bool) -> int:
    """Some of the maps q, k, v, o of all heads, for one row."""
    maps = [(getattr(layer, f"w_{name}"), getattr(layer, f"b_{name}")) for name in which]
    return sum((1 if fused else 2) * w.size + (0 if b is None else b.size) for w, b in maps)


def transform(layer: Mlp, rows: int, fused: bool) -> Count:
    """Both maps and the activation."""
    product, d_mlp = 1 if fused else 2, layer.sizes["d_mlp"]
    activation = chosen({"relu": 1, "gelu": GELU - fused}, layer.activation) * d_mlp
    each = product * (layer.w_in.size + layer.w_out.size) + layer.b_in.size + activation + layer.b_out.size
    return Count(rows * each, read=_size(layer), made=rows * (d_mlp + layer.sizes["d_model"]))


def unembed(transformer: Transformer, rows: int, fused: bool) -> Count:
    size, vocab = transformer.readout.size, transformer.sizes["vocab"]
    return Count(rows * (1 if fused else 2) * size, read=size, made=rows * vocab)


def _size(part: Layer | Norm) -> int:
    return sum(array.size for _, array in part.arrays())


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
    """The least and most instructions that its assembly predictor executes, over every context of its domain.

    None where it has none, or has more than 2^17 contexts.
    """
    if model.scope.count() > 2**17:
        return None
    for predictor in model.predictors:
        if isinstance(predictor, Assembly):
            executed = [predictor.run(context)[1] for context in model.contexts()]
            return {"least": min(executed), "most": max(executed)}
    return None
