"""Numbers of words by convolution, piece by piece: by hand, in whole numbers, and in exact arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest

from properties.counting import convolution
from properties.counting.automaton import Automaton, anything
from properties.counting.convolution import BEYOND, Grid, wrong
from properties.counting.words import Words
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

UNIT = Fraction(FLOAT64.unit)
# In which token 1 occurs once or more, and token 2 not right before it: two kinds lead to the same.
PICKY = Automaton(np.array([[0, 2, 1], [0, -1, 1], [2, 2, 2]]), np.array([False, False, True]))


def made(may: Array, automaton: Automaton = PICKY) -> Words:
    words = Words.of(may, automaton)
    assert words is not None
    return words


def sums(words: Words, terms: Array) -> Array:
    found: Array = words.spelled(terms[None].astype(float)).sums[0]
    return found


def cases(number: int) -> list[tuple[Words, np.random.Generator]]:
    found = []
    for seed in range(number):
        rng = np.random.default_rng(seed)
        words = Words.of(rng.random((3 + seed % 2, 3)) < 0.8, anything(3) if seed % 3 else PICKY)
        if words is not None:
            found.append((words, rng))
    return found


def test_sums_that_do_not_come_near_zero_are_counted_exactly() -> None:
    """Whole numbers and a half; also where what each term is lies in an interval."""
    between = 0
    for words, rng in cases(60):
        terms = rng.integers(-9, 10, words.may.shape) * 2.0 ** rng.integers(-2, 3)
        terms = np.rint(terms)
        own = float(rng.integers(-9, 10)) + 0.5
        expected = int((sums(words, terms) + own <= 0).sum())
        between += 0 < expected < words.count
        for spread in (0.0, 2**-6):
            found = wrong(words, terms - spread, terms + spread, (own - spread, own + spread), 1000)
            assert found == (expected, expected)
    assert between > 20


def test_sums_in_intervals_are_counted_from_either_side() -> None:
    """Of terms that are summed exactly, some sums being 0, on coarse grids and fine ones."""
    open_ = 0
    for words, rng in cases(150):
        down = rng.integers(-40, 41, words.may.shape) / 4
        up = down + rng.integers(0, 1 + rng.integers(0, 9), words.may.shape) / 8
        low, high = float(rng.integers(-20, 21) / 4), float(rng.integers(0, 5) / 4)
        least, most = wrong(words, down, up, (low, low + high), int(rng.choice([1, 3, 16, 256])))
        surely, perhaps = (sums(words, up) + (low + high) <= 0).sum(), (sums(words, down) + low <= 0).sum()
        assert 0 <= least <= surely <= perhaps <= most <= words.count
        open_ += least < most
    assert open_ > 30


def test_numbers_of_words_that_are_rounded_are_rounded_outwards() -> None:
    """Of +1 and -1 at so many places, and -1: sums of binomial coefficients, on a grid whose cells are 1."""
    for places in (52, 54, 60, 200, 1010):
        words = made(np.ones((places, 2), bool), anything(2))
        exact = sum(math.comb(places, n) for n in range(places // 2 + 1))
        terms = np.tile([1.0, -1.0], (places, 1))
        least, most = wrong(words, terms, terms, (-1.0, -1.0), places - 1)
        assert (least == exact == most) if places < 53 else least < exact < most
        assert most - least <= exact * Fraction(1, 10**9)


def test_all_words_are_so_many_as_cannot_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(convolution, "MOST_BITS", 5)
    terms = np.full((5, 2), -1.0)
    assert wrong(made(np.ones((4, 2), bool), anything(2)), terms[:4], terms[:4], (0.0, 0.0), 16) == (16, 16)
    assert wrong(made(np.ones((5, 2), bool), anything(2)), terms, terms, (0.0, 0.0), 16) == (0, 32)


def test_what_was_rounded_is_added_and_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each number of words went through so many roundings; where all are below 2^53, through none."""
    number = 1.5 * 2.0**70
    for roundings in (0, 1000):
        monkeypatch.setattr(convolution, "_convolved", lambda *_, now=roundings: (number, number, now))
        for places in (52, 80):
            terms = np.tile([-1.0, 1.0], (places, 1))
            least, most = wrong(made(np.ones((places, 2), bool), anything(2)), terms, terms, (0.0, 0.0), 16)
            more = 0 if places < 53 else roundings + 4
            assert number * (1 - 2 * more * UNIT) <= least <= number * (1 - more * UNIT)
            assert number * (1 + more * UNIT) <= most <= number * (1 + 2 * more * UNIT)


def test_numbers_are_halved_as_often_as_they_have_bits_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [convolution._halvings(2**n) for n in (0, 999, 1000, 1003)] == [0, 0, 1, 4]
    assert convolution._halvings(2**1000 - 1) == 0
    assert convolution._times(0.75, 5) == 3.75
    assert convolution._times(2.0**-900, 5 * 2**1500) == 5 * 2.0**600
    before = [wrong(words, sizes, sizes, (0.5, 0.5), 50) for words, sizes in halved()]
    monkeypatch.setattr(convolution, "BITS", 3)
    assert [wrong(words, sizes, sizes, (0.5, 0.5), 50) for words, sizes in halved()] == before
    assert any(0 < least < words.count for (least, _), (words, _) in zip(before, halved()))


