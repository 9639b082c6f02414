"""Certificates of models of the zoo, and how they are confirmed."""

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import pytest

from properties.proof.certificate import certify
from properties.recheck.about import about
from properties.recheck.graph import Graph
from properties.recheck.leaves import Leaf, Reading
from zoo import Model

needs_flint = pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")
Json = dict[str, Any]
Node = list[Any]


def certificate(model: Model, function: Callable[[Any], Any]) -> Json:
    """As it comes back from a file."""
    _, made = certify(model, function)
    assert made is not None
    back: Json = json.loads(json.dumps(made))
    return back


def leaves(made: Json, model: Model, function: Callable[[Any], Any]) -> Iterator[Leaf]:
    """The leaves, and what is permitted there, as it is confirmed of whatever function."""
    graph = Graph(made, model)
    reading = Reading(graph, model, function)
    for box, root in graph.roots:
        yield from reading.leaves(box, root)
    reading.check()


def structure(made: Json, model: Model, function: Callable[[Any], Any]) -> int:
    """All that is confirmed without python-flint; how many contexts the leaves cover."""
    about(made, model, function)
    return sum(leaf.contexts for leaf in leaves(made, model, function))


def kinds(made: Json, model: Model, function: Callable[[Any], Any]) -> list[str]:
    """What each leaf says that it is."""
    return [leaf.kind for leaf in leaves(made, model, function)]


def of_length(made: Json, n: int) -> Node:
    """The root of the contexts of n tokens, where no domain is stated."""
    root: Node = made["nodes"][made["roots"][n - 1]]
    return root


def grown(made: Json, n: int, *node: Any) -> Json:
    """With another root for contexts of n tokens: its children are there already."""
    return {
        **made,
        "nodes": [*made["nodes"], list(node)],
        "roots": [*made["roots"][: n - 1], len(made["nodes"]), *made["roots"][n:]],
    }
