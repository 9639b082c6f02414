"""Sums and products of enumeration's bounds against exact arithmetic: the worst orders, signs and roundings."""

from typing import Any

import numpy as np
import pytest

from properties.selftest.enumeration.exact import (
    LOSES,
    ROUNDS,
    STILL,
    U,
    assert_bounds,
    inputs,
    largest_first,
    numbers,
    rounding,
    value,
)
from properties.selftest.worst import Number, Program, Run
from zoo import Attention, Transformer
from zoo.enumeration.rounding import Rounding, Value
from zoo.transformer.arrays import Array

small = [1e-4] * 30


def mapped(x: Value, w: Array, b: Any, out: int, signs: Any = 1) -> Program:
    """An entry of x @ w + b, whose largest product is the first of the sum; the bias comes last."""

    def program(run: Run) -> Number:
        products = [n * w for n, w in zip(numbers(run, x, signs), inputs(run, w[:, out]))]
        result = largest_first(products)
        return result if b is None else result + run(float(b[out]), 0.0)

    return program


# Weights, what they are multiplied by, the bias, and how much of its bound the worst rounding reaches.
MAPS: list[tuple[Any, Any, Any, float]] = [
    ([[1.0]], [1.0], None, 1 / 6.001),  # one product is rounded once, of 3 times 2 u
    ([[-2.0]], [1.0], [1e-9], 2 / 6.001),  # and with a bias twice
    ([[1.0]], [1e-9], [-5.0], 1 / 6.001),
    ([[-1.0], *[[w] for w in small]], [1.0] * 31, None, 0.46),
    ([[1.0], *[[-w] for w in small]], [1.0] * 31, [1e-4], 0.47),
    ([[1.0, -2, 0], [1e-4, -1e-4, 3]], [1.0, -1], [0.0, 1e-4, -1e-4], 0.2),  # widths that differ, and a zero
    ([[0.0], [0.0]], [1.0, 2.0], None, 0.0),
    ([[1.0], [-1.0]], [2.0, 2.0], None, 0.12),  # what cancels counts in full
]


@pytest.mark.parametrize(("w", "x", "b", "share"), MAPS)
def test_maps(w: Any, x: Any, b: Any, share: float) -> None:
    w, b, sign = np.array(w), None if b is None else np.array(b), np.sign(x)
    sizes = np.abs(x)
    for out in range(w.shape[1]):
        found = ROUNDS.map(value(sizes), w, b)
        assert found.size.shape == found.error.shape == (w.shape[1],)
        assert_bounds(found, out, mapped(value(sizes), w, b, out, sign), share, unit=U)
        off = value(sizes, sizes * 1e-3 * np.arange(1, len(w) + 1))
        assert_bounds(STILL.map(off, w, b), out, mapped(off, w, b, out, sign), 0.999)
        assert_bounds(ROUNDS.map(off, w, b), out, mapped(off, w, b, out, sign), unit=U)


MANY, COARSE = 200, 2.0**-10  # so many, and so coarse, that what rounds roundings counts: 216 of them are less than 1/4


