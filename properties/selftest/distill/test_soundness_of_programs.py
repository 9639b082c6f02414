"""What is distilled from a model is the model, in every context."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given

from properties.selftest.examples import many
from properties.selftest.extreme_models import PATHS, Drawn, assert_each_occurred, count
from properties.selftest.extreme_rules import Executed
from zoo import Model, ModelError
from zoo.distill import distill
from zoo.enumeration import paths


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_program(drawn: Drawn, outcomes: Counter[str]) -> None:
    """A distilled program answers as the model does in every context; a model that gives NaN has none."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed = Executed(drawn)
    try:
        program = distill(Model("extreme", executed.vocab, drawn))
    except ModelError:
        rows = [row for one in (executed, executed.batched) for row in one.logits.values()]
        assert not np.isfinite(rows).all(), "there is no program, but every logit is a number"
        count(outcomes, executed, "no program")
        return
    for context in executed.logits:
        said = executed.vocab[program([executed.vocab.index(token) for token in context])]
        both = executed.answer(context), executed.batched.answer(context)
        assert said in both, f"after {context} the program says {said}, the model {both}: {executed.logits[context]}"
    count(outcomes, executed, f"by {paths.path(drawn)}")


@pytest.mark.soundness
def test_a_distilled_program_is_the_model(outcomes: Counter[str]) -> None:
    @many(40)
    @given(PATHS)
    def check(drawn: Drawn) -> None:
        check_program(drawn, outcomes)

    check()
    assert_each_occurred(outcomes, "no program", "by sums", "by prefixes", "by forward")
