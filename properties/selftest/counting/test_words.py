"""Automata, words and parts against all contexts there are, spelled out one by one."""

from collections.abc import Iterable, Iterator
from itertools import product

import numpy as np
import pytest

from properties.counting.automaton import DEAD, Automaton, anything, of_counts, of_table, reduced
from properties.counting.parts import Part, of_fold, of_leaves
from properties.counting.words import Words
from properties.proof.counted import Counted
from properties.proof.folds import Table
from properties.proof.reading.decision_tree import Reading
from reference import Fold
from zoo import Domain
from zoo.rule import Asked
from zoo.transformer.arrays import Array

Word = tuple[int, ...]
EVERY = [word for n in range(5) for word in product(range(3), repeat=n)]
ODD = Automaton(np.array([[0, 1, 2], [1, 0, 2], [DEAD, 2, 3], [3, 3, DEAD]]), np.array([False, True, False, True]))


def walked(after: Array, accept: Array, word: Iterable[int], state: int = 0) -> bool:
    for token in word:
        if state != DEAD:
            state = int(after[state, token])
    return state != DEAD and bool(accept[state])


def accepts(automaton: Automaton | None, word: Iterable[int]) -> bool:
    return automaton is not None and walked(automaton.next, automaton.accept, word)


def drawn(seed: int) -> tuple[Array, Array]:
    """Where tokens lead, the last state being one that is mostly never left, and what is accepted."""
    rng, states = np.random.default_rng(seed), 2 + seed % 5
    after, accept = rng.integers(0, states, (states, 3)), rng.random(states) < 0.4
    if seed % 4:
        after[-1], accept[-1] = states - 1, False
    return after, accept


def automata() -> Iterator[Automaton]:
    yield from (anything(3), ODD)
    for seed in range(20):
        if (found := reduced(*drawn(seed))) is not None:
            yield found


def meant(may: Array, automaton: Automaton | None) -> list[Word]:
    """In order."""
    return [word for word in product(*(np.flatnonzero(row).tolist() for row in may)) if accepts(automaton, word)]


def test_an_automaton_is_reduced_to_the_states_that_differ() -> None:
    for seed in range(60):
        after, accept = drawn(seed)
        tails = [tuple(walked(after, accept, word, state) for word in EVERY) for state in range(len(after))]
        found = reduced(after, accept)
        assert tuple(accepts(found, word) for word in EVERY) == tails[0]
        assert found is None or len(found.next) == len(found.accept) == len({tail for tail in tails if any(tail)})


def test_kinds_of_tokens_lead_to_the_same_from_every_state() -> None:
    automaton = Automaton(np.array([[1, 0, 1, DEAD], [1, 1, 1, DEAD]]), np.array([False, True]))
    assert automaton.kinds.tolist() == [2, 1, 2, 0]
    assert automaton.of_kind.astype(int).tolist() == [[0, 0, 0, 1], [0, 1, 0, 0], [1, 0, 1, 0]]
    assert automaton.steps == [[(1, 0), (2, 1)], [(1, 1), (2, 1)]]


def test_requiring_is_that_one_of_some_tokens_occurs() -> None:
    for automaton in automata():
        for tokens in ({1}, {0, 2}, set[int]()):
            found = automaton.requiring(np.array([token in tokens for token in range(3)]))
            for word in EVERY:
                assert accepts(found, word) == (accepts(automaton, word) and not tokens.isdisjoint(word))


@pytest.mark.parametrize(
    ("counts", "states"),
    [
        ({}, 1),
        ({Counted(range(4), frozenset("a")): (1, 2)}, 3),
        ({Counted(range(4), frozenset("ab")): (0, 0)}, 1),
        ({Counted(range(4), frozenset("a")): (2, 4), Counted(range(4), frozenset("b")): (0, 1)}, 10),
        ({Counted(range(1, 3), frozenset("a")): (1, 1)}, None),
        ({Counted(range(3, 4), frozenset("b")): (0, 0)}, None),
        ({Counted(range(2), frozenset("a")): (1, 2), Counted(range(2, 4), frozenset("ac")): (0, 1)}, None),
        ({Counted(range(4), frozenset("a")): (1, 3), Counted(range(0, 4, 2), frozenset("c")): (1, 1)}, None),
        ({Counted(range(4), frozenset("a")): (5, 6)}, 7),
    ],
)
def test_an_automaton_of_counts(counts: dict[Counted, tuple[int, int]], states: int | None) -> None:
    """Of all positions, states are how often each is counted."""
    found = of_counts(counts, 4, "abc")
    for word in product(range(3), repeat=4):
        numbers = [sum("abc"[word[at]] in one.tokens for at in one.positions) for one in counts]
        assert accepts(found, word) == all(low <= n <= high for n, (low, high) in zip(numbers, counts.values()))
    assert states is None or (found is not None and len(found.next) == states)


