"""How contexts are shared out before the C is called, by hand: no compiler is wanted."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from zoo.enumeration import native
from zoo.transformer import Attention, Norm, Transformer

NORM = Norm(np.ones(3), np.zeros(3), 1.0)


def made(vocab: int = 2, outputs: int = 2, n_ctx: int = 4, attentions: int = 0) -> Transformer:
    random = np.random.default_rng(0)
    layers = [Attention(*random.normal(size=(4, 1, 3, 3))) for _ in range(attentions)]
    readout = random.normal(size=(outputs, 3))
    return Transformer(random.normal(size=(vocab, 3)), random.normal(size=(n_ctx, 3)), layers, NORM, readout)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """One that does nothing, and notes how many contexts it is given for each lane."""
    noted: list[int] = []
    found = SimpleNamespace(noted=noted, listed=lambda model, each, *_: noted.append(each.value))
    monkeypatch.setattr(native, "_library", lambda: found)
    return found


@pytest.mark.parametrize(
    ("vocab", "outputs", "expected"),
    [(1, 2, False), (2, 1, False), (2, 2, True), (2, 256, True), (2, 257, False), (300, 256, True)],
)
@pytest.mark.usefixtures("library")
def test_answers_in_c_are_a_byte(vocab: int, outputs: int, expected: bool) -> None:
    """And there is a choice of tokens: with one the C would go as deep as there are positions."""
    transformer = made(vocab, outputs, 1)
    assert native.usable(transformer, native.FEWEST) == expected
    assert not native.usable(transformer, native.FEWEST - 1)


def test_without_a_library_nothing_is_usable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(native, "_library", lambda: None)
    assert not native.usable(made(), native.FEWEST)
    assert not native.lists(made(), 4, native.FEWEST)


@pytest.mark.usefixtures("library")
def test_what_is_laid_out_for_contexts_that_are_given_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each of 4 positions embeddings of 5 tokens, and 16 lanes of 3 streams: 53 rows of 3 numbers."""
    transformer = made(5, attentions=2)
    for most, expected in ((53 * 4 * 3, True), (53 * 4 * 3 - 1, False)):
        monkeypatch.setattr(native, "MOST", most)
        assert native.lists(transformer, 4, native.FEWEST) == expected
        assert not native.lists(transformer, 4, native.FEWEST - 1)


@pytest.mark.parametrize(
    ("vocab", "most", "expected"),
    [
        (2, 4, [(0, 4)]),  # 16 contexts, as many as there are lanes
        (2, 5, [(0, 4), (4, 5)]),
        (2, 10, [(0, 4), (4, 10)]),
        (2, 17, [(0, 4), (4, 17)]),  # 16 lanes of 2^13, which is a block
        (2, 18, [(0, 4), (4, 5), (5, 18)]),
        (2, 20, [(0, 4), (4, 7), (7, 20)]),
        (3, 3, [(0, 2), (2, 3)]),  # 9 contexts that begin otherwise, of 27: there is no longer beginning
        (5, 2, [(0, 1), (1, 2)]),
        (17, 1, [(0, 1)]),
        (17, 3, [(0, 1), (1, 3)]),
        (100, 3, [(0, 1), (1, 2), (2, 3)]),  # 16 lanes of 100^2 are more than a block
        (90, 3, [(0, 1), (1, 3)]),  # of 90^2 they are not
    ],
)
def test_lengths_that_are_gone_through_together(vocab: int, most: int, expected: list[tuple[int, int]]) -> None:
    assert list(native.bands(vocab, most)) == expected


@pytest.mark.parametrize(
    ("each", "vocab", "expected"),
    [
        (1, 2, 1),
        (5, 2, 5),
        (15, 2, 15),
        (16, 2, 16),
        (17, 2, 18),
        (33, 2, 36),
        (64, 2, 64),
        (65, 2, 72),
        (23, 3, 23),
        (25, 3, 27),
    ],
)
def test_lanes_in_step_have_an_eighth_more_contexts_at_most(each: int, vocab: int, expected: int) -> None:
    assert native._phased(each, vocab) == expected
    assert each <= expected <= each * 9 / 8


