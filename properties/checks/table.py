"""What a check is, which checks there are, and running them on a model.

Each check is one function of a model whose docstring is the claim that it settles. They stand in `answers` and
`mechanics`; their order here is that of the table.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from properties.checks.listing import Verdicts
from properties.checks.verdict import AUTO, Finding, How, Verdict, Wanted
from zoo.black_box import BlackBox
from zoo.errors import ModelError, UnknownNameError, shown
from zoo.model import Model
from zoo.registry import unknown

Needs = Literal["answers", "logits", "weights"]
Check = Callable[..., Verdict]  # of a model, and `How` where that is not AUTO


@dataclass(frozen=True)
class Registered:
    run: Check
    applies: Callable[[Model], bool]
    needs: Needs
    kind: str = ""  # of the module that it stands in: "answers", "mechanics", ...

    def to(self, model: Model) -> bool:
        """Whether it applies to a model: of a black box, only the answers are there to be looked at."""
        return (self.needs == "answers" or not isinstance(model, BlackBox)) and self.applies(model)


LENGTHS = 1024
Find = Callable[[Model, How], Finding]
CHECKS: dict[str, Registered] = {}
OF_BLACK_BOXES: dict[str, Callable[[BlackBox, How], Finding]] = {}  # how a check is settled there, if otherwise


def check(applies: Callable[[Model], bool] = lambda model: True, needs: Needs = "weights") -> Callable[[Find], Check]:
    """Registers a function as a check under its own name, for the models it applies to, with what it looks at there."""

    def register(find: Find) -> Check:
        def run(model: Model, how: How = AUTO) -> Verdict:
            start = time.perf_counter()
            with np.errstate(all="ignore"):  # what overflows shows in the verdict
                of_box = OF_BLACK_BOXES.get(find.__name__) if isinstance(model, BlackBox) else None
                found = find(model, how) if of_box is None else of_box(model, how)  # type: ignore[arg-type]
            seconds = time.perf_counter() - start
            total = model.scope.count() if found.total is None else found.total
            named = {"model": model.name, "dtype": dtype_of(model), "check": find.__name__}
            lengths = _lengths(model) if found.total is None and found.contexts == total else {}
            return Verdict(**(vars(found) | named | {"total": total, "seconds": seconds, "lengths": lengths}))

        run.__name__, run.__doc__ = find.__name__, find.__doc__
        CHECKS[find.__name__] = Registered(run, applies, needs, find.__module__.rpartition(".")[-1])
        return run

    return register


def _lengths(model: Model) -> dict[int, int]:
    """How many contexts there are of each length; nothing of so many lengths that nobody would read them."""
    every = model.scope.lengths
    return {length: model.scope.count(length) for length in every} if len(every) <= LENGTHS else {}


def of_black_boxes(find: Callable[[BlackBox, How], Finding]) -> Callable[[BlackBox, How], Finding]:
    """Registers how the check of that name is settled of a black box."""
    OF_BLACK_BOXES[find.__name__] = find
    return find


def dtype_of(model: Model) -> str:
    """Of a black box, nobody knows."""
    return "" if isinstance(model, BlackBox) else str(model.transformer.dtype)


def checks(model: Model, names: Iterable[str] = ()) -> list[tuple[str, Check]]:
    """The checks that apply to a model, or those of them that are named. UnknownNameError for a name that is none."""
    if not isinstance(names, Iterable) or isinstance(names, str):
        raise UnknownNameError(f"checks are asked for as {shown(names)}, but should be as a list of names")
    chosen = list(names) or list(CHECKS)
    for name in chosen:
        if not isinstance(name, str) or name not in CHECKS:
            raise UnknownNameError(unknown("check", name if isinstance(name, str) else shown(name), CHECKS))
    return [(name, entry.run) for name, entry in CHECKS.items() if name in chosen and entry.to(model)]


def check_model(
    model: Model, method: str = "auto", names: Sequence[str] = (), executor: Executor | None = None
) -> Verdicts:
    """Runs all checks that apply, or the named ones: a list, which is also a table. RuleError for a rule that is none.

    "auto" runs every context where that is quick, and proves beyond, unless running is done sooner; the methods
    "enumerate", "prove" and "sample" insist. What cannot be proved (that a batch mixes no rows, say) is run on all
    contexts or on a sample whatever the method.
    Shards of proofs and of what is enumerated are settled by the `executor`, where one is given: see docs/cluster.md.
    """
    if not isinstance(model, Model):
        raise ModelError(f"{model!r} is checked, but should be a Model")
    how = How(known_method(method), executor=executor)
    if names and not checks(model, names):
        raise UnknownNameError(f"{', '.join(names)} applies to nothing in {model.name}, and would settle nothing")
    found = Verdicts(run(model, how) for _, run in checks(model, names))
    found.remembered(model)
    return found


def prove(model: Model) -> Verdict:
    """The proof that every context's answer is right by the model's rule, or by its predictor where it has no rule."""
    name = "rule" if model.rule is not None or not model.predictors else "predictors"
    return CHECKS[name].run(model, How("prove"))


def known_method(method: str) -> Wanted:
    if method not in get_args(Wanted):
        raise UnknownNameError(unknown("method", str(method), get_args(Wanted)))
    chosen: Wanted = method  # type: ignore[assignment]  # it is one of them
    return chosen
