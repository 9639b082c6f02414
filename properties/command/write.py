"""`zoo export` and `zoo compile`: models written to directories."""

import argparse
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from properties.command.arguments import Commands, add_json, add_model, add_n_ctx, command
from properties.command.finding import find, read_tokens
from zoo.errors import printable
from zoo.model import Model

if TYPE_CHECKING:
    from properties.checks.verdict import Verdict
    from properties.robustness.export import Export

SETTLED = ["rule", "margin", "float32"]  # of what was compiled, before it is written


def add(commands: Commands) -> None:
    one = command(commands, "export", export, "Write a model to a new directory, and say what reading it back gives.")
    add_model(one)
    one.add_argument("directory", metavar="DIR", help="where to; it must not exist")
    one.add_argument("--format", choices=("gpt2", "zoo"), required=True, help="for others' programs, or our own")
    add_n_ctx(one, "that member of a family")

    text = "Make the weights that do what a rule of the last tokens says, settle that they do, and write them down."
    one = command(commands, "compile", compile_rule, text)
    one.add_argument("rule", metavar="FILE.py:RULE", help="the function that says what is right (the file is run)")
    one.add_argument("directory", metavar="DIR", help="where to, in our own format; it must not exist")
    one.add_argument("--vocab", required=True, metavar="TOKENS", help="as one word; with spaces where they are longer")
    one.add_argument(
        "--window", required=True, type=int, metavar="N", help="how many of the last tokens the rule reads"
    )
    add_n_ctx(one, "the longest context", required=True)
    text = "a head for each place that is read, one head that reads a number, or what has fewer parameters"
    one.add_argument("--how", choices=("heads", "number", "smallest"), default="smallest", help=f"{text} (smallest)")
    add_json(one, "the verdicts")


def export(options: argparse.Namespace) -> int:
    from properties.report.exported import told
    from properties.robustness.export import held
    from zoo import files

    model = find(options.name, options.n_ctx)
    seen: list[Export] = []

    def accept(read: Model) -> bool:
        seen.append(held(model, read))
        return seen[0].first is None

    write = files.write_gpt2 if options.format == "gpt2" else files.write_zoo
    written = write(model, options.directory, accept=accept)
    told(seen[0], options.directory)
    if not written:
        print(f"zoo: {printable(seen[0].refusal(options.directory))}", file=sys.stderr)
    return 0 if written else 1


def compile_rule(options: argparse.Namespace) -> int:
    import zoo
    from properties.checks.table import checks
    from properties.checks.verdict import Requested
    from properties.report import verdicts as report
    from properties.report.exported import compiled
    from zoo import files, registry

    vocab, window = read_tokens(options.vocab, "the vocabulary"), options.window
    model = zoo.compile_rule(registry.load_function(options.rule), vocab, window, options.n_ctx, options.how)
    found: list[Verdict] = []

    def accept(read: Model) -> bool:
        found.extend(run(replace(read, rule=model.rule)) for _, run in checks(model, SETTLED))
        return all(verdict.passed for verdict in found)

    if not files.write_zoo(model, options.directory, accept=accept):
        wrong = next(verdict for verdict in found if not verdict.passed)
        sentence = "" if wrong.counterexample is None else f": {wrong.counterexample.sentence()}"
        refusal = f"{options.directory} is not written, as {wrong.check} {wrong.status}: {wrong.detail}{sentence}"
        print(f"zoo: {printable(refusal)}", file=sys.stderr)
        return 1
    if not options.json:
        compiled(model, options.directory)
    return report.verdicts([(Requested(options.directory), model, found)], options.json, False)
