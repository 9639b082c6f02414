"""What a program says in one context, held against what is permitted there: the margin, and what shows a failure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.contexts import Context, decoded, reads_strings, written
from zoo.digits import apart, at_least
from zoo.transformer import greedy
from zoo.transformer.arrays import Array

SHOWN = 8  # logits in a sentence


@dataclass(frozen=True)
class Counterexample:
    """A context with the greedy answer, what was permitted instead, and the logits.

    They are those of the last position or, where the model answers at every one, of position `at`. The margin is best
    permitted - best forbidden logit, or of a number by how much it is inside of what is permitted; None where every
    name or none is permitted. What is predicted is "" where a logit is NaN: no answer is given then. `dtype` is that of
    the program that said so: of a check of float32, say, not the model's own.
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None
    dtype: str
    at: int | None = None

    @classmethod
    def of(
        cls,
        tokens: Array,
        vocab: Sequence[str],
        logits: Array,
        allowed: Array,
        dtype: object,
        names: Sequence[str] | None = None,
        at: int | None = None,
    ) -> "Counterexample":
        """Of a context, int [position], with logits [output] and what is permitted: bool [output], or ends of a number.

        `names` are those of the outputs, None where they are the tokens; there are none where a number is answered.
        """
        names = vocab if names is None else names
        answer = int(greedy(logits))
        if names:
            predicted, permitted = names[answer], tuple(name for name, is_allowed in zip(names, allowed) if is_allowed)
        else:
            predicted, permitted = f"{logits[0]:.6g}", (f"{allowed[0]:.6g} to {allowed[1]:.6g}",)
        return cls(
            context=decoded(tokens, vocab, reads_strings(vocab)),
            predicted=predicted if answer >= 0 else "",
            permitted=permitted,
            logits=tuple(float(logit) for logit in logits),
            margin=float(margin_of(logits, allowed)) if judged(allowed) else None,
            dtype=str(dtype),
            at=at,
        )

    def sentence(self) -> str:
        margin = "" if self.margin is None else f", margin {at_least(self.margin)}"
        permitted = " or ".join(self.permitted[:SHOWN]) or "nothing"
        if len(self.permitted) > SHOWN:
            permitted += f" or {len(self.permitted) - SHOWN} others"
        where = f"after {written(self.context)}"
        if self.at is not None:
            where = f"in {written(self.context)}, at token {self.at + 1} of {len(self.context)},"
        said = f"{where} it says {self.predicted or 'nothing, for a logit is NaN'}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        return f"{said}{wrong} ({largest(self.logits)}{margin})"


def judged(allowed: Array) -> Array:
    """Where something is permitted, and not everything: [..., output] -> [...]; of a number, where there are ends."""
    if allowed.dtype != bool:
        return np.asarray(~np.isnan(allowed[..., 0]))
    return np.asarray(allowed.any(axis=-1) & ~allowed.all(axis=-1))


def margin_of(logits: Array, allowed: Array) -> Array:
    """Best permitted - best forbidden logit: [..., output] and bool [..., output] -> [...].

    Of a number how far it is from the nearer of the ends, float [..., 2], of what is permitted: above 0 inside.
    """
    if allowed.dtype != bool:
        value = np.asarray(logits[..., 0], dtype=np.float64)
        return np.asarray(np.minimum(value - allowed[..., 0], allowed[..., 1] - value))
    with np.errstate(invalid="ignore"):
        best = np.where(allowed, logits, -np.inf).max(axis=-1) - np.where(allowed, -np.inf, logits).max(axis=-1)
    return np.asarray(best)


def ends(right: Array, within: float) -> Array:
    """What is less than `within` from what is right, float64 [...]: its ends, rounded inwards, [..., 2]."""
    return np.stack([np.nextafter(right - within, np.inf), np.nextafter(right + within, -np.inf)], axis=-1)


def own_answer(logits: Array) -> Array:
    """Only the greedy answer permitted, none where a logit is NaN: [output] -> bool [output]."""
    allowed: Array = np.arange(len(logits)) == greedy(logits)
    return allowed


def largest(logits: Sequence[float]) -> str:
    """All of them, or of many the largest."""
    some = logits if len(logits) <= SHOWN else sorted(logits, reverse=True)[:SHOWN]
    kind = "logits" if len(logits) <= SHOWN else f"the largest of {len(logits)} logits"
    return f"{kind} {', '.join(apart(some))}"
