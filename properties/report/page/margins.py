"""By how much each answer wins: a dot for each context, or bars where there are many."""

import math
from collections.abc import Sequence

from properties.dossier.dossier import Dossier, Missing
from properties.report.page.document import context, minus, number, section, shortened, text
from zoo.digits import exact, nearest
from zoo.domain import Box

WIDE, LEFT, SIZE = 820, 16, 7
COLUMNS = (WIDE - 2 * LEFT) // SIZE
DOTS = 300
Marked = tuple[float, int, str]  # a margin, whose it is, and its class


def margins(found: Dossier) -> str:
    """Of every context, where they are listed; else of each leaf that was proved."""
    answers = found.answers
    if answers is not None and answers.least is not None:
        values = [
            (float(margin), i, "db" if answers.wrong[i] else "dd" if answers.deviates[i] else "")
            for i, margin in enumerate(answers.margins.tolist())
            if math.isfinite(margin)
        ]
        if not values:
            return _none("no margin is a finite number")
        lead = (
            f"Best permitted minus best forbidden logit in each of {len(values)} contexts that are judged. The "
            f"smallest is {number(float(answers.margins[answers.least]))}, "
            f"after {context(answers.words[answers.least])}."
        )
        if not found.model.names:
            lead = lead.replace(
                "Best permitted minus best forbidden logit", "How far inside of what is permitted it is,"
            )
        names = [shortened(answers.words[i]) for _, i, _ in values]
        labels = {i: name for (_, i, _), name in zip(values, names)}
        figure = _figure(values, labels, found.model.margin)
    else:
        settled: list[tuple[Box, float]] = [(one.box, one.margin) for one in found.settled]
        settled = settled or [(one.end, one.margin) for one in found.bands or ()]
        leaves = [
            (margin, i, "" if margin > 0 else "db") for i, (_, margin) in enumerate(settled) if math.isfinite(margin)
        ]
        if not leaves:
            return _none("a black box has no logits" if isinstance(found.maps, Missing) else "none was measured")
        together = "" if found.settled else ", put together by their answers and last tokens"
        sets = f"{len(leaves)} sets of contexts{together}"
        lead = f"The least by which the right answer wins in each of {sets}, as it was proved."
        labels = {i: settled[i][0].describe(found.model.vocab) for _, i, _ in leaves[:DOTS]}
        figure = _figure(leaves, labels, found.model.margin)
    body = f'<figure class="card scroll wide" tabindex="0" role="group" aria-label="Margins">{figure}</figure>'
    return section("margins", "By how much each answer wins", body, lead)


def _none(why: str) -> str:
    return section("margins", "By how much each answer wins", f'<p class="none">There is nothing to show: {why}.</p>')


def _figure(values: Sequence[Marked], labels: dict[int, str], stated: float | None) -> str:
    low, high = min(0.0, min(values)[0]), max(max(values)[0], 0.0)
    high = high if high > low else low + 1
    span = high - low if math.isfinite(high - low) else 1.0
    stacks: dict[int, list[Marked]] = {}
    for one in sorted(values):
        stacks.setdefault(min(COLUMNS - 1, int((one[0] - low) / span * (COLUMNS - 1))), []).append(one)
    step = min(SIZE, 150 / max(map(len, stacks.values())))
    base = 28 + step * max(map(len, stacks.values()))

    def x(value: float) -> float:
        return LEFT + SIZE / 2 + SIZE * (COLUMNS - 1) * (value - low) / span

    out = [f'<line class="axis" x1="{LEFT}" x2="{WIDE - LEFT}" y1="{base:.1f}" y2="{base:.1f}"/>']
    for tick in _ticks(low, high):
        at = f"{x(tick):.1f}"
        out.append(f'<line class="axis" x1="{at}" x2="{at}" y1="{base:.1f}" y2="{base + 5:.1f}"/>')
        out.append(f'<text class="mid" x="{at}" y="{base + 18:.1f}">{minus(nearest(tick))}</text>')
    if stated is not None and low <= stated <= high:
        side, by = ("e s", -6) if x(stated) > WIDE - 190 else ("s", 6)
        out.append(f'<line class="rule" x1="{x(stated):.1f}" x2="{x(stated):.1f}" y1="10" y2="{base:.1f}"/>')
        out.append(f'<text class="{side}" x="{x(stated) + by:.1f}" y="18">stated: at least {exact(stated)}</text>')
    marks = _dots if len(values) <= DOTS else _bars
    out += [one for column, stack in sorted(stacks.items()) for one in marks(column, stack, step, base, labels)]
    worst = min(values)
    label = f"Margins of {len(values)}, from {number(worst[0])} to {number(high)}"
    size = f'viewBox="0 0 {WIDE} {base + 26:.0f}" width="{WIDE}" height="{base + 26:.0f}"'
    return f'<svg class="fig" {size} role="img" aria-label="{text(label)}">{"".join(out)}</svg>'


def _ticks(low: float, high: float) -> list[float]:
    unit = 10.0 ** math.floor(math.log10(high - low))
    unit = unit / 2 if (high - low) / unit < 3 else unit
    first = math.ceil(low / unit)
    return [unit * k for k in range(first, first + 12) if unit * k <= high]


def _dots(column: int, stack: list[Marked], step: float, base: float, labels: dict[int, str]) -> list[str]:
    ordered = sorted(stack, key=lambda one: (bool(one[2]), one[2], one))
    return [
        f'<circle class="dot {kind}" cx="{LEFT + SIZE / 2 + SIZE * column:.1f}" cy="{base - 5 - step * k:.1f}" '
        f'r="{min(3, step / 2):.2g}"><title>{text(labels[i])}: {number(margin)}</title></circle>'
        for k, (margin, i, kind) in enumerate(ordered)
    ]


def _bars(column: int, stack: list[Marked], step: float, base: float, labels: dict[int, str]) -> list[str]:
    out, top = [], base
    for kind in ("", "dd", "db"):
        if some := [one for one in stack if one[2] == kind]:
            high = max(2.0, step * len(some))
            top -= high
            box = f'x="{LEFT + SIZE * column}" width="{SIZE - 1}" y="{top:.1f}" height="{high:.1f}"'
            out.append(f'<rect class="dot {kind}" {box}><title>{len(some)} from {number(some[0][0])}</title></rect>')
    return out
