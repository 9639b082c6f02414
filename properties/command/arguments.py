"""The arguments that several subcommands take, declared once."""

import argparse
from collections.abc import Callable
from typing import Any

Commands = Any  # what `add_subparsers` gives: argparse has no public name for it
Run = Callable[[argparse.Namespace], int]

MODEL = "a model of the zoo, a directory or file of arrays that is one, or a Python file that defines MODEL (it is run)"
CONTEXT = "the tokens so far, as one word; with spaces, or as a JSON list, where tokens are longer"
DTYPES = ["float64", "float32"]


# What each subcommand's help ends with, and what `--check` takes: to import the checks would take a third of a second.
EXAMPLES = {
    "list": "zoo list",
    "verify": "zoo verify aab my_model.py --check rule margin",
    "recheck": "zoo verify aab --certificate aab.json && zoo recheck aab.json aab",
    "compare": "zoo compare aab aab_compact",
    "count": "zoo count max4.npz --rule max.py:maximum --length 4",
    "predict": "zoo predict aab abb",
    "complete": "zoo complete aab abb -n 12",
    "show": "zoo show my_model.py abb",
    "inspect": "zoo inspect aab abb --svg aab.svg",
    "export": "zoo export aab directory --format gpt2",
    "compile": 'zoo compile days.py:open_on --vocab "on off" --window 2 --n-ctx 5 directory',
    "new": "zoo new my_model && zoo verify my_model.py",
    "report": "zoo report aab my_model.py -o report",
    "mutate": "zoo mutate aab --sample 100",
    "cost": "zoo cost aab --n-ctx 16",
    "distill": "zoo distill aab --to x86",
}
CHECKS = (
    *("accuracy", "rule", "predictors", "deviations", "margin", "float32", "cycle", "lemmas", "claims"),
    *("folds", "scalar", "batched", "causal", "window", "heads", "invalid_input"),
)


def command(commands: Commands, name: str, run: Run, text: str) -> argparse.ArgumentParser:
    """A subcommand without arguments yet."""
    example = f"example: {EXAMPLES[name]}"
    one: argparse.ArgumentParser = commands.add_parser(name, help=text, description=text, epilog=example)
    one.set_defaults(run=run)
    return one


def add_model(to: argparse.ArgumentParser) -> None:
    to.add_argument("name", metavar="NAME", help=MODEL)


def add_models(to: argparse.ArgumentParser, without: str = "all of the zoo if none is given") -> None:
    """`without` says which models are meant where none is named."""
    to.add_argument("names", metavar="NAME", nargs="*", help=f"{MODEL}; {without}")


def add_context(to: argparse.ArgumentParser, nargs: str | None = None) -> None:
    to.add_argument("context", metavar="CONTEXT", nargs=nargs, help=CONTEXT)


def add_n_ctx(
    to: argparse.ArgumentParser, text: str = "the member of a family that reads N tokens", required: bool = False
) -> None:
    to.add_argument("--n-ctx", type=int, metavar="N", help=text, required=required)


def add_dtype(to: argparse.ArgumentParser) -> None:
    to.add_argument("--dtype", choices=DTYPES, help="the arithmetic; as the arrays are by default")


def add_domain(to: argparse.ArgumentParser) -> None:
    """The contexts that are spoken of, for a model that comes without: `finding.with_domain` reads them."""
    text = "speak only of contexts that look like this and of its prefixes, as dd+dd=dd: read as a context is"
    to.add_argument("--domain", metavar="LAYOUT", help=text)
    text = "a letter of the layout stands for any of these tokens, as d=0123456789; may be given again for another"
    to.add_argument("--let", metavar="LETTER=TOKENS", action="append", default=[], help=text)
    to.add_argument("--start", type=int, metavar="N", help="the fewest tokens of a context of the layout (1)")


def add_anyway(to: argparse.ArgumentParser) -> None:
    to.add_argument("--anyway", action="store_true", help="read a context outside the model's domain all the same")


def add_json(to: argparse.ArgumentParser, what: str) -> None:
    to.add_argument("--json", action="store_true", help=f"print {what} as JSON")
