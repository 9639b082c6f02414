"""Every check on every model of the zoo, and that what is stated of it catches whatever is changed in it."""

import pytest

import zoo
from properties import parametrize_with_checks
from properties.checks.table import Check
from properties.robustness.mutants import checked, stories
from zoo import Model
from zoo.errors import FailingError


# Of a black box a sample is all there is: that it is undecided stands in its verdict.
@parametrize_with_checks([zoo.load(name) for name in zoo.names()], accept_sampled=True)
def test_zoo(model: Model, check: Check) -> None:
    __tracebackhide__ = True  # a failure is the verdict
    check(model)


@pytest.mark.parametrize("name", [name for name in zoo.names() if checked(zoo.load(name))])
def test_no_mutant_is_open(name: str) -> None:
    try:
        found = list(stories(zoo.load(name)))
    except FailingError as error:  # which the checks show in full
        pytest.fail(str(error), pytrace=False)
    assert any(story.outcome == "caught" for story in found)
    assert [story for story in found if story.outcome == "open"] == []
