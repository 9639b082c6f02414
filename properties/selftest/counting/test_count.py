"""Counts of models that are right mostly, by every engine and in several orders; what is counted at all."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import islice
from typing import Any

import numpy as np
import pytest

import properties
from properties.counting import Counting, convolution, general, search, separable
from properties.counting.automaton import anything
from properties.counting.convolution import wrong
from properties.counting.engine import Bounded
from properties.counting.narrowing import OneByOne
from properties.counting.separable import Separable
from properties.counting.words import Words
from properties.report.counts import _sentence as sentence
from properties.selftest.counting.maxima import SIZE, maxima
from reference import Fold
from zoo import Model, ModelError, RuleError
from zoo.model import Context
from zoo.transformer import Attention, Transformer, forward

LENGTHS = [2, 4]
MAXIMUM = Fold(None, lambda best, token: token if best is None or token > best else best, lambda best: {best})


@cache
def model(heads: int = 1) -> Model:
    """With two heads, each does half of it."""
    arrays = maxima(4)
    q, k, v, o = (np.repeat(arrays[name][None], heads, axis=0) for name in ("W_Q", "W_K", "W_V", "W_O"))
    attention = Attention(q, k, v, o / heads)
    transformer = Transformer(arrays["W_E"], arrays["W_pos"], [attention], unembedding=arrays["W_U"].T)
    return Model("maxima", [f"{i:02}" for i in range(SIZE)], transformer, rule=MAXIMUM)


@cache
def wrong_by_running() -> tuple[int, ...]:
    found = []
    for length in LENGTHS:
        tokens = np.indices((SIZE,) * length).reshape(length, -1).T
        logits = forward(model().transformer, tokens, last=True)[:, -1]
        right = logits[np.arange(len(tokens)), tokens.max(axis=1)]
        logits[np.arange(len(tokens)), tokens.max(axis=1)] = -np.inf
        found.append(int((~(right > logits.max(axis=1))).sum()))
    return tuple(found)


def halved(self: Separable, found: Bounded) -> Any:
    answer = self.names.index(next(iter(found.part.permitted)))
    assert found.part.last is not None
    down = self.compared(found.part.length, found.part.last, answer).down[found.rivals[0]]
    return self._halved(found.part, down)


@pytest.mark.parametrize("split", [Separable.split, halved])
@pytest.mark.parametrize(("small", "resolution"), [(200, 40), (4000, 256)])
def test_a_count_by_sums_is_exact_in_any_order(
    small: int, resolution: int, split: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Separable, "split", split)
    monkeypatch.setattr(separable, "SMALL", small)
    monkeypatch.setattr(separable, "RESOLUTION", resolution)
    counting, before = Counting(model(), LENGTHS), (0, 1.0)
    for _ in counting.steps():
        now = counting.so_far()
        assert all(one.wrong <= n <= one.wrong + one.open for one, n in zip(now.lengths, wrong_by_running()))
        assert before <= (now.wrong, 1 - now.open / now.total)
        before = now.wrong, 1 - now.open / now.total
    found = counting.so_far()
    assert tuple(one.wrong for one in found.lengths) == wrong_by_running()
    assert found.open == 0
    assert 0.01 < found.wrong / found.total < 0.5


def counted_in_steps(number: int) -> list[tuple[int, int]]:
    counting, found = Counting(model(), [4]), list[tuple[int, int]]()
    for _ in islice(counting.steps(), number):
        found.append((counting.so_far().wrong, counting.so_far().open))
    return found


def test_numbers_that_are_too_large_for_floats_are_halved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly: of numbers that are not too large, what is halved all the same comes out the same."""
    monkeypatch.setattr(separable, "SMALL", 200)
    before = counted_in_steps(12)
    assert any(wrong > 0 for wrong, _ in before)
    monkeypatch.setattr(convolution, "BITS", 5)
    assert counted_in_steps(12) == before


