"""Two heads as published: the aab head and the third-previous head in one layer."""

from collections.abc import Sequence

import numpy as np

import reference
from zoo import Attention, Basis, Claim, Cycle, Deviation, Model, Transformer, move
from zoo.published_figures import smallest_margin

SOURCE = "Two head transformer weights by hand (2heads-handmade-transformer.py)"
MEASURED = "measured from the published arrays"
SCALE = 8
N_CTX = 6
EITHER_FAILS = (
    *("baaa", "bbaa", "abaaa", "abbaa", "bbaaa", "bbbaa", "aabaaa"),
    *("aabbaa", "abbaaa", "abbbaa", "babaaa", "babbaa", "bbbaaa", "bbbbaa"),
)


def directions(positions: Sequence[int]) -> tuple[Basis, Basis]:
    """The directions of the residual stream and of a head; d_model is the number of positions + 2."""
    return Basis(pos=positions, tok="ab"), Basis(pos=positions, unused=1, value=1)


def transformer(n_ctx: int, query_scale: float, b_o_times: int, positions: Sequence[int] | None = None) -> Transformer:
    """The arrays; b_o_times is how often the output bias is added. `positions`: see `aab.build`; here the last four."""
    named = range(n_ctx) if positions is None else positions
    basis, head = directions(named)
    a, b, unused, value = basis["tok", "a"], basis["tok", "b"], head["unused"], head["value"]
    pos, slot = np.zeros((n_ctx, len(basis))), np.zeros((n_ctx, len(head)))
    pos[list(named)], slot[list(named)] = basis["pos"], head["pos"]
    asks_previous = move(pos, slot) + move(pos[1:], slot[:-1])  # for my position and the one before
    asks_third = move(pos[3:], slot[3:]) + move(pos[3:], slot[:-3])  # for mine and the third before; first three: none
    offers = move(pos, slot)  # my position
    offers_token = move(a, unused) + move(b, value)  # in the second head the token too, where nothing asks for it
    counts = move(a, value) - move(b, value)  # an a +1, a b -1
    says = move(value, b) - move(value, a)  # the mean count goes from a to b
    attention = Attention(
        w_q=query_scale * np.stack([asks_previous, asks_third]),
        w_k=np.stack([offers, offers + offers_token]),
        w_v=np.stack([counts, counts]),
        w_o=np.stack([SCALE * says, (SCALE + 1) * says]),
        b_o=b_o_times * SCALE * a,  # without a count, it is a
        causal=False,  # published without mask and without 1/sqrt(d_head): only the last row of logits is an answer
        scale=1,
    )
    return Transformer(basis["tok"], pos, [attention])


basis, head_basis = directions(range(N_CTX))
MODEL = Model(
    name="two_head",
    vocab="ab",
    transformer=transformer(N_CTX, query_scale=SCALE, b_o_times=2),  # as run: once for each head
    rule=reference.two_head_as_built,
    source=SOURCE,
    claims=[
        Claim("completes aab", "abaababaababaab", lambda m: m.complete("aab", 15), SOURCE),
        Claim("smallest margin, where", (0.9705, "bbabba"), lambda m: smallest_margin(m, digits=4), MEASURED),
    ],
    deviations=[
        Deviation(
            meant=reference.aab_or_third_previous,
            contexts=EITHER_FAILS,
            why="the output bias is added once for each head, so that one head alone no longer outvotes it",
        )
    ],
    cycle=Cycle("aabab", within=8),
    margin=0.97,
    basis=basis,
    head_basis=head_basis,
)
