"""Rules, predictors and models that answer numbers. A number goes by its text, from which it can be had again."""

import operator
from collections.abc import Iterable
from enum import Enum
from fractions import Fraction
from typing import Any, Final

from zoo.rule.asking import Asked, Function, NoAnswerError, Words, finite


class Number(Enum):
    """In place of the names of a model's outputs, where it answers numbers."""

    NUMBER = "a number"

    def __repr__(self) -> str:
        return self.name


NUMBER: Final = Number.NUMBER
TOO_LARGE = 10**4000  # Python refuses to write a whole number of more than 4,300 digits
NUMBERS = Words(
    "{name}({context}) raises {error}: {text}, but should answer every context{where}",
    *["{name}({context}) is {answer}, but should be a number, or None where nothing is asked"] * 2,
)


class Numbers(Asked):
    """A rule or a predictor whose answer is one number; of a rule, None where nothing is asked.

    What is permitted is the number's text, or nothing.
    """

    def __init__(self, function: Function, kind: str, words: Words = NUMBERS) -> None:
        super().__init__(function, (), kind, words)

    def of(self, function: Function) -> "Numbers":
        return Numbers(function, self.kind, self.words)

    def raw(self, context: Any) -> frozenset[str]:
        answer = self.function(context)
        if answer is None and self.kind == "rule":
            return frozenset()
        text = number_text(answer)
        if text is None:
            raise NoAnswerError(self.words.shape, answer)
        return frozenset((text,))


def whole_text(value: Any) -> str | None:
    """The digits of a whole number, of whatever type; None for anything else, a bool too."""
    if isinstance(value, bool):
        return None
    try:
        number = operator.index(value)
    except Exception:  # of a stranger's class
        return None
    return str(number) if abs(number) < TOO_LARGE else None


def number_text(value: Any) -> str | None:
    """The text of a whole or a finite number, from which `float` gives the same one again; None for anything else."""
    if (text := whole_text(value)) is not None:
        return text
    number = finite(value)
    return None if number is None else repr(number)


def near(text: str, permitted: Iterable[str], within: float | None) -> bool:
    """Whether a number is a permitted one, or at most so far from it. Both are compared as the fractions they are."""
    return any(text == one or abs(Fraction(text) - Fraction(one)) <= Fraction(within or 0) for one in permitted)
