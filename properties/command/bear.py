"""`zoo mutate`: how much a model and its checks bear."""

import argparse
import json
import sys

from properties.command.arguments import Commands, add_json, add_models, add_n_ctx, command
from properties.command.finding import find_all
from properties.command.spread import add_spread, spread
from zoo import progress
from zoo.errors import FailingError, ModelError, printable


def add(commands: Commands) -> None:
    text = "Change every weight in turn: does a check notice, or does no answer change?"
    one = command(commands, "mutate", mutate, text)
    add_models(one, "all that say what is right and are not too large, if none is given")
    one.add_argument("--all", action="store_true", help="a line for each mutant, not for each kind")
    add_spread(one)
    one.add_argument("--sample", type=int, metavar="N", help="of each model so many, drawn at random (all)")
    add_n_ctx(one)
    add_json(one, "the counts")


def mutate(options: argparse.Namespace) -> int:
    from properties.report import verdicts as report
    from properties.robustness import mutants

    if options.sample is not None and options.sample < 1:
        raise ModelError(f"--sample is {options.sample}, but should be a whole number from 1 on")
    models, left_out = [model for _, model in find_all(options.names, options.n_ctx)], []
    if not options.names:
        reasons = {model: mutants.too_many(model, options.sample) for model in models if mutants.checked(model)}
        models = [model for model, why in reasons.items() if not why]
        left_out = [why for why in reasons.values() if why]
    try:
        for model in models:  # before minutes are spent on another
            mutants.refuse_failing(model)
            if why := mutants.too_many(model, options.sample):
                raise ModelError(why)
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
        report.without(left_out)
    return 0
