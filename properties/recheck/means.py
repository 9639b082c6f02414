"""What the mean of an attention's values does not exceed: a level, guessed in plain floats and confirmed by one sum.

Everything is in float64 and rounded outward: what bounds something from above is never below it. Of numpy it is taken
for granted that +, * and / round to nearest, a sum or product of matrices in whatever order, and that exp is off by at
most 4 units in the last place. U bounds a rounding, TINY what a result may lose as it underflows.
"""

from typing import Any, NamedTuple

import numpy as np

from properties.recheck.prices import Counted, prices
from zoo.transformer.arrays import Array

U, TINY = 2.0**-53, 2.0**-1074
# Room for so many roundings of numbers that are not negative, beside those of a sum of `count` of them: all that is
# done with them here one after the other is fewer than 30 operations, each of which takes a unit at most.
ROOM = 32
HALVES = 24
SLACKS = (1, 16, 2**12, 2**24)  # above a guess, in units of the roundings of the sum that confirms it


class Sides(NamedTuple):
    """Queries or keys: [row, direction of the head], and of the last two [row, direction of the stream].

    `centre` and `radius` enclose what the program computes; `rounding` is the part of the radius that is rounding;
    `moves` is the radius of what it is computed from, `felt` how much of a score a unit of the other side's moves is.
    """

    centre: Array
    radius: Array
    rounding: Array
    moves: Array
    felt: Array


def up(x: Array) -> Array:
    """The next float above."""
    result: Array = np.nextafter(x, np.inf)
    return result


def down(x: Array) -> Array:
    result: Array = np.nextafter(x, -np.inf)
    return result


def loosened(x: Array, count: int) -> Array:
    """Not below what x was meant to be, where that is made of sums of `count` numbers, none of them negative."""
    return x * (1 + (count + ROOM) * 2 * U) + (count + ROOM) * TINY


def scores(q: Sides, k: Sides, scale: float, unit: float, tiny: float, limit: float) -> tuple[Array, Array]:
    """The least and the most that each score of the program may be, [query, key]; NaN where it may overflow.

    Of (x + dx) A (y + dy), A being w_q w_k', a score moves by at most |x A| |dy| + |dx| (|A y| + |A| |dy|), and by what
    queries and keys are rounded; or by what their own radii say, if that is less. The program's sum goes through as
    many roundings as it has terms, n u / (1 - n u) of their sizes, and loses 4 tiny a term to underflow at most; the
    product with the scale is rounded once more.
    """
    qc, qr, kc, kr = q.centre, q.radius, k.centre, k.radius
    count = qc.shape[1] + q.moves.shape[1]
    with np.errstate(all="ignore"):  # what is not finite is NaN in the end
        q_size, k_size = up(np.abs(qc) + qr), up(np.abs(kc) + kr)
        terms = ((qc != 0) | (qr != 0)).astype(float) @ ((kc != 0) | (kr != 0)).T.astype(float)
        size = loosened(q_size @ k_size.T, count)
        moved = loosened(np.abs(qc) @ kr.T + qr @ k_size.T, count)
        if q.moves.size:
            together = q.felt @ k.moves.T + q.moves @ k.felt.T + q.rounding @ k_size.T
            moved = np.minimum(moved, loosened(together + q_size @ k.rounding.T, count))
        rounding = terms * unit / (1 - terms * unit) * size + 4 * terms * tiny
        # The centre is a sum of products by itself, of `count` roundings and a product's each.
        error = loosened(moved + rounding + (count + 4) * U * size, count)
        centre = qc @ kc.T
        if scale != 1:
            error = loosened(abs(scale) * (error + (unit + 2 * U) * (size + error)) + 4 * tiny, count)
            centre = centre * scale  # which rounds here, as it does in the program
        fine = (size < limit) & (abs(scale) * size < limit) & (terms * unit < 0.01)
        low, high = down(centre - error), up(centre + error)
    # The size of what is not known is NaN, be it of nothing that is looked for: there the other one's is TINY.
    low, high = (np.where(fine, np.where(terms == 0, 0, end), np.nan) for end in (low, high))
    return low, high


def weights(low: Array, high: Array, mask: Array, unit: float) -> tuple[Array, Array]:
    """The least and the most that each key and token may weigh, up to a factor for each query: [..., key, token].

    The program subtracts the largest score, which rounds by a unit of the difference, takes exp (8 units, as 4 in the
    last place are) and divides (1): 9 of the weight, and 0.2 for ln(1 - x) > -x (1 + x), where x, 9 units, is less than
    0.02. That what underflows is off by more is up to `Program.mean_error`. This exp here is off by 8 U, and by less
    than 2^-1060 where it underflows. The factor is that of a score which some key reaches whatever it is: what weighs
    far more may be infinite at most, and is cut off at least.
    """
    top = np.where(mask, high, -np.inf).max(axis=(-2, -1), keepdims=True)
    reached = np.where(mask, low, np.inf).min(axis=-1, keepdims=True).max(axis=-2, keepdims=True)
    error = up(unit * up(9.2 + up(top - low)))
    with np.errstate(all="ignore"):
        least = np.exp(np.minimum(down(down(low - reached) - error), 600)) * (1 - 2.0**-49) - 2.0**-1060
        most = np.exp(up(up(high - reached) + error)) * (1 + 2.0**-49) + 2.0**-1060
    return np.where(mask, np.maximum(least, 0), 0), np.where(mask, most, 0)


