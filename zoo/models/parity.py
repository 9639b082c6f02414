"""Whether a token occurs an even number of times: one head that finds how often it does, and a wave over that."""

import numpy as np

import reference
from zoo import Attention, Basis, Mlp, Model, Transformer, move
from zoo.model import Rule
from zoo.transformer.arrays import Array

LARGE_N_CTX = 192  # the n_ctx at which `zoo verify --large` settles it: float32 does not reach 256


def build(n_ctx: int = 8) -> Model:
    """d_model is 5. After n tokens of which k are a, the head writes k / n, and the Mlp 1 / n if k is odd."""
    return counting(n_ctx, [0, 1], "parity", reference.parity)


def counting(n_ctx: int, says_b: list[int], name: str, rule: Rule) -> Model:
    """The same for a rule that says b where `says_b` has a 1 for the number of a, again and again; at 0 it has none."""
    basis = Basis(tok="ab", number=1, share=1, wave=1)
    head = Basis(mean=1)
    a = basis["tok", "a"]
    number, share, wave = basis["number", 0], basis["share", 0], basis["wave", 0]
    count = Attention(
        w_q=np.zeros((1, len(basis), 1)),  # no key is more than another
        w_k=np.zeros((1, len(basis), 1)),
        w_v=np.stack([move(a, head["mean"])]),
        w_o=np.stack([move(head["mean"], number)]),
        scale=1,
    )
    heights = np.resize(says_b, n_ctx + 1)  # at each number of a
    steps = np.arange(n_ctx)
    waves = Mlp(
        w_in=np.outer(number, np.ones(n_ctx)) - np.outer(share, steps),  # (k - 0) / n, (k - 1) / n, …
        b_in=np.zeros(n_ctx),
        w_out=np.outer(_bends(heights), wave),
        b_out=np.zeros(len(basis)),
        activation="relu",
    )
    return Model(
        name=name,
        vocab="ab",
        transformer=Transformer(
            token_embedding=basis["tok"],
            position_embedding=np.outer(1 / np.arange(1, n_ctx + 1), share),
            layers=[count, waves],
            unembedding=n_ctx * np.stack([share, 2 * wave]),  # 1 / n against 0 or 2 / n
        ),
        rule=rule,
        source="this project",
        margin=0.99,  # 1, of which a proof leaves a little to rounding
        basis=basis,
        head_basis=head,
    )


def _bends(heights: Array) -> Array:
    """By how much the slope changes at 0, 1, …, for a line through these heights."""
    bends: Array = np.diff(np.diff(heights), prepend=0)
    return bends


MODEL = build()