def halved() -> list[tuple[Words, Array]]:
    return [(words, rng.integers(-9, 10, words.may.shape).astype(float)) for words, rng in cases(12)]


def test_tokens_with_which_no_sum_comes_down_to_zero_are_left_out() -> None:
    down, words = np.array([[-3.0, 0.0, 4.0], [-2.0, 1.0, 3.0]]), made(np.ones((2, 3), bool), anything(3))
    kept = convolution._possible(words, down, 1.0)  # at worst -4; a sum of 0 counts
    assert kept is not None
    assert kept.may.tolist() == [[True, True, False], [True, True, False]]
    kept = convolution._possible(words, down, 2.0)
    assert kept is not None
    assert kept.may.tolist() == [[True, True, False], [True, True, False]]
    kept = convolution._possible(words, down, 3.0)
    assert kept is not None
    assert kept.may.tolist() == [[True, False, False], [True, False, False]]
    assert convolution._possible(words, down, 6.0) is None
    assert wrong(words, down, down, (6.0, 6.0), 16) == (0, 0)


def test_sums_before_and_from_each_place_on() -> None:
    before, after = convolution._sums(np.array([1.0, 2.0, 4.0]))
    assert (before.tolist(), after.tolist()) == ([0, 1, 3, 7], [7, 6, 4, 0])


def test_the_nearest_cell_is_never_further_than_beyond() -> None:
    assert [convolution._cell(end, 0.5) for end in (1.2, 1.3, -1.3)] == [2, 3, -3]
    assert [convolution._cell(end, 1e-300) for end in (1e300, -1e300)] == [BEYOND, -BEYOND]


def test_histograms_are_of_each_kind() -> None:
    """Below the floor as if by that, the ceiling and not beyond it."""
    of_kind = np.array([[True, False, True, True, False, False], [False, True, False, False, True, True]])
    may, cells = np.array([True, True, True, True, False, True]), np.array([-9, 5, 2, 2, 3, 6])
    found = convolution._histograms(cells, may, of_kind, -1, 5)
    assert {kind: (first, numbers.tolist()) for kind, (first, numbers) in found.items()} == {
        0: (-1, [1, 0, 0, 2]),
        1: (5, [1]),
    }
    assert convolution._histograms(cells, may, of_kind, -1, 4).keys() == {0}


def gridded(
    down: Array, up: Array, own: tuple[float, float], resolution: int, may: Array | None = None
) -> tuple[Grid, float, Array]:
    """With what is decided."""
    may = np.ones(down.shape, bool) if may is None else may
    low, high = convolution._ends(may, down, up)
    before, after = convolution._sums(high)
    decided = may & (own[1] + before[:-1, None] + after[1:, None] + up <= 0)
    return *convolution._grid(may, decided, down, up, own, (low, high), resolution), decided


def test_cells_are_of_the_sums_that_are_undecided() -> None:
    """After the first token between -max(1.5, 2) and min(5.5, 4), behind the second -max(5.5, 1) and min(7.5, 1)."""
    terms = np.array([[-2.0, 5.0], [-4.0, 1.0], [-1.0, 1.0]])
    grid, center, _ = gridded(terms, terms, (0.5, 0.5), 12)
    assert (grid.step, center) == ((5 + 1.5) / 12, 0.5)
    assert grid.cells.tolist() == np.rint(terms / grid.step).tolist()
    up = terms + np.array([[2, 0], [0, 2], [1, 2]])
    assert gridded(terms, up, (0.5, 0.5), 10**6)[0].step == 3  # and no finer than what is not known


def test_what_rounds_is_counted_to_spare() -> None:
    """Whole numbers, none of which is off: 8 units of the largest of each place, of their sum, and of the width."""
    terms = np.array([[-2.0, 5.0], [-4.0, 1.0], [-1.0, 1.0]])
    grid, center, _ = gridded(terms, terms, (1.0, 1.0), 6)  # undecided is what lies between -1 and 5
    assert (grid.step, center) == (1, 1)
    assert grid.error == pytest.approx(8 * 2.0**-53 * (10 + 11 + 6), rel=1e-8, abs=0)


@pytest.mark.parametrize("large", [1e30, -1e30])
def test_what_no_word_has_or_is_decided_does_not_make_a_grid_coarser(large: float) -> None:
    terms = np.array([[-2e-20, 5e-20, large], [-4e-20, 1e-20, -1e20]])
    may = np.array([[True, True, False], [True, True, large > 0]])
    grid, _, decided = gridded(terms, terms, (0.0, 0.0), 100, may)
    assert decided[1, 2] == (large > 0)
    assert grid.step < 1e-20
    assert grid.error < 2e-20


