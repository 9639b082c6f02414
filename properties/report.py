"""Verdicts for people, as a table, and for programs, as JSON."""

import json
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from decimal import ROUND_FLOOR, Context
from functools import partial
from typing import Any

import numpy as np
from rich.text import Text

from properties import precision, tolerance
from properties.answers import states_figures_only
from properties.checks import CHECKS
from properties.edges import Edge, validity_edge
from properties.mutants import Story
from properties.recheck import Rechecked
from properties.survey import PROOF_SECONDS, affordable
from properties.verdict import Verdict, written
from zoo.contexts import counted
from zoo.errors import printable
from zoo.model import Model
from zoo.report import console, grid

Result = tuple[str, Model, list[Verdict]]  # what the model was asked for by, the model, its verdicts
STYLES = {"holds": "green", "deviates": "yellow", "undecided": "yellow", "failed": "bold red"}


def verdicts(results: Sequence[Result], as_object: bool, every: bool) -> int:
    """Prints verdicts; the exit status: 0 where all hold or deviate as stated, else 1."""
    if as_object:
        print(json.dumps(as_json(results, every), indent=2))
    else:
        table(results, every)
    return 0 if all(verdict.passed for *_, found in results for verdict in found) else 1


def as_json(results: Iterable[Result], every: bool = False) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {
            "name": model.name,
            "n_ctx": model.n_ctx,
            "dtype": str(model.transformer.dtype),
            "holds": all(verdict.passed for verdict in verdicts),
            "verdicts": [verdict.as_json(every) for verdict in verdicts],
        }
        for _, model, verdicts in results
    ]
    return {"version": 1, "holds": all(model["holds"] for model in models), "models": models}


def table(results: Sequence[Result], every: bool = False) -> None:
    """Checks x models, as many models side by side as there is room for; then what did not simply hold, at length."""
    out = console()
    names = list(dict.fromkeys(verdict.check for *_, verdicts in results for verdict in verdicts))
    names.sort(key=lambda name: list(CHECKS).index(name) if name in CHECKS else -1)
    columns = [
        (model.name, [_cell(verdicts, name) for name in names], _smallest(verdicts)) for _, model, verdicts in results
    ]
    room = out.width - 14
    while columns:
        shown = [columns.pop(0)]
        used = _width(shown[0])
        while columns and used + _width(columns[0]) <= room:
            used += _width(columns[0])
            shown.append(columns.pop(0))
        side_by_side = grid("check", *(name for name, *_ in shown))
        for row, check in enumerate(names):
            side_by_side.add_row(check, *(cells[row] for _, cells, _ in shown))
        side_by_side.add_row("smallest margin", *(margin for *_, margin in shown), style="bold")
        out.print(side_by_side)
        out.print()
    for target, _, verdicts in results:
        for verdict in verdicts:
            if verdict.status != "holds":
                out.print(Text(printable(verdict.message(target, every)), style=STYLES[verdict.status]), soft_wrap=True)
    counts: dict[str, int] = dict.fromkeys(STYLES, 0)
    for *_, verdicts in results:
        for verdict in verdicts:
            counts[verdict.status] += 1
    said = {"holds": "hold", "deviates": "deviate as stated", "undecided": "undecided", "failed": "failed"}
    summary = ", ".join(f"{count} {said[status]}" for status, count in counts.items() if count)
    total = sum(counts.values())
    models, checks = (f"{n} {noun}{'s' * (n != 1)}" for n, noun in ((len(results), "model"), (total, "check")))
    out.print(f"{models}, {checks}: {summary}")


def _cell(verdicts: list[Verdict], check: str) -> Text:
    """What a check looked at: "all 62", a sample, or nothing but its own inputs."""
    for verdict in verdicts:
        if verdict.check == check:
            seen = {
                "enumerated": f"all {counted(verdict.contexts)}",
                "proved": f"all {counted(verdict.contexts)}",
                "sampled": f"{counted(verdict.contexts)} sampled",
                "computed": verdict.detail.partition(":")[0] if verdict.status == "holds" else "",
            }[verdict.method]
            text = seen if verdict.status == "holds" else f"{verdict.status.upper()} {seen}".rstrip()
            return Text(text, style=STYLES[verdict.status])
    return Text("-", style="dim")


def _smallest(verdicts: list[Verdict]) -> str:
    margins = [verdict.margin for verdict in verdicts if verdict.margin is not None]
    return f"{min(margins):.6g}" if margins else "-"


def _width(column: tuple[str, list[Text], str]) -> int:
    name, cells, margin = column
    return 2 + max(len(name), len(margin), *(len(cell) for cell in cells))


