"""`zoo count`: how many contexts are right, exactly or in an interval that narrows with time."""

import argparse
import os
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from properties.command.arguments import Commands, add_domain, add_dtype, add_json, add_models, add_n_ctx, command
from properties.command.finding import find_all, with_domain
from properties.command.spread import Spread, add_spread, spread
from zoo import progress, registry
from zoo.errors import ModelError, ZooError

if TYPE_CHECKING:
    from properties.counting import Count
    from zoo.model import Model

SECONDS = 60.0


def add(commands: Commands) -> None:
    text = "Count the contexts in which models are right: exactly, or at least and at most so many."
    one = command(commands, "count", count, text)
    add_models(one, "all of the zoo that can be counted if none is given")
    one.add_argument("--rule", metavar="FILE.py:NAME", help="what is right (the file is run)")
    one.add_argument("--length", type=int, nargs="+", metavar="N", help="only contexts of so many tokens")
    one.add_argument(
        "--gap", type=float, default=0.0, metavar="G", help="stop where no more than this share is open (0)"
    )
    text = f"of the processor, for each model ({SECONDS:g}); what is not settled by then is open"
    one.add_argument("--max-seconds", type=float, default=SECONDS, metavar="S", help=text)
    add_n_ctx(one)
    add_dtype(one)
    add_domain(one)
    add_spread(one)
    add_json(one, "the counts")


def count(options: argparse.Namespace) -> int:
    """Exit status 1 where a gap was asked for that was not reached."""
    from properties.counting import check
    from properties.report import counts as report

    if not 0 <= options.gap < 1:
        raise ModelError(f"--gap is {options.gap}, but should be a share of all contexts, from 0 to below 1")
    if not options.max_seconds > 0:
        raise ModelError(f"--max-seconds is {options.max_seconds}, but should be above 0")
    models, sources = [], []
    for target, model in find_all(options.names, options.n_ctx):
        rule = model.rule if options.rule is None else registry.load_function(options.rule)
        model = model if options.dtype is None else model.astype(options.dtype)
        model = with_domain(replace(model, rule=rule), options)
        try:
            check(model, options.length)
        except ZooError:
            if options.names:
                raise
            continue
        models.append(model)
        sources.append(model.source if os.path.exists(target) else "")  # what a file did not say, for one
    found: list[Count] = []
    try:
        with spread(options, models) as spreading:
            for model in models:
                _count(model, options, found, spreading)
    except KeyboardInterrupt:  # what is certain so far
        report.counts(found, sources, options.json)
        raise
    report.counts(found, sources, options.json)
    reached = all(one.open <= Fraction(options.gap) * one.total for one in found)
    return 0 if reached or not options.gap else 1


def _count(model: "Model", options: argparse.Namespace, found: "list[Count]", spreading: Spread) -> None:
    """Counts one model; what was found goes last into the list, also where it is interrupted."""
    from properties.counting import Counting

    counting = Counting(model, options.length, *spreading)
    found.append(counting.so_far())
    try:
        for _ in progress.steps(counting.steps(options.gap, options.max_seconds), "sets of contexts"):
            pass
    finally:
        found[-1] = counting.so_far()
