"""A fault to be planted in what a property guards."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Fault(NamedTuple):
    """A piece of a function's source exchanged for another."""

    function: Callable[..., Any]
    old: str
    new: str
