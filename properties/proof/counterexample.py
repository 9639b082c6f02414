"""What a program says in one context, held against what is permitted there: the margin, and what shows a failure."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from zoo.contexts import Context, decoded, reads_strings, written
from zoo.digits import apart, at_least, digits_apart, nearest
from zoo.transformer import greedy
from zoo.transformer.arrays import Array

SHOWN = 8  # logits in a sentence


@dataclass(frozen=True)
class Counterexample:
    """A context with the greedy answer, what was permitted instead, and the logits.

    They are those of the last position or, where the model answers at every one, of position `at`. The margin is best
    permitted - best forbidden logit, or of a number by how much it is inside of what is permitted; None where every
    name or none is permitted. What is predicted is "" where a logit is NaN: no answer is given then. `dtype` is that of
    the program that said so: of a check of float32, say, not the model's own. A black box has neither logits nor a
    dtype; where it gives no answer either, `problem` says what it does, as "raises ValueError".
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None
    dtype: str
    problem: str = ""
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
        """Of a context, int [position], with logits [output] and what is permitted: bool [output], or of a number [2].

        `names` are those of the outputs, None where they are the tokens; there are none where a number is answered.
        """
        names = vocab if names is None else names
        answer = int(greedy(logits))
        if names:
            predicted, permitted = names[answer], tuple(name for name, is_allowed in zip(names, allowed) if is_allowed)
        else:
            right, within = allowed.tolist()
            figures = float(logits[0]), right - within, right + within
            digits = max(digits_apart(figures[0], end) for end in figures[1:])
            predicted, least, most = (nearest(figure, digits) for figure in figures)
            permitted = (f"{least} to {most}",)
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
        says = self.problem or f"says {self.predicted or 'nothing, for a logit is NaN'}"
        said = f"{where} it {says}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        if not self.logits:
            return said + wrong
        return f"{said}{wrong} ({largest(self.logits)}{margin})"


def judged(allowed: Array) -> Array:
    """Where something is permitted, and not everything: [..., output] -> [...]; of a number, where one is right."""
    if allowed.dtype != bool:
        return np.asarray(~np.isnan(allowed[..., 0]))
    return np.asarray(allowed.any(axis=-1) & ~allowed.all(axis=-1))


def margin_of(logits: Array, allowed: Array) -> Array:
    """Best permitted - best forbidden logit: [..., output] and bool [..., output] -> float64 [...].

    Of a number by how much it is inside of what is permitted, right and `within`, float [..., 2]: within - |error|.
    Rounded down. Its sign is right, as differences are exact with what their rounding left, down to 5e-324.
    """
    if allowed.dtype != bool:
        value, right, within = np.asarray(logits[..., 0], dtype=np.float64), allowed[..., 0], allowed[..., 1]
        error, more = _difference(np.maximum(value, right), np.minimum(value, right))
        margin, less = _difference(within, error)
        exact = (more == 0) & (less == 0)
        return np.asarray(np.where(exact, margin, np.nextafter(margin + (less - more), -np.inf)))
    best, rival = (np.where(some, logits, -np.inf).max(axis=-1).astype(np.float64) for some in (allowed, ~allowed))
    margin, left = _difference(best, rival)
    too_large = (left < 0) | (margin == np.inf) & np.isfinite(best) & np.isfinite(rival)
    return np.asarray(np.where(too_large, np.nextafter(margin, -np.inf), margin))


@np.errstate(invalid="ignore", over="ignore")
def _difference(a: Array, b: Array) -> tuple[Array, Array]:
    """a - b, and what its rounding left of it (Dekker's sum of two, the larger first): zero where it overflows."""
    a_first = np.abs(a) >= np.abs(b)
    large, small = np.where(a_first, a, -b), np.where(a_first, -b, a)
    found = large + small
    return found, np.where(np.isfinite(found), small - (found - large), 0)


def around(right: Array, within: float) -> Array:
    """What is permitted of a number: less than `within` from what is right, float64 [...]; both, [..., 2]."""
    return np.stack([right, np.full_like(right, within)], axis=-1)


def own_answer(logits: Array) -> Array:
    """Only the greedy answer permitted, none where a logit is NaN: [output] -> bool [output]."""
    allowed: Array = np.arange(len(logits)) == greedy(logits)
    return allowed


def largest(logits: Sequence[float]) -> str:
    """All of them, or of many the largest."""
    some = logits if len(logits) <= SHOWN else sorted(logits, reverse=True)[:SHOWN]
    kind = "logits" if len(logits) <= SHOWN else f"the largest of {len(logits)} logits"
    return f"{kind} {', '.join(apart(some))}"
