"""What every test of the machinery is run with."""

import sys
from importlib import import_module

import pytest

import zoo.models
from properties.selftest.models import ALL


@pytest.fixture(autouse=True)
def fixed_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """By the names of the zoo, the models of `models/`: whatever a test loads or asks a command for."""
    for name in ALL:
        module = import_module(f"properties.selftest.models.{name}")
        monkeypatch.setitem(sys.modules, f"zoo.models.{name}", module)
        monkeypatch.setattr(zoo.models, name, module, raising=False)
