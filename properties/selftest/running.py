"""Pytest within the process of a test: to start Python, pytest and numpy anew takes most of the time of a small run."""

import contextlib
import io
import os
import sys
from pathlib import Path

import pytest

LEFT_OUT = ("cacheprovider", "unraisableexception")  # which looks through the garbage of all tests, and not of its own


def pytest_in(folder: Path, *arguments: str) -> tuple[int, str]:
    """The status and what is printed of `pytest` in that folder; the modules it imports from there are forgotten."""
    out = io.StringIO()
    # A folder of its own: in the one that all runs share, it clears up what others clear up at the same time.
    options = [*(f"-pno:{name}" for name in LEFT_OUT), f"--basetemp={folder / 'temporary'}"]
    with contextlib.chdir(folder), pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out):
        patch.setattr(sys, "path", list(sys.path))
        status = pytest.main([*options, *arguments])
    for name, module in list(sys.modules.items()):
        if Path(getattr(module, "__file__", None) or os.devnull).is_relative_to(folder):
            del sys.modules[name]
    return int(status), out.getvalue()
