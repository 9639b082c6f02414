"""Operators of contexts and of tokens, as real ones have them, whatever stands in for them."""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from properties.proof.reading.decision_tree import leaves

OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "lt": (operator.lt, "b"),
    "le": (operator.le, "ab"),
    "gt": (operator.gt, "ab"),
    "ge": (operator.ge, "b"),
    "add": (operator.add, "b"),
    "mul": (operator.mul, 2),
    "mod": (operator.mod, ()),
    "after": (lambda mine, other: other + mine, "b"),
    "times": (lambda mine, other: other * mine, 2),
}


CASES = [
    (vocab, whole, name)
    for vocab, whole, name in product([("a", "b"), ("aa", "b")], [True, False], OPERATORS)
    if not (name == "mod" and whole and vocab[0] == "aa")  # a tuple has none
]


@pytest.mark.parametrize(("vocab", "whole", "name"), CASES)
def test_what_stands_in_is_asked_as_a_real_one(vocab: tuple[str, ...], whole: bool, name: str) -> None:
    """A context, or a token of it."""
    operation, other = OPERATORS[name]

    def told(context: Any) -> Any:
        mine = context if whole else context[0]
        real = isinstance(mine, tuple) and isinstance(other, str)
        return operation(mine, tuple(other) if real else other)

    real = {c: told("".join(c) if len(vocab[0]) == 1 else c) for c in product(vocab, repeat=2)}
    chosen = next(iter(real.values()))

    def rule(context: Any) -> set[str]:
        return {"b"} if told(context) == chosen else set(vocab)

    found = list(leaves(rule, vocab, 2))
    for context, its in real.items():
        [leaf] = [one for one in found if context in one]
        assert leaf.permitted == ({"b"} if its == chosen else set(vocab))
