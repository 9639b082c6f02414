"""The console that everything is printed on, and its tables."""

from collections.abc import Sequence
from typing import Any, Literal

from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

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


def side_by_side(
    out: Console,
    corner: str,
    rows: Sequence[tuple[str, str]],
    columns: Sequence[tuple[str, Sequence[str | Text]]],
    justify: Literal["left", "right"] = "right",
) -> None:
    """Rows [a name and a style] by columns [a header and its cells], in as many tables as the width makes of them."""
    left = list(columns)
    room = out.width - max(cell_len(printable(word)) for word in (corner, *(name for name, _ in rows)))
    while left:
        shown = [left.pop(0)]
        used = _width(shown[0])
        while left and used + _width(left[0]) <= room:
            used += _width(left[0])
            shown.append(left.pop(0))
        table = grid(Column(corner, no_wrap=True), *(Column(header, justify=justify) for header, _ in shown))
        for i, (name, style) in enumerate(rows):
            table.add_row(name, *(cells[i] for _, cells in shown), style=style)
        out.print(table)
        if left:
            out.print()


def _width(column: tuple[str, Sequence[str | Text]]) -> int:
    """With the two spaces before it."""
    header, cells = column
    return 2 + max(cell_len(printable(str(cell))) for cell in (header, *cells))
