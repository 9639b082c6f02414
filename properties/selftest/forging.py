"""Certificates by liars.

In some every leaf of a rule is said to be proved; in others the margin is larger than what was proved, or all that was
not proved is said to have been run or to be skipped, or is left out of the splits.
"""

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
PROVED, LARGER, RUN = "every leaf is proved", "a larger margin", "all that is not proved was run"
SKIPPED, LEFT_OUT, TWICE = "it is skipped", "it is left out", "another twice"
LIES = (PROVED, LARGER, LARGER, RUN, SKIPPED, LEFT_OUT, TWICE, TWICE)


def forged(model: Model, function: Function, lie: str) -> Json | None:
    """None where the function determines nothing."""
    original = Bounds.margins

    def margins(*arguments: Any, **options: Any) -> Margins:
        found = original(*arguments, **options)
        return Margins(np.full(found.lower.shape, 5e-324), found.levels, found.felt, found.worst)

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        if lie == PROVED:
            patch.setattr(Bounds, "margins", margins)
        elif lie != LARGER:
            patch.setattr(Answers, "run", lambda *arguments: (5e-324, None))
        made = certify(model, function)[1]
    if made is None:
        return None
    made = deepcopy(made)
    if lie == LARGER:
        made["margin"] *= 1.0005
    elif lie == SKIPPED:
        made["nodes"] = [["skipped"] if node == ["run"] else node for node in made["nodes"]]
    elif lie in (LEFT_OUT, TWICE):
        made["nodes"] = [_without_runs(made["nodes"], node, lie == TWICE) for node in made["nodes"]]
    return made


def _without_runs(nodes: list[Any], node: list[Any], twice: bool) -> list[Any]:
    """A split that leaves out what was run, or has in its place a part that was not, once more."""
    if not isinstance(node[0], int):
        return node
    kept = [pair for pair in node[1:] if nodes[pair[1]] != ["run"]]
    if not (twice and kept):
        return [node[0], *kept]
    return [node[0], *([tokens, child if nodes[child] != ["run"] else kept[0][1]] for tokens, child in node[1:])]
