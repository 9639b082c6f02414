"""Answers as rows: which are judged, which are wrong, what is permitted of names and of numbers, and what is kept."""

from dataclasses import replace
from itertools import chain
from typing import Any

import numpy as np
import pytest

from properties.checks import right, running
from properties.checks.right import (
    allowed,
    changed,
    checked_predictor,
    checked_rule,
    margins,
    own_answers,
    own_or_none,
    permitting,
    questions,
)
from properties.checks.running import Running, answer_logits, counterexample, ordered_logits, ran, run
from properties.checks.verdict import How
from properties.proof.counterexample import around
from properties.selftest.checks.planting import Altered
from properties.selftest.models import aab, ab, reverse, share
from zoo import Domain, Model, contexts, enumeration
from zoo.transformer.arrays import Array

MODEL = ab.MODEL  # it says b after a, and a after b, by 1
SHARE = replace(share.build(3), within=0.25)  # the share of a at each position
REVERSE = reverse.build(2)  # four contexts of two tokens, an answer at each position
NAN, INF = float("nan"), float("inf")


def numbers(*said: float) -> Array:
    return np.array(said)[:, None]


@pytest.mark.parametrize(
    ("logits", "own", "or_none"),
    [
        ([3, 1], [1, 0], [1, 0]),
        ([1, 3], [0, 1], [0, 1]),
        ([1, 1], [1, 0], [1, 0]),  # the first of a tie
        ([NAN, 1], [1, 0], [0, 0]),
        ([1, NAN], [0, 1], [0, 0]),
        ([INF, -INF], [1, 0], [1, 0]),
    ],
)
def test_its_own_answer_or_none_for_a_nan(logits: list[float], own: list[int], or_none: list[int]) -> None:
    """Beside another row, of which the same is said as alone."""
    rows = np.array([logits, [0, 5]], dtype=float)
    assert own_answers(MODEL, rows).tolist() == [list(map(bool, own)), [False, True]]
    assert own_or_none(MODEL, rows).tolist() == [list(map(bool, or_none)), [False, True]]


def test_its_own_number_is_permitted_give_or_take_what_it_may_be_off() -> None:
    """Of one that is NaN nothing is asked."""
    for own in (own_answers, own_or_none):
        permitted = own(SHARE, numbers(0.5, NAN))
        assert permitted.dtype == np.float64
        assert permitted[0].tolist() == [0.5, 0.25]
        assert np.isnan(permitted[1, 0])
        assert right.judged(permitted).tolist() == [True, False]
    assert own_answers(SHARE, np.array([[0.5]], dtype=np.float32)).dtype == np.float64


def test_where_another_answer_is_given() -> None:
    tie, nothing = [1, 1], [NAN, 1]
    cases: list[tuple[Any, Any, bool]] = [
        ([3, 1], [2, 1], False),
        ([3, 1], [1, 2], True),
        (tie, [3, 1], False),  # the first of a tie is the answer
        (tie, [1, 3], True),
        (nothing, [3, 1], True),
        ([3, 1], nothing, True),
        (nothing, nothing, True),
    ]
    one, other = (np.array([case[i] for case in cases], dtype=float) for i in (0, 1))
    assert changed(MODEL, one, other).tolist() == [case[2] for case in cases]


def test_another_number_is_one_that_is_off_by_as_much_as_it_may_be() -> None:
    """And where one of the two is none."""
    ours, theirs = numbers(0.5, 0.5, 0.5, 0.5, NAN), numbers(0.5, 0.74, 0.75, NAN, 0.5)
    assert changed(SHARE, ours, theirs).tolist() == [False, False, True, True, True]


def test_margins_of_numbers() -> None:
    """How far inside; without a rule, of its own number."""
    permitted = around(np.array([0.5, 0.5, NAN]), 0.25)
    logits = numbers(0.625, 0.75, 9)
    assert margins(SHARE, logits, [permitted]).tolist() == [0.125, 0, INF]
    assert margins(SHARE, logits, [permitted, around(np.array([0.75, 0.75, 9]), 0.25)]).tolist() == [
        0.125,
        0,
        0.25,
    ]
    assert margins(SHARE, logits, []).tolist() == [0.25] * 3


