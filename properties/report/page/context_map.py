"""The map of every context: a cell for each, or of what is proved for each leaf."""

import json
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from properties.dossier.dossier import Dossier
from properties.proof.bands import Band
from properties.report.page.document import number, shortened, text
from zoo.contexts import counted

ROW = 34
LABELLED = 32  # whose cells have room for a token
LEAVES = (200, 100, 50, 24, 12, 6)  # sets of a length that are drawn, as many as have room
ROOM = 60_000  # characters of all of them
LENGTHS = 10  # rows of what is proved
DEFS = (
    '<defs><pattern id="hd" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
    '<rect class="cd" width="6" height="6"/><rect class="hx" width="1.4" height="6"/></pattern>'
    '<pattern id="hb" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
    '<rect class="cb" width="6" height="6"/><rect class="hx" width="1.4" height="6"/></pattern></defs>'
)


def large(found: Dossier) -> str:
    """The map of a page, with its legend and what it shows."""
    if found.answers is not None:
        body, legend = _cells(found), _legend(found)
        text_ = (
            "Every context there is, one cell each: a row for each length. "
            + (
                "The top row is the token that stands last; each row below adds an earlier one to its left, so that a "
                "cell and all above it spell a context."
                if found.model.domain is None
                else "In a row, contexts stand by their last token, then by the one before."
            )
            + ' <span class="js">Choose a cell to trace it.</span>'
        )
    else:
        body, legend = _leaves(found), _legend(found)
        if not body:
            total = counted(found.model.scope.count())
            why = "settled by proof in more sets than can be shown" if _proved(found) else "too many to be shown"
            return f'<p class="none">There are {total} contexts, {why}.</p>'
        text_ = (
            f"There are {counted(found.model.scope.count())} contexts, too many for a cell each: a cell is a set of "
            "contexts that the proof settled at once, as wide as its share of its length."
        )
        if " sets of " in body:
            text_ += " Where these are too many, a cell is all that have an answer and their last tokens in common."
    return (
        f'<figure class="card">{body}<p class="now js" id="map-say" aria-live="polite"></p>'
        f'<p class="cap js" id="marks-say" hidden></p><ul class="legend">{legend}</ul>'
        f"<figcaption>{text_}</figcaption></figure>"
    )


def _proved(found: Dossier) -> bool:
    return any(one.method == "proved" and one.passed for one in found.verdicts)


def _cells(found: Dossier) -> str:
    assert found.answers is not None
    answers, names = found.answers, found.model.rows
    drawn = []
    for y, (length, runs) in enumerate(found.rows.items()):
        group = []
        each = all(run.number == 1 for run in runs)
        for run in runs:
            x, width, top = _share(run.start), _share(run.width), y * ROW
            title = ""
            if each:
                says = answers.says[run.first]
                title = f"<title>{text(shortened(answers.words[run.first]))} → {text(says)}</title>"
            box = f'x="{x}%" y="{top}" width="{width}%" height="{ROW - 2}"'
            group.append(
                f'<rect class="c{run.state}" {box}>{title}</rect>' if title else f'<rect class="c{run.state}" {box}/>'
            )
            if each and len(runs) <= LABELLED:
                first = answers.words[run.first][0]
                label = first if len(names) <= 3 and found.model.domain is None else answers.says[run.first]
                if len(label) <= 3:
                    middle = _share(run.start + run.width / 2)
                    group.append(f'<text class="i{run.state}" x="{middle}%" y="{top + 20}">{text(label)}</text>')
        drawn.append(f'<g class="{"few" if len(runs) <= 8 else "some"}" data-length="{length}">{"".join(group)}</g>')
    wrong, deviating = int(answers.wrong.sum()), int(answers.deviates.sum())
    label = (
        f"Map of all {len(answers.words)} contexts. {wrong} wrong, {deviating} other than meant. Left and right go "
        "along a row, up drops the first token, down adds one; Enter goes to the trace."
    )
    return _framed(list(found.rows), "".join(drawn), label, "cells")


def _framed(lengths: Sequence[int], drawn: str, label: str, kind: str) -> str:
    names = "".join(f"<div>{length}<b> token{'s' * (length > 1)}</b></div>" for length in lengths)
    return (
        f'<div class="map"><div class="rows" aria-hidden="true">{names}</div>'
        f'<svg id="map" data-kind="{kind}" tabindex="0" role="application" aria-roledescription="map of contexts" '
        f'aria-label="{text(label)}" height="{ROW * len(lengths)}">{DEFS}{drawn}<g id="marks"></g>'
        f'<rect class="sel" visibility="hidden" height="{ROW - 2}" rx="2"/></svg></div>'
    )


