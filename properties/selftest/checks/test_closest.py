"""What checks are told of all contexts: margins where they are least, and the first that is none, to the last digit."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.checks.right import margins
from properties.checks.running import answer_logits, closest
from properties.selftest.checks.test_soundness_of_checks import cheaper_everywhere
from properties.selftest.enumeration.test_native import DRAWN
from properties.selftest.examples import assert_occurred, many
from zoo import Model, contexts, enumeration
from zoo.transformer import Transformer


def check(transformer: Transformer, seed: int, outcomes: Counter[str]) -> None:
    """In some contexts of the longest there are; where positions are alike, many margins are equal but for rounding."""
    random = np.random.default_rng(seed)
    if random.random() < 0.5:
        transformer = replace(transformer, position_embedding=np.zeros_like(transformer.position_embedding))
    vocab = [chr(ord("a") + i) for i in range(transformer.sizes["vocab"])]
    names = [chr(ord("a") + i) for i in range(len(transformer.readout))]
    model = Model("drawn", vocab, transformer, outputs=None if names == vocab else names)
    [tokens] = contexts.of_length(len(vocab), transformer.n_ctx)
    tokens = tokens[random.random(len(tokens)) < random.choice([0.5, 1, 1])]
    with np.errstate(all="ignore"), cheaper_everywhere():
        if not len(tokens):
            return
        expected = answer_logits(model, tokens, exact=True)
        each = [random.random(expected.shape) < 0.5 for _ in range(random.integers(3))]
        if each and random.random() < 0.5:  # the rule is right mostly
            each[0] |= expected == expected.max(axis=1, keepdims=True)
        logits, by = closest(model, tokens, each)
        least = margins(model, expected, each)
    first = np.flatnonzero(~(least > 0))[:1]
    rows = [*first, least.argmin()] if least.min() < np.inf else first
    np.testing.assert_array_equal(by > 0, least > 0, "another context is wrong")
    np.testing.assert_array_equal(by[rows], least[rows], "the least margin is another")
    np.testing.assert_array_equal(logits[rows], expected[rows], "logits that are shown are others")
    assert by.argmin() == least.argmin()
    outcomes.update([enumeration.path(transformer), str(transformer.dtype), "failing" if len(first) else "right"])
    outcomes["others are near"] += bool((logits != expected).any())


@pytest.mark.soundness
def test_what_is_least_is_so_to_the_last_digit(outcomes: Counter[str]) -> None:
    @many(60)
    @given(DRAWN, st.integers(0, 2**32 - 1))
    def each(transformer: Transformer, seed: int) -> None:
        check(transformer, seed, outcomes)

    each()
    assert_occurred(outcomes, "sums", "prefixes", "float32", "float64", "failing", "right", "others are near")