def test_contexts_that_are_given_are_shared_out_among_the_lanes(library: SimpleNamespace) -> None:
    for batch in (1, 16, 17, 48, 49):
        logits, _ = native.Walk(made(), 3).logits(np.zeros((batch, 3), np.int64))
        assert logits.shape == (batch, 2)
    assert library.noted == [1, 1, 2, 3, 4]


def test_answers_that_are_not_wanted_have_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C writes those of each length: one that is not asked for gets as much room as it has contexts."""
    walk, lengths = native.Walk(made(3, n_ctx=5), 5), list[int]()

    def noted(first: int, lanes: int, lead: int, most: int, ranked: list[native.Ranked]) -> None:
        walk.errors = [(float(n), ()) for n in range(1, most + 1)]
        lengths.extend(range(lead + 1, most + 1))
        assert [len(one.tokens) for one in ranked] == [lanes * 3**n for n in range(1, most - lead + 1)]
        assert [len(one.margin) for one in ranked] == [lanes * 3**n for n in range(1, most - lead + 1)]
        assert first + lanes <= 3**lead

    monkeypatch.setattr(walk, "_walk", noted)
    room = np.empty(3**5, np.uint8)
    tiles = list(walk.tiles({5: room}))
    assert {*lengths} == {1, 2, 3, 4, 5}
    for n in range(1, 6):
        own = [(part, error) for length, part, _, error in tiles if length == n]
        assert [i for part, _ in own for i in range(part.start, part.stop)] == list(range(3**n))
        assert {error for _, error in own} == {float(n)}
    assert all(np.shares_memory(one.tokens, room) for n, _, one, _ in tiles if n == 5)


def bounds(walk: native.Walk, largest: Any = None, varies: Any = None) -> list[float]:
    """The errors at each of two positions, once such numbers have been met."""
    if largest is not None:
        walk.largest[largest[0]] = largest[1]
    if varies is not None:
        walk.varies[varies[0]] = varies[1]
    walk._bound(2)
    return [error for error, _ in walk.errors]


def test_larger_numbers_than_were_met_are_bounded_anew() -> None:
    """Those after them too, which see them; and those before are as they were."""
    walk = native.Walk(made(attentions=1), 2)
    first = bounds(walk, (slice(None), 1.0), (slice(None), 1.0))
    assert bounds(walk) == first
    later = bounds(walk, (1, 100.0))
    assert later[0] == first[0]
    assert later[1] > first[1]
    assert bounds(walk, varies=(1, 0.01))[1] > later[1]
    before, fresh = bounds(walk, (0, 100.0), (0, 0.01)), native.Walk(made(attentions=1), 2)
    assert before[0] > first[0]
    assert before == bounds(fresh, (slice(None), 100.0), (slice(None), 0.01))


def test_the_largest_and_the_least_varying_of_all_lanes_count() -> None:
    """Numbers that one lane has met, whichever."""
    for lane in (0, 15):
        one, all_of = native.Walk(made(attentions=1), 2), native.Walk(made(attentions=1), 2)
        for walk in (one, all_of):
            bounds(walk, (slice(None), 1.0), (slice(None), 1.0))
        assert bounds(one, ((..., lane), 100.0)) == bounds(all_of, (slice(None), 100.0)) != bounds(walk, (0, 1e3))
        assert bounds(one, varies=((..., lane), 0.01)) == bounds(one, varies=(slice(None), 0.01))


def test_a_row_sees_all_before_it_and_itself(lengths: list[int]) -> None:
    """Its bound is of sums of so many numbers."""
    native.Walk(made(attentions=1), 4)._bound(4)
    assert lengths == [1, 2, 3, 4]
