"""Planted faults in black boxes: what fails, with the simplest context; what is not known, which is no pass."""

import re
from dataclasses import replace
from typing import Any

import pytest

import reference
import zoo
from properties import check_model, checks
from properties.checks import black_boxes
from properties.checks.table import CHECKS, OF_BLACK_BOXES
from properties.checks.testing import asserting
from properties.checks.verdict import How
from properties.selftest.adders import PLANTED, Add, box, long_chain
from properties.selftest.checks.asking import right, rule, sentence, two
from zoo import NUMBER, BlackBox, Claim, Deviation, Domain, Lemma, ModelError, RuleError


def test_every_context_that_there_is() -> None:
    verdict = rule(two(right))
    assert (verdict.status, verdict.method, verdict.contexts, verdict.total) == ("holds", "enumerated", 62, 62)
    assert (verdict.margin, verdict.dtype, verdict.looked_at, verdict.detail) == (None, "", "all 62", "")
    model = zoo.load("aab", n_ctx=12)
    assert rule(two(model.predict, 12)).contexts == 8190
    assert rule(two(right, domain=Domain.layout("aab", start=2))).contexts == 2


def test_the_shortest_context_of_all_that_are_wrong() -> None:
    verdict = rule(two(lambda c: "b" if c in ("bbaba", "abba", "abab") else right(c)))
    assert verdict.status == "failed"
    assert verdict.detail == "wrong in 3 of 62 contexts"
    assert sentence(verdict) == "after abab it says b, permitted is a"
    assert verdict.failures == ("abab", "abba", "bbaba")
    assert "model.predict('abab')" in verdict.message()


def test_what_is_left_open_is_not_judged() -> None:
    asked: list[str] = []

    def predict(context: str) -> str:
        asked.append(context)
        return right(context)

    assert rule(two(predict)).status == "holds"
    assert "a" not in asked  # both are permitted
    assert "bb" not in asked  # none is
    for open_rule in (lambda c: set(), lambda c: {"a", "b"}):
        vacuous = rule(two(right, rule=open_rule))
        assert vacuous.detail == "vacuous: nothing is determined in any context"
        assert vacuous.status == "failed"
    sampled = rule(two(right, rule=lambda c: set()), How("sample"))
    assert (sampled.status, sampled.detail.split("; ")[1]) == ("undecided", "0 of them are judged")


def test_a_sample_is_no_pass_and_says_what_was_looked_at() -> None:
    verdict = rule(box(int.__add__), How(seed=3, tries=500))
    assert (verdict.status, verdict.method, verdict.passed) == ("undecided", "sampled", False)
    assert verdict.detail == "none wrong in 500 of 10^20 contexts, drawn by its own generator with seed 3"
    assert (verdict.contexts, verdict.total) == (500, 10**20)
    assert verdict.looked_at == "500 of ~2^66 sampled"
    assert verdict.sampled
    general = rule(box(int.__add__, generate=None), How(tries=50))
    assert "drawn by a general generator with seed 0" in general.detail
    for check in (CHECKS["rule"].run, CHECKS["predictors"].run):
        of = box(int.__add__, predictors=[reference.sum_of_two])
        assert check(of, How("prove", tries=50)).method == "sampled"  # never proved
        with pytest.raises(AssertionError, match="none wrong in"):
            asserting(lambda model, check=check: check(model, How(tries=50)))(of)
        asserting(lambda model, check=check: check(model, How(tries=50)), accept_sampled=True)(of)
    with pytest.raises(AssertionError):
        asserting(lambda model: CHECKS["rule"].run(model, How(tries=500)), accept_sampled=True)(box(PLANTED[0]))


@pytest.mark.parametrize("add", PLANTED, ids=lambda add: add.__name__)
def test_planted_faults_are_found_and_made_simple(add: Add) -> None:
    verdict = rule(box(add), How(seed=1, tries=5000))
    assert (verdict.status, verdict.method) == ("failed", "sampled")
    assert "what is shown is the simplest found" in verdict.detail
    shown = verdict.counterexample
    assert shown is not None
    a, b = int(str(shown.context)[:10]), int(str(shown.context)[11:21])
    assert shown.permitted == (str(a + b),)
    assert shown.context == verdict.failures[0]
    if add.__name__ == "short":
        raises = "raises IndexError: list index out of range"
        assert sentence(verdict) == f"after 0000000000+0000100000= it {raises}, permitted is 100000"


def test_from_a_few_tries_to_the_simplest() -> None:
    verdict = rule(box(long_chain), How(tries=150))
    assert len(verdict.failures) < 10
    assert sentence(verdict) == "after 0000000001+0099999999= it says 99999999, permitted is 100000000"


