"""How many words have a sum of terms that is not above zero, by convolution on a grid: at least and at most."""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from properties.counting.words import Words
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

EXACT = 2**53  # whole numbers below are sums and products of such without rounding
FAR = 2**40  # grid cells that a term may move a sum by, if that does not decide it
BEYOND = 2**60  # more than any such sum
BITS = 1000  # of numbers of words that are computed with as they are; larger ones are divided by a power of two
MOST_BITS = 1900  # of numbers of words that are counted at all


@dataclass(frozen=True)
class Grid:
    """Terms as numbers of grid cells, and how far a whole sum of them can be from either sum of the terms."""

    step: float
    cells: Array  # int [position, token]
    error: float


def wrong(words: Words, down: Array, up: Array, own: tuple[float, float], resolution: int) -> tuple[int, int]:
    """Of words, how many have a sum of `up` that is not above 0, at least, and of `down`, at most.

    down <= up [position, token]; `own` is added to either sum. Those that are not counted have sums of `down` above 0.
    """
    kept = _possible(words, down, own[0])
    if kept is None:
        return 0, 0
    if kept.count.bit_length() > MOST_BITS:
        return 0, kept.count
    low, high = _ends(kept.may, down, up)
    before, after = _sums(high)
    decided = kept.may & (own[1] + before[:-1, None] + after[1:, None] + up <= 0)  # whatever stands elsewhere
    grid, middle = _grid(kept.may, decided, down, up, own, (low, high), resolution)
    least, most, roundings = _convolved(kept, grid, middle, (_sums(low)[1], after))
    # Each number of words went through so many roundings at most, and through 4 for what is multiplied here.
    slack = 0.0 if kept.count < EXACT else (roundings + 4) * FLOAT64.unit * 1.01
    unit = 2 ** _halvings(kept.count)
    return math.ceil(Fraction(least * (1 - slack)) * unit), math.floor(Fraction(most * (1 + slack)) * unit)


def _halvings(count: int) -> int:
    """How often numbers of words are halved to be floats, exactly: none of them is too small for one then."""
    return max(0, count.bit_length() - BITS)


def _times(x: float, ways: int) -> float:
    """A number of words, halved as often as need be, with each of so many ways to go on, which may be no float."""
    halvings = _halvings(ways)
    return math.ldexp(x, halvings) * float(ways >> halvings)


def _possible(words: Words, down: Array, own: float) -> Words | None:
    """Those with tokens that a sum of `down` not above 0 may have."""
    before, after = _sums(np.where(words.may, down, np.inf).min(axis=1))
    return words.only(own + before[:-1, None] + after[1:, None] + down <= 0)


def _sums(x: Array) -> tuple[Array, Array]:
    """Of the numbers before each place, and from it on."""
    return np.concatenate([[0.0], np.cumsum(x)]), np.concatenate([np.cumsum(x[::-1])[::-1], [0.0]])


def _ends(may: Array, down: Array, up: Array) -> tuple[Array, Array]:
    return np.where(may, down, np.inf).min(axis=1), np.where(may, up, -np.inf).max(axis=1)


def _grid(
    may: Array,
    decided: Array,
    down: Array,
    up: Array,
    own: tuple[float, float],
    ends: tuple[Array, Array],
    resolution: int,
) -> tuple[Grid, float]:
    """A grid with about so many cells where sums are undecided, and the middle of `own`."""
    (_, low), (_, high) = map(_sums, ends)
    reached = [own[i] + np.concatenate([[0.0], np.cumsum(ends[i])]) for i in (0, 1)]
    # Where every sum is decided there is no such cell, but a negative width would take from the error.
    width = max(0.0, float((np.minimum(reached[1], -low) - np.maximum(reached[0], -high)).max()))
    open_ = may & ~decided
    middle, half = np.where(open_, (down + up) / 2, 0), np.where(open_, (up - down) / 2, 0)
    sure = float(half.max(axis=1).sum())
    center = (own[0] + own[1]) / 2
    size = abs(center) + float(np.abs(middle).max(axis=1).sum())
    step = max(width / resolution, sure, 1e-12 * size, 1e-290)
    with np.errstate(over="ignore"):
        cells = np.rint(np.clip(middle / step, -FAR, FAR))
    # The middle, the product with the step and their difference are rounded, each by less than a unit of 2 |middle|.
    off = np.abs(middle - cells * step) + half + 8 * FLOAT64.unit * np.abs(middle)
    error = off.max(axis=1).sum() + (own[1] - own[0]) / 2
    # Of grid sums in hand later: own + step * cells, two roundings of no more than these sizes. The error itself is
    # summed, for which a billionth is added.
    error += 8 * FLOAT64.unit * (size + width)
    return Grid(step, np.where(decided, -2 * BEYOND, cells).astype(int), float(error) * (1 + 1e-9) + 1e-290), center


