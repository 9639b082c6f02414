"""Matrices as SVG, written by hand so that a page needs nothing else to show them.

One language in the whole project: rows attend, columns are attended to, from 0 to 1. Weights are blue where they are
positive and orange where they are negative, on one scale for all that a picture shows; how strong the colour is goes by
the cube root, so that a 1 is seen beside a 1024. Every value is also there as a number, in its square or its title.
"""

import itertools
import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

from zoo.errors import printable
from zoo.inspection import maps
from zoo.inspection.maps import Map
from zoo.model import Model

CELL, ROW, AROUND, LETTER, WORD = 34, 24, 24, 7, 8  # pixels; WORD is of a letter of a title
SMALL = 18  # of a square without a number, where there are more than WIDE columns
WIDE = 24  # columns with numbers
FINEST = (maps.SIDE, 32, 24, 16, 12, 8)  # rows or columns of one map, of which those are drawn for which there is room
MOST = 30_000  # squares of a picture, about 4 MB
LIGHT = 8  # squares without a number take as much as one that has one
SHADES = 8  # of such squares, of either sign
NAMES = 8  # of their rows or columns that are written, about
LEAST = 0.005  # of an attention that is written into its square
STRONG = 0.62  # beyond, what stands on a colour is light
# What a page has in its style sheet, for a file that stands alone; the classes are those of properties/report/page.
STYLE = """text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#56616b}.h{font:600 12.5px sans-serif;fill:#1d2329}
.w{font:italic 11px sans-serif}.p{fill:#1b66a6}.q{fill:#b5470d}.a{fill:#205f8d}.z{fill:none;stroke:#e2e5e8}
.v{fill:#1d2329}.vi{fill:#fff}.bg{fill:#fff}
.sq path{fill:none;stroke-width:.94}.sq .p{stroke:#1b66a6}.sq .q{stroke:#b5470d;stroke-width:.6}.sq .a{stroke:#205f8d}
@media(prefers-color-scheme:dark){text{fill:#a3adb6}.h,.v{fill:#e6eaed}.p{fill:#6db3ea}.q{fill:#f08f58}.a{fill:#7cbdec}
.sq .p{stroke:#6db3ea}.sq .q{stroke:#f08f58}.sq .a{stroke:#7cbdec}
.z{stroke:#2f363c}.vi{fill:#14181b}.bg{fill:#14181b}}"""


def svg(model: Model, found: dict[str, Any]) -> str:
    """The attentions of what `zoo.inspection.parts.inspect` found, and the maps of each layer, as a file.

    Large maps are drawn smaller, and say so; what goes beyond MOST squares then is left out, and the picture says so.
    """
    drawn, left_out, room, y, width = [], 0, MOST, 64, 520
    products = maps.products(model)
    if not maps.drawable(model):
        products, left_out = iter(()), 2 * maps.heads(model)
    every = [line for line in itertools.chain(maps.attentions(found), products) if line]
    largest = scale([one for line in every for one in line])
    for finest in FINEST:
        lines = [[fitted(one, finest) for one in line] for line in every]
        if sum(_squares(one) for line in lines for one in line) <= MOST:
            break
    for line in lines:
        cells = sum(map(_squares, line))
        if cells > room:
            left_out += len(line)
            continue
        room -= cells
        x = AROUND
        for one in line:
            drawn.append(f'<g transform="translate({x} {y})">{heat(one, largest)}</g>')
            x += size(one)[0]
        y, width = y + max(size(one)[1] for one in line), max(width, x)
    words = f"{model.name}: {said(largest)}"
    if any(one.coarse for line in lines for one in line):
        words += "; a square of several entries shows the one farthest from 0, less high if negative"
    notes = [
        _text(AROUND, 26, "Rows attend, columns are attended to, from 0 to 1.", "h"),
        _text(AROUND, 44, words, "w"),
    ]
    if left_out:
        which = "1 map is" if left_out == 1 else f"{left_out} maps are"
        why = f"more than {MOST:,} squares in all" if room < MOST or maps.drawable(model) else "too much to compute"
        notes.append(_text(AROUND, y + 14, f"{which} not drawn: {why}", "w"))
        y += 30
    width = max(width, AROUND + LETTER * len(words))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">'
        f"<title>{escape(printable(model.name))}, looked inside</title><style>{STYLE}</style>"
        f'<rect class="bg" width="{width}" height="{y}"/>{"".join(notes + drawn)}</svg>\n'
    )


