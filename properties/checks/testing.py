"""The checks as tests of somebody's own pytest suite."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from properties.checks.table import Check, checks
from properties.checks.verdict import Verdict
from zoo.model import Model

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(models: Iterable[Model], accept_sampled: bool = False) -> "pytest.MarkDecorator":
    """Makes one test of each check of each model; the test calls `check(model)`, which raises where it does not pass.

    What is undecided does not pass; with `accept_sampled` it does where nothing was found wrong on a sample.

    @parametrize_with_checks([MODEL])
    def test_my_models(model, check):
        check(model)
    """
    import pytest  # only a test-suite needs it

    return pytest.mark.parametrize(
        ("model", "check"),
        [
            pytest.param(model, asserting(check, accept_sampled), id=f"{model.name}-{name}")
            for model in models
            for name, check in checks(model)
        ],
    )


def asserting(check: Check, accept_sampled: bool = False) -> Callable[[Model], Verdict]:
    """The check, raising AssertionError with the message of a verdict that does not pass."""

    def run(model: Model) -> Verdict:
        __tracebackhide__ = True  # pytest shows the verdict, and not this frame
        verdict = check(model)
        if not verdict.passed and not (accept_sampled and verdict.sampled):
            raise AssertionError(verdict.message())
        return verdict

    run.__name__, run.__doc__ = getattr(check, "__name__", "check"), check.__doc__
    return run
