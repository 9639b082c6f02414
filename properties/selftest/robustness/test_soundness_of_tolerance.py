"""What is certified to be borne, is: held against weights that are off."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.robustness.tolerance import certified
from properties.selftest.examples import many
from properties.selftest.extreme_models import Drawn, assert_each_occurred, count, transformers
from properties.selftest.extreme_rules import Executed, rule_for
from zoo import Model, ModelError
from zoo.transformer.arrays import Array


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_tolerance(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Weights that are off by what is certified to be borne leave every answer right."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, rng = Executed(drawn), np.random.default_rng(seed)
    rule = rule_for(executed, seed)
    bears = certified(Model("extreme", executed.vocab, drawn, rule=rule))
    for _ in range(4 if bears else 0):
        changed = drawn.astype(drawn.dtype)
        for _, part in changed.parts():
            for name, array in part.arrays():
                object.__setattr__(part, name, off_by(array, bears, rng))
        wrong = Executed(changed).wrong(rule)
        assert not wrong, f"weights may be off by {bears}, but it is wrong after {wrong}"
    count(outcomes, executed, "bears some" if bears else "bears nothing")


def off_by(array: Array, share: float, rng: np.random.Generator) -> Array:
    """Each entry by at most that share of itself: by all of it, mostly, as far as the type has such numbers."""
    changed = (array * (1 + share * rng.choice([-1, 1, 0.5], array.shape))).astype(array.dtype)
    exact = np.abs(changed.astype(np.longdouble) - array.astype(np.longdouble))
    result: Array = np.where(exact <= share * np.abs(array.astype(np.longdouble)), changed, array)
    return result


@pytest.mark.soundness
def test_what_is_certified_to_be_borne_is(outcomes: Counter[str]) -> None:
    @many(60)
    @given(transformers(most=20), st.integers(0, 2**32 - 1))
    def check(drawn: Drawn, seed: int) -> None:
        check_tolerance(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "bears some", "bears nothing")
