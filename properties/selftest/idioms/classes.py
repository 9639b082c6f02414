"""Classes that idioms use."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class Letter(StrEnum):
    A = "a"
    B = "b"


class Row(NamedTuple):
    token: str
    then: str


@dataclass
class Follows:
    """A rule as an object."""

    token: str
    at: int

    def __call__(self, c: Any) -> bool:
        return bool(c[self.at] == self.token) if -len(c) <= self.at < len(c) else False


@dataclass(frozen=True)
class Frozen:
    tokens: tuple[str, ...]

    def says(self, c: Any) -> bool:
        return c[-1] in self.tokens

    @property
    def first(self) -> str:
        return self.tokens[0]


class Slotted:
    __slots__ = ("table",)

    def __init__(self, table: dict[str, bool]) -> None:
        self.table = table

    def __call__(self, c: Any) -> bool:
        return self.table.get(c[0], False)


class Automaton:
    """A state for each step, by a method."""

    def __init__(self, token: str) -> None:
        self.token = token

    def step(self, state: int, token: str) -> int:
        return (state + 1) % 3 if token == self.token else state

    def __call__(self, c: Any) -> int:
        state = 0
        for token in c:
            state = self.step(state, token)
        return state


class Either:
    """Equal to several tokens."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = tokens

    def __eq__(self, other: object) -> bool:
        return other in self.tokens

    def __hash__(self) -> int:
        return 0


class Loud(str):
    """A token that is equal to others without regard to case."""

    def __eq__(self, other: object) -> bool:
        return str.lower(self) == str(other).lower()

    def __hash__(self) -> int:
        return hash(str.lower(self))


class Word(str):
    """Text that is a class of its own, and adds nothing."""
