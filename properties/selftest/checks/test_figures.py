"""What is said in figures is so: rounded to its own side, and never alike where it differs."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.command.finding import find
from properties.proof.counterexample import Counterexample
from properties.report.exported import told
from properties.robustness import bearing, tolerance
from properties.robustness.export import held
from properties.selftest.checks.saying import CLOSE, said, written
from properties.selftest.models import aab, ab
from zoo import FileError, files


def test_a_margin_that_is_nearly_as_stated() -> None:
    nearly = replace(
        ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=np.array([[0, 1], [0.99999999, 0]]))
    )
    verdict = CHECKS["margin"].run(nearly)
    assert (verdict.status, verdict.detail) == ("failed", "0.999999 after a; stated 1")
    assert verdict.counterexample is not None
    assert verdict.counterexample.sentence() == "after a it says b (logits 0, 1, margin 0.999999)"
    verdict = CHECKS["margin"].run(replace(nearly, margin=0.99999998))
    assert (verdict.status, verdict.detail) == ("holds", "0.99999999 after a; stated 0.99999998")
    proved = CHECKS["margin"].run(replace(nearly, margin=0.9999999), How("prove"))
    assert proved.detail == "at least 0.9999999, in 5 tokens, [-1] a; stated 0.9999999"


def test_logits_of_which_one_is_larger_do_not_look_the_same() -> None:
    shown = Counterexample("a", "b", ("a",), (1.0, 1.00000001, -3.0), -1e-8, "float64")
    assert shown.sentence() == "after a it says b, permitted is a (logits 1, 1.00000001, -3, margin -1e-08)"


def test_the_smallest_margin_of_a_table_is_rounded_down(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "close.py", CLOSE.replace("N,", "5,").replace("1.00000001", "1.99999999"))
    assert re.search(r"all 62 +0.999999 ", said(capsys, "verify", path, "--check", "rule"), re.MULTILINE)


def test_the_margin_of_an_export_is_rounded_down(capsys: pytest.CaptureFixture[str]) -> None:
    nearly = replace(
        ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=np.array([[0, 1], [0.9999999, 0]]))
    )
    told(held(nearly, nearly), "here")
    out = capsys.readouterr().out
    assert "62 contexts, smallest margin 0.999999\nmargin in float32 0.999999\n" in out


def test_weights_that_are_larger_than_what_they_should_stay_below(tmp_path: Path) -> None:
    large = 3.4028237e38
    model = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=np.array([[0, large], [large, 0]])))
    with pytest.raises(FileError, match="should stay below") as refused:
        files.write_gpt2(model, tmp_path / "large")
    found = re.search("reaches (.*), but should stay below (.*) in", str(refused.value))
    assert found is not None
    assert float(found[1]) > float(found[2])


def test_how_much_every_weight_may_be_off(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bearing, "_family_edge", lambda *asked: [])  # which takes most of the time
    text = Path(aab.__file__).read_text()
    huge = written(tmp_path, "huge.py", text.replace("LARGE = 1024\n", "LARGE = 2**22\n").replace("CLAIMS if", "() if"))
    out = said(capsys, "show", "--robustness", huge)
    assert "no change of the weights is certified to keep every right answer\n" in out
    change, where = tolerance.breaking(find(str(huge)))
    assert 0 < change < 1e-4
    assert f"off by {100 * change:.6g} %, the answer after {where} can change\n" in out
    out = said(capsys, "show", "--robustness", "aab_compact")
    certain = re.search(r"may be off by (.*) % of itself, and no right answer changes \(certified\)", out)
    assert certain is not None
    assert 0 <= tolerance.certified(zoo.load("aab_compact")) - float(certain[1]) / 100 < 1e-7
    breaks = re.search(r"off by (.*) %, the answer", out)
    assert breaks is not None
    assert 0 <= float(breaks[1]) / 100 - tolerance.breaking(zoo.load("aab_compact"))[0] < 1e-7