def levels(least: Array, most: Array, value: Array, mask: Array, bits: int, counted: Counted | None = None) -> Array:
    """Numbers that the means of the largest values do not exceed: [...]; inf where nothing is known.

    They are multiples of the largest value's size by 2^-bits, so that there are few different ones; or a largest value.
    Where several kinds of tokens are counted, prices are not the best, and neither is a guess: then it is halved.
    """
    with np.errstate(all="ignore"):
        value = np.where(mask, value, -np.inf)
        largest = np.where(np.isnan(value), np.inf, value).max(axis=(-2, -1))
        known = np.isfinite(largest) & ~np.isnan(most).any(axis=(-2, -1))
        size = np.where(mask, np.abs(value), 0).max(axis=(-2, -1))
        grid = np.ldexp(1.0, np.frexp(np.where(known, size, 0).max(initial=0))[1] - bits)
        found = np.where(known, largest, np.inf)
        if (found == np.where(mask, value, np.inf).min(axis=(-2, -1))).all():  # they are all alike
            return found
        guessed = guess(least, most, value, mask, counted)

        def confirmed(tried: Array) -> Array:
            tried = np.ceil(tried / grid) * grid if grid > 0 else tried
            fine = excess(least, most, value, mask, tried, counted) <= 0
            return np.where(fine, np.fmin(tried, found), found)

        for slack in SLACKS:
            found = confirmed(guessed + slack * (value.shape[-2] + 4) * 2 * U * size)
            if (found < largest).all():
                break
        if counted is not None and counted.inside.shape[1] > 1:
            below = np.where(mask, value, np.inf).min(axis=(-2, -1))
            for _ in range(HALVES):
                middle = (below + found) / 2
                closer = confirmed(middle)
                below, found = np.where(closer < found, below, middle), closer
    result: Array = np.where(known, found, np.inf)
    return result


def guess(least: Array, most: Array, value: Array, mask: Array, counted: Counted | None = None) -> Array:
    """About where the excess is 0: Newton's iteration, from below. Nothing rests on it, for a guess is confirmed.

    A step is no smaller than what is confirmed is above it anyway: at the value of a heavy key it would be. Where a
    price makes tokens alike, the one that weighs most: a step is too short then rather than too long.
    """
    level, most = np.where(mask, value, np.inf).min(axis=(-2, -1)), np.minimum(most, 2.0**900)
    least_step = np.where(mask, np.abs(value), 0).max(axis=(-2, -1)) * 2.0**-50
    if counted is None:  # what is not there is minus infinity, whatever it weighs
        value, least, most = np.where(mask, value, -np.inf), np.where(mask, least, 1), np.where(mask, most, 1)
    for _ in range(60):
        above = value - level[..., None, None]
        total, slope = _steepest(least, most, above) if counted is None else _priced(least, most, above, mask, counted)
        if not (total > 0).any():
            break
        level = np.where(total > 0, level + np.fmax(total / slope, least_step), level)
    return level  # type: ignore[no-any-return]


def _steepest(least: Array, most: Array, above: Array) -> tuple[Array, Array]:
    """Σ w (v - level) with the worst token of each key, and Σ w of these: above, one weighs most, and below least."""
    terms = np.maximum(most * above, least * above)
    at = terms.argmax(axis=-1)[..., None] == np.arange(terms.shape[-1])  # the first of several
    weight = np.where(above[at] > 0, most[at], least[at])
    return terms.max(axis=-1).sum(axis=-1), weight.reshape(terms.shape[:-1]).sum(axis=-1)


def _priced(least: Array, most: Array, above: Array, mask: Array, counted: Counted) -> tuple[Array, Array]:
    """The same less the prices of what is counted."""
    weight = np.where(above > 0, most, least)
    paid, more, _ = _paid(np.where(mask, weight * above, -np.inf), counted)
    worst = paid.max(axis=-1)
    alike = paid >= (worst - 2.0**-45 * np.abs(worst))[..., None]
    return worst.sum(axis=-1) + more, np.where(alike, weight, 0).max(axis=-1).sum(axis=-1)


def excess(least: Array, most: Array, value: Array, mask: Array, level: Array, counted: Counted | None = None) -> Array:
    """At most how large Σ w (v - level) is, where each key is the worst of its tokens: [...]

    Where that is not above 0, neither is Σ w v / Σ w - level. A term is a difference and a product, each rounded by U,
    and so is the worst of a key; their sum rounds by U for each key at most. Where tokens are counted, each price is
    subtracted from a term, and added to the sum as often as its limit says, with a product: 3 roundings more each. A
    term is no more than what is left of it and the prices together, which were subtracted once and are counted twice.
    """
    above = value - level[..., None, None]
    terms = np.where(mask, np.where(above > 0, most, least) * above, -np.inf)
    paid, more, absolute = _paid(terms, counted)
    worst, count = paid.max(axis=-1), value.shape[-2] + 3 * (0 if counted is None else counted.inside.shape[1])
    error = loosened((count + 4) * U * (np.abs(worst).sum(axis=-1) + absolute), count)
    return worst.sum(axis=-1) + more + error  # type: ignore[no-any-return]


def _paid(terms: Array, counted: Counted | None) -> tuple[Array, Array, Array]:
    """Terms less the prices of tokens, what these add to a sum, and what they are of it in absolute values."""
    none = np.zeros(terms.shape[:-2])
    if counted is None:
        return terms, none, none
    each = prices(terms, counted)
    limits = np.where(each > 0, counted.most, counted.least)
    for c in range(each.shape[-1]):
        terms = terms - np.where(counted.where(c), each[:, c, None, None], 0)
    return terms, (each * limits).sum(axis=-1), (np.abs(each) * (limits + 2 * counted.inside.sum(axis=-1))).sum(axis=-1)


def above(x: Any) -> float:
    """A float that is surely not below a number of python-flint's; inf where nothing is known."""
    value = float(x.upper())
    if not x <= value:
        value = float(np.nextafter(value, np.inf))
    return value if value == value else np.inf


def below(x: Any) -> float:
    """A float that is surely not above it; -inf where nothing is known."""
    return -above(-x)
