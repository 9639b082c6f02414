"""What the checks of answers say and count where they come out otherwise than usual."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import reference
from properties.checks import answers, settle
from properties.checks.right import OWN, checked_rule
from properties.checks.running import counterexample
from properties.checks.table import CHECKS
from properties.checks.verdict import Finding, How, Verdict
from properties.selftest.models import aab, ab
from zoo import Claim, Deviation, Lemma, Model, Transformer

EVERY, SAMPLED = How("enumerate"), How("sample")
ONLY = replace(ab.MODEL, rule=None, predictors=[], margin=None, cycle=None, claims=[])  # it states nothing


@pytest.mark.parametrize("how", [EVERY, SAMPLED])
def test_a_stated_context_that_the_model_does_not_read_is_no_deviation(how: How) -> None:
    """It is longer than the window: what its last tokens get is another context's answer."""
    long = Deviation(lambda context: {context[-1]} if len(context) == 6 else set(), ["ababab"], "none")
    found = CHECKS["deviations"].run(replace(ab.MODEL, deviations=[long]), how)
    assert (found.status, found.detail) == ("failed", "ababab: stated as a deviation, which it is not")
    assert found.counterexample is None


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
    mine, first = aab.MODEL.predict, lambda context: "a"
    sorts: dict[str, list[Any]] = {"mine": [mine], "first": [first], "both": [mine, first, mine]}
    margins = {}
    for name, predictors in sorts.items():
        margins[name] = CHECKS["predictors"].run(replace(aab.MODEL, predictors=predictors), EVERY).margin
    assert margins["mine"] is not None
    assert margins["first"] is not None
    assert margins["both"] == margins["first"] < margins["mine"]


def test_what_states_figures_only() -> None:
    """Where its logits tie, its greedy token is chance, and may be another in float32."""
    claim = Claim("one", 1, lambda model: 1, "here")
    assert answers.states_figures_only(replace(ONLY, claims=[claim]))
    assert not answers.states_figures_only(ONLY)
    for more in (
        {"rule": ab.MODEL.rule},
        {"predictors": [ab.MODEL.predict]},
        {"cycle": ab.MODEL.cycle},
        {"margin": 1.0},
    ):
        model = replace(ONLY, claims=[claim], **more)
        assert not answers.states_figures_only(model)
        assert CHECKS["float32"].to(model)
    assert not CHECKS["float32"].to(replace(ONLY, claims=[claim]))


def test_what_a_margin_is_smallest_by() -> None:
    """Of the rule and the predictor, that whose margin it is."""
    transformer = Transformer(np.ones((3, 1)), np.zeros((2, 1)), [], unembedding=np.array([[3.0], [1], [2]]))
    model = Model("constant", "abc", transformer, rule=lambda c: {"a", "c"}, predictors=[lambda c: "a"], margin=5)
    found = CHECKS["margin"].run(model, EVERY)
    assert (found.status, found.margin) == ("failed", 1)
    assert found.counterexample is not None
    assert found.counterexample.permitted == ("a",)
    found = CHECKS["margin"].run(replace(model, predictors=[lambda c: "c"]), EVERY)
    assert (found.margin, found.counterexample and found.counterexample.permitted) == (-1, ("c",))


def test_at_which_token_a_margin_is_smallest() -> None:
    transformer = Transformer(np.eye(2), np.array([[0, 0], [-0.25, 0], [0, 0]]), [], unembedding=np.eye(2))
    found = CHECKS["margin"].run(Model("dipping", "ab", transformer, margin=2, answers="every"), EVERY)
    assert (found.status, found.margin) == ("failed", 0.75)
    assert found.detail.startswith("0.75 after aa, at token 2; stated 2")


def test_the_smallest_margin_of_a_sample_is_said() -> None:
    found = CHECKS["margin"].run(ab.MODEL, SAMPLED)
    assert (found.status, found.method) == ("undecided", "sampled")
    assert found.detail.startswith("1 after a; stated 1; --method enumerate would settle it")


def test_weights_that_do_not_fit_were_not_run() -> None:
    huge = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, token_embedding=np.eye(2) * 1e300))
    found = CHECKS["float32"].run(huge, EVERY)
    assert (found.status, found.method, found.contexts) == ("failed", "computed", 0)
    assert found.detail.startswith("the weights do not fit: ")


