"""The command `zoo`, with `verify`, `compare`, `mutate`, `predict`, `show`, `inspect`, `export`, `cost` and others."""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from zoo import progress, registry
from zoo.errors import ContextError, FailingError, ModelError, UnknownNameError, ZooError, printable
from zoo.model import Context, Model

# What only one command needs is imported where it is used: the start-up stays quick.


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0: all holds, or deviates as stated; 1: something failed or is undecided; 2: usage or bad input.

    130: interrupted, as by Ctrl-C.
    """
    try:
        options = parser().parse_args(arguments)
        return int(options.run(options))
    except ZooError as error:
        print(f"zoo: {printable(str(error))}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, `head` say, has what it wanted
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nor can the rest be flushed at the end
        return 0
    except KeyboardInterrupt:
        pass  # what was interrupted is cleaned up once nothing here holds it any more: then it is said
    exec("")  # one that was interrupted, as importing a dataclass may be, would make `python -m` end by the signal
    print("zoo: interrupted", file=sys.stderr)
    return 130


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
    verify_.add_argument("--check", nargs="+", action="extend", default=[], metavar="NAME", help="only these checks")
    methods = ["auto", "enumerate", "prove", "sample"]
    verify_.add_argument("--method", choices=methods, default="auto", help="how to settle what is said of all contexts")
    verify_.add_argument("--n-ctx", type=int, metavar="N", help="the member of a family that reads N tokens")
    verify_.add_argument("--dtype", choices=DTYPES, help="the arithmetic; as the arrays are by default")
    verify_.add_argument("--all", action="store_true", help="print every context that is wrong, not only the shortest")
    verify_.add_argument("--certificate", metavar="FILE", help="prove one model, and write down what proves it")
    verify_.add_argument("--json", action="store_true", help="print verdicts as JSON")
    verify_.add_argument("--rule", metavar="FILE.py:NAME", help="hold the model to this function (the file is run)")
    recheck_ = command("recheck", recheck, "Confirm a certificate without the prover, by exact sums (python-flint).")
    recheck_.add_argument("certificate", metavar="CERTIFICATE", help="what verify --certificate wrote")
    recheck_.add_argument("name", **one_model)
    recheck_.add_argument("--n-ctx", type=int, metavar="N", help="the member of a family that reads N tokens")
    recheck_.add_argument("--rule", metavar="FILE.py:NAME", help="what the certificate is about (the file is run)")
    compare_ = command("compare", compare, "Do two models give the same answer in every context?")
    compare_.add_argument("names", nargs=2, metavar="NAME", help=one_model["help"])
    compare_.add_argument("--all", action="store_true", help="print every difference, not only the shortest")
    compare_.add_argument("--json", action="store_true", help="print the verdict as JSON")
    predict_ = command("predict", predict, "Print the token a model says next.")
    complete_ = command("complete", complete, "Print the tokens a model says next, each fed back to it.")
    complete_.add_argument("-n", type=int, default=15, help="how many tokens (15)")
    show_ = command("show", show, "Print a model's weights as sentences and its claims, and how it reads a context.")
    for one in (predict_, complete_, show_):
        one.add_argument("name", **one_model)
        one.add_argument("context", metavar="CONTEXT", nargs="?" if one is show_ else None, help=CONTEXT_HELP)
        one.add_argument("--n-ctx", type=int, metavar="N", help="the member of a family that reads N tokens")
        one.add_argument("--dtype", choices=DTYPES, help="the arithmetic; as the arrays are by default")
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
    inspect_.add_argument("--all", action="store_true", help="list every head and part, where there are many")
    inspect_.add_argument("--json", action="store_true", help="print everything as JSON")
    inspect_.add_argument("--svg", metavar="FILE", help="draw the attentions and the small matrices to this file")
    mutate_ = command("mutate", mutate, "Change every weight in turn: does a check notice, or does no answer change?")
    mutate_.add_argument(
        "names", **some_models | {"help": f"{one_model['help']}; if none is given, all that say what is right"}
    )
    mutate_.add_argument("--all", action="store_true", help="a line for each mutant, not for each kind")
    mutate_.add_argument("--json", action="store_true", help="print the counts as JSON")
    cost_ = command(
        "cost", cost, "Count operations, parameters and instructions; time the models named, by every implementation."
    )
    cost_.add_argument("names", **some_models)
    cost_.add_argument("--n-ctx", type=int, metavar="N", help="that member of the families named")
    cost_.add_argument("--json", action="store_true", help="print the counts as JSON")
    cost_.add_argument("--svg", metavar="FILE", help="draw the times of the one model named into a file")
    distill_ = command("distill", distill, "Print the smallest program found that answers as a model in every context.")
    distill_.add_argument("name", **one_model)
    distill_.add_argument("--to", choices=["python", "c", "x86"], default="python", help="what to write it in (python)")
    distill_.add_argument("--n-ctx", type=int, metavar="N", help="that member of the model's family")
    return result


DTYPES = ["float64", "float32"]
CONTEXT_HELP = "the tokens so far, as one word; with spaces, or as a JSON list, where tokens are longer"


def find(name: str, n_ctx: int | None = None) -> Model:
    """A model by its name, or the one in a file or directory if the name looks like a path."""
    if os.path.isdir(name) and name not in registry.names():
        from zoo import files

        if n_ctx is not None:
            raise ModelError(f"{name} is a directory and no family: it exists at its own n_ctx only")
        return files.read(name)
    return (registry.load_file if name.endswith(".py") or "/" in name else registry.load)(name, n_ctx)


def find_as(options: argparse.Namespace) -> Model:
    """The one model named, at the n_ctx and in the arithmetic that the options ask for."""
    model = find(options.name, options.n_ctx)
    return model if options.dtype is None else model.astype(options.dtype)


def find_all(names: Sequence[str], n_ctx: int | None = None) -> list[tuple[str, Model]]:
    """Models with what they were asked for by; two that have the same name cannot be told apart in a table."""
    found = [(name, find(name, n_ctx)) for name in names or registry.names()]
    for i, (target, model) in enumerate(found):
        for other, earlier in found[:i]:
            if earlier.name == model.name:
                raise ModelError(f"{target} repeats the name {model.name!r} of {other}, but should have its own")
    return found


def read_context(model: Model, text: str) -> Context:
    if model.reads_strings:
        return text
    if text.startswith("["):  # tokens with spaces in them
        try:
            return tuple(json.loads(text))
        except (ValueError, RecursionError, TypeError):
            raise ContextError(
                f"the context {repr(text)[:60]} should be a list of tokens in JSON, or tokens with spaces"
            ) from None
    return tuple(text.split())


def list_models(options: argparse.Namespace) -> int:
    from properties.report import model as report

    report.list_models([model for _, model in find_all([])])
    return 0


def verify(options: argparse.Namespace) -> int:
    from properties.checks.settle import PROOF_SECONDS
    from properties.checks.table import checks
    from properties.checks.verdict import Asked, How
    from properties.proof import certificate
    from properties.report import verdicts as report

    planned = []
    for target, model in find_all(options.names, options.n_ctx):
        model = model if options.dtype is None else model.astype(options.dtype)
        rule = model.rule if options.rule is None else registry.load_function(options.rule)
        model = replace(model, rule=rule)
        planned.append((Asked(target, options.n_ctx, options.dtype), model, checks(model, options.check)))
    if not any(chosen for *_, chosen in planned):
        named = list(dict.fromkeys(options.check))
        apply = "applies" if len(named) == 1 else "apply"
        raise UnknownNameError(f"{' and '.join(named)} {apply} to none of these models, and would settle nothing")
    if options.certificate is not None:
        if len(planned) != 1:
            raise ModelError(f"{len(planned)} models are verified, but a certificate is of one")
        certificate.check_path(options.certificate)
        function = certificate.function_of(model) if options.rule is None else registry.load_function(options.rule)
    planned_runs = [(model, run) for _, model, chosen in planned for _, run in chosen]
    how = How(options.method, options.all)
    verdicts = [run(model, how) for model, run in progress.steps(planned_runs, "checks")]
    results = [(asked, model, [verdicts.pop(0) for _ in chosen]) for asked, model, chosen in planned]
    status = report.verdicts(results, options.json, options.all, options.check)
    if options.certificate is not None:
        seconds = PROOF_SECONDS.get(options.method, PROOF_SECONDS["auto"])
        proof, written = certificate.certify(model, function, max_seconds=seconds)
        if written is None:
            print(f"zoo: {printable(certificate.why_none(model, proof))}", file=sys.stderr)
            return 1
        certificate.write(written, options.certificate)
    return status


def recheck(options: argparse.Namespace) -> int:
    from properties.proof import certificate
    from properties.recheck import CertificateError, MismatchError, recheck
    from properties.report import verdicts as report

    model, content = find(options.name, options.n_ctx), certificate.read(options.certificate)
    if options.rule is None:
        function = certificate.named_function(model, content)
    else:
        function = registry.load_function(options.rule)
    try:
        found = recheck(content, model, function)
    except MismatchError:
        raise
    except CertificateError as error:
        print(f"zoo: refused: {error}", file=sys.stderr)
        return 1
    report.rechecked(model, content, found)
    return 0


def compare(options: argparse.Namespace) -> int:
    from properties.checks.verdict import Asked
    from properties.report import verdicts as report
    from properties.robustness import comparison

    target, other_target = options.names
    model, other = find(target), find(other_target)
    verdict = comparison.compare(model, other, other_target, options.all)
    return report.verdicts([(Asked(target), model, [verdict])], options.json, options.all)


def mutate(options: argparse.Namespace) -> int:
    from properties.report import verdicts as report
    from properties.robustness import mutants

    models = [model for _, model in find_all(options.names) if options.names or mutants.checked(model)]
    try:
        for model in models:  # before minutes are spent on another
            mutants.refuse_failing(model)
        results = [(model, list(mutants.stories(model))) for model in progress.steps(models, "models")]
    except FailingError as error:
        print(f"zoo: {printable(str(error))}", file=sys.stderr)
        return 1
    if options.json:
        print(json.dumps(report.mutants_as_json(results), indent=2))
    else:
        report.mutants(results, each=options.all)
    return 1 if any(story.outcome == "open" for _, stories in results for story in stories) else 0


def predict(options: argparse.Namespace) -> int:
    model = find_as(options)
    print(printable(model.predict(read_context(model, options.context))))
    return 0


def complete(options: argparse.Namespace) -> int:
    model = find_as(options)
    print(printable(model.complete(read_context(model, options.context), options.n)))
    return 0


def show(options: argparse.Namespace) -> int:
    from properties.report import model as report

    model = find_as(options)
    context = None if options.context is None else read_context(model, options.context)
    if context is not None:
        model.encode(context)  # what cannot be read is said before a page is printed
    report.show(model)
    if context is None:
        from properties.report.verdicts import robustness

        robustness(model, registry.family(options.name))
    else:
        report.show_context(model, context)
    return 0


def export(options: argparse.Namespace) -> int:
    from properties.report import exported
    from zoo import files

    model = find(options.name, options.n_ctx)
    seen: list[exported.Export] = []

    def accept(read: Model) -> bool:
        seen.append(exported.held(model, read))
        return seen[0].first is None

    written = (files.write_gpt2 if options.format == "gpt2" else files.write_zoo)(
        model, options.directory, accept=accept
    )
    exported.told(seen[0], options.directory)
    if not written:
        print(f"zoo: {printable(seen[0].refusal(options.directory))}", file=sys.stderr)
    return 0 if written else 1


def inspect(options: argparse.Namespace) -> int:
    from properties.report import inspection as report_inspect
    from zoo.cost import picture
    from zoo.inspection import parts as inspecting
    from zoo.inspection import pictures

    if options.svg is not None:
        picture.check(options.svg)
    model = find(options.name)
    found = inspecting.inspect(model, None if options.context is None else read_context(model, options.context))
    if options.svg is not None:
        picture.write(options.svg, pictures.svg(model, found))
    print(inspecting.written(found)) if options.json else report_inspect.show(found, options.all)
    return 0


def distill(options: argparse.Namespace) -> int:
    from zoo.distill import checked_program as targets

    model = find(options.name, options.n_ctx)
    with progress.busy("distilling"):
        text = targets.write(model, options.to)
    print(text, end="")
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
