"""Verdicts, one by one and as a table: what passes, what was looked at, what is told, and what is gravest."""

import re
import sys
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest

from properties.checks import listing
from properties.checks.listing import Verdicts
from properties.checks.right import questions
from properties.checks.running import Ran
from properties.checks.table import CHECKS
from properties.checks.verdict import Finding, How, Requested, Verdict, _quoted
from properties.proof.counterexample import Counterexample
from properties.selftest.models import ab
from zoo.inspection.card import Known, html

SHOWN = Counterexample("ab", "a", ("b",), (1.0, 0.5), -0.5, "float64")
NAMED: dict[str, Any] = {"model": "ab", "dtype": "float64", "seconds": 0.25, "total": 62}


def verdict(status: Any = "holds", method: Any = "enumerated", contexts: int = 62, **more: Any) -> Verdict:
    return Verdict(status=status, method=method, contexts=contexts, **({"check": "rule"} | NAMED | more))


RAN, ASKED, CHECKED = Ran(0.5, 1, np.arange(1), None), questions(ab.MODEL)[0], CHECKS["rule"]
FAILED = verdict("failed", margin=-0.5, detail="wrong in 2 of 62 contexts", counterexample=SHOWN, failures=("ab", "bb"))


@pytest.mark.parametrize(
    ("found", "passed", "sampled", "looked_at"),
    [
        (verdict(), True, False, "all 62"),
        (verdict("deviates"), True, False, "all 62"),
        (verdict("failed"), False, False, "all 62"),
        (verdict("failed", contexts=39), False, False, "39 of 62"),
        (verdict("undecided", "proved", 39), False, False, "39 of 62"),
        (verdict("undecided", "sampled", 39), False, True, "39 of 62 sampled"),
        (verdict("undecided", "sampled", 1), False, True, "1 of 62 sampled"),
        (verdict("undecided", "sampled", 0), False, False, "0 of 62 sampled"),
        (verdict("failed", "sampled", 39), False, False, "39 of 62 sampled"),
        (verdict("holds", "computed", 0), True, False, ""),
    ],
)
def test_what_passes_and_what_was_looked_at(found: Verdict, passed: bool, sampled: bool, looked_at: str) -> None:
    assert (found.passed, found.sampled, found.looked_at) == (passed, sampled, looked_at)


SENTENCE = "    after ab it says a, permitted is b (logits 1, 0.5, margin -0.5)"


def test_what_a_person_is_told() -> None:
    assert verdict().message() == "ab: rule holds"
    assert verdict("undecided", detail="why").message() == "ab: rule undecided: why"
    assert verdict("deviates", detail="1 context as stated, why").message() == "ab: rule: 1 context as stated, why"
    lines = ["ab: rule failed: wrong in 2 of 62 contexts", SENTENCE, "    reproduce: model.logits('ab')[-1]"]
    assert FAILED.message() == FAILED.message(every=False) == "\n".join(lines)
    assert FAILED.message(every=True) == "\n".join([*lines, "    wrong after: ab bb"])
    assert FAILED.message(Requested("ab", 7)).splitlines()[2] == "    reproduce: zoo show --n-ctx 7 ab ab"
    assert verdict().message(every=True) == "ab: rule holds"


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "model.logits('ab')[-1]"),
        ({"at": 0}, "model.logits('ab')[0]"),
        ({"at": 1}, "model.logits('ab')[1]"),
        ({"dtype": "float32"}, "model.astype('float32').logits('ab')[-1]"),
        ({"context": ["a", "b c"]}, "model.logits(('a', 'b c'))[-1]"),
        ({"logits": ()}, "model.predict('ab')"),
        ({"logits": (), "context": ["a"]}, "model.predict(('a',))"),
    ],
)
def test_the_line_of_python_that_shows_it(changes: dict[str, Any], line: str) -> None:
    found = replace(FAILED, counterexample=replace(SHOWN, **changes))
    assert found.message().splitlines()[2] == f"    reproduce: {line}"


