"""The splits of a certificate: which nodes are none, and what is known at the leaves of those that are."""

import json
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.counts import Count
from properties.recheck.graph import Box, End, Graph, Ranges, Saying, Split
from properties.recheck.leaves import Reading, Where
from zoo import NUMBER, Domain, Model, Transformer
from zoo.errors import CertificateError

SETS = [[0], [1], [0, 1], [2]]
Node = list[Any]


def model(n_ctx: int = 3, strings: bool = True, **settings: Any) -> Model:
    vocab = "abc" if strings else ("a", "bb", "c")
    unembedding = np.ones((1, 3)) if "within" in settings else np.eye(3)
    return Model("three", vocab, Transformer(np.eye(3), np.zeros((n_ctx, 3)), [], None, unembedding), **settings)


def graph(*nodes: Node, n_ctx: int = 3, **settings: Any) -> Graph:
    """The last node is the root of every length; before them stands a leaf that was run."""
    made = {"sets": SETS, "nodes": [["run"], *nodes], "roots": [len(nodes)] * n_ctx}
    return Graph(made, model(n_ctx, **settings))


def leaves(its: Graph, n: int = 3) -> list[Box]:
    """In the order of the splits."""
    return [box for box, _ in its.leaves(Box(n, {}), len(its.nodes) - 1)][::-1]


NONE: list[Any] = [
    None,
    "run",
    {},
    [],
    5,
    True,
    {"run": 0},
    "proved",
    [[]],
    ["run", 0],
    ["run", []],
    ["skipped", 0],
    ["proved"],
    ["proved", 3],
    ["proved", -1],
    ["proved", True],
    ["proved", 0.0],
    ["proved", 0, 0],
    ["ran"],
    ["count"],
    ["says"],
    [0, [2, 0], [3, 0]],
    [-4, [2, 0], [3, 0]],
    [-1.0, [2, 0], [3, 0]],
    [-1],
    [-1, 2, 3],
    [-1, [2], [3, 0]],
    [-1, [2, 0, 0], [3, 0]],
    [-1, [4, 0], [3, 0]],
    [-1, [-1, 0]],
    [-1, [2, 1], [3, 0]],
    [-1, [2, -1], [3, 0]],
    [-1, [2, 0], [3, True]],
    [-1, [2, 0], [1, 0]],
    [-1, [2, 0], [2, 0]],
    [-1, [True, 0]],
    ["count", [-3, -1, 1], 0],
    ["count", [-3, -1], 0, [0, 3, 0]],
    ["count", [-3, -1, 1, 1], 0, [0, 3, 0]],
    ["count", -1, 0, [0, 3, 0]],
    ["count", [-3, -1, 1], 4, [0, 3, 0]],
    ["count", [-3, -1, 1], -1, [0, 3, 0]],
    ["count", [-3, 0, 1], 0, [0, 3, 0]],
    ["count", [-4, -1, 1], 0, [0, 3, 0]],
    ["count", [-1, -2, 1], 0, [0, 1, 0]],
    ["count", [-1, -3, 1], 0, [0, 1, 0]],
    ["count", [-3, -1, 0], 0, [0, 3, 0]],
    ["count", [-3, -1, -1], 0, [0, 3, 0]],
    ["count", [-2, -1, 2], 0, [0, 2, 0]],
    ["count", [-3, -1, 4], 0, [0, 2, 0]],
    ["count", [-3, -1, 1], 0, 0],
    ["count", [-3, -1, 1], 0, [0, 3]],
    ["count", [-3, -1, 1], 0, [0, 3, 0, 0]],
    ["count", [-3, -1, 1], 0, [0, 3, 1]],
    ["count", [-3, -1, 1], 0, [0, 3, -1]],
    ["count", [-3, -1, 1], 0, [-1, 3, 0]],
    ["count", [-3, -1, 1], 0, [2, 1, 0]],
    ["count", [-3, -1, 1], 0, [0, 4, 0]],
    ["count", [-3, -1, 1], 0, [4, 4, 0]],
    ["count", [-3, -1, 1], 0, [0, 1, 0], [1, 3, 0]],
    ["count", [-3, -1, 1], 0, [2, 3, 0], [0, 1, 0]],
    ["count", [-3, -1, 1], 0, [0, True, 0]],
    ["says", 0],
    ["says", [[0]]],
    ["says", [[0], 0, 0]],
    ["says", [[0], 1]],
    ["says", [[0], -1]],
    ["says", [[0], True]],
    ["says", [0, 0]],
    ["says", [[3], 0]],
    ["says", [[-1], 0]],
    ["says", [[True], 0]],
    ["says", [["a"], 0]],
    ["says", [[0, 1], 0], [[1, 0], 0]],
]
SOME: list[tuple[Node, Any]] = [
    (["skipped"], End("skipped")),
    (["proved", 2], End("proved", 2)),
    ([-3, [2, 0], [3, 0]], Split(-3, frozenset(range(3)), [(2, 0), (3, 0)])),
    (["count", [-3, -1, 2], 3, [0, 0, 0], [1, 3, 0]], Ranges((-3, -1, 2), 3, [(0, 0, 0), (1, 3, 0)])),
    (["count", [-1, -1, 3], 0, [0, 1, 0]], Ranges((-1, -1, 3), 0, [(0, 1, 0)])),
    (["says", [[], 0], [[0, 2], 0]], Saying([(frozenset(), 0), (frozenset([0, 2]), 0)])),
    (["says", [[0], 0], [[1], 0], [[2], 0]], Saying([(frozenset([i]), 0) for i in range(3)])),
]


