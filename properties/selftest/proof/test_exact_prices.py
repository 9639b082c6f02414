"""Weighted means where tokens are counted, against exact arithmetic and every choice of tokens."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.boxes import CountArrays
from properties.proof.prices import Seen
from properties.proof.softmax import Weights, softmax_mean, softmax_weights
from properties.selftest.proof.exact import HERE, OWN
from properties.selftest.worst import flint
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

Count = tuple[range, set[int], int, int]  # of positions, tokens, the least and the most


@pytest.fixture(autouse=True)
def what_is_infinite_is_seen() -> Iterator[None]:
    """As `Bounds` calls it."""
    with np.errstate(all="ignore"):
        yield


def arrays(counts: Sequence[Count], vocab: int) -> CountArrays:
    """Of one box."""
    ranges = [[positions.start, positions.stop, positions.step] for positions, *_ in counts]
    tokens = [[token in some for token in range(vocab)] for _, some, *_ in counts]
    return CountArrays(
        np.array([ranges]), np.array([tokens]), np.array([[[least, most] for _, _, least, most in counts]])
    )


def weighed(c: Array, r: Array, counts: Sequence[Count], a: Arithmetic, stands_for: Array | None = None) -> Weights:
    """Of one box and one query, scores [key, token]."""
    keys, tokens = c.shape
    stand = np.ones(keys, int) if stands_for is None else stands_for
    positions = np.cumsum([0, *stand[:-1]])
    every = np.ones((1, keys, tokens), bool)
    s, own = Interval(c[None, None], r[None, None]), np.array([[-1]])
    return softmax_weights(s, every[None], own, stand, every, slice(None), a, (arrays(counts, tokens), positions))


def choices(counts: Sequence[Count], stands_for: Array, vocab: int) -> list[tuple[int, ...]]:
    """Every choice of tokens for the positions."""
    every = product(range(vocab), repeat=int(stands_for.sum()))
    return [
        tokens
        for tokens in every
        if all(least <= sum(tokens[at] in some for at in where) <= most for where, some, least, most in counts)
    ]


def largest_mean(c: Array, r: Array, values: Array, counts: Sequence[Count], stands_for: Array) -> Any:
    """Over every choice of tokens; each score at its end away from the mean, as in the worst case it is."""
    best = flint.arb(-1e300)
    of_key = np.repeat(np.arange(len(c)), stands_for)
    for tokens in choices(counts, stands_for, c.shape[1]):
        at = [(k, t) for k, t in zip(of_key, tokens)]
        ends = product(*({-1, 1} if r[i] else {0} for i in at))
        for signs in ends:
            e = [(flint.arb(float(c[i])) + sign * flint.arb(float(r[i]))).exp() for i, sign in zip(at, signs)]
            total = sum((w * flint.arb(float(values[i])) for w, i in zip(e, at)), flint.arb(0))
            best = best.max(total / sum(e, flint.arb(0)))
    return best


COUNTS: list[list[Count]] = [
    [(range(4), {0}, 2, 2)],
    [(range(4), {0}, 0, 0)],
    [(range(4), {0}, 4, 4)],
    [(range(4), {0}, 1, 3)],
    [(range(1, 3), {1}, 1, 1)],
    [(range(0, 4, 2), {0}, 1, 2)],
]


@pytest.mark.parametrize("seed", range(24))
def test_of_one_count_the_bound_is_the_largest_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tokens, counts = (2, 3)[seed % 2], COUNTS[seed % len(COUNTS)]
    alike = seed % 4 == 3
    keys = 2 if alike else 4
    stands_for = np.array([3, 1]) if alike else np.ones(4, int)
    if alike and counts[0][0] != range(4):
        counts = COUNTS[0]  # of the positions that a key stands for all are counted, or none
    c, r = rng.normal(size=(keys, tokens)) * rng.choice([0.1, 3, 30]), np.zeros((keys, tokens))
    if tokens == 2:
        r += rng.random((keys, tokens)) * rng.choice([0, 1])
    values = rng.normal(size=(keys, tokens)) * rng.choice([1, 1e6]) - rng.choice([0, 100])
    weights = weighed(c, r, counts, HERE, stands_for)
    found = softmax_mean(weights, values[None, None, None], HERE).item()
    worst = largest_mean(c, r, values, counts, stands_for)
    assert not flint.arb(found) < worst
    assert found <= float(worst) + 1e-11 * np.abs(values).max()


def test_of_several_counts_the_bound_is_no_less_and_often_the_largest_mean() -> None:
    rng, off = np.random.default_rng(0), []
    for _ in range(30):
        first, second = (int(n) for n in rng.integers(0, 3, 2))
        same = bool(rng.integers(2))
        counts: list[Count] = [(range(4), {0}, first, first), (range(4), {1}, min(second, 4 - first), 4)]
        if not same:
            counts = [(range(2), {0}, 1, 1), (range(2, 4), {0}, first // 2, 1)]
        c, values = rng.normal(size=(4, 3)) * 2, rng.normal(size=(4, 3))
        weights = weighed(c, 0 * c, counts, HERE)
        found = softmax_mean(weights, values[None, None, None], HERE).item()
        worst = largest_mean(c, 0 * c, values, counts, np.ones(4, int))
        assert not flint.arb(found) < worst
        off.append((found - float(worst)) / np.ptp(values))
    assert sorted(off)[-2] < 0.01  # of 30
    assert max(off) < 0.5


@pytest.mark.parametrize("number", [0, 1, 2, 3])
def test_scores_are_shifted_by_what_a_count_forces(number: int) -> None:
    """A thousand apart, the light tokens weigh nothing where a heavy one must stand, and all where none may."""
    c, values = np.array([[0.0, 1000.0]] * 3), np.array([[5.0, 1.0], [6.0, 2.0], [7.0, 3.0]])
    weights = weighed(c, 0 * c, [(range(3), {1}, number, number)], HERE)
    found = softmax_mean(weights, values[None, None, None], HERE).item()
    assert found == pytest.approx({0: 6.0, 1: 3.0, 2: 2.5, 3: 2.0}[number], rel=1e-9)


def test_positions_that_are_not_seen_may_hold_what_is_counted() -> None:
    """Of four that are counted a query sees two: two of three tokens counted may stand where it does not see them."""
    c, values = np.zeros((2, 2)), np.array([[1.0, 0.0], [1.0, 0.0]])
    for least, most, expected in ((3, 3, 1.0), (1, 1, 0.5), (0, 0, 0.0), (4, 4, 1.0)):
        counts = arrays([(range(4), {0}, least, most)], 2)
        s, every = Interval(c[None, None], 0 * c[None, None]), np.ones((1, 2, 2), bool)
        own, ones = np.array([[-1]]), np.ones(2, int)
        weights = softmax_weights(s, every[None], own, ones, every, slice(None), HERE, (counts, np.arange(2)))
        assert softmax_mean(weights, values[None, None, None], HERE).item() == pytest.approx(expected, abs=1e-10)
        low = -softmax_mean(weights, -values[None, None, None], HERE).item()
        assert low == pytest.approx(max(0, least - 2) / 2, abs=1e-10)


def seen(counts: Sequence[Count], keys: int, vocab: int) -> Seen:
    every = np.ones((1, 1, keys, vocab), bool)
    return Seen.of(arrays(counts, vocab), np.arange(keys), np.ones(keys, int), np.arange(keys)[None, None], every)


def most_there_is(terms: Array, counts: Sequence[Count]) -> Fraction:
    """The largest sum of terms [key, token], exactly."""
    exact = [[Fraction(float(term)) for term in row] for row in terms]
    every = choices(counts, np.ones(len(terms), int), terms.shape[1])
    return max(sum((exact[k][t] for k, t in enumerate(tokens)), Fraction(0)) for tokens in every)


def test_what_is_rounded_is_less_than_the_absolute_values_say() -> None:
    """By the prices most of it: where tokens that are counted weigh much more, what is left of a key is small."""
    rng, shares, without = np.random.default_rng(0), [], []
    for _ in range(400):
        keys, number = int(rng.integers(1, 6)), int(rng.integers(1, 3))
        wanted = [int(n) for n in rng.multinomial(int(rng.integers(keys + 1)), [0.5, 0.5])]
        counts: list[Count] = [(range(keys), {c}, n, n) for c, n in enumerate(wanted[:number])]
        terms = rng.normal(size=(keys, 3)) + np.array([1e8, 3e8, 0])[:3] * rng.choice([-1, 1, 1])
        total, absolute, _ = seen(counts, keys, 3).excess(terms[None, None, None], 0 * terms[None, None, None])
        unit = Fraction((keys + 3 * number + 6) * FLOAT64.unit)
        missing = most_there_is(terms, counts) - Fraction(total.item())
        assert missing <= unit * Fraction(absolute.item())
        if number == 1:
            assert abs(missing) <= unit * Fraction(absolute.item())
            shares.append(float(missing / (unit * Fraction(absolute.item()))))
            small = np.abs(terms).min(axis=1).sum()
            without.append(missing > unit * Fraction(small))
    assert max(shares) > 0.02
    assert any(without), "what prices round should be more than what small terms do"


def test_all_that_is_added_is_among_the_absolute_values() -> None:
    """One key is seen, of three positions that all hold what is counted, at a price of -5 for each, and of 2 added."""
    terms, every = np.array([-5.0, 0.0])[None, None, None, None], np.ones((1, 1, 1, 2), bool)
    counts = arrays([(range(3), {0}, 3, 3)], 2)
    one = Seen.of(counts, np.arange(1), np.ones(1, int), np.zeros((1, 1, 1), int), every)
    total, absolute, _ = one.excess(terms, 0 * terms)
    assert (total.item(), absolute.item()) == (-5 * 3 + 5 * 2, 5 * (3 + 2 + 2))


@pytest.mark.parametrize("a", [HERE, OWN])
def test_one_sum_confirms_a_level_by_more_than_is_rounded_in_it(a: Arithmetic) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        keys = int(rng.integers(1, 5))
        number = int(rng.integers(keys + 1))
        counts: list[Count] = [(range(keys), {0}, number, number)]
        most = rng.random((1, 1, keys, 2)) + 0.1
        every = np.ones(most.shape, bool)
        weights = Weights(most * rng.random(most.shape), most, every, np.zeros((1, 1, 1)), None, seen(counts, keys, 2))
        values = rng.normal(size=(keys, 2)) * rng.choice([1, 1e-9]) + rng.choice([0, 1, -1e3])
        level = softmax_mean(weights, values[None, None, None], a).item()

        largest, size = sums_at(weights, values, level, counts)
        assert level == values.max() or largest <= -Fraction(a.own) * size / 2
        lower = level - 600 * a.own * np.abs(values).max()
        assert sums_at(weights, values, lower, counts)[0] > 0 or lower < values.min()


def sums_at(weights: Weights, values: Array, level: float, counts: Sequence[Count]) -> tuple[Fraction, Fraction]:
    """The largest Σ w (v - λ) there is, and what it is the least that it can be made of in absolute values."""
    above = values - level  # its rounding is one of those that are allowed for
    terms = np.where(above > 0, weights.most, weights.least)[0, 0] * above
    return most_there_is(terms, counts), Fraction(float(np.abs(terms).min(axis=1).sum()))
