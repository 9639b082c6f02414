"""Softmax attention over boxes: what keys can weigh, and the most that a weighted mean of their values can be."""

import math
from dataclasses import dataclass, replace

import numpy as np

from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.boxes import CountArrays
from properties.proof.prices import Seen
from zoo.transformer.arithmetic import EXP_ULPS, FLOAT64
from zoo.transformer.arrays import Array

NEGLIGIBLE = 1e-12
# Far above all that underflow takes from an exponential made here, far below all that matters. What it takes from the
# program's is in `interval.mean_rounding`.
SMALL = 1e-300
COUNTED = 2**20  # numbers that are summed at a time where tokens are counted
HALVES = 24
BITS = 40  # by which queries are told apart: with the number of one of 2^23 queries before them, 63 bits


@dataclass(frozen=True)
class Weights:
    """Attention weights of boxes up to a common factor, for the keys that can matter; the others only as a total."""

    least: Array  # [box, query, kept key, token]
    most: Array  # the same
    valid: Array  # bool, the same: which tokens a key may be
    rest: Array  # [batch, query, 1] the most that all other keys weigh together
    kept: Array | None  # int [batch, query, kept key] which keys these are; None where all are
    seen: Seen | None = None  # where tokens are counted

    def renumbered(self) -> "Weights":
        """The same where the keys kept are the first there are."""
        number = np.arange(self.least.shape[2])[None, None]
        return self if self.kept is None else replace(self, kept=number)

    def distinct(self) -> "tuple[Weights, Array] | None":
        """The same of the queries that differ, as if of one box, and which of these each is: int [box, query].

        Where scores are the same for all boxes (a `rest` for one), `softmax_weights` makes what it says of a query from
        those and from what its kept keys may be, `valid`, and from nothing else of a box. So queries of one number that
        have the same `valid` have the same weights. None where tokens are counted, or too many to be told apart.
        """
        boxes, queries, *kept = self.valid.shape
        bits = math.prod(kept)
        if self.seen is not None or len(self.rest) > 1 or bits > BITS or boxes < 2:
            return None
        code = self.valid.reshape(boxes, queries, bits) @ (1 << np.arange(bits))
        code = code * queries + np.arange(queries)
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
        box, query = np.divmod(first, queries)
        least, most, valid = (x[box, query][None] for x in (self.least, self.most, self.valid))
        its = None if self.kept is None else self.kept[:, query]
        return Weights(least, most, valid, self.rest[:, query], its), which.reshape(boxes, queries)

    def of(self, values: Array) -> Array:
        """Values [..., query or 1, column, key, token] of the keys kept."""
        if self.kept is None:
            return values
        return np.take_along_axis(values, self.kept[:, :, None, :, None], 3)


def softmax_weights(
    s: Interval,
    visible: Array,
    own_key: Array,
    counts: Array,
    may_be: Array,
    of: Array | slice,
    a: Arithmetic,
    counted: tuple[CountArrays, Array] | None = None,
) -> Weights:
    """Of scores [batch, query, key, token], for boxes, which are what each key may be: bool [box, key, token].

    `of` tells the batch of each box. visible bool [batch, query, key, token] is what a query may see at most, own_key
    int [batch, query] the key that is the query itself: there, visible alone counts. Each key weighs as many times as
    counts int [key] says. Keys that surely weigh less than NEGLIGIBLE of another are only summed: with one-hot
    positions two or three of a thousand remain. In each box, scores are shifted by one that is surely reached: the
    largest of the keys' smallest. The radius of a score is that of `Head.scores`, with `Arithmetic.own` of all products
    in it; see `ends`. With what is `counted` come the keys' positions, int [key].
    """
    low, high, reached = ends(s, visible, a)
    peak = np.where(visible, high - reached, -np.inf).max(axis=-1)  # [batch, query, key]
    keep = int(np.count_nonzero(peak > math.log(NEGLIGIBLE), axis=-1).max())
    some = 2 * keep < peak.shape[-1]
    keys, rest = np.arange(peak.shape[-1])[None, None], np.zeros((*peak.shape[:2], 1))
    if some:
        keys = np.argpartition(-peak, keep, axis=-1)[..., :keep]
        np.put_along_axis(peak, keys, -np.inf, -1)
        # Relative to what is reached, which no shift below is less than. A hundredth is more than exp, the product and
        # the sum, of fewer than 10^13 keys, can be off.
        rest = (np.exp(peak) * counts).sum(axis=-1, keepdims=True) * 1.01
        low, high, visible = (np.take_along_axis(x, keys[..., None], 2) for x in (low, high, visible))
        keys = keys[of]
    low, high, visible, own_key, rest = (x[of] for x in (low, high, visible, own_key, rest))
    free = may_be[np.arange(len(may_be))[:, None, None], keys] | (keys == own_key[..., None])[..., None]
    valid = free & visible
    sure = np.where(valid, low, np.inf).min(axis=-1)
    shift = np.where(np.isposinf(sure), -np.inf, sure).max(axis=-1)[..., None, None]  # [box, query, 1, 1]
    seen = None
    if counted is not None:
        seen = Seen.of(*counted, counts, keys, valid)
        valid = seen.possible(valid, keys == own_key[..., None])
        shift = np.maximum(shift, seen.reached(low, valid)[..., None, None])
    times = counts[keys][..., None]
    # exp is counted in `ends`; the product with the count rounds once, 90 times less than 1e-14. e^700 is finite, and
    # what underflows is off by less than SMALL.
    least = np.exp(np.minimum(low - shift, 700)) * times * (1 - 1e-14)
    most = (np.exp(high - shift) + SMALL) * times * (1 + 1e-14)
    least, most = np.where(valid & (least > SMALL), least, 0), np.where(valid, most, 0)
    return Weights(least, most, valid, rest, keys if some else None, seen)


