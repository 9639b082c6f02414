"""Weighted means where tokens are counted: each count has a price, and one sum confirms them together with the level.

A mean is at most λ if Σ w (v - λ) <= 0 over the keys, in every context. Where a context must hold a count, not every
key can have its worst token. Whatever the price μ of a token counted, with T the terms w (v - λ),

    Σ T  <=  Σ over keys, the most over tokens of (T - m μ if it is counted)  +  Σ μ (most if μ > 0 else least)
             + unseen (-μ if μ < 0),

m being for how many of the positions counted a key stands, and unseen how many of them no key stands for that is seen
and kept: of what is subtracted, exactly the count is added again, less what no key paid. So any price proves, as any
λ does. The best price of one count is what the last token that is counted would gain by being another (the first one
that is not, where they would gain by being counted): it is found by sorting, and the sum is then the largest one there
is. Of several counts one price after the other is found so; what that proves holds, and may be less than could be.
"""

from dataclasses import dataclass

import numpy as np

from properties.proof.boxes import CountArrays
from zoo.transformer.arrays import Array

SWEEPS = 3  # over the prices, where there are several


@dataclass(frozen=True)
class Seen:
    """The counts of boxes as a query sees them."""

    times: Array  # [box, query, count, kept key] for how many positions that are counted a key stands
    unseen: Array  # [box, query, count] how many positions that are counted none of these keys stands for
    tokens: Array  # bool [box, count, vocab]
    least: Array  # [box, 1, 1, count]
    most: Array  # the same

    @classmethod
    def of(cls, counts: CountArrays, positions: Array, stands_for: Array, keys: Array, valid: Array) -> "Seen":
        """Of keys int [box or 1, query or 1, kept key] out of all, at these positions, which stand for so many each.

        valid bool [box, query, kept key, token].
        """
        keys = np.broadcast_to(keys, valid.shape[:3])
        inside: Array = np.where(counts.counted(positions), stands_for, 0.0)  # [box, count, key]
        each = np.arange(len(inside))[:, None, None, None]
        times = inside[each, np.arange(inside.shape[1])[:, None], keys[:, :, None]] * np.expand_dims(
            valid.any(axis=-1), 2
        )
        limits = counts.limits.astype(float)[:, None, None]
        unseen = counts.sizes[:, None] - times.sum(axis=-1)
        return cls(times, unseen, counts.tokens, limits[..., 0], limits[..., 1])

    def inside(self, c: int) -> Array:
        """Which tokens of which keys a count counts: bool [box, query, kept key, token]."""
        counted: Array = self.times[:, :, c, :, None] > 0
        return counted & self.tokens[:, None, c, None]

    def possible(self, valid: Array, own: Array) -> Array:
        """Which tokens keys may be where none that is counted may stand, or no other, bool as `valid`.

        own bool [box, query, kept key] is the key that is the query: what its token would mean is not asked.
        """
        for c in range(self.unseen.shape[-1]):
            inside, counted = self.inside(c), self.times[:, :, c, :, None] > 0
            whole = self.times[:, :, c].sum(axis=-1) + self.unseen[..., c]
            none = (self.most[..., c].reshape(-1, 1) == 0)[..., None, None]
            every = (self.least[..., c].reshape(-1, 1) == whole)[..., None, None]
            valid = valid & ~((none & inside | every & counted & ~inside) & ~own[..., None])
        return valid

    def reached(self, low: Array, valid: Array) -> Array:
        """A score that some key surely reaches by the counts, -inf where that is not known: [box, query].

        Where a token that is counted must stand at a key that is seen, the smallest score it can have there; or where
        one that is not must.
        """
        found: Array = np.full(low.shape[:2], -np.inf)
        for c in range(self.unseen.shape[-1]):
            inside, counted = self.inside(c), self.times[:, :, c, :, None] > 0
            must = self.least[..., c].reshape(-1, 1) > self.unseen[..., c]
            must_not = self.most[..., c].reshape(-1, 1) < self.times[:, :, c].sum(axis=-1)
            for there, where in ((must, inside), (must_not, counted & ~inside)):
                smallest = np.where(where & valid, low, np.inf).min(axis=(-2, -1))
                found = np.where(there & np.isfinite(smallest), np.maximum(found, smallest), found)
        return found

    def excess(self, terms: Array, factors: Array) -> tuple[Array, Array, Array]:
        """An upper bound on Σ T, what it was made of in absolute values, and about what weighs in it.

        terms and factors [box, query, column, kept key, token] -> [box, query, column] three times. What is rounded is
        less than `Arithmetic.own` of the absolute values: a term rounds by some units of |T|, a price times m and the
        difference by one each, and |T| is at most the difference and the price together, or the key takes another
        token; that is twice |μ| m, and the difference, which sums round as often as there are keys and counts, of which
        there are no more than positions and tokens.
        """
        values, weights = self._by_count(terms, factors)
        number = self.unseen.shape[-1]
        prices: Array = np.zeros((number, *terms.shape[:3]))
        times = np.moveaxis(self.times, 2, 0)[:, :, :, None]  # [count, box, query, 1, kept key]
        for _ in range(1 if number == 1 else SWEEPS):
            for c in range(number):
                others = [values[i] - prices[i][..., None] * times[i] for i in range(number) if i != c]
                other = np.max([values[-1], *others], axis=0)
                prices[c], share = self._price(c, values[c] - other)
        paid = [values[i] - prices[i][..., None] * times[i] for i in range(number)]
        chosen = np.max([values[-1], *paid], axis=0)
        chosen = np.where(np.isneginf(chosen), 0, chosen)
        total, absolute = chosen.sum(axis=-1), np.abs(chosen).sum(axis=-1)
        for c in range(number):
            limit = np.where(prices[c] > 0, self.most[..., c], self.least[..., c])
            unseen = self.unseen[..., None, c]
            total = total + prices[c] * limit + unseen * np.maximum(-prices[c], 0)
            absolute = absolute + np.abs(prices[c]) * (limit + unseen + 2 * times[c].sum(axis=-1))
        if number == 1:
            weight = share * weights[0] + (1 - share) * weights[-1]
        else:
            at = np.argmax([*paid, values[-1]], axis=0)[None]
            weight = np.take_along_axis(np.array(weights), at, 0)[0]
        return total, absolute, weight.sum(axis=-1)

    def _by_count(self, terms: Array, factors: Array) -> tuple[list[Array], list[Array]]:
        """The largest term of each key among the tokens of each count, and last among the others; and its weight."""
        values, weights = [], []
        places = [self.inside(c) for c in range(self.unseen.shape[-1])]
        first = np.arange(0, terms.size, terms.shape[-1]).reshape(terms.shape[:-1])  # where its tokens begin in memory
        for where in (*places, ~np.any(places, axis=0)):
            some = np.where(where[:, :, None], terms, -np.inf)
            token = some.argmax(axis=-1) + first
            value, weight = some.take(token), factors.take(token)
            values.append(value)
            weights.append(np.where(np.isneginf(value), 0, weight))
        return values, weights

    def _price(self, c: int, gains: Array) -> tuple[Array, Array]:
        """The best price of one count, and what share of each key's positions hold a token that it counts.

        gains [box, query, column, kept key]: by how much a key's positions gain together by being counted.
        """
        times = np.broadcast_to(self.times[:, :, None, c], gains.shape)
        gains = np.where((times > 0) & ~np.isnan(gains), gains / np.maximum(times, 1), -np.inf)
        order = np.argsort(-gains, axis=-1, kind="stable")
        first = np.arange(0, gains.size, gains.shape[-1]).reshape(gains.shape[:3])  # where its keys begin in memory
        order += first[..., None]
        ordered, sizes = gains.take(order), times.take(order)
        upto = np.cumsum(sizes, axis=-1)
        wanted = (sizes * (ordered > 0)).sum(axis=-1)
        least, most = np.maximum(self.least[..., c] - self.unseen[..., None, c], 0), self.most[..., c]
        taken = np.clip(wanted, least, np.maximum(most, least))
        # The first that is not taken, where more would gain; the last that is taken, where not all of them do.
        first_out = (upto <= taken[..., None]).sum(axis=-1)
        last_in = (upto < taken[..., None]).sum(axis=-1)
        last = gains.shape[-1] - 1
        outer, inner = (ordered.take(first + np.minimum(at, last)) for at in (first_out, last_in))
        price, no_price = np.where(taken < wanted, outer, inner), taken == wanted
        if self.unseen.shape[-1] > 1:  # of prices that are as good one between, from which the others can still move
            middle = (outer + inner) / 2
            price = np.where(np.isfinite(middle), middle, price)
            no_price &= self.least[..., c] < self.most[..., c]
        share = np.empty(gains.shape)
        before = upto - sizes
        share.put(order, np.clip(taken[..., None] - before, 0, sizes) / np.maximum(sizes, 1))
        return np.where(no_price | ~np.isfinite(price), 0, price), share
