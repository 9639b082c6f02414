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
WIDTH, ROW, LEFT = 480, 16, 22
ROWS = 32  # lengths of a map
NUMBERS = 'text-anchor="end" font-size="10" fill="currentColor" fill-opacity=".7" font-family="sans-serif"'


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
    return f'<div style="max-width:{LEFT + WIDTH}px;margin:.4em 0">{name}{chip}{small}{found}{_map(model, known)}</div>'


def status(word: str) -> str:
    """A status with its mark, which says it without the colour."""
    border = f"border:1.5px solid {COLOURS[word]};border-radius:1em;padding:0 .6em;white-space:nowrap;font-size:90%"
    border += ";display:inline-block;line-height:1.5"
    return f'<span style="{border}">{GLYPHS[word]} {word}</span>'


def _map(model: Model, known: Known | None) -> str:
    if isinstance(model, BlackBox) or model.scope.count() > MOST or len(model.scope.lengths) > ROWS:
        return ""
    if model.outputs is NUMBER:
        states = ["0"] * model.scope.count()
    else:
        states = [str(answer) for answer in np.minimum(np.nan_to_num(model.answer_logits()).argmax(axis=1), 2)]
    if known is not None:
        wrong, kind = set(known.wrong), WRONG
        if known.status == "deviates":
            wrong, kind = {context for one in model.deviations for context in one.contexts}, DEVIATES
        states = [kind if one in wrong else state for one, state in zip(model.contexts(), states)]
    drawn = []
    for y, (length, order) in enumerate(orders(model).items()):
        drawn.append(f'<text x="{LEFT - 5}" y="{y * ROW + 12}" {NUMBERS}>{length}</text>')
        for run in runs(order, states):
            drawn.append(_cell(LEFT + run.start * WIDTH, y * ROW, run.width * WIDTH, run.state))
    wide, high = LEFT + WIDTH, ROW * len(model.scope.lengths)
    label = f"What {model.name} answers in every context, a row for each length, the last token first"
    return (
        f'<svg width="{wide}" height="{high}" viewBox="0 0 {wide} {high}" role="img" '
        f'aria-label="{escape(printable(label))}" style="max-width:100%;margin-top:.3em">{"".join(drawn)}</svg>'
        f"{_legend(model, set(states))}"
    )


def _cell(x: float, y: int, width: float, state: str) -> str:
    box = f'x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}"'
    if state in TONES:
        return f'<rect {box} fill="currentColor" fill-opacity="{TONES[state]}"/>'
    colour = COLOURS["failed" if state == WRONG else "deviates"]  # which strokes say too
    slant = min(width, ROW - 1)
    strokes = "".join(
        f"M{x + i * 2 * slant:.1f} {y + ROW - 1}l{slant:.1f} {1 - ROW}"
        for i in range(max(1, int((width / slant + 1) / 2)))
    )
    return f'<rect {box} fill="{colour}"/><path d="{strokes}" stroke="currentColor"/>'


def _legend(model: Model, states: set[str]) -> str:
    """What each kind of cell on the map is."""
    names = [*model.names[:2], model.names[2] if len(model.names) == 3 else "anything else"] if model.names else []
    said = {str(i): f"says {name}" for i, name in enumerate(names)} or {"0": "a number"}
    said |= {WRONG: "wrong", DEVIATES: "not as meant"}
    square = f'<svg width="{ROW - 1}" height="{ROW - 1}" aria-hidden="true" style="vertical-align:-.15em">'
    parts = (
        f'<span style="margin-right:1em;white-space:nowrap">{square}{_cell(0, 0, ROW - 1, state)}</svg> '
        f"{escape(printable(what))}</span>"
        for state, what in said.items()
        if state in states
    )
    return f'<div style="font-size:85%;opacity:.85;margin-left:{LEFT}px">{"".join(parts)}</div>'
