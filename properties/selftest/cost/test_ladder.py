"""The ladder, its JSON and its picture. Times are never asserted: only what was run, and how figures hang together."""

import io
import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.command.main import main
from properties.report import costs as report
from properties.selftest.models import aab, aab_compact
from properties.strategies import tokens, transformers
from reference.assembly import AAB, Assembly
from zoo import registry
from zoo.cost import picture
from zoo.cost.baseline import baseline
from zoo.cost.counted import cost
from zoo.cost.ladder import IMPLEMENTATIONS, Rung, ladder
from zoo.cost.operations import answer_flops, flops
from zoo.cost.spread import spread
from zoo.distill import distill
from zoo.enumeration.native import Ranked
from zoo.errors import FileError, ModelError
from zoo.transformer import forward
from zoo.transformer.arrays import Array

pytestmark = pytest.mark.usefixtures("short_rounds")


def test_every_implementation_of_aab_is_run() -> None:
    rungs = {rung.name: rung for rung in ladder(aab.MODEL, rounds=1)}
    assert list(rungs) == list(IMPLEMENTATIONS)
    for rung in rungs.values():
        assert rung.contexts == 62 if rung.seconds else rung.reason
    assert rungs["baseline"].operations == sum(2**n * flops(aab.MODEL.transformer, n) for n in range(1, 6)) / 62
    assert rungs["enumeration"].operations == 12


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (AAB.replace("mov dl,'b'", "mov dl,'a'"), "its answer after a is another than the model's, but should be b"),
        (AAB.replace("cmp rcx,1", "cmp rcx,0"), "reads address -1"),
    ],
)
def test_an_assembly_that_answers_otherwise_is_not_compared(listing: str, reason: str) -> None:
    wrong = replace(aab.MODEL, predictors=[Assembly("wrong", listing)])
    [rung] = [rung for rung in ladder(wrong, rounds=1) if rung.name == "assembly"]
    assert rung.seconds is None
    assert reason in rung.reason or "should be x86_64" in rung.reason or "no C compiler" in rung.reason


def always_a(transformer: object, tokens: Array) -> Array:
    return np.array([[1.0, 0.0]])


@pytest.mark.parametrize(
    ("name", "where", "fault"),
    [
        ("baseline", "zoo.cost.ladder.baseline", always_a),
        ("batched", "zoo.cost.ladder.batched", lambda transformer, batch: []),
        (
            "batched_float32",
            "zoo.cost.ladder.batched",
            lambda transformer, batch: [0 * rows[:, 0] for rows in batch],
        ),
        ("enumeration", "zoo.enumeration.paths._ranked", lambda x: Ranked(0 * x[0].astype(int), 0 * x[0] + 1)),
        ("distilled", "zoo.cost.ladder.emit.python", lambda program: "def predict_aab(context):\n    return 'a'\n"),
        ("rule", "zoo.models.aab.MODEL", replace(aab.MODEL, rule=lambda context: {"a"})),
    ],
)
def test_what_answers_otherwise_is_not_timed(
    name: str, where: str, fault: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = distill(aab.MODEL)
    monkeypatch.setattr("zoo.cost.ladder.distill", lambda model: program)  # it would refuse, too
    monkeypatch.setattr(where, fault)
    rungs = {rung.name: rung for rung in ladder(aab.MODEL, rounds=1)}
    assert rungs[name].seconds is None
    assert "but should" in rungs[name].reason
    assert "after a" in rungs[name].reason


def test_a_rule_that_raises_is_not_timed() -> None:
    [rung] = [rung for rung in ladder(replace(aab.MODEL, rule=lambda context: {context[9]}), 1) if rung.name == "rule"]
    assert rung.reason == "after a it raises IndexError, but should permit answers"


def test_a_bug_is_no_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> Array:
        raise ValueError("shapes do not match")

    monkeypatch.setattr("zoo.cost.ladder.baseline", broken)
    with pytest.raises(ValueError, match="shapes do not match"):
        ladder(aab.MODEL, rounds=1)


def test_what_cannot_be_run_says_why() -> None:
    rungs = {rung.name: rung for rung in ladder(replace(zoo.load("aab", 24), rule=None, predictors=[]), rounds=1)}
    assert "to be enumerated" in rungs["enumeration"].reason
    assert "to be distilled" in rungs["native"].reason
    assert "should have one" in rungs["rule"].reason
    assert rungs["forward"].seconds is not None


def test_the_sample_is_all_contexts_or_evenly_spread() -> None:
    assert spread(aab.MODEL, 256) == list(aab.MODEL.contexts())
    sample = spread(zoo.load("aab", 12), 100)
    assert sample[0] == "a"
    assert len(sample) == len(set(sample)) == 100
    assert sum(len(context) == 12 for context in sample) == pytest.approx(50, abs=1)


@given(st.data())
def test_the_baseline_is_the_forward_pass(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    row = data.draw(tokens(transformer, max_batch=1))[0]
    np.testing.assert_allclose(baseline(transformer, row), forward(transformer, row[None])[0], rtol=1e-8, atol=1e-8)


def test_what_an_answer_needs_is_less_than_all_rows() -> None:
    transformer = aab.MODEL.transformer
    assert answer_flops(transformer, 1) == flops(transformer, 1) - 1  # one row needs no mask
    # Of four rows only embedding, keys and values (with their biases); of the last all but the mask of five scores.
    assert answer_flops(transformer, 5) == flops(transformer, 5, rows=1) + 4 * (8 + 2 * (2 * 64 + 8)) - 5


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "aab", "--n-ctx", "4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["version"] == 1
    [model] = document["models"]
    assert (model["name"], model["n_ctx"]) == ("aab", 4)
    assert set(model["parameters"]) == {"total", "nonzero", "unique"}
    by_name = {one["name"]: one for one in model["implementations"]}
    assert list(by_name) == list(IMPLEMENTATIONS)
    for one in by_name.values():
        assert set(one) == {"name", "contexts", "seconds_per_context", "times_baseline", "times_rule"}
    forward_, rule = by_name["forward"], by_name["rule"]
    ratio = forward_["seconds_per_context"] / rule["seconds_per_context"]
    assert forward_["times_rule"] == pytest.approx(ratio)
    assert by_name["baseline"]["times_baseline"] == 1


def test_without_a_name_nothing_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "--json"]) == 0
    assert all(model["implementations"] == [] for model in json.loads(capsys.readouterr().out)["models"])


