"""Verdicts for people, as a table, and for programs, as JSON."""

import json
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from rich.table import Column
from rich.text import Text

from properties.checks.table import CHECKS
from properties.checks.verdict import Verdict
from properties.report import tables
from properties.report.black_box import about
from properties.report.console import console, grid
from zoo.black_box import BlackBox
from zoo.contexts import counted, written
from zoo.digits import at_least
from zoo.domain import as_data
from zoo.errors import printable
from zoo.model import Model

if TYPE_CHECKING:  # a command that neither confirms nor mutates need not import what does
    from properties.recheck import Rechecked
    from properties.robustness.mutants import Story

Result = tables.Result
Length = Literal["failures", "models", "checks"]


def verdicts(
    results: Sequence[Result],
    as_object: bool,
    every: bool,
    at_length: Length = "models",
    names: Sequence[str] = (),
    accept_sampled: bool = False,
) -> int:
    """Prints verdicts; the exit status: 0 where all hold or deviate as stated, else 1.

    With `accept_sampled` it is 0 also where nothing wrong was found on a sample: what is printed stays the same.
    `names` are the checks that were asked for: in a table of checks they have a line also where they apply to none.
    """
    if as_object:
        print(json.dumps(as_json(results, every), indent=2))
    else:
        told(results, every, at_length, names)
    every_one = (verdict for *_, found in results for verdict in found)
    return 0 if all(verdict.passed or (accept_sampled and verdict.sampled) for verdict in every_one) else 1


def left_out(names: Sequence[str]) -> None:
    """Prints which models of the zoo a table of all is without."""
    if names:
        console().print(f"left to zoo verify --large: {', '.join(names)}")


def without(reasons: Sequence[str]) -> None:
    """Prints why models of the zoo are left out, a line for each."""
    for reason in reasons:
        console().print(f"left out: {reason}", soft_wrap=True)


def as_json(results: Iterable[Result], every: bool = False) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {
            "name": model.name,
            "n_ctx": model.n_ctx,
            **_what_it_is(model),
            **({} if model.domain is None else {"domain": as_data(model.domain)}),
            "holds": all(verdict.passed for verdict in verdicts),
            "verdicts": [verdict.as_json(every) for verdict in verdicts],
        }
        for _, model, verdicts in results
    ]
    return {"version": 1, "holds": all(model["holds"] for model in models), "models": models}


def _what_it_is(model: Model) -> dict[str, Any]:
    """Of a black box, what its author says and what was counted in place of the number type."""
    if not isinstance(model, BlackBox):
        return {"dtype": str(model.transformer.dtype)}
    parameters = None if model.parameters is None else vars(model.parameters)
    return {"dtype": None, "black_box": {"metadata": model.words, "parameters": parameters}}


def told(
    results: Sequence[Result], every: bool = False, at_length: Length = "models", asked: Sequence[str] = ()
) -> None:
    """A line for each model, a table of all checks, or neither; what did not simply hold; and how many there are."""
    out = console()
    if at_length == "models":
        tables.models(out, results)
    elif at_length == "checks":
        tables.checks(out, results, asked)
    if at_length != "failures":
        out.print()
    for requested, model, verdicts in results:
        for verdict in verdicts:
            if (
                verdict.status == "holds"
                and verdict.check == "rule"
                and model.answers == "every"
                and at_length != "failures"
            ):
                out.print(f"{model.name}: {verdict.detail}", soft_wrap=True)  # in the table contexts are counted
            if not verdict.passed or (verdict.status != "holds" and at_length != "failures"):
                text = printable(verdict.message(requested, every))
                out.print(Text(text, style=tables.STYLES[verdict.status]), soft_wrap=True)
        if isinstance(model, BlackBox) and at_length != "failures":
            out.print(Text(printable(_of_black_box(model))), soft_wrap=True)
    every_one = [verdict for *_, verdicts in results for verdict in verdicts]
    models, checks = (f"{n} {noun}{'s' * (n != 1)}" for n, noun in ((len(results), "model"), (len(every_one), "check")))
    out.print(f"{models}, {checks}: {_summary(every_one)}", soft_wrap=True)


