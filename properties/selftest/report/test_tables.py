"""A line for each model: right at 80 columns, and what it says of each kind of verdict."""

import io

import numpy as np
import pytest

import zoo
from properties import check_model
from properties.checks.verdict import Requested
from properties.command.main import main
from properties.report import console, reading, tables
from zoo import Model, Transformer
from zoo.inspection.reading import reading as read

WRONG = Model("wrong", "ab", Transformer(np.eye(2), np.zeros((3, 2)), []), rule=lambda context: {"a"})
SILENT = Model("silent", "ab", WRONG.transformer)


def lines(width: int, *models: Model, encoding: str = "utf-8") -> list[str]:
    out = console.Plain(highlight=False, width=width, file=io.TextIOWrapper(io.BytesIO(), encoding=encoding))
    with out.capture() as captured:
        tables.models(out, [(Requested(model.name), model, check_model(model)) for model in models])
    return [line.rstrip() for line in captured.get().splitlines()]


def test_each_kind_of_verdict() -> None:
    assert lines(80, zoo.load("ab"), zoo.load("two_head"), zoo.load("induction"), WRONG, SILENT) == [
        "model      verdict      contexts    margin  checks  note",
        "ab         ✓ holds        all 62         1       9",
        "two_head   ~ deviates    all 126  0.970499      11  deviations",
        "induction  ✓ holds      all 1092   30.9785      10  2 sampled",
        "wrong      ✗ failed       all 14        -1  4 of 6  rule, float32",
        "silent     ? undecided    all 14         -  5 of 6  rule",
    ]


def test_the_small_models_of_the_zoo_are_a_line_each_in_80_columns() -> None:
    models = [model for model in map(zoo.load, zoo.names()) if model.scope.count() < 200]
    assert len(models) > 9
    found = lines(80, *models)
    assert [line.split()[0] for line in found] == ["model", *(model.name for model in models)]


def test_tables_are_as_wide_as_there_is_room(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is cut, and no header is broken: the columns that have no room stand in a table of their own."""
    monkeypatch.setattr(console, "console", lambda: console.Plain(highlight=False, width=45))
    monkeypatch.setattr(reading, "console", console.console)
    model = zoo.load("count")
    reading.show(read(model, "aabb" * 2), None)
    out = capsys.readouterr().out
    shares = [line.split() for line in out.splitlines() if line.startswith(("share of the logits", "logits "))]
    assert [len(words) for words in shares] == [4 + 6, 1 + 6, 4 + 3, 1 + 3]
    assert shares[0][4:] + shares[2][4:] == [*"01234567", "8+"]
    assert shares[1][1:] + shares[3][1:] == ["0", "7", "12", "15", "16", "15", "12", "7", "0"]
    patterns = [line for line in out.splitlines() if line.startswith("b7  ")]
    assert " ".join(patterns).split().count("0.125") == 8
    assert all(len(line) <= 45 for line in out.splitlines())


def test_where_there_are_no_such_characters() -> None:
    assert [line.split()[1] for line in lines(80, zoo.load("ab"), WRONG, encoding="latin-1")[1:]] == ["+", "x"]


def test_what_is_printed_of_failures_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", "-q", "ab", "two_head", "ripple_adder", "--tries", "40"]) == 1
    undecided, summary = capsys.readouterr().out.splitlines()
    assert undecided.startswith("ripple_adder: rule undecided: none wrong in 40 of 10^20 contexts")
    assert summary.startswith("3 models, 22 checks: 20 hold, ")
