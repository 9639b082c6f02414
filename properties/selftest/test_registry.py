"""Models by name and by file, and the sentence that names a file which is no model."""

import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import zoo
from properties import check_model
from properties.command.finding import find_all
from zoo import Attention, ModelError, Norm, Transformer, UnknownNameError, registry
from zoo.registry import load_file, origin

MODEL_FILE = """
from reference import ab
from zoo import Model, Transformer

MODEL = Model("{name}", "ab", Transformer([[1, 0], [0, 1]], [[0, 0]] * 4, [], unembedding=[[0, 1], [1, 0]]), rule=ab)
"""


def test_the_zoo() -> None:
    assert zoo.names() == sorted(zoo.names())
    assert {"ab", "aab", "aab_six", "third_previous", "two_head", "two_head_either"} <= set(zoo.names())
    for name in zoo.names():
        assert zoo.load(name).name == name


def test_families() -> None:
    assert zoo.load("aab", n_ctx=9).n_ctx == 9
    for name in ("aab_six", "third_previous", "two_head"):
        with pytest.raises(ModelError, match="is no family"):
            zoo.load(name, n_ctx=9)
    for n_ctx in (0, -1, 2.5, "9"):
        with pytest.raises(ModelError, match="whole number from 1 on"):
            zoo.load("aab", n_ctx=n_ctx)  # type: ignore[arg-type]


def test_unknown_names_suggest_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'two_head'"):
        zoo.load("two-heads")
    with pytest.raises(UnknownNameError, match="there are aab, "):
        zoo.load("../../etc")
    with pytest.raises(UnknownNameError, match="did you mean 'rule'"):
        check_model(zoo.load("ab"), names=["rul"])


def test_a_file_dropped_into_the_zoo_is_a_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dropped.py").write_text(MODEL_FILE.format(name="dropped"))
    monkeypatch.setattr(zoo.models, "__path__", [*zoo.models.__path__, str(tmp_path)])
    assert "dropped" in zoo.names()
    in_the_zoo = [(v.check, v.status, v.contexts) for v in check_model(zoo.load("dropped"))]
    from_file = [(v.check, v.status, v.contexts) for v in check_model(zoo.load_file(tmp_path / "dropped.py"))]
    assert in_the_zoo == from_file
    assert all(status == "holds" for _, status, _ in in_the_zoo)


