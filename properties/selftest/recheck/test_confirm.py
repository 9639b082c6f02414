"""What is made of bounds on differences of logits: by how much an answer, what is run, or a number is right."""

from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.confirm import Bound, Confirmation, _of_number, _together, gathered
from properties.recheck.graph import Box, Graph
from properties.recheck.leaves import Leaf
from zoo import NUMBER, Attention, Domain, Model, Transformer
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def confirmation(logits: Any, **settings: Any) -> Confirmation:
    """Of a model of one token: what it says after each."""
    table: Array = np.array(logits, float)
    d = len(table)
    model = Model("table", "abcd"[:d], Transformer(np.eye(d), np.zeros((1, d)), [], None, table.T), **settings)
    return Confirmation(model.transformer, Graph({"sets": [], "nodes": [["run"]], "roots": [0]}, model), model)


def leaf(kind: str, permitted: Any, token: int = 0, answer: int = -1) -> Leaf:
    return Leaf(Box(1, {}), kind, answer, frozenset(permitted), 1, frozenset([token]), [token])


@pytest.mark.parametrize("permitted", [{0}, {1, 3}, {0, 1, 2}])
def test_the_margin_of_a_run_is_between_its_bounds(permitted: set[int]) -> None:
    """That of the best that is permitted over the best that is not: reached where the logits are known."""
    rng, its = np.random.default_rng(0), confirmation(np.zeros((4, 4)))
    run = leaf("run", permitted)
    pairs = its._pairs(run)
    right = np.isin(range(4), list(permitted))
    for width in (0, 0, 0, 1, 3):
        low = rng.integers(-9, 10, 4).astype(float)
        high = low + width * rng.integers(0, 2, 4)
        bound = its._bound(run, np.array([low[a] - high[b] for a, b in pairs]))
        margins = [max(x[right]) - max(x[~right]) for x in map(np.array, product(*zip(low, high)))]
        assert bound.least <= min(margins)
        assert max(margins) <= bound.most
        assert width or bound == (margins[0], margins[0])


def test_the_margin_of_an_answer_is_that_over_all_that_is_not_permitted() -> None:
    its, proved = confirmation(np.zeros((4, 4))), leaf("proved", {0, 2}, answer=2)
    assert its._pairs(proved) == [(2, 1), (2, 3)]
    assert its._bound(proved, np.array([3.0, 1.5])) == Bound(1.5, np.inf)
    assert _together(Bound(1, 5), Bound(2, 4)) == Bound(1, 4)


def test_bounds_are_those_of_the_token_that_stands_there() -> None:
    """Of what was run its own; of what was proved the least of all."""
    its = confirmation([[5, 2, -4], [1, 7, 3], [2, 9, 10]])
    runs = [leaf("run", {0}), leaf("run", {1, 2}, 1), leaf("run", {0, 2}, 2)]
    for fine in (False, True):
        found = its._bounds(its.fine if fine else its.quick, runs)
        assert [round(bound.least) for bound in found] == [round(bound.most) for bound in found] == [3, 6, 1]
    assert [round(bound.least) for _, bound in its.bounds(runs, 2)] == [3, 6, 1]
    every = leaf("proved", {1, 2}, answer=1)._replace(own=frozenset([0, 1, 2]), contexts=3)
    assert [round(bound.least) for _, bound in its.bounds([every, *runs], 2)] == [-3, 3, 6, 1]
    assert all(bound.least <= exact <= bound.most for (_, bound), exact in zip(its.bounds(runs, 2), (3, 6, 1)))
    assert [its.run(run) for run in runs] == [True] * 3
    assert not its.run(leaf("run", {1}, 2))
    assert not confirmation([[1, 1], [0, 1]]).run(leaf("run", {0}))  # a tie is no answer


