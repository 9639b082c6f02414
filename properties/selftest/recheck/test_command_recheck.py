"""`zoo verify --certificate` and `zoo recheck` as their user meets them."""

import json
import os
import sys
from collections import deque
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from properties.checks import settle
from properties.command.main import main
from properties.proof import certificate
from properties.proof.search import Proof, prove_answers

needs_flint = pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")

COPIES = """
import numpy as np
from zoo import Basis, Model, Transformer

def rule(context):
    return {context[-1]}

basis = Basis(tok="xy")
MODEL = Model("copies", "xy", Transformer(basis["tok"], np.zeros((N_CTX, 2)), []), rule=rule)
"""


@pytest.fixture
def copies(tmp_path: Path) -> str:
    (tmp_path / "copies.py").write_text(COPIES.replace("N_CTX", "3"))
    return str(tmp_path / "copies.py")


def certified(tmp_path: Path, *arguments: str) -> str:
    path = str(tmp_path / "certificate.json")
    assert main(["verify", *arguments, "--check", "rule", "--certificate", path]) == 0
    return path


@needs_flint
@pytest.mark.parametrize(
    ("options", "again", "sentence"),
    [
        ([], [], "aab (n_ctx 5, float64) answers as aab_assembly says in 62 contexts, by 1022.99 at least"),
        (["--n-ctx", "9"], ["--n-ctx", "9"], "aab (n_ctx 9, float64) answers as aab_assembly says in 1022 contexts"),
        (
            ["--dtype", "float32"],
            [],
            "aab (n_ctx 5, float32) answers as aab_assembly says in 62 contexts, by 1022.81 at",
        ),
    ],
)
def test_a_certificate_is_written_and_confirmed(
    options: list[str], again: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = certified(tmp_path, "aab", *options)
    capsys.readouterr()
    assert main(["recheck", path, "aab", *again]) == 0
    out, err = capsys.readouterr()
    assert out.startswith(f"confirmed: {sentence}")
    assert "leaves: " in out
    assert err == ""


@pytest.mark.parametrize("method", ["prove", "enumerate"])
@pytest.mark.parametrize(
    ("checks", "proofs"), [(["predictors"], 1), (["rule"], 2), (["predictors", "margin", "rule"], 2)]
)
def test_nothing_is_proved_twice(
    method: str, checks: list[str], proofs: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A certificate is of the proof of the predictor, which a verdict has taken, or which is made for it."""
    asked = []

    def prove(transformer: Any, vocab: Any, function: Any, **more: Any) -> Proof:
        asked.append(function)
        return prove_answers(transformer, vocab, function, **more)

    monkeypatch.setattr(settle, "_proofs", deque(maxlen=8))
    monkeypatch.setattr(settle, "prove_answers", prove)
    monkeypatch.setattr(certificate, "prove_answers", None)
    path = tmp_path / "c.json"
    command = ["verify", "aab", "--n-ctx", "6", "--method", method, "--check", *checks, "--certificate", str(path)]
    assert main(command) == 0
    assert len(asked) == len(set(map(id, asked))) == (proofs if method == "prove" else 1)
    assert json.loads(path.read_text())["function"]["name"] == "aab_assembly"


@needs_flint
def test_certificates_of_files_and_directories(copies: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recheck", certified(tmp_path, copies), copies]) == 0
    directory = str(tmp_path / "directory")
    assert main(["export", copies, directory, "--format", "zoo"]) == 0
    rule = ["--rule", f"{copies}:rule"]
    assert main(["recheck", certified(tmp_path, directory, *rule), directory, *rule]) == 0
    assert "answers as rule says in 14 contexts" in capsys.readouterr().out
    assert main(["recheck", str(tmp_path / "certificate.json"), directory]) == 2
    assert "neither predictor nor rule" in capsys.readouterr().err


@needs_flint
def test_what_a_certificate_is_about_is_named_in_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --rule, that function, though the model has a predictor of its own."""
    (tmp_path / "mine.py").write_text("import reference\n\ndef mine(context):\n    return reference.aab(context)\n")
    rule = ["--rule", f"{tmp_path}/mine.py:mine"]
    path = certified(tmp_path, "aab", *rule)
    assert json.loads(Path(path).read_text())["function"]["name"] == "mine"
    capsys.readouterr()
    assert main(["recheck", path, "aab", *rule]) == 0
    assert "answers as mine says" in capsys.readouterr().out
    assert main(["recheck", path, "aab"]) == 2
    assert "the certificate's function is 'mine', but should be 'aab_assembly'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.json", "aab"], "missing.json cannot be read, but should be a certificate in JSON"),
        ([".", "aab"], ". cannot be read, but should be a certificate in JSON"),
        ([os.devnull, "aab"], "null cannot be read, but should be a certificate in JSON: it is a device"),
        (["list.json", "aab"], "list.json is no certificate, but should be a JSON object"),
        (["text.json", "aab"], "text.json cannot be read, but should be a certificate in JSON"),
        (["deep.json", "aab"], "deep.json cannot be read, but should be a certificate in JSON"),
        (["empty.json", "aab"], "the certificate's format is None, but should be 2"),
        (["certificate.json", "ab"], "the certificate's digest of the arrays is"),
        (["certificate.json", "aab", "--n-ctx", "6"], "the certificate's n_ctx is 5, but should be 6"),
        (["certificate.json", "nobody"], "there is no model 'nobody'"),
        (["certificate.json", "explainer"], "explainer has neither predictor nor rule"),
        (["certificate.json", "aab", "--rule", "nothing.py:f"], "names no Python file"),
    ],
)
def test_bad_input_is_one_sentence_and_status_2(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    certified(tmp_path, "aab")
    contents = {"list": "[]", "text": "certificate", "deep": '{"a":' * 100_000, "empty": "{}"}
    for name, content in contents.items():
        (tmp_path / f"{name}.json").write_text(content)
    capsys.readouterr()
    assert main(["recheck", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zoo: ")
    assert sentence in err
    assert err.count("\n") == 1


@needs_flint
def test_a_certificate_that_does_not_prove_what_it_says_is_status_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = certified(tmp_path, "aab")
    content = json.loads(Path(path).read_text())
    content["nodes"][content["roots"][4]].pop()
    Path(path).write_text(json.dumps(content))
    capsys.readouterr()
    assert main(["recheck", path, "aab"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("zoo: refused: a split at -1 of 2 tokens is into tokens [0], but should be into [0, 1]")
    assert err.count("\n") == 1


def test_python_flint_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = certified(tmp_path, "aab")
    capsys.readouterr()
    monkeypatch.setitem(sys.modules, "flint", None)
    assert main(["recheck", path, "aab"]) == 2
    assert capsys.readouterr().err == (
        "zoo: python-flint is not installed, but is needed to recheck: pip install python-flint\n"
    )


@pytest.mark.parametrize(
    ("arguments", "status", "sentence"),
    [
        (["ab", "aab", "--certificate", "c.json"], 2, "2 models are verified, but a certificate is of one"),
        (["explainer", "--certificate", "c.json"], 2, "explainer has neither predictor nor rule"),
        (["aab", "--certificate", "none/c.json"], 2, "none/c.json cannot be written: there is no directory none"),
        (["aab", "--certificate", "."], 2, ". cannot be written: it is a directory"),
        (
            ["aab", "--certificate", "c.json", "--rule", "wrong.py:wrong"],
            1,
            "aab was not proved right, and there is no",
        ),
    ],
)
def test_no_certificate_can_be_written(
    arguments: list[str],
    status: int,
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrong.py").write_text("def wrong(context):\n    return {'a'}\n")
    check = ["--check", "rule"] if "explainer" not in arguments else []
    assert main(["verify", *arguments, *check]) == status
    out, err = capsys.readouterr()
    assert sentence in err
    assert err.count("\n") == 1
    assert bool(out) == (status == 1)
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.py"]
