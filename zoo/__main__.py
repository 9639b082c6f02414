"""The command: `zoo list`, `verify`, `predict`, `complete`, `show`, `inspect`, `export`, `cost`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from typing import Any

from zoo import registry
from zoo.errors import ModelError, UnknownNameError, ZooError
from zoo.model import Context, Model

# What only one command needs is imported where it is used: the start-up stays quick.


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all holds, or deviates as stated; 1: something failed or is undecided; 2: usage or bad input."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ZooError as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        sys.stderr.close()
        return 0


def parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(prog="zoo", description="Hand-built transformers, checked in every context.")
    result.add_argument("--version", action="version", version=f"handmade-zoo {metadata.version('handmade-zoo')}")
    commands = result.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=text, description=text)
        one.set_defaults(run=run)
        return one

    one_model: dict[str, Any] = {
        "metavar": "NAME",
        "help": "a model of the zoo, a directory that holds one, or a Python file that defines MODEL (it is run)",
    }
    some_models = one_model | {"nargs": "*", "help": f"{one_model['help']}; all of the zoo if none is given"}

    command("list", list_models, "List the models of the zoo.")
    verify_ = command("verify", verify, "Check models in every context. Model files are Python code and are run.")
    verify_.add_argument("names", **some_models)
    verify_.add_argument("--check", nargs="+", default=[], metavar="NAME", help="only these checks")
    verify_.add_argument("--json", action="store_true", help="print verdicts as JSON")
    verify_.add_argument("--rule", metavar="FILE.py:NAME", help="hold the model to this function (the file is run)")
    predict_ = command("predict", predict, "Print the token a model says next.")
    complete_ = command("complete", complete, "Print the tokens a model says next, each fed back to it.")
    complete_.add_argument("-n", type=int, default=15, help="how many tokens (15)")
    show_ = command("show", show, "Print a model's weights as sentences and its claims, and how it reads a context.")
    for one in (predict_, complete_, show_):
        one.add_argument("name", **one_model)
        one.add_argument("context", metavar="CONTEXT", nargs="?" if one is show_ else None, help=CONTEXT_HELP)
    export_ = command("export", export, "Write a model to a new directory, and say what reading it back gives.")
    export_.add_argument("name", **one_model)
    export_.add_argument("directory", metavar="DIR", help="where to; it must not exist")
    export_.add_argument("--format", choices=("gpt2", "zoo"), required=True, help="for others' programs, or our own")
    export_.add_argument("--n-ctx", type=int, metavar="N", help="that member of a family")
    inspect_ = command(
        "inspect", inspect, "Look inside: parameters, what W_Q W_K^T and W_V W_O are, how a context is read."
    )
    inspect_.add_argument("name", **one_model)
    inspect_.add_argument("context", metavar="CONTEXT", nargs="?", help=CONTEXT_HELP)
    inspect_.add_argument("--json", action="store_true", help="print everything as JSON")
    inspect_.add_argument("--svg", metavar="FILE", help="draw the attentions and the small matrices to this file")
    cost_ = command("cost", cost, "Count operations, parameters and instructions.")
    cost_.add_argument("names", **some_models)
    cost_.add_argument("--json", action="store_true", help="print the counts as JSON")
    return result


CONTEXT_HELP = "the tokens so far, as one word; separated by spaces where tokens are more than one character"


def find(name: str) -> Model:
    """A model by its name, or the one in a file or directory if the name looks like a path."""
    if Path(name).is_dir() and name not in registry.names():
        from zoo import files

        return files.read(name)
    return registry.load_file(name) if name.endswith(".py") or "/" in name else registry.load(name)


def find_all(names: Sequence[str]) -> list[tuple[str, Model]]:
    """Models with what they were asked for by; two that have the same name cannot be told apart in a table."""
    found = [(name, find(name)) for name in names or registry.names()]
    for i, (target, model) in enumerate(found):
        for other, earlier in found[:i]:
            if earlier.name == model.name:
                raise ModelError(f"{target} repeats the name {model.name!r} of {other}, but should have its own")
    return found


def read_context(model: Model, text: str) -> Context:
    return text if model.reads_strings else tuple(text.split())


def list_models(options: argparse.Namespace) -> int:
    from zoo import report

    report.list_models([model for _, model in find_all([])])
    return 0


def verify(options: argparse.Namespace) -> int:
    from properties import checks, report

    found = find_all(options.names)
    if options.rule:
        rule = registry.load_function(options.rule)
        found = [(target, replace(model, rule=rule)) for target, model in found]
    planned = [(target, model, checks(model, options.check)) for target, model in found]
    for name in options.check:
        if not any(name == chosen for *_, run in planned for chosen, _ in run):
            raise UnknownNameError(f"the check {name!r} applies to none of these models, and would settle nothing")
    results = [(target, model, [run(model) for _, run in chosen]) for target, model, chosen in report.progress(planned)]
    if options.json:
        print(json.dumps(report.as_json([(model, verdicts) for _, model, verdicts in results]), indent=2))
    else:
        report.table(results)
    return 0 if all(verdict.passed for *_, verdicts in results for verdict in verdicts) else 1


def predict(options: argparse.Namespace) -> int:
    model = find(options.name)
    print(model.predict(read_context(model, options.context)))
    return 0


def complete(options: argparse.Namespace) -> int:
    model = find(options.name)
    print(model.complete(read_context(model, options.context), options.n))
    return 0


def show(options: argparse.Namespace) -> int:
    from zoo import report

    model = find(options.name)
    report.show(model)
    if options.context is not None:
        report.show_context(model, read_context(model, options.context))
    return 0


def export(options: argparse.Namespace) -> int:
    from zoo import files, report

    model = find(options.name) if options.n_ctx is None else registry.load(options.name, options.n_ctx)
    (files.write_gpt2 if options.format == "gpt2" else files.write_zoo)(model, options.directory)
    report.exported(model, files.read(options.directory), options.directory)
    return 0


def inspect(options: argparse.Namespace) -> int:
    from zoo import inspecting, report_inspect

    model = find(options.name)
    found = inspecting.inspect(model, None if options.context is None else read_context(model, options.context))
    if options.svg:
        report_inspect.write_svg(model, found, options.svg)
    print(json.dumps(found, indent=2)) if options.json else report_inspect.show(found)
    return 0


def cost(options: argparse.Namespace) -> int:
    from zoo import report

    models = [model for _, model in find_all(options.names)]
    if options.json:
        print(json.dumps(report.costs_as_json(models), indent=2))
    else:
        report.costs(models)
    return 0


if __name__ == "__main__":
    sys.exit(main())
