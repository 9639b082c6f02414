"""How much a model bears, as sentences."""

from collections.abc import Iterable
from decimal import Decimal

from properties.checks.right import OWN
from properties.report.console import console
from properties.robustness.bearing import (
    Borne,
    Breaking,
    Certified,
    Failing,
    FamilyEdge,
    InType,
    NothingStated,
    SmallestMargin,
)
from properties.robustness.edges import Edge
from zoo.contexts import counted_of, written
from zoo.digits import at_least, at_most


def bearing(found: Iterable[Borne]) -> None:
    """A line for each, printed when it is there."""
    out = console()
    for one in found:
        out.print(said(one), soft_wrap=isinstance(one, Failing | SmallestMargin))


def said(one: Borne) -> str:
    match one:
        case Failing(verdict):
            why = verdict.detail if verdict.counterexample is None else verdict.counterexample.sentence()
            because = "some of them are wrong" if verdict.counterexample else "nothing says which of them are right"
            return f"\n{verdict.check} failed: {why}\nhow much its answers bear is not said, as {because}"
        case SmallestMargin(verdict, stated):
            margin = verdict.detail if stated else verdict.detail.partition("; stated")[0]
            margin += f"; {OWN}" if not stated and OWN in verdict.detail else ""
            seen = f"{verdict.method}, {counted_of(verdict.contexts, verdict.total)} contexts"
            return f"\nsmallest margin: {margin} ({seen})"
        case Certified(change):
            return _certified(change)
        case Breaking(change, where):
            return _breaking(change, where)
        case FamilyEdge(dtype, edge):
            return f"in {dtype} the family is {_reaching(edge)}"
        case NothingStated():
            return "\nno answer is stated of it: where logits are equal but for rounding, so is the comparison"
        case InType(name, same, seen):
            return f"in {name} {'the same answers' if same else 'not the same answers'}: {seen}"


def _certified(change: float | None) -> str:
    if change is None:
        return "by how much every weight may be off was not settled in the time allowed"
    if not change > 0:
        return "no change of the weights is certified to keep every right answer"
    off = at_least(100 * Decimal(change))
    return f"every weight may be off by {off} % of itself, and no right answer changes (certified)"


def _breaking(change: float | None, where: str) -> str:
    if change is None:
        return "whether a change of the weights breaks an answer was not settled in the time allowed"
    if where == "":
        return "no breaking change was found"
    return f"off by {at_most(100 * Decimal(change))} %, the answer after {where} can change"


def _reaching(edge: Edge) -> str:
    if edge.wrong is not None:
        first, last = written(edge.context[:4]), written(edge.context[-4:])
        where = f"{first}…{last}" if len(edge.context) > 8 else written(edge.context)
        where = f"after {where}" if edge.at is None else f"in {where}, at token {edge.at + 1}"
        return f"right up to n_ctx {edge.right}, wrong at {edge.wrong} {where}"
    beyond = f"not settled at {edge.sought}" if edge.sought > edge.right else "the largest that was looked at"
    return f"right at least up to n_ctx {edge.right}, {beyond}"
