"""What a check found: a verdict, and the smallest context that shows where it fails."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from zoo.contexts import counted_of
from zoo.contexts import written as written
from zoo.digits import apart, at_least
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
    is "" where a logit is NaN: no answer is given then. `dtype` is that of the program that said so: of a check of
    float32, say, not the model's own.
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None
    dtype: str

    def sentence(self) -> str:
        margin = "" if self.margin is None else f", margin {at_least(self.margin)}"
        permitted = " or ".join(self.permitted[:SHOWN]) or "nothing"
        if len(self.permitted) > SHOWN:
            permitted += f" or {len(self.permitted) - SHOWN} others"
        said = f"after {written(self.context)} it says {self.predicted or 'nothing, for a logit is NaN'}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        return f"{said}{wrong} ({largest(self.logits)}{margin})"


@dataclass(frozen=True)
class Asked:
    """What a model was asked for by at the command: its name or path, and the options that made it what it is."""

    name: str
    n_ctx: int | None = None
    dtype: str | None = None

    def line(self, shown: Counterexample, dtype: str) -> str:
        """The command that shows a model of that dtype in the context of a counterexample."""
        options = [] if self.n_ctx is None else ["--n-ctx", str(self.n_ctx)]
        other = shown.dtype if shown.dtype != dtype else self.dtype
        options += [] if other is None else ["--dtype", other]
        words = [self.name, written(shown.context)]
        ends = ["--"] if any(word.startswith("-") for word in words) else []  # no options
        return " ".join(map(_quoted, ["zoo", "show", *options, *ends, *words]))


@dataclass(frozen=True)
class Verdict:
    """What one check found of one model.

    `deviates`: known, and exactly as stated. `undecided` is no pass: neither all contexts nor a proof were in reach.
    `contexts` is how many were run or covered, of the `total` of which the check speaks; `margin` the smallest over
    them, in logits; `seconds` wall time; `dtype` the model's.
    """

    model: str
    dtype: str
    check: str
    status: Status
    method: Method
    contexts: int
    total: int
    margin: float | None
    seconds: float
    detail: str
    counterexample: Counterexample | None = None
    failures: tuple[Context, ...] = ()  # every context that was found wrong, shortest first

    @property
    def passed(self) -> bool:
        return self.status in ("holds", "deviates")

    @property
    def looked_at(self) -> str:
        """The contexts that were looked at, of how many: "all 62", "39 of 120"; empty where that is none."""
        if self.method == "computed":
            return ""
        if self.method == "sampled":
            return f"{counted_of(self.contexts, self.total)} sampled"
        return counted_of(self.contexts, self.total)

    def message(self, asked: Asked | None = None, every: bool = False) -> str:
        """What to tell a person: the finding, the smallest context, and a line that reproduces it.

        That is of the command where the model was asked for there, else of Python, for the model at hand. With `every`,
        all wrong contexts that were found.
        """
        lines = [f"{self.model}: {self.check} {self.status}" + (f": {self.detail}" if self.detail else "")]
        if self.counterexample is not None:
            lines.append(f"    {self.counterexample.sentence()}")
            lines.append(f"    reproduce: {self._reproduction(self.counterexample, asked)}")
        if every and self.failures:
            lines.append(f"    wrong after: {' '.join(map(written, self.failures))}")
        return "\n".join(lines)

    def _reproduction(self, shown: Counterexample, asked: Asked | None) -> str:
        if asked is not None:
            return asked.line(shown, self.dtype)
        context = shown.context if isinstance(shown.context, str) else tuple(shown.context)
        model = "model" if shown.dtype == self.dtype else f"model.astype({shown.dtype!r})"
        return f"{model}.logits({context!r})[-1]"

    def as_json(self, every: bool = False) -> dict[str, Any]:
        """The verdict in the documented schema. Counts are strings: they can be larger than JSON numbers are."""
        shown = self.counterexample
        result = {
            "check": self.check,
            "status": self.status,
            "method": self.method,
            "contexts": _digits(self.contexts),
            "total": _digits(self.total),
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


def largest(logits: Sequence[float]) -> str:
    """All of them, or of many the largest."""
    some = logits if len(logits) <= SHOWN else sorted(logits, reverse=True)[:SHOWN]
    kind = "logits" if len(logits) <= SHOWN else f"the largest of {len(logits)} logits"
    return f"{kind} {', '.join(apart(some))}"


def _quoted(word: str) -> str:
    """As a word of a command that runs as it is printed: what would not be printed as it is, as bash escapes it."""
    if word.isprintable():
        return shlex.quote(word)
    escaped = (c if c.isprintable() and c not in "\\'" else f"\\U{ord(c):08x}" for c in word)
    return f"$'{''.join(escaped)}'"


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
