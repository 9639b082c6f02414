"""Domains made of something else are refused in a sentence, wherever that is noticed first."""

from collections.abc import Callable

import numpy as np
import pytest

from properties.selftest.examples import assert_sentence
from zoo import ContextError, Domain, Model, ModelError, Transformer
from zoo.domain import Layout

A: frozenset[str] = frozenset("a")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Domain("abc"), "the domain is of 'abc', but should be of a tuple of layouts"),  # type: ignore[arg-type]
        (lambda: Domain(5), "the domain is of 5,"),  # type: ignore[arg-type]
        (lambda: Domain((1,)), "the domain is of"),  # type: ignore[arg-type]
        (lambda: Domain((Layout((A,), 1), 5)), "the domain is of"),  # type: ignore[arg-type]
        (lambda: Domain([Layout((A,), 1)]), "the domain is of"),  # type: ignore[arg-type]
        (lambda: Layout(5, 1), "a layout's positions are 5, but should be a tuple of frozensets"),  # type: ignore[arg-type]
        (lambda: Layout([A], 1), "a layout's positions are"),  # type: ignore[arg-type]
        (lambda: Layout(("a", "b"), 1), "a layout's positions are"),  # type: ignore[arg-type]
        (
            lambda: Layout((frozenset(),), 1),
            "a position of a layout may hold is frozenset(), but should be tokens",
        ),
        (lambda: Layout((frozenset([1]),), 1), "but should be tokens"),  # type: ignore[list-item]
        (lambda: Layout((A,), 10**5000), "a layout of 1 tokens starts at"),
        (lambda: Domain.every("ab", -(10**5000)), "tokens, but should have one or more"),
        # Part of the layout, but none of its letters.
        (lambda: Domain.layout("dd+", dd="01"), "the layout dd+ has no 'dd', but should, or not let it"),
    ],
)
def test_a_domain_of_something_else(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ModelError) as caught:
        make()
    assert_sentence(caught.value)
    assert sentence in str(caught.value)


def test_the_context_that_is_proposed_is_one_that_the_model_reads() -> None:
    """The domain has single characters only, but the vocabulary has a word: contexts are no strings."""
    vocab, domain = ["<s>", "a", "b"], Domain.layout("ax", start=2, x="ab")
    model = Model("word", vocab, Transformer(np.eye(3), np.zeros((4, 3)), []), domain=domain)
    with pytest.raises(ContextError, match=r"should be one as a [ab] is$"):
        model.predict(["<s>", "a"])