@pytest.mark.parametrize("arguments", [["--svg", "x.svg"], ["--n-ctx", "3"], ["aab", "ab", "--svg", "x.svg"]])
def test_a_picture_is_of_one_model(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", *arguments]) == 2
    assert "but --svg should go with one" in capsys.readouterr().err


def test_how_many_models_a_picture_is_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "aab", "ab", "two_head", "--svg", "x.svg"]) == 2
    assert capsys.readouterr().err == "zoo: 3 models are named, but --svg should go with one: it draws one model\n"
    assert main(["cost", "--svg", "x.svg"]) == 2
    assert capsys.readouterr().err.startswith("zoo: no model is named, but --svg should go with one")


@pytest.mark.parametrize("command", ["cost", "inspect"])
def test_a_picture_is_svg(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """That it cannot be anything else is said before a model is looked for."""
    for name in ("x.pdf", "x.png", "x", "svg", "x.svg.gz", ".svg"):
        assert main([command, "absent.py", "--svg", str(tmp_path / name)]) == 2
        out, error = capsys.readouterr()
        assert (out, error) == (
            "",
            f"zoo: {tmp_path / name} is to hold a picture, but should end in .svg: it is written as SVG only\n",
        )
    assert list(tmp_path.iterdir()) == []
    assert main([command, "ab", "--svg", str(tmp_path / "x.SVG")]) == 0
    assert (tmp_path / "x.SVG").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["aaab"], "there is no model 'aaab'; did you mean 'aab'?"),
        (["aab", "--n-ctx", "0"], "n_ctx is 0, but should be a whole number from 1 on"),
        (["aab", "--n-ctx", "-1"], "n_ctx is -1, but should be a whole number from 1 on"),
        (["aab", "--n-ctx", str(10**9)], "n_ctx is 1000000000, but should be at most 65536"),
        (["aab", "--n-ctx", str(2**16)], "GB of weights, but should have at most"),
        (["aab_compact", "--n-ctx", str(2**15)], "but should take at most 20000000000 and move at most 4000000000"),
        (["two_head", "--n-ctx", "5"], "two_head is no family: it exists at n_ctx 6 only"),
        (["ab", "--n-ctx", "2", "--svg", "{tmp}"], "is a directory or device, but should be a file"),
        (["ab", "--n-ctx", "2", "--svg", "{tmp}/absent/x.svg"], "cannot be written (No such file or directory)"),
        (["ab", "--n-ctx", "2", "--svg", "{tmp}/file/x.svg"], "cannot be written (Not a directory)"),
        (["ab", "--n-ctx", "2", "--svg", "/dev/full"], "is a directory or device, but should be a file"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert main(["cost", *(argument.format(tmp=tmp_path) for argument in arguments)]) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert (said.out, said.err.count("\n")) == ("", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_picture_that_cannot_be_written_leaves_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, link = tmp_path / "ladder.svg", tmp_path / "link.svg"
    picture.write(path, "before")
    link.symlink_to(path)

    def full(self: Path, text: str, encoding: str) -> None:
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(FileError, match="No space left on device"):
            picture.write(path, "after")
    assert (path.read_text(), len(list(tmp_path.iterdir()))) == ("before", 2)
    picture.write(link, "after")
    assert (path.read_text(), link.is_symlink()) == ("after", True)


def test_a_family_s_longer_members_are_weighed_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    for build in (aab.build, aab_compact.build):
        arrays = [array for _, part in build(n_ctx=1500).transformer.parts() for _, array in part.arrays()]
        assert registry._bytes(build, 1500) == pytest.approx(sum(array.nbytes for array in arrays))
    monkeypatch.setattr("os.sysconf", lambda name: 2**10)  # a machine with a megabyte
    assert zoo.load("aab", 1024).n_ctx == 1024
    with pytest.raises(ModelError, match=r"about 0\.042 GB of weights, but should have at most 0\.00013 GB"):
        zoo.load("aab", 1025)


def test_long_contexts_are_timed_on_few() -> None:
    """A forward pass over 256 tokens makes 1.4 10^8 operations; the number of all contexts would fill a line."""
    rungs = {rung.name: rung for rung in ladder(zoo.load("aab", 256), rounds=0)}
    assert (rungs["forward"].contexts, rungs["batched"].contexts) == (4, 4)
    assert rungs["enumeration"].reason.startswith("there are ~2^257 contexts")


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    assert main(["cost", "aab", "--svg", str(tmp_path / "ladder.svg")]) == 0
    texts = "".join(ElementTree.parse(tmp_path / "ladder.svg").getroot().itertext())
    assert all(name in texts for name in ("baseline", "enumeration", "What one answer of aab costs (n_ctx 5)"))


def test_a_picture_s_place_is_looked_at_before_anything_is_timed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("zoo.cost.ladder.ladder", None)  # a call would raise TypeError
    assert main(["cost", "ab", "--svg", str(tmp_path / "absent" / "x.svg")]) == 2
    assert "cannot be written (No such file or directory)" in capsys.readouterr().err


def test_a_stream_without_mu(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr("sys.stdout", stream)
    rungs = [Rung("forward", 1, 24e-6), Rung("baseline", 1, 1.0), Rung("rule", 1, 1.0)]
    report.costs([cost(aab.MODEL, rungs)])
    stream.seek(0)
    assert "24 us" in stream.read()


def test_what_was_not_run_stays_in_the_picture() -> None:
    rungs = [Rung("one", 1, 1e-6, 10), Rung("rule", 1, 1e-6), Rung("none", 0, None, None, "why")]
    svg = picture.ladder(aab.MODEL, rungs)
    said = ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter() if text.tag.endswith("text")]
    assert "none" in said
    assert said.count("not run") == 2
    assert said.count("not counted: Python") == 1
    lines = svg.splitlines()
    for text in ("not run", "not counted: Python"):
        assert all('fill="white"' in lines[i - 1] for i, line in enumerate(lines) if f">{text}<" in line)


def test_the_picture_puts_ten_times_as_much_one_step_further() -> None:
    rungs = [Rung("one", 1, 1e-6, 10), Rung("ten", 1, 1e-5, 100), Rung("none", 1, None)]
    circles = [line for line in picture.ladder(aab.MODEL, rungs).splitlines() if line.startswith("<circle")]
    at = [float(line.split('"')[1]) for line in circles]
    assert at[1] - at[0] == pytest.approx(picture.PANEL, abs=0.2)
    assert len(at) == 4


@pytest.mark.parametrize(
    ("seconds", "text"), [(2.0, "2 s"), (0.0011, "1.1 ms"), (24e-6, "24 µs"), (1e-9, "1 ns"), (5e-10, "0.5 ns")]
)
def test_durations(seconds: float, text: str) -> None:
    assert picture.duration(seconds) == text
