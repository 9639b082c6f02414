"""The count by boxes, piece by piece: logits that are made up, and bounds that are as good as can be."""

from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.counting import engine as engines
from properties.counting import general
from properties.counting.automaton import Automaton, anything
from properties.counting.engine import Bounded, judged_wrong
from properties.counting.general import TRIED, General
from properties.counting.parts import Part
from properties.counting.words import Words
from properties.proof.bounds import Margins
from properties.proof.boxes import Boxes
from properties.selftest.counting.test_terms import drawn as transformer
from zoo.transformer.arrays import Array

NAMES = "abcd"
Logits = Callable[[Any, Array], Array]


def every(may: Array) -> Array:
    return np.array(list(product(*map(np.flatnonzero, may))))


class Ideal:
    """Bounds that are the least over the contexts of a box."""

    def __init__(self, logits: Logits) -> None:
        self.logits = logits

    def margins(self, boxes: Boxes, answers: Array, rivals: Array) -> Margins:
        lower = np.empty(len(answers))
        for i, (may, answer, others) in enumerate(zip(boxes.masks, answers, rivals)):
            rows = self.logits(None, every(may))
            lower[i] = (rows[:, [answer]] - rows[:, others]).min()
        return Margins(lower, lower)


def table(seed: int, length: int) -> Logits:
    """Of each context small whole numbers, so that there are ties; one output mostly counts more."""
    rng = np.random.default_rng(seed)
    values = rng.integers(-1, 2, (length, 4, 4))
    values[0] += rng.integers(0, 4, 4)

    def logits(_: object, tokens: Array) -> Array:
        rows: Array = values[np.arange(length), tokens].sum(axis=1).astype(float)
        return rows

    return logits


def made(logits: Logits, patch: pytest.MonkeyPatch, small: int = 0) -> General:
    patch.setattr(general, "last_rows", logits)
    patch.setattr(engines, "last_rows", logits)
    answer = General(transformer(), NAMES)
    answer.small = small
    answer.__dict__["bounds"] = Ideal(logits)
    return answer


def part_of(may: Array, permitted: str) -> Part:
    words = Words.of(may, anything(4))
    assert words is not None
    return Part(words, frozenset(permitted), base=words.automaton)


def wrong_ones(rows: Array, permitted: str) -> Array:
    right = np.array([name in permitted for name in NAMES])
    found: Array = ~(rows[:, right].max(axis=1) > rows[:, ~right].max(axis=1))
    return found


def test_boxes_are_right_or_wrong_where_one_output_exceeds_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else all of it is open; several parts at a time, in their order, of two lengths and of what is permitted."""
    rng, seen = np.random.default_rng(0), Counter[str]()
    for seed in range(25):
        values = {length: table(seed, length) for length in (2, 3)}
        answer = made(lambda _, tokens, v=values: v[tokens.shape[1]](_, tokens), monkeypatch)  # type: ignore[misc]
        parts = [
            part_of((rng.random((length, 4)) < 0.4) | np.eye(4, dtype=bool)[rng.integers(4)], permitted)
            for length in (2, 3, 2)
            for permitted in ("a", "cd", "abd")
        ]
        parts = [part for part in parts if part.words.cells > 1]
        found = answer.bound(parts)
        assert [one.part for one in found] == parts
        for one in found:
            count, permitted = one.part.words.count, "".join(one.part.permitted)
            rows = values[one.part.length](None, every(one.part.words.may))
            right = np.array([name in permitted for name in NAMES])
            wins = [bool((rows[:, i] > rows[:, ~right].max(axis=1)).all()) for i in np.flatnonzero(right)]
            loses = [bool((rows[:, i] > rows[:, right].max(axis=1)).all()) for i in np.flatnonzero(~right)]
            assert (one.least, one.most) == ((0, 0) if any(wins) else (count, count) if any(loses) else (0, count))
            seen["right" if any(wins) else "wrong" if any(loses) else "open"] += 1
            seen["a tie"] += not any(wins) and bool((rows[:, right].max(axis=1) >= rows[:, ~right].max(axis=1)).all())
    assert min(seen[what] for what in ("right", "wrong", "open", "a tie")) > 4


def test_what_has_no_bounds_is_open_or_run(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, part = made(table(1, 2), monkeypatch), part_of(np.ones((2, 4), bool), "a")
    answer.bounds = None
    [found] = answer.bound([part])
    assert (found.least, found.most) == (0, 16)
    monkeypatch.setattr(general, "within_reach", lambda _: False)
    assert General(transformer(), NAMES).bounds is None


def test_what_is_small_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """By how many contexts there are, and by how many there would be without the automaton; a single one always is."""
    logits, all_of_them = table(3, 4), every(np.ones((4, 4), bool))
    needed = Words.of(np.ones((4, 4), bool), anything(4).requiring(np.arange(4) == 3).requiring(np.arange(4) == 0))
    assert needed is not None
    some = all_of_them[(all_of_them == 3).any(axis=1) & (all_of_them == 0).any(axis=1)]
    exact = int(wrong_ones(logits(None, some), "ab").sum())
    assert 0 < exact < needed.count == len(some) == 110
    for small, run in ((109, False), (110, True)):
        [found] = made(logits, monkeypatch, small).bound([Part(needed, frozenset("ab"), base=needed.automaton)])
        assert ((found.least, found.most) == (exact, exact)) == run
    alike = Automaton(
        np.concatenate([[[1, 2, 3, 4]], np.where(np.eye(4) > 0, np.arange(1, 5)[:, None], -1)]), np.ones(5) > 0
    )
    rare = Words.of(np.ones((6, 4), bool), alike)
    assert rare is not None
    assert rare.count == 4
    for small, run in ((63, False), (64, True)):  # of 4^6 / 64
        [found] = made(table(3, 6), monkeypatch, small).bound([Part(rare, frozenset("ab"), base=alike)])
        assert (found.least == found.most) == run
    single = part_of(np.eye(4, dtype=bool), "ab")  # a tie, which no bound tells
    [found] = made(lambda _, tokens: np.zeros((len(tokens), 4)), monkeypatch, 0).bound([single])
    assert found.least == found.most == 1


def test_of_what_no_engine_has_looked_at_all_is_open() -> None:
    part = part_of(np.ones((2, 4), bool), "a")
    found = Bounded.not_yet(part)
    assert (found.part, found.least, found.most, found.looked) == (part, 0, 16, False)
    assert Bounded(part, 0, 16).looked


def test_contexts_are_tried_of_what_each_position_may_hold() -> None:
    part = part_of(np.array([[True, False, True, True], [False, True, False, False]]), "a")
    tokens = general.drawn(part, 40)
    assert tokens.shape == (40, 2)
    assert set(tokens[:, 0].tolist()) == {0, 2, 3}
    assert set(tokens[:, 1].tolist()) == {1}
    assert (general.drawn(part, 40) == tokens).all()


def test_the_wrong_output_that_is_largest_mostly_is_feared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is right is not, nor what is no number; that is wrong, and a tie too."""

    def logits(_: object, tokens: Array) -> Array:
        rows = np.zeros((len(tokens), 4))
        rows[:, 0] = 9
        rows[np.arange(len(tokens)), 1 + tokens[:, 0] % 2] = 9 - (tokens[:, 1] == 3)
        rows[:, 3] = np.where(tokens[:, 1] == 2, np.nan, -1)
        return rows

    answer = made(logits, monkeypatch)
    parts = [part_of(np.eye(4, dtype=bool)[[i, j]], "a") for i, j in ((0, 3), (1, 1), (1, 2))]
    wrong, feared = answer._tried(parts, np.arange(4) == 0)
    assert wrong.tolist() == [[False] * TRIED, [True] * TRIED, [True] * TRIED]
    assert feared.tolist() == [1, 2, 2]


