"""What is said of a directory that was written: whether what is read back answers alike, and with which margins."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from properties import survey
from properties.precision import in_type
from zoo.arrays import Array
from zoo.contexts import counted
from zoo.digits import at_least
from zoo.errors import ModelError
from zoo.model import Model
from zoo.report import console

LARGEST = {"float32": 2.0**128, "bfloat16": 2.0**128, "float16": 65504.0}  # of the two first nearly


def exported(model: Model, read: Model, where: str) -> None:
    """Prints the answers that are the model's own, of all contexts if they are not too many, else of a sample.

    A margin is by how much what was read prefers the model's answer in the arithmetic of that type, where least.
    """
    out, transformer = console(), read.transformer
    size = f"n_ctx {read.n_ctx}, d_model {transformer.d_model}, {transformer.dtype}"
    vocab = " ".join(model.vocab) if len(model.vocab) <= 100 else f"of {len(model.vocab)} tokens"
    out.print(f"{where}: {model.name}, {size}, vocabulary {vocab}")
    method, batches = survey.sweep(model)
    asked = [(tokens, survey.answer_logits(model, tokens).argmax(axis=1)) for tokens in batches]
    alike, margin = compared(read, asked)
    sampled = "" if method == "enumerated" else ", a sample: they are too many to run all"
    contexts = counted(sum(len(tokens) for tokens, _ in asked))
    out.print(f"answers alike in {alike} of {contexts} contexts, smallest margin {at_least(margin)}{sampled}")
    if model.rule is None and model.margin is None and not margin > 0:
        out.print("no answer is stated of it: where logits are equal but for rounding, so is the comparison")
    for name, largest in LARGEST.items():
        try:
            _, margin = compared(replace(read, transformer=in_type(transformer, name)), asked)
        except ModelError:
            out.print(f"not for {name}, which ends at {largest:.6g}: some weights are larger")
        else:
            said = f"margin in {name} {at_least(margin)}"
            out.print(f"not for {name}: logits overflow" if np.isnan(margin) else said)


def compared(model: Model, asked: Iterable[tuple[Array, Array]]) -> tuple[int, float]:
    """How many answers are the model's, and the least by which one beats every other token; NaN if logits overflow.

    Asked are contexts with their answers: int [batch, seq], int [batch].
    """
    alike, smallest = 0, [np.inf]
    for tokens, answers in asked:
        logits = np.array(survey.answer_logits(model, tokens), dtype=np.float64)  # [batch, vocab]
        alike += int((logits.argmax(axis=1) == answers).sum())
        if not np.isfinite(logits).all():
            smallest.append(np.nan)
            continue
        smallest.append(survey.margin(logits, np.arange(logits.shape[1]) == answers[:, None]).min())
    return alike, float(np.min(smallest))
