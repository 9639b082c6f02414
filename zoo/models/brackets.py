"""What may come next in brackets that are nested two deep at most: often both of them may."""

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

SHARP = 64.0


def build(n_ctx: int = 8) -> Model:
    """d_model is 3. The head finds the mean of +1 for ( and -1 for ): over n tokens, the depth is n times that.

    What is written is SHARP (depth - 1) / n. It is above 0 at depth 2, where ) must come, below 0 at depth 0, where (
    must, and at depth 1 both may come.
    """
    basis = Basis(tok="()", depth=1)
    opened, closed = basis["tok"]
    head = Basis(mean=1)
    depth, mean = basis["depth", 0], head["mean"]
    count = Attention(
        w_q=np.zeros((1, 3, 1)),  # no key is more than another
        w_k=np.zeros((1, 3, 1)),
        w_v=np.stack([move(opened - closed, mean)]),
        w_o=SHARP * np.stack([move(mean, depth)]),
        scale=1,
    )
    return Model(
        name="brackets",
        vocab="()",
        transformer=Transformer(
            token_embedding=basis["tok"],
            position_embedding=-SHARP / np.arange(1, n_ctx + 1)[:, None] * depth,  # the 1 of depth - 1
            layers=[count],
            unembedding=np.stack([-depth, depth]),
        ),
        rule=reference.shallow_brackets,
        source="a language of finite depth, as in the studies of what attention can recognize",
        margin=2 * SHARP / n_ctx,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
