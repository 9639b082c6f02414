"""Objects that remember, or seem to."""

from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np


class Itself:
    """Remembers in an attribute of its own, or of its class."""

    last: Any = None
    table: dict[int, Any] = {}  # noqa: RUF012

    def __init__(self) -> None:
        self.seen: dict[int, Any] = {}
        self.deep = {"list": [([0],)]}

    def __call__(self, c: Any) -> set[str]:
        self.seen.setdefault(len(c), str(c[0]))
        return {"a"}

    def deeply(self, c: Any) -> set[str]:
        self.deep["list"][0][0].append(len(c))
        return {"a"}

    def in_its_class(self, c: Any) -> set[str]:
        Itself.last = c[0]
        return {"a"}

    def in_a_table_of_its_class(self, c: Any) -> set[str]:
        self.table[len(c)] = c[0]
        return {"a"}

    def anew(self, c: Any) -> set[str]:
        self.added = c[0]
        return {"a"}

    def by_vars(self, c: Any) -> set[str]:
        vars(self)["last"] = str(c[0])
        return {"a"}

    @classmethod
    def of_the_class(cls, c: Any) -> set[str]:
        cls.last = str(c[0])
        return {"a"}


class Child(Itself):
    """In a base."""


class Slots:
    __slots__ = ("calls", "unset")

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, c: Any) -> set[str]:
        self.calls += 1
        return {"a"}

    def sets(self, c: Any) -> set[str]:
        self.unset = str(c[0])
        return {"a"}


class Memo(dict[int, str]):
    """A dictionary of its own class."""

    def __call__(self, c: Any) -> set[str]:
        self.setdefault(len(c), str(c[0]))
        return {"a"}


class Properties:
    def __init__(self) -> None:
        self._last: Any = None

    @property
    def last(self) -> Any:
        return self._last

    @last.setter
    def last(self, value: Any) -> None:
        self._last = value

    def __call__(self, c: Any) -> set[str]:
        self.last = str(c[0])
        return {"a"}


class Filled:
    """What `cached_property` fills is no memory; what is then put into it is."""

    @cached_property
    def table(self) -> dict[int, str]:
        return {}

    def __call__(self, c: Any) -> set[str]:
        return {"a"} if not self.table.get(9) else {"b"}

    def remembers(self, c: Any) -> set[str]:
        self.table.setdefault(len(c), str(c[0]))
        return {"a"}


@dataclass
class Data:
    seen: list[str] = field(default_factory=list)

    def __call__(self, c: Any) -> set[str]:
        self.seen.append(str(c[0]))
        return {"a"}


class Alike:
    """Equal to all of its kind: a cache takes one for another."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class Steps:
    """An iterator in Python."""

    def __init__(self) -> None:
        self.at = 0

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> int:
        self.at += 1
        return self.at


class Letter(StrEnum):
    A = "a"


class Tables:
    """A large object that stays what it is."""

    def __init__(self) -> None:
        self.tables = {i: [(i, {"x": bytearray(2)})] for i in range(1000)}
        self.array = np.arange(1000)
        self.itself = self

    @cached_property
    def first(self) -> str:
        return "a"

    def __call__(self, c: Any) -> set[str]:
        return {self.first} if self.tables[len(c)] and self.array[0] == 0 else {"b"}