def test_effects_are_by_how_much_the_margin_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    logits, may = (
        table(5, 3),
        np.array([[True, True, False, True], [False, True, True, False], [True, False, True, True]]),
    )
    part = part_of(may, "bc")
    effects = made(logits, monkeypatch)._effects(part)
    for at, token in product(range(3), range(4)):
        rows = general.drawn(part, TRIED)
        rows[:, at] = token
        found = logits(None, rows)
        expected = (found[:, 1:3].max(axis=1) - found[:, [0, 3]].max(axis=1)).mean() if may[at, token] else 0
        assert effects[at, token] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("effects", "expected"),
    [
        ([[1, 5, 6, 2], [3, 2, -4, 99]], [([0, 1, 2, 3], [2]), ([0, 1, 2, 3], [0, 1])]),
        ([[0, 4, 9, 2], [3, 2, -1, 99]], [([0, 1, 3], [0, 1, 2]), ([2], [0, 1, 2])]),
        ([[0, 0, 0, 0], [3, 3, 3, 99]], [([0, 1], [0, 1, 2]), ([2, 3], [0, 1, 2])]),
    ],
)
def test_a_part_is_split_where_one_token_moves_most(
    effects: list[list[float]], expected: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the middle of what it does; where nothing does anything, by the number of tokens."""
    answer, part = made(table(0, 2), monkeypatch), part_of(np.array([[True] * 4, [True, True, True, False]]), "a")
    monkeypatch.setattr(answer, "_effects", lambda _: np.array(effects, float))
    found = [one.words.may for one in answer.split(Bounded(part, 0, 12))]
    assert [tuple(np.flatnonzero(row).tolist() for row in may) for may in found] == expected


def test_parts_are_split_into_all_of_their_contexts_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = made(table(4, 3), monkeypatch)
    words = Words.of(np.ones((3, 4), bool), anything(4).requiring(np.arange(4) == 2))
    assert words is not None
    todo, found = [Part(words, frozenset("a"), base=words.automaton)], Counter[tuple[int, ...]]()
    while todo:
        one = todo.pop()
        if one.words.cells == 1:
            found.update(map(tuple, one.tokens(np.zeros(1, int)).tolist()))
        else:
            todo += answer.split(Bounded(one, 0, one.words.count))
            assert len(todo) < 100
    assert found == Counter(word for word in product(range(4), repeat=3) if 2 in word)


def test_contexts_that_are_run_are_judged_in_several_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tie is wrong, and so is what is no number."""
    monkeypatch.setattr(engines, "RUN", 3)
    rows = np.array([[1, 0], [0, 1], [2, 2], [np.nan, 0], [0, np.nan], [np.inf, 0], [3, 1]])
    asked: list[int] = []

    def logits(_: object, tokens: Array) -> Array:
        asked.append(len(tokens))
        return rows[tokens[:, 0]]

    monkeypatch.setattr(engines, "last_rows", logits)
    assert judged_wrong(transformer(), np.arange(7)[:, None], np.array([True, False])) == 4
    assert asked == [3, 3, 1]
    assert judged_wrong(transformer(), np.zeros((0, 1), int), np.array([True, False])) == 0
