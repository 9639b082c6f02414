"""How a model reads a context: where each head looks, and what each part adds to the logits of the last position."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from zoo.inspection.attribution import shares
from zoo.inspection.parts import attention_heads
from zoo.inspection.sentences import neuron
from zoo.model import Context, Model
from zoo.transformer import forward
from zoo.transformer.arrays import Array

NEURONS = 16  # of an Mlp, those with the largest values


class Neuron(NamedTuple):
    """What one of an Mlp reads, its value at the last position, and what it writes."""

    number: int
    reads: str
    value: float
    writes: str


@dataclass(frozen=True)
class Reading:
    """What a forward pass over a context showed."""

    tokens: Context  # as they were read: at most n_ctx
    outputs: Sequence[str]
    answers: Sequence[str | float]  # after the last position, or at every one
    logits: Array  # of the last position, [output]
    patterns: Sequence[tuple[str, Array]]  # of each head by its name, [seq, seq]
    scores: Sequence[Array]  # of each head, before softmax: those of the last position, [seq]
    mlps: Sequence[tuple[int, int, Sequence[Neuron]]]  # the number of each one's layer, d_mlp, and its largest neurons
    shares: Sequence[tuple[str, Array]]  # of each part by its name, [output]; their sum is the logits


def reading(model: Model, context: Context, anyway: bool = False) -> Reading:
    """ContextError where the model cannot read it, or where it is outside the domain, unless `anyway`."""
    tokens = model.encode(context, anyway)
    trace: dict[str, Array] = {}
    logits = forward(model.transformer, tokens[None], trace)[0]
    return Reading(
        tokens=model.decode(tokens),
        outputs=model.rows,
        answers=model.says(context, anyway),
        logits=logits[-1],
        patterns=[(f"attention {i}.{h}", trace[f"{i}.pattern"][0, h]) for i, h, _ in attention_heads(model)],
        scores=[trace[f"{i}.scores"][0, h, -1] for i, h, _ in attention_heads(model)],
        mlps=[
            (i, layer.sizes["d_mlp"], _largest(model, i, trace[f"{i}.hidden"][0, -1]))
            for i, layer in enumerate(model.transformer.layers)
            if f"{i}.hidden" in trace
        ],
        shares=[(name, share[0]) for name, share in shares(model.transformer, trace)],
    )


def _largest(model: Model, layer: int, values: Array) -> list[Neuron]:
    """In their order."""
    largest = np.sort(np.argsort(-np.abs(values), kind="stable")[:NEURONS]).tolist()
    said = {number: neuron(model, layer, number) for number in largest}
    return [Neuron(number, reads, float(values[number]), writes) for number, (reads, writes) in said.items()]
