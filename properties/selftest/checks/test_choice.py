"""Where contexts are many, `auto` takes the means that is done first, and settles by the other what that does not."""

from dataclasses import replace
from typing import Any

import pytest

from properties import check_model
from properties.checks import choice, settle
from properties.checks.verdict import How, Verdict
from properties.proof.search import prove_answers
from properties.selftest.models import aab
from zoo import Model
from zoo.model import Rule

MODEL = aab.build(n_ctx=9)


def by_names(context: str) -> set[str]:
    """That of aab as a loop over the tokens, each of which it asks for."""
    state = 0
    for token in context:
        state = min(state + 1, 2) if token == "a" else 0
    return {"b"} if state == 2 or context == "a" else {"a"}


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """As if there were too many contexts to run them at once; of each proof, how many boxes it was given."""
    monkeypatch.setattr(settle, "BUDGET", 10**6)
    given: list[int | None] = []

    def proving(*arguments: Any, **options: Any) -> Any:
        given.append(options["max_boxes"])
        return prove_answers(*arguments, **options)

    monkeypatch.setattr(settle, "prove_answers", proving)
    return given


def by_check(verdicts: list[Verdict]) -> dict[str, Verdict]:
    return {verdict.check: verdict for verdict in verdicts}


def model(rule: Rule) -> Model:
    return replace(MODEL, rule=rule, predictors=())


def test_a_proof_that_is_done_sooner(proofs: list[int | None]) -> None:
    assert MODEL.rule is not None
    verdicts = by_check(check_model(model(MODEL.rule), names=["rule", "margin"]))
    assert (verdicts["rule"].status, verdicts["rule"].method) == ("holds", "proved")
    # The least margin is as stated, and what is proved of it a little less: that is left to running.
    assert (verdicts["margin"].status, verdicts["margin"].method) == ("holds", "enumerated")
    assert len(proofs) == 1


def test_a_proof_that_would_take_longer_than_running(proofs: list[int | None]) -> None:
    verdicts = by_check(check_model(model(by_names), names=["rule", "margin"]))
    assert all(verdict.passed for verdict in verdicts.values())
    assert {verdict.method for verdict in verdicts.values()} == {"enumerated"}
    assert verdicts["rule"].contexts == 2**10 - 2
    assert "every context was run" in verdicts["rule"].detail
    [boxes] = proofs
    assert boxes is not None
    assert 50 < boxes < 2**9


def test_one_that_is_wrong_where_only_running_looks(proofs: list[int | None]) -> None:
    wrong = "babababaa"
    [verdict] = check_model(model(lambda c: {"a"} if "".join(c) == wrong else by_names(c)), names=["rule"])
    assert (verdict.status, verdict.method) == ("failed", "enumerated")
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == wrong


def test_what_would_take_too_long_is_left_to_the_proof(
    proofs: list[int | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "LONGEST", choice.work(MODEL) - 1)
    [verdict] = check_model(model(by_names), names=["rule"])
    assert (verdict.status, verdict.method) == ("holds", "proved")
    assert proofs == [None]


@pytest.mark.parametrize("how", [How("prove"), How("enumerate"), How(certified=True), How(seconds=1)])
def test_what_is_asked_for_is_done(how: How, proofs: list[int | None]) -> None:
    assert choice.decided(model(by_names), how) is how
    assert not proofs
