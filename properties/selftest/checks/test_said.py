"""What is said of a model is true as it is printed, and the lines that reproduce it run as they are printed."""

import json
import re
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import zoo
from properties import check_model
from properties.checks import answers, choice, cycles, settle
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.command.finding import read_context
from properties.command.main import main
from properties.proof.certificate import certify
from properties.recheck import recheck
from properties.report import bearing
from properties.report import verdicts as report
from properties.report.model import show
from properties.robustness import tolerance
from properties.robustness.bearing import FamilyEdge
from properties.robustness.comparison import compare
from properties.robustness.edges import Edge
from properties.robustness.number_types import survives
from properties.selftest.checks.saying import CLOSE, LARGE_THREE, close, said, words, written
from properties.selftest.models import aab, ab, two_head
from zoo import Claim, Deviation, Model, ModelError, Transformer, contexts


def test_what_was_looked_at_of_how_many(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "close.py", CLOSE.replace("N,", "5,"))
    out = said(capsys, "verify", "-v", path, status=1)
    assert re.search(r"^rule +all 62 *$", out, re.MULTILINE)
    assert re.search(r"^float32 +FAILED all 62 *$", out, re.MULTILINE)
    verdicts = json.loads(said(capsys, "verify", path, "--json", status=1))["models"][0]["verdicts"]
    counts = {verdict["check"]: (verdict["contexts"], verdict["total"]) for verdict in verdicts}
    assert counts["rule"] == ("62", "62")
    assert counts["float32"] == ("62", "62")
    assert counts["window"] == ("32", "32")
    assert counts["invalid_input"] == ("0", "0")


def test_a_sample_is_of_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "verify", "-v", "induction", "--check", "window", "scalar")
    assert re.search(r"^window +256 of 729 sampled *$", out, re.MULTILINE)
    assert re.search(r"^scalar +\d+ of 1092 sampled *$", out, re.MULTILINE)
    assert "1 model, 2 checks: 2 hold, on a sample\n" in out
    out = said(capsys, "verify", "-v", "induction", "ab", "--check", "window", "rule")
    assert "2 models, 4 checks: 4 hold, 1 of them on a sample\n" in out
    out = said(capsys, "verify", "-v", "two_head", "--check", "deviations", "rule")
    assert "1 model, 2 checks: 1 holds, 1 deviates as stated\n" in out


def test_what_a_sample_finds_wrong_is_of_those_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settle, "SAMPLE", 10**7)
    verdict = CHECKS["rule"].run(replace(aab.build(n_ctx=40), rule=lambda context: {"a"}), How("sample"))
    assert verdict.contexts < verdict.total == 2**41 - 2
    assert verdict.detail == f"wrong in {len(verdict.failures)} of {verdict.contexts} contexts looked at, of ~2^41"
    assert verdict.looked_at == f"{verdict.contexts} of ~2^41 sampled"


def test_a_proof_that_fails_did_not_look_at_all() -> None:
    model = replace(aab.build(n_ctx=64), rule=lambda context: {"a"})
    for check, of in (("rule", model), ("float32", close(64))):
        verdict = CHECKS[check].run(of, How("prove"))
        assert (verdict.status, verdict.method) == ("failed", "proved")
        assert 1 <= verdict.contexts < verdict.total == 2**65 - 2
    [verdict] = check_model(two_head.MODEL, "prove", ["deviations"])
    assert (verdict.contexts, verdict.total) == (126, 126)
    meant = replace(two_head.MODEL, rule=reference.aab_or_third_previous, deviations=())
    every = CHECKS["rule"].run(meant, How("prove", every=True))
    assert every.detail == "wrong in 14 of 126 contexts"


def test_a_comparison_is_of_the_lengths_that_both_read() -> None:
    same = compare(aab.MODEL, zoo.load("aab", n_ctx=9), "other")
    assert (same.contexts, same.total, same.looked_at) == (62, 62, "all 62")
    far = compare(aab.build(n_ctx=40), ab.build(n_ctx=40), "ab")
    assert (far.status, far.method, far.total) == ("failed", "proved", 2**41 - 2)
    assert 1 <= far.contexts < far.total


