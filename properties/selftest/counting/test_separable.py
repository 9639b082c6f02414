"""The count by sums, piece by piece: terms that are made up, against every word there is."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.counting import separable
from properties.counting.automaton import anything
from properties.counting.engine import Bounded
from properties.counting.parts import Part
from properties.counting.separable import Separable, _around
from properties.counting.terms import Compared
from properties.counting.words import Words
from properties.proof.arithmetic import OutOfRangeError
from properties.selftest.counting.made import Word, cases, contexts, engine, part_of, summed
from zoo.transformer.arrays import Array


def test_contexts_are_summed_and_what_that_leaves_open_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those with a sum that may be 0 and none that surely is, whatever is 0."""
    seen = Counter[str]()
    for part, made in cases(40):
        words, answer = contexts(part), engine(made, small=10**6)
        least, most = (summed(*one, words)[1:] for one in ((made.up, made.own_up), (made.down, made.own_down)))
        sure, possible = ((sums <= 0).any(axis=0).reshape(-1) for sums in (least, most))
        run: list[Word] = []

        def judged(transformer: Any, tokens: Array, right: Array, run: list[Word] = run) -> int:
            assert right.tolist() == [True, False, False, False]
            run += map(tuple, tokens.tolist())
            return len(tokens) // 2

        monkeypatch.setattr(separable, "judged_wrong", judged)
        [found] = answer.bound([part])
        open_ = [word for word, one, other in zip(words, possible, sure) if one and not other]
        settled = len(run) == 0 and len(open_) > 0
        assert settled or run == open_
        expected = int(sure.sum()) + len(run) // 2
        assert (found.least, found.most) == (expected, expected)
        assert not settled or sure.all() == (expected > 0)
        seen.update(
            {"some sure": int(0 < sure.sum() < len(words)), "run": int(len(run) > 0), "a tie": int((most == 0).any())}
        )
    assert min(seen[what] for what in ("some sure", "run", "a tie")) > 10


def test_contexts_are_counted_for_each_rival_and_the_numbers_put_together() -> None:
    """Half numbers, so that no sum is 0: of each rival exactly; at least as many as of one, at most of all together."""
    seen = Counter[str]()
    for part, made in cases(40, spread=0, half=0.5):
        words, answer = contexts(part), engine(made)
        wrong = summed(made.down, made.own_down, words)[1:] <= 0
        one, _, kept = answer._open(part)
        assert one is made
        [found] = answer.bound([part])
        assert found.looked
        if kept is None:
            assert found.least == found.most == (len(words) if wrong.any() else 0)
            assert wrong.all(axis=1).any() or not wrong.any()
            continue
        if kept.cells == 1:
            assert found.least == found.most == wrong.any()
            continue
        assert set(contexts(found.part)) >= {words[i] for i in np.flatnonzero(wrong.any(axis=0))}
        numbers = wrong.sum(axis=1)
        by_rival = [numbers[rival - 1] for rival in found.rivals]
        assert by_rival == sorted(by_rival, reverse=True)
        assert found.least == numbers.max()
        assert found.most == min(sum(by_rival), kept.count)
        assert found.least <= wrong.any(axis=0).sum() <= found.most
        seen.update([f"{len(by_rival)} rivals", "less than all"] if kept.count < part.words.count else [])
    assert min(seen[what] for what in ("1 rivals", "2 rivals", "less than all")) > 1


def test_what_is_small_is_spelled() -> None:
    """So many sums of words and rivals; a single word always is."""
    part = part_of(np.ones((2, 4), bool), anything(4))
    made = Compared(np.full((4, 2, 4), -1.0), np.full((4, 2, 4), 1.0), np.zeros(4), np.zeros(4))
    made.down[1:3, :, 0] = -2  # 1 and 2 are rivals that differ; 3 is one that never wins
    made.own_down[3] = 5
    made.down[1, 0], made.down[2, 1] = -3, -3
    for small, spelled in ((31, False), (32, True)):
        [found] = engine(made, small=small).bound([part])
        assert (found.least == found.most) == spelled
    alone = part_of(np.eye(4)[:2] > 0, anything(4))
    [found] = engine(made, small=0).bound([alone])
    assert found.least == found.most


