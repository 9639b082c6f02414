"""The generators meet what they are for: faults that many uniform pairs miss are found, with every seed."""

from collections import Counter
from random import Random

import pytest
from hypothesis import Phase, find, settings

from properties.selftest.adders import PLANTED, Add, digits_of, long_chain
from properties.strategies import addends as drawn
from properties.strategies import sums as drawn_sums
from zoo import Domain
from zoo.generators import addends, structured, sums, sums_domain

SEEDS = range(20)


def tries(add: Add, seed: int, most: int = 20_000) -> int | None:
    """How many pairs it takes until one is wrong."""
    random = Random(seed)
    return next((i for i in range(1, most + 1) if _is_wrong(add, *addends(random))), None)


def _is_wrong(add: Add, a: int, b: int) -> bool:
    try:
        return bool(add(a, b) != a + b)
    except IndexError:
        return True


def test_a_fault_in_long_carry_chains_is_found_with_every_seed_and_missed_by_uniform_pairs() -> None:
    found = [tries(long_chain, seed, 2000) for seed in SEEDS]
    assert None not in found, found
    for seed in SEEDS:
        random = Random(seed)
        pairs = ((random.randrange(10**10), random.randrange(10**10)) for _ in range(10_000))
        assert not any(_is_wrong(long_chain, a, b) for a, b in pairs)


@pytest.mark.parametrize("add", PLANTED, ids=lambda add: add.__name__)
def test_every_planted_fault_is_found_with_every_seed(add: Add) -> None:
    found = [tries(add, seed) for seed in SEEDS]
    assert None not in found, found


def test_carry_chains_of_every_length_and_offset() -> None:
    """How many columns a carry runs through, and from which on: all 55 pairs, each more than once in 20,000."""
    random, chains = Random(0), Counter[tuple[int, int]]()
    for _ in range(20_000):
        a, b = map(digits_of, addends(random))
        start: int | None = None
        for at, (x, y) in enumerate(zip(a, b)):
            if start is not None and x + y == 9:
                chains[start, at - start] += 1
            elif x + y >= 10:
                start = at
                chains[start, 0] += 1
            else:
                start = None
    assert set(chains) == {(start, length) for start in range(10) for length in range(10 - start)}
    assert min(chains.values()) > 20, chains


def test_numbers_stay_within_their_digits_and_both_are_any() -> None:
    for digits in (1, 2, 10):
        random, pairs = Random(1), list[tuple[int, int]]()
        pairs = [addends(random, digits) for _ in range(3000)]
        assert all(0 <= one < 10**digits for pair in pairs for one in pair)
        for one in (0, 1):
            assert {len(str(pair[one])) for pair in pairs} == set(range(1, digits + 1))
    assert all(sums()(Random(seed)) in sums_domain() for seed in range(200))
    assert sums(2)(Random(3)) in sums_domain(2)
    assert sums_domain().count() == 10**20


def test_the_same_seed_draws_the_same() -> None:
    assert [sums()(Random(7)) for _ in range(2)] == [sums()(Random(7))] * 2
    assert len({sums()(Random(seed)) for seed in range(100)}) > 90


@pytest.mark.parametrize("add", [long_chain, PLANTED[3]], ids=lambda add: add.__name__)
def test_the_strategy_finds_them_too(add: Add) -> None:
    told = settings(max_examples=3000, database=None, phases=[Phase.generate])
    for seed in SEEDS[:4]:
        a, b = find(drawn(), lambda pair: _is_wrong(add, *pair), settings=told, random=Random(seed))
        assert 0 <= min(a, b) <= max(a, b) < 10**10
        assert _is_wrong(add, a, b)


def test_the_strategy_writes_contexts_of_the_domain() -> None:
    told = settings(database=None, max_examples=3000)
    text = find(drawn_sums(2), lambda text: text.endswith("+09="), settings=told, random=Random(0))
    assert text == "00+09="
    assert text in sums_domain(2)


def test_a_general_generator_draws_every_length_runs_and_repetitions() -> None:
    domain = Domain.layout("^abcabc", start=2, a="xyz", b="xyz", c="xyz")
    random, draw = Random(0), structured(domain, ["^", "x", "y", "z"])
    drawn = [draw(random) for _ in range(2000)]
    assert all(context in domain for context in drawn)
    assert {len(context) for context in drawn} == set(domain.lengths)
    assert {"^xxxxxx", "^xyxyxy", "^xyyxyy"} <= set(drawn)
    words = Domain.layout(["<s>", "w", "w"], start=2, w=["one", "two"])
    assert all(structured(words, ["<s>", "one", "two"])(Random(i)) in words for i in range(20))
    both = Domain.layout("aab", start=3, a="xy") | Domain.layout("bbbb", start=4)
    assert {len(structured(both, "xyb")(Random(i))) for i in range(40)} == {3, 4}
