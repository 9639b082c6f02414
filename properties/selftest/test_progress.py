"""Lines of progress: on a terminal only, nested within one another, and gone at the end."""

import re
import sys

import pytest

from properties.command.main import main
from zoo import progress
from zoo.progress import part, steps


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes every stream for a terminal
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "SOON", 0.0)


@pytest.mark.usefixtures("short_rounds")
@pytest.mark.parametrize("command", [["cost", "ab"], ["distill", "ab"]])
def test_progress_is_shown_on_a_terminal_only(
    command: list[str], capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    assert main(command) == 0
    quiet = capsys.readouterr()
    assert quiet.err == ""
    request.getfixturevalue("terminal")
    assert main(command) == 0
    shown = capsys.readouterr()
    assert {"cost": "timing", "distill": "distilling"}[command[0]] in shown.err


@pytest.mark.usefixtures("terminal")
def test_what_is_soon_done_shows_nothing(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "SOON", 1e9)
    assert list(steps(range(3), "outside")) == [0, 1, 2]
    assert re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\s", "", capsys.readouterr().err) == ""


@pytest.mark.usefixtures("terminal")
def test_of_work_within_work_there_is_one_bar(capsys: pytest.CaptureFixture[str]) -> None:
    done = []
    for i in steps(range(2), "outside"):
        for j in steps(iter("ab"), "within", total=2):
            for k in steps([None], "of one"):
                done.append((i, j, k))
            [bar] = progress._bars
            bar.refresh()
    assert done == [(i, j, None) for i in range(2) for j in "ab"]
    assert not progress._bars
    assert not progress._works
    written = capsys.readouterr().err
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert re.findall(r"(outside \d/2) - within[^\n]*? (\d/2) ", lines) >= [
        ("outside 0/2", "0/2"),
        ("outside 0/2", "1/2"),
        ("outside 1/2", "0/2"),
        ("outside 1/2", "1/2"),
    ]
    assert "\x1b[1A" not in written.replace("\x1b[1A\x1b[2K", "", 1)  # a line is erased at the end, and there is one


@pytest.mark.usefixtures("terminal")
def test_work_that_is_given_up_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    outer = steps(range(3), "outside")
    next(outer)
    inner = steps(range(3), "within")
    next(inner)
    outer.close()  # type: ignore[attr-defined]
    inner.close()  # type: ignore[attr-defined]
    capsys.readouterr()
    assert list(steps(range(3), "afterwards")) == [0, 1, 2]
    lines = capsys.readouterr().err
    assert "afterwards" in lines
    assert "within" not in lines


@pytest.mark.usefixtures("terminal")
def test_between_parts_there_is_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    for i in range(2):
        with part("outside", i, 2):
            [bar] = progress._bars
            bar.refresh()
            shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", capsys.readouterr().err)
            assert re.search(rf"outside .* {i}/2 ", shown)
        assert not progress._bars
        assert not progress._works


@pytest.mark.usefixtures("terminal")
def test_nothing_is_shown_in_a_notebook(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It asks for colours, and keeps every line that was ever drawn."""
    assert list(steps(range(3), "things")) == [0, 1, 2]
    assert "things" in capsys.readouterr().err
    monkeypatch.setitem(sys.modules, "ipykernel", sys)
    assert list(steps(range(3), "things")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
