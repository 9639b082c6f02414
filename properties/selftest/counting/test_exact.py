"""Each step of a count by itself, against every word there is, and against sums in exact arithmetic."""

import math
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

import properties
from properties.counting import Counting, search
from properties.counting.automaton import anything, of_counts
from properties.counting.convolution import wrong
from properties.counting.general import General
from properties.counting.parts import Part
from properties.counting.result import Count, Counted
from properties.counting.separable import Separable
from properties.counting.terms import Compared, Terms
from properties.counting.words import Words
from properties.proof.arithmetic import OutOfRangeError
from properties.proof.bounds import Bounds
from properties.selftest.counted_boxes import contexts_of, random_box
from properties.selftest.recheck.test_worst_roundings import Sizes
from properties.selftest.recheck.worst import many_digits, unit, worst
from zoo import Model, Transformer
from zoo.transformer import Attention
from zoo.transformer.arrays import Array


def every_word(length: int, vocab: int) -> Words:
    words = Words.of(np.ones((length, vocab), bool), anything(vocab))
    assert words is not None
    return words


def drawn(rng: np.random.Generator, length: int, vocab: int) -> tuple[Array, Array, tuple[float, float]]:
    """Terms between two ends, of sizes of their own, as near to each other here and there, and what is their own."""
    down = rng.normal(size=(length, vocab)) * 2.0 ** rng.integers(-3, 3, (length, 1))
    up = down + rng.choice([0, 0, 0.01, 0.2], (length, vocab))
    own = float(rng.normal())
    return down, up, (own, own + float(rng.choice([0, 0.1])))


@pytest.mark.parametrize("resolution", [3, 16, 4096])
def test_as_many_words_are_wrong_as_is_said(resolution: int) -> None:
    """Of many positions on a coarse grid, what is off at each adds up."""
    rng, vocab, near = np.random.default_rng(0), 2, 0
    for length in (1, 4, 11, 11, 11, 11):
        down, up, own = drawn(rng, length, vocab)
        tokens = np.indices((vocab,) * length).reshape(length, -1)
        at = np.arange(length)[:, None]
        sure = int((up[at, tokens].sum(axis=0) + own[1] <= -1e-12).sum())
        possible = int((down[at, tokens].sum(axis=0) + own[0] <= 1e-12).sum())
        least, most = wrong(every_word(length, vocab), down, up, own, resolution)
        assert least <= sure <= possible <= most
        near += most - least <= possible - sure + vocab**length / 10
    assert near >= 1


def test_what_is_off_at_every_position_adds_up() -> None:
    """Terms that are all off the grid by the same, known up to the same, and beside them what is known up to some."""
    rng, length = np.random.default_rng(1), 10
    each = np.arange(length + 1)
    ways = np.array([math.comb(length, k) for k in range(length + 1)])
    for _ in range(250):
        (a, b), wide, half = rng.random(2) + 0.05, rng.choice([0, 0, 1.0]), rng.choice([0, 0, 0.05])
        down = np.broadcast_to([a, -b], (length, 2))
        own = float(rng.uniform(-3, 3))
        sums = a * (length - each) - b * each + own
        sure = int(ways[sums + length * half + wide <= -1e-9].sum())
        possible = int(ways[sums <= 1e-9].sum())
        least, most = wrong(every_word(length, 2), down, down + half, (own, own + wide), int(rng.integers(2, 12)))
        assert least <= sure <= possible <= most


@pytest.mark.parametrize(("length", "vocab"), [(80, 2), (1200, 2), (540, 4)])
def test_numbers_of_words_that_no_float_holds(length: int, vocab: int) -> None:
    """The first token decides: as many words as can follow. Numbers beyond 2^1000 are halved."""
    terms = np.broadcast_to(np.where(np.arange(vocab) == 0, -1.0, 1.0), (length, vocab)).copy()
    terms[0] *= 1e6
    least, most = wrong(every_word(length, vocab), terms, terms, (0.5, 0.5), 16)
    exact = vocab ** (length - 1)
    assert least < exact < most  # roundings are allowed for
    assert Fraction(most - least, exact) < Fraction(1, 10**8)


