"""Two heads, repaired: b exactly where the aab predictor or the third-previous rule says b, at every length."""

import math
from collections.abc import Sequence

import reference
from zoo import Claim, Cycle, Model
from zoo.models.two_head import MEASURED, SCALE, directions, transformer
from zoo.published_figures import smallest_margin


def build(n_ctx: int = 6, query_scale: float | None = None, positions: Sequence[int] | None = None) -> Model:
    """The arrays of two_head with the output bias added once.

    The positions a head does not ask for add up, so that a query scale of 8 fails from n_ctx 974 on; None lets it grow
    with ln(n_ctx / 6). `positions`: see `aab.build`; here the last four.
    """
    if query_scale is None:
        query_scale = SCALE + math.ceil(math.log(n_ctx / 6)) if n_ctx > 6 else SCALE
    basis, head_basis = directions(range(n_ctx) if positions is None else positions)
    return Model(
        name="two_head_either",
        vocab="ab",
        transformer=transformer(n_ctx, query_scale, 1, positions),
        rule=reference.aab_or_third_previous,
        source="repair of two_head, whose author meant this rule",
        claims=[Claim("smallest margin, where", (0.9973, "aab"), lambda m: smallest_margin(m, digits=4), MEASURED)]
        if n_ctx == 6
        else [],
        cycle=Cycle("aabab", within=max(5, n_ctx - 1)) if n_ctx > 3 else None,
        margin=0.99,
        basis=basis,
        head_basis=head_basis,
    )


MODEL = build()
