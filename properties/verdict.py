"""What a check found: a verdict, and the smallest context that shows where it fails."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from zoo.model import Context

Status = Literal["holds", "failed", "undecided", "deviates"]
Method = Literal["enumerated", "proved", "sampled", "computed"]


@dataclass(frozen=True)
class Counterexample:
    """A context with the greedy answer, what was permitted instead, and the logits of the last position.

    The margin is best permitted - best forbidden logit; None where every token or none is permitted.
    """

    context: Context
    predicted: str
    permitted: tuple[str, ...]
    logits: tuple[float, ...]
    margin: float | None

    def sentence(self) -> str:
        logits = ", ".join(f"{logit:.6g}" for logit in self.logits)
        margin = "" if self.margin is None else f", margin {self.margin:.6g}"
        permitted = " or ".join(self.permitted) or "nothing"
        said = f"after {written(self.context)} it says {self.predicted}"
        wrong = "" if self.predicted in self.permitted else f", permitted is {permitted}"
        return f"{said}{wrong} (logits {logits}{margin})"


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

    @property
    def passed(self) -> bool:
        return self.status in ("holds", "deviates")

    def message(self, target: str | None = None) -> str:
        """What to tell a person: the finding, the smallest context, and a line that reproduces it for that target."""
        lines = [f"{self.model}: {self.check} {self.status}" + (f": {self.detail}" if self.detail else "")]
        if self.counterexample is not None:
            lines.append(f"    {self.counterexample.sentence()}")
            lines.append(f"    reproduce: zoo show {target or self.model} {written(self.counterexample.context)}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """The verdict in the documented schema. Counts are strings: they can be larger than JSON numbers are."""
        result = asdict(self)
        del result["model"]
        return (
            result
            | {"contexts": str(self.contexts), "margin": _finite(self.margin)}
            | {
                "counterexample": None
                if self.counterexample is None
                else result["counterexample"]
                | {
                    "logits": [_finite(logit) for logit in self.counterexample.logits],
                    "margin": _finite(self.counterexample.margin),
                }
            }
        )


def written(context: Context) -> str:
    """A context as the command takes it: quoted where its tokens are not characters."""
    return context if isinstance(context, str) else repr(" ".join(context))


def _finite(value: float | None) -> float | None:
    """JSON has no NaN and no infinity."""
    return value if value is not None and abs(value) < float("inf") else None