def test_terms_are_widened_for_what_their_sum_may_round() -> None:
    """Each by gamma of what it is at worst, of the least and the largest weight, and by what is tiny."""
    rng, tokens, outputs, length = np.random.default_rng(0), 2, 3, 4
    its: Any = object.__new__(Terms)
    its.beside = rng.integers(-9, 10, (tokens, outputs, outputs)) / 8
    its.values = rng.integers(-9, 10, (outputs, outputs, length, tokens)) / 8
    its.least = rng.integers(0, 9, (tokens, length, tokens)) / 8
    its.most = its.least + rng.integers(0, 3, its.least.shape) / 8
    its.widen, its.tiny = 2.0**-40, 2.0**-60
    for last, answer in product(range(tokens), range(outputs)):
        found: Compared = its.of(last, answer)
        for rival, p, t in product(range(outputs), range(length), range(tokens)):
            weights = Fraction(its.least[last, p, t]), Fraction(its.most[last, p, t])
            low = Fraction(its.beside[last, answer, rival]) + Fraction(its.values[answer, rival, p, t])
            high = -Fraction(its.beside[last, rival, answer]) - Fraction(its.values[rival, answer, p, t])
            if p < length - 1:
                down, up = found.down[rival, p, t], found.up[rival, p, t]
            elif t == last:
                down, up = found.own_down[rival], found.own_up[rival]
            else:
                continue
            for value, end, sign in ((low, down, -1), (high, up, 1)):
                exact = sign * max(sign * w * value for w in weights)
                room = abs(exact) * Fraction(its.widen) + Fraction(its.tiny)
                assert room * Fraction(99, 100) <= sign * (Fraction(float(end)) - exact) <= room * Fraction(101, 100)


@many_digits()
def test_what_is_beside_a_head_is_at_most_so_much() -> None:
    """Where the head says nothing, of all that the program may round; b_o and positions weigh in."""
    for seed, dtype in product(range(10), (np.float64, np.float32)):
        drawn = Sizes(seed).transformer(["attention"], dtype)
        layer = drawn.layers[0]
        assert isinstance(layer, Attention)
        arrays: dict[str, Any] = {name: array[:1] for name, array in layer.arrays() if name not in ("b_o", "b_v")}
        arrays["w_v"] = 0 * arrays["w_v"]
        b_o = np.random.default_rng(seed).normal(size=drawn.d_model).astype(dtype) if seed % 2 else None
        t = Transformer(
            drawn.token_embedding,
            drawn.position_embedding,
            [Attention(**arrays, b_o=b_o, causal=layer.causal, scale=layer.multiplier)],
            None,
            drawn.unembedding,
        )
        its, n, outputs = Terms(Bounds(t), t.n_ctx), t.n_ctx, len(t.readout)
        for last in range(len(t.token_embedding)):
            found = worst(t, [0] * (n - 1) + [last])
            for answer, rival in product(range(outputs), repeat=2):
                difference, units = found.difference(answer, rival)
                off = float(difference) - its.beside[last, answer, rival]
                assert off >= units * float(unit(dtype)) * (1 - 1e-4)


def heavy(score: float, size: float) -> Transformer:
    """The first token weighs e^score of the other."""
    key, value = np.array([[[score], [0.0]]]), np.array([[[1.0], [0.0]]])
    layer = Attention(np.ones((1, 2, 1)), key, value, np.array([[[1.0, 0.0]]]), scale=1.0)
    return Transformer(np.eye(2), np.zeros((9, 2)), [layer], None, size * np.eye(2))


def test_terms_that_may_overflow_are_not_known() -> None:
    """Or whose sum may."""
    assert np.isfinite(Terms(Bounds(heavy(1.0, 1e290)), 9).of(0, 0).down).all()
    assert np.isfinite(Terms(Bounds(heavy(600.0, 1e30)), 9).of(0, 0).down).all()
    for score, size in ((1.0, 3e307), (650.0, 1e30)):
        with pytest.raises(OutOfRangeError):
            Terms(Bounds(heavy(score, size)), 9)


