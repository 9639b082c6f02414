"""Certificates by liars: every leaf of a rule is proved in them, by levels that were made up."""

from typing import Any

import numpy as np
import pytest

from properties.proof.bounds import Bounds, Margins
from properties.proof.certificate import certify
from zoo import Model
from zoo.rule import Function

FOUND, LARGEST = "as they are found", "the largest"
LIES = (FOUND, LARGEST, 0.0, 1e-300, -1e-300, -1.0)


def forged(model: Model, function: Function, lie: float | str) -> dict[str, Any] | None:
    """None where the function determines nothing."""
    original = Bounds.margins

    def margins(*arguments: Any, **options: Any) -> Margins:
        found = original(*arguments, **options)
        largest = np.finfo(np.float64).max
        levels = np.nan_to_num(found.levels, nan=0.0, posinf=largest, neginf=-largest)
        if lie != FOUND:
            levels = np.full_like(levels, largest if lie == LARGEST else lie)
        return Margins(np.full(found.lower.shape, 5e-324), levels, found.felt, found.worst)

    with pytest.MonkeyPatch.context() as patch, np.errstate(all="ignore"):
        patch.setattr(Bounds, "margins", margins)
        return certify(model, function)[1]
