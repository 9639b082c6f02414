"""A binary number and one more: the carry runs through all ones to the right, and attention sees them at once."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Mlp, Model, Transformer, move
from zoo.models.copy import half

SHARP = 32.0  # e^-32 of attention goes astray
LARGE_N_CTX = 64  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 8) -> Model:
    """Of n_ctx / 2 bits, the highest first; d_model is n_ctx + 5.

    One head finds the bit, the other the mean of all that stand to its right and of =, which counts as a one. It is 1
    only where all are ones, and at least 1 / (bits) less otherwise: bits times it, less bits - 1, is the carry or at
    most 0. The sum of bit and carry, less twice what is above 1 of it, is the bit that is written.
    """
    bits = half(n_ctx)
    basis, head = Basis(pos=range(n_ctx), is_one=1, bit=1, right=1, one=1, out=1), Basis(pos=range(n_ctx), is_one=1)
    pos, slot, is_one, one = basis["pos"], head["pos"], basis["is_one"], basis["one", 0]
    bit, right, out = basis["bit", 0], basis["right", 0], basis["out", 0]
    its, others = np.zeros((n_ctx, n_ctx)), np.zeros((n_ctx, n_ctx))  # whom each position looks at
    for place in range(bits):
        its[bits + place, place] = 1
        others[bits + place, place + 1 : bits + 1] = 1  # up to =
    looking = Attention(
        w_q=SHARP * np.stack([move(pos, its @ slot), move(pos, others @ slot)]),
        w_k=np.stack([move(pos, slot)] * 2),  # I offer my place
        w_v=np.stack([move(is_one, head["is_one"])] * 2),
        w_o=np.stack([move(head["is_one"], bit), move(head["is_one"], right)]),
        b_o=one,
        scale=1,
    )
    adding = Mlp(
        w_in=np.stack([bits * right, bit + bits * right], axis=1),
        b_in=np.array([1.0 - bits, -bits]),
        w_out=np.stack([out, -2 * out]),
        b_out=0 * out,
        activation="relu",
    )
    return Model(
        name="increment",
        vocab="01=",
        transformer=Transformer(
            token_embedding=np.concatenate([0 * is_one, is_one, is_one]),
            position_embedding=pos,
            layers=[looking, adding],
            unembedding=np.stack([one - 2 * (bit + out), 2 * (bit + out) - one, -2 * one]),
        ),
        rule=reference.increment(bits),
        source="this project",
        domain=Domain.layout("b" * bits + "=" + "b" * (bits - 1), start=bits + 1, b="01"),
        margin=1.99,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
