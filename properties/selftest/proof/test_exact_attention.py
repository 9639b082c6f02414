"""Keys, values and scores against exact arithmetic: the worst inputs of query and key, and the worst roundings."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.proof import arithmetic, attention
from properties.proof.arithmetic import Arithmetic, Interval, OutOfRangeError
from properties.proof.attention import Head, Keys, queried, value_columns, visible_tokens
from properties.selftest.proof.exact import (
    HERE,
    LOSES,
    OWN,
    ROUNDS,
    STILL,
    U,
    largest_first,
    lose,
    numbers,
)
from properties.selftest.worst import Number, Program, Run, assert_reached, exact, span
from zoo import Attention
from zoo.transformer import scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here nothing is lost that is made here, and the largest addend of a sum is the first."""
    monkeypatch.setattr(scalar, "_dot", largest_first)
    lose(monkeypatch, 0.0, arithmetic, attention)


def layer_of(w_q: Any, w_k: Any, b_q: Any = None, b_k: Any = None, scale: float = 1.0) -> Attention:
    """Of one head."""
    w_q, w_k = (np.array(w, float)[None] for w in (w_q, w_k))
    biases: dict[str, Any] = {
        name: np.array(b, float)[None] for name, b in (("b_q", b_q), ("b_k", b_k)) if b is not None
    }
    d = w_q.shape[1]
    return Attention(w_q, w_k, np.ones((1, d, 1)), np.ones((1, 1, d)), scale=scale, **biases)


def score_of(layer: Attention, x: Interval, y: Interval) -> Program:
    """Of a query from x and a key from y, [d_model] each."""

    def program(run: Run) -> Number:
        maps = ((x, layer.w_q, layer.b_q), (y, layer.w_k, layer.b_k))
        q, k = (
            scalar._linear(
                [run(c, r) for c, r in zip(v.c, v.r)],
                numbers(run, w[0].tolist()),
                None if b is None else numbers(run, b[0]),
                run,
            )
            for v, w, b in maps
        )
        s: Number = scalar._dot(q, k, run)
        return s if layer.multiplier == 1 else s * run(layer.multiplier, abs(layer.multiplier) * run.unit)

    return program


def bounded(layer: Attention, x: Interval, y: Interval, a: Arithmetic, spread: bool) -> tuple[float, float]:
    head = Head.of(y.reshape(1, 1, 1, -1), layer, 0, spread, a)
    s = head.scores(layer, 0, x.reshape(1, 1, -1), a)
    assert s.c.shape == (1, 1, 1, 1)
    return s.c.item(), s.r.item()


def at(values: Any, radius: float = 0.0) -> Interval:
    return Interval(np.array(values, float), np.full(len(values), radius))


one, small = [[-1.0, *[1e-4] * 30]], [1e-4] * 30
tall = [[-1.0], *[[1e-4]] * 30]
SCORES = [
    (layer_of([[1.0]], [[-1.0]]), [1.0], [1.0], 0.98),
    (layer_of([[1.0]], [[-1.0]], scale=-0.3), [1.0], [1.0], 0.98),  # the scale, and its product
    (layer_of(one, one, scale=1.0), [1.0], [1.0], 0.95),  # many dimensions of the head
    (layer_of(one, one, scale=-2.0), [1.0], [-1.0], 0.95),
    (layer_of(tall, [[1.0], *[[0.0]] * 30]), [1.0, *small], [1.0, *small], 0.95),  # many that make a query
    (layer_of([[1.0], *[[0.0]] * 30], tall, scale=-5.0), [1.0, *small], [1.0, *small], 0.9),  # or a key
    (layer_of([[-1.0, *[0.0] * 30]], one, scale=1.0), [1.0], [1.0], 0.95),  # of which one is asked for
    (layer_of(one, [[-1.0, *[0.0] * 30]], scale=1.0), [1.0], [1.0], 0.95),
    (layer_of([[1e-4]], [[1.0]], [-5.0], None), [1.0], [1.0], 0.65),
    (layer_of([[1.0]], [[1e-4]], None, [-5.0], -1.0), [1.0], [1.0], 0.7),
    (layer_of([[1.0, 1.0]], [[1.0, -1.0]], [1.0, 2.0], [-1.0, 0.5], 0.5), [2.0], [3.0], 0.1),
]


