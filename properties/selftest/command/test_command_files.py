"""The command's ways with directories: export, verify DIR --rule, inspect, and what it says of wrong input."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.command.main import main
from properties.report.exported import told
from properties.robustness.export import held
from zoo import files

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
        assert "answers alike in 62 of 62 contexts, smallest margin 1023\nmargin in float32 1023\n" in out
        assert f"margin in bfloat16 {1023.22 if format == 'gpt2' else 1023}\n" in out
        assert ("margin in float16 1023" in out) == (format == "zoo")
        assert ("not for float16" in out) == (format == "gpt2")
        assert "? undecided" in said(capsys, "verify", model, status=1)
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
    out = said(capsys, "export", "aab", tmp_path / "long", "--format", "gpt2", "--n-ctx", 32)
    assert re.search(r"alike in (\d+) of \1 contexts, smallest margin 1023, a sample: they are too many", out)
    assert said(capsys, "complete", tmp_path / "long", "aab", "-n", 20) == "aabaabaabaabaabaabaa\n"
    assert "no family" in said(capsys, "export", "two_head", tmp_path / "x", "--format", "gpt2", "--n-ctx", 9, status=2)


def test_what_export_says_of_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = zoo.load("ab")
    flat = replace(model, transformer=replace(model.transformer, token_embedding=-model.transformer.token_embedding))
    told(held(model, flat), "here")
    out = capsys.readouterr().out
    assert re.search(r"answers alike in 0 of 62 contexts, smallest margin -", out)
    large = replace(model.transformer, token_embedding=np.eye(2) * 6e4, unembedding=np.eye(2) * 6e4)
    told(held(model, replace(model, transformer=large)), "here")
    assert "not for float16: logits overflow" in capsys.readouterr().out
    out = said(capsys, "export", "explainer", tmp_path / "explainer", "--format", "gpt2")
    assert re.search(r"alike in \d+ of 1828 contexts, smallest margin -?\d.*e-.*, a sample", out)
    assert "no answer is stated of it" in out
    assert re.search(r"margin in bfloat16 -0.0\d+\n", out)


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
    for command in ("inspect", "cost"):
        assert "--svg is empty, but should name a file" in said(capsys, command, "ab", "--svg", "", status=2)


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    picture = tmp_path / "old.svg"
    picture.write_text("old")
    ask = f"{sys.executable} -m handmade_zoo inspect explainer a --svg {picture}"
    command = f"ulimit -f 2; {ask}"  # so many blocks a file
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == f"zoo: {picture} cannot be written (File too large), but should be a file that can\n"
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old.svg", "old")]


@pytest.mark.parametrize("command", ["predict", "show", "inspect", "complete"])
@pytest.mark.parametrize(
    ("context", "words"),
    [
        ("[" * 100_000, "should be a list of tokens in JSON"),
        (f"[{'1' * 5000}]", "should be a list of tokens in JSON"),
        ("[3", "should be a list of tokens in JSON"),
        ("[[]]", "token [] is unknown, but should be one of Ġ, '(', ')', ',', '.', a, b, "),
        ('["a", 3]', "token 3 is unknown"),
        ("l strange", "token 'strange' is unknown"),
    ],
)
def test_contexts_that_are_none(command: str, context: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "explainer", context]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert words in error
    assert error.count("\n") == 1
    assert len(error) < 600


def vocabulary(directory: Path, tokens: list[str]) -> Path:
    """A GPT-2 directory that says the last of those tokens after any."""
    n = len(tokens)
    logits = np.tile(np.arange(n)[:, None], n)  # [vocab, d_model]
    transformer = zoo.Transformer(np.eye(n), np.zeros((3, n)), [], unembedding=logits)
    files.write_gpt2(zoo.Model("made", [str(i) for i in range(n)], transformer), directory)
    (directory / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
    return directory


def test_tokens_that_no_file_can_hold_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    directory = vocabulary(tmp_path / "d", ["a", "\ud800"])
    (picture := tmp_path / "old.svg").write_text("old")
    for command in (
        ("inspect", directory, "a"),
        ("show", directory, "aa"),
        ("complete", directory, "a"),
        ("export", directory, tmp_path / "new", "--format", "zoo"),
        ("inspect", directory, '["\ud800"]', "--svg", picture),
    ):
        error = said(capsys, *command, status=2)
        assert "in the vocabulary should be text, which no lone surrogate is" in error
    assert picture.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["d", "old.svg"]


def test_tokens_with_control_characters_are_printed_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = "\x1b]0;title\x07\u202e"
    directory = vocabulary(tmp_path / "evil\n\x1bname", ["a", token])
    shown = r"\x1b]0;title\x07\u202e"
    assert said(capsys, "predict", directory, "a") == f"{shown}\n"
    assert said(capsys, "complete", directory, "a", "-n", 2) == f"{shown} {shown}\n"
    for command in ("inspect", "show"):
        out = said(capsys, command, directory, "a")
        assert shown in out
        assert out.startswith("model: n_ctx 3")  # a directory's own name only if it can be one
        assert all(c.isprintable() or c == "\n" for c in out)
    assert said(capsys, "predict", directory, "b", status=2).count("\n") == 1
