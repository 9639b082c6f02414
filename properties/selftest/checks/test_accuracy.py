"""A share of right contexts that is stated, in place of its being right everywhere."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from properties import check_model, checks
from properties.checks import accuracy
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.counting import Count, Counted
from properties.selftest.checks.planting import large_three
from properties.selftest.models import aab, ab
from zoo import Model, ModelError


def test_it_is_settled_by_count_in_place_of_the_rule() -> None:
    """Wrong in six of 46: 86 % is stated, or all."""
    model = replace(large_three(), predictors=[], margin=None, claims=[], accuracy=0.86)
    assert "rule" not in dict(checks(model))
    [verdict] = check_model(model, names=["accuracy"])
    assert (verdict.status, verdict.contexts, verdict.total) == ("holds", 62, 62)
    assert verdict.detail == "right in 86.9565 %: 6 of 46 are wrong; stated 0.86"
    assert CHECKS["accuracy"].run(replace(model, accuracy=1)).status == "failed"
    assert CHECKS["accuracy"].run(replace(aab.build(), accuracy=1)).status == "holds"


def test_what_time_does_not_suffice_for_is_undecided() -> None:
    verdict = CHECKS["accuracy"].run(replace(large_three(), accuracy=0.86), How("prove", seconds=0))
    assert verdict.status == "undecided"
    assert verdict.detail == "right in at least 0 % and at most 100 %; stated 0.86"


@pytest.mark.parametrize("share", [0, 1.5, True, "all"])
def test_what_is_no_share_is_refused(share: object) -> None:
    with pytest.raises(ModelError, match="but should be a number above 0, and 1 at most"):
        replace(aab.build(), accuracy=share)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="should be of a model with a rule"):
        replace(aab.build(), rule=None, accuracy=0.5)


def counted(right: int, wrong: int, left: int, seconds: float, skipped: int = 0) -> Count:
    return Count("made up", (Counted(3, right, wrong, left, skipped),), seconds)


OPEN = counted(0, 0, 10, 9)


@pytest.mark.parametrize(
    ("parts", "stated", "status", "taken", "detail"),
    [
        # As soon as a bound settles it, and a second has passed: more than that is not counted.
        ([OPEN, counted(9, 0, 1, 1.5), OPEN], 0.9, "holds", 2, "at least 90 % and at most 100 %"),
        ([OPEN, counted(0, 2, 8, 1.5), OPEN], 0.9, "failed", 2, "at least 0 % and at most 80 %"),
        # Not before, and not where at most as much as stated is right: then it may yet be either.
        ([counted(9, 0, 1, 1.0), counted(9, 1, 0, 1.0)], 0.9, "holds", 2, "90 %: 1 of 10 are wrong"),
        ([counted(8, 1, 1, 1.5), counted(8, 2, 0, 1.5)], 0.9, "failed", 2, "80 %: 2 of 10 are wrong"),
        ([counted(8, 1, 1, 1.5)], 0.9, "undecided", 1, "at least 80 % and at most 90 %"),
        ([OPEN], 0.9, "undecided", 1, "at least 0 % and at most 100 %"),
        ([], 0.9, "undecided", 0, "at least 0 % and at most 100 %"),
        # A share is as it was written: the float next to it is more, or less.
        ([counted(3, 7, 0, 0)], 0.3, "holds", 1, "30 %: 7 of 10 are wrong"),
        ([counted(1, 9, 0, 0)], 0.1, "holds", 1, "10 %: 9 of 10 are wrong"),
    ],
)
def test_a_count_goes_on_until_the_stated_share_is_settled(
    parts: list[Count], stated: float, status: str, taken: int, detail: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step says more than the one before; the last that was taken is what is told."""
    seen, asked = list[Count](), list[Any]()

    class Counting:
        def __init__(self, model: Model, **options: Any) -> None:
            asked.append(options)

        def steps(self, max_seconds: float) -> Iterator[None]:
            asked.append(max_seconds)
            for part in parts:
                seen.append(part)
                yield

        def so_far(self) -> Count:
            return seen[-1] if seen else OPEN

    monkeypatch.setattr(accuracy, "Counting", Counting)
    executor: Any = object()
    how = How("prove", executor=executor)
    verdict = CHECKS["accuracy"].run(replace(aab.MODEL, accuracy=stated), how)
    assert (verdict.status, verdict.method, len(seen)) == (status, "proved", taken)
    assert verdict.detail == f"right in {detail}; stated {stated}"
    assert verdict.contexts == sum(one.right + one.wrong for one in seen[-1:])
    assert asked == [{"executor": executor, "keep": None}, 1200]


@pytest.mark.parametrize(
    ("how", "seconds"), [(How(), 120), (How("prove"), 1200), (How("sample"), 120), (How("prove", seconds=0), 0)]
)
def test_how_long_a_count_may_take(how: How, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[float] = []

    class Counting:
        def __init__(self, model: Model, **options: Any) -> None:
            pass

        def steps(self, max_seconds: float) -> list[None]:
            given.append(max_seconds)
            return []

        def so_far(self) -> Count:
            return counted(5, 3, 2, 0, skipped=4)

    monkeypatch.setattr(accuracy, "Counting", Counting)
    verdict = CHECKS["accuracy"].run(replace(aab.MODEL, accuracy=0.9), how)
    assert given == [seconds]
    assert (verdict.contexts, verdict.status) == (5 + 3 + 4, "failed")


def test_a_rule_that_determines_nothing_is_right_in_no_share_of_it() -> None:
    silent = replace(aab.build(3), rule=lambda context: set(), accuracy=0.5)
    verdict = CHECKS["accuracy"].run(silent)
    assert (verdict.status, verdict.contexts) == ("failed", 14)
    assert verdict.detail == "vacuous: the rule determines nothing in any context"


@pytest.mark.parametrize(("share", "status"), [(0.5, "holds"), (0.500001, "failed"), (0.499999, "holds")])
def test_exactly_as_many_as_stated_is_enough(share: float, status: str) -> None:
    """After each token, half of the contexts are right."""
    half = replace(ab.build(3), rule=lambda context: {"a"}, accuracy=share, cycle=None)
    verdict = CHECKS["accuracy"].run(half)
    assert (verdict.status, verdict.detail) == (status, f"right in 50 %: 7 of 14 are wrong; stated {share}")
