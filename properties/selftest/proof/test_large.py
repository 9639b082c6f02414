"""The command on a model with as many tokens as GPT-2 has: it ends, in a sentence or on a page, whatever is asked."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties.checks import mechanics
from properties.command.main import main
from zoo import files

TOKENS = 50_257


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two layers with 20 heads each, d_model 40, n_ctx 1,024, and names as those of GPT-2's tokens."""
    random, d = np.random.default_rng(0), 40

    def array(*shape: int) -> np.ndarray:
        return random.normal(scale=0.2, size=shape).astype(np.float32)

    def norm() -> zoo.Norm:
        return zoo.Norm(np.ones(d, np.float32), np.zeros(d, np.float32), 1e-5)

    layers = [
        zoo.Attention(array(20, d, 2), array(20, d, 2), array(20, d, 2), array(20, 2, d), b_o=array(d), norm=norm())
        for _ in range(2)
    ]
    transformer = zoo.Transformer(array(TOKENS, d), array(1024, d), layers, norm())
    vocab = ["<|endoftext|>", *(f"\u0120token{i}" for i in range(1, TOKENS))]
    path = tmp_path_factory.mktemp("large") / "model"
    files.write_gpt2(zoo.Model("large", vocab, transformer), path)
    return path


def said(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    status = main([str(argument) for argument in arguments])
    return status, *capsys.readouterr()


def test_inspect_and_show_are_a_page(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = "\u0120token5 \u0120token50000"
    for command, words in {
        "inspect": ("The 16 whose", "--all lists every head", "the 16 of 46 parts", "layer 0, 2.w_q"),
        "show": ("too many to read as sentences", "the 16 tokens with the largest logits, of 50257", "see zoo inspect"),
    }.items():
        status, out, _ = said(capsys, command, directory, context)
        assert status == 0
        assert all(word in out for word in words), out
        assert len(out) < 40_000
    for options, heads in (((), 16), (("--all",), 2 * 20)):
        out = said(capsys, "inspect", directory, *options)[1]
        assert len(re.findall(r"^\d+\.\d+ +W_Q W_K\^T", out, re.MULTILINE)) == 2 * heads
    found = json.loads(said(capsys, "inspect", directory, context, "--json")[1])
    assert np.shape(found["context"]["logits"]) == (2, TOKENS)


def test_verify_ends(directory: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Nothing of so many contexts is proved or enumerated: a sample is run, and decides nothing."""
    (tmp_path / "rules.py").write_text("def rule(context):\n    return {'<|endoftext|>'}\n")
    checks = ("rule", "float32", "window", "invalid_input")
    status, out, _ = said(capsys, "verify", "-v", directory, "--rule", f"{tmp_path}/rules.py:rule", "--check", *checks)
    assert status == 1
    assert "float32          it is float32" in out
    assert "rule failed: wrong in" in out
    assert len(out) < 3_000


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("predict", "strange"), "token 'strange' is unknown, but should be one of '<|endoftext|>', "),
        (("distill",), "has 50257 tokens, but should have at most 256"),
        (("mutate",), "has neither rule nor predictor"),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], words: str, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, error = said(capsys, arguments[0], directory, *arguments[1:])
    assert (status, out) == (2, "")
    assert words in error
    assert len(error) < 500


def test_a_number_by_number_pass_that_would_take_too_long_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mechanics, "MOST", 10**6)
    verdict = mechanics.scalar(zoo.load("aab"))
    assert verdict.status == "undecided"
    assert "one token alone would take as long as" in verdict.detail
