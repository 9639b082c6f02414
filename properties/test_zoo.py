"""Every check on every model of the zoo."""

import zoo
from properties import parametrize_with_checks
from properties.checks.table import Check
from zoo import Model


@parametrize_with_checks([zoo.load(name) for name in zoo.names()])
def test_zoo(model: Model, check: Check) -> None:
    __tracebackhide__ = True  # a failure is the verdict
    check(model)
