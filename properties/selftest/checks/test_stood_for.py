"""What a fold stands for: which are held against it, in how many contexts, and which of the longer ones are tried."""

from dataclasses import replace
from typing import Any

import pytest

import reference
from properties.checks import folds
from properties.checks.table import CHECKS
from properties.selftest.models import ab, induction
from reference import Fold
from zoo import Domain, Model
from zoo.contexts import Context
from zoo.rule import Asked

AFTER_A = Fold("", lambda last, token: token, lambda last: {"b"} if last == "a" else {"a"}, reference.ab)


def alternates(context: Context) -> str:
    return "b" if context[-1] == "a" else "a"


PREDICTS = replace(AFTER_A, answer=lambda last: "b" if last == "a" else "a", rule=alternates)


def folded(n_ctx: int = 2, **stated: Any) -> Model:
    known: dict[str, Any] = {"rule": AFTER_A, "predictors": [], "cycle": None}
    return replace(ab.build(n_ctx), **(known | stated))


def test_rule_and_predictors_that_stand_for_something() -> None:
    alone = replace(AFTER_A, rule=None)
    model = folded(predictors=[alternates, PREDICTS, alone])
    assert folds.standing_in(model) == [(AFTER_A, "rule"), (PREDICTS, "predictor")]
    assert folds.standing_in(folded(rule=alone)) == []
    assert folds.standing_in(folded(rule=None, predictors=[PREDICTS])) == [(PREDICTS, "predictor")]
    assert CHECKS["folds"].applies(model)
    assert not CHECKS["folds"].applies(folded(rule=reference.ab))


@pytest.mark.parametrize(("few", "lengths"), [(1, []), (2, [1]), (5, [1]), (6, [1, 2]), (13, [1, 2]), (14, [1, 2, 3])])
def test_the_lengths_of_which_there_are_few_contexts_in_all(
    few: int, lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folds, "FEW", few)
    assert folds._few(ab.build(3)) == lengths


def test_of_two_tokens_up_to_thirteen_are_all_looked_at() -> None:
    assert folds._few(ab.build(20)) == list(range(1, 14))  # 16,382 contexts, of 16,384


def test_each_context_is_counted_once_however_many_folds_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    model = folded(3, predictors=[PREDICTS])
    found = CHECKS["folds"].run(model)
    assert (found.status, found.method, found.contexts, found.detail) == ("holds", "enumerated", 14, "")
    monkeypatch.setattr(folds, "FEW", 6)
    monkeypatch.setattr(folds, "LONG", 6)
    found = CHECKS["folds"].run(model)
    assert (found.status, found.method, found.contexts) == ("holds", "sampled", 6 + 6)
    monkeypatch.setattr(folds, "LONG", 20)  # of eight
    assert CHECKS["folds"].run(model).contexts == 14


def test_after_how_many_contexts_they_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    def other(context: Context) -> str:
        return "a" if context == "ba" else alternates(context)

    model = folded(predictors=[replace(PREDICTS, rule=other)])
    found = CHECKS["folds"].run(model)
    assert (found.status, found.method, found.contexts) == ("failed", "enumerated", 5)  # a, b, aa, ab, ba
    assert found.detail == "after ba the fold says {b}, and other, for which it stands, {a}"
    monkeypatch.setattr(folds, "FEW", 2)
    longer = folded(predictors=[replace(PREDICTS, rule=lambda context: "ba"[len(context) > 1])])
    found = CHECKS["folds"].run(longer)
    assert (found.status, found.method) == ("failed", "sampled")
    assert found.contexts <= 6


def long(model: Model, fold: Fold, number: int = 40) -> tuple[list[Context], list[Context]]:
    """Of the contexts of more than one token, those that are drawn, and behind each what is led."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folds, "LONG", number)
        found = list(folds._long(model, fold, Asked(fold, model.vocab, "rule"), [1]))
    assert len(found) == number
    return found[::2], found[1::2]


def test_it_is_led_to_where_something_and_not_everything_is_said() -> None:
    says: dict[str, set[str]] = {"a": {"a", "b", "c"}, "b": {"a", "c"}, "c": set()}
    drawn, led = long(induction.build(n_ctx=4), Fold("", lambda last, token: token, says.__getitem__))
    assert all(set(context) == {"b"} for context in led)
    assert {len(context) for context in led} == {2, 3, 4}
    assert {token for context in drawn for token in context} == set("abc")


def test_each_step_goes_on_from_the_one_before() -> None:
    """Something is said after beginnings of ababab alone."""

    def step(state: int, token: str) -> int:
        return state + 1 if state >= 0 and token == "ab"[state % 2] else -1

    _, led = long(induction.build(n_ctx=6), Fold(0, step, lambda state: {"a"} if state >= 0 else set()))
    assert {"".join(context) for context in led} == {"ab", "aba", "abab", "ababa", "ababab"}


def test_where_there_is_no_such_way_it_goes_anywhere() -> None:
    _, led = long(induction.build(n_ctx=2), Fold(0, lambda state, token: 0, lambda state: set[str]()))
    assert {context[0] for context in led} == {context[1] for context in led} == set("abc")


def test_it_is_led_within_the_layout_of_what_was_drawn() -> None:
    """Something is said after b alone, which of one layout only the last may be, and of the other the first."""
    domain = Domain.layout("xy", x="ac", y="bc") | Domain.layout("ba")
    model = replace(induction.build(n_ctx=2), domain=domain)
    fold = Fold("", lambda last, token: token, lambda last: {"a"} if last == "b" else set())
    drawn, led = long(model, fold)
    assert set(drawn) == {"ab", "ac", "cb", "cc", "ba"}
    for before, after in zip(drawn, led):
        assert after in (["ba"] if before == "ba" else ["ab", "cb"])
    assert set(led) == {"ab", "cb", "ba"}
