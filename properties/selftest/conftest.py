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


@pytest.fixture
def short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is timed is run once in each round, not for as long as a time takes to be worth printing."""
    monkeypatch.setattr("zoo.cost.ladder.LEAST", 1e-6)
