"""What pytest prints of a model that fails, in any suite: the verdict, and no frame of the library."""

from pathlib import Path
from typing import Any

import pytest

import properties.test_zoo
import zoo
from properties import parametrize_with_checks
from properties.selftest.running import pytest_in
from zoo import ModelError, UnknownNameError

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
    return pytest_run(folder, 1, "-k", "rule")


def pytest_run(folder: Path, status: int, *options: str) -> str:
    """What pytest prints, with no plugin but ours."""
    (folder / "pytest.ini").write_text("[pytest]\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        found, out = pytest_in(folder, "-q", "-c", "pytest.ini", "-p", "pytest_handmade_zoo", *options)
    assert found == status, out
    return out


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


def test_a_rule_that_raises_is_one_sentence(tmp_path: Path) -> None:
    out = run(tmp_path, WRONG.replace('{"a"}', "context[5]"))
    assert "E       zoo.errors.RuleError: <lambda>('a') raises IndexError: string index out of range, but should" in out
    assert "should answer every context (line 7 of test_it.py)" in out
    assert len(out.splitlines()) < 25
    for hidden in ("asking.py", "testing.py", "def run("):
        assert hidden not in out


def test_models_or_names_one_or_several() -> None:
    several = parametrize_with_checks(["ab", zoo.load("aab")]).args[1]
    assert [one.id for one in several if one.id.endswith("rule")] == ["ab-rule", "aab-rule"]
    for one in ("ab", zoo.load("ab"), ["ab"], iter(["ab"])):
        assert [parameter.id for parameter in parametrize_with_checks(one).args[1]] == [
            parameter.id for parameter in several if parameter.id.startswith("ab-")
        ]


@pytest.mark.parametrize("wrong", [3, None, [zoo.load("ab"), 3], zoo.load("ab").transformer])
def test_what_is_no_model_is_refused(wrong: Any) -> None:
    with pytest.raises(ModelError, match="is to be checked, but should be a Model"):
        parametrize_with_checks(wrong)
    with pytest.raises(UnknownNameError, match="did you mean 'aab'"):
        parametrize_with_checks("aabb")


def test_the_plugin_makes_a_test_of_each_check(tmp_path: Path) -> None:
    """Of the files that are named, where that is asked for; else a model file is a module as any."""
    (tmp_path / "wrong.py").write_text(
        WRONG.partition("@")[0].replace("from properties import parametrize_with_checks", "")
    )
    (tmp_path / "none.py").write_text("MODEL = 3")
    (tmp_path / "test_mine.py").write_text("def test_it():\n    pass\n")
    out = pytest_run(tmp_path, 1, "--zoo", "wrong.py", "test_mine.py", "--junitxml=out.xml")
    assert "2 failed, 5 passed" in out
    assert "\necho: rule failed: wrong in 7 of 14 contexts\n    after b it says b, permitted is a " in out
    assert "\n    reproduce: zoo show wrong.py b\n" in out
    assert "Error" not in out  # nor is there a frame
    assert "def " not in out
    assert 'testcase classname="wrong" name="rule"' in (tmp_path / "out.xml").read_text()
    assert "MODEL in none.py is a int, but should be a Model\n" in pytest_run(tmp_path, 2, "--zoo", "none.py")
    assert "no tests ran" in pytest_run(tmp_path, 5, "wrong.py")
    assert "1 passed" in pytest_run(tmp_path, 0, "--zoo")