def test_a_file_in_the_zoo_with_another_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "other.py").write_text(MODEL_FILE.format(name="ab"))
    monkeypatch.setattr(zoo.models, "__path__", [*zoo.models.__path__, str(tmp_path)])
    with pytest.raises(ModelError, match=r"other\.py names its model 'ab', but should name it 'other'"):
        zoo.load("other")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("import nothing_of_that_name", "could not be run at line 1: ModuleNotFoundError"),
        ("MODEL =", "could not be run: SyntaxError"),
        ("raise SystemExit(0)", "could not be run at line 1: SystemExit"),
        ("raise ValueError('one\\ntwo\\nzoo: all hold')", "line 1: ValueError: one two zoo: all hold$"),
        (
            "from zoo import Transformer\nTransformer([[1]], [[1, 2]], [])",
            "could not be run at line 2: ModelError: .*d_model",
        ),
        ("x = 1", "defines no MODEL"),
        ("MODEL = 1", "is a int, but should be a Model"),
    ],
)
def test_a_file_that_is_no_model(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(ModelError, match=f"mine.py.* {sentence}"):
        zoo.load_file(path)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("MODEL = 1")
    for name in ("missing.py", "notes.txt", "."):
        with pytest.raises(ModelError, match="is no model file"):
            zoo.load_file(tmp_path / name)


def test_two_files_with_one_name(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(MODEL_FILE.format(name="mine"))
    with pytest.raises(ModelError, match=r"two\.py repeats the name 'mine' of .*one\.py"):
        find_all([str(tmp_path / "one.py"), str(tmp_path / "two.py")])


def test_a_file_that_was_changed_within_a_second_is_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Python keeps of a file it has compiled goes by its size and the second of its change."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "changed.py"
    for name in ("one", "two"):
        file.write_text(MODEL_FILE.format(name=name))
        os.utime(file, (1, 1))
        assert zoo.load_file(file).name == name
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_beside_a_model_can_be_imported(tmp_path: Path) -> None:
    """The one beside it, as it is then; nothing of it stays."""
    text = "from shared_by_models import NAME\n" + MODEL_FILE.format(name="x").replace('"x"', "NAME")
    modules, path = {*sys.modules}, [*sys.path]
    for folder, name in (("one", "ours"), ("two", "theirs"), ("one", "kept")):
        (tmp_path / folder).mkdir(exist_ok=True)
        for file, content in (("shared_by_models.py", f"NAME = {name!r}"), ("mine.py", text)):
            (tmp_path / folder / file).write_text(content)
            os.utime(tmp_path / folder / file, (1, 1))
        assert zoo.load_file(tmp_path / folder / "mine.py").name == name
    assert {*sys.modules} - modules <= {"zoo_model_file_mine"}
    assert sys.path == path
    (tmp_path / "one" / "numpy.py").write_text("raise ValueError")
    assert zoo.load_file(tmp_path / "one" / "mine.py").name == "kept"


def test_a_name_without_its_ending(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UnknownNameError, match=r"two_head_either$"):
        zoo.load("mine")
    (tmp_path / "mine.py").write_text("")
    with pytest.raises(UnknownNameError, match=r"; the file is mine\.py$"):
        zoo.load("mine")
    (tmp_path / "my_model.py").write_text("")
    with pytest.raises(UnknownNameError, match=r"'my_modle'; did you mean the file my_model\.py\?$"):
        zoo.load("my_modle")
    (tmp_path / "abb.py").write_text("")
    with pytest.raises(UnknownNameError, match=r"did you mean 'ab'\?$"):
        zoo.load("aba")


def test_a_model_is_shown_in_a_line() -> None:
    assert (
        repr(zoo.load("aab"))
        == "<Model aab: 62 contexts of 1 to 5 tokens over a, b; 1 layer, 1 head, d_model 8, float64>"
    )
    box = "<BlackBox ripple_adder: ~2^66 contexts of 22 tokens over 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, +, =; a black box>"
    assert repr(zoo.load("ripple_adder")) == box


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("raise ValueError('no')", "could not be run.*: ValueError: no"),
        ("return 5", "is a int, but should be a Model"),
        ("return MODEL", "is a model of 9 tokens, but should be one of 30"),
    ],
)
def test_a_builder_of_something_else(body: str, sentence: str, tmp_path: Path) -> None:
    """Also where its small members are weighed first."""
    file = tmp_path / "its.py"
    file.write_text(f"import zoo\nMODEL = zoo.load('ab', 9)\ndef build(n_ctx):\n    {body}\n")
    with pytest.raises(ModelError, match=rf"^build\(n_ctx=30\) of .*its.py {sentence}"):
        load_file(file, 30)
    with pytest.raises(ModelError, match=r"^build\(n_ctx=\d+\) of "):
        load_file(file, 2000)


def test_other_settings_or_weights_are_another_model() -> None:
    known = zoo.load("aab", 7)
    [layer] = known.transformer.layers
    assert isinstance(layer, Attention)
    assert origin(known.transformer.astype("float32")) == ("aab", 7)
    scaled = replace(known.transformer, layers=[replace(layer, scale=2 * layer.multiplier)])
    doubled = replace(known.transformer, layers=[replace(layer, w_o=2 * layer.w_o)])
    assert origin(scaled.astype("float32")) is origin(doubled.astype("float32")) is None


def test_what_does_not_fit_a_type_becomes_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = np.eye(2), np.zeros((3, 2))
    small, large = (Transformer(*arrays, [], Norm(np.ones(2), np.zeros(2), eps)) for eps in (1e-30, 1e-3))
    monkeypatch.setitem(registry._origins, small, ("small", None))
    assert origin(small.astype("float32")) == ("small", None)
    assert origin(large.astype("float16")) is None
