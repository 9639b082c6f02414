"""Every subcommand on a black box: what it can say, or one sentence."""

import json
from pathlib import Path

import pytest

from properties.command.main import main

CONTEXT = "0000000999+0000000001="
BOX = """
from zoo import BlackBox
import reference
MODEL = BlackBox("small", "ab", 3, lambda c: min(reference.aab(c), default="a"), reference.aab, inside=[])
"""


def test_what_can_be_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", "ripple_adder", CONTEXT]) == 0
    assert capsys.readouterr().out == "1000\n"
    assert main(["show", "ripple_adder", CONTEXT]) == 0
    out = capsys.readouterr().out
    assert "ripple_adder: n_ctx 22, a black box: it has no weights to show" in out
    assert "parameters: 7 in 3 arrays, 7 of them nonzero, 3 different" in out
    assert f"after {CONTEXT}: 1000" in out
    assert main(["list"]) == 0
    assert "ripple_adder" in capsys.readouterr().out


def test_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "-v", "ripple_adder", "aab", "--tries", "40", "--seed", "5"]) == 1
    out = capsys.readouterr().out
    assert "UNDECIDED 40 of ~2^66 sampled" in out
    assert "none wrong in 40 of 10^20 contexts, drawn by its own generator with seed 5" in out
    missing = "no accuracy, margin, float32, cycle, scalar, batched, causal, window, heads"
    assert f"ripple_adder is a black box, and its logits and weights are not known: {missing}" in out
    assert main(["verify", "ripple_adder", "aab", "--tries", "40", "--accept-sampled"]) == 0
    assert main(["verify", "aab", "--accept-sampled", "--rule", f"{__file__}:wrong"]) == 1


def wrong(context: str) -> set[str]:
    return {"a"}


@pytest.mark.usefixtures("short_rounds")
def test_enumerated(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.py"
    path.write_text(BOX)
    assert main(["verify", str(path)]) == 0
    out = capsys.readouterr().out
    assert "all 14" in out
    assert "parameters: not counted, as no arrays were found in it" in out
    assert main(["verify", str(path), "--rule", f"{__file__}:wrong", "--all"]) == 1
    out = capsys.readouterr().out
    assert "small: rule failed: wrong in 3 of 14 contexts" in out
    assert f"reproduce: zoo predict {path} aa" in out
    assert "wrong after: aa aaa baa" in out
    assert main(["complete", str(path), "aab", "-n", "4"]) == 0
    assert capsys.readouterr().out == "aaba\n"
    assert main(["cost", str(path), "--json"]) == 0
    [cost] = json.loads(capsys.readouterr().out)["models"]
    assert (cost["flops"], cost["parameters"], cost["instructions"]) == (None, None, None)
    assert [one["name"] for one in cost["implementations"]] == ["black_box", "rule"]
    assert cost["implementations"][1]["times_rule"] == 1
    assert cost["implementations"][0]["times_baseline"] is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["inspect", "ripple_adder"], "is a black box, but should have weights to look at"),
        (["export", "ripple_adder", "nowhere", "--format", "zoo"], "is a black box, but should have weights"),
        (["export", "ripple_adder", "nowhere", "--format", "gpt2"], "is a black box, but should have weights"),
        (["distill", "ripple_adder"], "is a black box, but should have weights"),
        (["mutate", "ripple_adder"], "is a black box, but should have weights for mutants"),
        (["verify", "ripple_adder", "--dtype", "float32"], "is a black box, but should have weights"),
        (["verify", "ripple_adder", "--n-ctx", "4"], "is no family"),
        (
            ["verify", "ripple_adder", "--certificate", "nowhere.json"],
            "is a black box, but a certificate is of a proof",
        ),
        (["verify", "ripple_adder", "--method", "enumerate"], "should have fewer to be enumerated"),
        (["verify", "ripple_adder", "--check", "margin"], "margin applies to none of these models"),
        (["verify", "ripple_adder", "--seed", "-1"], "--seed is -1, but should be a whole number from 0 on"),
        (["verify", "ripple_adder", "--tries", "0"], "--tries is 0, but should be a whole number from 1 on"),
        (["verify", "aab", "--tries", "5"], "--tries is given, but is of black boxes, and none of these models is one"),
        (["complete", "ripple_adder", CONTEXT], "answers what is no token"),
        (["predict", "ripple_adder", "1+1="], "outside the domain of ripple_adder, but should be one as"),
        (["predict", "ripple_adder", "1+1=", "--anyway", "--dtype", "float32"], "is a black box"),
    ],
)
def test_what_needs_weights_is_one_sentence(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("zoo: ")
    assert printed.err.count("\n") == 1
    assert sentence in printed.err


def test_two_boxes_are_not_compared_by_weights(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "ripple_adder", "ripple_adder"]) == 2
    assert "should have weights" in capsys.readouterr().err
