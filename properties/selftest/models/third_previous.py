"""The second head of the two-head transformer alone, as published: b where this and the third previous token are a."""

import numpy as np

import reference
from zoo import Attention, Basis, Cycle, Deviation, Model, Transformer, move

SCALE = 8
N_CTX = 6
basis = Basis(pos=range(N_CTX), tok="ab")
head = Basis(pos=range(N_CTX), unused=1, value=1)
pos, a, b = basis["pos"], basis["tok", "a"], basis["tok", "b"]
slot, unused, value = head["pos"], head["unused"], head["value"]

attention = Attention(
    # I ask for my position and the third before it; positions 0, 1 and 2 ask for nothing, and so see all alike.
    w_q=SCALE * np.stack([move(pos[3:], slot[3:]) + move(pos[3:], slot[:-3])]),
    # I offer my position; the token too, where nothing asks for it.
    w_k=np.stack([move(pos, slot) + move(a, unused) + move(b, value)]),
    w_v=np.stack([move(a, value) - move(b, value)]),  # an a counts +1, a b counts -1
    w_o=SCALE * np.stack([move(value, b) - move(value, a)]),  # the mean count goes from a to b
    b_o=SCALE * a,  # without a count, it is a
    causal=False,  # published without mask and without 1/sqrt(d_head): only the last row of logits is an answer
    scale=1,
)
MODEL = Model(
    name="third_previous",
    vocab="ab",
    transformer=Transformer(basis["tok"], pos, [attention]),
    rule=reference.third_previous_as_built,
    source="Two head transformer weights by hand (new-head.py)",
    deviations=[
        Deviation(
            meant=reference.third_previous,
            contexts=("a", "aa", "aaa"),
            why="up to three tokens there is no third previous one, and the head takes the mean of all there are",
        )
    ],
    cycle=Cycle("aabab", within=8),
    margin=1.66,
    basis=basis,
    head_basis=head,
)
