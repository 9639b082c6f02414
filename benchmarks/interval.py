"""The picture of docs/counting.md: what is certain of a count, over time. `python -m benchmarks.interval FILE.svg`."""

import math
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.test_count import intervals, trained

Point = tuple[float, float, float]  # seconds of the processor, at least, at most
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 360, 70, 30, 50, 50
BEGIN, END, LOW = 1.0, 60.0, 0.96
INK, GREY, BLUE = "#1f2328", "#8c959f", "#0969da"


def x(seconds: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(max(seconds, BEGIN) / BEGIN) / math.log(END / BEGIN)


def y(share: float) -> float:
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * max(0.0, share - LOW) / (1 - LOW)


def drawn(points: Sequence[Point], title: str) -> str:
    """The band between at least and at most, time on a logarithmic scale."""
    edges = [[(x(point[0]), y(point[i])) for point in points] for i in (1, 2)]
    around = " ".join(f"{a:.1f},{b:.1f}" for a, b in [*edges[0], *edges[1][::-1]])
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="13" fill="{INK}" role="img">',
        f"<title>{title}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="26" font-size="16">{title}</text>',
        f'<polygon points="{around}" fill="{BLUE}" fill-opacity="0.25" stroke="{BLUE}"/>',
    ]
    for share in (0.96, 0.97, 0.98, 0.99, 1.0):
        at = f"{y(share):.1f}"
        lines.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at}" y2="{at}" stroke="{GREY}" stroke-width="0.5"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{at}" dy="4" text-anchor="end">{100 * share:.0f} %</text>')
    for seconds in (1, 2, 5, 10, 20, 60):
        lines.append(f'<text x="{x(seconds):.1f}" y="{HEIGHT - BOTTOM + 20}" text-anchor="middle">{seconds}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    lines.append(f'<text x="{middle}" y="{HEIGHT - 10}" text-anchor="middle">seconds of the processor</text>')
    return "\n".join([*lines, "</svg>"]) + "\n"


def main(file: str) -> None:
    begin, points = time.process_time(), list[Point]()
    for found in intervals(trained(10), [10], END):
        seconds, (least, most) = time.process_time() - begin, found.accuracy
        if not points or seconds > 1.05 * points[-1][0]:
            points.append((seconds, float(least), float(most)))
    Path(file).write_text(drawn(points, "Right in how many of 64^10 contexts, the largest of 10 tokens"))


if __name__ == "__main__":
    main(sys.argv[1])
