"""The map of every context: a cell for each, or of what is proved for each leaf."""

import json
import re
from collections.abc import Sequence
from fractions import Fraction

from properties.dossier.dossier import Dossier
from properties.report.page import leaves
from properties.report.page.document import shortened, text
from zoo.black_box import BlackBox
from zoo.contexts import counted

ROW = 34
LABELLED = 32  # whose cells have room for a token
LEAVES = (200, 100, 50, 24, 12, 6)  # sets of a length that are drawn, as many as have room
ROOM = 60_000  # characters of all of them
SAYS = '<p class="now js" id="map-say" aria-live="polite"></p><p class="cap js" id="marks-say" hidden></p>'
DEFS = (
    '<defs><pattern id="hd" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="cd" width="6" height="6"/><rect class="hx" width="1.4" height="6"/></pattern>'
    '<pattern id="hb" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
    '<rect class="cb" width="6" height="6"/><rect class="hx" width="1.4" height="6"/></pattern></defs>'
)


def large(found: Dossier) -> str:
    """The map of a page, with its legend and what it shows; that of a black box leads nowhere."""
    blind = isinstance(found.model, BlackBox)
    if found.answers is not None:
        body, legend = _cells(found), _legend(found)
        some = len(found.rows) < len(found.model.scope.lengths)
        text_ = (
            f"Every context there is, one cell each: a row for {'some of the lengths' if some else 'each length'}. "
            + (
                "The top row is the token that stands last; each row below adds an earlier one to its left, so that a "
                "cell and all above it spell a context."
                if found.model.domain is None
                else "In a row, contexts stand by their last token, then by the one before."
            )
            + ("" if blind else ' <span class="js">Choose a cell to trace it.</span>')
        )
    else:
        body, legend = _leaves(found), _legend(found)
        if not body:
            return f'<p class="none">There are {counted(found.model.scope.count())} contexts, too many to be shown.</p>'
        text_ = f"There are {counted(found.model.scope.count())} contexts, too many for a cell each"
        text_ += (
            ": what was found wrong is shown."
            if found.bands is None
            else ": a cell is a set of contexts that the proof settled at once, as wide as its share of its length."
        )
        if re.search(r"<title>[\d,]+ sets of ", body):
            text_ += " Where these are too many, a cell is all that have an answer and their last tokens in common."
        if leaves.lengths(found)[-1:] < found.model.scope.lengths[-1:]:
            text_ += " Longer contexts were not looked through."
    return (
        f'<figure class="card">{body}{"" if blind else SAYS}<ul class="legend">{legend}</ul>'
        f"<figcaption>{text_}</figcaption></figure>"
    )


def _cells(found: Dossier) -> str:
    assert found.answers is not None
    answers, drawn = found.answers, ""
    for told in (True, False):  # without what stands in cells, where that is too much
        drawn = "".join(_runs(found, y, length, told) for y, length in enumerate(found.rows))
        if len(drawn) <= ROOM:
            break
    wrong, deviating = int(answers.wrong.sum()), int(answers.deviates.sum())
    label = f"Map of all {len(answers.words)} contexts. {wrong} wrong, {deviating} other than meant."
    kind = "" if isinstance(found.model, BlackBox) else "cells"
    label += (
        kind and " Left and right go along a row, up drops the first token, down adds one; Enter goes to the trace."
    )
    return _framed(list(found.rows), drawn, label, kind)


def _runs(found: Dossier, y: int, length: int, told: bool) -> str:
    """A row: each context is told of where it has a cell of its own."""
    assert found.answers is not None
    answers, names, group, runs = found.answers, found.model.rows, list[str](), found.rows[length]
    each = told and all(run.number == 1 for run in runs)
    for run in runs:
        says, word = answers.says[run.first], answers.words[run.first]
        title = f"<title>{text(shortened(word))} → {text(says)}</title>" if each else ""
        box = f'x="{_share(run.start)}%" y="{y * ROW}" width="{_share(run.width)}%" height="{ROW - 2}"'
        rect = f'<rect class="c{run.state}" {box}'
        group.append(f"{rect}>{title}</rect>" if title else f"{rect}/>")
        label = word[0] if len(names) <= 3 and found.model.domain is None else says
        if each and len(runs) <= LABELLED and len(label) <= 3:
            middle = _share(run.start + run.width / 2)
            group.append(f'<text class="i{run.state}" x="{middle}%" y="{y * ROW + 20}">{text(label)}</text>')
    return f'<g class="{"few" if len(runs) <= 8 else "some"}" data-length="{length}">{"".join(group)}</g>'


