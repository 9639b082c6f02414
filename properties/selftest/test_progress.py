"""Lines of progress: on a terminal only, nested within one another, and gone at the end."""

import re

import pytest

from properties.command.main import main
from zoo.progress import steps


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich takes every stream for a terminal
    monkeypatch.setenv("TERM", "xterm")


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
def test_work_within_work_gets_a_line_below(capsys: pytest.CaptureFixture[str]) -> None:
    done = [(i, j) for i in steps(range(2), "outside") for j in steps(iter("ab"), "within", total=2)]
    assert done == [(0, "a"), (0, "b"), (1, "a"), (1, "b")]
    written = capsys.readouterr().err
    assert written.endswith("\x1b[1A\x1b[2K")  # a line up, and erased
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written)
    assert len(re.findall(r"outside[^\n]*/2 [^\n]*\nwithin[^\n]* 0/2 ", lines)) >= 2
    assert re.search(r"outside[^\n]* 2/2 ", lines)


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
