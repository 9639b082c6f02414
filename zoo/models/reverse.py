"""The context backwards: at each position what stands as far from the other end. Every position looks everywhere."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Model, Transformer, move

LOUD = 8.0


def build(n_ctx: int = 6) -> Model:
    """Contexts are of n_ctx tokens, so that each position knows its partner: no position could tell how many there are.

    A partner's score is 4 LOUD, that of all others 0: what they add, e^-32 each, and the token that stands there itself
    are less than the partner's token, which is written LOUD times.
    """
    basis = Basis(pos=range(n_ctx), tok="ab")
    pos, tok = basis["pos"], basis["tok"]
    head = Basis(pos=range(n_ctx), tok="ab")
    attention = Attention(
        w_q=4 * LOUD * np.stack([move(pos, head["pos"][::-1])]),  # the first asks for the last, the last for the first
        w_k=np.stack([move(pos, head["pos"])]),  # each offers its own place
        w_v=np.stack([move(tok, head["tok"])]),  # what is moved is the token
        w_o=LOUD * np.stack([move(head["tok"], tok)]),  # louder than the one that is there
        causal=False,
        scale=1,
    )
    return Model(
        name="reverse",
        vocab="ab",
        transformer=Transformer(tok, pos, [attention]),
        rule=reference.reverse,
        source="an example program of RASP (Weiss et al. 2021), built by hand for contexts of one length",
        margin=6.99,
        domain=Domain.layout("t" * n_ctx, start=n_ctx, t="ab"),
        basis=basis,
        head_basis=head,
        answers="every",
    )


MODEL = build()