def test_what_is_asked_of_a_model_after_a_context_or_at_a_position() -> None:
    [after], [at] = questions(MODEL), questions(REVERSE)
    assert [set(said) for said in (after("ab"), at("ab", 0), at("ab", 1))] == [{"a"}, {"b"}, {"a"}]
    both = questions(replace(aab.MODEL, predictors=[str, min]))
    assert [(one.kind, one.function) for one in both] == [
        ("rule", aab.MODEL.rule),
        ("predictor", str),
        ("predictor", min),
    ]
    # Of a rule that is right mostly, not everywhere.
    assert [one.kind for one in questions(replace(aab.MODEL, accuracy=0.9))] == ["predictor"]


def test_what_is_permitted_of_names_and_of_numbers() -> None:
    said: dict[Any, frozenset[Any]] = {"a": frozenset("a"), "b": frozenset(), "ab": frozenset("ab")}
    found = allowed(MODEL, ["a", "b", "ab"], lambda context: said[context])
    assert found.tolist() == [[True, False], [False, False], [True, True]]
    shares: dict[Any, frozenset[Any]] = {"a": frozenset([0.0]), "b": frozenset()}
    found = allowed(replace(SHARE, answers="last"), ["a", "b"], lambda context: shares[context])
    assert found[0].tolist() == [0, 0.25]  # zero is a number as any
    assert np.isnan(found[1, 0])
    assert found[1, 1] == 0.25


def test_at_every_position_it_is_asked_in_order() -> None:
    asked: list[tuple[Any, int]] = []

    def rule(context: Any, at: int) -> frozenset[str]:
        asked.append((context, at))
        return frozenset(context[at])

    found = allowed(REVERSE, ["ab", "bb"], rule)
    assert asked == [("ab", 0), ("ab", 1), ("bb", 0), ("bb", 1)]
    assert found.tolist() == [[True, False], [False, True], [False, True], [False, True]]


def permitted(model: Model, every: bool, rows: int = 3) -> list[Any]:
    """What the rule permits in all contexts, in batches of so many."""
    assert model.rule is not None
    with permitting(model, checked_rule(model.rule, model.names), every) as permits:
        return [permits(tokens).tolist() for tokens in model.scope.batches(model.vocab, rows)]


@pytest.mark.parametrize("model", [ab.build(3), SHARE, REVERSE, replace(SHARE, answers="last", rule=lambda c: 0.5)])
def test_what_was_permitted_in_all_contexts_is_read_again_by_row(model: Model, calls: list[int]) -> None:
    first = permitted(model, every=True)
    assert sum(calls) == model.scope.count()
    calls.clear()
    assert permitted(model, every=True) == first
    assert [*chain(*permitted(model, every=True, rows=2))] == [*chain(*first)]
    assert calls == []
    assert permitted(model, every=False) == first  # of a sample nobody knows which contexts come
    assert sum(calls) == model.scope.count()


