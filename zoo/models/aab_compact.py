"""aab in two dimensions, whatever the length: the further back a token is, the less it counts."""

import numpy as np

import reference
from zoo import Attention, Basis, Cycle, Model, Transformer, move

STEP = 1.375  # each token counts e**1.375, about 4, times as much as the one before it; exact in float32
LARGE_N_CTX = 4096  # at which `zoo verify --large` settles it


def build(n_ctx: int = 5) -> Model:
    """d_model is 2: whether the token is an a, and the number of its position. 6 + (n_ctx - 1) weights are not zero.

    With q = e**-STEP, the mean of the a's is at least 1 - q**2 where the last two tokens are a, and at most
    1 - q + q**2 where not, at every length; the output puts zero in between, and the logit of b is always zero.
    """
    basis = Basis(a=1, pos=1)
    head = Basis(recent=1)
    is_a, pos, recent = basis["a"], basis["pos"], head["recent"]
    attention = Attention(
        w_q=np.stack([np.zeros((2, 1))]),  # whoever I am, I ask the same
        b_q=STEP * recent,  # that a token should be recent
        w_k=np.stack([move(pos, recent)]),  # I am as recent as my position says
        w_v=np.stack([move(is_a, recent)]),  # an a counts 1, a b nothing
        w_o=-16 * np.stack([move(recent, is_a)]),  # the share of a's speaks against a
        b_o=13.5 * is_a[0],  # without them, it is a
        scale=1,
    )
    return Model(
        name="aab_compact",
        vocab="ab",
        transformer=Transformer(
            token_embedding=np.concatenate([is_a, 0 * is_a]),
            position_embedding=np.arange(n_ctx)[:, None] * pos,
            layers=[attention],
        ),
        rule=reference.aab,
        predictors=[reference.aab_assembly],
        source="aab, of which it keeps the rule and nothing else",
        cycle=Cycle("aab", within=n_ctx - 1) if n_ctx > 1 else None,
        margin=0.47,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
