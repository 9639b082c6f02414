"""Of a fold only what contexts of the domain reach is asked: elsewhere it may raise, or have no state."""

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.checks import folds
from properties.checks.table import CHECKS, check_model
from properties.counting import count
from properties.dossier.gather import _sources
from properties.dossier.states import NOWHERE, states
from properties.proof.certificate import certify
from properties.proof.reading.decision_tree import Reading
from properties.recheck import recheck
from reference import Fold
from zoo import NUMBER, Domain, Model, RuleError, Transformer

State = tuple[int, ...]


def says_a(vocab: str, n_ctx: int, **stated: Any) -> Model:
    embedding, nothing = np.eye(len(vocab))[np.zeros(len(vocab), int)], np.zeros((n_ctx, len(vocab)))
    return Model("says a", vocab, Transformer(embedding, nothing, [], None, np.eye(len(vocab))), **stated)


def raises(state: State) -> Any:
    raise ValueError("'=' stands behind two letters only")


def leaves(state: State) -> Any:
    raise SystemExit("not here")


def a_list(state: State) -> Any:
    return list(state)


def one_more(state: State) -> Any:
    return (*state, 9)


def a(state: State) -> set[str]:
    return {"a"}


def equals(elsewhere: Callable[[State], Any], states: int = 10_000, answers: Callable[[State], Any] = a) -> Fold:
    """After two letters =, and what comes `elsewhere`; a is permitted."""

    def step(state: State, token: str) -> Any:
        fine = (token == "=") == (len(state) == 2) and len(state) < 3
        return (*state, 1) if fine else elsewhere(state)

    return Fold((), step, answers, states=states)


def answered_at_the_end(state: State) -> set[str]:
    return {2: {"a", "b"}, 3: {"a"}}[len(state)]


FOLDS = {
    "raises": equals(raises),
    "leaves": equals(leaves),
    "lists": equals(a_list),
    "more": equals(one_more, states=9),
    "silent": equals(raises, answers=answered_at_the_end),
}


def of_domain(name: str) -> Model:
    """Its contexts are xx and xx=."""
    return says_a("ab=", 3, rule=FOLDS[name], domain=Domain.layout("xx=", start=2, x="ab"))


@pytest.mark.parametrize("name", FOLDS)
def test_what_no_context_of_the_domain_reaches_is_not_asked(name: str) -> None:
    model = of_domain(name)
    for method in ("prove", "enumerate"):
        [verdict] = check_model(model, method, ["rule"])
        assert (verdict.status, verdict.contexts) == ("holds", 8)
    found = count(model)
    assert (found.right, found.wrong, found.total) == (8, 0, 8)
    assert model.rule is not None
    proved, certificate = certify(model, model.rule)
    assert proved.status == "holds"
    assert certificate is not None
    assert recheck(certificate, model, model.rule).contexts == 8
    shown = states(model, model.rule, "rule")
    assert shown is not None
    assert shown["tokens"] == 3


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("raises", r"raises ValueError \('=' stands behind two letters only\) on '=', but should answer every context"),
        ("leaves", r"raises SystemExit \(not here\) on '='"),
        ("lists", r"has the state \[\], but should have states of"),
        ("more", "has more than 9 states, but should have fewer, or state that it has so many"),
    ],
)
def test_what_a_context_of_the_domain_reaches_is_said(name: str, message: str) -> None:
    model = replace(of_domain(name), domain=None)
    with pytest.raises(RuleError, match=message):
        check_model(model, "prove", ["rule"])
    with pytest.raises(RuleError, match=message.replace(r" \(", ".*").replace(r"\) on", ".*")):
        count(model)


def test_a_step_that_raises_once_is_refused() -> None:
    left = [1]

    def step(state: int, token: str) -> int:
        if left:
            left.pop()
            raise ValueError("not yet")
        return state

    with pytest.raises(RuleError, match="raises an error after 'a' and then does not, but should depend on nothing"):
        list(Reading(Fold(0, step, lambda state: {"a"}), "ab").leaves(1))


def test_nothing_is_asked_beyond_the_longest_contexts() -> None:
    def step(state: int, token: str) -> int:
        if state == 3:
            raise ValueError("three tokens at most")
        return state + 1

    model = says_a("ab", 3, rule=Fold(0, step, lambda state: {"a"}))
    assert check_model(model, "prove", ["rule"])[0].status == "holds"
    assert count(model).right == 14


def test_what_a_fold_does_not_bear_leads_nowhere_on_a_page() -> None:
    shown = states(model := of_domain("raises"), model.rule, "rule")  # type: ignore[arg-type]
    assert shown is not None
    following = np.frombuffer(base64.b64decode(shown["next"]), "<u2").reshape(-1, 3)
    assert following[0].tolist() == [1, 1, NOWHERE]
    assert following[2].tolist() == [NOWHERE, NOWHERE, 3]


class OfItsOwn(Fold):
    def __call__(self, context: Any) -> Any:
        return {"b"} if "".join(context)[:4] == "abba" else super().__call__(context)


def test_a_fold_of_a_class_of_its_own_is_a_rule_like_any_other() -> None:
    """It says something else than its states, also than what it stands for."""
    fold = OfItsOwn(0, lambda state, token: 0, lambda state: {"a"}, rule=lambda context: {"a"})
    model = says_a("ab", 6, rule=fold)
    for method in ("prove", "enumerate"):
        assert check_model(model, method, ["rule"])[0].status == "failed"
    assert certify(model, fold)[0].status == "failed"
    assert count(model).wrong == 7
    assert states(model, fold, "rule") is None
    assert [source.name for source in _sources(fold)] == ["OfItsOwn"]
    assert CHECKS["folds"].run(model).detail.startswith("after abba the fold says {b}, and ")


def test_of_one_of_a_class_of_its_own_that_is_long_contexts_are_drawn_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", 6)
    fold = OfItsOwn([], lambda state, token: state, lambda state: {"a"}, rule=lambda context: {"a"})  # type: ignore[arg-type]
    found = CHECKS["folds"].run(says_a("ab", 3, rule=fold))
    assert (found.status, found.method, found.contexts) == ("holds", "sampled", 14)


@pytest.mark.parametrize("few", [2, 10_000])
def test_what_a_fold_stands_for_in_other_outputs_than_tokens(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folds, "FEW", few)
    last = Fold("", lambda state, token: token, lambda last: {"yes" if last == "a" else "no"})
    fine = replace(last, rule=lambda context: {"yes" if context[-1] == "a" else "no"})
    wrong = replace(last, rule=lambda context: {"yes"})
    for fold, status in ((fine, "holds"), (wrong, "failed")):
        assert CHECKS["folds"].run(says_a("ab", 4, rule=fold, outputs=["yes", "no"])).status == status
    sums = Fold(0.0, lambda state, token: state + (token == "a"), lambda state: state or None)
    of_number = Transformer(np.eye(2), np.zeros((4, 2)), [], None, np.ones((1, 2)))
    for plain, status in ((lambda c: c.count("a") or None, "holds"), (lambda c: 1.0, "failed")):
        model = Model("sums", "ab", of_number, rule=replace(sums, rule=plain), outputs=NUMBER, within=9)
        assert CHECKS["folds"].run(model).status == status


def test_it_is_led_past_what_is_answered_no_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """After one letter the fold does not answer, as no context of the domain ends there."""
    monkeypatch.setattr(folds, "FEW", 0)
    fold = replace(FOLDS["silent"], rule=lambda context: {"a"} if "=" in context else {"a", "b"})
    found = CHECKS["folds"].run(replace(of_domain("silent"), rule=fold))
    assert (found.status, found.method) == ("holds", "sampled")
