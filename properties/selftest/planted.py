"""Faults that are planted in the source of functions, and a property run up to the first example that fails."""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, settings


class Fault(NamedTuple):
    """A piece of a function's source exchanged for another."""

    function: Callable[..., Any]
    old: str
    new: str


@contextmanager
def first_failure_counts(examples: int) -> Iterator[None]:
    """Always the same examples, at most so many, of which the first that fails ends it."""
    settings.register_profile("before", settings())
    settings.register_profile(
        "first failure",
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    settings.load_profile("first failure")
    try:
        yield
    finally:
        settings.load_profile("before")


def plant(patch: pytest.MonkeyPatch, fault: Fault) -> None:
    """In the function itself, whoever has imported it."""
    function: Any = getattr(fault.function, "__func__", fault.function)  # of a class
    assert isinstance(function, FunctionType)
    source = textwrap.dedent(inspect.getsource(function))
    source = source[re.search(r"^def ", source, re.MULTILINE).start() :]  # type: ignore[union-attr]
    count = source.count(fault.old)
    assert count == 1, f"{fault.old!r} stands {count} times in {function.__qualname__}, but should once"
    made: dict[str, Any] = {}
    exec(
        compile(source.replace(fault.old, fault.new), function.__code__.co_filename, "exec"), function.__globals__, made
    )
    patch.setattr(function, "__code__", made[function.__name__].__code__)
