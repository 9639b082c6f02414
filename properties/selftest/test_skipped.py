"""What is skipped without a stated reason fails, and reasons are printed: seen in a run of its own."""

import re
from pathlib import Path

import pytest

from properties.selftest import skipped
from properties.selftest.running import pytest_in

TESTS = """
import pytest

def test_that_runs():
    pass

@pytest.mark.skip(reason="it fails on Fridays")
def test_that_is_skipped_for_no_reason():
    pass

def test_of_what_is_installed():
    pytest.skip("numpy is not installed")

def test_of_the_checker_that_dev_installs():
    pytest.skip("python-flint is not installed")

@pytest.mark.xfail(reason="it is wrong", strict=True)
def test_that_is_expected_to_fail():
    assert False

def test_of_a_platform():
    pytest.skip("no C compiler is found, but cc, gcc or clang should be on the path")

@pytest.mark.parametrize("seconds", [1, 2])
def test_of_what_is_only_timed(seconds):
    pytest.skip("takes seconds, and is only timed")
"""
MODULE = """
import pytest

pytest.importorskip("nothing_of_that_name")
"""


def run(folder: Path, *options: str) -> tuple[int, str]:
    plugins = [f"-p{name}" for name in ("xdist", "pytest_benchmark.plugin", "properties.selftest.skipped")]
    (folder / "pytest.ini").write_text("[pytest]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")  # whatever else is installed takes a worker's seconds
        return pytest_in(folder, *plugins, "-c", "pytest.ini", *options)


def test_a_skip_without_a_stated_reason_fails(tmp_path: Path) -> None:
    """Also where a worker meets it, as in `make test`."""
    (tmp_path / "test_it.py").write_text(TESTS)
    status, out = run(tmp_path, "-n", "1", "-rfE", "--benchmark-disable")
    assert status == 1
    assert "3 failed, 1 passed, 3 skipped, 1 error" in out
    for name, words in (
        ("that_is_skipped_for_no_reason", "skipped for a reason that is not stated in skipped.py: 'it fails on"),
        ("of_what_is_installed", "skipped for a reason that is not stated in skipped.py: 'numpy is not installed'"),
        ("of_the_checker_that_dev_installs", "is not stated in skipped.py: 'python-flint is not installed'"),
        ("that_is_expected_to_fail", "expected to fail for a reason that is not stated in skipped.py: 'it is wrong'"),
    ):
        assert re.search(rf"(FAILED|ERROR) test_it.py::test_{name}\b", out)
        assert words in out
    assert "     2  takes seconds, and is only timed\n     1  no C compiler is found" in out


def test_a_module_that_is_skipped_without_a_stated_reason_fails(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(MODULE)
    status, out = run(tmp_path, "--benchmark-disable")
    assert status == 2
    assert "skipped for a reason that is not stated" in out
    assert "nothing_of_that_name" in out


def test_only_what_is_missing_of_an_extra_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"torch", "transformer_lens", "unicorn"} <= skipped.EXTRAS
    monkeypatch.setattr(skipped, "_absent", lambda name: name == "torch")
    assert skipped.accepted("torch is not installed: pip install handmade-zoo[peers]")
    assert skipped.accepted("torch or transformers is not installed")
    for reason in ("onnx is not installed", "onnx or unicorn is not installed", "", "torch", "torch or numpy is not"):
        assert not skipped.accepted(reason)
    monkeypatch.setattr(skipped, "_absent", lambda name: True)
    assert not skipped.accepted("python-flint is not installed")  # `dev` installs it
    assert not skipped.accepted("numpy is not installed")
