"""What checks say where they seldom come: whose predictor it is, where a margin is smallest, what was not judged."""

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import zoo.shards.keep
from properties.checks import answers, choice, cycles, folds, right, running, settle
from properties.checks.table import CHECKS, check_model
from properties.checks.verdict import Finding, How
from properties.selftest.checks.planting import Altered
from properties.selftest.models import aab, ab, induction, reverse
from reference import Fold
from zoo import Lemma
from zoo.contexts import Context
from zoo.cost.operations import flops
from zoo.rule import Asked
from zoo.shards.keep import Keep

SAMPLED = How("sample")


def by_name(context: Any) -> str:
    return "b"


def test_whose_predictor_it_is_is_said_of_several() -> None:
    one = replace(ab.MODEL, predictors=[by_name])
    alone = CHECKS["predictors"].run(one)
    assert (alone.status, "by_name" in alone.detail) == ("failed", False)
    both = CHECKS["predictors"].run(replace(one, predictors=[by_name, lambda c: "a"], rule=None), SAMPLED)
    assert "by by_name, " in both.detail


def test_where_a_margin_is_smallest() -> None:
    found = CHECKS["margin"].run(replace(aab.MODEL, margin=2000.0), How("enumerate"))
    assert found.status == "failed"
    assert " after a; stated 2000" in found.detail
    every = CHECKS["margin"].run(replace(reverse.MODEL, margin=1e6), How("enumerate"))
    assert every.counterexample is not None
    assert every.counterexample.at == 0
    assert ", at token 1; stated " in every.detail


def test_a_margin_of_its_own_answers() -> None:
    """Where nothing says what is right."""
    alone = replace(ab.MODEL, rule=None, predictors=[], margin=0.5)
    for margin, status in ((0.5, "holds"), (5.0, "failed")):
        assert CHECKS["margin"].run(replace(alone, margin=margin), How("enumerate")).status == status


def test_a_false_lemma_is_counted_in_no_contexts() -> None:
    found = CHECKS["lemmas"].run(replace(ab.MODEL, lemmas=[Lemma("no", lambda model: False)]))
    assert (found.status, found.contexts, found.total, found.detail) == ("failed", 0, 0, "not so: no")


def test_what_claims_nothing_has_neither_rule_nor_predictor_nor_claim() -> None:
    nothing = replace(ab.MODEL, rule=None, predictors=[], claims=[])
    assert answers.claims_nothing(nothing)
    for stated in (
        {"rule": ab.MODEL.rule},
        {"predictors": [by_name]},
        {"claims": aab.MODEL.claims},
    ):
        assert not answers.claims_nothing(replace(nothing, **stated))


def test_a_cycle_that_cannot_be_walked_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "affordable", lambda model: False)
    monkeypatch.setattr(answers, "proof_of_one_answer", lambda model, how: None)
    found = CHECKS["cycle"].run(aab.MODEL)
    assert found.status == "undecided"
    assert found.detail.startswith("there are too many contexts to walk through")


@pytest.mark.parametrize(
    "following",
    [{(0,): (1,), (1,): (2,)}, {(0,): (0,), (1,): (2,)}, {(0,): (0,), (1,): None}, {(0,): (0,), (1,): (1,)}],
)
def test_where_there_is_a_problem_no_steps_are_said(following: Any) -> None:
    found = cycles.walk(following, [0], 1)
    assert found.problem
    assert (found.steps, found.farthest) == (0, (1,) if following[0,] == (0,) else (0,))


def test_the_first_lengths_are_those_up_to_the_first_of_many_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", 10)
    counts = {1: 5, 2: 100, 3: 1}
    scope: Any = SimpleNamespace(lengths=[1, 2, 3], count=counts.__getitem__)
    assert folds._few(SimpleNamespace(scope=scope)) == [1]  # type: ignore[arg-type]


def test_half_of_the_longer_contexts_are_led_to_where_something_is_said() -> None:
    """Of contexts at random there is a c in most, and then nothing is."""
    without_c = Fold(True, lambda so_far, token: so_far and token != "c", lambda so_far: {"a"} if so_far else set())
    model = replace(induction.build(n_ctx=16), rule=without_c)
    found = list(folds._long(model, without_c, Asked(without_c, model.vocab, "rule"), [1, 2, 3]))
    assert len(found) == folds.LONG
    assert all(4 <= len(context) <= 16 for context in found)
    assert all(len(drawn) == len(led) and "c" not in led for drawn, led in zip(found[::2], found[1::2]))
    assert sum("c" in drawn for drawn in found[::2]) > 100


