"""What a plain function could remember from one call to the next, and whether that has changed.

A rule that answers from memory can look consistent: its answers agree, and are those to another context. So all that
can be reached from it is compared before and after: by identity, numbers and texts by value, arrays by content. Caches
of functools are left out, as they are filled by all that a call was given.
"""

from collections.abc import Callable
from typing import Any

from zoo.errors import RuleError
from zoo.rule.asking import SHOULD, name_of
from zoo.rule.reached import Walk


class Memory:
    """All that calls of a function may write to, as it was when this was made. RuleError where that cannot be seen."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        walk = Walk(function)
        try:
            walk.through()
        except RuleError:
            raise
        except Exception as error:  # of a stranger's object that does not let itself be looked at
            what = f"reaches what raises {type(error).__name__} when it is looked at"
            raise RuleError(f"{name_of(function)} {what}, {SHOULD}") from error
        self.function, self.records, self.writable = function, walk.records, walk.writable

    def changed(self) -> str:
        """The name of the first that is not as it was, or ""."""
        return next(filter(None, (record.changed() for record in self.records)), "")

    def check(self) -> None:
        """RuleError where anything has changed."""
        if name := self.changed():
            raise RuleError(
                f"{name_of(self.function)} changes {name!r} when it is called, {SHOULD}; "
                "to keep results, use functools.cache"
            )
