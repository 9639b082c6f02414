"""`zoo cost` and `distill`: what an answer costs, and the program that costs least."""

import argparse
import json

from properties.command.arguments import Commands, add_json, add_model, add_models, add_n_ctx, command
from properties.command.finding import find, find_all
from zoo import progress
from zoo.errors import UnknownNameError


def add(commands: Commands) -> None:
    text = "Count operations, parameters and instructions; time the models named, by every implementation."
    one = command(commands, "cost", cost, text)
    add_models(one)
    add_n_ctx(one, "that member of the families named")
    add_json(one, "the counts")
    one.add_argument("--svg", metavar="FILE", help="draw the times of the one model named into a file")

    text = "Print the smallest program found that answers as a model in every context."
    one = command(commands, "distill", distill, text)
    add_model(one)
    one.add_argument("--to", choices=["python", "c", "x86"], default="python", help="what to write it in (python)")
    add_n_ctx(one, "that member of the model's family")


def cost(options: argparse.Namespace) -> int:
    from properties.report import model as report
    from zoo.cost import ladder, picture

    if not options.names and (options.n_ctx is not None or options.svg is not None):
        raise UnknownNameError("no model is named, but --svg should go with one and --n-ctx with at least one")
    if options.svg is not None:
        if (named := len(options.names)) > 1:
            raise UnknownNameError(f"{named} models are named, but --svg should go with one: it draws one model")
        picture.check(options.svg)  # before minutes are spent
    models = [model for _, model in find_all(options.names, options.n_ctx)]
    ladders = {model.name: ladder.ladder(model) for model in models if options.names}  # without names it stays quick
    if options.svg is not None:
        picture.write(options.svg, picture.ladder(models[0], ladders[models[0].name]))
    if options.json:
        print(json.dumps(report.costs_as_json(models, ladders), indent=2))
    else:
        report.costs(models, ladders)
    return 0


def distill(options: argparse.Namespace) -> int:
    from zoo.distill import checked_program

    model = find(options.name, options.n_ctx)
    with progress.busy("distilling"):
        text = checked_program.write(model, options.to)
    print(text, end="")
    return 0
