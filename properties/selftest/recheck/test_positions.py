"""Bounds at every position, and of sets of contexts and single ones together, against every context there is."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any, Literal

import numpy as np
import pytest

from properties.recheck.confirm import Confirmation
from properties.recheck.counts import Count
from properties.recheck.graph import Box, Graph
from properties.recheck.leaves import Leaf
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.test_worst_roundings import Sizes
from zoo import Attention, Model, Transformer, forward

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
SETS = [[0], [1], [0, 1], [1, 2], [2]]
VOCAB, N = 3, 3


def confirmation(t: Transformer, answers: Literal["last", "every"]) -> Confirmation:
    roots = [0] * (N * (N + 1) // 2 if answers == "every" else N)
    model = Model("three", "abc", t, answers=answers, rule=lambda context, *at: {"a"})
    return Confirmation(t, Graph({"sets": SETS, "nodes": [["run"]], "roots": roots}, model), model)


def drawn(layers: Sequence[str], causal: Sequence[bool]) -> Transformer:
    rng, t = np.random.default_rng(3), Sizes(5).transformer(layers, np.float64)
    d = t.d_model
    masks = iter(causal)
    changed = [replace(x, causal=next(masks)) if isinstance(x, Attention) else x for x in t.layers]
    embedding, positions, unembedding = (rng.normal(size=(rows, d)) for rows in (VOCAB, N, VOCAB))
    arrays: dict[str, Any] = {"token_embedding": embedding, "position_embedding": positions, "unembedding": unembedding}
    return replace(t, **arrays, layers=changed)


def contexts(box: Box) -> Iterator[tuple[int, ...]]:
    sets = [*SETS, range(VOCAB)]
    for tokens in product(*(sets[box.known.get(at, -1)] for at in range(box.length))):
        numbers = [sum(tokens[at] in sets[one.tokens] for at in one.positions) for one in box.counts]
        if all(low <= number <= high for number, (low, high) in zip(numbers, box.counts.values())):
            yield tokens


def leaves(rng: np.random.Generator, every: bool, counted: bool) -> list[Leaf]:
    """Of all lengths and positions, some of many contexts, some of one, some that were run."""
    found = []
    for n, kind in product(range(1, N + 1), ("proved", "one", "run", "proved")):
        for at in range(n) if every else [None]:
            known = {p: int(rng.integers(0, 2 if kind == "one" else 4)) for p in range(n) if kind == "one" or p % 2}
            counts = {Count(range(n), 0): (0, n - 1)} if counted and kind != "one" else {}
            box = Box(n, known, at, counts)
            some = list(contexts(box))
            permitted = frozenset([0] if kind != "run" else [0, 2])
            example = [*some[-1]]
            own = {tokens[box.position] for tokens in (some if kind != "run" else some[-1:])}
            what = "run" if kind == "run" else "proved"
            found.append(Leaf(box, what, 0 if what == "proved" else -1, permitted, len(some), frozenset(own), example))
    return found


# Layers, which attentions are causal, whether tokens are counted, and whether every position is asked about.
CASES: list[tuple[list[str], list[bool], bool, bool]] = [
    ([], [], False, True),
    (["attention"], [True], True, True),
    (["attention"], [False], True, True),
    (["attention", "relu"], [False], False, False),
    (["attention", "attention"], [True, True], False, True),
    (["attention", "attention"], [False, True], True, False),
    (["attention", "attention"], [False, True], False, True),
    (["attention", "attention"], [True, False], False, True),
]


@pytest.mark.parametrize(("layers", "causal", "counted", "every"), CASES, ids=str)
def test_bounds_hold_at_every_position(layers: list[str], causal: list[bool], counted: bool, every: bool) -> None:
    """Where a leaf is one context, they are near what it says."""
    t = drawn(layers, causal)
    its, some = confirmation(t, "every" if every else "last"), leaves(np.random.default_rng(1), every, counted)
    for margins in (its.quick, its.fine):
        for leaf, bound in zip(some, its._bounds(margins, some), strict=True):
            each = [tuple(leaf.example)] if leaf.kind == "run" else list(contexts(leaf.box))
            logits = [forward(t, np.array([tokens]))[0, leaf.box.position] for tokens in each]
            right = sorted(leaf.permitted)
            least = min(max(x[right]) - max(np.delete(x, right)) for x in logits)
            assert bound.least <= least + 1e-9
            assert least <= bound.most + 1e-9
            if leaf.kind == "run":
                assert bound.most - bound.least < 1e-6
            elif len(each) == 1:
                assert bound.least >= least - 1e-6
            assert its.run(leaf) == (least > 0) or len(each) > 1


def test_a_program_that_may_overflow_behind_a_position_is_not_confirmed_there() -> None:
    """It computes all positions of a context, be it of another token; that of a shorter one it does not."""
    embedding, positions = np.diag([1.0, 3e307, 2.0]), np.zeros((N, 3))
    positions[1:, 1] = 3e307
    t = Transformer(embedding, positions, [], None, np.diag([1.0, 1e-308, 1.0]))
    its = confirmation(t, "every")
    found = {}
    for n in range(1, N + 1):
        for at in range(n):
            leaf = Leaf(Box(n, {at: 0}, at), "proved", 0, frozenset([0]), 3 ** (n - 1), frozenset([0]), [0] * n)
            [bound] = its._bounds(its.fine, [leaf])
            found[n, at] = bound.least
    assert found.pop((1, 0)) == pytest.approx(1)
    assert set(found.values()) == {-np.inf}
    last = confirmation(t, "last")
    [bound] = last._bounds(last.fine, [Leaf(Box(2, {1: 0}), "proved", 0, frozenset([0]), 3, frozenset([0]), [0, 0])])
    assert bound.least == pytest.approx(0.7)


def test_how_much_a_score_feels() -> None:
    """|q w_k'| of a query q, and |w_q k| + |A| |dy| of a key k that is made of y, A being w_q w_k'."""
    t = drawn(["attention", "attention"], [True, True])
    alone = Alone(t)
    alone.at([(0, 1), (0, 1, 2), (1,)])
    layer, known = t.layers[1], alone.row(1, 2, 1)
    assert isinstance(layer, Attention)
    ends = np.array([[float(known.row[e].c.mid()), float(known.row[e].r.mid())] for e in range(t.d_model)])
    number = int(alone.numbers(1)[0, 2, 1])
    assert ends[:, 1].max() > 0.1
    for h in range(layer.sizes["head"]):
        a = layer.w_q[h] @ layer.w_k[h].T
        q, k = (
            ends[:, 0] @ w[h] + (0 if b is None else b[h]) for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k))
        )
        felt = {name: [float(x.mid()) for x in alone.margins.felt(1, h, name, number)] for name in "qk"}
        assert felt["q"] == pytest.approx(abs(layer.w_k[h] @ q), rel=1e-9, abs=1e-12)
        assert felt["k"] == pytest.approx(abs(layer.w_q[h] @ k) + abs(a) @ ends[:, 1], rel=1e-9, abs=1e-12)