def _of_black_box(model: BlackBox) -> str:
    """Which checks do not apply, and what is known of it besides its answers."""
    missing = ", ".join(name for name, entry in CHECKS.items() if entry.needs != "answers")
    return "\n    ".join(
        [f"{model.name} is a black box, and its logits and weights are not known: no {missing}", *about(model)]
    )


def _summary(verdicts: Sequence[Verdict]) -> str:
    """ "41 hold, 3 of them on a sample, 1 failed": how many there are of each status."""
    parts = list(tables.tallied(verdict.status for verdict in verdicts).values())
    held = [verdict.method for verdict in verdicts if verdict.status == "holds"]
    if sampled := held.count("sampled"):
        parts.insert(1, "on a sample" if sampled == len(held) else f"{sampled} of them on a sample")
    return ", ".join(parts)


def rechecked(model: Model, certificate: dict[str, Any], found: "Rechecked") -> None:
    """What a certificate was confirmed to prove, and by what."""
    out = console()
    least, domain = "", "" if model.domain is None else " of the domain"
    if math.isfinite(found.margin):
        where = "" if found.with_margin == found.contexts else f"in {counted(found.with_margin)} of them "
        least = f", {where}by {at_least(Decimal(found.margin))} at least"
    what = "at {} positions of contexts" if model.answers == "every" else "in {} contexts"
    out.print(
        f"confirmed: {model.name} (n_ctx {model.n_ctx}, {certificate['dtype']}) answers as"
        f" {certificate['function']['name']} says {what.format(counted(found.contexts))}{domain}{least}",
        soft_wrap=True,
    )
    runs = found.runs + found.undecided_runs
    out.print(f"{found.leaves} leaves: {found.bounds} proved, {runs} of one context, {found.skipped} unspecified")
    if found.undecided_runs:
        contexts = f"{found.undecided_runs} context{'s' * (found.undecided_runs > 1)}"
        right = "is" if found.undecided_runs == 1 else "are"
        out.print(f"{contexts} {right} right by a run of the program alone: rounding might change that")
    if found.unspecified:
        name = certificate["function"]["name"]
        where = f"at {counted(found.unspecified)} of them" if model.answers == "every" else ""
        where = where or f"in {counted(found.unspecified)} of the contexts"
        out.print(f"{where} {name} permits nothing, or everything")


def mutants_as_json(results: Iterable[tuple[Model, list["Story"]]]) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {"name": model.name, "mutants": len(stories), **{o: _outcomes(stories)[o] for o in ("caught", "equal", "open")}}
        for model, stories in results
    ]
    return {"version": 1, "models": models}


def mutants(results: Iterable[tuple[Model, list["Story"]]], each: bool) -> None:
    """What became of the mutants: a line for each, or for all that are alike; the context shown is the shortest."""
    out = console()
    for model, stories in results:
        groups: dict[tuple[str, ...], list[Story]] = {}
        for story in stories:
            index = str(list(story.mutant.index)) if each and story.mutant.index else ""
            groups.setdefault((story.mutant.place, index, story.mutant.change, story.outcome, story.check), []).append(
                story
            )
        table = grid(Column("", justify="right"), "place", "at", "change", "outcome", "by", "shortest context")
        for key, alike in groups.items():
            contexts = [story.context for story in alike if story.context is not None]
            shortest = min(contexts, key=len, default=None)
            table.add_row(str(len(alike)), *key, "" if shortest is None else written(shortest))
        counts = _outcomes(stories)
        out.print(Text(model.name, style="bold"))
        out.print(table)
        summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("caught", "equal", "open"))
        out.print(f"{model.name}: {len(stories)} mutants, {summary}\n")


def _outcomes(stories: list["Story"]) -> Counter[str]:
    return Counter(story.outcome for story in stories)
