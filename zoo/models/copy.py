"""A sequence written down again, behind a separator: each token is looked up as far back as the sequence is long."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Model, ModelError, Transformer, move
from zoo.model import Rule

LOUD = 8.0
LARGE_N_CTX = 256  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 8) -> Model:
    """Of n_ctx / 2 tokens. Whoever answers for a place asks for it: the separator for the first."""
    size = half(n_ctx)
    return recalling(n_ctx, list(range(size)), "copy", reference.copied(size))


def half(n_ctx: int) -> int:
    if n_ctx < 2 or n_ctx % 2:
        raise ModelError(f"n_ctx is {n_ctx}, but should be even: as many tokens as are written down again, from 2 on")
    return n_ctx // 2


def recalling(n_ctx: int, places: list[int], name: str, rule: Rule) -> Model:
    """d_model is n_ctx + 3. From the separator on each position asks for one place, in that order.

    Its score is 4 LOUD, that of all others 0: what they add, and the token that stands here, are less than the token
    there, which is written LOUD times.
    """
    size = len(places)
    basis, head = Basis(pos=range(n_ctx), tok="ab|"), Basis(pos=range(n_ctx), tok="ab|")
    pos, tok = basis["pos"], basis["tok"]
    attention = Attention(
        w_q=(4 * LOUD + np.log(n_ctx).round()) * np.stack([move(pos[size:], head["pos"][places])]),
        w_k=np.stack([move(pos, head["pos"])]),  # each offers its own place
        w_v=np.stack([move(tok, head["tok"])]),  # what is moved is the token
        w_o=LOUD * np.stack([move(head["tok"], tok)]),  # louder than the one that is there
        scale=1,
    )
    return Model(
        name=name,
        vocab="ab|",
        transformer=Transformer(tok, pos, [attention]),
        rule=rule,
        source="a task of many studies of what attention can learn, built by hand for sequences of one length",
        margin=LOUD - 1.01,
        domain=Domain.layout("t" * size + "|" + "t" * (size - 1), start=size + 1, t="ab"),
        basis=basis,
        head_basis=head,
    )


MODEL = build()
