"""`zoo export`: models written for others."""

import argparse
import sys
from typing import TYPE_CHECKING

from properties.command.arguments import Commands, add_model, add_n_ctx, command
from properties.command.finding import find
from zoo.errors import printable
from zoo.model import Model

if TYPE_CHECKING:
    from properties.report.exported import Export


def add(commands: Commands) -> None:
    one = command(commands, "export", export, "Write a model to a new directory, and say what reading it back gives.")
    add_model(one)
    one.add_argument("directory", metavar="DIR", help="where to; it must not exist")
    one.add_argument("--format", choices=("gpt2", "zoo"), required=True, help="for others' programs, or our own")
    add_n_ctx(one, "that member of a family")


def export(options: argparse.Namespace) -> int:
    from properties.report import exported
    from zoo import files

    model = find(options.name, options.n_ctx)
    seen: list[Export] = []

    def accept(read: Model) -> bool:
        seen.append(exported.held(model, read))
        return seen[0].first is None

    write = files.write_gpt2 if options.format == "gpt2" else files.write_zoo
    written = write(model, options.directory, accept=accept)
    exported.told(seen[0], options.directory)
    if not written:
        print(f"zoo: {printable(seen[0].refusal(options.directory))}", file=sys.stderr)
    return 0 if written else 1