@pytest.mark.parametrize(("layer", "x", "y", "share"), SCORES)
def test_the_rounding_of_scores(layer: Attention, x: list[float], y: list[float], share: float) -> None:
    for spread in (False, True):
        c, r = bounded(layer, at(x), at(y), ROUNDS, spread)
        assert_reached(c, r, score_of(layer, at(x), at(y)), share, unit=U)
        c, r = bounded(layer, at(x), at(y), HERE, spread)
        assert_reached(c, r, score_of(layer, at(x), at(y)), spare=0)
        c, r = bounded(layer, at(x), at(y), OWN, spread)
        assert r >= 2.9 * U * abs(float(exact(score_of(layer, at(x), at(y)))))  # q, k and their product
        size = abs(layer.multiplier) * np.abs(np.array(x) @ layer.w_q[0]) @ np.abs(np.array(y) @ layer.w_k[0])
        with pytest.raises(OutOfRangeError):
            bounded(layer, at(x), at(y), replace(ROUNDS, largest=max(1, size * 3.9)), spread)


@pytest.mark.parametrize(("layer", "x", "y", "share"), SCORES)
def test_scores_of_inputs_that_are_off_by_roundings(
    layer: Attention, x: list[float], y: list[float], share: float
) -> None:
    """By little, so that it does not matter what cancels; or by much, where it counts what both move together."""
    for r in (1e-3, 3.0):
        for spread in (False, True):
            for a in (STILL, HERE):
                c, radius = bounded(layer, at(x, r), at(y, r), a, spread)
                assert_reached(c, radius, score_of(layer, at(x, r), at(y, r)), 0, 1e-9 * (a is STILL))


def test_how_far_scores_move_with_their_inputs() -> None:
    """x + dx and y + dy: each by itself and both together, where no sign is against it."""
    for sign, scale in ((1, 1.0), (-1, -2.0)):
        layer = layer_of(
            [[1.0, 2], [3, 1]], [[2.0 * sign, 1 * sign], [1 * sign, 1 * sign]], [1.0, 2], [3.0 * sign, 1 * sign], scale
        )
        for rx, ry in ((0.0, 0.5), (0.5, 0.0), (0.5, 2.0)):
            x, y = at([1.0, 2.0], rx), at([3.0, 1.0], ry)
            for spread in (False, True):
                c, r = bounded(layer, x, y, STILL, spread)
                assert_reached(c, r, score_of(layer, x, y), 0.999)


def test_what_cancels_between_queries_and_keys_does_not_spread() -> None:
    """w_q w_k' is 0 in all: the score does not move, while queries and keys do."""
    layer = layer_of([[1.0, 1]], [[1.0, -1]])
    assert bounded(layer, at([1.0], 0.5), at([2.0], 0.5), STILL, True)[1] == 0
    assert bounded(layer, at([1.0], 0.5), at([2.0], 0.5), STILL, False)[1] > 3
    rounded = bounded(layer, at([1.0], 0.5), at([2.0], 0.5), ROUNDS, True)
    assert_reached(*rounded, score_of(layer, at([1.0], 0.5), at([2.0], 0.5)), 0.1, unit=U)


def test_what_spreads_may_be_off_here(monkeypatch: pytest.MonkeyPatch) -> None:
    layer, x, y = layer_of([[1.0, 2]], [[2.0, 1]], scale=-3.0), at([1.0], 0.5), at([2.0], 0.25)
    still = bounded(layer, x, y, STILL, True)[1]
    monkeypatch.setattr(Arithmetic, "rounding", lambda self, magnitude, count: 0 * magnitude)
    assert bounded(layer, x, y, replace(STILL, own=0.5), True)[1] == pytest.approx(1.5 * still)


def test_what_spreads_and_its_rounding_are_there_together() -> None:
    layer = layer_of(tall, tall, scale=-2.0)
    x, y = at([1.0, *small], 1e-4), at([-1.0, *small], 1e-4)
    c, r = bounded(layer, x, y, ROUNDS, True)
    assert_reached(c, r, score_of(layer, x, y), 0.6, unit=U)
    _, still = bounded(layer, x, y, STILL, True)
    least, most = span(score_of(layer, x, y))
    assert still == pytest.approx(float(most - least) / 2, rel=0.1)
    assert bounded(layer, x, y, OWN, True)[1] >= still * (1 + U) + 2 * 2.9 * U


@pytest.mark.parametrize("scale", [-2.0, 0.5])
def test_scores_may_overflow_by_their_scale(scale: float) -> None:
    layer, largest = layer_of([[3.0]], [[3.0]], scale=scale), 4 * 9 * max(1, abs(scale))
    assert bounded(layer, at([1.0]), at([1.0]), replace(STILL, largest=largest * 1.01), False)[0] == 9 * scale
    with pytest.raises(OutOfRangeError):
        bounded(layer, at([1.0]), at([1.0]), replace(STILL, largest=largest * 0.99), False)


