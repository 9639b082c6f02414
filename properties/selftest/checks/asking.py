"""Black boxes over two tokens, and what is found of them."""

from collections.abc import Callable
from typing import Any

import reference
from properties import Verdict
from properties.checks.table import CHECKS
from properties.checks.verdict import How
from zoo import BlackBox


def two(predict: Callable[[Any], Any], n_ctx: int = 5, **stated: Any) -> BlackBox:
    """Over two tokens, held to the rule of `aab`."""
    return BlackBox("two", "ab", n_ctx, predict, **({"rule": reference.aab} | stated))


def right(context: str) -> str:
    return min(reference.aab(context), default="a")


def rule(model: BlackBox, how: How | None = None) -> Verdict:
    return CHECKS["rule"].run(model, *([] if how is None else [how]))


def sentence(verdict: Verdict) -> str:
    assert verdict.counterexample is not None
    return verdict.counterexample.sentence()
