"""At the ends of the dtype, every way of enumerating against the forward pass in every context."""

import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.selftest.examples import many
from properties.selftest.extreme_models import (
    Drawn,
    assert_each_occurred,
    assert_planted_is_noticed,
    count,
    transformers,
)
from properties.selftest.extreme_rules import Executed
from zoo import ModelError, Transformer
from zoo.enumeration import Tile, native, paths, running_sums
from zoo.enumeration.rounding import Rounding
from zoo.transformer.arrays import Array

SUMS = transformers(["attention"], normed=False)
PREFIXES = st.sampled_from([["attention"], ["relu", "attention"], ["attention", "attention"], ["attention", "gelu"]])


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_enumeration(drawn: Drawn, outcomes: Counter[str]) -> None:
    """Answers are those of `forward`, logits are within the error that is claimed, NaN is no answer."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed = Executed(drawn)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "MANY", 1)  # running sums wherever they can be
        patch.setattr(paths, "ROWS", 8)  # and few contexts together, as if there were many
        patch.setattr(running_sums, "TILE", 8)
        patch.setattr(native, "TILE", 8)
        patch.setattr(native, "BLOCK", 32)
        patch.setattr(native, "FEWEST", sys.maxsize)
        kinds = enumerated(drawn, executed)
        if native.usable(drawn, sys.maxsize) and "forward" not in kinds:
            patch.setattr(native, "FEWEST", 1)
            kinds |= {"in C"}
            assert_enumerated(executed, paths.answers(drawn))
    count(outcomes, executed, *kinds)


def enumerated(transformer: Transformer, executed: Executed) -> set[str]:
    path = paths.path(transformer)
    kinds: set[str] = {path}
    answers, logits = paths.answers(transformer), paths.logits(transformer)
    tiles = {"sums": paths._by_sums, "prefixes": paths._by_prefixes, "forward": paths._by_forward}
    assert_enumerated(executed, answers)
    for n, one in answers.items():
        words = [context for context in executed.logits if len(context) == n]  # in lexicographic order
        rows = rows_of(transformer, words, executed.vocab)
        assert_answers(executed, words, logits[n].argmax(axis=1))
        assert_answers(executed, words, rows.argmax(axis=1))
        nan = [i for i, c in enumerate(words) if executed.answer(c) == "" == executed.batched.answer(c)]
        assert np.isnan(rows[nan]).any(axis=1).all(), f"logits are NaN, but {rows[nan]} that are trusted are enumerated"
        kinds |= {"doubtful"} if len(one.doubtful) else set()
        kinds |= {"settled"} if len(one.doubtful) < len(words) else set()
    for tile in tiles[path](transformer, list(answers)):
        assert_within(executed, tile)
    return kinds


def assert_enumerated(executed: Executed, answers: dict[int, paths.Answers]) -> None:
    for n, one in answers.items():
        words = [context for context in executed.logits if len(context) == n]
        assert_answers(executed, words, one.tokens)
        if any(executed.answer(c) == "" == executed.batched.answer(c) for c in words):
            assert np.isnan(one.margin), f"a logit of {n} tokens is NaN, but the smallest margin is {one.margin}"


def rows_of(transformer: Transformer, words: list[str], vocab: str) -> Array:
    tokens = np.array([[vocab.index(token) for token in context] for context in words])
    return paths.last_rows(transformer, tokens)


def assert_answers(executed: Executed, words: list[str], tokens: Array) -> None:
    """They are the program's, of a context by itself or of its batch: where the last digits decide, either is."""
    for context, token in zip(words, tokens.tolist()):
        alone, together = executed.answer(context), executed.batched.answer(context)
        said = executed.vocab[token]
        assert "" in (alone, together) or said in (alone, together), (
            f"after {context} {said} is enumerated, but the program says {alone}: {executed.logits[context]}"
        )


def assert_within(executed: Executed, tile: Tile) -> None:
    """Logits that are off by more than their error, or are not known to be none, although their margin is trusted."""
    vocab = executed.vocab
    words = [context for context in executed.logits if len(context) == tile.length]
    run = np.array([executed.logits[context] for context in words]).reshape(*tile.shape, len(vocab))
    expected = np.moveaxis(run[tile.where], -1, 0).astype(np.float64)
    found = tile.logits.astype(np.float64)
    if tile.error == -np.inf:  # they are the forward pass's own
        return
    off = np.abs(found - expected)
    assert not (off > tile.error).any(), f"logits are off by {np.nanmax(off)}, but by {tile.error} at most is claimed"
    trusted = paths._ranked(tile.logits)[1] > 2 * tile.error
    assert not np.isnan(expected[:, trusted]).any(), "logits are NaN, but numbers that are trusted are enumerated"


@pytest.mark.soundness
def test_running_sums_say_what_forward_says(outcomes: Counter[str]) -> None:
    @many(25)
    @given(SUMS)
    def check(drawn: Drawn) -> None:
        check_enumeration(drawn, outcomes)

    check()
    assert_each_occurred(outcomes, "sums", "doubtful", "settled")


@pytest.mark.soundness
def test_kept_prefixes_say_what_forward_says(outcomes: Counter[str]) -> None:
    @many(72)
    @given(PREFIXES.flatmap(lambda kinds: transformers(kinds, dtypes=(np.float16, np.float32, np.float64))))
    def check(drawn: Drawn) -> None:
        check_enumeration(drawn, outcomes)

    check()
    assert_each_occurred(outcomes, "prefixes", "forward", "doubtful", "settled", "float16")


def with_nothing_lost_by_underflow(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Rounding.__init__

    def init(self: Rounding, *arguments: Any) -> None:
        original(self, *arguments)
        self.tiny = 0.0

    monkeypatch.setattr(Rounding, "__init__", init)


def with_numbers_that_never_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rounding, "finite", lambda self, x: x)


@pytest.mark.parametrize(
    ("fault", "seed"),  # with which it is seen soon
    [(with_nothing_lost_by_underflow, 12), (with_numbers_that_never_overflow, 21)],
)
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    words = "is claimed|are trusted|is enumerated|the smallest margin"
    assert_planted_is_noticed(lambda drawn, seed, outcomes: check_enumeration(drawn, outcomes), SUMS, words, seed)
