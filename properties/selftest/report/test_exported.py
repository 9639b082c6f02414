"""An export that answers otherwise is not written, says why, and leaves nothing; what nobody stated does not count."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.command.main import main
from properties.robustness.export import Export, held
from properties.selftest.models import ALL
from zoo import Attention, Basis, Model, Norm, Transformer, files, move
from zoo.errors import RuleError

# Two tokens; a token's successor is the other one, by so little that float32 has no digits for it.
CLOSE = """
import numpy as np
from zoo import Model, Transformer

def other(context):
    return {"b" if context[-1] == "a" else "a"}
def every(context):
    return {"a", "b"}
def after_ab(context):
    return other(context) if context[-2:] == "ab" else {"a", "b"}
def odd(context):
    return {"a"} if context == "bbba" else other(context)
def predictor(context):
    return "b" if context[-1] == "a" else "a"
def same(context):
    return {context[-1]}
def same_token(context):
    return context[-1]

unembedding = [[1, 1 + 1e-12], [1 + 1e-12, 1]]
MODEL = Model("close", "ab", Transformer(np.eye(2), np.zeros((4, 2)), [], unembedding=unembedding), SAYS)
"""


@pytest.fixture
def close(tmp_path: Path) -> Callable[[str], Path]:
    def write(says: str) -> Path:
        (path := tmp_path / "close.py").write_text(CLOSE.replace("SAYS", says))
        return path

    return write


def copying(size: float) -> Model:
    """Copies the first token; all that is on the residual stream is of that size, and what reads it is made for it."""

    def rule(context: Any) -> set[str]:
        return {context[0]}

    basis = Basis(pos=4, tok="xyz")
    attention = Attention(
        w_q=np.stack([20 / size**2 * move(basis["pos"], basis["pos"][[0] * 4])]),
        w_k=np.stack([move(basis["pos"], basis["pos"])]),
        w_v=np.stack([move(basis["tok"], basis["tok"])]),
        w_o=np.stack([9 * move(basis["tok"], basis["tok"])]),
        scale=1,
    )
    transformer = Transformer(basis["tok"] * size, basis["pos"] * size, [attention], unembedding=basis["tok"] / size)
    return Model("copying", "xyz", transformer, rule=rule)


def export(model: object, directory: Path, format: str = "gpt2") -> int:
    return main(["export", str(model), str(directory), "--format", format])


def test_an_export_that_answers_otherwise(
    close: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ties count too: a program that adds up in another order may decide them otherwise."""
    for says in ("other", "None, [predictor]", "other, [predictor]"):
        assert export(close(says), tmp_path / "out") == 1
        out, error = capsys.readouterr()
        assert "answers alike in 15 of 30 contexts, smallest margin 0\n" in out
        assert error == (
            f"zoo: {tmp_path / 'out'} is not written: in 30 of 30 contexts it would not answer as close does, first "
            "after a: float32 has too few digits for it: in float64 the same form answers alike\n"
        )
        assert [path.name for path in tmp_path.iterdir()] == ["close.py"]
    assert export(close("other"), tmp_path / "out", "zoo") == 0
    assert "answers alike in 30 of 30 contexts" in capsys.readouterr().out


