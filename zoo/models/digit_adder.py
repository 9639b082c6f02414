"""The sum of two digits, written digit by digit: it is spoken of contexts that look like "7+8=" and "7+8=1" only."""

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Lemma, Mlp, Model, Transformer, move

DIGITS = "0123456789"
FAR = 40.0  # what a neuron lacks that is not asked: more than any sum


def build() -> Model:
    """d_model is 6. The head looks at both operands, three neurons make the digit, and the nearest one wins by 1."""
    basis = Basis(digit=1, equals=1, one=1, operand=1, total=1, out=1)
    digit, equals, one, operand, total, out = (basis[name][0] for name in basis.labels)
    head = Basis(operands=1)
    operands = head["operands"]
    values = np.arange(10.0)
    tokens = [*(value * digit + one for value in values), one, equals + one]
    both = Attention(
        w_q=np.stack([move(one, operands)]),
        w_k=np.stack([move(50 * operand, operands)]),  # I am an operand; others do not count
        w_v=np.stack([move(2 * digit, operands)]),  # twice, for the mean of two is half their sum
        w_o=np.stack([move(operands, total)]),
        scale=1,
    )
    written = Mlp(
        w_in=np.stack(
            [
                total + FAR * equals,  # after =, how much the sum is above 9
                total + FAR * equals,  # and above 10: the difference is the tens
                total - 10 * digit - FAR * equals,  # after the tens, what is left of the sum
            ],
            axis=1,
        ),
        b_in=np.array([-9 - FAR, -10 - FAR, 0]),
        w_out=np.stack([out, -out, out]),
        b_out=np.zeros(len(basis)),
        activation="relu",
    )
    # The digit t that is nearest to the number x has the largest 2tx - t^2.
    readout = [*(2 * value * out - value**2 * one for value in values), -1000 * one, -1000 * one]
    return Model(
        name="digit_adder",
        vocab=[*DIGITS, "+", "="],
        transformer=Transformer(
            token_embedding=np.stack(tokens),
            position_embedding=np.stack([operand, 0 * operand, operand, 0 * operand, 0 * operand]),
            layers=[both, written],
            unembedding=np.stack(readout),
        ),
        rule=reference.digit_of_the_sum,
        source="a first step towards the adders of leaderboards, which are asked for well-formed sums only",
        domain=Domain.layout("d+d=d", start=4, d=DIGITS),
        lemmas=[Lemma("each digit is right after right ones, and so every sum is right", _sums_are_right)],
        margin=1,
        basis=basis,
        head_basis=head,
    )


def _sums_are_right(model: Model) -> bool:
    return all(model.complete(f"{a}+{b}=", 2) == f"{a + b:02}" for a in range(10) for b in range(10))


MODEL = build()
