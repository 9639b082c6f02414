"""How many tokens are a, up to eight: one head that looks at all alike, and the nearest number."""

import numpy as np

import reference
from zoo import Attention, Basis, Model, Transformer, move

MOST = 8
LARGE_N_CTX = 256  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 8) -> Model:
    """d_model is 3. After n tokens of which k are a, the head writes k / n, and the position 1 / n.

    The number c with the largest 2 c k / n - c^2 / n is k, by 1 / n, or MOST where k is more; all of it is taken n_ctx
    times.
    """
    basis, head = Basis(is_a=1, number=1, share=1), Basis(mean=1)
    is_a, number, share = (basis[name] for name in basis.labels)
    mean = Attention(
        w_q=np.zeros((1, 3, 1)),  # no key is more than another
        w_k=np.zeros((1, 3, 1)),
        w_v=np.stack([move(is_a, head["mean"])]),
        w_o=np.stack([move(head["mean"], number)]),
        scale=1,
    )
    numbers = np.arange(MOST + 1.0)[:, None]
    return Model(
        name="count",
        vocab="ab",
        transformer=Transformer(
            token_embedding=np.concatenate([is_a, 0 * is_a]),
            position_embedding=share / np.arange(1, n_ctx + 1)[:, None],
            layers=[mean],
            unembedding=n_ctx * (2 * numbers * number - numbers**2 * share),
        ),
        rule=reference.count(MOST),
        source="this project",
        margin=0.98,  # 1, of which a proof leaves a little to rounding
        basis=basis,
        head_basis=head,
        outputs=[*map(str, range(MOST)), f"{MOST}+"],
    )


MODEL = build()