def test_what_may_underflow_is_not_taken_for_something() -> None:
    none = np.zeros((1, 2, 1))
    layer = Attention(none, none, none, np.zeros((1, 1, 2)))
    t = Transformer(np.eye(2) * 2.0**-1000, np.zeros((1, 2)), [layer], None, np.eye(2) * 2.0**-60)
    assert Terms(Bounds(t), 1).beside.max() <= 0


def test_contexts_in_which_tokens_are_counted_are_those() -> None:
    """Of all positions and of some."""
    rng, vocab, some = np.random.default_rng(3), "abc", 0
    for _ in range(60):
        box = random_box(rng, vocab, int(rng.integers(1, 6)))
        may = np.array([[token in box.sets.get(at, vocab) for token in vocab] for at in range(box.length)])
        words = Words.of(may, of_counts(box.counts, box.length, vocab))
        inside = contexts_of(box, vocab)
        assert words is not None
        assert words.count == len(inside)
        its = words.tokens(words.spelled(np.zeros((0, *may.shape))).numbers)
        assert sorted("".join(vocab[token] for token in row) for row in its) == inside
        some += any(counted.positions != range(box.length) for counted in box.counts)
    assert some > 20


def tied() -> Model:
    """Its three logits are what occurs last, and two are alike where that is the first token."""
    return Model(
        "tied", "abc", Transformer(np.eye(3), np.zeros((3, 3)), [], None, np.eye(3) + np.eye(3, k=-1) * [1, 0, 0])
    )


def test_sums_of_nothing_are_run() -> None:
    """A sum of 0 may be wrong or right."""
    model = tied()
    engine = Separable(model.transformer, model.names)
    zeros, words = np.zeros((3, 1, 3)), every_word(1, 3)
    compared = Compared(zeros, zeros + 1, np.zeros(3), np.zeros(3))
    part = Part(words, frozenset("a"), last=0)
    assert engine._spelled(part, compared, np.array([1, 2])) == 3  # a tie is wrong
    assert engine._spelled(Part(words, frozenset("c"), last=2), compared, np.array([0, 1])) == 0
    assert engine._spelled(part, Compared(zeros + 1, zeros + 1, np.zeros(3), np.zeros(3)), np.array([1, 2])) == 0


def test_boxes_are_proved_right_and_wrong_before_they_are_run() -> None:
    model = tied()
    engine = General(model.transformer, model.names)
    engine.small = 0
    may = np.ones((3, 3), bool)
    may[2] = [False, False, True]
    words = Words.of(may, anything(3))
    assert words is not None
    [right, by_another, of_two] = engine.bound(
        [Part(words, frozenset("c")), Part(words, frozenset("a")), Part(words, frozenset("ac"))]
    )
    assert (right.least, right.most) == (of_two.least, of_two.most) == (0, 0)
    assert (by_another.least, by_another.most) == (9, 9)


def test_what_is_counted_adds_up() -> None:
    one = Counted(4, 5, 3, 2, 7)
    assert one.total == 10
    both = Count("two", (one, Counted(5, 1, 1, 1, 1)), 0.0)
    assert (both.right, both.wrong, both.open, both.skipped, both.total) == (6, 4, 3, 8, 13)
    assert both.accuracy == (Fraction(6, 13), Fraction(9, 13))


def test_contexts_of_which_nothing_is_said_are_not_judged_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "LEAVES", 1)

    def rule(context: Any) -> set[str]:
        return set() if context[0] == "a" else {context[-1]}

    [row] = properties.count(Model("tied", "abc", tied().transformer, rule=rule), [3], max_seconds=None).lengths
    assert (row.right, row.wrong, row.open, row.skipped) == (12, 6, 0, 9)


def test_seconds_are_those_since_a_count_began(monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting(Model("tied", "abc", tied().transformer, rule=lambda context: {context[-1]}), [3])
    monkeypatch.setattr(counting.shards, "clock", lambda: 1e6)
    for _ in counting.steps(max_seconds=10.0):
        pass
    assert counting.so_far().open == 0
