"""A finite automaton, from its table: of states and inputs in turn, it says the next state."""

import math
from collections.abc import Mapping

import numpy as np

import reference
from zoo import Attention, Basis, Domain, Mlp, Model, Transformer, move

# The remainder modulo 3 of a binary number that is read from its highest bit: twice the old one, and the bit.
THIRDS = {(f"r{state}", bit): f"r{(2 * state + int(bit)) % 3}" for state in range(3) for bit in "01"}
LOUD = 8.0
LARGE_N_CTX = 64  # the n_ctx at which `zoo verify --large` settles it


def build(n_ctx: int = 6, table: Mapping[tuple[str, str], str] = THIRDS) -> Model:
    """d_model is n_ctx + 2 for each state + inputs, and a neuron for each entry of the table.

    A head hands over the token before the current one, and a neuron is on where these two are its state and its input.
    """
    states = sorted({state for state, _ in table})
    inputs = sorted({given for _, given in table})
    sharp = 16 + math.ceil(math.log(n_ctx))  # e^-16 of attention goes astray
    basis = Basis(pos=range(n_ctx), tok=[*states, *inputs], before=states)
    head = Basis(pos=range(n_ctx), tok=states)
    pos, slot = basis["pos"], head["pos"]
    tokens = {token: basis["tok", token] for token in [*states, *inputs]}
    before = {state: basis["before"][i] for i, state in enumerate(states)}
    remembering = Attention(
        w_q=sharp * np.stack([move(pos[1:], slot[:-1])]),  # I ask for the place before mine
        w_k=np.stack([move(pos, slot)]),  # I offer my place
        w_v=np.stack([move(np.stack([tokens[state] for state in states]), head["tok"])]),
        w_o=np.stack([move(head["tok"], basis["before"])]),
        scale=1,
    )
    going_on = Mlp(
        w_in=np.stack([before[state] + tokens[given] for state, given in table], axis=1),
        b_in=-np.ones(len(table)),
        w_out=LOUD * np.stack([tokens[following] for following in table.values()]),
        b_out=np.zeros(len(basis)),
        activation="relu",
    )
    return Model(
        name="automaton",
        vocab=[*states, *inputs],
        transformer=Transformer(basis["tok"], pos, [remembering, going_on]),
        rule=reference.next_state(table),
        source="this project; the table is that of binary numbers modulo 3",
        domain=Domain.layout([*"si"] * (n_ctx // 2), start=2, s=states, i=inputs),
        margin=LOUD - 1.01,
        basis=basis,
        head_basis=head,
    )


MODEL = build()