def ends(s: Interval, visible: Array, a: Arithmetic) -> tuple[Array, Array, Array]:
    """The least and the most each score can be, all that follows it counted in, and the largest of the keys' least.

    A weight that is off by a factor of e^x is that of a score that is off by x, and so all errors are added to scores.
    The program subtracts its largest score, which rounds by u of at most top - low. exp is off by 2 EXP_ULPS units of u
    relative to itself, in the program and here, and the division by 1: ln(1 - x) > -1.05 x for what these can be. Here
    what is subtracted from low - error rounds by 2^-53 of no more than top - min(low, reached) and their errors, and
    the error itself by less: 4 with a hundredth for products. low and low - error round by 2^-53 of |s| each, which is
    twice the absolute products in s at most: of those s.r has `own`, of which s.c took a quarter, and at least 48 times
    2^-53 are left.
    """
    low, high = s.c - s.r, s.c + s.r
    unknown = ~(np.isfinite(low) & np.isfinite(high))
    if unknown.any():
        low, high = np.where(unknown, -np.inf, low), np.where(unknown, np.inf, high)
    top = np.where(visible, high, -np.inf).max(axis=(-2, -1), keepdims=True)
    sure = np.where(visible.any(axis=-1), np.where(visible, low, np.inf).min(axis=-1), -np.inf)
    reached = sure.max(axis=-1)[..., None, None]
    relative, shift = 1.01 * (a.unit + 4 * FLOAT64.unit), 1.05 * (2 * EXP_ULPS * (a.unit + FLOAT64.unit) + a.unit)
    error = (top - np.minimum(low, reached)) * relative + shift
    # low - error rises with low: the key whose least was the largest is so still, by the same numbers.
    return low - error, high + error, reached - ((top - reached) * relative + shift)


