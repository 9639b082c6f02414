"""What a model looks like where it is the value of a cell or a line: one line, and in a notebook its map.

The HTML stands in a page of somebody else's: every style is in its element, there is no script, and what is not the
ink of the page itself can be read on white and on black.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from weakref import WeakKeyDictionary

import numpy as np

from zoo.black_box import BlackBox
from zoo.contexts import Context, counted
from zoo.domain_in_words import lengths
from zoo.errors import printable
from zoo.inspection.context_map import DEVIATES, WRONG, orders, runs
from zoo.model import NUMBER, Model

MOST = 4096  # contexts of a map
LINE = 200  # characters
GLYPHS = {"holds": "✓", "deviates": "≠", "failed": "✗", "undecided": "?"}
COLOURS = {"holds": "#2a9d78", "deviates": "#c98a00", "failed": "#e0523a", "undecided": "#8a75c9"}
TONES = {"0": 0.22, "1": 0.8, "2": 0.5}  # of the page's own ink
WIDTH, ROW = 480, 16


@dataclass(frozen=True)
class Known:
    """What was found of a model: the gravest status of its checks, in a sentence, and which contexts are wrong."""

    status: str
    sentence: str
    wrong: Sequence[Context] = ()


_known: WeakKeyDictionary[Model, Known] = WeakKeyDictionary()


def settled(model: Model, known: Known) -> None:
    """Remembers what was found of a model, for as long as there is the model."""
    _known[model] = known


def line(model: Model) -> str:
    kind = "BlackBox" if isinstance(model, BlackBox) else "Model"
    text = printable(f"<{kind} {model.name}: {sizes(model)}>")
    return text if len(text) <= LINE else f"{text[: LINE - 4]}...>"


def sizes(model: Model) -> str:
    """How many contexts of which tokens, and what runs on them."""
    said = f"{counted(model.scope.count())} contexts of {lengths(model.scope.lengths)}"
    said += f" over {', '.join(model.vocab)}" if len(model.vocab) <= 12 else f" over {len(model.vocab)} tokens"
    if isinstance(model, BlackBox):
        return f"{said}; a black box"
    transformer = model.transformer
    kinds = [f"{len(transformer.layers)} layer{'s' * (len(transformer.layers) != 1)}"]
    if heads := sum(transformer.layers[i].sizes["head"] for i in transformer.attentions):
        kinds.append(f"{heads} head{'s' * (heads > 1)}")
    return f"{said}; {', '.join(kinds)}, d_model {transformer.d_model}, {transformer.dtype}"


def html(model: Model) -> str:
    """Name, sizes, what is known of it, and the map of its answers."""
    known = _known.get(model)
    chip, found = "", ""
    if known is not None:
        chip, found = " " + status(known.status), f"<div>{escape(printable(known.sentence))}</div>"
    name = f"<b>{escape(printable(model.name))}</b>"
    small = f'<div style="opacity:.75;font-size:90%">{escape(printable(sizes(model)))}</div>'
    return f'<div style="max-width:{WIDTH}px;margin:.4em 0">{name}{chip}{small}{found}{_map(model, known)}</div>'


def status(word: str) -> str:
    """A status with its mark, which says it without the colour."""
    border = f"border:1.5px solid {COLOURS[word]};border-radius:1em;padding:0 .6em;white-space:nowrap;font-size:90%"
    return f'<span style="{border}">{GLYPHS[word]} {word}</span>'


def _map(model: Model, known: Known | None) -> str:
    if isinstance(model, BlackBox) or model.outputs is NUMBER or model.scope.count() > MOST:
        return ""
    answers = np.minimum(np.nan_to_num(model.answer_logits()).argmax(axis=1), 2)
    states = [str(answer) for answer in answers]
    if known is not None and known.wrong:
        wrong, kind = set(known.wrong), DEVIATES if known.status == "deviates" else WRONG
        states = [kind if one in wrong else state for one, state in zip(model.contexts(), states)]
    squares = []
    for y, (_, order) in enumerate(orders(model).items()):
        for run in runs(order, states):
            x, width = f"{run.start * WIDTH:.1f}", f"{run.width * WIDTH:.1f}"
            box = f'x="{x}" y="{y * ROW}" width="{width}" height="{ROW - 1}"'
            if run.state in TONES:
                squares.append(f'<rect {box} fill="currentColor" fill-opacity="{TONES[run.state]}"/>')
            else:  # marked by a stroke too
                colour = COLOURS["failed" if run.state == WRONG else "deviates"]
                stroke = f"M{x} {y * ROW + ROW - 1}l{width} {1 - ROW}"
                squares.append(f'<rect {box} fill="{colour}"/><path d="{stroke}" stroke="currentColor"/>')
    high = ROW * len(model.scope.lengths)
    names = ", ".join(model.names[:2]) + (" and others" if len(model.names) > 2 else "")
    label = f"What {model.name} answers in every context, a row for each length, the last token first: {names}"
    return (
        f'<svg width="{WIDTH}" height="{high}" viewBox="0 0 {WIDTH} {high}" role="img" '
        f'aria-label="{escape(printable(label))}" style="max-width:100%;margin-top:.3em">{"".join(squares)}</svg>'
    )
