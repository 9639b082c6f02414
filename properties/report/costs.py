"""What models cost, as tables and as JSON."""

import sys
from collections.abc import Iterable, Sequence
from typing import Any

from rich.table import Table

from properties.report.console import console, grid
from zoo.contexts import counted
from zoo.cost.counted import Cost
from zoo.cost.ladder import Rung
from zoo.cost.picture import duration


def costs_as_json(costs: Iterable[Cost]) -> dict[str, Any]:
    """The documented schema, version 1; docs/json.md spells it out."""
    models = [
        {
            "name": cost.name,
            "n_ctx": cost.n_ctx,
            **({} if cost.contexts is None else {"longest": cost.longest}),
            "flops": cost.flops,
            "parameters": None if cost.parameters is None else vars(cost.parameters),
            "instructions": cost.instructions,
            "implementations": _implementations(cost.rungs),
        }
        for cost in costs
    ]
    return {"version": 1, "models": models}


def _implementations(rungs: Iterable[Rung]) -> list[dict[str, Any]]:
    seconds = {rung.name: rung.seconds for rung in rungs}
    return [
        {
            "name": rung.name,
            "contexts": rung.contexts,
            "seconds_per_context": rung.seconds,
            "times_baseline": _times(rung.seconds, seconds.get("baseline")),
            "times_rule": _times(rung.seconds, seconds["rule"]),
        }
        for rung in rungs
    ]


def _encodable(text: str) -> str:
    """With "us" where the stream has no µ."""
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return text.replace("µ", "u")
    return text


def _times(one: float | None, other: float | None) -> float | None:
    """How many times the other's cost; None where either was not run."""
    return one / other if one is not None and other is not None else None


def costs(found: Sequence[Cost]) -> None:
    """What is counted, side by side; then what was timed, a table for each model."""
    table = grid("model", "n_ctx", "FLOPs", "parameters", "nonzero", "unique", "instructions")
    for cost in found:
        most = "-" if cost.instructions is None else "{least} to {most}".format(**cost.instructions)
        parameters = (None,) * 3 if cost.parameters is None else vars(cost.parameters).values()
        counts = (cost.n_ctx, cost.flops, *parameters)
        table.add_row(cost.name, *("-" if count is None else f"{count:,}" for count in counts), most)
    console().print(table)
    for cost in found:
        if cost.contexts is not None:
            of_domain = f"the {counted(cost.contexts)} contexts of its domain, of at most {cost.longest} tokens"
            console().print(f"{cost.name}: in {of_domain}")
    for cost in found:
        if cost.rungs:
            console().print(f"\n{cost.name}, each context")
            console().print(_timed(cost.rungs))
            for rung in cost.rungs:
                if rung.seconds is None:
                    console().print(f"{rung.name} was not run: {rung.reason}", soft_wrap=True)


def _timed(rungs: Sequence[Rung]) -> Table:
    table = grid("implementation", "contexts", "time", "x baseline", "x rule", "FLOPs or instructions")
    for rung, times in zip(rungs, _implementations(rungs)):
        ratios = ("-" if x is None else f"{x:.3g}" for x in (times["times_baseline"], times["times_rule"]))
        work = "-" if rung.operations is None else f"{rung.operations:,.0f}"
        taken = "-" if rung.seconds is None else _encodable(duration(rung.seconds))
        table.add_row(rung.name, f"{rung.contexts:,}", taken, *ratios, work)
    return table
