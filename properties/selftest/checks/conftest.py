"""What several tests of the checks look at."""

from collections import deque
from typing import Any

import pytest

from properties.checks import right
from properties.checks.right import allowed
from zoo import Model
from zoo.transformer.arrays import Array


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Nothing is kept before; how many contexts are asked about, each time."""
    counts: list[int] = []

    def counting(model: Model, words: Any, asked: Any) -> Array:
        words = list(words)
        counts.append(len(words))
        return allowed(model, words, asked)

    monkeypatch.setattr(right, "allowed", counting)
    monkeypatch.setattr(right, "_kept", deque(maxlen=4))
    return counts
