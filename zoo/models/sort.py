"""A sequence written down in order, behind a separator: by how many of its tokens are no larger than each."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Mlp, Model, Transformer, move
from zoo.models.copy import half

FAR = 32.0  # e^-32 of attention goes to what is not to be sorted


def build(n_ctx: int = 8) -> Model:
    """Of n_ctx / 2 tokens out of a, b, c; d_model is 10. The k-th in order, from 0, is the least that k are less than.

    The head hears the tokens before the separator alike, and finds how many are a, and how many a or b; two neurons
    for each make 1 of it where it is more than k, else 0. What is said is the least letter with a 1, and c has one.
    It reads every token, so that a proof has nothing to leave out: all contexts are run, up to n_ctx 10 in seconds.
    """
    size = half(n_ctx)
    basis = Basis(tok="abc|", input=1, written=1, one=1, count="ab", said="abc")
    head = Basis(input=1, count="ab")
    a, b, _, _ = basis["tok"]
    one, given, written = basis["one", 0], basis["input", 0], basis["written", 0]
    hearing = Attention(
        w_q=np.stack([move(one, head["input"])]),
        w_k=FAR * np.stack([move(given, head["input"])]),  # I am to be sorted
        w_v=size
        * np.stack([move(a, head["count"].sum(axis=0)) + move(b, head["count", "b"])]),  # an a is no larger than b
        w_o=np.stack([move(head["count"], basis["count"])]),
        scale=1,
    )
    more = [count - written for count in basis["count"] for _ in range(2)]  # than are written: by 1 or more
    at_most_a, at_most_b = basis["said"][0] - basis["said"][1], basis["said"][1] - basis["said"][2]
    deciding = Mlp(
        w_in=np.stack(more, axis=1),
        b_in=np.array([0.0, -1, 0, -1]),
        w_out=np.stack([at_most_a, -at_most_a, at_most_b, -at_most_b]),
        b_out=basis["said", "c"],
        activation="relu",
    )
    position = np.stack([one + (given if at < size else (at - size) * written) for at in range(n_ctx)])
    return Model(
        name="sort",
        vocab="abc|",
        transformer=Transformer(
            basis["tok"], position, [hearing, deciding], unembedding=np.concatenate([basis["said"], -one[None]])
        ),
        rule=reference.sorted_tokens(size),
        source="an example program of RASP (Weiss et al. 2021), built by hand for sequences of one length",
        domain=Domain.layout("t" * size + "|" + "t" * (size - 1), start=size + 1, t="abc"),
        margin=0.99,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
