"""The command's ways with directories: export, verify DIR --rule, inspect, and what it says of wrong input."""

import json
import re
from pathlib import Path

import pytest

from zoo.__main__ import main

RULE = """
def right(context):
    return {"b"} if context[-2:] == "aa" or context == "a" else {"a"}
def wrong(context):
    return {"b"} if context == "abbab" else right(context)
number = 3
"""


def said(capsys: pytest.CaptureFixture[str], *arguments: object, status: int = 0) -> str:
    assert main([str(argument) for argument in arguments]) == status
    captured = capsys.readouterr()
    return captured.err if status == 2 else captured.out


def test_export_and_verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "rules.py").write_text(RULE)
    rules = tmp_path / "rules.py"
    for format in ("gpt2", "zoo"):
        model = tmp_path / format
        out = said(capsys, "export", "aab", model, "--format", format)
        assert "answers alike in 62 of 62 contexts, smallest margin 1023" in out
        assert ("not for float16" in out) == (format == "gpt2")
        assert "UNDECIDED" in said(capsys, "verify", model, status=1)
        verdicts = json.loads(said(capsys, "verify", model, "--rule", f"{rules}:right", "--json"))
        assert verdicts["holds"]
        out = said(capsys, "verify", model, "--rule", f"{rules}:wrong", "--check", "rule", status=1)
        assert "wrong in 1 of 62 contexts" in out
        assert "after abbab it says a, permitted is b" in out
        assert said(capsys, "predict", model, "aabaa") == "b\n"
    assert "exists, but should be" in said(capsys, "export", "aab", tmp_path / "zoo", "--format", "zoo", status=2)
    for name in ("absent", "number"):
        assert f"no function '{name}'" in said(capsys, "verify", model, "--rule", f"{rules}:{name}", status=2)
    assert "FILE.py:NAME" in said(capsys, "verify", model, "--rule", "reference", status=2)


def test_export_of_a_member_of_a_family(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "export", "aab", tmp_path / "long", "--format", "gpt2", "--n-ctx", 32)
    assert said(capsys, "complete", tmp_path / "long", "aab", "-n", 20) == "aabaabaabaabaabaabaa\n"
    assert "no family" in said(capsys, "export", "two_head", tmp_path / "x", "--format", "gpt2", "--n-ctx", 9, status=2)


def test_inspect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "inspect", "two_head", "aabab", "--svg", tmp_path / "two.svg")
    for words in (
        "layer 0.w_q",
        "tied",
        "W_Q W_K^T",
        "W_V W_O",
        "head 0.1",
        "after layer 0",
        "antisym.",
        "eigenvalues",
    ):
        assert words in out
    assert re.search(r"^0\.0 +W_V W_O +16 +-2 .* 16 +0 +1 *$", out, re.MULTILINE)
    assert re.search(r"^0\.1 +W_Q W_K\^T +11.31 11.31 11.31 .* 8 8 8 0", out, re.MULTILINE)
    assert (tmp_path / "two.svg").read_text().startswith("<svg")
    found = json.loads(said(capsys, "inspect", "two_head", "aabab", "--json"))
    assert found["version"] == 1
    assert found["context"]["answer"] == "a"
    said(capsys, "export", "explainer", tmp_path / "gpt2", "--format", "gpt2")
    assert "after l in" in said(capsys, "inspect", tmp_path / "gpt2", "l in")
    assert "cannot be written" in said(capsys, "inspect", "ab", "--svg", tmp_path / "no" / "x.svg", status=2)
    assert "is missing" in said(capsys, "inspect", tmp_path, status=2)