def _leaves(found: Dossier) -> str:
    """What was settled, for some of the lengths: the shortest, and then ever fewer up to the longest.

    A cell is a box, or where these are too many for a page, all that end alike.
    """
    if found.bands is None or not found.bands.rows:
        return ""
    lengths = sorted(found.bands.rows)
    chosen = sorted(
        {lengths[round((len(lengths) - 1) * (i / (LENGTHS - 1)) ** 3)] for i in range(LENGTHS)} | set(lengths[:4])
    )
    by_length: dict[int, list[Band]] = {length: [] for length in chosen}
    for one in found.settled:
        if one.box.length in by_length:
            by_length[one.box.length].append(found.bands.single(one))
    drawn = ""
    for most in LEAVES:
        bands = {
            length: by_length[length] if 0 < len(by_length[length]) <= most else found.bands.of(length, most)
            for length in chosen
        }
        drawn = "".join(_row(found, y, bands[length]) for y, length in enumerate(chosen))
        if len(drawn) <= ROOM:
            break
    label = f"Map of the sets of contexts that were proved, for {len(chosen)} of {len(lengths)} lengths"
    return _framed(chosen, drawn, label, "leaves")


def _row(found: Dossier, y: int, bands: Sequence[Band]) -> str:
    """What was settled of a length: each as wide as its share, ordered by what may stand last, then before it."""
    model, length, start, cells = found.model, bands[0].length, Fraction(0), []
    total = model.scope.count(length) * (length if model.answers == "every" else 1)
    wrong = {v.counterexample.context for v in found.verdicts if v.counterexample is not None}
    wrong = {context for context in wrong if len(context) == length}
    for one in sorted(bands, key=lambda one: (one.at or 0, _by_last(one, model.vocab))):
        width, box = Fraction(one.contexts, total), one.least
        state = "n" if one.kind == "skipped" else "1"
        if one.answer in model.names:
            state = str(min(model.names.index(one.answer), 2))
        state = "b" if not one.margin > 0 or (one.boxes == 1 and any(c in box for c in wrong)) else state
        title = f"{_which(one, model.vocab)}: {one.answer or ''} {_says(one, state)}"
        shape = f'x="{_share(start)}%" y="{y * ROW}" width="{_share(width)}%" height="{ROW - 2}"'
        leaf = text(json.dumps([length, _known(box, model.vocab)], separators=(",", ":")))
        cells.append(f'<rect class="c{state}" {shape} data-leaf="{leaf}"><title>{text(title)}</title></rect>')
        start += width
    return f'<g data-length="{length}">{"".join(cells)}</g>'


def _which(one: Band, vocab: Sequence[str]) -> str:
    """A set in words, or what those that were put together have in common."""
    at = "" if one.at is None else f", at token {one.at + 1}"
    if one.boxes == 1:
        return one.least.describe(vocab) + at
    return f"{one.boxes:,} sets of {one.end.describe(vocab)}{at}"


def _says(one: Band, state: str) -> str:
    if state == "b":
        return "wrong"
    return "nothing is specified" if one.kind == "skipped" else f"right by {number(one.margin)} at least"


def _known(box: Any, vocab: Sequence[str]) -> dict[int, int]:
    """Numbers of tokens of one of its contexts, by position from the end; of those that may be any, none."""
    first = box.first(vocab).tolist()
    places = range(box.length) if box.counts or box.ending is not None else sorted(box.sets)
    return {at - box.length: first[at] for at in places}


def _by_last(one: Band, vocab: Sequence[str]) -> list[int]:
    """In the order of the map: by what may stand last, then before it."""
    if one.boxes > 1:
        return [0 if its is None else min(map(vocab.index, its)) for its in one.key[0]]
    return [min(map(vocab.index, one.least.sets[at])) for at in sorted(one.least.sets, reverse=True)[:12]]


def small(found: Dossier) -> str:
    """The same as a picture for the index."""
    if found.answers is None:
        return ""
    high, by_state = 48 / len(found.rows), dict[str, list[str]]()
    for y, runs in enumerate(found.rows.values()):
        for run in runs:
            d = f"M{150 * run.start:.2f} {y * high:.2f}h{150 * run.width:.2f}v{high - 0.7:.2f}h-{150 * run.width:.2f}z"
            by_state.setdefault(run.state, []).append(d)
    paths = "".join(f'<path class="c{state}" d="{"".join(ds)}"/>' for state, ds in sorted(by_state.items()))
    return f'<svg viewBox="0 0 150 48" aria-hidden="true">{paths}</svg>'


def _legend(found: Dossier) -> str:
    answers, names = found.answers, found.model.names
    shown = [(str(i), f"says {name}") for i, name in enumerate(names[:3])]
    if len(names) > 3:
        shown[2] = ("2", "says anything else")
    if not names:
        shown = [("0", "a number that is right")]
    if answers is not None:
        shown += [("d", "not as meant")] if answers.deviates.any() else []
        shown += [("b", "wrong")] if answers.wrong.any() else []
        shown += [("n", "nothing specified")] if not answers.judged.all() else []
    else:
        shown += [("b", "wrong")] if found.status == "failed" else []
        shown += [("n", "nothing specified")] if any(one.kind == "skipped" for one in found.bands or ()) else []
    box = '<rect x=".5" y=".5" width="9" height="9" rx="2" class="c{}"/>'
    square = f'<svg viewBox="0 0 10 10" aria-hidden="true">{box}</svg>'
    return "".join(f"<li>{square.format(state)}{text(said)}</li>" for state, said in shown)


def _share(part: float | Fraction) -> str:
    """In percent."""
    return f"{float(100 * part):.5g}"
