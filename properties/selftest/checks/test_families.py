"""Small members of the families, held to their rules."""

import pytest

import zoo
from properties.checks.table import check_model

ANSWERS = ["rule", "predictors", "margin", "float32", "cycle"]


@pytest.mark.parametrize("name", ["ab", "aab", "aab_compact", "two_head_either"])
@pytest.mark.parametrize("n_ctx", range(1, 10))
def test_every_small_member_of_a_family_holds(name: str, n_ctx: int) -> None:
    verdicts = check_model(zoo.load(name, n_ctx=n_ctx), names=ANSWERS)
    assert [verdict.message() for verdict in verdicts if verdict.status != "holds"] == []
