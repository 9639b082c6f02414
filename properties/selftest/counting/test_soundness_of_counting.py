"""Counts against every context that there is: the least and the most on the way, and what is left at the end."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.counting import Counting
from properties.selftest import random_models
from properties.selftest.counted_boxes import Function, counting_rule, random_fold
from properties.selftest.examples import assert_occurred, many
from properties.selftest.extreme_rules import Executed, rule_for, spoken_of
from zoo import Model, Transformer
from zoo.transformer import Attention

SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def separable_ones(draw: st.DrawFn) -> Transformer:
    """One attention of one head, perhaps an Mlp before it and Norms; some on a coarse grid, so that there are ties."""
    kinds = draw(st.sampled_from([["attention"], ["relu", "attention"], ["gelu", "attention"]]))
    vocab, n_ctx = draw(st.sampled_from([(3, 5), (3, 5), (6, 3)]))
    drawn = draw(random_models.transformers(layers=kinds, max_vocab=vocab, max_n_ctx=n_ctx, min_n_ctx=2))
    *before, layer = drawn.layers
    assert isinstance(layer, Attention)
    one: dict[str, Any] = {name: array[:1] for name, array in layer.arrays() if name != "b_o"}
    norm = drawn.final_norm and replace(drawn.final_norm, bias=np.zeros_like(drawn.final_norm.bias))
    made = replace(drawn, layers=[*before, replace(layer, **one)], final_norm=norm)
    grid = draw(st.sampled_from([0.0, 0.5, 1.0]))
    if not grid:
        return draw(close(made))
    return made.with_arrays({name: np.rint(array / grid) * grid for name, array in made.named_arrays().items()})


@st.composite
def close(draw: st.DrawFn, transformer: Transformer) -> Transformer:
    """As it is, or with outputs that differ in their last digits only: roundings decide which is largest."""
    size = draw(st.sampled_from([0, 0, 1, 16, 1e3]))
    if not size:
        return transformer
    rng, rows = np.random.default_rng(draw(SEEDS)), transformer.readout
    factors = 1 + size * np.finfo(transformer.dtype).eps * rng.integers(-3, 4, rows.shape)
    return replace(transformer, unembedding=(rows[:1] * factors).astype(transformer.dtype))


def rule_of(executed: Executed, seed: int) -> Function:
    """A fold mostly; else a plain rule."""
    if seed % 4 < 2:
        return random_fold(executed, seed)[0]
    return counting_rule(executed, seed)[0] if seed % 4 == 2 else rule_for(executed, seed)


def check_count(transformer: Transformer, seed: int, coarse: bool, outcomes: Counter[str]) -> None:
    """At every step, of each length, no fewer are wrong than is said and no more, and the interval only narrows."""
    rng, executed = np.random.default_rng(seed), spoken_of(transformer, seed)
    rule = rule_of(executed, seed)
    judged = executed.judged(rule)
    # Near a tie, a context by itself and in a batch may differ.
    wrong = [set(one.wrong(rule)) for one in (executed, executed.batched)]
    both, either = wrong[0] & wrong[1], wrong[0] | wrong[1]
    counting = Counting(Model("random", executed.vocab, transformer, rule, domain=executed.domain))
    resolution = int(rng.choice([3, 16, 256]))
    counting.general.small = 0 if coarse else 4
    if counting.separable is not None:
        counting.separable.small, counting.separable.resolution = 0 if coarse else 20, resolution
    before = counting.so_far()
    for _ in counting.steps():
        now = counting.so_far()
        for one, other in zip(now.lengths, before.lengths):
            least, most = (sum(len(context) == one.length for context in some) for some in (both, either))
            assert one.wrong <= most, f"{one} says that more are wrong than {most}"
            assert one.wrong + one.open >= least, f"{one} says that fewer are wrong than {least}"
            assert one.wrong >= other.wrong, f"{one} came after {other}"
            assert one.right >= other.right, f"{one} came after {other}"
            if one.total + one.skipped == one.right + one.wrong + one.open + other.skipped:
                assert one.right + one.wrong + one.open == sum(len(context) == one.length for context in judged)
        outcomes["open on the way"] += 0 < now.open < now.total
        before = now
    before = counting.so_far()
    assert before.total == len(judged)
    outcomes["exact" if not before.open else "open"] += 1
    outcomes["by sums" if counting.separable is not None else "by boxes"] += 1
    outcomes["some wrong"] += before.wrong > 0
    outcomes["in a domain"] += executed.domain is not None
    outcomes.update([str(transformer.dtype)])


@pytest.mark.soundness
def test_counts_by_sums_hold_what_running_says(outcomes: Counter[str]) -> None:
    @many(36)
    @given(separable_ones(), SEEDS, st.booleans())
    def check(drawn: Transformer, seed: int, coarse: bool) -> None:
        check_count(drawn, seed, coarse, outcomes)

    check()
    assert_occurred(outcomes, "exact", "by sums", "some wrong", "in a domain", "open on the way", "float32", "float64")


@pytest.mark.soundness
def test_counts_by_boxes_hold_what_running_says(outcomes: Counter[str]) -> None:
    @many(36)
    @given(random_models.transformers(max_vocab=3, max_n_ctx=4).flatmap(close), SEEDS, st.booleans())
    def check(drawn: Transformer, seed: int, coarse: bool) -> None:
        check_count(drawn, seed, coarse, outcomes)

    check()
    assert_occurred(outcomes, "exact", "by boxes", "some wrong", "in a domain", "open on the way", "float32", "float64")
