"""The bound on how far two programs can be apart, where roundings are made to add up."""

import numpy as np

from zoo.enumeration.rounding import Rounding
from zoo.transformer import Attention, Transformer, forward
from zoo.transformer.arrays import Array
from zoo.transformer.scalar import scalar_forward


def test_heads_may_be_summed_one_number_at_a_time() -> None:
    """A sum of 1 and of many halves of its last place stays 1, one by one; head by head the halves add up first."""
    heads, width, half = 64, 64, 2.0**-53
    w_v, w_o = np.zeros((heads, 2, width)), np.zeros((heads, width, 2))
    w_v[:, 0], w_o[:, :, 1], w_o[0, 0, 1] = 1, half, 1
    attention = Attention(np.zeros((heads, 2, 1)), np.zeros((heads, 2, 1)), w_v, w_o)
    transformer = Transformer(np.array([[1.0, 0], [1, 0]]), np.zeros((1, 2)), [attention], unembedding=np.eye(2))
    trace: dict[str, Array] = {}
    fast = forward(transformer, np.array([[0]]), trace)[0, 0]
    slow = scalar_forward(transformer, [0])[0]
    apart = abs(fast[1] - slow[1])
    assert apart > 4000 * half
    assert apart <= Rounding(transformer).of_trace(trace)
