"""What a check found: a verdict, and the smallest context that shows where it fails."""

import shlex
import sys
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Any, Literal

from properties.proof.counterexample import Counterexample
from zoo.black_box import TRIES
from zoo.contexts import Context, counted_of, written
from zoo.shards import Keep

Status = Literal["holds", "failed", "undecided", "deviates"]
Method = Literal["enumerated", "proved", "sampled", "computed"]
Wanted = Literal["auto", "enumerate", "prove", "sample"]


@dataclass(frozen=True)
class How:
    """How a check is to be settled.

    `every` wrong context is sought, or where not the shortest, which is found sooner. Where it is to be `certified`,
    the splits of each proof are kept. A black box with more contexts than can be asked for is tried on so many, drawn
    with this seed. A proof may take so many seconds, None as many as the method has for it. Shards of
    proofs and of what is enumerated are settled by an `executor`, and kept where that is asked for.
    """

    method: Wanted = "auto"
    every: bool = False
    certified: bool = False
    seed: int = 0
    tries: int = TRIES
    seconds: float | None = None
    executor: Executor | None = None
    keep: Keep | None = None


AUTO = How()


@dataclass(frozen=True)
class Requested:
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
        subcommand = "show" if shown.logits else "predict"  # a black box has nothing else to show
        return " ".join(map(_quoted, ["zoo", subcommand, *options, *ends, *words]))


@dataclass(frozen=True)
class Finding:
    """What the body of a check returns: all of a verdict but name and time.

    `deviates`: known, and exactly as stated. `undecided` is no pass: neither all contexts nor a proof were in reach.
    `contexts` is how many were run or covered, of the `total` of which the check speaks, or where that is None of every
    one; `margin` the smallest over them, in logits. `failures` are all contexts that were found wrong, shortest first;
    `left` is the largest set of contexts that time did not suffice for, and why.
    """

    status: Status
    method: Method
    contexts: int
    detail: str = ""
    margin: float | None = None
    counterexample: Counterexample | None = None
    failures: tuple[Context, ...] = ()
    total: int | None = None
    left: str = ""


@dataclass(frozen=True, kw_only=True)
class Verdict(Finding):
    """What one check found of one model: `seconds` is wall time, `dtype` the model's.

    Where it looked at all contexts, `lengths` has how many there are of each length; of more than a thousand, nothing.
    """

    model: str
    dtype: str
    check: str
    seconds: float
    total: int
    lengths: Mapping[int, int] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        return self.status in ("holds", "deviates")

    @property
    def sampled(self) -> bool:
        """Whether nothing wrong was found on a sample, and no more than that is known: no pass, unless accepted."""
        return self.status == "undecided" and self.method == "sampled" and self.contexts > 0

    @property
    def looked_at(self) -> str:
        """The contexts that were looked at, of how many: "all 62", "39 of 120"; empty where that is none."""
        if self.method == "computed":
            return ""
        if self.method == "sampled":
            return f"{counted_of(self.contexts, self.total)} sampled"
        return counted_of(self.contexts, self.total)

    def message(self, asked: Requested | None = None, every: bool = False) -> str:
        """What to tell a person: the finding, the smallest context, and a line that reproduces it.

        That is of the command where the model was asked for there, else of Python, for the model at hand. With `every`,
        all wrong contexts that were found.
        """
        found = "" if self.status == "deviates" else f" {self.status}"  # which "as stated" says
        lines = [f"{self.model}: {self.check}{found}" + (f": {self.detail}" if self.detail else "")]
        if self.counterexample is not None:
            lines.append(f"    {self.counterexample.sentence()}")
            lines.append(f"    reproduce: {self._reproduction(self.counterexample, asked)}")
        if every and self.failures:
            lines.append(f"    wrong after: {' '.join(map(written, self.failures))}")
        return "\n".join(lines)

    def _reproduction(self, shown: Counterexample, asked: Requested | None) -> str:
        if asked is not None:
            return asked.line(shown, self.dtype)
        context = shown.context if isinstance(shown.context, str) else tuple(shown.context)
        if not shown.logits:
            return f"model.predict({context!r})"
        model = "model" if shown.dtype == self.dtype else f"model.astype({shown.dtype!r})"
        return f"{model}.logits({context!r})[{-1 if shown.at is None else shown.at}]"

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
                **({"problem": shown.problem} if shown.problem else {}),
                **({} if shown.at is None else {"at": shown.at}),
            },
            "lengths": [{"length": n, "contexts": _digits(count)} for n, count in self.lengths.items()],
        }
        return result | ({"failures": self.failures} if every else {})


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
