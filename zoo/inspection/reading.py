"""How a model reads a context: where each head looks, and what each part adds to the logits of the last position."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.inspection.attribution import shares
from zoo.inspection.parts import attention_heads
from zoo.model import Context, Model
from zoo.transformer import forward
from zoo.transformer.arrays import Array


@dataclass(frozen=True)
class Reading:
    """What a forward pass over a context showed."""

    tokens: Context  # as they were read: at most n_ctx
    outputs: Sequence[str]
    answers: Sequence[str | float]  # after the last position, or at every one
    logits: Array  # of the last position, [output]
    patterns: Sequence[tuple[str, Array]]  # of each head by its name, [seq, seq]
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
        shares=[(name, share[0]) for name, share in shares(model.transformer, trace)],
    )
