"""Heat maps as SVG, written by hand so that a page needs nothing else to show them."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from zoo.errors import printable
from zoo.inspection.parts import attention_heads
from zoo.model import Model
from zoo.transformer.arrays import Array

CELL, ABOVE, AROUND, LETTER = 18, 58, 24, 7
LARGEST = 64  # rows or columns of one map
MOST = 30_000  # squares of a picture, about 4 MB


@dataclass(frozen=True)
class Map:
    """A matrix [rows, columns] with what its rows and columns are."""

    title: str
    matrix: Array
    row: str
    column: str
    rows: Sequence[str]
    columns: Sequence[str]

    @property
    def left(self) -> int:
        """Room for the names of the rows, and for what they are."""
        return 4 + LETTER * max(map(len, [*self.rows, self.row]))

    @property
    def above(self) -> int:
        return ABOVE + LETTER * max(map(len, self.columns))

    @property
    def width(self) -> int:
        return max(self.left + CELL * len(self.columns), LETTER * len(self.title)) + AROUND

    @property
    def height(self) -> int:
        return self.above + CELL * len(self.rows) + AROUND


def svg(model: Model, found: dict[str, Any]) -> str:
    """The attentions of what `zoo.inspection.parts.inspect` found, and each head's two matrices; a line for each layer.

    Maps of more than LARGEST rows and what goes beyond MOST squares are left out, and the picture says so.
    """
    drawn, left_out, squares, y, width = [], 0, 0, 44, 520
    products = _products(model)
    if model.transformer.d_model > LARGEST:  # not computed, only to be left out
        products, left_out = iter(()), 2 * sum(1 for _ in attention_heads(model))
    for line in itertools.chain(_attentions(found), products):
        cells = sum(one.matrix.size for one in line)
        if max(len(one.matrix) for one in line) > LARGEST or squares + cells > MOST:
            left_out += len(line)
            continue
        squares += cells
        x = AROUND
        for one in line:
            drawn.append(f'<g transform="translate({x} {y})">{_drawn(one)}</g>')
            x += one.width
        y, width = y + max(one.height for one in line), max(width, x)
    words = f"{model.name}: red is positive, blue negative; the strongest colour is the largest value of a map"
    notes = [_text(AROUND, 26, words)]
    if left_out:
        why = f"more than {LARGEST} rows, or more than {MOST} squares in all"
        notes.append(_text(AROUND, y + 14, f"{left_out} maps are not drawn: {why}"))
        y += 30
    width = max(width, AROUND + LETTER * len(words))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}" '
        f'font-family="sans-serif" font-size="11"><title>{escape(model.name)}, looked inside</title>'
        f'<rect width="{width}" height="{y}" fill="white"/>{"".join(notes + drawn)}</svg>\n'
    )


def _attentions(found: dict[str, Any]) -> Iterator[list[Map]]:
    if "context" in found:
        names = [f"{token} {i}" for i, token in enumerate(found["context"]["tokens"])]
        layers: dict[int, list[Map]] = {}
        for one in found["context"]["attentions"]:
            title = f"attention of head {one['layer']}.{one['head']}"
            layers.setdefault(one["layer"], []).append(Map(title, one["weights"], "from", "to", names, names))
        yield from layers.values()


def _products(model: Model) -> Iterator[list[Map]]:
    d = model.transformer.d_model
    names = model.basis.names if model.basis and len(model.basis.names) == d else [str(i) for i in range(d)]
    for i, heads in itertools.groupby(attention_heads(model), key=lambda one: one[0]):
        layers = [(f"head {i}.{h}", h, layer) for _, h, layer in heads]
        yield [
            Map(f"W_Q W_K^T of {name}", layer.w_q[h] @ layer.w_k[h].T, "query", "key", names, names)
            for name, h, layer in layers
        ]
        yield [
            Map(f"W_V W_O of {name}", layer.w_v[h] @ layer.w_o[h], "read", "written", names, names)
            for name, h, layer in layers
        ]


def _drawn(one: Map) -> str:
    """Title, names of columns, names of rows, and a square for each value that is not zero."""
    largest = float(abs(one.matrix).max()) or 1.0
    left, above = one.left, one.above
    parts = [
        _text(0, 12, one.title, weight="bold"),
        _text(0, 26, f"largest {largest:.4g}"),
        _text(left, 42, one.column, style="italic"),
        _text(left - 4, above - 6, one.row, anchor="end", style="italic"),
    ]
    parts += [_text(left - 4, above + CELL * i + 13, name, anchor="end") for i, name in enumerate(one.rows)]
    for j, name in enumerate(one.columns):
        turned = f"translate({left + CELL * j + 13} {above - 4}) rotate(-90)"
        parts.append(f'<text transform="{turned}">{escape(printable(name))}</text>')
    for i, row in enumerate(one.matrix.tolist()):
        for j, x in enumerate(row):
            if x:
                square = f'<rect x="{left + CELL * j}" y="{above + CELL * i}" width="{CELL}" height="{CELL}"'
                fill = f'fill="#{"c22" if x > 0 else "22c"}" fill-opacity="{abs(x) / largest:.3f}"'
                parts.append(f"{square} {fill}><title>{x:.6g}</title></rect>")
    frame = f'x="{left}" y="{above}" width="{CELL * len(one.columns)}" height="{CELL * len(one.rows)}"'
    parts.append(f'<rect {frame} fill="none" stroke="#888"/>')
    return "".join(parts)


def _text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal", style: str = "normal") -> str:
    kind = "" if weight == "normal" else f' font-weight="{weight}"'
    kind += "" if style == "normal" else f' font-style="{style}"'
    kind += "" if anchor == "start" else f' text-anchor="{anchor}"'
    return f'<text x="{x}" y="{y}"{kind}>{escape(printable(text))}</text>'
