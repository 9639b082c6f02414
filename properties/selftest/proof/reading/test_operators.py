"""Operators of contexts and of tokens, as real ones have them, whatever stands in for them."""

import operator
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest

from properties.proof.reading.decision_tree import leaves

OPERATORS: dict[str, tuple[Callable[[Any, Any], Any], Any]] = {
    "lt": (operator.lt, "b"),
    "le": (operator.le, "b"),
    "gt": (operator.gt, "b"),
    "ge": (operator.ge, "b"),
    "add": (operator.add, "b"),
    "mul": (operator.mul, 2),
    "radd": (lambda mine, other: other + mine, "b"),
    "rmul": (lambda mine, other: other * mine, 2),
}
STRINGS, TUPLES = ("a", "b", "c"), ("aa", "b", "c")


@pytest.mark.parametrize("vocab", [STRINGS, TUPLES])
@pytest.mark.parametrize("part", [True, False])
@pytest.mark.parametrize("name", OPERATORS)
def test_an_operator_asks_for_what_it_is_given_and_for_no_more(vocab: tuple[str, ...], part: bool, name: str) -> None:
    """Of the token before that, only whether it is the first of the vocabulary."""
    operation, other = OPERATORS[name]
    first, tuples = frozenset(vocab[:1]), part and vocab == TUPLES
    its = (other,) if tuples and isinstance(other, str) else other
    chosen = operation(("b",) if tuples else "b", its)

    def rule(context: Any) -> set[str]:
        if context[0] == vocab[0]:
            return set(first)
        return {"b" if operation(context[1:] if part else context[1], its) == chosen else "c"}

    found = list(leaves(rule, vocab, 2))
    assert {leaf.sets[0] for leaf in found} == {first, frozenset(vocab[1:])}
    for context in product(vocab, repeat=2):
        [leaf] = [one for one in found if context in one]
        assert leaf.permitted == rule(context if vocab == TUPLES else "".join(context))
