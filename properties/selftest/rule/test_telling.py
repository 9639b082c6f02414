"""Rules that tell a real context from what stands in for it: their code is seen through, and they are asked by name."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.checks import settle
from properties.checks.table import check_model
from properties.proof.certificate import certify
from properties.proof.reading.decision_tree import leaves
from properties.selftest.clock import ticking
from properties.selftest.models import NAMES
from properties.selftest.proof.certificates import certificate
from properties.selftest.proof.certificates import leaves as read
from properties.selftest.rule.tellers import TELLERS
from properties.selftest.rule.telling_rules import Rule
from zoo import Model, Transformer
from zoo.errors import CertificateError, RuleError
from zoo.rule import name_of, tells
from zoo.rule.telling import Looked

ALWAYS_A = Transformer(np.array([[1.0], [1.0]]), np.zeros((4, 1)), [], unembedding=np.array([[1.0], [0.0]]))


@pytest.fixture(autouse=True)
def _looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference.rules, "looks", lambda c: type(c) is str, raising=False)


def says_b_once(real: Rule) -> Rule:
    """Wrong of the model after abba, where it is asked about a real context."""
    return lambda c: {"b"} if real(c) and c == "abba" else {"a"}


@pytest.mark.parametrize("name", TELLERS)
def test_what_could_tell_is_found(name: str) -> None:
    real, found = TELLERS[name]
    assert real("abba"), "it should be true of a real context"
    assert tells(real) == found
    assert tells(says_b_once(real)) == found


@pytest.mark.parametrize("method", ["prove", "enumerate"])
@pytest.mark.parametrize("name", TELLERS)
def test_a_rule_that_tells_fails(name: str, method: str) -> None:
    model = Model("always_a", "ab", ALWAYS_A, says_b_once(TELLERS[name][0]))
    [verdict] = check_model(model, method, ["rule"])
    assert verdict.status == "failed"
    assert verdict.counterexample is not None
    assert verdict.counterexample.context == "abba"
    assert certify(model, model.rule)[1] is None  # type: ignore[arg-type]


def always_a(context: Any) -> set[str]:
    return {"a"}


@pytest.mark.parametrize("name", TELLERS)
def test_a_certificate_of_a_rule_that_tells_is_refused(name: str) -> None:
    """One of a rule that says a to whatever it is given, held against it."""
    model = Model("always_a", "ab", ALWAYS_A, always_a)
    made = certificate(model, always_a)
    assert len(list(read(made, model, always_a))) == 4
    rule = says_b_once(TELLERS[name][0])
    with pytest.raises(CertificateError, match=r"uses .*should be one context|something else after"):
        list(read(made, model, rule))


def looks_and_says_a(context: Any) -> set[str]:
    return {"a"} if type(context) is str else {"b"}


def test_what_could_tell_and_does_not_is_proved_and_confirmed_context_by_context() -> None:
    model = Model("always_a", "ab", ALWAYS_A, looks_and_says_a)
    found = list(leaves(looks_and_says_a, "ab", 4))
    assert len(found) == 16
    proof, made = certify(model, looks_and_says_a)
    assert (proof.status, proof.contexts, proof.tells, proof.leaves) == ("holds", 30, "type", 30)
    assert made is not None
    assert [leaf.contexts for leaf in read(made, model, looks_and_says_a)] == [1] * 30


def test_a_proof_that_takes_too_long_says_what_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    ticking(monkeypatch, 0.06)
    monkeypatch.setattr(settle, "PROOF_SECONDS", {"auto": 0.2, "prove": 0.2})
    long = Transformer(np.array([[1.0], [1.0]]), np.zeros((40, 1)), [], unembedding=np.array([[1.0], [0.0]]))
    changes: dict[str, Any] = {"rule": looks_and_says_a, "predictors": [lambda c: type(c) and "a"]}
    for field, value in changes.items():
        kind = field.removesuffix("s")
        model = Model("always_a", "ab", long, **{field: value})
        [verdict] = check_model(model, "prove", [field])
        assert verdict.status == "undecided"
        assert verdict.detail.endswith(f"; the {kind} uses type, and is asked of every context by itself")


def test_a_cycle_is_not_sought_for_ages_where_every_context_is_a_leaf(monkeypatch: pytest.MonkeyPatch) -> None:
    from properties.checks.cycles import of_suffixes

    long = Transformer(np.array([[1.0], [1.0]]), np.zeros((64, 1)), [], unembedding=np.array([[1.0], [0.0]]))
    assert of_suffixes(looks_and_says_a, Model("always_a", "ab", long, looks_and_says_a)) is None


FUNCTIONS = [getattr(reference, name) for name in reference.__all__ if name not in ("Assembly", "run")]
RULES = [one for one in FUNCTIONS if "context" in inspect.signature(one).parameters]  # others make rules
STATED = [(name, f) for name in NAMES for f in (zoo.load(name).rule, *zoo.load(name).predictors) if f is not None]
OF_THE_ZOO = {f for model in map(zoo.load, zoo.names()) for f in (model.rule, *model.predictors) if f is not None}


@pytest.mark.parametrize("rule", [*RULES, *sorted(OF_THE_ZOO - {*RULES}, key=name_of)])
def test_no_rule_of_the_zoo_could_tell(rule: Rule) -> None:
    assert tells(rule) == ""


def never_looked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.watch.look", lambda function: Looked("", False))


def names_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.telling._Look._attributes", lambda self: False)


def constants_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.telling._not_dunder", lambda name: None)


def operators_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("zoo.rule.bytecode.Code.suspicious", lambda self, at: "")


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        (never_looked, "type"),
        (never_looked, "__eq__ of a constant"),
        (names_not_looked_up, "an object"),
        (constants_not_looked_at, "__ne__ of a constant"),
        (operators_not_looked_at, "operator.mod"),
    ],
)
def test_a_fault_planted_in_what_tells_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises((AssertionError, RuleError), match=r"assert 'holds' == 'failed'|read token by token"):
        test_a_rule_that_tells_fails(name, "prove")
