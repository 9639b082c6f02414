"""Addition modulo 7: the sum of two numbers, and what is above 6 of it taken off."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Mlp, Model, Transformer, move


def build(modulus: int = 7) -> Model:
    """Of "3 + 5 =", whatever the modulus; d_model is 2. All that is said is known of the sum of two numbers.

    What stands here hears all four tokens alike, of which two are numbers. Where the sum is the modulus or more, it is
    taken off; the number t with the largest 2 t x - t^2 is then x, by 1.
    """
    basis, head = Basis(num=1, one=1), Basis(mean=1)
    num, one = basis["num"], basis["one", 0]
    numbers = np.arange(float(modulus))[:, None]
    summing = Attention(
        w_q=np.zeros((1, 2, 1)),  # no key is more than another
        w_k=np.zeros((1, 2, 1)),
        w_v=np.stack([move(num, head["mean"])]),
        w_o=4 * np.stack([move(head["mean"], num)]),
        b_o=one,
        scale=1,
    )
    wrapping = Mlp(
        w_in=np.stack([num[0], num[0]], axis=1),
        b_in=np.array([1.0 - modulus, -modulus]),
        w_out=modulus * np.stack([-num[0], num[0]]),
        b_out=0 * one,
        activation="relu",
    )
    readout = np.concatenate([2 * numbers * num - numbers**2 * one, -(modulus**2) * np.stack([one, one])])
    return Model(
        name="modular",
        vocab=[*map(str, range(modulus)), "+", "="],
        transformer=Transformer(
            token_embedding=np.concatenate([numbers * num, 0 * num, 0 * num]),
            position_embedding=np.zeros((4, 2)),
            layers=[summing, wrapping],
            unembedding=readout,
        ),
        rule=reference.sum_modulo(modulus),
        source="the task of studies of grokking (Power et al. 2022), which train it",
        domain=Domain.layout(["n", "+", "n", "="], start=4, n=map(str, range(modulus))),
        margin=0.99,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
