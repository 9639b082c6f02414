"""A progress bar for work that takes over a second: on the error stream, and only where that is a terminal."""

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")
SOON = 1.0  # seconds: what is done by then shows nothing


@dataclass(eq=False)
class _Work:
    doing: str
    total: int | None
    done: int = 0

    def __post_init__(self) -> None:
        self.begun, self.first = time.monotonic(), self.done

    def rate(self) -> str:
        """How many a second, and how long the rest takes at that: "3.2/s, 0:40 left"; nothing before one is done."""
        done, seconds = self.done - self.first, time.monotonic() - self.begun
        if not done or not self.total or seconds <= 0:
            return ""
        left = round((self.total - self.done) * seconds / done)
        rate = f"{done / seconds:,.0f}" if done >= 10 * seconds else f"{done / seconds:.2g}"
        return f"{rate}/s, {timedelta(seconds=left)} left"


_works: list[_Work] = []  # those that are under way, each within the one before
_bars: list["Progress"] = []  # the one bar, while there are any


def steps(items: Iterable[T], doing: str, total: int | None = None) -> Iterator[T]:
    """The items; while they are worked on, a line shows what is done and how much of it, and is then removed.

    `total` is how many there are, where items have no length. Of work within other work, the line shows the innermost,
    behind the names of the others: there is one bar.
    """
    work = _Work(doing, len(items) if total is None and isinstance(items, Sized) else total)
    with _shown(work):
        for item in items:
            yield item
            work.done += 1


def _is_watched() -> bool:
    """As rich sees it, but for a notebook, which asks for colours and has no line that could be removed again."""
    return sys.stderr.isatty() or bool(os.environ.get("FORCE_COLOR") and "ipykernel" not in sys.modules)


@contextmanager
def busy(doing: str) -> Iterator[None]:
    """A line that only says that there is work."""
    yield from steps([None], doing)


def part(doing: str, done: int, total: int) -> AbstractContextManager[None]:
    """One part of work that prints between its parts: `steps` would keep its line there meanwhile."""
    return _shown(_Work(doing, total, done))


@contextmanager
def _shown(work: _Work) -> Iterator[None]:
    if not _is_watched():
        yield
        return
    _works.append(work)
    try:
        if not _bars:
            _bars.append(_bar())
            _bars[0].start()
        yield
    finally:
        _works.remove(work)
        if not _works and _bars:
            _bars.pop().stop()


def _bar() -> "Progress":
    from rich.console import Console, RenderableType
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    begun = time.monotonic()

    class Bar(Progress):
        def get_renderables(self) -> Iterable[RenderableType]:
            if time.monotonic() - begun < SOON or not _works:
                return
            *outer, work = _works
            for task in self.tasks:  # there is one
                within = [f"{one.doing} {one.done}/{one.total}" for one in outer if one.total != 1]
                task.description = " - ".join([*within, work.doing])
                task.completed, task.total, task.fields["rate"] = work.done, work.total, work.rate()
                yield self.make_tasks_table([task])

    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), rate)
    bar = Bar(*columns, console=Console(stderr=True), transient=True)
    bar.add_task("", rate="")
    return bar
