"""What pytest prints of a model that fails, in any suite: the verdict, and no frame of the library."""

import subprocess
import sys
from pathlib import Path

import pytest

import properties.test_zoo

WRONG = """
import numpy as np

from properties import parametrize_with_checks
from zoo import Model, Transformer

MODEL = Model("echo", "ab", Transformer(np.eye(2), np.zeros((3, 2)), []), rule=lambda context: {"a"})


@parametrize_with_checks([MODEL])
def test_my_models(model, check):
    check(model)
"""


def run(folder: Path, text: str) -> str:
    """What pytest prints of the file."""
    (folder / "test_it.py").write_text(text)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-c", "pytest.ini", "-k", "rule", "-p", "no:cacheprovider"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 1, done
    return done.stdout


@pytest.mark.parametrize("whose", ["somebody's", "ours"])
def test_a_failure_shows_the_verdict_and_no_frame_of_the_library(whose: str, tmp_path: Path) -> None:
    text = WRONG
    if whose == "ours":
        own = Path(properties.test_zoo.__file__).read_text()
        text = WRONG.partition("@")[0] + own.replace("list(MODELS.values())", "[MODEL]")
    out = run(tmp_path, text)
    assert "echo: rule failed: wrong in 7 of 14 contexts" in out
    assert "after b it says b, permitted is a" in out
    for hidden in ("testing.py", "raise AssertionError", "def run(", *(["check(model)"] if whose == "ours" else [])):
        assert hidden not in out