def test_what_is_not_confirmed_quickly_is_looked_at_once_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was proved by less than stated, and what was run by nothing."""
    its, fine = confirmation(np.zeros((2, 2))), list[list[Leaf]]()
    kinds = [("proved", 2.0), ("proved", 1.0), ("run", 1.0), ("run", 0.0), ("run", -9.0), ("proved", 1.5), ("run", 3.0)]
    leaves = [leaf(kind, {0}, answer=number) for number, (kind, _) in enumerate(kinds)]

    def bounds(margins: Any, leaves: list[Leaf]) -> list[Bound]:
        if margins is its.fine:
            fine.append(leaves)
            return [Bound(100 + one.answer, np.inf) for one in leaves]
        return [Bound(kinds[one.answer][1], np.inf) for one in leaves]

    monkeypatch.setattr(its, "_bounds", bounds)
    found = list(its.bounds(leaves, 1.5))
    assert [one for one, _ in found] == leaves
    assert [bound.least for _, bound in found] == [2, 101, 1, 103, 104, 1.5, 3]
    assert fine == [[leaves[1], leaves[3], leaves[4]]]


def test_a_number_is_right_where_it_is_nearer_than_allowed() -> None:
    its = confirmation([[0.75]], outputs=NUMBER, within=0.25)
    for number, right in ((0.75, True), (0.5, False), (1.0, False), (0.501, True), (0.999, True), (0, False)):
        assert its.run(leaf("run", {number})) == right
        [(_, bound)] = its.bounds([leaf("run", {number})], 1e-9)
        assert bound.least <= 0.25 - abs(0.75 - number) <= bound.most
        assert bound.most - bound.least < 1e-14


@pytest.mark.parametrize("right", [0.1, -0.3, 7, 1e-3])
def test_by_how_much_a_number_is_right(right: float) -> None:
    """Whatever lies between two ends: rounded outward, and no farther than that."""
    for low, high in ((0.0, 0.3), (right, right), (-1.0, -0.7), (0.25, 7.5), (1 / 3, 1 / 3)):
        bound = _of_number(right, 0.1, low, high)
        inside = [Fraction(low), Fraction(high)] + [Fraction(right)] * (low <= right <= high)
        margins = [Fraction(0.1) - abs(value - Fraction(right)) for value in inside]
        assert Fraction(bound.least) < min(margins) < Fraction(bound.least) + Fraction(1, 10**14)
        assert Fraction(bound.most) > max(margins) > Fraction(bound.most) - Fraction(1, 10**14)


def test_leaves_are_gathered_in_their_order() -> None:
    leaves = [leaf("run", {number}) for number in range(9)]
    assert [*gathered(leaves, 4)] == [leaves]
    assert [*gathered(leaves, 2**20)] == [leaves[i : i + 3] for i in (0, 3, 6)]
    longer = [one._replace(box=Box(4, {})) for one in leaves]
    assert [*gathered(longer, 2**18)] == [longer[i : i + 3] for i in (0, 3, 6)]
    assert [*gathered([], 4)] == []


def test_a_number_of_which_a_part_counts_for_nothing() -> None:
    """What stands in the second entry is not read out."""
    t = Transformer(np.array([[0.75, 8.0]]), np.zeros((1, 2)), [], None, np.array([[1.0, 0.0]]))
    model = Model("number", "a", t, outputs=NUMBER, within=0.25)
    its = Confirmation(t, Graph({"sets": [], "nodes": [["run"]], "roots": [0]}, model), model)
    [(_, bound)] = its.bounds([leaf("run", {0.625})], 1e-9)
    assert bound.least == pytest.approx(0.125) == bound.most


def test_what_was_worked_out_is_kept_while_it_is_little(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first way is the quick one, and the second fine."""
    its, run = confirmation([[5, 2], [1, 7]]), leaf("run", {0})
    quick, fine = its.quick, its.fine
    assert (quick.fine, fine.fine) == (False, True)
    assert len(list(its.bounds([run], 2))) == 1
    assert (its.quick, its.fine) == (quick, fine)
    monkeypatch.setattr("properties.recheck.confirm.REMEMBERED", 0)
    assert len(list(its.bounds([run], 2))) == 1
    assert its.quick is not quick
    assert (its.quick.fine, its.fine.fine) == (False, True)


def of_layouts(size: float, attentions: int) -> Confirmation:
    """Each token says itself. The contexts are a and ab, c and cd: none has e, which overflows.

    What stands at the second position is larger by `size`.
    """
    still, positions = np.zeros((1, 5, 1)), np.zeros((2, 5))
    positions[1] = size
    silent = Attention(still, still, still, np.zeros((1, 1, 5)))
    embedding = np.diag([1, 1, 1, 1, 1e308])
    t = Transformer(embedding, positions, [silent] * attentions, None, 10 * np.eye(5))
    domain = Domain.layout("ab") | Domain.layout("cd")
    model = Model("layouts", "abcde", t, domain=domain, answers="every", rule=lambda context, at: {"a"})
    return Confirmation(t, Graph({"sets": [], "nodes": [["run"]], "roots": [0] * 6}, model), model)


@pytest.mark.parametrize("attentions", [0, 1, 2])
def test_what_may_overflow_where_every_position_answers(attentions: int) -> None:
    """At the last position, of any context of that length in the domain; no other token is looked at."""
    its = of_layouts(0.0, attentions)
    assert [its._fits(its.quick, n) for n in (1, 2)] == [True, True]
    its = of_layouts(1e308, attentions)
    assert [its._fits(its.quick, n) for n in (1, 2)] == [True, False]
    boxes = [box for box, _ in its.graph.roots if box.at == 0 and 0 in its.graph.held(box, 0)]
    leaves = [leaf("run", {0})._replace(box=box, example=[0, 1][: box.length]) for box in boxes]
    one, two = its._bounds(its.quick, leaves)
    assert one.least == pytest.approx(10) == one.most
    assert two == Bound(-np.inf, np.inf)


@pytest.mark.parametrize(("output", "size", "fits"), [(0, 1.0, True), (1, 1e308, False), (2, 1e308, False)])
def test_where_one_logit_may_overflow_no_position_has_an_answer(output: int, size: float, fits: bool) -> None:
    """Of names whichever; a number is the only one."""
    readout = np.eye(3)
    readout[output, 0] = size
    others: list[dict[str, Any]] = [{}, {"outputs": NUMBER, "within": 0.5}]
    for rows, settings in zip((readout, readout[output : output + 1]), others):
        t = Transformer(np.eye(3), np.zeros((1, 3)), [], None, rows)
        model = Model("every", "abc", t, answers="every", rule=lambda context, at: {"a"}, **settings)
        its = Confirmation(t, Graph({"sets": [], "nodes": [["run"]], "roots": [0]}, model), model)
        assert its._fits(its.quick, 1) == fits