def test_a_rival_that_wins_only_where_another_does_is_left_out() -> None:
    """The other's sums are never larger, as far as is known; of two that are alike one is left."""
    words = Words.of(np.array([[True, True, False, False], [True, True, True, False]]), anything(4))
    assert words is not None
    down = np.zeros((4, 2, 4))
    down[1], down[3] = 2, 2
    down[2, 0, 0], down[2, :, 3] = -1, 50  # what no word has does not matter
    up, own = down.copy(), np.array([0.0, 6.0, 7.0, 6.0])
    answer = engine()
    assert answer._undominated(words, Compared(down, up, own, own), np.array([1, 2, 3])).tolist() == [2]
    assert answer._undominated(words, Compared(down, up, own, own + 3.5), np.array([1, 2, 3])).tolist() == [1, 2, 3]
    assert answer._undominated(words, Compared(down, up + 1.0, own, own), np.array([1, 2, 3])).tolist() == [2]
    assert answer._undominated(words, Compared(down, up + 2.0, own, own), np.array([1, 2, 3])).tolist() == [1, 2, 3]
    assert answer._undominated(words, Compared(down, up, own, own), np.array([1, 3])).tolist() == [3]


def test_least_sums_before_each_position_and_behind_it() -> None:
    may = np.array([[True, True, False], [True, False, True], [False, True, True]])
    terms = np.array([[[3.0, 1.0, -9.0], [5.0, -9.0, 4.0], [-9.0, 2.0, 7.0]]] * 2)
    terms[1] *= 2
    before, after = _around(may, terms)
    assert before.tolist() == [[0, 1, 5], [0, 2, 10]]
    assert after.tolist() == [[6, 2, 0], [12, 4, 0]]


def all_split(answer: Separable, part: Part) -> Counter[Word]:
    """The contexts of what a part is split into, until each is one of them."""
    todo, found, splits = [part], Counter[Word](), 0
    while todo:
        one = todo.pop()
        if one.words.count == 1:
            found.update(contexts(one))
            continue
        splits += 1
        assert splits < 1000
        pieces = list(answer.split(Bounded(one, 0, 1, (1, 2))))
        assert sorted(word for piece in pieces for word in contexts(piece)) == sorted(contexts(one))
        assert all(piece.words.count < one.words.count or len(pieces) == 1 for piece in pieces)
        todo += pieces
    return found


def test_parts_are_split_into_all_of_their_contexts_each_once() -> None:
    for part, made in cases(9):
        assert all_split(engine(made), part) == Counter(contexts(part))


def test_what_only_one_token_can_do_is_not_lost() -> None:
    """One of 0 and 1 must occur; where 0 may not, 1 must, and then it is not what decides whether another occurs."""
    automaton = anything(6).requiring(np.arange(6) < 2)
    part = part_of(np.ones((3, 6), bool), automaton)
    down = np.zeros((6, 3, 6))
    down[1] = down[2] = [-9.0, 2.0, -8.0, 1.0, 3.0, 4.0]
    assert all_split(engine(Compared(down, down, np.zeros(6), np.zeros(6))), part) == Counter(contexts(part))


def pieces(answer: Separable, part: Part) -> list[tuple[list[int] | None, list[list[int]], int]]:
    """Of each what is needed, what each position may hold, and how many contexts."""
    return [
        (None if one.need is None else tokens_of(one.need), list(map(tokens_of, one.words.may)), one.words.count)
        for one in answer.split(Bounded(part, 0, 1, (2, 1)))
    ]


def tokens_of(row: Array) -> list[int]:
    found: list[int] = np.flatnonzero(row).tolist()
    return found


def test_tokens_that_pull_most_are_parted_from_the_others() -> None:
    """As far as any rival and position goes, by the middle of the most and the least; alike ones by their number."""
    down = np.zeros((3, 2, 4))
    down[0] = -99
    down[1], down[2] = [[0, 9, 2, 5], [-8, 9, 3, 9]], [[9, 7, 9, 4], [9, 0, -2, 9]]
    part, zeros = part_of(np.array([[True] * 4, [True, True, True, False]]), anything(4)), np.zeros(3)
    answer, every = engine(Compared(down, down, zeros, zeros)), [[0, 1, 2, 3], [0, 1, 2]]
    assert pieces(answer, part) == [([0, 2], every, 12 - 2 * 1), ([1, 3], [[1, 3], [1]], 2)]
    needing = replace(part, need=np.array([False, True, True, True]), words=made_words(part, [1, 2, 3]))
    assert pieces(answer, needing) == [([1, 2], every, 12 - 2 * 1), ([3], [[3], [0]], 1)]
    alike = engine(Compared(zeros[:, None, None] + np.zeros((3, 2, 4)), down, zeros, zeros))
    assert pieces(alike, part) == [([0, 1], every, 12 - 2 * 1), ([2, 3], [[2, 3], [2]], 2)]
    three = replace(part, words=made_words(part, range(4)).only(np.array([[True, True, True, False]] * 2)))
    assert pieces(alike, three)[0][0] == [0]


