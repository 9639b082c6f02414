"""What becomes of a finding in the table: its time, its total, its lengths; which check is run of which model."""

import runpy
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest

from properties.checks import table, testing
from properties.checks.table import CHECKS, OF_BLACK_BOXES, Registered, check_model, checks, prove
from properties.checks.testing import asserting, parametrize_with_checks
from properties.checks.verdict import AUTO, Finding, How, Verdict
from properties.selftest.checks.asking import right, two
from properties.selftest.models import aab, ab
from zoo import BlackBox, Domain, Model, ModelError, Transformer, UnknownNameError

MODEL = ab.MODEL


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A check of that name that finds what is put there, and says of whom it was asked; it is gone afterwards."""
    script: list[Any] = []

    def found(model: Model, how: How) -> Finding:
        """It is so."""
        script.append((model, how))
        finding: Finding = script[0]
        return finding

    with monkeypatch.context() as patch:
        patch.setattr(table, "CHECKS", {})
        patch.setattr(table, "OF_BLACK_BOXES", {})
        table.check(applies=lambda model: model.n_ctx > 3)(found)
        yield script


def only() -> Any:
    return table.CHECKS["found"]


def test_how_long_a_check_took(scripted: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by a quarter of a second at each look, from any time on."""
    looks = count(1000, 0.25)
    monkeypatch.setattr(time, "perf_counter", lambda: next(looks))
    scripted.append(Finding("holds", "computed", 0))
    assert [only().run(MODEL).seconds, only().run(MODEL).seconds] == [0.25, 0.25]


@pytest.mark.parametrize(
    ("contexts", "total", "said", "lengths"),
    [
        (62, None, 62, {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}),
        (61, None, 62, {}),  # not all were looked at
        (62, 62, 62, {}),  # all of others than those of the domain
        (7, 9, 9, {}),
        (0, 0, 0, {}),
    ],
)
def test_of_how_many_contexts_a_check_speaks(
    contexts: int, total: int | None, said: int, lengths: dict[int, int], scripted: list[Any]
) -> None:
    scripted.append(Finding("holds", "enumerated", contexts, "so", 1.5, total=total))
    verdict = only().run(MODEL)
    assert (verdict.total, verdict.lengths, verdict.contexts) == (said, lengths, contexts)
    assert (verdict.model, verdict.dtype, verdict.check) == ("ab", "float64", "found")
    assert (verdict.detail, verdict.margin) == ("so", 1.5)
    single = only().run(MODEL.astype(np.float32), How("prove"))
    assert single.dtype == "float32"
    assert [how for _, how in scripted[1:]] == [AUTO, How("prove")]


@pytest.mark.parametrize(("most", "listed"), [(5, True), (4, False)])
def test_so_many_lengths_that_nobody_reads_them_are_not_listed(
    most: int, listed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "LENGTHS", most)
    assert bool(table._lengths(MODEL)) == listed
    short = replace(MODEL, domain=Domain.layout("xyx", start=2, x="ab", y="b"), cycle=None)
    assert table._lengths(short) == {2: 2, 3: 4}


def test_a_check_keeps_its_name_its_claim_and_whom_it_applies_to(scripted: list[Any]) -> None:
    entry = only()
    assert (entry.run.__name__, entry.run.__doc__, entry.needs) == ("found", "It is so.", "weights")
    assert entry.kind == "test_table"
    assert [entry.to(ab.build(n)) for n in (3, 4)] == [False, True]
    assert {entry.kind for entry in CHECKS.values()} >= {"answers", "mechanics", "accuracy"}
    again = table.check()(lambda model, how: Finding("holds", "computed", 0))
    assert table.CHECKS[again.__name__].to(ab.build(1))  # to every model, where nothing else is said
    assert not table.CHECKS[again.__name__].to(BOX)


BOX = two(right)


@pytest.mark.parametrize(
    ("needs", "applies", "model", "box"),
    [
        ("answers", True, True, True),
        ("answers", False, False, False),
        ("logits", True, True, False),
        ("weights", True, True, False),
        ("weights", False, False, False),
    ],
)
def test_of_a_black_box_the_answers_are_looked_at(needs: Any, applies: bool, model: bool, box: bool) -> None:
    entry = Registered(CHECKS["rule"].run, lambda model: applies, needs)
    assert (entry.to(MODEL), entry.to(BOX)) == (model, box)


def test_how_a_check_is_settled_of_a_black_box(scripted: list[Any]) -> None:
    scripted.append(Finding("holds", "computed", 1))

    def found(model: BlackBox, how: How) -> Finding:
        return Finding("failed", "computed", 2)

    assert (only().run(BOX).status, only().run(BOX).dtype) == ("holds", "")
    assert table.of_black_boxes(found) is found
    assert (only().run(BOX).status, only().run(MODEL).status) == ("failed", "holds")
    assert "rule" in OF_BLACK_BOXES