def test_the_means_that_would_finish_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settle.PROOF_SECONDS, "auto", 0)
    monkeypatch.setattr(answers, "TRY_SECONDS", 0)
    monkeypatch.setattr(settle, "BUDGET", 10**6)
    monkeypatch.setattr(choice, "LONGEST", 0)  # else it is done
    model = replace(two_head.MODEL, predictors=[two_head.MODEL.predict])
    hint = "; --method enumerate would settle it, by running all 126 contexts"
    names = ["rule", "predictors", "deviations", "margin", "float32", "cycle"]
    for verdict in check_model(model, "auto", names):
        assert verdict.status == "undecided", verdict
        assert verdict.detail.endswith(hint), verdict
    for verdict in check_model(model, "sample", names[:-1]):
        assert verdict.status == "undecided"
        assert verdict.detail.endswith(hint), verdict
    assert all(verdict.passed for verdict in check_model(model, "enumerate", names))
    for verdict in check_model(aab.build(n_ctx=64), "auto", ["rule", "margin", "cycle"]):
        assert verdict.status == "undecided"
        assert "enumerate" not in verdict.detail


def test_a_walk_that_memory_does_not_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(
        ModelError, match=r"has ~2\^65 contexts of up to 64 tokens, but should have fewer for each to be"
    ):
        check_model(aab.build(n_ctx=64), "enumerate", ["cycle"])
    monkeypatch.setattr(cycles, "most_bytes", lambda: 62 * 380)
    assert check_model(aab.MODEL, "enumerate", ["cycle"])[0].status == "holds"
    monkeypatch.setattr(cycles, "most_bytes", lambda: 62 * 380 - 1)
    with pytest.raises(ModelError, match="has 62 contexts"):
        check_model(aab.MODEL, "enumerate", ["cycle"])


WORDS = ("one", "two words", "[", "tab\tbed", "-n", "it's", "a\nb", "\u00a0")


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4))
def test_a_context_of_words_is_read_as_it_is_written(tokens: list[str]) -> None:
    model = Model("words", WORDS, Transformer(np.eye(8), np.zeros((4, 8)), []))
    assert read_context(model, contexts.written(tuple(tokens))) == tuple(tokens)


def test_no_sentence_has_a_tuple(capsys: pytest.CaptureFixture[str]) -> None:
    def meant(context: tuple[str, ...]) -> set[str]:
        return {"d"} if context == ("x1", "b c") else {context[-1]}

    for stated in (["x1", "b c", "d"], ["x1"]):
        [verdict] = check_model(words(deviations=[Deviation(meant, [stated], "why")]), names=["deviations"])
        assert verdict.status == "failed"
        assert "(" not in verdict.detail
    show(words(deviations=[Deviation(meant, [["x1", "b c"]], "why")]), None, [], [])
    assert 'in ["x1", "b c"]: why' in capsys.readouterr().out
    assert tolerance.breaking(words())[1] == "x1"
    unembedding = 1 + 1e-5 * np.eye(3)[[1, 0, 2]]  # after x1 it says b c, in few digits x1
    close = replace(words(), rule=None, transformer=replace(words().transformer, unembedding=unembedding))
    assert [seen for *_, seen in survives(close)][2:] == ["26 of all 39 contexts differ, first x1"] * 2
    short, long = (FamilyEdge("float32", Edge(8, 9, 9, context)) for context in (("x1", "b c"), ("x1",) * 9))
    right = "in float32 the family is right up to n_ctx 8, wrong at 9 after"
    assert bearing.said(short) == f'{right} ["x1", "b c"]'
    assert bearing.said(long) == f"{right} x1 x1 x1 x1…x1 x1 x1 x1"


@pytest.mark.parametrize("wrong", [["c", ["a", 3]], [("a",), 3], ["", "a"], [[]]])
def test_the_contexts_of_a_deviation_are_contexts(wrong: Any) -> None:
    with pytest.raises(ModelError, match="a deviation's contexts are"):
        Deviation(reference.aab, wrong, "why")


def test_a_check_that_applies_to_none_beside_one_that_does(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "verify", "-v", "ab", "--check", "rule", "predictors")
    assert re.search(r"^rule +all 62 *$", out, re.MULTILINE)
    assert re.search(r"^predictors +- *$", out, re.MULTILINE)
    assert "1 model, 1 check: 1 holds\n" in out
    assert main(["verify", "ab", "--check", "rule", "predictor"]) == 2
    assert "did you mean 'predictors'?" in capsys.readouterr().err
    assert main(["verify", "ab", "two_head", "--check", "predictors", "heds"]) == 2
    assert "did you mean 'heads'?" in capsys.readouterr().err
    assert main(["verify", "explainer", "--check", "predictors", "rule"]) == 2
    assert "predictors and rule apply to none of these models" in capsys.readouterr().err


