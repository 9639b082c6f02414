"""Small heat maps as SVG, written by hand so that a page needs nothing else to show them."""

from collections.abc import Sequence
from html import escape
from typing import Any

CELL, GAP, MARGIN = 18, 40, 60
LARGEST = 64  # rows or columns; a larger matrix would be megabytes of squares


def svg(found: dict[str, Any], matrices: Sequence[tuple[str, list[list[float]]]] = ()) -> str:
    """The attentions of what `zoo.inspecting.inspect` found, and other matrices with their titles, as one picture."""
    tokens = found["context"]["tokens"] if "context" in found else []
    maps = [
        (f"attention {one['layer']}.{one['head']}", one["weights"], [f"{t}{i}" for i, t in enumerate(tokens)])
        for one in found.get("context", {}).get("attentions", ())
    ] + [(title, matrix, [str(i) for i in range(len(matrix))]) for title, matrix in matrices]
    drawn, y, width = [], 0, 0
    for title, matrix, labels in maps:
        if max(len(matrix), len(matrix[0])) > LARGEST:
            drawn.append(f'<text x="0" y="{y + 14}">{escape(title)}: {len(matrix)} rows, too many to draw</text>')
            y, width = y + GAP, max(width, 400)
            continue
        drawn.append(f'<g transform="translate(0 {y})">{_heat_map(title, matrix, labels)}</g>')
        y, width = y + MARGIN + CELL * len(matrix) + GAP, max(width, MARGIN + CELL * len(matrix[0]) + 200)
    style = "font: 11px sans-serif"
    size = f'width="{width}" height="{y}" viewBox="0 0 {width} {y}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} style="{style}">{"".join(drawn)}</svg>\n'


def _heat_map(title: str, matrix: Sequence[Sequence[float]], labels: Sequence[str]) -> str:
    """Rows to the left, columns above; red is positive and blue negative, the strongest is the largest there is."""
    largest = max((abs(x) for row in matrix for x in row), default=0) or 1
    parts = [f'<text x="0" y="14" font-weight="bold">{escape(title)}, up to {largest:.4g}</text>']
    for i, row in enumerate(matrix):
        y = MARGIN + CELL * i
        parts.append(f'<text x="{MARGIN - 4}" y="{y + 13}" text-anchor="end">{escape(labels[i])}</text>')
        for j, x in enumerate(row):
            if x:
                colour = "c22" if x > 0 else "22c"
                square = f'<rect x="{MARGIN + CELL * j}" y="{y}" width="{CELL}" height="{CELL}" fill="#{colour}"'
                parts.append(f'{square} fill-opacity="{abs(x) / largest:.3f}"><title>{x:.6g}</title></rect>')
    for j in range(len(matrix[0])):
        x_ = MARGIN + CELL * j + 13
        parts.append(f'<text transform="translate({x_} {MARGIN - 4}) rotate(-60)">{escape(labels[j])}</text>')
    frame = f'x="{MARGIN}" y="{MARGIN}" width="{CELL * len(matrix[0])}" height="{CELL * len(matrix)}"'
    parts.append(f'<rect {frame} fill="none" stroke="#888"/>')
    return "".join(parts)