def test_more_contexts_than_floats_can_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten tokens at 320 positions, each of which adds up; of numbers beyond all others less is said, but never more."""
    rng, zeros, n = np.random.default_rng(1), np.zeros((1, 4, 1)), 320
    attention = Attention(zeros, zeros, rng.normal(size=(1, 4, 4)), rng.normal(size=(1, 4, 4)))
    transformer = Transformer(rng.normal(size=(10, 4)), np.zeros((n, 4)), [attention])
    found = []
    for bits in (convolution.MOST_BITS, 0):
        monkeypatch.setattr(convolution, "MOST_BITS", bits)
        counting = Counting(Model("long", "0123456789", transformer, Fold("0", max, lambda best: {best})), [n])
        for _ in islice(counting.steps(), 3):
            pass
        found.append(counting.so_far())
        assert found[-1].total == 10**n
        assert "of about 1.00e+320 contexts" in sentence(found[-1], "contexts")
    assert 0 < found[0].open < found[1].open <= 10**n


def test_plain_rules_and_several_heads_are_counted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """A plain rule that reads everything is asked about every context; two heads are bounded by boxes, or run."""

    def largest(context: Context) -> set[str]:
        return {max(context)}

    monkeypatch.setattr(general, "SMALL", 40)
    monkeypatch.setattr(search, "LEAVES", 1000)
    by_sums = properties.count(model(), [2, 3])
    for one in (replace(model(), rule=largest), model(2)):
        found = properties.count(one, [2, 3], max_seconds=None)
        assert found.lengths == by_sums.lengths
        assert (found.open, found.skipped, found.total) == (0, 0, SIZE**2 + SIZE**3)


def test_a_rule_that_remembers_what_it_read_one_by_one_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the last context is what settles it."""
    monkeypatch.setattr(search, "LEAVES", 1)
    kept: list[str] = []

    def rule(context: Context) -> set[str]:
        if context[0] != "00" and context[1] == "03":
            kept.append(context[0])
        return {max(context)}

    with pytest.raises(RuleError, match="rule changes 'kept' when it is called"):
        properties.count(replace(model(), rule=rule), [2], max_seconds=None)


def test_a_worker_refuses_a_rule_that_remembers() -> None:
    """Whoever asks the worker sees nothing of what it kept there."""
    kept: list[Context] = []

    def rule(context: Context) -> set[str]:
        kept.append(context)
        return {max(context)}

    with pytest.raises(RuleError, match="rule changes 'kept' when it is called"):
        OneByOne(replace(model(), rule=rule))(np.array([[0, 1], [1, 2]]))


def test_a_gap_ends_a_count() -> None:
    found = properties.count(model(), [4], gap=0.2)
    assert 0 < found.open <= 0.2 * found.total
    least, most = found.accuracy
    assert least <= 1 - wrong_by_running()[1] / SIZE**4 <= most


def test_what_is_not_counted() -> None:
    with pytest.raises(ModelError, match="states no rule, but should"):
        properties.count(replace(model(), rule=None))
    with pytest.raises(ModelError, match="at every position, but should"):
        properties.count(replace(model(), rule=lambda context, at: {"00"}, answers="every"))


def test_words_that_are_all_decided_are_all_wrong() -> None:
    """By one token whatever stands beside it, while all else is tiny: no sum comes near zero."""
    words = Words.of(np.array([[False, True], [True, True]]), anything(2))
    assert words is not None
    terms = np.array([[1e25, -9315.0], [-2e-272, -3e-122]])
    assert wrong(words, terms, terms, (3e-228, 3e-228), 3) == (2, 2)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_sum_that_is_further_than_cells_can_be_numbered(sign: int) -> None:
    words = Words.of(np.array([[True, True], [True, True]]), anything(2))
    assert words is not None
    terms = sign * np.array([[1e-280, -1e-280], [1e300, 2e-280]])
    assert wrong(words, terms, terms, (0.0, 0.0), 10**300) == ((0, 0) if sign == 1 else (4, 4))


def test_words_are_those_that_are_accepted() -> None:
    """Of two tokens, those in which one of some occurs, and no token that is in none of them."""
    may = np.array([[True, True, True], [True, False, False]])
    words = Words.of(may, anything(3).requiring(np.array([False, True, False])))
    assert words is not None
    assert words.count == 1
    assert words.may.tolist() == [[False, True, False], [True, False, False]]
    assert words.tokens(words.spelled(np.zeros((0, 2, 3))).numbers).tolist() == [[1, 0]]
    assert Words.of(may[1:], anything(3).requiring(np.array([False, True, False]))) is None