@pytest.mark.parametrize(
    ("asked", "changes", "line"),
    [
        (Requested("ab"), {}, "zoo show ab ab"),
        (Requested("ab", dtype="float32"), {}, "zoo show --dtype float32 ab ab"),
        (Requested("ab", 7, "float32"), {"dtype": "float16"}, "zoo show --n-ctx 7 --dtype float16 ab ab"),
        (Requested("ab"), {"dtype": "float16"}, "zoo show --dtype float16 ab ab"),
        (Requested("box.py"), {"logits": ()}, "zoo predict box.py ab"),
        (Requested("my model.py"), {"context": "-b"}, "zoo show -- 'my model.py' -b"),
        (Requested("-m.py"), {}, "zoo show -- -m.py ab"),
        (Requested("m-.py"), {"context": "b-"}, "zoo show m-.py b-"),
    ],
)
def test_the_line_of_the_command_that_shows_it(asked: Requested, changes: dict[str, Any], line: str) -> None:
    assert asked.line(replace(SHOWN, **changes), "float64") == line


@pytest.mark.parametrize(
    ("word", "quoted"),
    [
        ("ab", "ab"),
        ("a b", "'a b'"),
        ("it's", "'it'\"'\"'s'"),
        ("é", "'é'"),
        ("a\n", "$'a\\U0000000a'"),
        ("'\n", "$'\\U00000027\\U0000000a'"),
        ("\\\x1b", "$'\\U0000005c\\U0000001b'"),
    ],
)
def test_a_word_of_a_command(word: str, quoted: str) -> None:
    assert _quoted(word) == quoted


def test_a_verdict_as_json() -> None:
    assert verdict(margin=1.5, lengths={1: 2, 2: 2**70}).as_json() == {
        "check": "rule",
        "status": "holds",
        "method": "enumerated",
        "contexts": "62",
        "total": "62",
        "margin": 1.5,
        "seconds": 0.25,
        "detail": "",
        "counterexample": None,
        "lengths": [{"length": 1, "contexts": "2"}, {"length": 2, "contexts": str(2**70)}],
    }
    context = {"context": "ab", "predicted": "a", "permitted": ("b",), "logits": [1.0, 0.5], "margin": -0.5}
    assert FAILED.as_json()["counterexample"] == context
    assert FAILED.as_json()["margin"] == -0.5
    assert "failures" not in FAILED.as_json(), "every context that is wrong is told where that is asked for"
    assert FAILED.as_json(every=True)["failures"] == ("ab", "bb")
    assert verdict().as_json(every=True)["failures"] == ()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"at": 0}, {"at": 0}),
        ({"problem": "raises ValueError"}, {"problem": "raises ValueError"}),
        ({"margin": None}, {"margin": None}),
        ({"margin": -float("inf"), "logits": (float("nan"), 0.5)}, {"margin": None, "logits": [None, 0.5]}),
    ],
)
def test_a_counterexample_as_json(changes: dict[str, Any], told: dict[str, Any]) -> None:
    plain = FAILED.as_json()["counterexample"]
    assert replace(FAILED, counterexample=replace(SHOWN, **changes)).as_json()["counterexample"] == plain | told


def test_a_number_of_many_digits_is_told_in_full() -> None:
    """More than Python writes unless told otherwise, which is as before afterwards."""
    before = sys.get_int_max_str_digits()
    number = verdict(contexts=10**5000).as_json()["contexts"]
    assert (len(number), number[0], set(number[1:])) == (5001, "1", {"0"})
    assert sys.get_int_max_str_digits() == before


@pytest.mark.parametrize(
    ("statuses", "gravest"),
    [
        (["holds", "deviates", "undecided", "failed"], "failed"),
        (["holds", "undecided", "deviates"], "undecided"),
        (["holds", "deviates", "holds"], "deviates"),
        (["holds"], "holds"),
        ([], "holds"),
    ],
)
def test_the_gravest_of_several(statuses: list[Any], gravest: str) -> None:
    assert Verdicts(map(verdict, statuses)).status == gravest


