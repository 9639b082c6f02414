"""How many leaves a rule has, and what is not asked for."""

from itertools import product
from typing import Any

import reference
from properties.proof.reading.decision_tree import leaves


def test_cost_follows_the_comparisons() -> None:
    """Not the vocabulary, nor the length."""
    vocab = [chr(200 + i) for i in range(500)]
    assert len(list(leaves(lambda c: {vocab[0]} if c[-1] == vocab[3] else {vocab[1]}, vocab, 1000))) == 2
    assert sum(len(list(leaves(reference.aab_assembly, "ab", n))) for n in range(1, 33)) == 3 * 32 - 1


def test_order_splits_what_a_token_may_be_in_two() -> None:
    """Of two tokens the last is named, and 0 is above no other; whatever is below the largest is one."""
    rules = lambda c: c[-1] >= "5", lambda c: c[0] < c[-1], lambda c: c[0] > c[0], max
    numbers = [len(list(leaves(lambda c, of=of: {str(of(c))[0]}, "0123456789TF", 3))) for of in rules]
    assert numbers == [2, 23, 12, 364]


def test_a_count_that_follows_from_the_tokens_that_are_read_is_not_asked_for() -> None:
    """In a later run, where a slice holds known tokens, it is a real string, and so is what counts in it."""

    def rule(context: Any) -> set[str]:
        return {"a"} if not context[1:].count("a") and context[-1] in {"a", "b"} else {"c"}

    found = list(leaves(rule, "abc", 2))
    for context in map("".join, product("abc", repeat=2)):
        assert [leaf.permitted for leaf in found if context in leaf] == [rule(context)]
