"""The handmade transformer: it continues aabaabaab… from the last two tokens."""

from collections.abc import Sequence
from functools import partial
from math import sqrt

import numpy as np

import reference
from zoo import Attention, Basis, Claim, Cycle, Model, Transformer, move
from zoo.cost.operations import flops
from zoo.published_figures import accuracy, same_answers, smallest_margin, smallest_probability

LARGE = 1024
LARGE_N_CTX = 1024  # at which `zoo verify --large` settles it
SOURCE = "I made a transformer by hand"
LOGITS = [[1, 1024], [1, 1024], [1024, 1], [1025, 0], [1, 1024]]
COMPLETIONS = {
    "a": "baabaabaab",
    "ba": "abaabaabaa",
    "abaab": "aabaabaaba",
    "ababa": "abaabaabaa",
    "bbbbb": "aabaabaaba",
}
CLAIMS = (
    Claim("logits of aabaa", LOGITS, lambda m: m.logits("aabaa").tolist(), SOURCE),
    *(Claim(f"completes {c}", t, partial(Model.complete, context=c, n=10), SOURCE) for c, t in COMPLETIONS.items()),
    Claim("right on aab x 10", "27 of 27", lambda m: accuracy(m, ("aab" * 10)[:29], start=2), SOURCE),
    Claim("smallest margin", 1023, lambda m: smallest_margin(m)[0], "measured from the published arrays"),
    Claim("operations for 5 tokens", 3935, lambda m: flops(m.transformer, 5), f"{SOURCE} (~4,000); counted"),
    Claim("smallest probability of an answer", 1, smallest_probability, f"{SOURCE} (sampling gives the same)"),
    Claim("same answers without mask", "62 of 62", lambda m: same_answers(m, causal=False), SOURCE),
    Claim("same answers without 1/sqrt(d_head)", "62 of 62", lambda m: same_answers(m, scale=1), SOURCE),
)


def build(n_ctx: int = 5, name: str = "aab", positions: Sequence[int] | None = None) -> Model:
    """d_model is n_ctx + 3: the positions, the two tokens, and a scratch direction that nothing writes to.

    With `positions` only those have directions, and d_model is smaller: what is asked from the last one is the same if
    it and the one before are among them, as products with zero add nothing.
    """
    named = range(n_ctx) if positions is None else positions
    # A head has the same directions as the residual stream; only its positions and its scratch are used.
    basis = Basis(pos=named, tok="ab", scratch=1)
    a, b, scratch = basis["tok", "a"], basis["tok", "b"], basis["scratch"]
    pos = np.zeros((n_ctx, len(basis)))
    pos[list(named)] = basis["pos"]
    zeros = np.zeros((1, len(basis)))
    attention = Attention(
        w_q=LARGE * np.stack([move(pos, pos) + move(pos[1:], pos[:-1])]),  # I ask for my position and the one before
        w_k=np.stack([move(pos, pos)]),  # I offer my position
        w_v=np.stack([move(a, scratch) - move(b, scratch)]),  # an a counts +1, a b counts -1
        w_o=LARGE * np.stack([move(scratch, b) - move(scratch, a)]),  # the mean count goes from a to b
        b_q=zeros,
        b_k=zeros,
        b_v=zeros,
        b_o=LARGE * a,  # without a count, it is a
        scale=None if positions is None else 1 / sqrt(n_ctx + 3),
    )
    return Model(
        name=name,
        vocab="ab",
        transformer=Transformer(basis["tok"], pos, [attention]),
        rule=reference.aab,
        predictors=[reference.aab_assembly],
        source=SOURCE,
        claims=CLAIMS if n_ctx == 5 else (),
        cycle=Cycle("aab", within=n_ctx - 1) if n_ctx > 1 else None,
        # Beyond, the positions that are not asked for add up; a proof leaves a little of the margin to rounding.
        margin=LARGE - 1 if n_ctx < 16 else LARGE - 2 if n_ctx <= 4096 else None,
        basis=basis,
        head_basis=basis,
    )


MODEL = build()