def scale(some: Sequence[Map]) -> float:
    """The value that has the strongest colour: the largest of all weights shown together."""
    return max((one.most for one in some if not one.attention), default=0.0)


def fitted(one: Map, finest: int) -> Map:
    """As it is drawn where pictures have so many rows and columns; one with little to draw may have more."""
    one, most = one.folded(), FINEST[0]
    light = max(one.matrix.shape) <= most and (finest == most or _squares(one) <= finest**2 // 4)
    return one if light else one.binned(finest)


def _squares(one: Map) -> int:
    """What it takes to draw, in squares with a number."""
    nonzero = 0 if one.coarse else int(np.count_nonzero(one.matrix))
    return nonzero + (one.matrix.size - nonzero) // LIGHT


def said(largest: float) -> str:
    """The scale in words."""
    return f"weights are blue where positive, orange where negative; the strongest colour is {largest:.4g}"


def figure(one: Map, largest: float, finest: int = FINEST[0]) -> str:
    """A map for a page, whose style sheet has the classes: without its rows and columns of zeros."""
    one = fitted(one, finest)
    width, height = size(one)
    label = f"{one.title}: {_spoken(one)}"
    return (
        f'<svg class="fig" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img" '
        f'aria-label="{escape(printable(label))}">{heat(one, largest)}</svg>'
    )


def size(one: Map) -> tuple[int, int]:
    """Width and height, in pixels."""
    if not one.matrix.any():
        return WORD * max(len(one.title), len("all zero")) + AROUND, 40 + AROUND
    wide, high = one.matrix.shape[1] * _cell(one), one.matrix.shape[0] * min(ROW, _cell(one))
    lines = _below(one)
    words = max(WORD * len(one.title), *(LETTER * len(line) for line in lines), 0)
    return (
        max(_left(one) + max(wide, 6 * len(one.column)), words) + AROUND,
        _above(one) + high + 16 * len(lines) + AROUND,
    )


def heat(one: Map, largest: float) -> str:
    """Title, names of columns, names of rows, and a square for each value that is not zero."""
    parts = [_text(0, 12, one.title, "h")]
    if not one.matrix.any():
        return "".join([*parts, _text(0, 32, "all zero", "w")])
    left, above, cell = _left(one), _above(one), _cell(one)
    row, turned = min(ROW, cell), _turned(one)
    parts.append(_text(left, 28, one.column, "w"))
    parts.append(_text(left - 6, above - 5, one.row, "w", "end"))
    every = [max(1, len(names) // NAMES) if one.coarse else 1 for names in (one.rows, one.columns)]
    for i, name in list(enumerate(one.rows))[:: every[0]]:
        parts.append(_text(left - 6, above + row * i + row // 2 + 4, name, anchor="end"))
    for j, name in list(enumerate(one.columns))[:: every[1]]:
        x = left + cell * j + cell // 2
        if turned:
            where = f'transform="translate({x + 4} {above - 5}) rotate(-90)"'
            parts.append(f"<text {where}>{escape(printable(name))}</text>")
        else:
            parts.append(_text(x, above - 5, name, anchor="middle"))
    if one.coarse:
        bottom = above + row * len(one.rows)
        parts += [_text(0, bottom + 18 + 16 * k, line, "w") for k, line in enumerate(_below(one))]
        return "".join([*parts, _shades(one, largest, left, above)])
    nothing = ""
    for i, values in enumerate(one.matrix.tolist()):
        for j, x in enumerate(values):
            at = left + cell * j, above + row * i, cell, row
            if x:
                parts.append(_square(one, i, j, x, largest, at))
            else:
                nothing += _outline(*at)
    return "".join([*parts, f'<path class="z" d="{nothing}"/>' if nothing else ""])


def _outline(left: int, top: int, cell: int, row: int) -> str:
    """A square as part of a path."""
    return f"M{left + 0.5} {top + 0.5}h{cell - 1}v{row - 1}h{1 - cell}z"


def _shades(one: Map, largest: float, left: int, above: int) -> str:
    """Squares that stand for several entries: a path for all of about one value, as there may be thousands.

    Each is a stroke from left to right, in units of squares.
    """
    alike: dict[tuple[str, int], list[tuple[float, str]]] = {}
    for i, values in enumerate(one.matrix.tolist()):
        for j, x in enumerate(values):
            if x:
                strong = strength(x, 1.0 if one.attention else largest, one.attention)
                kind = "a" if one.attention else "p" if x > 0 else "q"
                alike.setdefault((kind, math.ceil(SHADES * strong)), []).append((x, f"M{j} {i}h.94"))
    paths = []
    for (kind, shade), squares in sorted(alike.items()):
        values, strokes = zip(*squares)
        title = f"{min(values):.3g} to {max(values):.3g}"
        opacity = f'stroke-opacity="{shade / SHADES:.3g}"'
        paths.append(f'<path class="{kind}" {opacity} d="{"".join(strokes)}"><title>{title}</title></path>')
    where = f'transform="translate({left} {above + SMALL / 2:g}) scale({SMALL})"'
    return f'<g class="sq" {where}>{"".join(paths)}</g>'


def _below(one: Map) -> list[str]:
    """What is written below squares that stand for several entries."""
    if one.coarse is None:
        return []
    row, column, x = one.coarse.largest[0]
    return [one.coarse.said(), f"farthest from 0: {row} {_to(one)} {column} {x:.4g}"]


def _to(one: Map) -> str:
    return "to" if one.attention else "→"


def _square(one: Map, i: int, j: int, x: float, largest: float, at: tuple[int, int, int, int]) -> str:
    left, top, cell, row = at
    box = f'x="{left + 0.5}" y="{top + 0.5}" width="{cell - 1}" height="{row - 1}"'
    strong = strength(x, 1.0 if one.attention else largest, one.attention)
    kind = "a" if one.attention else "p" if x > 0 else "q"
    title = f"{one.rows[i]} {_to(one)} {one.columns[j]}: {x:.6g}"
    square = f'<rect class="{kind}" fill-opacity="{strong:.3f}" {box}><title>{escape(printable(title))}</title></rect>'
    if cell < CELL or (one.attention and x < LEAST):
        return square
    ink = "vi" if strong > STRONG else "v"
    return square + _text(left + cell // 2, top + row // 2 + 4, short(x), ink, "middle")


def strength(x: float, largest: float, attention: bool = False) -> float:
    """How strong the colour of a value is, from 0.06 to 1."""
    share = min(abs(x) / largest, 1.0) if largest else 0.0
    return max(0.06, share if attention else math.cbrt(share))


def short(x: float) -> str:
    """In as few characters as a square has room for: "1024", ".5", "-2e5"."""
    if abs(x) >= 9999.5 or abs(x) < 0.0005:
        return f"{x:.0e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    digits = 3 if abs(x) >= 1 else 2
    text = f"{x:.0f}" if abs(x) >= 99.5 else f"{x:.{digits}g}"
    return text.replace("0.", ".", 1) if abs(x) < 1 else text


def _spoken(one: Map, most: int = 40) -> str:
    """What is not zero, in words, for whoever does not see it."""
    if one.coarse:
        some = "; ".join(f"{row} {_to(one)} {column} {x:.4g}" for row, column, x in one.coarse.largest)
        return f"{one.coarse.said()}; {one.coarse.nonzero:,} are not zero, the largest are {some}"
    entries = [
        f"{name} {_to(one)} {x:.4g} {column}"
        for name, values in zip(one.rows, one.matrix.tolist())
        for column, x in zip(one.columns, values)
        if x
    ]
    more = f"; and {len(entries) - most} more" if len(entries) > most else ""
    return "; ".join(entries[:most]) + more if entries else "all zero"


def _cell(one: Map) -> int:
    return CELL if one.matrix.shape[1] <= WIDE and not one.coarse else SMALL


def _turned(one: Map) -> bool:
    """Whether the names of the columns stand upright: they do not fit side by side."""
    return LETTER * max(map(len, one.columns)) + 4 > _cell(one)


def _left(one: Map) -> int:
    """Room for the names of the rows, and for what they are."""
    return 8 + LETTER * max(map(len, [*one.rows, one.row]))


def _above(one: Map) -> int:
    return 38 + (LETTER * max(map(len, one.columns)) + 8 if _turned(one) else 16)


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "") -> str:
    kind = f' class="{kind}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor else ""
    return f'<text x="{x}" y="{y}"{kind}{anchor}>{escape(printable(text))}</text>'
