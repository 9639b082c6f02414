"""The console that everything is printed on, and its tables."""

from typing import Any

from rich.console import Console
from rich.table import Column, Table

from zoo.errors import printable


def console() -> Console:
    """As wide as the terminal; where there is none, wide enough that no table is cut. What is printed is no markup."""
    plain = Plain(highlight=False, markup=False, emoji=False)
    return plain if plain.is_terminal else Plain(highlight=False, markup=False, emoji=False, width=100_000)


class Plain(Console):
    """A console whose reader may go away, as `head` does, without that being a failure. Control characters are escaped.

    A token of a stranger's model may hold what moves the cursor of a terminal, or sets its title.
    """

    def print(self, *objects: Any, **options: Any) -> None:
        super().print(*(printable(one) if isinstance(one, str) else one for one in objects), **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class Grid(Table):
    """A table without lines, control characters escaped as in Plain."""

    def add_row(self, *cells: Any, **options: Any) -> None:
        super().add_row(*(printable(cell) if isinstance(cell, str) else cell for cell in cells), **options)


def grid(*columns: str | Column) -> Table:
    for one in columns:
        if isinstance(one, Column):
            one.header = printable(str(one.header))
    return Grid(*(printable(one) if isinstance(one, str) else one for one in columns), box=None, pad_edge=False)
