"""What is said beside the verdict of a black box, to the word: numbers, what was tried, what is shown, a problem."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from properties.checks import black_boxes
from properties.checks.table import CHECKS
from properties.checks.verdict import Finding, How
from properties.proof.counterexample import Counterexample
from properties.selftest.checks.asking import right, rule, sentence, two
from properties.selftest.checks.test_black_box_asking import EVERY, clock, late_at, noting
from zoo import Deviation

SAMPLE = "drawn by its own generator with seed 0"
SHRUNK = "; what is shown is the simplest found from there"


def in_order(*words: str) -> Callable[[Any], str]:
    left = iter(words)
    return lambda random: next(left)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (100, "100"),
        (10**6 - 1, "999999"),
        (10**6, "~2^20"),
        (10**7, "10^7"),
        (10**7 + 1, "~2^23"),
        (10**7 - 1, "~2^23"),
        (10**20, "10^20"),
        (2 * 10**20, "~2^67"),
        (10**999, "10^999"),
        (10**1000, "~2^3322"),
    ],
)
def test_numbers_are_written_as_people_write_them(number: int, text: str) -> None:
    assert black_boxes._power(number) == text
    assert black_boxes._power(10**5000) == "~2^16610"  # of which Python would not write the digits


def test_where_nothing_is_stated() -> None:
    found = black_boxes.rule(two(right, rule=None), How())
    detail = "the black box states no rule, predictor or claim to hold it to"
    assert found == Finding("undecided", "computed", 0, detail)


def test_what_determines_nothing_was_looked_at_all_the_same() -> None:
    found = rule(noting(rule=lambda context: set[str]())[0])
    assert (found.status, found.contexts, found.method) == ("failed", 6, "enumerated")


def test_how_many_of_a_sample_were_judged() -> None:
    only_a = noting(rule=lambda context: {"a"} if context[0] == "a" else set(), generate=in_order(*EVERY))[0]
    found = rule(only_a, How("sample", tries=5))
    assert (found.contexts, found.detail) == (5, f"none wrong in 5 of 6 contexts, {SAMPLE}; 3 of them are judged")
    every = noting(generate=in_order(*EVERY))[0]
    assert rule(every, How("sample", tries=6)).detail == f"none wrong in 6 contexts, {SAMPLE}"
    general = noting()[0]
    drawn = "drawn by a general generator with seed 7"
    assert rule(general, How("sample", tries=3, seed=7)).detail == f"none wrong in 3 of 6 contexts, {drawn}"


def test_what_is_wrong_in_a_sample_and_what_it_shrinks_to() -> None:
    box = noting(lambda context: "b" in context, n_ctx=5, generate=in_order("abbab", "aaaaa", "aba"))[0]
    found = rule(box, How("sample", tries=3))
    assert (found.status, found.method, found.contexts) == ("failed", "sampled", 3)
    assert found.detail == f"2 wrong in 3 of 62 contexts, {SAMPLE}{SHRUNK}"
    assert found.failures == ("b", "aba", "abbab")
    assert found.counterexample == Counterexample("b", "b", ("a",), (), None, "", "")


def test_what_is_simplest_already_is_told_once() -> None:
    box = noting(lambda context: context == "b", generate=in_order("ab", "b"))[0]
    assert rule(box, How("sample", tries=2)).failures == ("b",)


def test_it_shrinks_to_what_is_judged() -> None:
    """Where there is one b or none, nothing is asked."""
    box = noting(
        lambda context: True, n_ctx=5, rule=lambda c: {"a"} if c.count("b") > 1 else set(), generate=in_order("babab")
    )[0]
    assert rule(box, How("sample", tries=1)).failures == ("bb", "babab")


def test_it_shrinks_to_what_is_a_problem_too() -> None:
    def predict(context: str) -> str:
        return str(1 / 0) if context == "ba" else "b"

    box = two(predict, 3, rule=lambda c: {"a"} if c.count("b") + c.count("a") > 1 else set(), generate=in_order("bba"))
    shown = rule(box, How("sample", tries=1)).counterexample
    assert shown == Counterexample("aa", "b", ("a",), (), None, "", "")
    of_one = replace(box, rule=lambda c: {"a"} if c.startswith("ba") else set(), generate=in_order("bab"))
    shown = rule(of_one, How("sample", tries=1)).counterexample
    assert shown == Counterexample("ba", "", ("a",), (), None, "", "raises ZeroDivisionError: division by zero")


def longest(**stated: Any) -> tuple[Any, list[str]]:
    """Wrong in contexts of five tokens: what is shorter is tried, and is right."""
    return noting(lambda context: len(context) == 5, n_ctx=5, generate=in_order("bbbbb"), **stated)


def test_as_many_calls_and_seconds_as_there_are_to_shrink(monkeypatch: pytest.MonkeyPatch) -> None:
    first, shorter = ["bbbbb"] * 2, ["b", "bb", "bbb", "bbbb"]
    box, asked = longest()
    assert rule(box, How("sample", tries=1)).failures == ("aaaaa", "bbbbb")
    assert asked == [*first, *shorter, "aaaaa", "a", "aa", "aaa", "aaaa", "aaaaa"]
    with monkeypatch.context() as patch:
        patch.setattr(black_boxes, "CALLS", 3)
        box, asked = longest()
        assert rule(box, How("sample", tries=1)).failures == ("bbbbb",)
        assert asked == [*first, *shorter[:3], "bbbbb"]
    clock(monkeypatch, count(0, 10))
    box, asked = longest()
    assert rule(box, How("sample", tries=1)).detail == f"1 wrong in 1 of 62 contexts, {SAMPLE}{SHRUNK}"
    assert asked == [*first, *shorter[:3], "bbbbb"]  # at 10, 20 and 30 seconds


def test_what_is_late_is_not_made_simpler(monkeypatch: pytest.MonkeyPatch) -> None:
    box = longest()[0]
    asked = late_at(box, "bbbbb", monkeypatch)
    found = rule(box, How("sample", tries=2))
    assert found.detail == f"1 wrong in 1 of 62 contexts, {SAMPLE}, until one was late"
    assert (found.failures, sentence(found)) == (("bbbbb",), "after bbbbb it is late, permitted is a")
    assert asked == ["bbbbb"]


def changing(*contexts: str) -> Callable[[str], str]:
    """At first right, then b there."""
    asked = list[str]()

    def predict(context: str) -> str:
        asked.append(context)
        return "b" if context in contexts and asked.count(context) > 1 else "a"

    return predict


@pytest.mark.parametrize(
    ("contexts", "simplest"), [(["aa", "b", "bb"], "b"), (["aa", "ab"], "aa"), (["bb", "ba"], "ba")]
)
def test_the_simplest_that_changes_is_shown(contexts: list[str], simplest: str) -> None:
    found = rule(two(changing(*contexts), 2, rule=lambda context: {"a"}))
    problem = "says a, and says b when it is asked again"
    assert found.counterexample == Counterexample(simplest, "", (), (), None, "", problem)
    assert (found.method, found.contexts, found.failures) == ("enumerated", 6, ())


def test_what_answered_wrongly_before_or_raised_changes_too() -> None:
    asked = list[str]()

    def predict(context: str) -> str:
        asked.append(context)
        if context == "b":
            return str(1 / 0) if asked.count(context) == 1 else "a"
        return "b" if context == "ab" else "a"

    found = rule(two(predict, 2, rule=lambda context: {"a"}))
    raises = "raises ZeroDivisionError: division by zero, and says a when it is asked again"
    assert sentence(found).startswith(f"after b it {raises}, ")
    assert found.failures == ("b", "ab")


def test_of_predictors_the_worst_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    box = noting(rule=None, generate=None)[0]

    def always_a(context: str) -> str:
        return "a"

    def always_b(context: str) -> str:
        return "b"

    for predictors in ([always_a, always_b], [always_b, always_a]):
        found = CHECKS["predictors"].run(replace(box, predictors=predictors))
        assert (found.status, found.detail) == ("failed", "wrong in 6 of 6 contexts")
    monkeypatch.setattr(black_boxes, "SECONDS", 50.0)
    clock(monkeypatch, (look**2 for look in count()))  # it goes faster and faster: the second has no time for all
    found = CHECKS["predictors"].run(replace(box, predictors=[always_a, always_a]))
    assert (found.status, found.detail) == ("undecided", "none wrong in 2 of 6 contexts, in the 50 seconds allowed")


def off(*contexts: str) -> Callable[[str], str]:
    """b there, and a elsewhere."""
    return lambda context: "b" if context in contexts else "a"


def deviating(predict: Callable[[str], str], *deviations: Deviation, **stated: Any) -> Any:
    return two(predict, 2, rule=None, deviations=deviations, **stated)


SAYS_A = Deviation(lambda context: {"a"}, ["b"], "of one")
SAYS_B = Deviation(lambda context: {"b"}, ["a", "aa", "ab", "ba", "bb"], "of five")


def test_every_deviation_is_counted_and_explained() -> None:
    found = CHECKS["deviations"].run(deviating(off("b"), SAYS_A, SAYS_B))
    assert (found.status, found.method, found.contexts) == ("deviates", "enumerated", 6)
    assert found.detail == "1 context as stated, of one; 5 contexts as stated, of five"
    assert found.counterexample is None
    found = CHECKS["deviations"].run(deviating(off("b"), SAYS_A, replace(SAYS_B, contexts=["a"])))
    assert (found.status, found.detail) == ("failed", "aa: not a stated deviation")
    assert (found.counterexample, found.failures) == (None, ("a", "aa", "ab", "ba", "bb"))
    short = CHECKS["deviations"].run(deviating(off(), SAYS_A, SAYS_B))
    assert (short.status, short.detail) == ("failed", "b: stated as a deviation, which it is not")


@pytest.mark.parametrize(
    ("words", "status", "detail"),
    [
        (["a", "b"], "undecided", "no context but stated ones was found"),
        (["a", "ab"], "undecided", "no context but stated ones was found"),  # b was not looked at
        (["a", "bb", "b", "ba"], "failed", "ba: not a stated deviation"),
        (EVERY, "failed", "ba: not a stated deviation"),
    ],
)
def test_what_a_sample_tells_of_deviations(words: list[str], status: str, detail: str) -> None:
    box = deviating(off("b", "ba", "bb"), SAYS_A, generate=in_order(*words))
    found = CHECKS["deviations"].run(box, How("sample", tries=len(words)))
    assert (found.status, found.detail, found.counterexample) == (status, detail, None)


def test_a_sample_of_all_that_there_are_settles_deviations() -> None:
    box = deviating(off("b"), SAYS_A, generate=in_order(*EVERY))
    found = CHECKS["deviations"].run(box, How("sample", tries=6))
    assert (found.status, found.method, found.contexts) == ("deviates", "sampled", 6)


def test_what_changes_does_not_deviate_as_stated() -> None:
    """Though it is wrong where that is stated, and nowhere else at first."""
    change = changing("ab")
    found = CHECKS["deviations"].run(deviating(lambda c: "b" if c == "b" else change(c), SAYS_A))
    assert (found.status, found.detail) == ("failed", "it should depend on nothing but its context")
    assert sentence(found).startswith("after ab it says a, and says b when it is asked again")
