"""The same sums in four dimensions: places lie on a circle of as many steps as a number and its sign have."""

import numpy as np

from zoo import Attention, Basis, Model, Transformer, move
from zoo.models import adder

LARGE_N_CTX = 32  # the n_ctx at which `zoo verify --large` settles it
SHARP = 256.0  # of the cosine of a place's angle to another's: on a circle of 11, its neighbour has 0.84


def build(n_ctx: int = 32) -> Model:
    """Of (n_ctx - 2) / 3 digits; d_model is 4: two for the place, minus twice the digit there, and 1.

    On a circle of digits + 1 steps both digits of a column stand in one place, and what is written of the sum one step
    on: who asks for column k stands at k - 1. So one head turns by a step to see column k, two digits; the other looks
    straight ahead and sees column k - 1, two digits and what was written there, and takes three times half their mean.
    What was written counts once there, and minus twice in the stream itself: in all the digits of k - 1 less it.
    """
    digits = adder.digits_of(n_ctx)
    basis, head = Basis(cos=1, sin=1, num=1, one=1), Basis(cos=1, sin=1, num=1)
    num, one = basis["num"], basis["one", 0]
    turn = 2 * np.pi / (digits + 1)
    angles = turn * (np.arange(n_ctx) % (digits + 1))
    plane = np.concatenate([basis["cos"], basis["sin"]])
    onto = np.concatenate([head["cos"], head["sin"]])
    ahead = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    both = Attention(
        w_q=SHARP * np.stack([move(plane, ahead @ onto), move(plane, onto)]),  # one step on; here
        w_k=np.stack([move(plane, onto)] * 2),  # I offer my place
        w_v=np.stack([move(num, head["num"])] * 2),
        w_o=np.stack([-10 * move(head["num"], num), -1.5 * move(head["num"], num)]),
        b_o=one,
        scale=1,
    )
    return Model(
        name="adder_circle",
        vocab=[*adder.DIGITS, "+", "="],
        transformer=Transformer(
            token_embedding=np.outer([*(-2 * d for d in range(10)), 0, 0], num),
            position_embedding=np.stack([np.cos(angles), np.sin(angles)], axis=1) @ plane,
            layers=[both, adder.wrap(num[0])],
            unembedding=adder.readout(num[0], one),
        ),
        **adder.said(digits),
        basis=basis,
        head_basis=head,
    )


MODEL = build()
