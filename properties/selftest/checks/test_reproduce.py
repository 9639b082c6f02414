"""Lines that reproduce: typed into a shell as they were printed, they show what was said."""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.checks.table import CHECKS
from properties.checks.testing import asserting
from properties.command.finding import find
from properties.command.main import main
from properties.selftest.checks.saying import CLOSE, LARGE_THREE, LAST, close, said, written
from properties.selftest.models import aab, two_head
from zoo import contexts


def lines(out: str) -> list[tuple[str, str]]:
    """Of each counterexample, the sentence and the line that reproduces it."""
    return re.findall(r"    (after .*)\n    reproduce: (.*)", out)


def typed(line: str) -> bytes:
    """What a line prints that is typed into a shell."""
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8"}
    done = subprocess.run(["bash", "-c", line], env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (0, b""), line
    return done.stdout


def run(line: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The same of a line that calls `zoo` once, with the words that a shell makes of it."""
    words = typed(f"zoo() {{ printf '%s\\0' \"$@\"; }}\n{line}").split(b"\0")[:-1]
    assert main([os.fsdecode(word) for word in words]) == 0, line
    return capsys.readouterr().out


def reproduced(sentence: str, printed: str) -> None:
    """What `zoo show` printed is the context, the answer and the logits of the sentence."""
    said = re.fullmatch(r"after (.*) it says (.*?)(, permitted is .*)? \(logits (.*?)(, margin .*)?\)", sentence)
    assert said is not None
    assert re.search(rf"\nafter {re.escape(said[1])}: {re.escape(said[2])}( \(the rule .*\))?\n", printed)
    *_, row = re.findall(r"^logits +(.*\S) *$", printed, re.MULTILINE)
    assert row.split() == said[4].split(", ")


@pytest.mark.parametrize(
    ("options", "checks"),
    [
        ([], ["rule", "predictors", "margin", "claims"]),
        (["--n-ctx", "9"], ["rule", "predictors", "margin"]),
        (["--dtype", "float32"], ["rule", "predictors", "margin"]),
        (["--n-ctx", "7", "--dtype", "float32", "--method", "prove"], ["rule", "predictors"]),
    ],
)
def test_the_lines_of_a_file(
    options: list[str], checks: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, "large three.py", LARGE_THREE)
    found = lines(said(capsys, "verify", path, *options, "--check", *checks, status=1))
    assert len(found) >= 2
    for sentence, line in {line: (sentence, line) for sentence, line in found}.values():
        reproduced(sentence, run(line, capsys))
    if not options:
        assert typed(line).decode() == run(line, capsys)


def test_the_lines_of_a_model_of_the_zoo(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = written(tmp_path, "rules.py", "def wrong(context):\n    return {'a'}\n")
    wrong = ["--rule", f"{rules}:wrong", "--check", "rule"]
    for options in ([], ["--n-ctx", "9"], ["--n-ctx", "30"]):
        [(sentence, line)] = lines(said(capsys, "verify", "aab", *options, *wrong, status=1))
        assert line == f"zoo show {' '.join([*options, 'aab', 'a'])}"
        assert main(shlex.split(line)[1:]) == 0
        reproduced(sentence, capsys.readouterr().out)
    said(capsys, "export", "two_head", tmp_path / "directory", "--format", "gpt2")
    for names in (["verify", tmp_path / "directory", *wrong], ["compare", tmp_path / "directory", "two_head_either"]):
        [(sentence, line)] = lines(said(capsys, *names, status=1))
        assert main(shlex.split(line)[1:]) == 0
        reproduced(sentence, capsys.readouterr().out)


def test_the_lines_of_logits_that_are_close(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "close.py", CLOSE.replace("N,", "5,").replace('"b" if', '"a" if'))
    [(sentence, line)] = lines(said(capsys, "verify", path, "--check", "rule", status=1))
    assert "(logits 1, 1.00000001, margin -1" in sentence
    assert main(shlex.split(line)[1:]) == 0
    reproduced(sentence, capsys.readouterr().out)


def test_the_lines_of_what_is_wrong_in_float32_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "close.py", CLOSE.replace("N,", "5,"))
    [(sentence, line)] = lines(said(capsys, "verify", path, "--check", "float32", status=1))
    assert line == f"zoo show --dtype float32 {path} a"
    assert main(shlex.split(line)[1:]) == 0
    reproduced(sentence, capsys.readouterr().out)


@pytest.mark.parametrize(
    "vocab", ["-x", "\n'", "\x1b\\", "\x85b", ["-", "two words"], ["a", "tab\tbed"], ["[", "\u202e"], ["a", "it's"]]
)
def test_the_lines_of_strange_tokens(vocab: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path, "last.py", LAST.replace("VOCAB", repr(vocab)))
    out = said(capsys, "verify", path, "--check", "rule", status=1)
    line = out[out.index("reproduce: ") + 11 : out.rindex("\n1 model")]
    assert "\n" not in line
    model = find(str(path))
    printed = run(line, capsys)
    [context] = [c for c in model.contexts() if len(c) == 2 and c[0] == vocab[0] and c[1] == vocab[1]]
    text = contexts.written(context).replace("\x1b", r"\x1b").replace("\x85", r"\x85").replace("\u202e", r"\u202e")
    assert f"\nafter {text}: " in printed


def test_the_lines_of_a_test_suite(tmp_path: Path) -> None:
    """A model at hand may be in no file and of no name: it is reproduced by Python."""
    last = find(str(written(tmp_path, "last.py", LAST.replace("VOCAB", "['x1', 'b c']"))))
    of_a_file = find(str(written(tmp_path, "large.py", LARGE_THREE)))
    half = replace(two_head.MODEL, transformer=two_head.MODEL.transformer.astype(np.float16), margin=0.99)
    for model, check in (
        (last, "rule"),
        (of_a_file, "predictors"),
        (replace(aab.build(n_ctx=9), rule=lambda context: {"a"}), "rule"),
        (close(), "float32"),
        (half, "margin"),
    ):
        with pytest.raises(AssertionError) as failed:
            asserting(CHECKS[check].run)(model)
        [(sentence, line)] = lines(str(failed.value))
        logits = eval(line, {"model": model})
        assert ", ".join(f"{logit:.9g}" for logit in logits) in sentence or (
            ", ".join(f"{logit:.6g}" for logit in logits) in sentence
        )


@pytest.mark.parametrize("command", ["predict", "complete", "show"])
def test_a_member_in_another_arithmetic(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    long = said(capsys, command, "aab", "bbbbbbbaa", "--n-ctx", "9", "--dtype", "float32")
    assert long != said(capsys, command, "aab", "bbbbbbbaa") or command != "show"
    if command == "show":
        assert long.startswith("aab: n_ctx 9, d_model 12, float32")
    assert main([command, "two_head", "a", "--n-ctx", "9"]) == 2
    assert "two_head is no family" in capsys.readouterr().err
