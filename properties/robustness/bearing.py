"""How far every answer of a model is from another one: in logits, in weights, in digits, for a family in tokens."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from properties.checks.answers import states_figures_only
from properties.checks.settle import PROOF_SECONDS, affordable
from properties.checks.table import CHECKS
from properties.checks.verdict import Verdict
from properties.robustness import number_types, tolerance
from properties.robustness.edges import Edge, validity_edge
from zoo.model import Model
from zoo.progress import part


@dataclass(frozen=True)
class Failing:
    """The model fails a check: that a wrong answer stays as it is says nothing of the model, and nothing follows."""

    verdict: Verdict


@dataclass(frozen=True)
class SmallestMargin:
    """The verdict on the margin that is stated, or where none is, on 0."""

    verdict: Verdict
    stated: bool


@dataclass(frozen=True)
class Certified:
    """A relative change of every weight that changes no right answer, see `tolerance.certified`; None: out of time."""

    change: float | None


@dataclass(frozen=True)
class Breaking:
    """A relative change that does change the answer after `where`, "" if none was found; None: out of time."""

    change: float | None
    where: str = ""


@dataclass(frozen=True)
class FamilyEdge:
    dtype: str
    edge: Edge


@dataclass(frozen=True)
class NothingStated:
    """No answer is stated of the model, only figures."""


@dataclass(frozen=True)
class InType:
    """Whether the answers are the same in a type, and what was seen, see `number_types.survives`."""

    name: str
    same: bool
    seen: str


Borne = Failing | SmallestMargin | Certified | Breaking | FamilyEdge | NothingStated | InType


def bearing(
    model: Model,
    build: Callable[[int], Model] | None,
    find_edge: Callable[[Callable[[int], Model]], Edge] = validity_edge,
    breaks: bool = True,
) -> Iterator[Borne]:
    """One after the other, as each takes its time. `build` gives the members of a family by their n_ctx.

    `find_edge` finds where it ends to be right; what breaks an answer is sought, unless that is not asked for.
    """
    if (failing := _failing(model)) is not None:
        yield failing
        return
    asked = _asked(model, build, find_edge, breaks)
    for i, find in enumerate(asked):
        with part("robustness", i, len(asked)):
            found = list(find())
        yield from found


def _asked(
    model: Model,
    build: Callable[[int], Model] | None,
    find_edge: Callable[[Callable[[int], Model]], Edge],
    breaks: bool,
) -> list[Callable[[], Iterable[Borne]]]:
    """What finds out each part of it."""
    asked: list[Callable[[], Iterable[Borne]]] = []
    if not states_figures_only(model):
        asked.append(lambda: [_smallest_margin(model)])
    if model.predictors or model.rule is not None:
        if tolerance.names_last(model):
            asked.append(lambda: [_certified(model)])
        if breaks and affordable(model):
            asked.append(lambda: [_breaking(model)])
    if build is not None:
        asked += [partial(_family_edge, build, dtype, find_edge) for dtype in (np.float64, np.float32)]
    if states_figures_only(model):
        asked.append(lambda: [NothingStated()])
    return [*asked, lambda: (InType(*one) for one in number_types.survives(model))]


def _family_edge(
    build: Callable[[int], Model], dtype: type, find_edge: Callable[[Callable[[int], Model]], Edge]
) -> list[Borne]:
    return [FamilyEdge(dtype.__name__, find_edge(partial(_in_dtype, build, dtype)))]


def _failing(model: Model) -> Failing | None:
    for check in (CHECKS["rule"], CHECKS["predictors"]):
        if check.applies(model) and (verdict := check.run(model)).status == "failed":
            return Failing(verdict)
    return None


def _smallest_margin(model: Model) -> SmallestMargin:
    stated = model.margin is not None
    return SmallestMargin(CHECKS["margin"].run(model if stated else replace(model, margin=0)), stated)


def _certified(model: Model) -> Certified:
    try:
        return Certified(tolerance.certified(model, PROOF_SECONDS["auto"]))
    except tolerance.OutOfTimeError:
        return Certified(None)


def _breaking(model: Model) -> Breaking:
    try:
        return Breaking(*tolerance.breaking(model, PROOF_SECONDS["auto"]))
    except tolerance.OutOfTimeError:
        return Breaking(None)


def _in_dtype(build: Callable[[int], Model], dtype: type, n_ctx: int) -> Model:
    return build(n_ctx).astype(dtype)
