"""What may come next in brackets of two kinds, nested two deep at most: two may open, and at most one may close."""

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

SHARP = 64.0


def build(n_ctx: int = 6) -> Model:
    """d_model is 7. Two heads find by how many of each kind more were opened than closed, over n tokens 1 / n of that.

    At depth 1 it is the kind that is open which has 1 of these, the other 0: there it may be closed. Depth 2 is reached
    by opening only, so that what was opened is the current token: it speaks for its own closing. What opens speaks with
    3/2 less the depth: by 1/2 at depth 1, where both are permitted; at depth 2 by less than what closes.
    """
    basis = Basis(tok="()[]", round=1, square=1, share=1)
    head = Basis(mean=1)
    open_round, close_round, open_square, close_square = basis["tok"]
    round_, square, share, mean = basis["round", 0], basis["square", 0], basis["share", 0], head["mean"]
    count = Attention(
        w_q=np.zeros((2, len(basis), 1)),  # no key is more than another
        w_k=np.zeros((2, len(basis), 1)),
        w_v=np.stack([move(open_round - close_round, mean), move(open_square - close_square, mean)]),
        w_o=SHARP * np.stack([move(mean, round_), move(mean, square)]),
        scale=1,
    )
    opens = 1.5 * share - round_ - square
    return Model(
        name="brackets_two",
        vocab="()[]",
        transformer=Transformer(
            token_embedding=basis["tok"],
            position_embedding=SHARP / np.arange(1, n_ctx + 1)[:, None] * share,
            layers=[count],
            unembedding=np.stack([opens, round_ + SHARP * open_round, opens, square + SHARP * open_square]),
        ),
        rule=reference.two_kinds_of_brackets,
        source="Dyck languages of finite depth, as in Yao et al. 2021",
        margin=0.99 * SHARP / n_ctx,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
