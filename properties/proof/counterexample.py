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
    """A context with the greedy answer, what was permitted instead, and the logits of the last position.

    The margin is best permitted - best forbidden logit; None where every token or none is permitted. What is predicted
    is "" where a logit is NaN: no answer is given then. `dtype` is that of the program that said so: of a check of
    float32, say, not the model's own. A black box has neither logits nor a dtype; where it gives no answer either,
    `problem` says what it does, as "raises ValueError".
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None
    dtype: str
    problem: str = ""

    @classmethod
    def of(cls, tokens: Array, vocab: Sequence[str], logits: Array, allowed: Array, dtype: object) -> "Counterexample":
        """Of a context, int [position], with its last logits [vocab] and which tokens are permitted, bool [vocab]."""
        judged = allowed.any() and not allowed.all()
        answer = int(greedy(logits))
        return cls(
            context=decoded(tokens, vocab, reads_strings(vocab)),
            predicted=vocab[answer] if answer >= 0 else "",
            permitted=tuple(token for token, is_allowed in zip(vocab, allowed) if is_allowed),
            logits=tuple(float(logit) for logit in logits),
            margin=float(margin_of(logits, allowed)) if judged else None,
            dtype=str(dtype),
        )

    def sentence(self) -> str:
        margin = "" if self.margin is None else f", margin {at_least(self.margin)}"
        permitted = " or ".join(self.permitted[:SHOWN]) or "nothing"
        if len(self.permitted) > SHOWN:
            permitted += f" or {len(self.permitted) - SHOWN} others"
        says = self.problem or f"says {self.predicted or 'nothing, for a logit is NaN'}"
        said = f"after {written(self.context)} it {says}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        if not self.logits:
            return said + wrong
        return f"{said}{wrong} ({largest(self.logits)}{margin})"


def margin_of(logits: Array, allowed: Array) -> Array:
    """Best permitted - best forbidden logit: [..., vocab] and bool [..., vocab] -> [...]."""
    with np.errstate(invalid="ignore"):
        best = np.where(allowed, logits, -np.inf).max(axis=-1) - np.where(allowed, -np.inf, logits).max(axis=-1)
    return np.asarray(best)


def own_answer(logits: Array) -> Array:
    """Only the greedy answer permitted, none where a logit is NaN: [vocab] -> bool [vocab]."""
    allowed: Array = np.arange(len(logits)) == greedy(logits)
    return allowed


def largest(logits: Sequence[float]) -> str:
    """All of them, or of many the largest."""
    some = logits if len(logits) <= SHOWN else sorted(logits, reverse=True)[:SHOWN]
    kind = "logits" if len(logits) <= SHOWN else f"the largest of {len(logits)} logits"
    return f"{kind} {', '.join(apart(some))}"
