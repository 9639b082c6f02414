"""Operators of contexts and of tokens, as real ones have them, whatever stands in for them."""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from properties.proof.reading.decision_tree import leaves

TEXT: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
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


@pytest.mark.parametrize("of", ["context", "part", "token"])
@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("vocab", [("a", "b"), ("aa", "b")])
def test_what_stands_in_is_asked_as_a_real_one(name: str, of: str, vocab: tuple[str, ...]) -> None:
    """Where that gives no answer it is no rule, and none is looked for."""
    if len(vocab[0]) > 1 and of != "token" and name == "mod":
        return  # a tuple has none
    operation, other = TEXT[name]

    def told(context: Any) -> Any:
        mine = {"context": context, "part": context[1:], "token": context[0]}[of]
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
