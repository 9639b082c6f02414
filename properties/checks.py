"""What a check is, which checks there are, and running them on a model.

Each check is one function of a model whose docstring is the claim that it settles. They stand in `properties.answers`
and `properties.mechanics`; their order here is that of the table.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from properties.verdict import Counterexample, Method, Status, Verdict
from zoo.errors import UnknownNameError
from zoo.model import Model
from zoo.registry import unknown

Check = Callable[[Model], Verdict]


class Finding(NamedTuple):
    """What the body of a check returns: a verdict without name and time."""

    status: Status
    method: Method
    contexts: int
    detail: str = ""
    margin: float | None = None
    counterexample: Counterexample | None = None


@dataclass(frozen=True)
class Registered:
    run: Check
    applies: Callable[[Model], bool]


CHECKS: dict[str, Registered] = {}


def check(applies: Callable[[Model], bool] = lambda model: True) -> Callable[[Callable[[Model], Finding]], Check]:
    """Registers a function as a check under its own name, for the models it applies to."""

    def register(find: Callable[[Model], Finding]) -> Check:
        def run(model: Model) -> Verdict:
            start = time.perf_counter()
            status, method, contexts, detail, margin, counterexample = find(model)
            seconds = time.perf_counter() - start
            return Verdict(model.name, find.__name__, status, method, contexts, margin, seconds, detail, counterexample)

        run.__name__, run.__doc__ = find.__name__, find.__doc__
        CHECKS[find.__name__] = Registered(run, applies)
        return run

    return register


def checks(model: Model, names: Iterable[str] = ()) -> list[tuple[str, Check]]:
    """The checks that apply to a model, or those of them that are named. UnknownNameError for a name that is none."""
    chosen = list(names) or list(CHECKS)
    for name in chosen:
        if name not in CHECKS:
            raise UnknownNameError(unknown("check", name, CHECKS))
    return [(name, entry.run) for name, entry in CHECKS.items() if name in chosen and entry.applies(model)]


def check_model(model: Model, method: str = "auto", names: Iterable[str] = ()) -> list[Verdict]:
    """Runs all checks that apply, or the named ones. Raises RuleError for a rule that is none."""
    if method != "auto":
        raise UnknownNameError(unknown("method", method, ["auto"]))
    return [run(model) for _, run in checks(model, names)]
