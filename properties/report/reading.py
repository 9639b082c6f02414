"""How a model reads a context: where each head looks, what each neuron says, and what becomes of the logits."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Column
from rich.text import Text

from properties.report.console import console, grid, side_by_side
from zoo.contexts import written
from zoo.digits import apart
from zoo.errors import printable
from zoo.inspection.reading import Neuron, Reading

Permitted = Sequence[frozenset[Any]] | None  # at the last position or at each; None where the rule is not asked
COLUMNS = 16  # tokens side by side, and neurons below one another
ROUNDED = 1e-6  # by which scores that are meant to be equal may differ
DUST = 1e-6  # a weight below it is next to nothing, and so is a share of the largest logit's size


def show(reading: Reading, permitted: Permitted) -> None:
    """The answer, and whether it is permitted; the heads, the neurons, the logits.

    Of many heads, positions, neurons or tokens only some are shown, and how many there are is said.
    """
    _answer(reading, permitted)
    _heads(reading)
    for layer, count, neurons in reading.mlps:
        _neurons(layer, count, neurons)
    _logits(reading)


def _answer(reading: Reading, permitted: Permitted) -> None:
    said = " ".join(answer if isinstance(answer, str) else f"{answer:.6g}" for answer in reading.answers)
    where = f"after {written(reading.tokens)}" if len(reading.answers) == 1 else f"at each of {written(reading.tokens)}"
    text = Text(printable(f"\n{where}: {said}"), style="bold")
    if permitted is not None:
        text.append(f" ({printable(_permits(permitted))})")
    console().print(text, soft_wrap=True)


def _permits(permitted: Sequence[frozenset[Any]]) -> str:
    """ "the rule permits a or b", and where there are several answers what it permits at each."""
    if len(permitted) == 1:
        [here] = permitted
        return f"the rule permits {' or '.join(map(str, sorted(here)))}" if here else "the rule asks for nothing here"
    each = ["/".join(map(str, sorted(here))) or "-" for here in permitted]
    return f"the rule permits {' '.join(each)}"


def _heads(reading: Reading) -> None:
    """Where each looks from each position, and the scores of the last position before softmax."""
    out = console()
    positions = [f"{token}{i}" for i, token in enumerate(reading.tokens)]
    for (name, pattern), scores in list(zip(reading.patterns, reading.scores))[:COLUMNS]:
        last = positions[-COLUMNS:]
        rows = [*((one, "") for one in last), (f"scores of {positions[-1]}", "dim")]
        seen = zip(pattern[-COLUMNS:, -COLUMNS:].T, scores[-COLUMNS:])
        least = DUST * float(np.abs(scores[-COLUMNS:]).max())
        columns = [(one, [*map(_weight, weights), _score(score, least)]) for one, (weights, score) in zip(last, seen)]
        side_by_side(out, name, rows, columns)
        out.print(f"{_ahead(positions, scores)}\n")
    if (heads := len(reading.patterns)) > COLUMNS or len(positions) > COLUMNS:
        out.print(f"the last {COLUMNS} positions at most, of {heads} heads the first {COLUMNS}; see zoo inspect\n")


def _weight(weight: float) -> str:
    """Of what is masked, too, it is 0."""
    return f"{weight:.3g}" if weight >= DUST or weight == 0 else "~0"


def _score(score: float, least: float) -> str:
    return "~0" if 0 < abs(score) < least else f"{score:.4g}"


def _ahead(positions: Sequence[str], scores: NDArray[Any]) -> str:
    """By how much the largest score is ahead of the next one."""
    if len(scores) == 1:
        return f"{positions[-1]} sees itself alone"
    second, best = np.argsort(scores, kind="stable")[-2:].tolist()
    gap = scores[best] - scores[second]
    alike = [one for one, score in zip(positions, scores) if scores[best] - score <= ROUNDED * abs(scores[best])]
    if len(alike) > COLUMNS:
        return f"{positions[-1]} sees {len(alike)} positions alike"
    if len(alike) > 1:
        return f"{positions[-1]} sees {', '.join(alike)} alike"
    return f"{positions[-1]} sees {positions[best]} most, {gap:.4g} ahead of {positions[second]} before softmax"


def _neurons(layer: int, count: int, neurons: Sequence[Neuron]) -> None:
    """What each reads, its value at the last position and what it writes."""
    out = console()
    table = grid(f"mlp {layer}", "reads", Column("value", justify="right"), "writes")
    for one in neurons:
        table.add_row(f"neuron {one.number}", one.reads, f"{one.value:.4g}", one.writes)
    out.print(table)
    if count > len(neurons):
        out.print(f"the {len(neurons)} neurons with the largest values, of {count}")
    out.print()


def _logits(reading: Reading) -> None:
    """What each part adds to the logits of the last position."""
    out = console()
    outputs, logits, parts = reading.outputs, reading.logits, reading.shares
    best = np.argsort(-logits, kind="stable")[:COLUMNS] if len(outputs) > COLUMNS else np.arange(len(outputs))
    last = " at the last" if len(reading.answers) > 1 else ""
    least = sorted(abs(share[best[0]]) for _, share in parts)[-2 * COLUMNS :][0]
    dust = DUST * max(float(np.abs(share).max()) for _, share in parts)
    shown = [(name, share) for name, share in parts if abs(share[best[0]]) >= least]
    columns = [
        (outputs[i], [*("~0" if 0 < abs(share[i]) < dust else f"{share[i]:.6g}" for _, share in shown), total])
        for i, total in zip(best, _totals(logits[best], dust))
    ]
    rows = [*((name, "") for name, _ in shown), ("logits", "bold")]
    side_by_side(out, f"share of the logits{last}", rows, columns)
    if len(parts) > 2 * COLUMNS:
        out.print(
            f"the {2 * COLUMNS} parts with the most of {outputs[best[0]]}, of {len(parts)}; see zoo inspect --all"
        )
    if len(best) < len(outputs):
        out.print(f"the {len(best)} tokens with the largest logits, of {len(outputs)}")


def _totals(logits: NDArray[Any], dust: float) -> list[str]:
    """Logits with as many digits as the largest two differ in; those next to nothing are said to be, but for these."""
    texts, largest = apart(logits.tolist()), np.argsort(-logits, kind="stable")[:2]
    return ["~0" if 0 < abs(x) < dust and i not in largest else text for i, (x, text) in enumerate(zip(logits, texts))]
