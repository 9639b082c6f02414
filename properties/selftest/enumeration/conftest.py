"""What several tests of enumeration look at."""

from typing import Any

import pytest

from zoo.enumeration.rounding import Rounding


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """For how many tokens steps are bounded, each time."""
    found, of_step = list[int](), Rounding.of_step

    def noted(self: Rounding, residuals: Any, length: int, seen: Any = ()) -> Any:
        found.append(length)
        return of_step(self, residuals, length, seen)

    monkeypatch.setattr(Rounding, "of_step", noted)
    return found
