"""A progress bar for work that may take over a second: on the error stream, and only where that is a terminal."""

import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

T = TypeVar("T")


def steps(items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
    """The items; while they are worked on, a line shows what is done and how much of it, and is then removed.

    `total` is how many there are, where items have no length. Within others, the line stands below theirs.
    """
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):  # as rich sees it
        yield from items
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=_console(), transient=True) as bar:
        yield from bar.track(items, total=total, description=doing)


@cache
def _console() -> "Console":
    """The one for all lines: those of one console are nested."""
    from rich.console import Console

    return Console(stderr=True)


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A line that only says that there is work."""
    yield from steps([None], doing)


@contextmanager
def narrowing(doing: str) -> Iterator[Callable[[Callable[[], str]], None]]:
    """A line that says what was told last, which is asked for four times a second, and not where there is no line."""
    if not (sys.stderr.isatty() or os.environ.get("FORCE_COLOR")):
        yield lambda said: None
        return
    with _console().status(doing) as status:
        last = 0.0

        def told(said: Callable[[], str]) -> None:
            nonlocal last
            if time.monotonic() - last > 0.25:
                last = time.monotonic()
                status.update(said())

        yield told
