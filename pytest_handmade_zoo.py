"""A plugin of pytest: with `pytest --zoo my_model.py`, each check of the model that the file defines is a test.

Only where that is asked for, as a model file is code and is run. Every pytest of an environment loads this module, so
what it needs of the library is imported where a file is collected.
"""

import os
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("zoo", "checks of hand-built transformers (handmade-zoo)")
    text = "make a test of each check of the model that a named Python file defines (the file is run)"
    group.addoption("--zoo", action="store_true", help=text)
    text = "let pass what is undecided, where nothing wrong was found on a sample"
    group.addoption("--zoo-accept-sampled", action="store_true", help=text)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> "ModelFile | None":
    """A file that is named is a model's, unless its name is that of tests."""
    config = parent.config
    if not config.option.zoo or not parent.session.isinitpath(module_path):
        return None
    if any(fnmatch(module_path.name, pattern) for pattern in config.getini("python_files")):
        return None
    return ModelFile.from_parent(parent, path=module_path)


class ModelFile(pytest.File):
    """A file that defines MODEL."""

    def collect(self) -> Iterator["Check"]:
        from properties.checks.table import checks
        from zoo import ZooError, load_file

        try:
            model = load_file(os.path.relpath(self.path))
            for name, check in checks(model):
                yield Check.from_parent(self, name=name, run=lambda check=check: check(model))
        except ZooError as error:
            raise self.CollectError(str(error)) from None


class Check(pytest.Item):
    """One check of one model."""

    def __init__(self, *, run: Callable[[], Any], **rest: Any) -> None:
        super().__init__(**rest)
        self.run = run

    def runtest(self) -> None:
        from properties.checks.verdict import Requested

        verdict = self.run()
        if not verdict.passed and not (self.config.option.zoo_accept_sampled and verdict.sampled):
            raise AssertionError(verdict.message(Requested(os.path.relpath(self.path))))

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What the verdict says, without a frame of the library; the traceback of what is no verdict."""
        from zoo import ZooError

        if isinstance(excinfo.value, AssertionError | ZooError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        return self.path, None, f"{self.path.name}: {self.name}"
