"""Alternation: b after a, a after b. It needs no position and no attention: the unembedding is the whole rule."""

import numpy as np

import reference
from zoo import Basis, Claim, Cycle, Model, Transformer


def build(n_ctx: int = 5) -> Model:
    """d_model is 2. The position embedding is zero: it only says how many tokens are read."""
    basis = Basis(tok="ab")
    a, b = basis["tok", "a"], basis["tok", "b"]
    return Model(
        name="ab",
        vocab="ab",
        transformer=Transformer(
            token_embedding=basis["tok"],
            position_embedding=np.zeros((n_ctx, len(basis))),
            layers=[],
            unembedding=np.stack([b, a]),  # a is said where the stream holds b, and b where it holds a
        ),
        rule=reference.ab,
        source=SOURCE,
        claims=[Claim("completes a", "bababababa", lambda m: m.complete("a", 10), SOURCE)],
        cycle=Cycle("ab", within=n_ctx),
        margin=1 if n_ctx < 16 else 0.99,  # a proof leaves a little of it to rounding
        basis=basis,
    )


SOURCE = 'I made a transformer by hand, "Picking a task"'
MODEL = build()
