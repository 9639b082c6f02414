"""Which share of the tokens so far are a, at every position: a number, in two dimensions."""

import numpy as np

import reference
from zoo import NUMBER, Attention, Basis, Model, Transformer, move


def build(n_ctx: int = 8) -> Model:
    """Attention that asks for nothing hears all that stands before it alike: the mean of 1 for a and 0 for b."""
    basis = Basis(a=1, share=1)
    head = Basis(mean=1)
    is_a, share, mean = basis["a"], basis["share"], head["mean"]
    attention = Attention(
        w_q=np.zeros((1, 2, 1)),  # no token is more than another
        w_k=np.zeros((1, 2, 1)),
        w_v=np.stack([move(is_a, mean)]),  # an a counts 1, a b nothing
        w_o=np.stack([move(mean, share)]),
        scale=1,
    )
    return Model(
        name="share",
        vocab="ab",
        transformer=Transformer(
            token_embedding=np.concatenate([is_a, 0 * is_a]),
            position_embedding=np.zeros((n_ctx, 2)),
            layers=[attention],
            unembedding=share,
        ),
        rule=reference.share,
        source="the first example of Tracr (Lindner et al. 2023), frac_prevs, built by hand",
        margin=0.00199,
        basis=basis,
        head_basis=head,
        answers="every",
        outputs=NUMBER,
        within=0.002,  # what float32 can be proved to bear, and less than any two shares of so few differ by
    )


MODEL = build()