def test_what_takes_more_room_than_there_is_is_not_kept(calls: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 62 contexts, a byte for each of two tokens."""
    for most, times in ((62 * 2 - 1, 2), (62 * 2, 1)):
        monkeypatch.setattr(right, "MOST_KEPT", most)
        permitted(MODEL, every=True, rows=100)
        permitted(MODEL, every=True, rows=100)
        assert sum(calls) == 62 * times
        calls.clear()


@pytest.mark.parametrize(
    "changes",
    [
        {"rule": lambda context: {"a"}},
        {"vocab": "ba"},
        {"outputs": ["b", "a"], "cycle": None},
        {"domain": Domain.layout("x", x="ab"), "cycle": None},
        {"transformer": ab.build(6).transformer},
    ],
)
def test_what_is_kept_is_of_the_same_question(changes: dict[str, Any], calls: list[int]) -> None:
    permitted(MODEL, every=True)
    calls.clear()
    other = replace(MODEL, **changes)
    permitted(other, every=True)
    assert sum(calls) == other.scope.count()


def test_a_rule_and_a_predictor_that_are_one_function_are_two_questions(calls: list[int]) -> None:
    """Over tokens of more than one character, both may be."""
    number = replace(SHARE, answers="last", rule=lambda context: 0.5, margin=None)
    assert number.rule is not None
    for ask in (checked_rule, checked_predictor):
        with permitting(number, ask(number.rule, number.names), every=True) as permits:
            [permits(tokens) for tokens in number.scope.batches(number.vocab)]
    assert sum(calls) == 2 * number.scope.count()


def test_answers_that_are_judged_and_contexts_that_are_wrong() -> None:
    """At both positions of one context, at the second of another: rows 2, 3 and 7."""
    tokens = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])  # backwards: aa, ba, ab, bb
    says = np.array([[1, 0], [1, 0], [0, 1], [1, 0], [1, 0], [0, 1], [0, 1], [0, 1]], dtype=bool)
    assert (ran(REVERSE, tokens, says).judged, ran(REVERSE, tokens, says).first) == (8, None)
    off = says.copy()
    off[[2, 3, 7]] = ~off[[2, 3, 7]]
    off[[0, 4]] = True  # and in two rows everything is permitted
    found = ran(REVERSE, tokens, off)
    assert (found.judged, found.wrong.tolist()) == (6, [1, 3])
    assert found.least == -9  # in bb, where the partner's token is written 8 times, and its own once
    assert found.first is not None
    assert (found.first.context, found.first.at, found.first.predicted) == ("ab", 0, "b")
    assert found.first.permitted == ("a",)
    last = counterexample(REVERSE, tokens, 7, answer_logits(REVERSE, tokens), off)
    assert (last.context, last.at, last.permitted) == ("bb", 1, ("a",))


def test_what_running_finds_of_all_batches() -> None:
    """Of 2, 4 and 8 contexts; nothing is said of those of two tokens, and the rule is wrong in aba and bbb."""
    model = ab.build(3)
    wrong = {"aba": {"a"}, "bbb": {"b"}}

    def rule(context: Any) -> set[str]:
        if len(context) == 2:
            return set()
        return wrong.get(context) or {"b" if context[-1] == "a" else "a"}

    batches = contexts.batches(2, 3, rows=3)
    found, number = run(model, checked_rule(rule, model.names), "enumerated", batches, How())
    assert dict(number) == {1: 2, 2: 0, 3: 8}
    assert (found.status, found.contexts, found.margin, found.failures) == ("failed", 14, -1, ("aba", "bbb"))
    assert found.counterexample is not None
    assert (found.counterexample.context, found.counterexample.at, found.detail) == ("aba", None, "")
    silent = checked_rule(lambda context: set(), model.names)
    found, number = run(model, silent, "sampled", contexts.batches(2, 3), How())
    assert (found.status, found.method, found.margin, found.contexts) == ("holds", "sampled", None, 14)


def test_a_worker_holds_a_model_to_the_one_question_stated_of_it() -> None:
    [batch] = contexts.of_length(2, 2)
    found = Running(replace(MODEL, rule=lambda context: {"b"}))(batch)
    assert (found.judged, found.wrong.tolist(), found.least) == (4, [1, 3], -1)


class Own(Altered):
    """With a forward pass of its own: its logits are twice those of the transformer."""

    def forward(self, tokens: Array, last: bool = False) -> Array:
        return 2 * super().forward(tokens, last)


def own(model: Model) -> Model:
    return Own.of(model)


LAST_NUMBER = replace(SHARE, answers="last", rule=None)


@pytest.mark.parametrize(
    ("model", "shares"), [(MODEL, True), (own(MODEL), False), (SHARE, False), (REVERSE, False), (LAST_NUMBER, False)]
)
def test_contexts_share_work_where_nothing_but_the_last_token_is_said(model: Model, shares: bool) -> None:
    assert running._shares(model) == shares
    tokens = next(model.scope.batches(model.vocab))
    expected = model.forward(tokens)
    if model.answers == "last":
        expected = expected[:, -1:]
    expected = expected.reshape(-1, len(model.transformer.readout))
    for exact in (True, False):
        np.testing.assert_array_equal(answer_logits(model, tokens, exact), expected)
    logits, off = ordered_logits(model, tokens)
    np.testing.assert_array_equal(logits, expected)
    assert off.shape == (len(expected),)
    assert shares or not off.any()


def test_what_is_exact_is_by_the_forward_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    tokens = np.array([[0, 1], [1, 1]])
    sums = np.array([[5.0, 6], [7, 8]])
    monkeypatch.setattr(enumeration, "last_rows", lambda transformer, tokens: sums)
    assert answer_logits(MODEL, tokens).tolist() == sums.tolist()
    assert answer_logits(MODEL, tokens, exact=True).tolist() == [[1, 0], [1, 0]]
    assert answer_logits(own(MODEL), tokens).tolist() == [[2, 0], [2, 0]]
