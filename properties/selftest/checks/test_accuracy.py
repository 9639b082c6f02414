"""A share of right contexts that is stated, in place of its being right everywhere."""

from dataclasses import replace

import pytest

from properties import check_model, checks
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.selftest.checks.planting import large_three
from properties.selftest.models import aab
from zoo import ModelError


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