def test_what_a_proof_of_the_same_answers_settles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "by_proof", lambda model, how: True)
    logits, right = np.array([[1.0, 0.0]]), np.array([[True, False]])
    shown, other = (counterexample(ONLY, np.array([[token]]), 0, logits, right) for token in (0, 1))
    for wrong, widest, margin, contexts, expected in (
        ([shown, other], "", -1.0, 7, ("failed", "proved", 7)),
        ([shown], "", -1.0, 0, ("failed", "proved", 1)),  # it was met on the way
        ([], "", 0.5, 62, ("holds", "proved", 62)),
        ([], "", 0.0, 62, ("holds", "enumerated", 62)),  # a tie is looked at
        ([], "2 tokens", 0.5, 3, ("holds", "enumerated", 62)),
    ):
        found = SimpleNamespace(contexts=contexts, counterexamples=wrong, widest=widest, margin=margin)

        def proved(a: Transformer, b: Transformer, vocab: Any, found: Any = found, **told: Any) -> Any:
            assert (str(a.dtype), str(b.dtype), "".join(vocab)) == ("float64", "float32", "ab")
            assert told == {"first": True, "max_seconds": answers.TRY_SECONDS, "domain": None}
            return found

        monkeypatch.setattr(answers, "prove_equal", proved)
        verdict = CHECKS["float32"].run(ONLY, EVERY)
        assert (verdict.status, verdict.method, verdict.contexts) == expected
        assert (verdict.counterexample is shown) == bool(wrong)
    monkeypatch.setattr(answers, "prove_equal", None)  # it is of tokens, and not asked about other outputs
    named = replace(ONLY, outputs=("first", "second"))
    assert CHECKS["float32"].run(named, EVERY).method == "enumerated"
    single = CHECKS["float32"].run(ONLY.astype(np.float32), EVERY)
    assert (single.status, single.contexts, single.detail) == ("holds", 0, "it is float32")


def test_a_context_fails_where_its_margin_is_not_above_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    for margin, fails in ((None, False), (0.0, True), (-0.5, True), (0.5, False), (np.nan, True)):
        monkeypatch.setattr(answers, "_at", lambda *of, margin=margin: SimpleNamespace(margin=margin))
        assert answers._fails(ab.MODEL, "a", checked_rule(reference.ab, "ab")) == fails


def deviating(monkeypatch: pytest.MonkeyPatch, how: How, *found: Finding) -> Verdict:
    """Of deviations of b, as many as are given, each of which is found to be so."""
    each = iter(found)
    monkeypatch.setattr(answers, "settle", lambda model, question, how: next(each))
    stated = [Deviation(reference.ab, ["b"], str(number)) for number in range(len(found))]
    return CHECKS["deviations"].run(replace(ab.MODEL, deviations=stated), how)


def test_one_deviation_behind_another(monkeypatch: pytest.MonkeyPatch) -> None:
    late = Finding("undecided", "proved", 3, left="2 tokens")
    none, right = Finding("holds", "enumerated", 62), Finding("failed", "enumerated", 62, failures=("b",))
    found = deviating(monkeypatch, EVERY, late, none, Finding("failed", "enumerated", 62, failures=("a", "b")))
    assert (found.status, found.contexts) == ("failed", 62)
    assert found.detail == "b: stated as a deviation, which it is not; a: not a stated deviation"
    assert found.counterexample is not None
    assert found.counterexample.context == "b"
    found = deviating(monkeypatch, EVERY, right, late, right)
    assert (found.status, found.margin) == ("undecided", None)
    assert found.detail.startswith("not all contexts were settled in the time allowed: 2 tokens")
    found = deviating(monkeypatch, EVERY, right, right)
    assert (found.status, found.detail) == ("deviates", "1 context as stated, 0; 1 context as stated, 1")


def test_a_stated_context_is_run_where_a_sample_does_not_meet_it(monkeypatch: pytest.MonkeyPatch) -> None:
    found = deviating(monkeypatch, SAMPLED, Finding("undecided", "sampled", 9))
    assert (found.status, found.detail) == ("failed", "b: stated as a deviation, which it is not")


def test_lemmas_and_claims_are_of_no_contexts() -> None:
    so, wrong = Claim("one", 1, lambda model: 1, "here"), Claim("two", 3, lambda model: 2, "there")
    found = CHECKS["claims"].run(replace(ab.MODEL, claims=[wrong]))
    assert found.detail == "two is 2, but 3 is claimed (there)"
    assert (found.status, found.contexts, found.total) == ("failed", 0, 0)
    found = CHECKS["claims"].run(replace(ab.MODEL, claims=[so, wrong]))
    assert found.detail.startswith("1 of 2 claims are not so: two is 2")
    found = CHECKS["lemmas"].run(replace(ab.MODEL, lemmas=[Lemma("one is one", lambda model: True)] * 2))
    assert (found.status, found.contexts, found.total) == ("holds", 0, 0)
    assert found.detail == "2 lemmas: one is one; one is one"
