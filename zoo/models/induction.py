"""Induction: what followed the current token the last time comes again. Two layers, the second reading the first."""

from collections.abc import Sequence

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

LARGE = 32  # e**-32 of attention goes astray
LARGE_N_CTX = 32  # at which `zoo verify --large` settles it
STEP = 8  # by how much the score of a later match exceeds that of an earlier one


def build(vocab: Sequence[str] = "abc", n_ctx: int = 6) -> Model:
    """d_model is n_ctx + 2 * vocab: the positions, the current token, the token before it."""
    basis = Basis(pos=range(n_ctx), tok=vocab, previous=vocab)
    slot, match = Basis(pos=range(n_ctx)), Basis(tok=vocab, late=1)
    pos, tok, previous = basis["pos"], basis["tok"], basis["previous"]
    look_back = Attention(
        w_q=LARGE * np.stack([move(pos[1:], slot["pos"][:-1])]),  # I ask for the position before mine
        w_k=np.stack([move(pos, slot["pos"])]),  # I offer my position
        w_v=np.stack([move(tok, np.eye(len(vocab)))]),  # I hand over my token
        w_o=np.stack([move(np.eye(len(vocab)), previous)]),  # it becomes the token before
        scale=1,
    )
    look_up = Attention(
        w_q=STEP * (n_ctx + 1) * np.stack([move(tok, match["tok"])]),  # I ask who comes after a token like me
        b_q=match["late"],  # and the later the better
        # I offer the token before me, and how late I am
        w_k=np.stack([move(previous, match["tok"]) + move(STEP * np.arange(n_ctx) @ pos, match["late"])]),
        w_v=np.stack([move(tok, np.eye(len(vocab)))]),  # I hand over my token
        w_o=LARGE * np.stack([move(np.eye(len(vocab)), tok)]),  # it is the answer, whatever the current token
        scale=1,
    )
    return Model(
        name="induction",
        vocab=vocab,
        transformer=Transformer(tok, pos, [look_back, look_up]),
        rule=reference.induction,
        predictors=[reference.induction_or_repeat],
        source="the induction head, by hand",
        margin=LARGE - 1.1,
        basis=basis,
    )


MODEL = build()