@pytest.mark.parametrize("of_box", [False, True])
def test_what_overflows_shows_in_the_verdict(of_box: bool, scripted: list[Any]) -> None:
    """And not as a warning."""
    settings: list[Any] = []

    def found(model: Any, how: How) -> Finding:
        settings.append(np.geterr())
        return Finding("holds", "computed", 0)

    if of_box:
        table.of_black_boxes(found)
    else:
        table.check()(found)
    only().run(BOX if of_box else MODEL)
    assert set(settings[0].values()) == {"ignore"}


def test_which_checks_are_run_and_in_which_order() -> None:
    applying = [name for name, _ in checks(MODEL)]
    assert applying == [name for name in CHECKS if name in applying]
    assert {"rule", "margin"} <= set(applying)
    assert "predictors" not in applying  # it has none
    assert [name for name, _ in checks(MODEL, ["margin", "predictors", "rule"])] == ["rule", "margin"]
    with pytest.raises(UnknownNameError, match="did you mean 'rule'"):
        checks(MODEL, ["margin", "rul"])
    with pytest.raises(UnknownNameError, match="predictors, deviations applies to nothing in ab"):
        check_model(MODEL, names=["predictors", "deviations"])
    with pytest.raises(ModelError, match="3 is checked, but should be a Model"):
        check_model(3)  # type: ignore[arg-type]


def test_how_a_model_is_checked(scripted: list[Any]) -> None:
    scripted.append(Finding("holds", "computed", 0))
    executor: Any = object()
    check_model(MODEL)
    check_model(MODEL, "sample", ["found"], executor)
    assert scripted[1:] == [(MODEL, How()), (MODEL, How("sample", executor=executor))]
    assert check_model(ab.build(3)) == []  # nothing applies, and nothing was asked for


def says(context: Any) -> str:
    return "a"


@pytest.mark.parametrize(
    ("rule", "predictors", "check", "status"),
    [
        (aab.MODEL.rule, aab.MODEL.predictors, "rule", "holds"),
        (aab.MODEL.rule, (says,), "rule", "holds"),  # the predictor is wrong, and is not asked
        (None, aab.MODEL.predictors, "predictors", "holds"),
        (None, (says,), "predictors", "failed"),
        (aab.MODEL.rule, (), "rule", "holds"),
        (None, (), "rule", "undecided"),
    ],
)
def test_what_is_proved_of_a_model(rule: Any, predictors: Any, check: str, status: str) -> None:
    verdict = prove(replace(aab.build(3), rule=rule, predictors=predictors, claims=(), cycle=None, margin=None))
    assert (verdict.check, verdict.status) == (check, status)
    assert verdict.method == ("computed" if status == "undecided" else "proved")


def verdict(status: Any, method: Any = "sampled", contexts: int = 9) -> Verdict:
    named = {"model": "ab", "dtype": "float64", "check": "found", "seconds": 0.5}
    return Verdict(status=status, method=method, contexts=contexts, total=62, **named)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "passes", "accepted"),
    [
        (verdict("holds"), True, True),
        (verdict("deviates"), True, True),
        (verdict("failed"), False, False),
        (verdict("undecided"), False, True),
        (verdict("undecided", contexts=0), False, False),
        (verdict("undecided", "proved"), False, False),
        (verdict("undecided", "computed", 0), False, False),
    ],
)
def test_a_sample_is_accepted_where_that_is_asked_for(
    found: Verdict, passes: bool, accepted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(model: Model) -> Verdict:
        """It is so."""
        return found

    monkeypatch.setattr(testing, "checks", lambda model: [("found", check)])
    cases = [({}, passes), ({"accept_sampled": False}, passes), ({"accept_sampled": True}, accepted)]
    for options, fine in cases:
        [parameter] = parametrize_with_checks(MODEL, **options).args[1]
        assert parameter.id == "ab-found"
        for run in (parameter.values[1], asserting(check, **options)):
            assert (run.__name__, run.__doc__) == ("check", "It is so.")
            if fine:
                assert run(MODEL) is found
            else:
                with pytest.raises(AssertionError, match=f"^ab: found {found.status}$"):
                    run(MODEL)


def test_a_thousand_lengths_are_listed_and_more_are_not() -> None:
    for n_ctx, listed in ((1000, 1000), (1024, 1024), (1025, 0)):
        model = Model("one", "a", Transformer(np.ones((1, 1)), np.zeros((n_ctx, 1)), []))
        assert len(table._lengths(model)) == listed


def test_only_who_makes_tests_of_checks_needs_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytest", None)  # as if it were not installed
    found = runpy.run_path(testing.__file__)
    assert found["asserting"](lambda model: verdict("holds"))(MODEL).passed
    with pytest.raises(ImportError):
        found["parametrize_with_checks"](MODEL)
