"""`zoo verify` of models that take minutes: left out where none is named, and at the size that their files state."""

from pathlib import Path

import pytest

import zoo
from properties.command import finding
from properties.command.main import main

FILE = """
from zoo.models import {like}

LARGE_N_CTX = {large}


def build(n_ctx=3):
    from dataclasses import replace
    return replace({like}.build(n_ctx), name="{name}")


MODEL = build()
"""


@pytest.fixture
def few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A zoo of three models: one that states a large size, one that is published at it, and one that states none."""
    for name, like, large in (("grows", "ab", 40), ("huge", "ab", 3)):
        (tmp_path / f"{name}.py").write_text(FILE.format(name=name, like=like, large=large))
    monkeypatch.setattr(zoo.models, "__path__", [*zoo.models.__path__, str(tmp_path)])
    monkeypatch.setattr(zoo.registry, "names", lambda: ["ab", "grows", "huge"])


@pytest.mark.usefixtures("few")
def test_what_takes_minutes_is_left_out_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--check", "rule"]) == 0
    out = capsys.readouterr().out
    assert [line.split()[0] for line in out.splitlines() if "holds" in line] == ["ab", "grows"]
    assert out.endswith("left to zoo verify --large: huge\n")
    assert main(["verify", "huge", "--check", "rule"]) == 0
    assert "left to" not in capsys.readouterr().out


@pytest.mark.usefixtures("few")
def test_large_sizes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "--large", "--check", "rule"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if "holds" in line}
    assert rows.keys() == {"grows", "huge"}
    assert "all ~2^41" in rows["grows"]
    assert main(["verify", "--large", "grows", "--check", "rule"]) == 0
    assert "huge" not in capsys.readouterr().out
    assert main(["verify", "--large", "ab"]) == 2
    assert "ab states no large size, but should be a model of the zoo that does" in capsys.readouterr().err
    assert main(["verify", "--large", "grows", "--n-ctx", "4"]) == 2
    assert "--n-ctx is given with --large, but should be left" in capsys.readouterr().err


def test_the_adders_are_published_at_their_large_size() -> None:
    assert [name for name in zoo.names() if finding.only_large(name)] == ["adder", "adder_circle"]
