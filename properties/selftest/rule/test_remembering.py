"""Rules that remember are refused, wherever they keep it and however they are asked; those that do not are not."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from properties.checks.table import check_model
from properties.proof.certificate import certify
from properties.proof.search import prove_answers
from properties.robustness.mutants import stories
from properties.selftest.proof.certificates import certificate
from properties.selftest.proof.certificates import leaves as read
from properties.selftest.rule.remembering_functions import Rule, appends, as_before, in_a_cache_by_equality
from properties.selftest.rule.remembers import REMEMBERS, SAID, always_a, looks_and_says_a, model_of
from zoo import Deviation, Model
from zoo.errors import CertificateError, RuleError
from zoo.rule import Asked
from zoo.rule.copying import copied
from zoo.rule.watch import watching
from zoo.training.train import from_rule


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    with as_before():
        yield


def rule_of(model: Model) -> Rule:
    assert model.rule is not None
    return model.rule


def prove(model: Model) -> None:
    prove_answers(model.transformer, model.vocab, rule_of(model))


WAYS: dict[str, Callable[[Model], object]] = {
    "enumerate": lambda model: check_model(model, "enumerate", ["rule"]),
    "prove": prove,
    "certify": lambda model: certify(model, rule_of(model)),
    "mutants": lambda model: list(stories(model)),
    "training": lambda model: from_rule(model, rule_of(model), ["a", "b", "aa", "ab", "bb"]),
    "deviations": lambda model: check_model(
        replace(model, rule=None, deviations=[Deviation(rule_of(model), ("a",), "it is so")]),
        "enumerate",
        ["deviations"],
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", REMEMBERS)
def test_what_remembers_is_refused(name: str, way: str) -> None:
    make, what = REMEMBERS[name]
    with pytest.raises(RuleError, match=SAID) as refused:
        WAYS[way](model_of(make()))
    assert what in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", REMEMBERS)
def test_a_certificate_of_what_remembers_is_refused(name: str) -> None:
    """One that was made of a rule which is asked of every context by itself."""
    made = certificate(model_of(looks_and_says_a), looks_and_says_a)
    assert len(list(read(made, model_of(looks_and_says_a), looks_and_says_a))) == 30
    rule = REMEMBERS[name][0]()
    with pytest.raises(CertificateError, match=rf"{SAID}|the answer of the leaf .* is 'a', but should be permitted"):
        list(read(made, model_of(rule), rule))


def test_a_copy_shares_nothing_that_is_written_to() -> None:
    for make, _ in REMEMBERS.values():
        rule = make()
        other = copied(rule)
        if other is not None and "global" not in str(rule):
            assert other is not rule or not hasattr(rule, "__closure__") or rule.__closure__ is None


def test_a_copy_has_memory_and_caches_of_its_own() -> None:
    kept: list[str] = []
    rule = appends(kept)
    other = copied(rule)
    assert other is not None
    other("ab")
    assert not kept
    cached = in_a_cache_by_equality()
    assert [cached("a"), cached("b")] == [{"a"}, {"a"}]
    other = copied(cached)
    assert other is not None
    assert [other("b"), other("a")] == [{"b"}, {"b"}]


def test_what_calls_itself_is_copied() -> None:
    def recursive(c: Any) -> set[str]:
        return {"a"} if not c else recursive(c[1:])

    other: Any = copied(recursive)
    assert other("abc") == {"a"}
    assert other.__closure__[0].cell_contents is other


def test_many_contexts_are_asked_about_again_in_the_opposite_order() -> None:
    asked: list[str] = []
    with watching(Asked(always_a, "ab")) as ask:
        for i in range(6000):
            ask(str(i))

    def notes(c: Any) -> set[str]:
        asked.append(c)
        return {"a"}

    with pytest.raises(RuleError, match="changes 'asked'"), watching(Asked(notes, "ab")) as ask:
        ask("a")


def no_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.watch.copied", lambda function: None)


def no_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.reached.Walk._class", lambda self, kind: None)


def no_contents(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.reached.Walk._instance", lambda self, name, value: None)


def no_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.remembering.Memory.changed", lambda self: "")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (no_copy, "equality in a cache"),
        (no_classes, "a table of its class"),
        (no_contents, "a list in a tuple"),
        (no_comparison, "itself"),
        (no_comparison, "a cell"),
    ],
)
@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_a_fault_planted_in_what_remembers_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], name: str, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        test_what_remembers_is_refused(name, method)
