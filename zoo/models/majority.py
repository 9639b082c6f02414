"""Which of two tokens occurs more often: one head that looks at all of them alike."""

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

LARGE_N_CTX = 256  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 8) -> Model:
    """d_model is 4. After n tokens the head writes n_ctx (number of a - number of b) / n; n_ctx / 2 / n is b's."""
    basis = Basis(tok="ab", lead=1, share=1)
    head = Basis(mean=1)
    a, b = basis["tok"]
    lead, share, mean = basis["lead", 0], basis["share", 0], head["mean"]
    count = Attention(
        w_q=np.zeros((1, len(basis), 1)),  # no key is more than another
        w_k=np.zeros((1, len(basis), 1)),
        w_v=np.stack([move(a - b, mean)]),
        w_o=n_ctx * np.stack([move(mean, lead)]),
        scale=1,
    )
    return Model(
        name="majority",
        vocab="ab",
        transformer=Transformer(
            token_embedding=basis["tok"],
            position_embedding=np.outer(1 / np.arange(1, n_ctx + 1), share),
            layers=[count],
            unembedding=np.stack([lead, n_ctx / 2 * share]),  # a is ahead by one or more, or it is b
        ),
        rule=reference.majority,
        source="this project",
        margin=0.49,  # 1/2, of which a proof leaves a little to rounding
        basis=basis,
        head_basis=head,
    )


MODEL = build()
