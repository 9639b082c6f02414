"""Softmax weights and means in enumeration's bounds against exact arithmetic: the worst keys, signs and roundings."""

from dataclasses import dataclass, field
from math import exp, log

import numpy as np
import pytest

from properties.selftest import worst
from properties.selftest.enumeration.exact import LOSES, ROUNDS, STILL, U, assert_bounds, largest_first, rounding, value
from properties.selftest.worst import Number, Program, Run, along, assert_reached, exact
from zoo import Attention
from zoo.enumeration import rounding as module
from zoo.enumeration.rounding import Rounding, Value


def layer_of(d_head: int, scale: float | None = 1.0, heads: int = 1) -> Attention:
    w = np.ones((heads, 1, d_head))
    return Attention(w, w, np.ones((heads, 1, 1)), np.ones((heads, 1, 1)), scale=scale)


@dataclass
class Keys:
    """A query and keys, [d_head] and [key, d_head], each entry with how far it is off; shifted by the largest score.

    Or by what lies `reach` above it.
    """

    q: list[float]
    k: list[list[float]]
    q_off: float = 0.0
    k_off: float = 0.0
    scale: float = 1.0
    reach: float = 0.0
    largest: int = field(init=False)

    def __post_init__(self) -> None:
        self.largest = int((np.array(self.k) @ self.q * self.scale).argmax())

    def exponentials(self, run: Run) -> list[Number]:
        q = [run(x, self.q_off) for x in self.q]
        scale = run(self.scale, abs(self.scale) * run.unit)
        dots = [largest_first([a * run(b, self.k_off) for a, b in zip(q, key)]) for key in self.k]
        scores = dots if self.scale == 1 else [dot * scale for dot in dots]
        shift = scores[self.largest]
        if self.reach:
            shift = shift + run(self.reach, 0.0)
            return [(s - shift).exp() for s in scores]
        return [run(1.0, 0.0) if i == self.largest else (s - shift).exp() for i, s in enumerate(scores)]

    def weights(self, run: Run) -> list[Number]:
        e = self.exponentials(run)
        whole = largest_first(e)
        return [one / whole for one in e]

    def weight(self, key: int) -> Program:
        return lambda run: self.weights(run)[key]

    def bounds(self, a: Rounding) -> tuple[float, float]:
        """How far a weight can be off, and all of them by underflow."""
        q, k = np.abs(self.q)[None], np.abs(self.k).max(0)[None]
        largest = value(q + self.q_off, self.q_off), value(k + self.k_off, self.k_off)
        weight, underflow = a.weights(*largest, layer_of(len(self.q), self.scale), len(self.k), self.reach)
        assert weight.shape == underflow.shape == (1, 1)
        return weight.item(), underflow.item()


def near(n: int) -> list[list[float]]:
    """Keys that all weigh nearly the same, of which one is the largest."""
    return [[1e-3], *[[-1e-3]] * (n - 1)]


many = [1e-3] * 30
# Keys, the one whose weight is looked at, and how much of the bound the worst roundings reach.
ROUNDED = [
    (Keys([2.0], [[3.0], [-3.0]]), 1, 0.23),
    (Keys([2.0], [[3.0], [-3.0]], scale=-1.5), 0, 0.39),  # the scale, its rounding and its sign
    (Keys([2.0, *many], [[3.0, *many], [-3.0, *[-1e-3] * 30]]), 1, 0.44),  # many dimensions of a head
    (Keys([-2.0, *many], [[3.0, *many], [-3.0, *[-1e-3] * 30]], scale=0.5), 0, 0.47),
    (Keys([1.0], near(5), reach=1e-9), 1, 0.53),  # exp
    (Keys([1.0], near(30)), 1, 0.39),
    (Keys([2.0], [[3.0], *[[-3.0]] * 40]), 1, 0.32),  # many keys
    (Keys([0.0], [[0.0]]), 0, 0.04),
    (Keys([0.0], [[0.0]] * 40), 0, 0.2),
    (Keys([1.0], [[2.0], [-2.0]], reach=600.0), 1, 0.93),  # what lies above all that is reached
    (Keys([1.0], [[2.0], [-2.0]], reach=600.0, scale=-1.0), 0, 0.93),
]


@pytest.mark.parametrize(("keys", "at", "share"), ROUNDED)
def test_the_roundings_of_a_weight(keys: Keys, at: int, share: float) -> None:
    weight, underflow = keys.bounds(ROUNDS)
    assert underflow == 0
    value = float(exact(keys.weight(at)))
    assert_reached(value, weight * value, keys.weight(at), share, unit=U)


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        (Keys([2.0], [[3.0], [-3.0]], q_off=1e-3), 1),
        (Keys([2.0], [[3.0], [-3.0]], k_off=1e-3), 1),
        (Keys([2.0], [[3.0], [-3.0]], 1e-3, 1e-3, scale=-2.0), 0),
        (Keys([2.0, -1.0], [[3.0, -1], [-3.0, 1]], 1e-3, 1e-4, scale=0.5), 1),
        (Keys([2.0], [[3.0], *[[-3.0]] * 5], 1e-3, 1e-4), 1),
        (Keys([2.0], [[3.0], [-3.0]], 1e-3, 1e-3, reach=5.0), 1),
    ],
)
def test_what_queries_and_keys_are_off_by(keys: Keys, at: int) -> None:
    """Both of them and all keys in the direction that is worst for a weight that is small."""
    weight, _ = keys.bounds(STILL)
    value = float(exact(keys.weight(at)))
    assert_reached(value, weight * value, keys.weight(at), 0.98)