def test_every_claim_that_fails_is_told() -> None:
    listed = [
        Claim("one", 1, lambda model: 1, "here"),
        Claim("two", 3, lambda model: 2, "here"),
        Claim("three", 3, lambda model: 3, "here"),
        Claim("four", "5", lambda model: "4", "here"),
    ]
    verdict = CHECKS["claims"].run(replace(ab.MODEL, claims=listed))
    assert (verdict.status, verdict.detail) == (
        "failed",
        "2 of 4 claims are not so: two is 2, but 3 is claimed (here); four is '4', but '5' is claimed (here)",
    )


def test_every_predictor_that_fails_is_told() -> None:
    def always_a(context: str) -> str:
        return "a"

    def always_b(context: str) -> str:
        return "b"

    verdict = CHECKS["predictors"].run(replace(ab.MODEL, predictors=[always_a, ab.MODEL.predict, always_b]))
    half = "wrong in 31 of 62 contexts"
    assert verdict.detail == f"by always_a, {half}; by always_b, {half}"


def test_every_deviation_that_fails_is_told() -> None:
    [stated] = two_head.MODEL.deviations
    short = replace(stated, contexts=stated.contexts[2:])
    other = Deviation(two_head.MODEL.rule or reference.aab, ["bab"], "none")
    [verdict] = check_model(replace(two_head.MODEL, deviations=[short, stated, other]), names=["deviations"])
    assert (verdict.status, verdict.detail) == (
        "failed",
        f"{stated.contexts[0]}: not a stated deviation, and 1 other context is not as stated; "
        "bab: stated as a deviation, which it is not",
    )


@pytest.fixture
def failing(tmp_path: Path) -> Path:
    return written(tmp_path, "large_three.py", LARGE_THREE)


@pytest.mark.parametrize("options", [[], ["--json"], ["--all"]])
def test_no_mutants_of_a_model_that_fails(
    options: list[str], failing: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nearly = written(tmp_path, "margin.py", CLOSE.replace("N,", "5,").replace("rule=rule", "rule=rule, margin=2.5"))
    sentences = {failing: "aab fails its rule after bbaa, but", nearly: "close fails its margin after a, but"}
    for path, sentence in sentences.items():
        for names in ([path], ["ab", path]):
            assert main(["mutate", *map(str, names), *options]) == 1
            out, err = capsys.readouterr()
            assert out == ""
            assert err.startswith(f"zoo: {sentence} should hold for its mutants")
            assert err.count("\n") == 1
    assert main(["mutate", "explainer", *options]) == 2


def test_what_a_model_that_fails_bears_is_not_said(failing: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "show", "--robustness", failing)
    assert "\nrule failed: after bbaa it says a, permitted is b (logits 2.5431, 1.4569, margin -1.0862)\n" in out
    for phrase in ("certified", "can change", "same answers", "smallest margin:"):
        assert phrase not in out.partition("\nrule failed")[2]


@pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")
def test_a_margin_is_confirmed_in_so_many_contexts(capsys: pytest.CaptureFixture[str]) -> None:
    """One token wins by 5; of two the last are so close that only a run says which wins."""
    embedding = np.array([[1 + 2.0**-52, 0], [1, 0]])
    position = np.array([[0, 5], [0, 0]])
    unembedding = np.array([[1 + 2.0**-52, 1], [1, 0]])
    transformer = Transformer(embedding, position, [], unembedding=unembedding)

    def says(context: str) -> set[str]:
        return {"a"}

    def silent(context: str) -> set[str]:
        return {"a"} if len(context) == 1 else set()

    for function, lines in (
        (says, ["says in 6 contexts, in 2 of them by 4.99999 at least", "5 leaves: 1 proved, 4 of one context, 0 un"]),
        (
            silent,
            ["silent says in 6 contexts, in 2 of them by 4.99999 at least", "in 4 of the contexts silent permits"],
        ),
    ):
        model = Model("narrow", "ab", transformer, rule=function)
        _, made = certify(model, function)
        certificate = json.loads(json.dumps(made))
        found = recheck(certificate, model, function)
        report.rechecked(model, certificate, found)
        out = capsys.readouterr().out
        assert all(line in out for line in lines), out
        rests = "4 contexts are right by a run of the program alone: rounding might change that\n"
        assert (rests in out) == (function is says)
        assert (found.contexts, found.with_margin) == (6, 2)