def _in_dtype(build: Callable[[int], Model], dtype: type, n_ctx: int) -> Model:
    model = build(n_ctx)
    return replace(model, transformer=model.transformer.astype(dtype))


def _said(edge: Edge) -> str:
    if edge.wrong is not None:
        where = f"{edge.context[:4]}…{edge.context[-4:]}"
        return f"right up to n_ctx {edge.right}, wrong at {edge.wrong} after {where}"
    beyond = f"not settled at {edge.sought}" if edge.sought > edge.right else "the largest that was looked at"
    return f"right at least up to n_ctx {edge.right}, {beyond}"


def robustness(model: Model, build: Callable[[int], Model] | None) -> None:
    """How far every answer is from another one: in logits, in weights, in digits, for a family in tokens."""
    out = console()
    if not states_figures_only(model):
        verdict = CHECKS["margin"].run(model if model.margin is not None else replace(model, margin=0))
        least = verdict.detail if model.margin is not None else verdict.detail.partition("; stated")[0]
        seen = f"{verdict.method}, {counted(verdict.contexts)} contexts"
        out.print(f"\nsmallest margin: {least} ({seen})", soft_wrap=True)
    if model.predictors or model.rule is not None:
        try:
            certain = tolerance.certified(model, PROOF_SECONDS["auto"])
            out.print(f"every weight may be off by {certain:.2%} of itself, and no right answer changes (certified)")
        except tolerance.OutOfTimeError:
            out.print("by how much every weight may be off was not settled in the time allowed")
        if affordable(model):
            try:
                change, where = tolerance.breaking(model, PROOF_SECONDS["auto"])
                out.print(
                    "no breaking change was found"
                    if where == ""
                    else f"off by {change:.2%}, the answer after {where} can change"
                )
            except tolerance.OutOfTimeError:
                out.print("whether a change of the weights breaks an answer was not settled in the time allowed")
    if build is not None:
        for dtype in (np.float64, np.float32):
            out.print(f"in {dtype.__name__} the family is {_said(validity_edge(partial(_in_dtype, build, dtype)))}")
    for name, same, seen in precision.survives(model):
        out.print(f"in {name} {'the same answers' if same else 'not the same answers'}: {seen}")


def rechecked(model: Model, certificate: dict[str, Any], found: Rechecked) -> None:
    """What a certificate was confirmed to prove, and by what."""
    out = console()
    down = Context(prec=6, rounding=ROUND_FLOOR).create_decimal_from_float(found.margin)
    least = f", by {down:g} at least" if math.isfinite(found.margin) else ""
    out.print(
        f"confirmed: {model.name} (n_ctx {model.n_ctx}, {certificate['dtype']}) answers as"
        f" {certificate['function']['name']} says in {counted(found.contexts)} contexts{least}",
        soft_wrap=True,
    )
    out.print(f"{found.leaves} leaves: {found.bounds} proved, {found.runs} of one context, {found.skipped} unspecified")
    if found.undecided_runs:
        out.print(
            f"{found.undecided_runs} contexts are right by a run of the program alone: rounding might change that"
        )


def mutants_as_json(results: Iterable[tuple[Model, list[Story]]]) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {"name": model.name, "mutants": len(stories), **{o: _outcomes(stories)[o] for o in ("caught", "equal", "open")}}
        for model, stories in results
    ]
    return {"version": 1, "models": models}


def mutants(results: Iterable[tuple[Model, list[Story]]], each: bool) -> None:
    """What became of the mutants: a line for each, or for all that are alike; the context shown is the shortest."""
    out = console()
    for model, stories in results:
        groups: dict[tuple[str, ...], list[Story]] = {}
        for story in stories:
            index = str(list(story.mutant.index)) if each and story.mutant.index else ""
            groups.setdefault((story.mutant.place, index, story.mutant.change, story.outcome, story.check), []).append(
                story
            )
        table = grid("mutants", "place", "at", "change", "outcome", "by", "shortest context")
        for key, alike in groups.items():
            contexts = [story.context for story in alike if story.context is not None]
            shortest = min(contexts, key=len, default=None)
            table.add_row(str(len(alike)), *key, "" if shortest is None else written(shortest))
        counts = _outcomes(stories)
        out.print(Text(model.name, style="bold"))
        out.print(table)
        summary = ", ".join(f"{counts[outcome]} {outcome}" for outcome in ("caught", "equal", "open"))
        out.print(f"{model.name}: {len(stories)} mutants, {summary}\n")


def _outcomes(stories: list[Story]) -> Counter[str]:
    return Counter(story.outcome for story in stories)
