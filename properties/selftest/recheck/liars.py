"""Guessers that lie to the checker of certificates: of what it guesses nothing may be believed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from properties.recheck import means
from zoo.transformer.arrays import Array

Guess = Callable[[Array, Array, Array, Array], Array]


def _inside(value: Array, mask: Array, share: float) -> Array:
    """So far from the smallest to the largest value."""
    low, high = np.where(mask, value, np.inf).min(axis=(-2, -1)), np.where(mask, value, -np.inf).max(axis=(-2, -1))
    return low + share * (high - low)  # type: ignore[no-any-return]


RANDOM = np.random.default_rng(0)
GUESS: Guess = means.guess
GUESSERS: dict[str, Guess] = {
    "the lowest": lambda least, most, value, mask: _inside(value, mask, 0),
    "below them all": lambda least, most, value, mask: _inside(value, mask, -3),
    "the middle": lambda least, most, value, mask: _inside(value, mask, 0.5),
    "a little less": lambda least, most, value, mask: GUESS(least, most, value, mask) - 1e-9 * _inside(value, mask, 1),
    "at random": lambda least, most, value, mask: _inside(value, mask, float(RANDOM.random())),
    "no number": lambda least, most, value, mask: np.full(mask.shape[:-2], np.nan),
    "minus infinity": lambda least, most, value, mask: np.full(mask.shape[:-2], -np.inf),
    "infinity": lambda least, most, value, mask: np.full(mask.shape[:-2], np.inf),
}


@contextmanager
def guessing(how: str) -> Iterator[None]:
    """In which levels are guessed so."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(means, "guess", GUESSERS[how])
        yield
