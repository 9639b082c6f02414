"""What the compiled models of the tests compute, in plain Python, and where their files are."""

from collections.abc import Sequence
from pathlib import Path

FILES = Path(__file__).parent / "tracr"
Words = Sequence[str]


def reverse(context: Words, at: int) -> set[str] | None:
    """What stands first is no input, and nothing is asked there."""
    return None if at == 0 else {context[len(context) - at]}


def hist(context: Words, at: int) -> set[str] | None:
    return None if at == 0 else {str(sum(1 for token in context[1:] if token == context[at]))}


def sort_unique(context: Words, at: int) -> set[str] | None:
    """Of sequences without repetition: the program is not meant for others."""
    return None if at == 0 or len(set(context)) < len(context) else {sorted(context[1:])[at - 1]}


def frac_prevs(context: Words, at: int) -> float | None:
    return None if at == 0 else sum(token == "1" for token in context[1 : at + 1]) / at


PROGRAMS = {function.__name__: function for function in (reverse, hist, sort_unique, frac_prevs)}
