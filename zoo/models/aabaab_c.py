"""aab with an interruption: after aabaab comes c. Three heads find the last six tokens by where they are."""

import math

import numpy as np

import reference
from zoo import Attention, Basis, Cycle, Model, Transformer, move
from zoo.transformer.arrays import Array

LOUD = 64.0
LARGE_N_CTX = 1024  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 7) -> Model:
    """d_model is n_ctx + 3: the positions and the three tokens. Each head takes a mean over some of the last places.

    b needs two a's (4 against the 3 of a), c all of aab aab: of its six places the two of b's, twice, and the four of
    a's, once more (12 against 8). Where a context is shorter, a head sees fewer places, of which all may be right: the
    first five positions speak against c.
    """
    sharp = 16 + math.ceil(math.log(n_ctx))  # e^-16 of attention goes astray
    basis, head = Basis(pos=range(n_ctx), tok="abc"), Basis(pos=range(n_ctx), share=1)
    pos, slot, share = basis["pos"], head["pos"], head["share"]
    a, b, c = basis["tok"]

    def asks(*back: int) -> Array:
        """I ask for the places so many before mine, those that there are."""
        return sharp * sum((move(pos[k:], slot[: max(n_ctx - k, 0)]) for k in back), np.zeros((len(basis), len(head))))

    attention = Attention(
        w_q=np.stack([asks(0, 1), asks(0, 3), asks(1, 2, 4, 5)]),
        w_k=np.stack([move(pos, slot)] * 3),  # I offer my place
        w_v=np.stack([move(a, share), move(b, share), move(a, share)]),  # the share of a's, of b's, of a's
        w_o=LOUD * np.stack([4 * move(share, b), 4 * move(share, c), 8 * move(share, c)]),
        b_o=LOUD * (3 * a - 8 * c),
        scale=1,
    )
    position = pos.copy()
    position[:5] -= 12 * LOUD * c
    return Model(
        name="aabaab_c",
        vocab="abc",
        transformer=Transformer(basis["tok"], position, [attention]),
        rule=reference.aabaab_c,
        predictors=[reference.aabaab_c_everywhere],
        source="this project",
        cycle=Cycle("aabaabc", within=n_ctx + 8) if n_ctx >= 6 else None,
        margin=LOUD - 2,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
