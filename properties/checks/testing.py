"""The checks as tests of somebody's own pytest suite."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from properties.checks.table import Check, checks
from properties.checks.verdict import Verdict
from zoo import registry
from zoo.errors import ModelError, ZooError, shown
from zoo.model import Model

if TYPE_CHECKING:
    import pytest


def parametrize_with_checks(
    models: Model | str | Iterable[Model | str], accept_sampled: bool = False
) -> "pytest.MarkDecorator":
    """Makes one test of each check of each model; the test calls `check(model)`, which raises where it does not pass.

    Models, or names of models of the zoo; one, or several. What is undecided does not pass; with `accept_sampled` it
    does where nothing was found wrong on a sample. ModelError for what are neither models nor names. As in

        @parametrize_with_checks([MODEL])
        def test_my_models(model, check):
            check(model)
    """
    import pytest  # only a test-suite needs it

    return pytest.mark.parametrize(
        ("model", "check"),
        [
            pytest.param(model, asserting(check, accept_sampled), id=f"{model.name}-{name}")
            for model in _models(models)
            for name, check in checks(model)
        ],
    )


def _models(models: object) -> list[Model]:
    several = [models] if isinstance(models, Model | str) else models
    if not isinstance(several, Iterable):
        raise ModelError(
            f"{shown(models)} is to be checked, but should be a Model, the name of one, or several of them"
        )
    found = [registry.load(one) if isinstance(one, str) else one for one in several]
    for one in found:
        if not isinstance(one, Model):
            raise ModelError(f"{shown(one)} is to be checked, but should be a Model, or the name of one")
    return found


def asserting(check: Check, accept_sampled: bool = False) -> Callable[[Model], Verdict]:
    """The check, raising AssertionError with the message of a verdict that does not pass."""

    def run(model: Model) -> Verdict:
        __tracebackhide__ = True  # pytest shows the verdict, and not this frame
        try:
            verdict = check(model)
        except ZooError as error:  # which says what is wrong, and at which line of whose file
            raise error.with_traceback(None) from None
        if not verdict.passed and not (accept_sampled and verdict.sampled):
            raise AssertionError(verdict.message())
        return verdict

    run.__name__, run.__doc__ = getattr(check, "__name__", "check"), check.__doc__
    return run
