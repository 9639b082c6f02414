"""Certificates of models of the zoo, and how they are confirmed."""

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from properties.proof.certificate import certify
from properties.recheck.tree import about, confirmed_leaves
from zoo import Attention, Model

needs_flint = pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")
Json = dict[str, Any]


def certificate(model: Model, function: Callable[[Any], Any]) -> Json:
    """As it comes back from a file."""
    _, made = certify(model, function)
    assert made is not None
    back: Json = json.loads(json.dumps(made))
    return back


def structure(made: Json, model: Model, function: Callable[[Any], Any]) -> int:
    """All that is confirmed without python-flint; how many contexts that covers."""
    transformer = about(made, model, function)
    attentions = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    heads = attentions[-1].sizes["head"] if attentions else 0
    every = [confirmed_leaves(made["trees"][str(n)], model, function, heads, n) for n in range(1, model.n_ctx + 1)]
    return sum(leaf.contexts for its in every for leaf in its)


def nodes(made: Json, kind: str = "proved") -> Iterator[Json]:
    """The leaves of a kind, of the longest contexts first."""
    todo = [tree for _, tree in sorted(made["trees"].items(), key=lambda item: int(item[0]))]
    while todo:
        node = todo.pop()
        if "to" in node:
            todo += [child for _, child in node["to"]]
        elif node["is"] == kind:
            yield node
