"""Arguments that nobody should hand over: one sentence each, and no traceback."""

import errno
import io
import os
import sys
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

import zoo
from properties import check_model, count
from properties.command.main import main
from properties.selftest.examples import assert_sentence
from zoo import Domain, Model, Transformer
from zoo.distill.diagram import Tables, distill
from zoo.errors import ZooError

AB = zoo.load("ab", 3)


def eye(vocab: list[str]) -> Transformer:
    return Transformer(np.eye(len(vocab)), np.zeros((2, len(vocab))), [], None, np.eye(len(vocab)))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("gap", value) for value in (float("nan"), float("inf"), -1, "x", None)),
        *(("max_seconds", value) for value in (float("nan"), -1, "x", 10**400)),
        *(("lengths", value) for value in (5, [1.0], [None], [[1]], ["1"])),
    ],
)
def test_of_a_count(name: str, value: Any) -> None:
    with pytest.raises(ZooError, match=rf"^{name} (is|are) ") as raised:
        count(AB, **{name: value})
    assert_sentence(raised.value)


def test_lengths_of_numpy_are_numbers() -> None:
    assert count(AB, np.arange(1, 3)).total == 6


@pytest.mark.parametrize("names", [5, [5], [None], [["rule"]], "rule"])
def test_of_checks(names: Any) -> None:
    with pytest.raises(ZooError) as raised:
        check_model(AB, names=names)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("margin", [10**400, float("inf"), float("nan"), -1])
def test_of_a_margin(margin: Any) -> None:
    with pytest.raises(ZooError, match="should be a number from 0 on"):
        Model("one", "ab", eye([*"ab"]), margin=margin)


def test_an_accuracy_of_numpy_is_a_number() -> None:
    stated: dict[str, Any] = {"rule": lambda context: {context[-1]}, "accuracy": np.float64(0.5)}
    [verdict] = check_model(Model("one", "ab", eye([*"ab"]), **stated), names=["accuracy"])
    assert verdict.status == "holds"


def test_of_a_domain() -> None:
    with pytest.raises(ZooError, match="should have one or more, to "):
        Domain.every("ab", 10**25)


def test_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "ab", "--jobs", "1" + "0" * 25]) == 2
    assert "--jobs is 1" in capsys.readouterr().err


class Full(io.StringIO):
    """A file on a disk that is full."""

    def __init__(self, file: IO[str], error: int) -> None:
        super().__init__()
        self.own, self.error = file, error

    def write(self, text: str) -> int:
        raise OSError(self.error, os.strerror(self.error))

    def fileno(self) -> int:
        return self.own.fileno()


def test_of_what_is_printed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with open(tmp_path / "full", "w") as file, monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Full(file, errno.ENOSPC))
        assert main(["cost", "ab"]) == 2
        assert capsys.readouterr().err == "zoo: what is printed cannot be written: No space left on device\n"
        patch.setattr(sys, "stdout", Full(file, errno.ENOENT))
        with pytest.raises(FileNotFoundError):
            main(["cost", "ab"])
        patch.setattr(sys, "stdout", None)  # where it was closed
        assert main(["cost", "ab"]) == 0
        sys.stdout.close()


def test_a_stranger_is_found_whatever_the_tokens_are() -> None:
    vocab = ["c", "\N{CRAB}", "not a token", "x y z", "stranger 0"]
    [verdict] = check_model(Model("many", vocab, eye(vocab)), names=["invalid_input"])
    assert verdict.status == "holds"


def test_directions_may_have_any_name() -> None:
    assert zoo.Basis(**{"self": 2}).names == ["self 0", "self 1"]


def test_a_program_that_is_nested_too_deeply(monkeypatch: pytest.MonkeyPatch) -> None:
    def deep(tables: Tables) -> None:
        raise RecursionError

    monkeypatch.setattr(Tables, "program", deep)
    with pytest.raises(ZooError, match="needs too many tests one after another, but should need fewer"):
        distill(AB)
