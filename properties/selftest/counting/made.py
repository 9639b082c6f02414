"""Parts, and terms that are made up, for the tests of the count by sums."""

from collections.abc import Iterator

import numpy as np

from properties.counting.automaton import Automaton, anything, reduced
from properties.counting.parts import Part
from properties.counting.separable import Separable
from properties.counting.terms import Compared
from properties.counting.words import Words
from properties.selftest.counting.test_terms import drawn
from zoo.transformer.arrays import Array

NAMES = "abcd"
Word = tuple[int, ...]


def engine(compared: Compared | None = None, small: int = 0, resolution: int = 200) -> Separable:
    made = Separable(drawn(), NAMES)
    made.small, made.resolution = small, resolution
    if compared is not None:
        made.__dict__["compared"] = lambda *_: compared
    return made


def part_of(may: Array, automaton: Automaton) -> Part:
    words = Words.of(may, automaton)
    assert words is not None
    return Part(words, frozenset("a"), 1, automaton)


def contexts(part: Part) -> list[Word]:
    return list(map(tuple, part.tokens(part.words.spelled(np.zeros((0, *part.words.may.shape))).numbers).tolist()))


def summed(terms: Array, own: Array, words: list[Word]) -> Array:
    """[rival, word], of contexts that end with one token more."""
    return np.array([[one[range(len(w) - 1), w[:-1]].sum() for w in words] for one in terms]) + own[:, None]


def compared(rng: np.random.Generator, length: int, spread: int = 2, half: float = 0.0) -> Compared:
    """Whole numbers, and perhaps a half, of which some sums are 0; of the answer itself, "a", they mean nothing."""
    down = rng.integers(-6, 9, (4, length, 4)).astype(float)
    up, own = down + rng.integers(0, spread + 1, down.shape), rng.integers(-2, 9, 4) + half
    down[0] = up[0] = -99
    return Compared(down, up, own, own + rng.integers(0, spread + 1, 4))


def cases(number: int, length: int = 3, spread: int = 2, half: float = 0.0) -> Iterator[tuple[Part, Compared]]:
    """Of all words, and of those that an automaton accepts."""
    for seed in range(number):
        rng = np.random.default_rng(seed)
        made = reduced(rng.integers(0, 3, (3, 4)), np.array([False, True, seed % 4 < 2])) if seed % 3 else anything(4)
        may = rng.random((length, 4)) < 0.8
        if made is not None and Words.of(may, made) is not None:
            yield part_of(may, made), compared(rng, length, spread, half)
