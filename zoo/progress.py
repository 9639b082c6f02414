"""A progress bar for work that may take over a second: on the error stream, and only where that is a terminal."""

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
_shown: "Progress | None" = None  # there can be one display only: what is nested gets a line in it


def steps(items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
    """The items; while they are worked on, a line shows what is done and how much of it, and is then removed.

    `total` is how many there are, where items have no length.
    """
    global _shown
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):  # as rich sees it
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    outermost = _shown is None
    if _shown is None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        _shown = Progress(*columns, console=Console(stderr=True), transient=True)
        _shown.start()
    bar = _shown
    task = bar.add_task(doing, total=len(items) if total is None and isinstance(items, Sized) else total)
    try:
        for item in items:
            yield item
            bar.advance(task)
    finally:
        bar.remove_task(task)
        if outermost:
            bar.stop()
            _shown = None


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A line that only says that there is work."""
    yield from steps([None], doing)
