"""Models that once ended in a traceback."""

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties import check_model
from zoo import Model, ModelError, Norm, Transformer

EMBEDDING = np.array([[1.0, 0], [1, 0]])


@dataclass
class Always:
    token: str = "a"

    def __call__(self, context: Any) -> set[str]:
        return {self.token}


def unhashable_rule() -> Model:
    """A rule that is an object without a hash."""
    return Model("unhashable", "ab", Transformer(EMBEDDING, np.zeros((40, 2)), [], None, np.eye(2)), rule=Always())


def eps_is_a_fraction() -> Model:
    """A number that numpy cannot add."""
    norm = Norm(np.ones(2), np.zeros(2), Fraction(1, 100))  # type: ignore[arg-type]  # numbers are taken that mypy does not know
    return Model(
        "fraction",
        "ab",
        Transformer(np.eye(2), np.zeros((4, 2)), [], norm, np.eye(2)),
        rule=lambda context: {context[-1]},
    )


@pytest.mark.parametrize("method", ["auto", "enumerate", "prove"])
@pytest.mark.parametrize("build", [unhashable_rule, eps_is_a_fraction])
def test_it_holds(build: Callable[[], Model], method: str) -> None:
    """Where there are not too many contexts for that."""
    if (build, method) == (unhashable_rule, "enumerate"):
        with pytest.raises(ModelError, match=r"~2\^41 contexts of up to 40 tokens, but should have fewer"):
            check_model(build(), method, ["rule"])
        return
    [verdict] = check_model(build(), method, ["rule"])
    assert verdict.status == "holds", verdict