def test_a_single_token_is_not_parted_from_others() -> None:
    """Of two it is; where one of two is in every word, and where there is one, a position is."""
    down, zeros = np.tile([3.0, 1.0, -2.0, 0.0], (3, 2, 1)), np.zeros(3)
    two = part_of(np.array([[True, True, False, False]] * 2), anything(4))
    answer = engine(Compared(down, down, zeros, zeros))
    assert pieces(answer, two) == [([1], [[0, 1]] * 2, 3), ([0], [[0]] * 2, 1)]
    required = part_of(two.words.may, anything(4).requiring(np.arange(4) == 0))
    assert pieces(answer, required) == [(None, [[1], [0]], 1), (None, [[0], [0, 1]], 2)]


def test_where_a_rival_always_wins_all_are_wrong_and_where_no_word_is_left_all_are_right(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A sum that is 0 is one that the rival wins, or ties."""
    part, own = part_of(np.ones((2, 4), bool), anything(4)), np.array([0, 9.0, 2.0, 9.0])
    down = np.zeros((4, 2, 4))
    down[2] = -1
    answer = engine(Compared(down, down, own, own))
    _, rivals, words = answer._open(part)
    assert (rivals.tolist(), words) == ([2], None)
    [found] = answer.bound([part])
    assert (found.least, found.most) == (16, 16)
    down[1], down[2], down[3, :, :2] = 0, np.array([-5, 5, 5, 5]), np.array([-6, 6])
    monkeypatch.setattr(Words, "only", lambda *_: None)
    answer = engine(Compared(down, down, own, own))
    [found] = answer.bound([part])
    assert (found.least, found.most) == (0, 0)


def made_words(part: Part, tokens: Any) -> Any:
    return Words.of(part.words.may, anything(4).requiring(np.isin(np.arange(4), list(tokens))))


def test_where_one_token_is_left_a_position_is_parted() -> None:
    """Where terms of the first rival differ most, at their middle; if they do not differ, by their number."""
    part, down = (
        part_of(np.array([[True, True, True, True], [True, True, True, False]]), anything(4)),
        np.zeros((3, 2, 4)),
    )
    one = replace(part, need=np.arange(4) == 1, words=made_words(part, [1]))
    down[2] = [[5, 3, 1, 3], [0, 1, 6, 99]]
    down[1] = [[50, 3, 1, 3], [0, 1, 6, 99]]
    answer = engine(Compared(down, down, np.zeros(3), np.zeros(3)))
    assert pieces(answer, one) == [([1], [[0, 1, 2, 3], [0, 1]], 5), ([1], [[1], [2]], 1)]
    down[2, 1] = 0
    assert pieces(answer, one) == [([1], [[1, 2, 3], [0, 1, 2]], 5), ([1], [[0], [1]], 1)]
    down[2] = 0
    assert pieces(answer, one) == [([1], [[0, 1], [0, 1, 2]], 4), ([1], [[2, 3], [1]], 2)]


def test_tokens_that_are_in_every_word() -> None:
    """One of 0 and 1 must occur, and 2, of which there is no other kind; of 0 and 1 there may be one only."""
    automaton = anything(4).requiring(np.arange(4) < 2).requiring(np.arange(4) == 2)
    for may, expected in (([True] * 4, [2]), ([False, True, True, True], [1, 2]), ([True, False, True, True], [0, 2])):
        words = Words.of(np.array([may] * 3), automaton)
        assert words is not None
        assert tokens_of(engine()._must(words)) == expected
    words = Words.of(np.array([[True] * 4, [True, True, False, True]]), automaton)
    assert words is not None
    assert tokens_of(engine()._must(words)) == [2]


def test_terms_are_made_once_and_only_known_where_they_are_in_range(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    def make(_: object, length: int) -> str:
        made.append(length)
        if length > 2:
            raise OutOfRangeError
        return "terms"

    monkeypatch.setattr(separable, "Terms", make)
    answer = engine()
    for length, known in ((2, True), (3, False), (2, True)):
        part = part_of(np.ones((length - 1, 4), bool), anything(4))
        assert answer.knows(part) == known
        assert not answer.knows(replace(part, permitted=frozenset("ab")))
    assert made == [2, 3]
