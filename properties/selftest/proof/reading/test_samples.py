"""The real contexts that a function is tried on depend on the seed and the leaf, whatever was asked before."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

import reference
from properties.proof.boxes import Box
from properties.proof.reading.decision_tree import Reading, leaves
from properties.proof.reading.samples import BITS, Samples, _Draws
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
    assert list(Samples(VOCAB, 4).of(leaf)) == ["baacca", "bcbbba", "ccccba", "babbba"]
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


def test_draws_look_random() -> None:
    """Neither the same again and again nor in a pattern: of two after each other, every pair is about as frequent."""
    draw = _Draws(0)
    drawn = [draw.below(4) for _ in range(4000)]
    pairs = Counter(pairwise(drawn))
    assert len(pairs) == 16
    assert all(200 < number < 300 for number in pairs.values())
    assert 0 <= draw.state <= BITS
    assert len({_Draws(seed).below(1000) for seed in range(50)}) > 40
    assert Counter(draw.one("ab") for _ in range(1000)).keys() == {*"ab"}


@pytest.mark.parametrize("vocab", [VOCAB, ("one", "two", "three")])
def test_samples_of_a_domain_lie_in_their_leaf_and_differ(vocab: tuple[str, ...]) -> None:
    """Of two trees that are read in turn, in any order."""
    a, b, c = vocab
    roots = [{0: frozenset([a]), 3: frozenset([b, c])}, {0: frozenset([b, c]), 5: frozenset([c])}]
    asked = [((1, frozenset([token])), (3, frozenset([b]))) for token in vocab]
    pairs = [(root, Box(20, {**root, **dict(path)}, frozenset(), path)) for path in asked for root in roots]
    samples, met, found = Samples(vocab, 40), Counter[Any](), dict[int, list[Any]]()
    for i, (root, leaf) in enumerate(pairs):
        found[i] = list(samples.of(leaf, root))
        for j, context in enumerate(found[i]):
            assert type(context) is (str if vocab == VOCAB else tuple)
            assert context in leaf
            assert j % 2 == 0 or len({token for at, token in enumerate(context) if at not in leaf.sets}) == 1
        met.update(found[i])
    assert len(met) > 120, "of 240 contexts half have one token wherever that may be, one of three"
    again = Samples(vocab, 40)
    for i in reversed(range(len(pairs))):
        assert list(again.of(pairs[i][1], pairs[i][0])) == found[i]


def test_leaves_that_know_more_have_other_samples() -> None:
    found = {next(Samples(VOCAB, 1).of(Box(40, {at: frozenset("a")}, frozenset("a"))))[10:] for at in range(10)}
    assert len(found) > 5