def _framed(lengths: Sequence[int], drawn: str, label: str, kind: str) -> str:
    names = "".join(f"<div>{length}<b> token{'s' * (length > 1)}</b></div>" for length in lengths)
    role = f'data-kind="{kind}" tabindex="0" role="application" aria-roledescription="map of contexts"'
    role = role if kind else 'role="img"'  # which leads nowhere
    return (
        f'<div class="map"><div class="rows" aria-hidden="true">{names}</div>'
        f'<svg id="map" {role} aria-label="{text(label)}" height="{ROW * len(lengths)}">{DEFS}{drawn}'
        f'<g id="marks"></g><rect class="sel" visibility="hidden" height="{ROW - 2}" rx="2"/></svg></div>'
    )


def _leaves(found: Dossier) -> str:
    """What was settled, in as many cells as have room."""
    drawn, shown = "", dict[int, list[leaves.Cell]]()
    for most in LEAVES:
        shown = leaves.rows(found, most)
        drawn = "".join(_row(length, y, cells) for y, (length, cells) in enumerate(shown.items()))
        if len(drawn) <= ROOM:
            break
    if not shown:
        return ""
    label = f"Map of the contexts as they were settled, for {len(shown)} of {len(leaves.lengths(found))} lengths"
    return _framed(list(shown), drawn, label, "" if isinstance(found.model, BlackBox) else "leaves")


def _row(length: int, y: int, cells: Sequence[leaves.Cell]) -> str:
    drawn = ""
    for one in cells:
        shape = f'x="{_share(one.start)}%" y="{y * ROW}" width="{_share(one.width)}%" height="{ROW - 2}"'
        leaf = "" if one.known is None else text(json.dumps([length, one.known], separators=(",", ":")))
        data = f' data-leaf="{leaf}"' if leaf else ""
        drawn += f'<rect class="c{one.state}" {shape}{data}><title>{text(one.title)}</title></rect>'
    return f'<g data-length="{length}">{drawn}</g>'


def small(found: Dossier) -> str:
    """The same as a picture for the index."""
    if found.answers is None:
        shown = leaves.rows(found, LEAVES[-2])
        rows = [[(float(one.start), float(one.width), one.state) for one in row] for row in shown.values()]
    else:
        rows = [[(run.start, run.width, run.state) for run in row] for row in found.rows.values()]
    if not rows:
        return ""
    high, by_state = 48 / len(rows), dict[str, list[str]]()
    for y, row in enumerate(rows):
        for start, width, state in row:
            d = f"M{150 * start:.2f} {y * high:.2f}h{150 * width:.2f}v{high - 0.7:.2f}h-{150 * width:.2f}z"
            by_state.setdefault(state, []).append(d)
    paths = "".join(f'<path class="c{state}" d="{"".join(ds)}"/>' for state, ds in sorted(by_state.items()))
    return f'<svg viewBox="0 0 150 48" aria-hidden="true">{paths}</svg>'


def _legend(found: Dossier) -> str:
    answers, names = found.answers, found.model.names
    shown = [(str(i), f"says {name}") for i, name in enumerate(names[:3])]
    if len(names) > 3:
        shown[2] = ("2", "says anything else")
    if not names:
        shown = [("0", "a number that is right")]
    shown += [("d", "not as meant"), ("b", "wrong"), ("n", "nothing specified"), (leaves.OPEN, "not settled")]
    if answers is not None:
        states = {run.state for row in found.rows.values() for run in row}
    else:
        states = {one.state for row in leaves.rows(found, LEAVES[0]).values() for one in row}
    shown = [one for one in shown if one[0] in states]
    box = '<rect x=".5" y=".5" width="9" height="9" rx="2" class="c{}"/>'
    square = f'<svg viewBox="0 0 10 10" aria-hidden="true">{box}</svg>'
    return "".join(f"<li>{square.format(state)}{text(said)}</li>" for state, said in shown)


def _share(part: float | Fraction) -> str:
    """In percent."""
    return f"{float(100 * part):.5g}"