def softmax_mean(weights: Weights, values: Array, a: Arithmetic) -> Array:
    """An upper bound on the weighted mean of the keys' values, where each key is any of its tokens independently.

    Values [batch, query or 1, column, key, token] -> [box, query, column]. The mean exceeds a number λ only where
    Σ w (v - λ) > 0 over the keys, so that a λ at which every key's worst token still gives no more than 0 is a bound.
    Newton's iteration finds it, from below. NaN where a value is not known. Where tokens are counted, not every key can
    have its worst one: see `prices`. Where all boxes and queries have the same values, queries that are alike are asked
    once.
    """
    if values.shape[:2] == (1, 1) and (distinct := weights.distinct()) is not None:
        few, which = distinct
        return softmax_mean(few, values, a)[0, which]  # type: ignore[no-any-return]
    shape = (*weights.least.shape[:2], values.shape[2])
    if weights.seen is not None and shape[2] > (some := max(1, COUNTED // weights.least.size)):
        parts = (values[:, :, i : i + some] for i in range(0, shape[2], some))
        return np.concatenate([softmax_mean(weights, part, a) for part in parts], axis=2)
    bottom = np.broadcast_to(values.min(axis=(-2, -1)), shape)
    top = np.broadcast_to(values.max(axis=(-2, -1)), shape)
    sums = _Sums(weights, weights.of(values), top)
    level = np.array(bottom)
    step = 4 * a.own * (np.abs(top) + np.abs(bottom))
    for _ in range(40):
        excess, _, weight = sums(level)
        rise = excess / weight
        level = np.where(rise > 0, level + rise, level)
        if not (rise > step).any():
            break
    bound, proved = np.where(np.isfinite(bottom) & np.isfinite(top), top, np.nan), ~np.isfinite(bottom)
    for factor in (1, 64, 4096):
        raised = np.minimum(level + factor * step, top)
        excess, absolute, _ = sums(raised)
        proves = ~proved & (excess + a.own * absolute <= 0)
        bound[proves] = raised[proves]
        proved |= proves
        if proved.all():
            return bound if sums.are_largest else _closer(sums, bottom, bound, a)
    _walk_on(sums, level, step, bound, proved | np.isnan(bound), a)
    return bound if sums.are_largest else _closer(sums, bottom, bound, a)


@dataclass(frozen=True)
class _Sums:
    """Σ w (v - λ) with every key's worst token, the same of absolute values, and Σ w."""

    weights: Weights
    values: Array  # of the keys kept
    top: Array  # [box, query, column] the largest of all keys

    def __call__(self, level: Array) -> tuple[Array, Array, Array]:
        terms, factors = worst_terms(self.weights, self.values, level)
        others, rest = self.weights.rest * (self.top - level), self.weights.rest
        if self.weights.seen is not None:
            total, absolute, weight = self.weights.seen.excess(terms, factors)
            return total + others, absolute + np.abs(others), weight + rest
        token = terms.argmax(axis=-1)[..., None]
        term, weight = (np.take_along_axis(x, token, -1)[..., 0] for x in (terms, factors))
        unseen = np.isneginf(term)
        term, weight = np.where(unseen, 0, term), np.where(unseen, 0, weight)
        return term.sum(-1) + others, np.abs(term).sum(-1) + np.abs(others), weight.sum(-1) + rest

    @property
    def are_largest(self) -> bool:
        """Whether a sum is the largest there is; of several counts, it is only no less."""
        return self.weights.seen is None or self.weights.seen.unseen.shape[-1] == 1


def _walk_on(sums: _Sums, level: Array, step: Array, bound: Array, proved: Array, a: Arithmetic) -> None:
    """Where Newton's iteration stopped too early, on from there, each step at least as far as a doubling one.

    Where a key has a heavy token whose value is the level, and a light one above it, Newton's step is that of the heavy
    one, and next to nothing; a little farther on it is the light one that counts.
    """
    least = step
    for _ in range(60):
        excess, absolute, weight = sums(level)
        proves = ~proved & (excess + a.own * absolute <= 0)
        bound[proves] = level[proves]
        proved = proved | proves | ~(level < bound)
        if proved.all():
            return
        rise = excess / weight
        far = rise > step
        level = np.where(proved, level, np.minimum(level + np.where(far, rise, step), bound))
        step = np.where(far, least, 2 * step)


def _closer(sums: _Sums, below: Array, bound: Array, a: Arithmetic) -> Array:
    """A bound that is less, where a sum says so: by halves, as Newton's steps need the largest sums."""
    for _ in range(HALVES):
        middle = (below + bound) / 2
        excess, absolute, _ = sums(middle)
        proves = excess + a.own * absolute <= 0
        bound, below = np.where(proves, middle, bound), np.where(proves, below, middle)
    return bound


def worst_terms(weights: Weights, values: Array, level: Array) -> tuple[Array, Array]:
    """The largest w (v - λ) can be for each token of each key kept, -inf for those it cannot be, and the w in it.

    Values of the keys kept, level [box, query, column] -> twice [box, query, column, kept key, token].
    """
    above = values - level[..., None, None]
    factors = np.where(above > 0, weights.most[:, :, None], weights.least[:, :, None])
    terms: Array = np.multiply(factors, above, out=above)
    np.copyto(terms, -np.inf, where=~weights.valid[:, :, None])
    return terms, factors


def effects(weights: Weights, values: Interval, level: Array, lower: Array, boxes: Array, kept: Array | None) -> Array:
    """How far each token pulls a head towards the worst rival at the worst last token: [box, position, token]

    `kept` are the positions whose weights these are, int [batch, query, kept key]; None where they are all.
    """
    each = np.arange(len(boxes))
    query, rival = np.divmod(lower.reshape(len(boxes), -1).argmin(axis=1), lower.shape[2])
    terms, _ = worst_terms(weights, weights.of(values.r - values.c), level)
    share = terms[each, query, rival] / weights.most[each, query].sum((-1, -2))[:, None, None]  # [box, kept key, token]
    where = np.arange(boxes.shape[1])[None]
    if kept is not None:
        where = np.broadcast_to(kept, (len(boxes), *kept.shape[1:]))[each, query]
    effects = np.zeros(boxes.shape)
    effects[each[:, None], where] = np.nan_to_num(share, neginf=0)
    return effects
