"""What the checks of answers say and count where they come out otherwise than usual."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from properties.checks import answers, settle
from properties.checks.right import OWN
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.selftest.models import aab, ab
from zoo import Claim, Deviation, Model, Transformer

EVERY, SAMPLED = How("enumerate"), How("sample")
ONLY = replace(ab.MODEL, rule=None, predictors=[], margin=None, cycle=None, claims=[])  # it states nothing


@pytest.mark.parametrize("how", [EVERY, SAMPLED])
def test_a_stated_context_that_the_model_does_not_read_is_no_deviation(how: How) -> None:
    """It is longer than the window: what the last tokens alone get is another context's answer."""
    long = Deviation(lambda context: {context[-1]} if len(context) == 5 else set(), ["ababab"], "none")
    found = CHECKS["deviations"].run(replace(ab.MODEL, deviations=[replace(long, meant=lambda context: set())]), how)
    assert (found.status, found.detail) == ("failed", "ababab: stated as a deviation, which it is not")
    assert found.counterexample is None
    found = CHECKS["deviations"].run(replace(ab.MODEL, deviations=[long]), SAMPLED)
    assert "stated as a deviation" in found.detail or found.status == "failed"


def test_a_margin_that_a_proof_does_not_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where every context can be run, that decides; else it stays open, as a proof leaves some to rounding."""
    monkeypatch.setattr(answers, "affordable", lambda model: False)
    model = replace(ab.build(20), margin=1.0)
    proof = settle.least_proof(model, How("prove"))
    assert proof is not None
    assert 0.99 < proof.margin < 1
    found = CHECKS["margin"].run(model, How("prove"))
    assert (found.status, found.method, found.contexts) == ("undecided", "proved", 2**21 - 2)
    assert found.margin == proof.margin
    assert found.detail.startswith("at least 0.9")
    assert found.detail.endswith(f"stated 1{settle.means(model, How('prove'))}")
    assert "--method enumerate would settle it" in found.detail
    held = CHECKS["margin"].run(replace(model, margin=proof.margin), How("prove"))
    assert (held.status, held.margin, "--method" in held.detail) == ("holds", proof.margin, False)


def test_whose_answers_a_margin_is_of() -> None:
    for model, own in ((replace(ONLY, margin=0.5), True), (replace(ab.MODEL, margin=0.5), False)):
        assert CHECKS["margin"].run(model, EVERY).detail.endswith(OWN) == own


def close(*differences: float) -> Model:
    """After each of so many tokens alone, a wins by so much, in float64."""
    embedding = np.stack([1 + np.array(differences), np.ones(len(differences))], axis=1)
    unembedding = np.zeros((len(differences), 2))
    unembedding[:2] = np.eye(2)
    vocab = "abcdef"[: len(differences)]
    return Model("close", vocab, Transformer(embedding, np.zeros((1, 2)), [], unembedding=unembedding))


def test_the_first_that_answers_otherwise_in_float32_is_shown() -> None:
    found = CHECKS["float32"].run(close(0.5, 2.0**-40, 0.5, -(2.0**-40)), EVERY)
    assert (found.status, found.detail, found.contexts) == ("failed", "another answer in float32", 4)
    assert found.counterexample is not None
    assert (found.counterexample.context, found.counterexample.permitted) == ("b", ("a",))


def test_a_cycle_where_what_is_proved_does_not_follow_from_the_last_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "affordable", lambda model: False)
    proof: Any = (SimpleNamespace(contexts=62), SimpleNamespace(function=None))
    for proved, suffixes in ((proof, None), (None, (1, {}))):
        monkeypatch.setattr(answers, "proof_of_one_answer", lambda model, how, proved=proved: proved)
        monkeypatch.setattr(answers, "of_suffixes", lambda function, model, suffixes=suffixes: suffixes)
        found = CHECKS["cycle"].run(aab.MODEL)
        assert (found.status, found.contexts) == ("undecided", 0)


def test_to_what_the_checks_of_answers_apply() -> None:
    claim = Claim("one", 1, lambda model: 1, "here")
    stated: dict[str, tuple[Any, set[str]]] = {
        "nothing": ({}, {"rule"}),
        "a rule": ({"rule": ab.MODEL.rule}, {"rule"}),
        "a claim": ({"claims": [claim]}, {"claims"}),
        "a predictor": ({"predictors": [lambda context: "b"]}, {"predictors"}),
        "a margin": ({"margin": 1.0}, {"rule", "margin"}),
        "a rule and how often it holds": (
            {"rule": ab.MODEL.rule, "accuracy": 0.5, "claims": [claim]},
            {"claims", "accuracy"},
        ),
    }
    for what, (more, applying) in stated.items():
        model = replace(ONLY, **more)
        about = {"rule", "predictors", "margin", "claims", "accuracy", "cycle", "lemmas", "deviations"}
        assert {check for check in about if CHECKS[check].to(model)} == applying, what


def test_nothing_that_is_stated_is_undecided() -> None:
    found = CHECKS["rule"].run(ONLY, EVERY)
    assert (found.status, found.method, found.contexts) == ("undecided", "computed", 0)
    assert found.detail.startswith("the model states no rule, predictor or claim to hold it to; --rule ")


def test_the_margin_of_several_predictors_is_the_least() -> None:
    wider = replace(aab.MODEL, predictors=[aab.MODEL.predict, aab.MODEL.predict])
    [one] = [CHECKS["predictors"].run(replace(wider, predictors=[aab.MODEL.predict]), EVERY)]
    both = CHECKS["predictors"].run(wider, EVERY)
    assert both.margin == one.margin is not None
    assert both.detail == ""
