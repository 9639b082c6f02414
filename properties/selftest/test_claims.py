"""What is stated beside a rule, held against what comes out."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import zoo
from properties import check_model
from zoo import Claim, Deviation


class Raises:
    def __eq__(self, other: object) -> bool:
        raise ValueError("it is not to be compared")

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("claimed", "found", "within", "expected"),
    [
        (10, 10.01, 0.1, True),
        (10, 10.2, 0.1, False),
        (1.0, np.float32(1.01), 0.1, True),
        (1.0, 1, 0.1, True),
        (1.0, 1, 0, True),
        ("1", 1.0, 0.1, False),
        ((1, 2), (1, 2), 0.1, True),
        (1, Raises(), 0, False),
    ],
)
def test_a_figure_is_what_was_stated(claimed: Any, found: Any, within: float, expected: bool) -> None:
    assert Claim("one", claimed, lambda model: found, "here", within).holds(found) == expected


@pytest.mark.parametrize("contexts", [["aa"], [("a", "a")], [["a", "a"]]])
def test_contexts_of_a_deviation_are_written_in_either_way(contexts: Any) -> None:
    """ab says b after a, which was not meant after two."""
    model = zoo.load("ab", 2)

    def meant(context: str) -> set[str]:
        return {"a"} if context == "aa" else {model.predict(context)}

    [verdict] = check_model(replace(model, rule=None, deviations=[Deviation(meant, contexts, "it is so")]))[:1]
    assert (verdict.check, verdict.status) == ("deviations", "deviates")
