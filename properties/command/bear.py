"""`zoo mutate`: how much a model and its checks bear."""

import argparse
import json
import sys

from properties.command.arguments import Commands, add_json, add_models, command
from properties.command.finding import find_all
from properties.command.spread import add_spread, spread
from zoo import progress
from zoo.errors import FailingError, ModelError, printable


def add(commands: Commands) -> None:
    text = "Change every weight in turn: does a check notice, or does no answer change?"
    one = command(commands, "mutate", mutate, text)
    add_models(one, "if none is given, all that say what is right")
    one.add_argument("--all", action="store_true", help="a line for each mutant, not for each kind")
    add_spread(one)
    one.add_argument("--sample", type=int, metavar="N", help="of each model so many, drawn at random (all)")
    add_json(one, "the counts")


def mutate(options: argparse.Namespace) -> int:
    from properties.report import verdicts as report
    from properties.robustness import mutants

    if options.sample is not None and options.sample < 1:
        raise ModelError(f"--sample is {options.sample}, but should be a whole number from 1 on")
    models = [model for _, model in find_all(options.names) if options.names or mutants.checked(model)]
    try:
        for model in models:  # before minutes are spent on another
            mutants.refuse_failing(model)
        with spread(options, models) as (executor, keep):
            results = [
                (model, list(mutants.stories(model, options.sample, executor, keep)))
                for model in progress.steps(models, "models")
            ]
    except FailingError as error:
        print(f"zoo: {printable(str(error))}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.mutants_as_json(results), indent=2))
    else:
        report.mutants(results, each=options.all)
    return 0