@pytest.mark.parametrize("format", ["gpt2", "zoo"])
@pytest.mark.parametrize("name", [*ALL, "explainer"])
def test_the_zoo_is_exported(name: str, format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused = format == "gpt2" and not zoo.load(name).completes
    assert export(name, tmp_path / "out", format) == 2 * refused
    out, error = capsys.readouterr()
    if refused:
        assert error.endswith("but should after the last one with tokens to be written as GPT-2\n")
        assert not list(tmp_path.iterdir())
        return
    assert error == ""
    if zoo.load(name).rule is not None:
        assert re.search(r"answers alike in (\d+) of \1 contexts", out)
    assert "is not written" not in out
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_the_rule_leaves_open_does_not_count(
    close: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(close("every"), tmp_path / "out") == 0
    out, error = capsys.readouterr()
    assert "answers alike in 15 of 30 contexts, nothing is judged\n15 other answers lose nothing stated" in out
    assert error == ""
    assert files.read(tmp_path / "out").name == "out"
    assert export(close("after_ab"), tmp_path / "other") == 1
    assert "in 7 of 30 contexts it would not answer as close does, first after ab:" in capsys.readouterr().err


def test_without_a_rule_what_rounding_decides_does_not_count(
    close: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(close("None"), tmp_path / "out") == 0
    assert "no answer is stated of it" in capsys.readouterr().out
    assert export(close("same"), tmp_path / "wrong") == 0  # nor where it fails its rule
    assert "15 other answers lose nothing stated" in capsys.readouterr().out
    assert export(close("odd"), tmp_path / "one") == 1
    assert "in 29 of 30 contexts" in capsys.readouterr().err  # what the rule wants after bbba was never said


@pytest.mark.parametrize("stated", [True, False])
def test_a_residual_stream_too_large_for_the_layer_norm(stated: bool, tmp_path: Path) -> None:
    """In float32 and in float64: whether there is a rule or not, since the model's own answer wins by far."""
    for size, wrong in ((1.0, False), (2.0**12, False), (2.0**40, True)):
        model = copying(size) if stated else replace(copying(size), rule=None)
        for dtype in (np.float32, np.float64):
            found: list[Export] = []

            def accept(read: Model, model: Model = model, found: list[Export] = found) -> bool:
                found.append(held(model, read))
                return found[0].first is None

            written = files.write_gpt2(model, tmp_path / f"{size} {np.dtype(dtype)}", dtype, accept=accept)
            assert written is not wrong
            said = found[0].refusal("here")
            assert bool(said) is wrong
            if wrong:
                assert re.fullmatch(
                    r"here is not written: in \d+ of 120 contexts it would not answer as copying does, first after "
                    r"x\w+: the residual stream reaches 1\.\d*e\+13 there, but should stay well below 1\.07e\+09, the "
                    r"root of layer_norm_epsilon, for LayerNorm to do nothing but subtract the mean",
                    said,
                )
    assert len(list(tmp_path.iterdir())) == 4


def test_an_export_of_norms_is_told_no_such_reason(tmp_path: Path) -> None:
    """In float32 it is digits; the residual stream may be as large as it likes."""
    norm, close = Norm(np.ones(2), np.zeros(2), 1e-5), np.array([[1, 1 + 1e-12], [1 + 1e-12, 1]])
    transformer = Transformer(np.eye(2) * 2.0**50, np.zeros((3, 2)), [], norm, close)
    model = Model("normed", "ab", transformer, rule=lambda context: {"b" if context[-1] == "a" else "a"})
    files.write_gpt2(model, tmp_path / "x")
    why = held(model, files.read(tmp_path / "x")).why
    assert why == "float32 has too few digits for it: in float64 the same form answers alike"


@pytest.mark.parametrize("write", [files.write_gpt2, files.write_zoo])
@pytest.mark.parametrize("stops", [KeyboardInterrupt, RuleError("no"), MemoryError, OSError("no"), None])
def test_nothing_is_left_however_the_comparison_ends(write: Any, stops: Any, tmp_path: Path) -> None:
    seen: list[Model] = []

    def accept(read: Model) -> bool:
        seen.append(read)
        assert [path.name[:4] for path in tmp_path.iterdir()] == [".out"]  # it is written, and has no name
        if stops is not None:
            raise stops
        return False

    if stops is None:
        assert not write(copying(1), tmp_path / "out", accept=accept)
    else:
        with pytest.raises(stops if isinstance(stops, type) else type(stops)):
            write(copying(1), tmp_path / "out", accept=accept)
    assert list(tmp_path.iterdir()) == []
    assert seen[0].vocab == ("x", "y", "z")
    assert "out" in json.dumps([seen[0].name, seen[0].source]) or write is files.write_zoo
    assert "." not in seen[0].name
    assert write(copying(1), tmp_path / "out", accept=lambda read: True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_whose_answers_win_by_the_margin_is_said(
    close: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = "of the model's own answers, as no rule is stated"
    assert export(close("None"), tmp_path / "none") == 0
    assert own in " ".join(capsys.readouterr().out.split())
    assert export(close("same"), tmp_path / "rule") == 0
    assert own not in " ".join(capsys.readouterr().out.split())
    assert export(close("None, [same_token]"), tmp_path / "predictor") == 0  # which it fails
    out = " ".join(capsys.readouterr().out.split())
    assert own not in out
    assert "no answer is stated of it" not in out


def test_logits_may_overflow_where_nothing_is_judged() -> None:
    """After c a logit is 120,000, beyond float16; the rule says nothing of it."""
    unembedding = np.array([[0, 0, 0], [1, 1, 0], [0, 0, 2.0]])
    transformer = Transformer(np.diag([1, 1, 6e4]), np.zeros((3, 3)), [], unembedding=unembedding)
    model = Model("large", "abc", transformer, rule=lambda context: set() if "c" in context else {"b"})
    assert dict(held(model, model).margins)["float16"] == 1
    judged = replace(model, rule=lambda context: {"c"} if context[-1] == "c" else {"b"})
    assert str(dict(held(judged, judged).margins)["float16"]) == "nan"


def test_show_says_whose_margin_it_is(close: Callable[[str], Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "--robustness", str(close("None"))]) == 0
    assert "; of the model's own answers, as no rule is stated (enumerated, all 30 contexts)" in capsys.readouterr().out
    assert (
        main(["show", "--robustness", str(close("every"))]) == 0
    )  # of a rule that permits everything, no answer is wrong
    assert "bear is not said, as nothing says which of them are right" in capsys.readouterr().out
