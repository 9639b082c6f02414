"""Guessers that lie to the checker of certificates: of what it guesses nothing may be believed."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from properties.recheck import means
from properties.recheck.prices import prices
from zoo.transformer.arrays import Array

Guess = Callable[..., Array]  # of least and largest weights, values, a mask and what is counted


def _inside(value: Array, mask: Array, share: float) -> Array:
    """So far from the smallest to the largest value."""
    low, high = np.where(mask, value, np.inf).min(axis=(-2, -1)), np.where(mask, value, -np.inf).max(axis=(-2, -1))
    return low + share * (high - low)  # type: ignore[no-any-return]


RANDOM = np.random.default_rng(0)
GUESS: Guess = means.guess
GUESSERS: dict[str, Guess] = {
    "the lowest": lambda least, most, value, mask, counted=None: _inside(value, mask, 0),
    "below them all": lambda least, most, value, mask, counted=None: _inside(value, mask, -3),
    "the middle": lambda least, most, value, mask, counted=None: _inside(value, mask, 0.5),
    "a little less": lambda *its: GUESS(*its) - 1e-9 * _inside(its[2], its[3], 1),
    "at random": lambda least, most, value, mask, counted=None: _inside(value, mask, float(RANDOM.random())),
    "no number": lambda least, most, value, mask, counted=None: np.full(mask.shape[:-2], np.nan),
    "minus infinity": lambda least, most, value, mask, counted=None: np.full(mask.shape[:-2], -np.inf),
    "infinity": lambda least, most, value, mask, counted=None: np.full(mask.shape[:-2], np.inf),
}
PRICE: Guess = prices
PRICES: list[Guess] = [
    lambda terms, counted: RANDOM.normal(size=counted.least.shape),
    lambda terms, counted: -PRICE(terms, counted),
    lambda terms, counted: PRICE(terms, counted) * 1e3 - 1,
    lambda terms, counted: RANDOM.choice([np.nan, np.inf, -np.inf, 1e300, -1e300, 0], size=counted.least.shape),
]


@contextmanager
def guessing(how: str, price: int | None = None) -> Iterator[None]:
    """In which levels are guessed so, and prices so, if they are too; what is random is so alike each time."""
    RANDOM.bit_generator.state = np.random.default_rng(0).bit_generator.state
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(means, "guess", GUESSERS[how])
        if price is not None:
            patch.setattr(means, "prices", PRICES[price])
        with np.errstate(all="ignore"):
            yield
