"""A fold as a table that a page walks through: where each token leads from each state, and what is permitted there."""

import base64
from typing import Any

import numpy as np

from properties.proof.folds import REFUSED, Table
from properties.proof.reading.decision_tree import Reading
from reference import Fold
from zoo.errors import ZooError
from zoo.model import Model
from zoo.rule import Function
from zoo.transformer.arrays import Array

ENTRIES = 24_000  # of a table, states x tokens: as text 64 kB
NOWHERE = 2**16 - 1  # in place of a state, or of what is permitted: no context of the domain comes there


def states(model: Model, function: Function, kind: str) -> dict[str, Any] | None:
    """What `forward.js` walks: None where it is no fold, or its table would be too large for a page.

    `next` is of every state and token, `says` of every state which of `permits` is so; both are the bytes of uint16.
    """
    if type(function) is not Fold or model.answers == "every":
        return None
    try:
        table = Reading(function, model.vocab, kind, names=model.names).table
        assert table is not None
        seen = _walked(table, model)
    except ZooError:  # its first state is none: the verdicts say so
        return None
    if seen is None:
        return None
    following = np.full((max(seen) + 1, len(model.vocab)), NOWHERE)
    says, permits = np.full(len(table.states), NOWHERE), dict[tuple[Any, ...], int]()
    asked = table.asked.of(function.answer)
    numbers: dict[Any, Any] = {name: i for i, name in enumerate(model.names)}
    for state in sorted(seen):
        following[state] = [NOWHERE if end == REFUSED else end for end in table.after(state)]
    for state in sorted({end for row in following.tolist() for end in row} - {NOWHERE}):
        try:
            said = asked(table.states[state])
        except ZooError:  # where no context of the domain ends, it need not say anything
            continue
        permitted: list[Any] = [numbers.get(name, name) for name in said]
        says[state] = permits.setdefault(tuple(sorted(permitted)), len(permits))
    return {"tokens": len(model.vocab), "next": _bytes(following), "says": _bytes(says), "permits": list(permits)}


def _walked(table: Table, model: Model) -> set[int] | None:
    """The states in which contexts of the domain end that are no longest ones; None where there are too many."""
    seen = {0}
    for layout in model.scope.layouts:
        reached = {0}
        for tokens, run in layout.runs:
            allowed = [i for i, token in enumerate(model.vocab) if token in tokens]
            new, ends = reached, set[int]()  # those of the run are walked through once, and all may be where it ends
            for _ in run:
                ends |= new
                new = {table.after(state)[i] for state in new for i in allowed} - ends - {REFUSED}
                if len(table.states) * len(model.vocab) > ENTRIES:
                    return None
                if not new:
                    break
            reached = ends | new
            seen |= ends
    return seen


def _bytes(numbers: Array) -> str:
    return base64.b64encode(numbers.astype("<u2").tobytes()).decode()