def test_only_what_was_asked_about_all_contexts_is_kept() -> None:
    model = replace(ab.MODEL, rule=lambda context: {"b"} if context[-1] == "a" else {"a"})
    [question] = right.questions(replace(model, predictors=[]))
    before = len(right._kept), [id(one) for one in right._kept]
    with right.permitting(model, question, every=False) as permitted:
        permitted(np.array([[0], [1]]))
    with right.permitting(model, question, every=True) as permitted:
        permitted(np.array([[0], [1]]))  # and no more
    assert (len(right._kept), [id(one) for one in right._kept]) == before


def lengths(batches: Iterator[Any]) -> list[int]:
    return [batch.shape[1] for batch in batches]


def test_a_sample_is_one_where_all_could_be_run(monkeypatch: pytest.MonkeyPatch) -> None:
    method, batches = settle.sweep(ab.MODEL, SAMPLED)
    assert (method, set(lengths(batches))) == ("sampled", {*ab.MODEL.scope.lengths})
    monkeypatch.setattr(settle, "SAMPLE", 0)
    assert lengths(settle._sample(ab.MODEL, 1)) == [1]  # of the shortest length one is run, whatever it costs
    monkeypatch.setattr(settle, "SAMPLE", flops(ab.MODEL.transformer, 3) / 2)  # and of those that cost twice as much
    assert lengths(settle._sample(ab.MODEL, 1)) == [1, 2, 3]


def test_of_what_a_sample_did_not_judge_nothing_is_known() -> None:
    silent = replace(ab.MODEL, rule=lambda context: set(), predictors=[])
    assert CHECKS["rule"].run(silent, SAMPLED).status == "undecided"
    assert CHECKS["rule"].run(silent, How("enumerate")).status == "failed"


def test_every_context_that_gets_the_same_answer_in_float32_is_counted() -> None:
    alone = replace(ab.MODEL, rule=None, predictors=[], margin=None)
    found = CHECKS["float32"].run(alone, How("enumerate"))
    assert (found.status, found.contexts) == ("holds", alone.scope.count())


def test_a_tie_that_is_one_in_float32_too_is_no_other_answer() -> None:
    tied = replace(ab.MODEL.transformer, token_embedding=0 * ab.MODEL.transformer.token_embedding)
    alone = replace(ab.MODEL, rule=None, predictors=[], margin=None, transformer=tied)
    assert np.ptp(alone.logits("ab")[-1]) == 0
    assert CHECKS["float32"].run(alone, How("enumerate")).status == "holds"


def test_claims_are_of_no_contexts() -> None:
    found = CHECKS["claims"].run(aab.MODEL)
    assert (found.status, found.contexts, found.total) == ("holds", 0, 0)


def test_a_context_of_which_nothing_is_asked_does_not_fail() -> None:
    silent = replace(ab.MODEL, rule=lambda context: set(), predictors=[])
    [question] = right.questions(silent)
    assert not answers._fails(silent, "ab", question)


def test_how_every_context_came_to_be_run_is_said_where_that_was_chosen() -> None:
    found, chosen = Finding("holds", "enumerated", 2), How("enumerate")
    assert choice.said(found, chosen, chosen) is found
    assert choice.said(found, How(), chosen).detail.startswith("every context was run")


@pytest.mark.parametrize(("rule", "said"), [(ab.MODEL.rule, "1 check passes"), (lambda c: {"b"}, "rule: after ")])
def test_a_notebook_is_told_what_is_wrong_or_how_many_checks_pass(rule: Any, said: str) -> None:
    model = replace(ab.MODEL, rule=rule, predictors=[])
    check_model(model, names=["rule"])
    assert said in model._repr_html_()


def test_no_number_of_a_verdict_is_infinite_in_json() -> None:
    [verdict] = check_model(ab.MODEL, names=["rule"])
    for margin, told in ((math.inf, None), (-math.inf, None), (math.nan, None), (1.5, 1.5)):
        assert replace(verdict, margin=margin).as_json()["margin"] == told


def test_what_is_enumerated_in_one_process_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zoo.shards.keep, "OFTEN", 0)
    with Keep(tmp_path / "kept", ab.MODEL) as keep:
        first = CHECKS["rule"].run(ab.MODEL, How("enumerate", keep=keep))
    with Keep(tmp_path / "kept", ab.MODEL) as keep, monkeypatch.context() as patch:
        patch.setattr(running, "ran", None)  # nothing is run again
        again = CHECKS["rule"].run(ab.MODEL, How("enumerate", keep=keep))
    assert replace(again, seconds=first.seconds) == first


class EndingInB(Altered):
    """Reads what stands before its window, where the last token is b."""

    def logits(self, context: Context, anyway: bool = False) -> Any:
        return super().logits(context, anyway) + (len(context) > self.n_ctx and context[-1] == "b")


def test_how_many_windows_were_tried_until_one_failed() -> None:
    model = EndingInB.of(ab.MODEL)
    found = CHECKS["window"].run(model)
    assert (found.status, found.contexts) == ("failed", 2)  # that of a alone comes first
