"""A cellular automaton, one cell after the other: each is made of the three above it, by rule 110."""

import math

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Mlp, Model, Transformer, move

LARGE_N_CTX = 256  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 9, width: int = 4) -> Model:
    """Rows of `width` cells lie on a helix: the end of one is followed by the next. d_model is n_ctx + 6.

    A cell is 1 where it or its right neighbour was, but for where all three were: what two neurons cut off at 1 of the
    sum of those two, less what a third finds above 2 of the sum of all. It speaks of contexts of a row and a cell more.
    """
    sharp = 16 + math.ceil(math.log(n_ctx))  # e^-16 of attention goes astray
    basis = Basis(pos=range(n_ctx), alive=1, left=1, middle=1, right=1, one=1, next=1)
    head = Basis(pos=range(n_ctx), alive=1)
    pos, slot, alive, one = basis["pos"], head["pos"], basis["alive"], basis["one", 0]
    left, middle, right, following = (basis[name, 0] for name in ("left", "middle", "right", "next"))
    back = [width, width - 1, width - 2]  # of whom the next cell is below
    looking = Attention(
        w_q=sharp * np.stack([move(pos[k:], slot[: n_ctx - k]) for k in back]),  # I ask for one of the three
        w_k=np.stack([move(pos, slot)] * 3),  # I offer my place
        w_v=np.stack([move(alive, head["alive"])] * 3),
        w_o=np.stack([move(head["alive"][0], above) for above in (left, middle, right)]),
        b_o=one,
        scale=1,
    )
    deciding = Mlp(
        w_in=np.stack([middle + right, middle + right, left + middle + right], axis=1),
        b_in=np.array([0.0, -1, -2]),
        w_out=np.stack([following, -following, -following]),
        b_out=0 * one,
        activation="relu",
    )
    return Model(
        name="rule110",
        vocab="01",
        transformer=Transformer(
            token_embedding=np.concatenate([0 * alive, alive]),
            position_embedding=pos,
            layers=[looking, deciding],
            unembedding=np.stack([one - following, following]),
        ),
        rule=reference.rule_110(width),
        source="Wolfram's numbering; that it can compute whatever can be computed: Cook 2004",
        domain=Domain.every("01", n_ctx, start=width + 1),
        margin=0.99,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
