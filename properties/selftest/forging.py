"""Certificates by liars.

In some every leaf of a rule is proved, by levels that were made up; in others all that was not proved is said to have
been run, or is left out of the tree.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import pytest

from properties.proof.bounds import Bounds, Margins
from properties.proof.certificate import certify
from properties.proof.judges import Answers
from zoo import Model
from zoo.rule import Function

Json = dict[str, Any]
FOUND, LARGEST, LOWERED = "as they are found", "the largest", "lowered by what a margin is short of 0"
LEVELS = (FOUND, LARGEST, LOWERED, 0.0)
LARGER, RUN, LEFT_OUT, TWICE = "larger margins", "all that is not proved was run", "it is left out", "another twice"
LIES = (*LEVELS, LOWERED, LARGER, LARGER, RUN, LEFT_OUT, TWICE, TWICE)


def forged(model: Model, function: Function, lie: float | str) -> Json | None:
    """None where the function determines nothing."""
    if lie in LEVELS:
        return _by_levels(model, function, lie)
    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        if lie != LARGER:
            patch.setattr(Answers, "run", lambda *arguments: (5e-324, None))
        made = certify(model, function)[1]
    if made is None:
        return None
    if lie == LARGER:
        return _with_larger_margins(made)
    if lie != RUN:
        for tree in made["trees"].values():
            _without_runs(tree, twice=lie == TWICE)
    return made


def _by_levels(model: Model, function: Function, lie: float | str) -> Json | None:
    original = Bounds.margins

    def margins(*arguments: Any, **options: Any) -> Margins:
        found = original(*arguments, **options)
        largest = np.finfo(np.float64).max
        levels = np.nan_to_num(found.levels, nan=0.0, posinf=largest, neginf=-largest)
        if lie == LOWERED:
            short = np.nan_to_num(np.maximum(0, -found.lower), posinf=0)[:, None, None, None]
            levels = levels - short * 1.01 / max(1, levels.shape[1])
        elif lie != FOUND:
            levels = np.full_like(levels, largest if lie == LARGEST else lie)
        return Margins(np.full(found.lower.shape, 5e-324), levels, found.felt, found.worst)

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(Bounds, "margins", margins)
        return certify(model, function)[1]


def _with_larger_margins(made: Json) -> Json:
    """By half a thousandth."""
    made = deepcopy(made)
    for tree in made["trees"].values():
        for node in _nodes(tree):
            if "margin" in node:
                node["margin"] *= 1.0005
    if all(node.get("is") != "run" for tree in made["trees"].values() for node in _nodes(tree)):
        made["margin"] *= 1.0005
    return made


def _nodes(tree: Json) -> Iterator[Json]:
    yield tree
    for _, child in tree.get("to", []):
        yield from _nodes(child)


def _without_runs(tree: Json, twice: bool) -> None:
    """With splits that leave out what was run, or have in its place a part that was not, once more."""
    kept = [(tokens, child) for tokens, child in tree.get("to", []) if child.get("is") != "run"]
    for _, child in kept:
        _without_runs(child, twice)
    if kept:
        missing = len(tree["to"]) - len(kept)
        tree["to"] = kept + kept[:1] * (missing if twice else 0)
