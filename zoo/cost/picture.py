"""The ladder as an SVG of our own: time and work of each implementation for one context, on logarithmic scales."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path

from zoo.cost.ladder import Rung
from zoo.errors import FileError
from zoo.model import Model
from zoo.writing import check_room, write_whole

WIDTH, LEFT, GAP, ROW, TOP = 900, 140, 80, 28, 78
PANEL = (WIDTH - LEFT - GAP - 80) / 2
INK, GREY, TIME, FLOPS, INSTRUCTIONS = "#1f2328", "#8c959f", "#0969da", "#bc4c00", "#8250df"
MACHINE_CODE = ("assembly", "native")  # their work is instructions


def ladder(model: Model, rungs: Sequence[Rung]) -> str:
    """The picture of what `zoo.cost.ladder` measured, as the text of an SVG file."""
    shown = list(rungs)
    domain = "" if model.domain is None else ", in its domain"
    height = TOP + ROW * len(shown) + 46
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        f'font-size="13" fill="{INK}" role="img">',
        f"<title>What one answer of {escape(model.name)} costs, by implementation</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        _text(16, 26, f"What one answer of {model.name} costs (n_ctx {model.n_ctx}{domain})", size=17),
        *(_text(LEFT - 12, _y(i) + 5, rung.name, anchor="end") for i, rung in enumerate(shown)),
    ]
    times = [rung.seconds for rung in shown]
    work = [rung.operations for rung in shown]
    marks = [INSTRUCTIONS if rung.name in MACHINE_CODE else FLOPS for rung in shown]
    gaps = ["not run" if rung.seconds is None else "not counted: Python" for rung in shown]
    lines += _panel("time (logarithmic)", LEFT, times, [TIME] * len(shown), gaps, duration)
    title = "FLOPs; for machine code, instructions (logarithmic)"
    lines += _panel(title, LEFT + PANEL + GAP, work, marks, gaps, count)
    return "\n".join([*lines, "</svg>"]) + "\n"


def check(path: str | Path) -> Path:
    """Where a picture is to be written: FileError where it cannot be, before anything is measured for it."""
    if str(path) == "":
        raise FileError("--svg is empty, but should name a file")
    ends, path = Path(path).suffix, Path(path).absolute()
    with _said(path):
        if path.exists() and not path.is_file():
            raise FileError(f"{path} is a directory or device, but should be a file that can be written")
        if ends.lower() != ".svg":
            raise FileError(f"{path} is to hold a picture, but should end in .svg: it is written as SVG only")
        check_room(path)
    return path


def write(path: str | Path, svg: str) -> None:
    """A file that is there whole or not at all. FileError where it cannot be written."""
    path = check(path)
    with _said(path):
        write_whole(path, svg)


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"{path} cannot be written ({error.strerror}), but should be a file that can") from error


def _panel(
    title: str,
    left: float,
    values: Sequence[float | None],
    colours: Sequence[str],
    gaps: Sequence[str],  # what is said where there is no value
    say: Callable[[float], str],
) -> Iterator[str]:
    known = [value for value in values if value] or [1.0]
    low, high = (f(math.log10(x)) for f, x in ((math.floor, min(known)), (math.ceil, max(known))))
    high = max(high, low + 1)

    def x(value: float) -> float:
        return left + PANEL * (math.log10(value) - low) / (high - low)

    bottom = _y(len(values)) - ROW / 2
    yield _text(left, TOP - 28, title, fill=GREY)
    for power in range(low, high + 1):
        at = x(10.0**power)
        yield f'<line x1="{at:.1f}" y1="{TOP - 14}" x2="{at:.1f}" y2="{bottom:.1f}" stroke="#d0d7de"/>'
        yield _text(at, bottom + 18, say(10.0**power), anchor="middle", fill=GREY, size=11)
    for i, (value, colour, gap) in enumerate(zip(values, colours, gaps)):
        y = _y(i)
        if value:
            yield f'<line x1="{left}" y1="{y}" x2="{x(value):.1f}" y2="{y}" stroke="{colour}" stroke-width="2"/>'
            yield f'<circle cx="{x(value):.1f}" cy="{y}" r="5" fill="{colour}"/>'
            yield from _boxed(x(value) + 10, y, say(value))
        else:
            yield from _boxed(left + 8, y, gap, fill=GREY, size=11)


def _boxed(x: float, y: float, text: str, fill: str = INK, size: int = 13) -> Iterator[str]:
    """Text on white, about as wide as it is: grid lines do not run through it."""
    width = 0.56 * size * len(text) + 4
    yield f'<rect x="{x - 2:.1f}" y="{y - 9}" width="{width:.1f}" height="18" fill="white"/>'
    yield _text(x, y + 5, text, fill=fill, size=size)


def _y(row: int) -> float:
    return TOP + ROW * row + 6


def _text(x: float, y: float, text: str, anchor: str = "start", fill: str = INK, size: int = 13) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{escape(text)}</text>'
    )


def duration(seconds: float) -> str:
    """With a unit that leaves few digits: "24 µs"."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6), ("ns", 1e-9)):
        if seconds >= 0.9995 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-9:.2g} ns"


def count(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"