def test_an_automaton_of_a_table() -> None:
    """The states that shorter contexts end in lead on; what they lead to is the last state, with the others."""
    fold = Fold(0, lambda n, token: min(n + (token == "a"), 3), lambda n: {"a"})
    table = Table(fold, Asked(fold, "ab", "rule"), ("a", "b"))
    assert of_table(table, 3).tolist() == [[1, 0], [2, 1], [3, 2], [4, 4], [4, 4]]
    assert of_table(table, 2).tolist() == [[1, 0], [2, 1], [4, 4], [4, 4], [4, 4]]


def test_words_are_counted_spelled_and_summed() -> None:
    rng = np.random.default_rng(3)
    seen = 0
    for automaton in automata():
        for length in (0, 1, 3, 4):
            may = rng.random((length, 3)) < 0.7
            words, expected = Words.of(may, automaton), meant(may, automaton)
            assert (words is None) == (not expected)
            if words is None:
                continue
            seen += 1
            assert words.count == len(expected)
            used = [sorted({word[at] for word in expected}) for at in range(length)]
            assert [np.flatnonzero(row).tolist() for row in words.may] == used
            assert words.cells == np.prod([len(some) for some in used])
            terms = rng.integers(-9, 10, (2, length, 3)).astype(float)
            numbers, sums = words.spelled(terms)
            assert list(map(tuple, words.tokens(numbers))) == expected
            of_words = np.array([[sum(row[at, t] for at, t in enumerate(w)) for w in expected] for row in terms])
            assert (sums == of_words.reshape(2, -1)).all()
            assert (words.least(terms) == sums.min(axis=1)).all()
            for at, left in enumerate(words.left):
                ways = list(product(*used[at:]))
                for state, number in enumerate(left):
                    assert number == sum(walked(automaton.next, automaton.accept, way, state) for way in ways)
            other = rng.random((length, 3)) < 0.7
            narrowed = words.only(other)
            assert (narrowed.count if narrowed else 0) == len(meant(may & other, automaton))
    assert seen > 20
    assert Words.of(np.ones((2, 3), bool), None) is None


def contexts(part: Part) -> list[Word]:
    numbers = part.words.spelled(np.zeros((0, *part.words.may.shape))).numbers
    return list(map(tuple, part.tokens(numbers)))


def test_parts_end_with_each_token() -> None:
    for automaton in automata():
        words = Words.of(np.array([[True, True, True], [True, False, True], [True, True, True]]), automaton)
        if words is None:
            continue
        part = Part(words, frozenset("a"), base=automaton)
        ending = list(part.ending())
        assert sorted(word for one in ending for word in contexts(one)) == sorted(contexts(part))
        for one in ending:
            assert (one.length, one.permitted, len(one.words.may)) == (3, part.permitted, 2)
            assert {word[-1] for word in contexts(one)} == {one.last}
            assert one.base is one.words.automaton


# Two boxes at length 3; the second position is what is narrowed.
DOMAIN = Domain.layout("axy", start=2, x="bc", y="abc") | Domain.layout("zxy", start=3, x="ab", y="bc", z="bc")


def last_of(state: str, token: str) -> str:
    return token if token != "b" else state


def permitted(state: str) -> set[str]:
    return {"": {"a"}, "a": {"b"}, "c": {"a", "b"}}[state]


def plain(context: str) -> set[str]:
    return {"b"} if context.count("a") == 1 else {"a"} if context[-1] == "c" else {"a", "c"}


def test_parts_are_of_one_answer_and_are_all_of_the_domain() -> None:
    fold = Fold("", last_of, permitted)
    every = {length: [w for w in map("".join, product("abc", repeat=length)) if w in DOMAIN] for length in (2, 3)}
    for rule in (fold, plain):
        reading = Reading(rule, "abc", "rule")
        for length, expected in every.items():
            if reading.table is not None:
                parts = list(of_fold(reading.table, DOMAIN, length))
                assert len(parts) == len({(part.permitted, part.words.may[0].tobytes()) for part in parts})
            else:
                parts = list(of_leaves(reading, DOMAIN, length))
            found = [("".join("abc"[t] for t in word), part.permitted) for part in parts for word in contexts(part)]
            assert sorted(word for word, _ in found) == expected
            assert all(its == rule(word) for word, its in found)
            for part in parts:
                assert part.base is part.words.automaton
                assert (part.length, part.last, part.need) == (length, None, None)
                assert list(part.but(None)) == []
