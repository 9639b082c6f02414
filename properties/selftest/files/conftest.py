"""What the tests of files are handed."""

from pathlib import Path

import pytest

import zoo
from properties.selftest.files.gpt2_directories import blocks
from properties.selftest.files.strangers import FORMATS
from zoo import files


@pytest.fixture(scope="module", params=FORMATS)
def valid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in that format: the explainer, which has all kinds of parts."""
    directory = tmp_path_factory.mktemp("valid") / str(request.param)
    FORMATS[request.param](zoo.load("explainer"), directory)
    return directory


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    files.write_gpt2(blocks(), tmp_path / "model")
    return tmp_path / "model"