def test_what_is_decided_is_wrong_whatever_is_not_known_of_it() -> None:
    """A sum that is 0 at most, on the coarsest grid."""
    words, own = made(np.ones((1, 2), bool), anything(2)), (0.0, 0.0)
    assert wrong(words, np.array([[0.0, 1.0]]), np.array([[0.0, 1.0]]), own, 1) == (1, 1)
    assert wrong(words, np.array([[-9.0, 1.0]]), np.array([[-0.25, 1.0]]), own, 1) == (1, 1)


@pytest.mark.parametrize(("own", "number"), [(-100.0, 27), (100.0, 0)])
def test_nothing_is_carried_on_where_all_is_sure(own: float, number: int) -> None:
    words, rest = made(np.ones((3, 3), bool), anything(3)), (np.zeros(4), 2.0 * np.arange(4)[::-1])
    found = convolution._convolved(words, Grid(1.0, np.tile([0, 1, 2], (3, 1)), 0.0), own, rest)
    assert found[:2] == (number, number)


@pytest.mark.parametrize("scale", [1.0, 3e-310, 5e-324, 1e300])
@pytest.mark.parametrize("resolution", [2, 100, 10**15])
def test_no_sum_is_further_from_that_of_its_cells_than_is_said(scale: float, resolution: int) -> None:
    """Of exact sums, and with what rounding takes: three of twice the middle of each, and two of what was summed."""
    rng = np.random.default_rng(7)
    for spread in (0, 0, 1, 3):
        down = rng.integers(-50, 51, (9, 2)) * (scale * rng.choice([1.0, 1.01]))
        up = np.nextafter(down, np.inf) if spread == 3 else down + rng.integers(0, 1 + spread, down.shape) * scale
        own = (2 * scale, (2 + spread) * scale)
        grid, center, decided = gridded(down, up, own, resolution)
        assert (grid.cells[decided] == -2 * BEYOND).all()
        step, off, size = Fraction(grid.step), Fraction(own[1] - own[0]) / 2, abs(Fraction(center))
        for one in range(len(down)):
            some = [
                (abs(Fraction(end) - int(cell) * step), abs(Fraction(end)))
                for ends, cell, known in zip(zip(down[one], up[one]), grid.cells[one], decided[one])
                for end in ends
                if not known
            ]
            off += max((distance for distance, _ in some), default=Fraction(0))
            size += max((number for _, number in some), default=Fraction(0))
        assert grid.error >= (off + 8 * UNIT * size) * (1 + Fraction(1, 2 * 10**9))  # more than it rounds itself by
        assert grid.step * 10**12 >= size * (1 - Fraction(1, 10**9))  # so that what is rounded is far less than a cell
        assert grid.error <= off * (1 + Fraction(1, 10**8)) + 40 * UNIT * size + Fraction(1, 10**280)


@pytest.mark.parametrize("error", [0.25, 3.0])
def test_sums_of_cells_are_counted_from_either_side(error: float) -> None:
    """Whatever is decided on the way; what is surely wrong is not carried on, and what is surely right neither."""
    seen = 0
    for words, rng in cases(60):
        cells = rng.integers(-30, 31, words.may.shape)
        decided = rng.random(cells.shape) < 0.1
        step, own = 0.5, float(rng.integers(-40, 41)) / 4
        terms = np.where(decided, -1e6, cells * step)
        low, high = (convolution._sums(ends)[1] for ends in convolution._ends(words.may, terms, terms))
        grid = Grid(step, np.where(decided, -2 * BEYOND, cells), error)
        least, most, _ = convolution._convolved(words, grid, own, (low, high))
        found = sums(words, terms) + own
        assert (least, most) == ((found + error <= 0).sum(), (found - error <= 0).sum())
        seen += 0 < least < most < words.count
    assert seen > (5 if error > 1 else 0)


@pytest.mark.parametrize(
    ("automaton", "steps", "moves"),
    [(anything(3), 1, 3), (PICKY, 8, 1), (anything(3).requiring(np.eye(3)[0] > 0), 4, 2)],
)
def test_roundings_are_those_of_every_product_and_sum(automaton: Automaton, steps: int, moves: int) -> None:
    """Of a sum of six from 0 to 2: after p tokens it is 2 (p - 3) - 2 at least, or surely wrong, and 6 + 2 at most."""
    words, cells = made(np.ones((6, 3), bool), automaton), np.tile([0, 1, 2], (6, 1))
    rest = np.zeros(7), 2.0 * np.arange(7)[::-1]
    least, most, roundings = convolution._convolved(words, Grid(1.0, cells, 0.0), -6.0, rest)
    assert least == most == (sums(words, cells) <= 6).sum()
    lengths = [1, 3, 5, 7, 9, 7, 5]
    assert (
        roundings == sum(2 * (moves + length) + steps for length in lengths[:-1]) + len(automaton.accept) + lengths[-1]
    )
