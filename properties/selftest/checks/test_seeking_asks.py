"""What seeking looks at in one context: what is wrong there, and what it is steered by where nothing is."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import strategies as st

from properties.checks import seeking
from properties.checks.seeking import sought
from properties.proof.counterexample import Counterexample
from properties.selftest.checks.asking import two
from properties.selftest.models import ab
from zoo import Model, ModelError

EVERY = st.text("ab", min_size=1, max_size=5)


def says_a(context: Any) -> set[str]:
    return {"a"}


def predicts_b(context: Any) -> str:
    return "b"


def raises(context: Any) -> str:
    return str(1 / 0)


def wrong(context: str, predicted: str, permitted: str, problem: str = "") -> Counterexample:
    return Counterexample(context, predicted, (permitted,), (), None, "", problem)


def test_of_a_black_box_the_rule_is_asked_then_every_predictor() -> None:
    box = two(lambda context: "a", rule=says_a)
    assert seeking._wrong(box, "ab") is None
    assert seeking._wrong(replace(box, rule=lambda c: {"b"}), "ab") == wrong("ab", "a", "b")
    assert seeking._wrong(replace(box, rule=None, predictors=[lambda c: "a", predicts_b]), "ab") == wrong(
        "ab", "a", "b"
    )
    assert seeking._wrong(replace(box, predictors=[predicts_b]), "ab") == wrong("ab", "a", "b")
    problem = "raises ZeroDivisionError: division by zero"
    assert seeking._wrong(two(raises, rule=says_a), "ab") == wrong("ab", "", "a", problem)
    for open_rule in (lambda c: set(), lambda c: {"a", "b"}):
        assert seeking._wrong(two(raises, rule=open_rule), "ab") is None


@pytest.fixture
def steered(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """By what Hypothesis was steered."""
    found = list[tuple[float, str]]()
    monkeypatch.setattr(seeking, "target", lambda value, label: found.append((value, label)))
    return found


def logits(a: float, b: float) -> Model:
    """The same two after everything."""
    unembedding = np.array([[a, a], [b, b]])
    return replace(
        ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=unembedding), rule=says_a, cycle=None
    )


def test_it_is_steered_by_each_margin(steered: list[tuple[float, str]]) -> None:
    assert seeking._wrong(replace(logits(3.0, 0.5), predictors=[lambda c: "a"]), "ab") is None
    assert steered == [(-2.5, "small margin by rule"), (-2.5, "small margin by predictor")]
    steered.clear()
    for open_rule in (lambda c: set(), lambda c: {"a", "b"}):
        assert seeking._wrong(replace(logits(3.0, 0.5), rule=open_rule), "ab") is None
    assert steered == []  # nothing is asked


@pytest.mark.parametrize(("a", "b", "margin"), [(0.5, 3.0, -2.5), (1.0, 1.0, 0.0)])
def test_a_margin_that_is_not_above_zero_is_wrong(
    a: float, b: float, margin: float, steered: list[tuple[float, str]]
) -> None:
    found = seeking._wrong(logits(a, b), "ab")
    assert found is not None
    assert (found.context, found.permitted, found.logits, found.margin) == ("ab", ("a",), (a, b), margin)
    by_second = seeking._wrong(replace(logits(b, a), predictors=[lambda c: "a", predicts_b]), "ab")
    assert by_second is not None
    assert by_second.permitted == ("b",) if a < b else ("a",)
    assert len(steered) == (2 if a < b else 0)


def test_the_simplest_is_shown_whichever_was_met_first() -> None:
    """One after the other of many: what is wrong is any with three b in a row, which is seldom the first."""
    asked = list[str]()

    def predict(context: str) -> str:
        asked.append(context)
        return "b" if "bb" in context else "a"

    found = sought(two(predict, 5, rule=says_a), EVERY, 200)
    assert found == wrong("bb", "b", "a")
    met = [context for context in asked if "bb" in context]
    assert met[0] != "bb"


def test_as_many_examples_as_are_wanted_by_the_seed() -> None:
    def seen(examples: int, *start: int) -> list[str]:
        asked = list[str]()
        box = two(lambda context: asked.append(context) or "a", 5, rule=says_a)  # type: ignore[func-returns-value]
        assert sought(box, EVERY, examples, *start) is None
        return asked

    first = seen(20, 0)
    assert len(first) == 20
    assert seen(20, 0) == seen(20) == first
    assert seen(20, 1) != first


def test_what_states_either_can_be_wrong() -> None:
    box = two(lambda context: "b", rule=says_a)
    assert sought(replace(box, rule=None, predictors=[lambda c: "a"]), EVERY, 5) is not None
    assert sought(box, EVERY, 5) is not None
    with pytest.raises(
        ModelError, match="two has neither rule nor predictor, but should have one for it to be wrong by"
    ):
        sought(replace(box, rule=None), EVERY, 5)