@pytest.mark.parametrize("node", NONE, ids=json.dumps)
def test_what_is_no_node(node: Any) -> None:
    with pytest.raises(CertificateError, match="node 1 is "):
        graph(node)


@pytest.mark.parametrize(("node", "made"), SOME)
def test_what_is_a_node(node: Node, made: Any) -> None:
    assert graph(node).nodes == [End("run"), made]


def test_what_is_said_of_a_number() -> None:
    settings: dict[str, Any] = {"outputs": NUMBER, "within": 0.5}
    assert graph(["proved"], ["says", [[0.5], 0], [[-2], 0]], **settings).nodes[1:] == [
        End("proved"),
        Saying([(frozenset([0.5]), 0), (frozenset([-2]), 0)]),
    ]
    others = (["count"], ["says"], ["ran"], [0.5], [None], [["proved"]])
    for node in (["proved", 0], ["says", [[True], 0]], ["says", [[float("inf")], 0]], *others):
        with pytest.raises(CertificateError, match="node 1 is "):
            graph(node, **settings)


def test_what_is_no_set_and_no_root() -> None:
    others: list[Any] = [None, {}, [[]], [0], [[3]], [[-1]], [[True]], [[0, 0]], [[0, 3]], [[1, -1]]]
    for sets in others:
        with pytest.raises(CertificateError, match=r"^a set is |^sets is "):
            Graph({"sets": sets, "nodes": [["run"]], "roots": [0] * 3}, model())
    for roots in (None, [], [0, 0], [0] * 4, [0, 0, 1], [0, 0, -1], [0, 0, True]):
        with pytest.raises(CertificateError, match=r"^the roots are |^roots is "):
            Graph({"sets": [], "nodes": [["run"]], "roots": roots}, model())


def test_a_split_is_into_all_that_may_stand_there() -> None:
    """Where tokens are counted, or it is said what is permitted, into fewer: the others may not be there."""
    parted, fewer = [-1, [2, 0], [3, 0]], [-1, [2, 0]]
    assert [box.known for box in leaves(graph(parted))] == [{2: 2}, {2: 3}]
    assert [box.known for box in leaves(graph(parted), 1)] == [{0: 2}, {0: 3}]
    within = graph([-1, [0, 0], [1, 0]], [-1, [2, 1], [3, 0]])
    assert [box.known for box in leaves(within)] == [{2: 0}, {2: 1}, {2: 3}]
    [box] = leaves(graph(fewer, ["count", [-3, -1, 1], 3, [0, 0, 1]]))
    assert (box.known, list(box.counts.values())) == ({2: 2}, [(0, 0)])
    [box] = leaves(graph(fewer, ["says", [[0], 1]]))
    assert (box.known, box.said) == ({2: 2}, frozenset([0]))
    for above in (["count", [-3, -1, 1], 3, [0, 3, 1]], ["says", [[0], 1]]):
        assert [box.known for box in leaves(graph(parted, above))] == [{2: 2}, {2: 3}]
    counted = graph(fewer, ["count", [-3, -1, 1], 3, [0, 0, 1]], [-1, [0, 2], [1, 2], [3, 2]])
    wrong = [graph(fewer), graph(parted, [-1, [2, 1], [3, 0]]), graph([-1, [0, 0], [3, 0]]), counted]
    for its in wrong:
        with pytest.raises(CertificateError, match="a split at -1 of 3 tokens is into tokens"):
            leaves(its)
    with pytest.raises(CertificateError, match="a split of 1 tokens is at -2, but should be within them"):
        leaves(graph([-2, [2, 0], [3, 0]]), 1)


