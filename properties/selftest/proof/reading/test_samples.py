"""The real contexts that a function is tried on depend on the seed and the leaf, whatever was asked before."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import pytest

import reference
from properties.proof.boxes import Box
from properties.proof.reading.decision_tree import Reading, leaves
from properties.proof.reading.samples import Samples
from zoo.rule import Asked

VOCAB = ("a", "b", "c")
LEAVES = [leaf for length in range(1, 9) for leaf in leaves(reference.induction, VOCAB, length)]


def asked_about(monkeypatch: pytest.MonkeyPatch, lengths: Iterable[int]) -> Counter[str]:
    """The real contexts that a reading of these lengths asks about."""
    seen, original = Counter[str](), Asked.__call__

    def noted(self: Asked, context: Any) -> frozenset[str]:
        if type(context) is str:
            seen[context] += 1
        return original(self, context)

    with monkeypatch.context() as patch:
        patch.setattr(Asked, "__call__", noted)
        reading = Reading(reference.aab, VOCAB)
        for length in lengths:
            list(reading.leaves(length))
    return seen


def test_lengths_in_another_order_are_tried_on_the_same_contexts(monkeypatch: pytest.MonkeyPatch) -> None:
    upwards = asked_about(monkeypatch, range(1, 12))
    assert upwards.total() > 50
    assert asked_about(monkeypatch, range(11, 0, -1)) == upwards


def test_leaves_in_another_order_have_the_same_samples() -> None:
    samples = Samples(VOCAB, 4)
    forwards = [list(samples.of(leaf)) for leaf in LEAVES]
    backwards = [list(samples.of(leaf)) for leaf in reversed(LEAVES)]
    assert backwards[::-1] == forwards


def test_what_python_makes_of_a_set_of_strings_changes_nothing() -> None:
    """The order of a set, and the hash of a string, differ from run to run."""
    leaf = Box(6, {4: frozenset("bc"), 5: frozenset("a"), 1: frozenset("ac")}, frozenset("a"))
    assert list(Samples(VOCAB, 4).of(leaf)) == ["bcacba", "bcbbba", "ccacca", "ccccca"]
    words = ("one", "two")
    leaf = Box(3, {2: frozenset(["two"])}, frozenset(words))
    assert list(Samples(words, 2).of(leaf)) == [("one", "two", "two"), ("one", "one", "two")]


@pytest.mark.parametrize("vocab", [VOCAB, ("one", "two", "three")])
def test_samples_lie_in_their_leaf_and_differ(vocab: tuple[str, ...]) -> None:
    sets = {9: frozenset(vocab[:2]), 3: frozenset([vocab[2]])}
    met = Counter[Any]()
    for length in range(10, 90):
        for i, context in enumerate(Samples(vocab, 4).of(Box(length, sets, frozenset()))):
            assert type(context) is (str if vocab == VOCAB else tuple)
            assert len(context) == length
            assert all(context[at] in tokens for at, tokens in sets.items())
            free = {token for at, token in enumerate(context) if at not in sets}
            assert len(free) == 1 if i % 2 else free <= set(vocab)
            met[context[0] if i % 2 else context[:3]] += 1
    assert len(met) > 25, "of 27 beginnings and 3 single tokens nearly all are met"
