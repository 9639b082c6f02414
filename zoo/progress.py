"""A bar that shows how far a loop is, on the error stream, where that is a terminal."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

T = TypeVar("T")


def progress(items: Sequence[T], text: str) -> Iterable[T]:
    error = Console(stderr=True)
    return track(items, text, console=error, transient=True, disable=not error.is_terminal)
