"""Which tokens came last, and in which order: every order of the last three is told apart, aab from aba too."""

import math

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Model, ModelError, Transformer, move

LOUD = 8.0


def build(n_ctx: int = 6, last: int = 3) -> Model:
    """d_model is n_ctx + 1 + last: the positions, the current token, and a token for each place from the end.

    A token is 1 or -1, and a head for each place writes it where it belongs. Of the words of as many letters the right
    one agrees with all of them, any other with two less at least. It speaks of contexts that are that long or longer.
    """
    if not 0 < last <= n_ctx:
        raise ModelError(f"the last {last} tokens are asked for, but should be 1 to {n_ctx} of n_ctx {n_ctx}")
    sharp = 16 + math.ceil(math.log(n_ctx))  # e^-16 of attention goes astray
    basis = Basis(pos=range(n_ctx), tok=1, back=range(last))
    head = Basis(pos=range(n_ctx), tok=1)
    pos, slot, tok = basis["pos"], head["pos"], basis["tok"]
    places = range(last)
    attention = Attention(
        w_q=sharp * np.stack([move(pos[back:], slot[: n_ctx - back]) for back in places]),  # I ask for one place
        w_k=np.stack([move(pos, slot)] * last),  # I offer mine
        w_v=np.stack([move(tok, head["tok"])] * last),  # and hand over my token
        w_o=LOUD * np.stack([move(head["tok"][0], basis["back"][back]) for back in places]),
        scale=1,
    )
    words = [f"{number:0{last}b}".translate({48: "a", 49: "b"}) for number in range(2**last)]
    signs = [[1 if letter == "a" else -1 for letter in reversed(word)] for word in words]
    return Model(
        name="order",
        vocab="ab",
        transformer=Transformer(
            token_embedding=np.concatenate([tok, -tok]),
            position_embedding=pos,
            layers=[attention],
            unembedding=np.array(signs) @ basis["back"],
        ),
        rule=reference.order(last),
        source='"There isn\'t an easy way to differentiate aba from aab", Two head transformer weights by hand',
        domain=Domain.every("ab", n_ctx, start=last),
        margin=2 * LOUD - 0.01,
        basis=basis,
        head_basis=head,
        outputs=words,
    )


MODEL = build()
