"""Compiled models are what they were compiled from: every input of their length, at every position."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from properties import check_model
from properties.checks import mechanics
from properties.command.main import main
from properties.robustness.comparison import compare
from properties.selftest.compiling.programs import FILES, PROGRAMS
from zoo import NUMBER, Domain, Model, compiling, files
from zoo.domain import Layout
from zoo.transformer.scalar import scalar_forward

JUDGED = {
    "reverse": "1641 answers judged",
    "hist": "1641 answers judged",
    "sort_unique": "33 answers judged, none in contexts of 5 or 6 tokens",
    "frac_prevs": "1641 answers judged",
}


def compiled(name: str, **more: Any) -> Model:
    return replace(compiling.read(FILES / f"{name}.npz"), **{"rule": PROGRAMS[name]} | more)


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_a_compiled_model_computes_its_program(name: str, method: Any) -> None:
    """One sequence of five tokens is a context of six: 363 of 2 to 6 tokens, with 1641 positions but the first."""
    [verdict] = check_model(compiled(name), method, ["rule"])
    assert (verdict.status, verdict.method) == ("holds", "enumerated" if method == "enumerate" else "proved")
    assert (verdict.contexts, verdict.total, verdict.detail) == (363, 363, JUDGED[name])
    least = 8e-5 if name == "frac_prevs" else 0.9998
    assert verdict.margin is not None
    assert verdict.margin > least


def test_programs_are_compared_in_float64_where_float32_has_no_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """The compiler scales scores by a hundred: bounds on float32's rounding, exponentials of them, are infinite."""
    model = compiled("reverse")
    model = replace(model, domain=Domain((Layout(model.scope.layouts[0].sets[:4], 2),)))
    assert model.scope.count() == 39
    verdicts = {verdict.check: verdict for verdict in check_model(model, names=["scalar", "batched", "heads"])}
    assert {verdict.status for verdict in verdicts.values()} == {"holds"}
    assert verdicts["scalar"].detail == "in float64: largest difference 0"

    def wrong(*arguments: Any) -> Any:
        return [[logit + 0.01 for logit in row] for row in scalar_forward(*arguments)]

    monkeypatch.setattr(mechanics, "scalar_forward", wrong)
    [verdict] = check_model(model, names=["scalar"])
    assert (verdict.status, verdict.counterexample and verdict.counterexample.dtype) == ("failed", "float64")


def test_what_is_read_is_what_the_file_says() -> None:
    reverse, shares = compiled("reverse"), compiled("frac_prevs")
    assert reverse.vocab == ("1", "2", "3", "compiler_bos", "compiler_pad")
    assert (reverse.outputs, reverse.answers, reverse.within) == (("1", "2", "3"), "every", None)
    assert (shares.outputs, shares.within, shares.transformer.dtype.name) == (NUMBER, 1e-4, "float32")
    assert list(reverse.scope.lengths) == [2, 3, 4, 5, 6]
    assert reverse.says(("compiler_bos", "1", "2", "3"))[1:] == ("3", "2", "1")
    assert shares.says(("compiler_bos", "1", "2"))[1:] == pytest.approx((1, 0.5), abs=1e-6)
    assert [layer.causal for layer in shares.transformer.layers if hasattr(layer, "causal")] == [True, True]
    for outside in (("compiler_bos",), ("1", "2"), ("compiler_bos", "compiler_pad"), ("compiler_bos", "compiler_bos")):
        assert outside not in reverse.scope


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_rule_that_is_wrong_at_one_position_is_told_so(name: str) -> None:
    """Of one sequence, at its third token: found by running and by proof, with its position."""
    right = PROGRAMS[name]

    def wrong(context: Any, at: int) -> Any:
        if at == 3 and len(context) == 4 and all(context[i] == token for i, token in ((1, "3"), (2, "1"), (3, "2"))):
            return 0.25 if name == "frac_prevs" else {"1"} if name == "reverse" else {"3"} if name == "hist" else {"1"}
        return right(context, at)

    for method in ("enumerate", "prove"):
        [verdict] = check_model(compiled(name, rule=wrong), method, ["rule"])
        assert verdict.status == "failed"
        assert verdict.counterexample is not None
        assert (verdict.counterexample.context, verdict.counterexample.at) == (("compiler_bos", "3", "1", "2"), 3)


def test_a_number_may_be_off_by_less_than_within(capsys: pytest.CaptureFixture[str]) -> None:
    [verdict] = check_model(compiled("frac_prevs", within=1e-9), names=["rule"])
    assert verdict.status == "failed"
    file, rule = FILES / "frac_prevs.npz", f"{Path(__file__).with_name('programs.py')}:frac_prevs"
    assert main(["verify", str(file), "--rule", rule, "--check", "rule", "--within", "1e-9"]) == 1
    assert "at token" in capsys.readouterr().out
    assert main(["verify", str(file), "--rule", rule, "--check", "rule", "--within", "1e-6"]) == 0


def test_what_is_asked_of_a_compiled_model_at_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said(*arguments: object) -> str:
        assert main([str(argument) for argument in arguments]) == 0
        return capsys.readouterr().out

    file, rule = FILES / "sort_unique.npz", f"{Path(__file__).with_name('programs.py')}:sort_unique"
    out = said("verify", file, "--rule", rule, "--check", "rule")
    assert "sort_unique: 33 answers judged, none in contexts of 5 or 6 tokens\n" in out
    verdict = json.loads(said("verify", file, "--rule", rule, "--check", "rule", "--json"))["models"][0]["verdicts"][0]
    assert (verdict["contexts"], verdict["detail"]) == ("363", "33 answers judged, none in contexts of 5 or 6 tokens")
    assert said("predict", file, "compiler_bos 3 1 2").split()[1:] == ["1", "2", "3"]
    assert "at each of compiler_bos 3 1 2" in said("show", file, "compiler_bos 3 1 2")
    assert "sort_unique" in said("inspect", file)
    assert "363 of 363 contexts" in said("export", file, tmp_path / "out", "--format", "zoo")
    assert "same answers" in said("compare", file, tmp_path / "out")


def test_it_is_written_and_read_as_our_own(tmp_path: Path) -> None:
    for name in ("hist", "frac_prevs"):
        model = compiled(name)
        files.write_zoo(model, tmp_path / name)
        read = files.read(tmp_path / name)
        for field in ("vocab", "answers", "outputs", "within", "source"):
            assert getattr(read, field) == getattr(model, field), field
        assert list(read.contexts()) == list(model.contexts())
        assert compare(model, read, "the same").status == "holds"