def test_the_seed_is_what_is_drawn_with() -> None:
    drawn = [rule(box(long_chain), How(seed=seed, tries=400)).failures[1:] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_fewer_contexts_than_were_to_be_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(black_boxes, "STALE", 100)
    verdict = rule(two(right, generate=lambda random: random.choice(["ab", "aab", "ba"])), How("sample"))
    assert verdict.detail.startswith("none wrong in 3 of 62 contexts, drawn by its own generator")
    assert verdict.status == "undecided"


def test_what_it_prints_is_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    assert rule(two(lambda c: print("hello") or right(c))).status == "holds"
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "hello" in printed.err


@pytest.mark.parametrize(
    ("generate", "problem"),
    [
        (lambda random: 1 / 0, "generate raises ZeroDivisionError: division by zero, but should give a context"),
        (lambda: "ab", "but should give a context"),
        (lambda random: None, "generate raises TypeError"),
        (lambda random: "abc", "generate gives ('a', 'b', 'c'), but should give a context of the domain"),
        (lambda random: "", "generate gives (), but should give a context of the domain"),
        (lambda random: "ababab", "but should give a context of the domain"),
    ],
)
def test_what_is_generated_is_in_the_domain(generate: Any, problem: str) -> None:
    with pytest.raises(ModelError, match=re.escape(problem)):
        rule(two(right, generate=generate), How("sample"))
    listed = two(right, generate=lambda random: random.choices("ab", k=3))
    assert rule(listed, How("sample", tries=8)).contexts == 8


def test_a_rule_that_is_none_is_bad_input() -> None:
    for bad, problem in ((lambda c: {"c"}, "permits 'c'"), (lambda c: "a", "should be a set of tokens")):
        with pytest.raises(RuleError, match=problem):
            rule(two(right, rule=bad))
    with pytest.raises(RuleError, match="is '3', but should be a number"):
        rule(box(int.__add__, rule=lambda c: "3"), How(tries=3))
    with pytest.raises(RuleError, match="raises ZeroDivisionError"):
        rule(box(int.__add__, rule=lambda c: 1 // 0), How(tries=3))
    seen: list[str] = []
    with pytest.raises(RuleError, match="depend on nothing but its context"):
        rule(two(right, rule=lambda c: seen.append(c) or reference.aab(c)))  # type: ignore[func-returns-value]


def test_too_many_to_be_enumerated() -> None:
    with pytest.raises(ModelError, match="should have fewer to be enumerated: the method auto tries some"):
        rule(box(int.__add__), How("enumerate"))


def test_predictors_and_outputs_of_its_own() -> None:
    names = ["odd", "even"]
    parity = two(lambda c: names[len(c) % 2], outputs=["even", "odd"], rule=lambda c: {names[len(c) % 2]})
    assert rule(parity).status == "holds"
    off = replace(parity, rule=None, predictors=[lambda c: names[c.count("a") % 2]])
    verdict = CHECKS["predictors"].run(off)
    assert sentence(verdict) == "after b it says even, permitted is odd"
    with pytest.raises(RuleError, match="should be one of even, odd"):
        CHECKS["predictors"].run(replace(off, predictors=[lambda c: "a"]))


def test_numbers_within_and_none() -> None:
    mean: dict[str, Any] = {"outputs": NUMBER, "rule": lambda c: c.count("a") / len(c)}
    assert rule(two(lambda c: c.count("a") / len(c) + 0.01, within=0.0101, **mean)).status == "holds"
    verdict = rule(two(lambda c: c.count("a") / len(c) + (0.02 if len(c) > 2 else 0), within=0.01, **mean))
    assert sentence(verdict) == "after aaa it says 1.02, permitted is 1.0"
    half = two(lambda c: 7, outputs=NUMBER, rule=lambda c: 7 if len(c) == 3 else None)
    assert rule(half).status == "holds"
    raises = two(lambda c: 7 if len(c) == 3 else 1 / 0, outputs=NUMBER, rule=half.rule)
    assert rule(raises).status == "holds"
    huge = two(lambda c: 10**400, outputs=NUMBER, within=0.5, rule=lambda c: 10**400 + len(c) // 3)
    assert sentence(rule(huge)).startswith("after aaa it says 1000")


def test_deviations_are_exactly_those_stated() -> None:
    def off(context: str) -> str:
        return "b" if context in ("ab", "bab") else right(context)

    stated = Deviation(reference.aab, ["ab", "bab"], "on purpose")
    model = two(off, rule=None, predictors=[off], deviations=[stated])
    run = CHECKS["deviations"].run
    assert (run(model).status, run(model).detail) == ("deviates", "2 contexts as stated, on purpose")
    one_less = replace(model, deviations=[replace(stated, contexts=["ab"])])
    assert run(one_less).detail == "bab: not a stated deviation"
    one_more = replace(model, deviations=[replace(stated, contexts=["ab", "bab", "bbb"])])
    assert run(one_more).detail == "bbb: stated as a deviation, which it is not"
    assert {run(one).status for one in (one_less, one_more)} == {"failed"}
    assert run(model, How("sample", tries=20)).status == "undecided"
    assert run(replace(one_less), How("sample")).status == "failed"


def test_claims_and_lemmas() -> None:
    claim = Claim("the sum of 2 and 3", 5, lambda model: model.predict("0000000002+0000000003="), "arithmetic")
    lemma = Lemma("it adds nothing to 0", lambda model: str(model.predict("0000000000+0000000000=")) == "0")
    for add, status in ((int.__add__, "holds"), (lambda a, b: a + b + 1, "failed")):
        model = box(add, claims=[claim], lemmas=[lemma])
        assert [CHECKS[name].run(model).status for name in ("claims", "lemmas")] == [status] * 2


def test_only_what_needs_answers_applies() -> None:
    model = two(right, predictors=[right], claims=[Claim("a", 1, lambda m: 1, "b")])
    assert [name for name, _ in checks(model)] == ["rule", "predictors", "claims", "invalid_input"]
    assert {name for name, entry in CHECKS.items() if entry.needs == "answers"} >= set(OF_BLACK_BOXES)
    assert {verdict.status for verdict in check_model(model)} == {"holds"}
    for name in ("margin", "heads", "float32", "batched"):
        with pytest.raises(zoo.UnknownNameError, match="applies to nothing in two"):
            check_model(model, names=[name])
    nothing = check_model(replace(model, rule=None, predictors=(), claims=()), names=["rule"])
    assert nothing[0].status == "undecided"


def test_invalid_input_that_is_taken() -> None:
    class Taking(BlackBox):
        def encode(self, context: Any, anyway: bool = False) -> Any:
            return super().encode(context or "a", anyway)

    verdict = CHECKS["invalid_input"].run(Taking("two", "ab", 5, right, reference.aab))
    assert (verdict.status, verdict.detail) == ("failed", "predict('') is taken")
