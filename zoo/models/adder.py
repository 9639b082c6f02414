"""The sum of two numbers of ten digits, written from the ones on: proved for all 10^20 pairs.

Each digit of the sum is asked for after the ones before it. A column of the sum says what it carried: its two digits
and what was written below are enough to know that, whatever stands elsewhere. So a digit depends on two columns.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Lemma, Mlp, Model, ModelError, Transformer, move
from zoo.model import Context
from zoo.transformer.arrays import Array

DIGITS = "0123456789"
LARGE_N_CTX = 32  # the n_ctx at which `zoo verify --large` settles it
SHARP = 64.0


def build(n_ctx: int = 32) -> Model:
    """Of (n_ctx - 2) / 3 digits; d_model is n_ctx + 2, whatever stands there being minus its digit.

    In column k the heads sum the digits of k, ten times, and those of k - 1; minus what was written there, that is

        10 (digits of k) + 10 (carried into k) - (carried into k - 1)  =  10 (the column's sum) - 0 or 1.

    From 99 on two neurons take 100 off. The digit d with the largest 2 d x + d - 10 d^2 is then the one for which x is
    10 d or 10 d - 1, by 9. Where a column has no digits, + and = stand there in their place, and count nothing.
    """
    digits = digits_of(n_ctx)
    basis, head = Basis(pos=range(n_ctx), num=1, one=1), Basis(pos=range(n_ctx), num=1)
    pos, slot, num, one = basis["pos"], head["pos"], basis["num"], basis["one", 0]
    column = range(digits + 1)  # which the position 2 digits + 1 + column answers for

    def asks(back: int) -> Array:
        """I ask for the two digits of my column, or of the one before."""
        pairs = [(2 * digits + 1 + k, start + k - back) for k in column for start in (0, digits + 1)]
        seen = [(mine, its) for mine, its in pairs if its >= 0]
        return SHARP * move(pos[[mine for mine, _ in seen]], slot[[its for _, its in seen]])

    both = Attention(
        w_q=np.stack([asks(0), asks(1)]),
        w_k=np.stack([move(pos, slot)] * 2),  # I offer my place
        w_v=np.stack([move(num, head["num"])] * 2),
        w_o=np.stack([-20 * move(head["num"], num), -2 * move(head["num"], num)]),  # the mean of two is half their sum
        b_o=one,
        scale=1,
    )
    return Model(
        name="adder",
        vocab=[*DIGITS, "+", "="],
        transformer=Transformer(
            token_embedding=np.outer([*(-d for d in range(10)), 0, 0], num),
            position_embedding=pos,
            layers=[both, wrap(num[0])],
            unembedding=readout(num[0], one),
        ),
        **said(digits),
        basis=basis,
        head_basis=head,
    )


def digits_of(n_ctx: int) -> int:
    """How many digits the two numbers have."""
    digits, rest = divmod(n_ctx - 2, 3)
    if digits < 1 or rest:
        raise ModelError(f"n_ctx is {n_ctx}, but should be 3 d + 2 for two numbers of d digits and their sum, as 32 is")
    return digits


def wrap(num: Array) -> Mlp:
    """Takes 100 off what is 99 or more, and nothing off what is 91 or less."""
    return Mlp(
        np.stack([num, num], axis=1), np.array([-91.0, -99.0]), np.stack([-12.5 * num, 12.5 * num]), 0 * num, "relu"
    )


def readout(num: Array, one: Array) -> Array:
    """The nearest digit, and never + or =."""
    return np.stack([*(2 * d * num + (d - 10 * d**2) * one for d in range(10)), -100 * one, -100 * one])


def said(digits: int) -> dict[str, Any]:
    """What is said of an adder of so many digits, however it is built."""
    pattern = "d" * digits + "+" + "d" * digits + "=" + "d" * digits
    return {
        "rule": reference.sum_from_the_ones(digits),
        "source": "what leaderboards of adders ask for, and try on some pairs",
        "domain": Domain.layout(pattern, start=2 * digits + 2, d=DIGITS),
        "lemmas": [
            Lemma("after a right beginning the rule's digit is the sum's, so that every sum is right", follows, real)
        ],
        "margin": 8.99,  # 9, of which a proof leaves a little to rounding
    }


def follows(model: Model) -> bool:
    """In each column, whatever the digits of the one before, and whatever was carried into that."""
    digits = digits_of(model.n_ctx)
    assert model.rule is not None
    for column in range(digits + 1):
        for a, b, carried in product(range(10), range(10), range(2 if column > 1 else 1)):
            pairs = {column - 2: (5 * carried, 5), column - 1: (a, b), column: (3, 4)}
            context, right = beginning(digits, column, {at: pair for at, pair in pairs.items() if 0 <= at < digits})
            if model.rule(context) != {right}:
                return False
    return True


def beginning(digits: int, column: int, pairs: Mapping[int, tuple[int, int]]) -> tuple[str, str]:
    """Two numbers with these digits in these columns, else zeros, and their sum up to a column; and its next digit."""
    numbers = [sum(pair[i] * 10**at for at, pair in pairs.items()) for i in (0, 1)]
    first, second = (f"{number:0{digits}}"[::-1] for number in numbers)
    total = f"{sum(numbers):0{digits + 1}}"[::-1]
    return f"{first}+{second}={total[:column]}", total[column]


def real(context: Context) -> Context:
    """A sum whose column, and the one before with what is written there, are those of a context that need be none."""
    digits = context.index("+")
    column = len(context) - 2 * digits - 2
    pairs = {at: (int(context[at]), int(context[digits + 1 + at])) for at in range(digits)}
    if column > 1:  # what was carried into the column before: made so by the one before that
        carried = (int(context[-1]) - sum(pairs[column - 1])) % 10
        below = sum(10**at * sum(pairs[at]) for at in range(column - 1)) >= 10 ** (column - 1)
        if carried != below:
            pairs[column - 2] = (9, 9) if carried else (0, 0)
            if not carried:
                pairs |= dict.fromkeys(range(column - 1), (0, 0))
    return beginning(digits, column, pairs)[0]


MODEL = build()
