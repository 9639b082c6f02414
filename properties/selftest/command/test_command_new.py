"""`zoo new`: what it writes verifies at once, and nothing is written over."""

from pathlib import Path

import pytest

from properties.command.main import main
from properties.selftest.running import pytest_in


def test_what_is_written_verifies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my_model"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {"my_model.py", "test_my_model.py"}
    assert main(["verify", "my_model.py"]) == 0
    assert main(["show", "my_model.py", "xyz"]) == 0
    assert "head 0 q: pos 0..3 -> 20 pos 0\n" in capsys.readouterr().out
    status, out = pytest_in(tmp_path, "-q", "test_my_model.py")
    assert (status, "9 passed" in out) == (0, True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("my-model", "is to be called 'my-model', but should have a name as Python's are"),
        ("a" * 300, "aaa.py cannot be written: File name too long"),
        ("class", "is to be called 'class', but should have a name as Python's are"),
        ("numpy", "is to be called 'numpy', but should have a name that no module has"),
        ("mine", "mine.py is there already, but should be a new file"),
        ("yours", "test_yours.py is there already, but should be a new file"),
    ],
)
def test_what_is_refused(
    name: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text("kept")
    (tmp_path / "test_yours.py").write_text("kept")
    assert main(["new", name]) == 2
    assert says in capsys.readouterr().err
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"mine.py": "kept", "test_yours.py": "kept"}


def test_where_nothing_can_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["new", "mine"]) == 2
    assert capsys.readouterr().err == "zoo: mine.py cannot be written: No such file or directory\n"
