"""Every check on every model of the zoo, and that what is stated of it catches whatever is changed in it."""

import pytest
from hypothesis import settings

import zoo
from properties import parametrize_with_checks
from properties.checks.table import Check
from properties.robustness.mutants import checked, stories
from properties.selftest.examples import NIGHTLY
from zoo import Model
from zoo.errors import FailingError

# n_ctx, where what is published takes minutes (see `make verify-large`), and where its mutants would.
SMALL = {"adder": 5, "adder_circle": 5}
OF_MUTANTS = {"aabaab_c": 6, "automaton": 4, "brackets_two": 4, "increment": 6, "order": 4, "rule110": 6, "sort": 6}
MOST = 150  # mutants of each that are tried, drawn at random but always the same, but for the nightly run
CHOOSING = {"brackets_two"}  # a mutant may choose the other of two permitted tokens
MODELS = {name: zoo.load(name, SMALL.get(name)) for name in zoo.names()}


# Of a black box a sample is all there is: that it is undecided stands in its verdict.
@parametrize_with_checks(list(MODELS.values()), accept_sampled=True)
def test_zoo(model: Model, check: Check) -> None:
    __tracebackhide__ = True  # a failure is the verdict
    check(model)


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if checked(model)])
def test_no_mutant_is_open(name: str) -> None:
    try:
        sample = None if settings().max_examples >= NIGHTLY else MOST
        found = list(stories(zoo.load(name, (SMALL | OF_MUTANTS).get(name)), sample))
    except FailingError as error:  # which the checks show in full
        pytest.fail(str(error), pytrace=False)
    assert any(story.outcome == "caught" for story in found)
    assert name in CHOOSING or [story for story in found if story.outcome == "open"] == []