@pytest.mark.parametrize("scale", [1.0, -4.0])
def test_what_underflow_takes_from_a_score(scale: float) -> None:
    """A query's product, a key's, theirs, with a scale two more, eight each; and that with the scale, made twice."""
    _, r = bounded(layer_of([[1.0]], [[1.0]], scale=scale), at([1.0]), at([1.0]), LOSES, False)
    products = 1 if scale == 1 else 3
    assert r == pytest.approx(abs(scale) * (8 * U * (2 + 8 * U) + 8 * U * products) + 2 * U, rel=1e-6)


def test_what_underflow_takes_from_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the program: q, k, their products, and that with the scale. Of what is made here: x A, A y and A as well."""
    layer = layer_of([[1.0, 1.0]] * 3, [[1.0, 1.0]] * 3, scale=-4.0)
    _, r = bounded(layer, at([1.0] * 3), at([1.0] * 3), LOSES, False)
    linear_maps, products = 8 * 3 * U * 6 * 2, 8 * 2 * U
    assert (
        4 * (linear_maps + products) + 2 * U <= r + U * U * 1e4 <= 4 * (linear_maps + 8 * 4 * U) + 3 * U + U * U * 1e4
    )
    still = bounded(layer, at([1.0] * 3, 2.0), at([1.0] * 3, 3.0), STILL, True)[1]
    lose(monkeypatch, U, arithmetic, attention)
    taken = bounded(layer, at([1.0] * 3, 2.0), at([1.0] * 3, 3.0), STILL, True)[1] - still
    each = 2 * 3 * U * 2 + 2 * 2 * U  # through two dimensions of the head
    assert each + 4 * 3 * U <= taken / 4 / ((1 + 6) * (1 + 9)) * (1 + 1e-6) <= (each + 4 * 3 * U) * (1 + 1e-5)


def test_scores_of_many_queries_and_keys() -> None:
    rng = np.random.default_rng(0)
    x, y = (Interval(rng.normal(size=shape), 0.1 * rng.random(shape)) for shape in ((2, 3, 4), (2, 2, 2, 4)))
    w = rng.normal(size=(4, 2, 4, 3)) * (rng.random((4, 2, 4, 3)) < 0.7)
    layer = Attention(w[0], w[1], w[2], w[3].swapaxes(1, 2), b_q=w[0][:, 0], b_k=w[1][:, 1], b_v=w[2][:, 2], scale=-0.7)
    a = replace(ROUNDS, own=1e-14)
    for h in range(2):
        for spread in (False, True):
            s = Head.of(y, layer, h, spread, a).scores(layer, h, x, a)
            assert s.c.shape == (2, 3, 2, 2)
            alone = layer_of(w[0][h], w[1][h], w[0][h, 0], w[1][h, 1], -0.7)
            for b, q, k, t in np.ndindex(*s.c.shape):
                assert_reached(
                    s.c[b, q, k, t], s.r[b, q, k, t], score_of(alone, x[b, q], y[b, k, t]), 0.02, 0.0, unit=U
                )


def test_some_dimensions_and_columns_of_a_head() -> None:
    rng = np.random.default_rng(0)
    w = rng.normal(size=(4, 1, 3, 3))
    w[2][:, :, 1] = 0
    w[2][0, 0, 0] = 0  # a column is used that is not zero everywhere
    layer = Attention(w[0], w[1], w[2], w[3], b_q=w[0][:, 0], b_k=w[1][:, 1], scale=1.0)
    x = Interval(rng.normal(size=(1, 2, 2, 3)), np.zeros((1, 2, 2, 3)))
    dims = np.array([2, 0])
    some, whole = Head.of(x, layer, 0, False, ROUNDS, dims), Head.of(x, layer, 0, False, ROUNDS)
    assert some.columns.tolist() == value_columns(layer)[0].tolist() == [0, 2]
    assert value_columns(replace(layer, b_v=np.array([[0.0, 1, 0]])))[0].tolist() == [0, 1, 2]
    np.testing.assert_array_equal(some.k.c, whole.k.c[:, dims])
    np.testing.assert_array_equal(some.k.r, whole.take(np.arange(2), dims).k.r)
    np.testing.assert_array_equal(some.v.c, (x.c @ w[2][0])[..., [0, 2]])
    taken = whole.take(np.array([1]), dims)
    np.testing.assert_array_equal(taken.k.c, some.k.c[:, :, [1]])
    np.testing.assert_array_equal(taken.v_rounding, whole.v_rounding[:, [1]])
    query = Interval(x.c[:, 0], x.r[:, 0])
    np.testing.assert_allclose(
        taken.scores(layer, 0, query, STILL).c, some.scores(layer, 0, query, STILL).c[..., [1], :]
    )
    assert queried(x, layer, 0, ROUNDS).tolist() == [0, 1, 2]
    silent = replace(layer, w_q=w[0] * [1, 0, 1], b_q=w[0][:, 0] * [1, 0, 1])
    assert queried(x, silent, 0, ROUNDS).tolist() == [0, 2]
    asks = replace(silent, b_q=np.array([[0.0, -1, 0]]))
    assert queried(x, asks, 0, ROUNDS).tolist() == [0, 1, 2]
    each = replace(layer, w_q=np.eye(3)[None], b_q=None)  # by one query each
    assert queried(Interval(np.diag([1.0, 0, -2]), np.zeros((3, 3))), each, 0, ROUNDS).tolist() == [0, 2]


def test_a_hull_of_keys_is_whatever_any_of_them_is() -> None:
    rng = np.random.default_rng(0)
    layer = layer_of(rng.normal(size=(2, 3)), rng.normal(size=(2, 3)))
    x = Interval(rng.normal(size=(1, 4, 2, 2)), 0.1 * rng.random((1, 4, 2, 2)))
    values = Interval(rng.normal(size=(1, 1, 5, 4, 2)), rng.random((1, 1, 5, 4, 2)))
    head = replace(Head.of(x, layer, 0, False, ROUNDS), along=values)
    head = replace(head, v_rounding=rng.random(head.v_rounding.shape))
    hull = head.hull()
    assert hull.along is not None
    for inner, outer, axis in ((head.x, hull.x, 1), (head.k, hull.k, 2), (head.v, hull.v, 1), (values, hull.along, 3)):
        low, high = (inner.c - inner.r).min(axis, keepdims=True), (inner.c + inner.r).max(axis, keepdims=True)
        np.testing.assert_allclose(outer.c - outer.r, low, rtol=1e-12)
        np.testing.assert_allclose(outer.c + outer.r, high, rtol=1e-12)
    np.testing.assert_array_equal(hull.v_rounding, head.v_rounding.max(axis=1, keepdims=True))
    both = Head.join([hull, head.take(np.array([2, 3]))])
    assert both.along is not None
    assert [part.c.shape[axis] for part, axis in ((both.x, 1), (both.k, 2), (both.v, 1), (both.along, 3))] == [3] * 4
    np.testing.assert_array_equal(both.along.r[..., 1:, :], values.r[..., 2:, :])
    np.testing.assert_array_equal(both.v_rounding[:, 1:], head.v_rounding[:, 2:])
    once = head.projected_once(values)
    assert once.x.c.shape == (1, 4, 2, 0)


@pytest.mark.parametrize("causal", [True, False])
def test_what_a_query_may_see(causal: bool) -> None:
    """Number by number: a block of two, and single positions behind it, for queries of two lengths."""
    keys, queries, lengths, vocab = (
        Keys(np.array([0, 2, 3, 4]), np.array([2, 1, 1, 1])),
        np.array([[2, 3], [3, 4]]),
        np.array([4, 5]),
        2,
    )
    found = visible_tokens(keys, queries, lengths, np.eye(vocab, dtype=bool)[None], causal)
    assert found.shape == (2, 4, 4, 2)
    for b, q, token, k, other in np.ndindex(2, 2, 2, 4, 2):
        query, key = queries[b, q], keys.positions[k]
        expected = (key <= query if causal else key < lengths[b]) and (key != query or token == other)
        assert found[b, q * vocab + token, k, other] == expected
    tokens = np.array([[[True, False]], [[False, True]]])  # of one token each, it is the row of that
    for b, some in enumerate(visible_tokens(keys, queries, lengths, tokens, causal)):
        np.testing.assert_array_equal(some, found[b, b::vocab])
    assert Keys.single(np.array([3, 5])).counts.tolist() == [1, 1]


def test_columns_are_found_once() -> None:
    layer = layer_of([[1.0]], [[1.0]])
    assert value_columns(layer) is value_columns(layer)
    some: Array = value_columns(replace(layer, w_v=np.zeros((1, 1, 1))))[0]
    assert some.tolist() == []