@pytest.mark.parametrize("d_head", [1, 2, 5])
def test_products_that_underflow_before_they_are_scaled(d_head: int) -> None:
    """Each of them, by a scale that makes much of it."""
    keys = Keys([0.01 * U] * d_head, [[1.0] * d_head, *[[-1.0] * d_head] * 19], scale=100.0)
    weight, _ = keys.bounds(LOSES)
    value = float(exact(keys.weight(0)))
    assert_reached(value, weight * value, keys.weight(0), 0.9 * d_head / (d_head + 1), tiny=U)


@pytest.mark.parametrize(
    ("ulps", "unit", "share"), [(40, U, 0.58), (82_000, 2.0**-24, 0.95), (82_000 * 2**16, 2.0**-40, 0.95)]
)
def test_exponentials_that_are_farther_off(
    ulps: int, unit: float, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So far that nothing else matters: numerators, denominators, and what their logarithm is more than its slope."""
    monkeypatch.setattr(module, "EXP_ULPS", ulps)
    monkeypatch.setattr(worst, "EXP_UNITS", 2 * ulps)
    keys = Keys([2.0], [[4.0], [-4.0]], reach=1e-9)
    weight, _ = keys.bounds(rounding(unit))
    value = float(exact(keys.weight(1)))
    assert_reached(value, weight * value, keys.weight(1), share, unit=unit)


def test_scores_that_underflow() -> None:
    """Products, the sum that is one of them, and the product with the scale: twice, of two keys."""
    for scale in (1.0, -0.5):
        keys = Keys([0.99 * U, 0.99 * U], [[1.0, 1.0], *[[-1.0, -1.0]] * 19], scale=scale)
        weight, _ = keys.bounds(LOSES)
        value = float(exact(keys.weight(0)))
        assert_reached(value, weight * value, keys.weight(0), 0.37, tiny=U)


def lost(n: int, reach: float = 0.0) -> Keys:
    """Keys of which all but one weigh next to nothing: an exponential that is just lost."""
    return Keys([1.0], [[0.0], *[[log(0.9 * U) + reach]] * (n - 1)], reach=reach)


@pytest.mark.parametrize("n", [2, 3, 40])
@pytest.mark.parametrize("reach", [0.0, 2.0])
def test_exponentials_that_underflow(n: int, reach: float) -> None:
    """Each of them, in the numerators and in the denominator: what all weights are off by together."""
    keys = lost(n, reach)
    _, underflow = keys.bounds(LOSES)

    def off(signs: list[int]) -> Program:
        return lambda run: along(keys.weights(run), signs)

    signs = [-1, *[1] * (n - 1)]  # the others' weight is taken from the first, or added to it
    together = off(signs)
    assert_reached(exact(together), underflow, together, 0.85 * 2 * (n - 1) / (3 * n + 2), tiny=U)


def averaged(w: list[float], off: list[float], v: Value, signs: list[int], at: int, late: float = 0.0) -> Program:
    """Weights that are off, in one sum of products; with `late` they are e^-late times that, and the sum divided."""

    def program(run: Run) -> Number:
        c, e = float(v.size[0, at] - v.error[0, at]), float(v.error[0, at])
        share = exp(-late)
        weights = [run(p * share, o * share) for p, o in zip(w, off)]
        products = [p * run(s * c, e) for p, s in zip(weights, signs)]
        summed = largest_first(products)
        return summed / run(share, 0.0) if late else summed

    return program


MEANS = [
    ([1.0], [1]),
    ([1.0], [-1]),
    ([0.5, 0.5], [1, -1]),
    ([0.9, 0.05, 0.05], [-1, 1, 1]),
    ([1 - 3e-4, *[1e-5] * 30], [1] * 31),
]


@pytest.mark.parametrize(("w", "signs"), MEANS)
def test_means(w: list[float], signs: list[int]) -> None:
    """By their values, by their weights, by what underflow adds to those, and by roundings; and all of it together."""
    n, still, v = len(w), np.zeros((1, 1)), value([[3.0, 1e-3]], [[0.25, 1e-4]])
    exactly = value([[3.0, 1e-3]])
    weight, underflow = np.full((1, 1), 1e-3), np.full((1, 1), 1e-3)
    for at in (0, 1):
        assert_bounds(STILL.mean(v, still, still, n), (0, at), averaged(w, [0] * n, v, signs, at), 0.999)
        off = [1e-3 * p for p in w]
        assert_bounds(STILL.mean(exactly, weight, still, n), (0, at), averaged(w, off, exactly, signs, at), 0.999)
        assert_bounds(STILL.mean(v, weight, still, n), (0, at), averaged(w, off, v, signs, at), 0.99)
        added = [o + 1e-3 / n for o in off]
        assert_bounds(STILL.mean(exactly, weight, underflow, n), (0, at), averaged(w, added, exactly, signs, at), 0.999)
        assert_bounds(STILL.mean(v, weight, underflow, n), (0, at), averaged(w, added, v, signs, at), 0.99)
        share = 0.9 * n / (n + 2) / 2 if max(w) > 0.99 else 0.1
        assert_bounds(
            ROUNDS.mean(exactly, still, still, n), (0, at), averaged(w, [0] * n, exactly, signs, at), share, unit=U
        )
        late = averaged(w, [0] * n, exactly, signs, at, 0.5)
        share = 0.9 * (n + 1) / (n + 2) / 2 if max(w) > 0.99 else 0.1
        assert_bounds(ROUNDS.mean(exactly, still, still, n, 0.5), (0, at), late, share, unit=U)
        assert_bounds(ROUNDS.mean(v, weight, underflow, n), (0, at), averaged(w, added, v, signs, at), 0.9, unit=U)


@pytest.mark.parametrize(("weight", "underflow"), [(3.0, 0.0), (0.0, 3.0), (2.0, 2.0)])
def test_the_roundings_of_means_whose_weights_are_far_off(weight: float, underflow: float) -> None:
    n, exactly = 20, value([[1.0]])
    w = [1 - 19e-6, *[1e-6] * 19]
    off = [weight * w[0] + underflow, *[weight * p for p in w[1:]]]
    found = ROUNDS.mean(exactly, np.full((1, 1), weight), np.full((1, 1), underflow), n)
    assert_bounds(found, (0, 0), averaged(w, off, exactly, [1] * n, 0), 0.99, unit=U)
    large = weight + underflow
    by_rounding = Value(found.size, found.error - large)
    program: Program = lambda run: averaged([1 + large, *w[1:]], [0.0] * n, exactly, [1] * n, 0)(run)  # noqa: E731
    assert_bounds(Value(found.size, by_rounding.error), (0, 0), program, 0.4, unit=U)


def test_means_of_many() -> None:
    """So many, and so coarse, that what rounds roundings counts."""
    n, coarse, still, exactly = 200, 2.0**-10, np.zeros((1, 1)), value([[1.0]])
    w = [1 - (n - 1) * 1e-9, *[1e-9] * (n - 1)]
    found = rounding(coarse).mean(exactly, still, still, n, 0.5)
    assert_bounds(found, (0, 0), averaged(w, [0.0] * n, exactly, [1] * n, 0, 0.5), 0.54, unit=coarse)


@pytest.mark.parametrize("n", [1, 2, 7])
@pytest.mark.parametrize("late", [0.0, 3.0])
def test_means_that_underflow(n: int, late: float) -> None:
    """Each product, before it is divided by e^-late where that comes last; and the division."""
    size = 0.99 * U * n * exp(late)
    v, still = value([[size]]), np.zeros((1, 1))
    program = averaged([1 / n] * n, [0] * n, v, [1] * n, 0, late)
    assert_bounds(LOSES.mean(v, still, still, n, late), (0, 0), program, 0.97 * n / (n + 2), tiny=U)


def test_a_quotient_that_underflows_as_well() -> None:
    """Of a sum that is next to nothing, and was off by as much as that can be."""
    v, still = value([[0.01 * U]]), np.zeros((1, 1))
    program: Program = lambda run: run(0.01 * U, 0.97 * U) / run(exp(-1e-3), 0.0)  # noqa: E731
    assert_bounds(LOSES.mean(v, still, still, 1, 1e-3), (0, 0), program, 0.6, tiny=U)


@np.errstate(all="ignore")
def test_weights_that_could_overflow_are_not_known() -> None:
    """Products and their sum, and what the scale makes of it, whichever sign it has."""
    a = rounding(U, largest=4.0 * 16)
    for factor, known in ((0.99, True), (1.01, False)):
        for scale, size in ((0.5, 8.0), (-2.0, 4.0), (2.0, 4.0)):
            q, k = value([[size * factor, size * factor]]), value([[1.0, 1.0]])
            weight, _ = a.weights(q, k, layer_of(2, scale), 3)
            assert np.isfinite(weight).all() == known


def test_each_head_has_its_own_weights() -> None:
    q, k = value([[1.0], [2.0]], [[0.5], [0.0]]), value([[1.0], [1.0]], [[0.0], [0.25]])
    weight, underflow = STILL.weights(q, k, layer_of(1, -1.0, 2), 3)
    np.testing.assert_allclose(weight, np.expm1([[1.0], [1.0]]))
    assert underflow.shape == (2, 1)
    v = STILL.mean(value([[1.0, 2], [3, 4]]), np.array([[0.5], [0.25]]), np.zeros((2, 1)), 3)
    np.testing.assert_allclose(v.error, [[0.5, 1], [0.75, 1]])
