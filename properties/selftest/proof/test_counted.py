"""Boxes in which tokens are counted, against every context: how many they are, what is split off, what is drawn."""

from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.boxes import Box, Boxes, Tally
from properties.proof.counted import Counted, Together, by_positions
from properties.proof.reading.samples import Samples
from properties.selftest.counted_boxes import contexts_of, random_box
from properties.selftest.examples import assert_occurred, many

EVERY = frozenset("ab")


def check_box(seed: int, outcomes: Counter[str]) -> None:
    """Whatever is said of a box is so of the contexts that are in it."""
    rng = np.random.default_rng(seed)
    vocab = "abcd"[: rng.integers(2, 5)]
    n = int(rng.integers(1, 8 if len(vocab) == 2 else 5))
    box = random_box(rng, vocab, n)
    if rng.random() < 0.3:  # perhaps of no context
        more = {one: (least + 1, most + 1) for one, (least, most) in box.counts.items()}
        box = Box(n, box.sets, frozenset(), (), more)
    inside, tight = contexts_of(box, vocab), box.tightened(vocab)
    outcomes["empty" if tight is None else "tightened" if tight.sets != box.sets else "as it was"] += 1
    assert box.count(len(vocab)) == len(inside)
    assert (tight is None) == (not inside)
    every = map("".join, product(vocab, repeat=n))
    assert [context for context in every if context in box] == inside
    check_limits(box, vocab, inside)
    if tight is None:
        return
    assert contexts_of(tight, vocab) == inside
    assert tight.sets.keys() <= {*box.sets, n - 1}, "a position should not be listed for what is counted"
    assert tight.is_one_context(len(vocab)) == (len(inside) == 1)
    for at in {*tight.sets}:
        assert tight.sets[at] >= {context[at] for context in inside}
    parts = [list(tight.split(at, vocab)) for at in range(n)] + [list(tight.halved(one, vocab)) for one in tight.counts]
    for some in parts:
        assert sorted(context for part in some for context in contexts_of(part, vocab)) == inside
        assert all(contexts_of(part, vocab) for part in some)
    wish = rng.normal(size=(n, len(vocab)))
    sums = {context: sum(wish[i, vocab.index(token)] for i, token in enumerate(context)) for context in inside}
    drawn = "".join(vocab[i] for i in tight.nearest(vocab, wish))
    assert drawn in sums
    if len(tight.counts) == 1:
        assert sums[drawn] == pytest.approx(max(sums.values()))
    assert "".join(vocab[i] for i in tight.first(vocab)) in sums
    assert all(sample in sums for sample in Samples(tuple(vocab), 4).of(tight))
    tally = Tally(len(vocab))
    tally.add(tight)
    assert tally.total() == len(inside)
    outcomes["several counts"] += len(tight.counts) > 1


def check_limits(box: Box, vocab: str, inside: list[str]) -> None:
    """What can be counted, and which tokens a position may hold, by the counts of some positions."""
    for positions, counts in by_positions(box.counts):
        together = Together(positions, counts, box.sets, len(vocab))
        alone = contexts_of(Box(box.length, box.sets, frozenset(), (), counts), vocab)
        assert together.feasible == bool(alone)
        if not alone:
            continue
        for kind, counted in enumerate(counts):
            numbers = {sum(context[at] in counted.tokens for at in positions) for context in alone}
            assert together.range(kind) == (min(numbers), max(numbers))
            assert numbers == set(range(min(numbers), max(numbers) + 1))
        for at in positions:
            bits = together.possible(together.mask(at))
            may_be = together.tokens(bits, box.sets.get(at, frozenset(vocab)))
            assert may_be == {context[at] for context in alone}


@pytest.mark.soundness
def test_a_box_that_counts_is_what_it_says(outcomes: Counter[str]) -> None:
    @many(60)
    @given(st.integers(0, 2**32 - 1))
    def check(seed: int) -> None:
        check_box(seed, outcomes)

    check()
    assert_occurred(outcomes, "empty", "tightened", "as it was", "several counts")


def test_a_number_of_what_is_free_is_exact() -> None:
    """A whole number, of boxes that are not as free as each other."""
    tally = Tally(10)
    for box in (Box(60, {}, frozenset()), Box(60, {0: frozenset("12"), 7: frozenset("3")}, frozenset())):
        tally.add(box)
    assert repr(tally.total()) == str(10**60 + 2 * 10**58)


def test_a_number_of_a_long_count_is_exact() -> None:
    """Sums of binomials, of thousands of digits: as many contexts hold an odd number of a as an even one."""
    n = 3000
    odd = Tally(2)
    for k in range(1, n + 1, 2):
        odd.add(Box(n, {}, frozenset(), (), {Counted(range(n), frozenset("a")): (k, k)}))
    assert odd.total() == 2 ** (n - 1)
    half = Box(n, {5: frozenset("a")}, frozenset(), (), {Counted(range(n), frozenset("a")): (n // 2 + 1, n)})
    upper, middle = half.count(2), Box(n, {}, frozenset(), (), {Counted(range(n - 1), frozenset("a")): (n // 2, n)})
    assert 2 * upper == middle.count(2)


@pytest.mark.parametrize(("number", "token"), [(0, "b"), (5, "a")])
def test_a_count_that_decides_every_token_lists_none(number: int, token: str) -> None:
    """But the last, of which the bounds ask."""
    counts = {Counted(range(5), frozenset("a")): (number, number)}
    box = Box(5, {}, frozenset(), (), counts).tightened("ab")
    assert box is not None
    assert box.sets == {4: frozenset(token)}
    assert box.is_one_context(2)
    assert Boxes.of([box], "ab").positions.tolist() == [4]
    assert "".join("ab"[i] for i in box.first("ab")) == 5 * token


def test_what_is_counted_is_said() -> None:
    whole, some = Counted(range(6), frozenset("ca")), Counted(range(1, 5, 3), frozenset("b"))
    box = Box(6, {5: frozenset("c")}, frozenset(), (), {whole: (2, 4)})
    assert box.describe("abc") == "6 tokens, [-1] c, a or c 2 to 4 times"
    box = Box(6, {}, frozenset(), (), {some: (1, 1)})
    assert box.describe("abc") == "6 tokens, b 1 time in [-5] to [-2], each 3 apart"