LISTED = Verdicts(
    [
        verdict(check="rule", margin=0.99999999),
        verdict("undecided", "sampled", 9, check="window"),
        replace(FAILED, check="margin"),
        replace(FAILED, check="float32", counterexample=replace(SHOWN, context="b")),
    ]
)


@pytest.mark.parametrize(
    "one", [verdict(), Finding("holds", "computed", 0), How(), Requested("ab"), SHOWN, RAN, ASKED, CHECKED]
)
def test_what_was_found_and_how_is_not_changed_afterwards(one: Any) -> None:
    for each in fields(one):
        with pytest.raises(FrozenInstanceError):
            setattr(one, each.name, None)


def test_verdicts_in_a_line_are_a_table() -> None:
    assert repr(LISTED).splitlines() == [
        "check    verdict    looked at        margin",
        "rule     holds      all 62           0.999999",
        "window   undecided  9 of 62 sampled",
        "margin   failed     all 62           -0.5",
        "float32  failed     all 62           -0.5",
        f"margin: {SENTENCE.strip()}",
    ]
    assert repr(LISTED[:0]) == "[]"
    assert repr(Verdicts(LISTED[:1])).splitlines()[1:] == ["rule   holds    all 62     0.999999"]
    assert Verdicts(LISTED[:2]).sentence() == ""
    assert Verdicts(LISTED[:2]).first is None
    assert LISTED.first is LISTED[2]


def test_verdicts_in_a_notebook_are_a_table() -> None:
    strange = replace(LISTED[2], check="a<b", counterexample=replace(SHOWN, context="<\x1b"))
    page = Verdicts([LISTED[0], strange])._repr_html_()
    assert re.findall(r'<th style="[^"<>]*">(.*?)</th>', page) == ["check", "verdict", "looked at", "margin"]
    cells = [re.sub("<.*?>", "", cell) for cell in re.findall(r'<td style="[^"<>]*">(.*?)</td>', page)]
    assert cells == ["rule", "✓ holds", "all 62", "0.999999", "a&lt;b", "✗ failed", "all 62", "-0.5"]
    [sentence] = re.findall("<p>(.*)</p>", page)
    assert sentence.startswith("a&lt;b: after &lt;\\x1b it says a")
    assert "<p>" not in Verdicts(LISTED[:2])._repr_html_()
    assert page.count("<tr>") == 3


def test_a_model_remembers_what_was_found() -> None:
    """The contexts of the first that is of its answers, and the sentence of the first that has one."""
    model = replace(ab.MODEL)
    two = Verdicts([verdict(), verdict("deviates", check="deviations"), verdict("failed", check="claims")])
    for some, said in (
        (two, "2 of 3 checks pass"),
        (Verdicts(two[:1]), "1 of 1 check passes"),
        (Verdicts(two[:2]), "2 of 2 checks pass"),
        (Verdicts(two[2:]), "0 of 1 check passes"),
        (LISTED, "margin: after ab it says a"),
    ):
        some.remembered(model)
        assert f"<div>{said}" in html(model)


@pytest.mark.parametrize(
    ("wrong", "marked"),
    [
        ({"margin": ("aa",), "predictors": ("b",), "rule": ("ab",)}, ("ab",)),
        ({"accuracy": ("b",), "predictors": ("b", "ab", "bb")}, ("b", "ab", "bb")),
        ({"accuracy": ("b", "ab")}, ("b", "ab")),
        ({"rule": (), "predictors": ("ab",)}, ("ab",)),
        ({"margin": ("b",)}, ()),  # which is of how sure it is
    ],
)
def test_which_contexts_are_wrong_on_its_map(
    wrong: dict[str, tuple[str, ...]], marked: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the rule, or else of the predictors, or of a count."""
    known: list[Known] = []
    monkeypatch.setattr(listing, "settled", lambda model, found: known.append(found))
    Verdicts(replace(FAILED, check=name, failures=some) for name, some in wrong.items()).remembered(ab.MODEL)
    assert [(one.status, one.wrong) for one in known] == [("failed", marked)]
