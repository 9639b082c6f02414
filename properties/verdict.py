"""What a check found: a verdict, and the smallest context that shows where it fails."""

import json
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zoo.model import Context

Status = Literal["holds", "failed", "undecided", "deviates"]
Method = Literal["enumerated", "proved", "sampled", "computed"]
Wanted = Literal["auto", "enumerate", "prove", "sample"]


@dataclass(frozen=True)
class How:
    """How a check is to be settled, and whether every wrong context is sought, where the shortest is found sooner."""

    method: Wanted = "auto"
    every: bool = False


AUTO = How()
SHOWN = 8  # logits in a sentence


@dataclass(frozen=True)
class Counterexample:
    """A context with the greedy answer, what was permitted instead, and the logits of the last position.

    The margin is best permitted - best forbidden logit; None where every token or none is permitted. What is predicted
    is "" where a logit is NaN: no answer is given then.
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None

    def sentence(self) -> str:
        margin = "" if self.margin is None else f", margin {self.margin:.6g}"
        permitted = " or ".join(self.permitted[:SHOWN]) or "nothing"
        if len(self.permitted) > SHOWN:
            permitted += f" or {len(self.permitted) - SHOWN} others"
        said = f"after {written(self.context)} it says {self.predicted or 'nothing, for a logit is NaN'}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        return f"{said}{wrong} ({largest(self.logits)}{margin})"


@dataclass(frozen=True)
class Verdict:
    """What one check found of one model.

    `deviates`: known, and exactly as stated. `undecided` is no pass: neither all contexts nor a proof were in reach.
    `contexts` is how many were run or covered; `margin` the smallest over them, in logits; `seconds` wall time.
    """

    model: str
    check: str
    status: Status
    method: Method
    contexts: int
    margin: float | None
    seconds: float
    detail: str
    counterexample: Counterexample | None = None
    failures: tuple[Context, ...] = ()  # every context that was found wrong, shortest first

    @property
    def passed(self) -> bool:
        return self.status in ("holds", "deviates")

    def message(self, target: str | None = None, every: bool = False) -> str:
        """What to tell a person: the finding, the smallest context, and a line that reproduces it for that target.

        With `every`, all wrong contexts that were found.
        """
        lines = [f"{self.model}: {self.check} {self.status}" + (f": {self.detail}" if self.detail else "")]
        if self.counterexample is not None:
            lines.append(f"    {self.counterexample.sentence()}")
            lines.append(
                f"    reproduce: zoo show {shlex.join([target or self.model, written(self.counterexample.context)])}"
            )
        if every and self.failures:
            lines.append(f"    wrong after: {' '.join(map(written, self.failures))}")
        return "\n".join(lines)

    def as_json(self, every: bool = False) -> dict[str, Any]:
        """The verdict in the documented schema. Counts are strings: they can be larger than JSON numbers are."""
        shown = self.counterexample
        result = {
            "check": self.check,
            "status": self.status,
            "method": self.method,
            "contexts": _digits(self.contexts),
            "margin": _finite(self.margin),
            "seconds": self.seconds,
            "detail": self.detail,
            "counterexample": None
            if shown is None
            else {
                "context": shown.context,
                "predicted": shown.predicted,
                "permitted": shown.permitted,
                "logits": [_finite(logit) for logit in shown.logits],
                "margin": _finite(shown.margin),
            },
        }
        return result | ({"failures": self.failures} if every else {})


def written(context: Context) -> str:
    """A context as the command takes it: a list in JSON where tokens are not characters and have spaces."""
    if isinstance(context, str):
        return context
    listed = any(" " in token for token in context) or context[0].startswith("[")
    return json.dumps(context, ensure_ascii=False) if listed else " ".join(context)


def largest(logits: Sequence[float]) -> str:
    """All of them, or of many the largest."""
    some = logits if len(logits) <= SHOWN else sorted(logits, reverse=True)[:SHOWN]
    kind = "logits" if len(logits) <= SHOWN else f"the largest of {len(logits)} logits"
    return f"{kind} {', '.join(f'{logit:.6g}' for logit in some)}"


def _digits(number: int) -> str:
    """In full, however long: Python stops at 4,300 digits unless told otherwise."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return str(number)
    finally:
        sys.set_int_max_str_digits(before)


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value is not None and abs(value) < float("inf") else None
