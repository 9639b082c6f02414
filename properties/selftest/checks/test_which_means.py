"""By which means a question is settled, in which time, and which of several proofs a check is told of."""

from collections import deque
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.checks import choice, settle
from properties.checks.right import Question, questions
from properties.checks.table import CHECKS
from properties.checks.verdict import Finding, How
from properties.proof import reach
from properties.proof.search import Proof
from properties.selftest.models import aab, ab
from zoo import Domain, Model

MODEL = aab.MODEL  # of 62 contexts, with a rule and a predictor


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """The budget reaches for no context at all."""
    monkeypatch.setattr(settle, "BUDGET", 0)


@pytest.mark.parametrize(
    ("method", "many", "proves"),
    [
        ("prove", False, True),
        ("prove", True, True),
        ("auto", False, False),
        ("auto", True, True),
        ("enumerate", True, False),
        ("sample", True, False),
    ],
)
def test_what_is_proved(method: Any, many: bool, proves: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if many:
        monkeypatch.setattr(settle, "BUDGET", 0)
    assert settle.by_proof(MODEL, How(method)) == proves
    monkeypatch.setattr(reach, "MOST", 1)  # there are no bounds on it
    assert not settle.by_proof(MODEL, How(method))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What each proof is asked for, of which none is kept."""
    given: list[dict[str, Any]] = []

    def proving(*arguments: Any, **options: Any) -> Proof:
        given.append(options)
        return Proof(widest="all", status="undecided")

    monkeypatch.setattr(settle, "prove_answers", proving)
    monkeypatch.setattr(settle, "_proofs", deque(maxlen=8))
    return given


@pytest.mark.parametrize(
    ("how", "seconds"),
    [
        (How(), 120),
        (How("prove"), 1200),
        (How("sample"), 120),
        (How("enumerate"), 120),
        (How(seconds=0), 0),
        (How("prove", seconds=3.5), 3.5),
    ],
)
def test_how_long_a_proof_may_take(how: How, seconds: float, asked: list[dict[str, Any]]) -> None:
    settle.proof_of(MODEL, questions(MODEL)[0], how, 17)
    settle.proof_of(MODEL, questions(MODEL)[0], how)
    assert [(one["max_seconds"], one["max_boxes"]) for one in asked] == [(seconds, 17), (seconds, None)]


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("certified", [True, False])
def test_what_a_proof_is_asked_for(every: bool, certified: bool, asked: list[dict[str, Any]]) -> None:
    how = How("prove", every=every, certified=certified, executor="on this", keep="here")  # type: ignore[arg-type]
    rule, predictor = questions(MODEL)
    found = [settle.proof_of(MODEL, question, how) for question in (rule, predictor, rule)]
    assert [one["kind"] for one in asked[:2]] == ["rule", "predictor"]
    for one in asked:
        assert (one["first"], one["executor"], one["keep"]) == (not every, "on this", "here")
        assert (one["settled"] is None) == (not certified)
        assert (one["names"], one["every"], one["within"], one["domain"]) == (("a", "b"), False, None, None)
    # Undecided, it is found again only where a certificate is to be made of it.
    assert len(asked) == (2 if certified else 3)
    assert (found[2] is found[0]) == certified
    assert all((proof.splits is None) == (not certified) for proof in found)


def proofs(monkeypatch: pytest.MonkeyPatch, **found: Proof) -> list[str]:
    """As if these had been found of the rule and of the predictor; of what one is asked for, in order."""
    kinds: list[str] = []

    def proof_of(model: Model, question: Question, how: How) -> Proof:
        kinds.append(question.kind)
        return found[question.kind]

    monkeypatch.setattr(settle, "proof_of", proof_of)
    return kinds


HOLDS, LESS = Proof(contexts=62, margin=3), Proof(contexts=62, margin=2)
PROVE = How("prove")


def test_of_two_proofs_the_one_with_the_least_margin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for rule, predictor in ((HOLDS, LESS), (LESS, HOLDS)):
        assert proofs(monkeypatch, rule=rule, predictor=predictor) == []
        assert settle.least_proof(MODEL, PROVE) is LESS
        assert settle.least_proof(replace(MODEL, rule=None, predictors=()), PROVE) is None
        assert settle.least_proof(MODEL, How("enumerate")) is None
        assert settle.least_proof(MODEL, How()) is None  # of 62 contexts, all are run
    for status in ("failed", "undecided"):
        proofs(monkeypatch, rule=HOLDS, predictor=replace(LESS, status=status))
        assert settle.least_proof(MODEL, PROVE) is None


@pytest.mark.parametrize(
    ("changes", "proved"),
    [
        ({}, True),
        ({"status": "undecided"}, False),
        ({"status": "failed"}, False),
        ({"determined": False}, False),  # of several tokens any would do
        ({"skipped": 1}, False),  # in one context anything would
    ],
)
def test_one_answer_is_proved_where_each_context_has_one(
    changes: dict[str, Any], proved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = replace(HOLDS, **changes)
    asked = proofs(monkeypatch, rule=one, predictor=one)
    found = settle.proof_of_one_answer(MODEL, PROVE)
    assert asked == ["predictor"]
    assert (found is not None) == proved
    if found is not None:
        assert (found[0], found[1].function) == (one, MODEL.predictors[0])
    assert settle.proof_of_one_answer(MODEL, How()) is None
    assert settle.proof_of_one_answer(replace(MODEL, rule=None, predictors=()), PROVE) is None


@pytest.mark.parametrize(
    ("stated", "of"),
    [
        ({}, "predictor"),
        ({"predictors": ()}, "rule"),
        ({"rule": None}, "predictor"),
        ({"accuracy": 0.9}, "predictor"),  # and the rule need not hold everywhere
        ({"accuracy": 0.9, "predictors": (*MODEL.predictors, lambda context: "b")}, "predictor"),
        ({"accuracy": 0.9, "predictors": ()}, ""),
    ],
)
def test_one_answer_is_that_of_the_first_predictor_or_else_of_the_rule(
    stated: dict[str, Any], of: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proofs(monkeypatch, rule=HOLDS, predictor=HOLDS)
    found = settle.proof_of_one_answer(replace(MODEL, **stated), PROVE)
    if not of:
        assert found is None
        return
    assert found is not None
    assert found[1].function is (MODEL.rule if of == "rule" else MODEL.predictors[0])


def test_a_cycle_beside_a_stated_accuracy_is_walked() -> None:
    """By the predictor, as far as no context can be run: the rule is right mostly."""
    found = CHECKS["cycle"].run(replace(aab.build(n_ctx=40), accuracy=0.9))
    assert (found.status, found.method, found.contexts) == ("holds", "proved", 2**41 - 2)


def test_what_running_every_context_costs() -> None:
    """The last row alone is unembedded, 8 operations, all are embedded, 2 each; and the rule is asked."""
    assert choice.work(ab.MODEL) == 62 * (5 * 2 + 8 + 10_000)
    short = replace(ab.MODEL, domain=Domain.layout("xy", x="ab", y="ab"), cycle=None)
    assert choice.work(short) == 6 * (2 * 2 + 8 + 10_000)


@pytest.mark.parametrize(
    ("how", "opens"),
    [
        (How(), True),
        (How(every=True), True),
        (How(certified=True), False),
        (How(seconds=1), False),
        (How(seconds=0), False),
        (How("prove"), False),
        (How("enumerate"), False),
        (How("sample"), False),
    ],
)
def test_every_context_may_yet_be_run(how: How, opens: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not choice.open_to(ab.MODEL, how)  # they are few, and are run anyway
    monkeypatch.setattr(settle, "BUDGET", 0)
    for longest, may in ((62 * 10_018, opens), (62 * 10_018 - 1, False)):
        monkeypatch.setattr(choice, "LONGEST", longest)
        assert choice.open_to(ab.MODEL, how) == may


@pytest.mark.parametrize(("budgets", "opens"), [(20, True), (30, False)])
def test_it_may_take_minutes_where_it_would_not_be_done_at_once(
    budgets: int, opens: bool, few: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By budgets of a few seconds: a proof may take two minutes."""
    monkeypatch.setattr(choice, "work", lambda model: budgets * 10**10)
    assert choice.open_to(ab.MODEL, How()) == opens


@pytest.fixture
def boxes(few: None, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Nothing was given up on; of each proof whose it is, and how many boxes it gets."""
    given: list[tuple[str, int]] = []

    def proof_of(model: Model, question: Question, how: How, boxes: int) -> Proof:
        given.append((question.kind, boxes))
        return Proof(widest="" if question.kind == "rule" else "all")

    monkeypatch.setattr(choice, "proof_of", proof_of)
    monkeypatch.setattr(choice, "_unsettled", deque(maxlen=8))
    return given


def test_a_proof_gets_as_many_boxes_as_running_costs(
    boxes: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A box costs 200,000 operations, and one for each number that its bounds need."""
    monkeypatch.setattr(choice, "numbers", lambda transformer: 300_000)
    for work, most in ((500_000 * 7, 7), (500_000 * 7 - 1, 6)):
        monkeypatch.setattr(choice, "work", lambda model, work=work: work)
        how = How()
        assert choice.decided(replace(MODEL, predictors=()), how) is how
        assert boxes.pop() == ("rule", most)


def test_what_was_given_up_on_is_not_tried_again(boxes: list[tuple[str, int]]) -> None:
    how = How(every=True)
    for asked in (["rule", "predictor"], []):  # the rule is settled, the predictor is not
        assert choice.decided(MODEL, how) == replace(how, method="enumerate")
        assert [kind for kind, _ in boxes] == asked
        boxes.clear()
    choice.decided(MODEL, How())  # another question: only the first is sought
    choice.decided(replace(MODEL, domain=Domain.layout("xy", x="ab", y="ab"), cycle=None), how)
    choice.decided(replace(MODEL, transformer=replace(MODEL.transformer)), how)
    assert [kind for kind, _ in boxes] == ["rule", "predictor"] * 3


def test_where_there_are_no_bounds_every_context_is_run(
    boxes: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = replace(MODEL, transformer=MODEL.transformer.astype(np.float16))
    assert choice.decided(half, How()).method == "enumerate"
    assert boxes == []
    how = How()
    assert choice.decided(replace(half, rule=None, predictors=()), how) is how  # nothing is asked


def test_a_proof_that_found_what_is_wrong_has_settled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    question = questions(MODEL)[0]
    wrong: Any = object()
    for proof, settled in (
        (Proof(), True),
        (Proof(widest="all"), False),
        (Proof(widest="all", counterexamples=[wrong]), True),
        (Proof(counterexamples=[wrong]), True),
    ):
        monkeypatch.setattr(choice, "proof_of", lambda *asked, proof=proof: proof)
        assert choice._settled(MODEL, question, How(), 1) is settled


def test_how_it_came_that_all_were_run_is_said_where_nothing_else_is() -> None:
    before, after = How(), How("enumerate")
    silent, telling = (
        Finding("holds", "enumerated", 62),
        Finding("failed", "enumerated", 62, "wrong in 2 of 62 contexts"),
    )
    assert choice.said(silent, before, after).detail == "every context was run: a proof did not settle it at that cost"
    assert choice.said(telling, before, after) is telling
    assert choice.said(silent, after, after) is silent
