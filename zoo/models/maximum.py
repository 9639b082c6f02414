"""The largest token there is: one head that listens to the larger ones more."""

import math

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

VOCAB = "0123"
LARGE_N_CTX = 64  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 5) -> Model:
    """d_model is 4, the tokens. A token's score is as many steps as it is large; a step is more than all others can do.

    n_ctx tokens that are a step less weigh e^-4 of the largest, so that of what is heard nine tenths and more are it;
    it is written LOUD times, louder than the token that is there.
    """
    loud = 16.0
    step = 4 + math.ceil(math.log(n_ctx))
    basis, head = Basis(tok=VOCAB), Basis(tok=VOCAB, large=1)
    tok = basis["tok"]
    attention = Attention(
        w_q=np.stack([move(tok.sum(axis=0), head["large"])]),  # whoever I am, I ask for what is large
        w_k=step * np.stack([move(np.arange(len(VOCAB)) @ tok, head["large"])]),  # I am as large as I am
        w_v=np.stack([move(tok, head["tok"])]),
        w_o=loud * np.stack([move(head["tok"], tok)]),
        scale=1,
    )
    return Model(
        name="maximum",
        vocab=VOCAB,
        transformer=Transformer(tok, np.zeros((n_ctx, len(VOCAB))), [attention]),
        rule=reference.maximum(VOCAB),
        source="the task of studies of compact proofs (Gross et al. 2024), which train it",
        margin=loud - 2,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