def _convolved(kept: Words, grid: Grid, own: float, rest: tuple[Array, Array]) -> tuple[float, float, int]:
    """How many at least and at most, halved as often as need be, and through how many roundings each number went.

    For each state, how many beginnings of words have each sum, as far as it is not decided by what may follow. `rest`
    is the least and the most that follows.
    """
    automaton, left = kept.automaton, kept.left
    sums: dict[int, Array] = {0: np.full(1, 2.0 ** -_halvings(kept.count))}
    base, length, surely, roundings = 0, 1, 0.0, 0
    for at, may in enumerate(kept.may):
        # Below `low` it is wrong and above `high` it is right, whatever follows; one cell for what is rounded here.
        ends = (sign * grid.error - own - part[at + 1] for sign, part in zip((-1, 1), rest[::-1]))
        low, high = (_cell(end, grid.step) + sign for end, sign in zip(ends, (-2, 2)))
        histograms = _histograms(grid.cells[at], may, automaton.of_kind, low - base - length, high - base)
        least = max(low, base + min((first for first, _ in histograms.values()), default=0))
        most = min(high, base + length + max((first + len(h) - 2 for first, h in histograms.values()), default=0))
        size, new = max(0, most - least + 1), dict[int, Array]()
        for state, numbers in sums.items():
            for kind, to in automaton.steps[state]:
                if kind not in histograms or not (ways := left[at + 1][to]):
                    continue
                found, start = np.convolve(numbers, histograms[kind][1]), base + histograms[kind][0] - least
                surely += _times(float(found[: max(0, -start)].sum()), ways)
                part = found[max(0, -start) : size - start]
                if len(part):
                    new.setdefault(to, np.zeros(size))[max(0, start) : max(0, start) + len(part)] += part
        # `convolve` sums as many products as the shorter of the two has numbers; what it found is added at each step of
        # the automaton at most, and what is surely wrong is summed before, and multiplied twice.
        moves = max((len(h) for _, h in histograms.values()), default=0)
        roundings += 2 * (moves + length) + sum(map(len, automaton.steps))
        sums, base, length = new, least, size
    total = sum((numbers for state, numbers in sums.items() if automaton.accept[state]), np.zeros(length))
    values = own + grid.step * (base + np.arange(length))
    low_sum, high_sum = (float(total[values + error <= 0].sum()) for error in (grid.error, -grid.error))
    return surely + low_sum, surely + high_sum, roundings + len(automaton.accept) + length


def _cell(end: float, step: float) -> int:
    """The nearest grid cell, of those that matter. What is too far away to be a number is beyond them too."""
    with np.errstate(over="ignore"):
        return round(min(max(float(np.divide(end, step)), -BEYOND), BEYOND))


def _histograms(cells: Array, may: Array, of_kind: Array, floor: int, ceiling: int) -> dict[int, tuple[int, Array]]:
    """Of each kind of tokens, how many move a sum by so many cells: the first such number, and the counts from it on.

    What moves by less than `floor` is as if by that, and what moves by more than `ceiling` does not matter.
    """
    found = {}
    for kind, some in enumerate(of_kind):
        moves = np.maximum(cells[may & some], floor)
        moves = moves[moves <= ceiling]
        if len(moves):
            found[kind] = int(moves.min()), np.bincount(moves - moves.min()).astype(float)
    return found