def test_counts_within_counts_and_what_is_said_twice() -> None:
    whole = [-3, -1, 1]
    inner = ["count", whole, 0, [1, 1, 0], [2, 2, 0]]
    found = leaves(graph(inner, ["count", whole, 0, [0, 0, 0], [1, 2, 1]]))
    assert [list(box.counts.values()) for box in found] == [[(0, 0)], [(1, 1)], [(2, 2)]]
    for low, high in ((1, 1), (2, 3), (0, 0)):
        with pytest.raises(CertificateError, match=f"ranges of a count are beyond {low} to {high}, in contexts of 3"):
            leaves(graph(inner, ["count", whole, 0, [low, high, 1]]))
    with pytest.raises(CertificateError, match="beyond 0 to 2"):
        leaves(graph(["count", [-3, -1, 2], 0, [0, 3, 0]]))
    with pytest.raises(CertificateError, match="tokens are counted from -3 on, of 2"):
        leaves(graph(inner), 2)
    with pytest.raises(CertificateError, match="a token is counted twice"):
        leaves(graph(inner, ["count", whole, 2, [0, 3, 1]]))
    with pytest.raises(CertificateError, match="what is permitted in contexts of 3 tokens is split twice"):
        leaves(graph(["says", [[0], 0]], ["says", [[0], 1]]))


def test_how_many_contexts_a_box_has() -> None:
    """By what each position holds, and how often what occurs: as many as there are."""
    its = graph(["count", [-3, -1, 2], 0, [1, 1, 0]], [-2, [2, 1], [3, 0]])
    for box in leaves(its):
        number = 0
        for tokens in product(range(3), repeat=3):
            held = all(tokens[at] in its.sets[known] for at, known in box.known.items())
            counted = [sum(tokens[at] in its.sets[one.tokens] for at in one.positions) for one in box.counts]
            number += held and all(
                low <= k <= high for k, (low, high) in zip(counted, box.counts.values(), strict=True)
            )
        assert its.count(box) == number > 0
    assert its.count(Box(2, {})) == 9
    assert its.count(Box(3, {1: 2})) == 18
    assert its.count(Box(3, {}, None, {Count(range(1), 0): (1, 1)})) == 9
    assert its.count(Box(3, {2: 2}, None, {Count(range(1), 0): (0, 0)})) == 2 * 3 * 2


def test_a_box_of_each_length_and_layout_of_a_domain() -> None:
    """The first has one token or two, the second two or three."""
    domain = Domain.layout("xc", x="ab") | Domain.layout("cyx", start=2, x="ab", y="bc")
    its = Graph({"sets": SETS, "nodes": [["run"]], "roots": [0] * 4}, model(domain=domain))
    found = [(box.length, {at: sorted(its.sets[number]) for at, number in box.known.items()}) for box, _ in its.roots]
    first, second = {0: [0, 1], 1: [2]}, {0: [2], 1: [1, 2], 2: [0, 1]}
    assert found == [(1, {0: [0, 1]}), (2, first), (2, {0: [2], 1: [1, 2]}), (3, second)]
    assert [its.count(box) for box, _ in its.roots] == [2, 2, 2, 4]
    assert its.sets[-1] == frozenset(range(3))
    assert len(its.sets) == len(SETS) + 3 + 1


@pytest.mark.parametrize("strings", [True, False])
def test_what_a_leaf_is_called(strings: bool) -> None:
    its = graph(["count", [-3, -1, 1], 1, [0, 2, 0]], ["count", [-3, -1, 2], 3, [1, 1, 0]], strings=strings)
    reading = Reading(its, model(strings=strings), lambda context: {"a"})
    its_a = "'a'" if strings else "['a']"
    words = ["'ab'", "'b'", "'c'"] if strings else ["['a', 'bb']", "['bb']", "['c']"]
    [box] = leaves(its)
    named = f"the leaf {{-3: {words[0]}}} of 3 tokens"
    odd = str(Where(reading, box._replace(known={0: 2}, at=1)))
    assert odd.startswith(named)
    assert odd.endswith(" 1 to 1 times at [-3, -1], at token 2")
    [(whole, _)] = its.leaves(Box(3, {0: 2}), 1)
    said = str(Where(reading, whole._replace(said=frozenset([2, 0]))))
    assert said == f"{named}, {words[1]} 0 to 2 times, where ['a', 'c'] is permitted"
    assert str(Where(reading, Box(3, {2: 1, 1: 0}))) == f"the leaf {{-2: {its_a}, -1: {words[1]}}} of 3 tokens"
    assert str(Where(reading, Box(1, {}, said=frozenset()))) == "the leaf {} of 1 tokens, where nothing is permitted"