def test_sums_of_many() -> None:
    """The first is rounded in each addition: (1 + u)^n, which is more than 1 + n u."""
    a, sizes = rounding(COARSE), np.array([1.0, *[1e-9] * (MANY - 1)])
    w, layer = np.ones((MANY, 1)), writes(np.ones((2, MANY // 2, 1)))
    assert_bounds(a.map(value(sizes), w, None), 0, mapped(value(sizes), w, None, 0), 0.54, unit=COARSE)
    parts = [value([size]) for size in sizes]
    program: Program = lambda run: largest_first([numbers(run, part)[0] for part in parts])  # noqa: E731
    assert_bounds(a.sum(parts), 0, program, 0.54, unit=COARSE)
    means = value(sizes.reshape(2, -1))
    assert_bounds(a.output(means, layer), 0, heads_of(means, layer, 0), 0.54, unit=COARSE)


def test_the_larger_and_the_worst() -> None:
    x, y = value([1.0, 4.0], [3.0, 1.0]), value([2.0, 3.0], [2.0, 2.0])
    for joined in (x.joined(y), y.joined(x)):
        np.testing.assert_array_equal(joined.size, [2, 4])
        np.testing.assert_array_equal(joined.error, [3, 2])
    rows = value([[1.0, 4.0], [2.0, 3.0]], [[3.0, 1.0], [2.0, 2.0]])
    np.testing.assert_array_equal(rows.worst(0).size, [2, 4])
    np.testing.assert_array_equal(rows.worst(0).error, [3, 2])
    np.testing.assert_array_equal(rows.worst(1).error, [3, 2])
    np.testing.assert_array_equal(rows[1].size, [2, 3])
    np.testing.assert_array_equal(rows[1].error, [2, 2])


@pytest.mark.parametrize(("n", "bias"), [(1, 0), (1, 0.9 * U), (2, 0), (7, 0)])
def test_products_that_underflow(n: int, bias: float) -> None:
    """Each, and the bias that is added to nothing: n + 1 of the n + 2 that are counted."""
    w, b = np.full((n, 1), -0.99), np.array([bias]) if bias else None
    found = LOSES.map(value([U] * n), w, b)
    assert_bounds(found, 0, mapped(value([U] * n), w, b, 0), 0.9 * (n + bool(bias)) / (n + 2), tiny=U)


@pytest.mark.parametrize("n", [1, 2, 3, 20])
@pytest.mark.parametrize("sign", [-1, 1])
def test_sums(n: int, sign: int) -> None:
    sizes, errors = [1.0, *[1e-6] * (n - 1)], 1e-8 * np.arange(1.0, n + 1)
    for share, off in (((n - 1) / n / 2.001, errors * 0), (0.0, errors)):
        parts = [value([s, 2 * s], [e, 2 * e]) for s, e in zip(sizes, off)]
        for at in (0, 1):
            program: Program = lambda run: largest_first(  # noqa: E731
                [numbers(run, part, sign)[at] for part in parts]  # noqa: B023
            )
            assert_bounds(ROUNDS.sum(parts), at, program, share, unit=U)
            assert_bounds(STILL.sum(parts), at, program, 0.999 * off.any())


def test_a_sum_that_underflows() -> None:
    """A number and nothing: whatever it is."""
    parts = [value([0.9 * U]), value([0.0])]
    program: Program = lambda run: numbers(run, parts[0])[0] + run(0.0)  # noqa: E731
    assert_bounds(LOSES.sum(parts), 0, program, 0.4, tiny=U)


@pytest.mark.parametrize("size", [1.0, 1e-9])
def test_embedding(size: float) -> None:
    """What one program's sum says of the real one, and of another's."""
    found = ROUNDS.embed(np.array([size]))
    apart: Program = lambda run: run(size / (1 - U)) + run(-1e-30)  # noqa: E731
    assert_bounds(found, 0, apart, 0.499, (1 - U) ** 2, unit=U)  # the other's is rounded up, this one's was down
    least: Program = lambda run: run(size / (1 + U)) + run(-1e-30)  # noqa: E731
    assert_bounds(found, 0, least, 0.499, unit=U)
    lost: Program = lambda run: run(0.999 * U) + run(0.0)  # noqa: E731
    assert_bounds(LOSES.embed(np.array([0.0])), 0, lost, 0.99, 0.99, tiny=U)


def test_embedding_in_a_smaller_type() -> None:
    assert ROUNDS.embed(np.array([1.0], np.float32)).size.dtype == np.float64


def heads_of(means: Value, layer: Attention, out: int) -> Program:
    """One sum of all heads' products, which begins with the largest."""

    def program(run: Run) -> Number:
        terms = [
            m * run(float(w), 0.0) for h, w_h in zip(numbers(run, means), layer.w_o) for m, w in zip(h, w_h[:, out])
        ]
        return largest_first(terms) if layer.b_o is None else largest_first(terms) + run(float(layer.b_o[out]), 0.0)

    return program


def writes(w_o: Any, b_o: Any = None) -> Attention:
    w_o = np.array(w_o, float)
    heads, d_v, d = w_o.shape
    w = np.ones((heads, d, 1))
    return Attention(w, w, np.ones((heads, d, d_v)), w_o, b_o=None if b_o is None else np.array(b_o, float))


OUTPUTS = [
    (writes([[[1.0]]]), 1 / 6.001),
    (writes([[[-1.0]]], [1e-9]), 2 / 6.001),
    (writes([[[1e-9]]], [-5.0]), 1 / 6.001),  # of the bias
    (writes([[[1.0, -1e-9]], *[[[w, -w]] for w in small]]), 0.0),
    (writes([[[-1.0]], *[[[w]] for w in small]], [1e-4]), 0.45),  # many heads
    (writes([[[-1.0], *[[w] for w in small]]], [1e-4]), 0.45),  # wide ones
    (writes([[[-1.0], *[[w] for w in small]]] * 3, [-1e-4]), 0.15),
    (writes([[[2.0, 1, 0], [-2, 0, 0]]], [0.0, -1, 0]), 0.0),
]


@pytest.mark.parametrize(("layer", "share"), OUTPUTS)
def test_what_heads_write(layer: Attention, share: float) -> None:
    heads, d_v, d = layer.w_o.shape
    for out in range(d):
        still = value(np.ones((heads, d_v)))
        assert_bounds(ROUNDS.output(still, layer), out, heads_of(still, layer, out), share if out == 0 else 0, unit=U)
        off = value(np.ones((heads, d_v)), 1e-3 * np.arange(1.0, heads * d_v + 1).reshape(heads, d_v))
        assert_bounds(STILL.output(off, layer), out, heads_of(off, layer, out), 0.999)


@pytest.mark.parametrize(("heads", "d_v", "bias"), [(1, 1, 0), (1, 1, 0.9 * U), (1, 2, 0), (3, 1, 0), (3, 2, 0)])
def test_what_heads_write_may_underflow(heads: int, d_v: int, bias: float) -> None:
    layer = writes(np.full((heads, d_v, 1), -0.99), [bias] if bias else None)
    means, n = value(np.full((heads, d_v), U)), heads * d_v
    found = LOSES.output(means, layer)
    assert_bounds(found, 0, heads_of(means, layer, 0), 0.9 * (n + bool(bias)) / (n + 2), tiny=U)


@np.errstate(all="ignore")
def test_what_could_overflow_is_not_known() -> None:
    """A sum of absolute values that is at least a fourth of the largest number; the bias and what cancels count."""
    w, a = np.array([[1.0, 0], [-1.0, 0]]), rounding(U, largest=64.0)
    for factor in (0.999, 1.001):
        x, bias = value([8 * factor, 8 * factor]), np.array([-8.0 * factor, 0])
        two, alone = value([[8 * factor], [8 * factor]]), value([[8 * factor]])
        for found in (
            a.map(x, w, None),
            a.map(x[:1], w[:1], bias),
            a.sum([x, x]),
            a.output(two, writes([[[1.0, 0.0]], [[-1.0, 0.0]]])),
            a.output(alone, writes([[[1.0, 0.0]]], bias)),
            a.embed(np.array([16 * factor, 0])),
        ):
            assert found.size.max() >= 16 * factor
            assert (np.isfinite(found.error) == (factor < 1)).all()
    assert np.isinf(STILL.map(value([np.inf]), np.array([[1.0]]), None).error).all()
    assert np.isinf(STILL.sum([value([np.nan]), value([1.0])]).error).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_arithmetic_of_a_program(dtype: Any) -> None:
    """Of its own type; one that is given, is another's."""
    exact = Transformer(np.ones((1, 1)), np.ones((1, 1)), [])
    own, other = Rounding(exact.astype(dtype)), Rounding(exact.astype(dtype), np.float64)
    info, wide = np.finfo(dtype), np.finfo(np.float64)
    assert own.ulp == info.eps
    assert own.smallest == info.tiny
    assert own.most == float(info.max) / 4
    assert own.tiny == float(info.tiny) + 3 * float(wide.tiny)
    assert (other.ulp, other.most) == (wide.eps, float(wide.max) / 4)
    assert own.exact.dtype == np.float64
