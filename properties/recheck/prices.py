"""What a token that is counted costs, where contexts must hold so many of them: prices, guessed in plain floats.

Where a context holds a count, not every key can have its worst token. Whatever the price μ of a token counted, with T
the terms w (v - λ), over the keys of one context of the set

    Σ T  =  Σ (T - μ where the token is counted)  +  μ · how many are counted,

and so no more than Σ max over tokens of (T - μ where it is counted), plus μ times the most, where μ is above 0, or the
least. `means.excess` confirms a level by that, for prices that are guessed here: any others prove less, or nothing.
"""

from typing import NamedTuple

import numpy as np

from zoo.transformer.arrays import Array

SWEEPS = 3  # over the prices, where there are several


class Counted(NamedTuple):
    """Of sets of contexts, what is counted among the keys that are seen; nothing at all where `inside` is nowhere."""

    inside: Array  # bool [set, count, key]
    tokens: Array  # bool [set, count, token]
    least: Array  # [set, count]
    most: Array  # the same

    @classmethod
    def seen(cls, inside: Array, tokens: Array, limits: Array, keys: int) -> "Counted":
        """Of counts at all positions, limits int [set, count, 2], among the first keys: others may hold the rest."""
        here, there = inside[..., :keys].sum(axis=-1), inside[..., keys:].sum(axis=-1)
        least, most = np.maximum(limits[..., 0] - there, 0), np.minimum(limits[..., 1], here)
        return cls(inside[..., :keys], tokens, least.astype(float), most.astype(float))

    def where(self, c: int) -> Array:
        """The tokens that a count counts: bool [set, key, token]"""
        counted: Array = self.inside[:, c, :, None] & self.tokens[:, c, None]
        return counted

    def possible(self, mask: Array) -> Array:
        """What keys may hold where none that is counted may stand, or no other; what is left without any, as it was.

        That is a query's own key, of which it is not asked whether it can be.
        """
        for c in range(self.inside.shape[1]):
            where, at = self.where(c), self.inside[:, c, :, None]
            none, every = self.most[:, c] <= 0, self.least[:, c] >= self.inside[:, c].sum(axis=-1)
            less = mask & ~(where & none[:, None, None]) & ~(at & ~where & every[:, None, None])
            mask = np.where(less.any(axis=-1, keepdims=True), less, mask)
        return mask


def prices(terms: Array, counted: Counted) -> Array:
    """A guess for each count, [set, count], of terms [set, key, token], -inf where a key cannot hold a token.

    The best price of one count is what the first key that is not taken would gain by holding a token that is counted,
    or what the last one that is would gain, where more are taken than gain. Of several, one after the other, until
    none changes.
    """
    number = counted.inside.shape[1]
    found, every = np.zeros((len(terms), number)), [counted.where(c) for c in range(number)]
    others = np.where(np.any(every, axis=0), -np.inf, terms).max(axis=-1)
    values = [np.where(where, terms, -np.inf).max(axis=-1) for where in every]
    with np.errstate(invalid="ignore"):
        for _ in range(1 if number == 1 else SWEEPS):
            before = found.copy()
            for c in range(number):
                paid = [values[i] - found[:, i, None] for i in range(number) if i != c]
                gains = values[c] - np.max([others, *paid], axis=0)
                found[:, c] = _price(np.where(np.isnan(gains), -np.inf, gains), counted, c, number > 1)
            if (found == before).all():
                break
    return found


def _price(gains: Array, counted: Counted, c: int, between: bool) -> Array:
    """Gains [set, key] -> [set]; `between` asks for one from which the others can still move."""
    ordered = -np.sort(-gains, axis=-1)
    wanted, last = (ordered > 0).sum(axis=-1), gains.shape[-1] - 1
    taken = np.clip(wanted, counted.least[:, c], counted.most[:, c]).astype(int)
    rows = np.arange(len(gains))
    outer, inner = ordered[rows, np.minimum(taken, last)], ordered[rows, np.maximum(taken - 1, 0)]
    price, free = np.where(taken < wanted, outer, inner), taken == wanted
    if between:
        middle = (outer + inner) / 2
        price = np.where(np.isfinite(middle), middle, price)
        free &= counted.least[:, c] < counted.most[:, c]
    return np.where(free | ~np.isfinite(price), 0, price)
