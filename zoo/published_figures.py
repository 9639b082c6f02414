"""Figures that sources publish of their models, computed again from the weights, over every context."""

from dataclasses import replace

import numpy as np

from zoo.model import Context, Model
from zoo.transformer import Attention, greedy, softmax


def smallest_margin(model: Model, digits: int = 9) -> tuple[float, Context]:
    """By how much the best logit beats the second best where it does so least, rounded, and the first context where."""
    ordered = np.sort(model.answer_logits(), axis=-1)  # [contexts, vocab]
    margins = ordered[:, -1] - ordered[:, -2]
    return round(float(margins.min()), digits), list(model.contexts())[int(margins.argmin())]


def smallest_probability(model: Model) -> float:
    """The smallest probability that sampling at temperature 1 gives to the greedy answer."""
    return float(softmax(model.answer_logits()).max(axis=-1).min())


def accuracy(model: Model, text: str, start: int) -> str:
    """How many tokens of a text from index `start` on are predicted from all that precedes: "27 of 27".

    Where a domain is stated, only of those whose context lies in it.
    """
    asked = [i for i in range(start, len(text)) if model.domain is None or text[:i] in model.domain]
    right = sum(model.predict(text[:i]) == text[i] for i in asked)
    return f"{right} of {len(asked)}"


def same_answers(model: Model, **changes: object) -> str:
    """In how many contexts the answer stays when every Attention is changed so, as in `causal=False`: "62 of 62"."""
    layers = [replace(x, **changes) if isinstance(x, Attention) else x for x in model.transformer.layers]  # type: ignore[arg-type]
    changed = replace(model, transformer=replace(model.transformer, layers=layers))
    answers = greedy(model.answer_logits())
    same = (answers == greedy(changed.answer_logits())) & (answers >= 0)
    return f"{same.sum()} of {len(same)}"
