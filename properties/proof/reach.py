"""How much memory bounds take: which transformers they reach, and how many boxes are bounded at a time."""

import numpy as np

from properties.proof.attention import value_columns
from properties.proof.first_layer import SLAB
from zoo.transformer import Attention, Mlp, Transformer

BATCH = 256  # boxes bounded at a time
MOST = 2**28  # numbers that one box may need and a batch may leave, 2 GB
MEMORY = 3_000_000  # numbers in the largest array that a batch of boxes may need


def rows_at_a_time(transformer: Transformer, keys: int, narrow: bool) -> int:
    """How many boxes may be bounded together, with so many keys; where it is `narrow`, they have one last token."""
    return max(1, MEMORY // largest(transformer, keys, narrow))


def largest(transformer: Transformer, keys: int, narrow: bool = False) -> int:
    """How many numbers the largest array has that the bounds of one box need, with so many keys."""
    vocab, outputs = len(transformer.token_embedding), len(transformer.readout)
    attentions = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    widths = [max(map(len, value_columns(layer)), default=1) for layer in attentions]
    pairs = outputs**2 * transformer.d_model
    last = (1 if narrow else vocab) * keys * vocab * max([outputs, *widths[-1:]])
    return max(pairs, last, *(keys * vocab * keys * vocab * max(width, 1) for width in widths[:-1]))


def numbers(transformer: Transformer) -> int:
    """How many numbers the bounds of one box of the longest contexts need at once, and what is kept of a batch.

    The values of each head's keys along every difference of logits are there as midpoints and radii, of the model and
    of the box, and five more such arrays while a mean of them is bounded; of an earlier layer's keys it is the same.
    """
    vocab, outputs, keys = len(transformer.token_embedding), len(transformer.readout), transformer.n_ctx
    heads = max((layer.sizes["head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    hidden = max((layer.sizes["d_mlp"] for layer in transformer.layers if isinstance(layer, Mlp)), default=0)
    d_head = max((layer.sizes["d_head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    values = (5 + 4 * heads) * largest(transformer, keys) if heads else 0
    directions = 4 * outputs**2 * (transformer.d_model + hidden)
    several = sum(isinstance(layer, Attention) for layer in transformer.layers) > 1  # then every position's are kept
    rows = 12 * (keys if several else min(keys, SLAB)) * vocab * (transformer.d_model + hidden + heads * d_head)
    levels = 2 * BATCH * max(heads, 1) * vocab * outputs
    return values + directions + rows + levels


def within_reach(transformer: Transformer) -> bool:
    """Whether there are bounds on it: float64 or float32, and no more numbers than memory has room for."""
    known = transformer.dtype in (np.float64, np.float32) and not transformer.emulated
    return known and numbers(transformer) <= MOST
