"""What the queries of an attention see, in floats rounded outward: scores, weights, and what means do not exceed."""

from collections.abc import Callable
from typing import Any

import numpy as np

from properties.recheck.means import Sides, above, levels, scores, weights
from properties.recheck.prices import Counted
from properties.recheck.program import Ball, Number
from properties.recheck.stream import Heads, Stream, remembered
from zoo.errors import CertificateError
from zoo.transformer import Attention, Transformer
from zoo.transformer.arrays import Array

COARSE, FINE = 40, 52  # bits of a level: leaves of the same levels are one to what comes behind
LIGHT = -52 * np.log(2)  # a score so much lower changes nothing of a coarse level


class Table:
    """Floats [number of a row, ...], worked out when they are asked for; NaN where nothing is known of the row."""

    def __init__(self, shape: tuple[int, ...], make: Callable[[int], Array]) -> None:
        self.make, self.rows, self.done = make, np.empty((0, *shape)), np.zeros(0, bool)

    def of(self, numbers: Array) -> Array:
        """All rows, of which those of these numbers can be read."""
        if (more := int(numbers.max(initial=-1)) + 1 - len(self.done)) > 0:
            more = max(more, len(self.done))
            self.rows = np.concatenate([self.rows, np.empty((more, *self.rows.shape[1:]))])
            self.done = np.concatenate([self.done, np.zeros(more, bool)])
        for number in sorted({*numbers[~self.done[numbers]].tolist()}):  # most often none
            try:
                self.rows[number] = self.make(number)
            except CertificateError:  # it may overflow
                self.rows[number] = np.nan
            self.done[number] = True
        return self.rows


class Floats(Stream):
    """The stream of one transformer, with tables of what each head reads. Where `fine`, levels are not coarsened."""

    def __init__(self, transformer: Transformer, fine: bool) -> None:
        super().__init__(transformer)
        self.fine, self.bits = fine, FINE if fine else COARSE
        self.tables: dict[Any, Table] = {}

    def table(self, key: Any, shape: tuple[int, ...], make: Callable[[int], Array]) -> Table:
        if key not in self.tables:
            self.tables[key] = Table(shape, make)
        return self.tables[key]

    def values(self, i: int, h: int, numbers: Array) -> Array:
        """A head's values, [number, column of `columns`, (- least, most)], rounded up."""
        columns, none = self.columns(i, h), Ball(self.program.zero, self.program.zero)

        def make(number: int) -> Array:
            row = self.projected(i, number, "v", h)[0]
            balls = [row.get(column, none) for column in columns]
            return np.array([(above(ball.r - ball.c), above(ball.r + ball.c)) for ball in balls]).reshape(-1, 2)

        return self.table((i, "v", h), (len(columns), 2), make).of(numbers)

    def scores(self, i: int, h: int, queries: Array, keys: Array) -> tuple[Array, Array]:
        """The least and the most that a head's scores may be, of rows by number: [query, key]"""
        layer, program = self.t.layers[i], self.program
        assert isinstance(layer, Attention)
        q = self.sides(i, h, "q", queries, np.arange(layer.sizes["d_head"]))
        felt = ((q.centre != 0) | (q.radius != 0)).any(axis=0)  # elsewhere nothing is added
        felt[0] = True  # so that it is seen where nothing is known of a key
        some = np.flatnonzero(felt)
        centre, radius, rounding = (part.take(some, axis=1) for part in q[:3])
        q, k = q._replace(centre=centre, radius=radius, rounding=rounding), self.sides(i, h, "k", keys, some)
        scale = float(self.t.dtype.type(layer.multiplier))
        return scores(q, k, scale, *(float(x.mid()) for x in (program.unit, program.tiny, program.limit)))

    def sides(self, i: int, h: int, name: str, numbers: Array, some: Array) -> Sides:
        """A head's queries or keys in floats, in some of its directions.

        Before the first attention nothing moves with the leaf, and it is enough how far each by itself is rounded.
        """
        d = self.t.d_model if self.sight[i] else 0

        def make(number: int) -> Array:
            row, errors = self.projected(i, number, name, h)
            made = np.zeros((3, self.t.layers[i].sizes["d_head"]))
            for e, ball in row.items():
                centre = float(ball.c.mid())
                made[:, e] = centre, above(ball.r + abs(ball.c - centre)), above(errors.get(e, self.program.zero))
            return made

        def moving(number: int) -> Array:
            made = np.zeros((2, d))
            for e, ball in self.normalize(i, number).items():
                made[0, e] = above(ball.r)
            made[1] = [above(number) for number in self.felt(i, h, name, number)]
            return made

        table = self.table((i, name, h), (3, self.t.layers[i].sizes["d_head"]), make).of(numbers)
        balls = [table[numbers[:, None], part, some] for part in range(3)]
        if not d:
            return Sides(*balls, *np.empty((2, len(numbers), 0)))
        return Sides(*balls, *self.table((i, name, h, "moves"), (2, d), moving).of(numbers)[numbers].swapaxes(0, 1))

    def felt(self, i: int, h: int, name: str, number: int) -> list[Number]:
        """How much a score moves with the other side's input: |x A| of a query x, |A y| + |A| |dy| of a key y."""
        zero, other = self.program.zero, self.matrices[i, "w_q" if name == "k" else "w_k", h]
        row = self.projected(i, number, name, h)[0]
        felt = [abs(sum((entry * row[e].c for e, entry, _ in its if e in row), zero)) for its in other]
        if name == "k":
            y = self.normalize(i, number)
            more = (sum((both[m] * ball.r for m, ball in y.items()), zero) for both in self.combined(i, h))
            felt = [x + dx for x, dx in zip(felt, more)]
        return felt

    @remembered
    def combined(self, i: int, h: int) -> list[list[Number]]:
        """|A|, A being w_q w_k'"""
        columns = [{e: entry for e, entry, _ in row} for row in self.matrices[i, "w_k", h]]
        return [
            [
                abs(sum((entry * column[e] for e, entry, _ in row if e in column), self.program.zero))
                for column in columns
            ]
            for row in self.matrices[i, "w_q", h]
        ]


class Seen:
    """What the queries of one token at position p see, in one layer, of sets of contexts: [set, key, token]

    A head that hardly hears a key is given sets that hold there whatever any of them holds: these have more contexts,
    and so what bounds them bounds the others, and many become one. Where that says too little, it is done `fine`.
    """

    def __init__(
        self,
        stream: Floats,
        i: int,
        p: int,
        t: int,
        numbers: Array,
        masks: Array,
        counted: Counted | None = None,
    ) -> None:
        """`numbers` are the rows, one for all sets or of each."""
        self.stream, self.i, self.counted = stream, i, counted
        mask: Array = masks.copy()
        mask[:, p] = np.arange(masks.shape[-1]) == t  # at its own position, a query sees its own key
        if counted is not None:
            mask = counted.possible(mask)
        there: Array = mask if len(numbers) == len(masks) else np.asarray(mask.any(axis=0, keepdims=True))
        kept = np.where(there, numbers, numbers[there][0])
        assert kept.min() >= 0, "what a position may hold should have a row"
        self.keys, at = np.unique(kept, return_inverse=True)
        self.at = at.reshape(kept.shape)
        queries, which = np.unique(numbers[:, p, t], return_inverse=True)
        which, unit = which.reshape(-1, 1, 1), float(stream.program.unit.mid())
        # Of each head: sets that are different to it, and which of them each set became.
        self.masks, self.weights, self.which = list[Array](), list[tuple[Array, Array]](), list[Array]()
        for h in range(stream.t.layers[i].sizes["head"]):
            low, high = (ends[which, self.at] for ends in stream.scores(i, h, queries, self.keys))
            heard = None if stream.fine or counted is not None or len(low) > 1 else _heard(low[0], high[0], there[0])
            few, became = _alike(mask, heard)
            self.masks.append(few)
            self.which.append(became)
            self.weights.append(weights(low, high, few, unit))

    def level(self, h: int, values: Array, some: Array | None = None) -> Array:
        """A bound on a head's mean of values, [key] -> [set], of some sets."""
        few: Any = slice(None)
        which = self.which[h]
        if some is not None:
            few, which = np.unique(which[some], return_inverse=True)
        counted = None if self.counted is None else Counted(*(part[few] for part in self.counted))
        at = self.at if len(self.at) == 1 else self.at[few]
        mask, least, most = (part[few] for part in (self.masks[h], *self.weights[h]))
        found = levels(least, most, values[at], mask, self.stream.bits, counted)
        return found[which.reshape(-1)]

    def heads(self, columns: bool = True) -> tuple[list[Heads], Array]:
        """Those that are different, and of each set which; without `columns` only the sizes, and infinities elsewhere.

        A size is infinite if not known.
        """
        layer, count = self.stream.t.layers[self.i], len(self.which[0])
        size = np.zeros((count, layer.sizes["head"], layer.sizes["d_v"]))
        low, high = np.full_like(size, -np.inf), np.full_like(size, np.inf)
        for h, (mask, which) in enumerate(zip(self.masks, self.which)):
            values = self.stream.values(self.i, h, self.keys)[self.keys]
            for k, column in enumerate(self.stream.columns(self.i, h)):
                its = values[:, k].max(axis=-1)[self.at]
                size[:, h, column] = _coarser(np.where(mask, its, 0).max(axis=(1, 2)))[which]
                if columns and size[:, h, column].any():
                    low[:, h, column] = -self.level(h, values[:, k, 0])
                    high[:, h, column] = self.level(h, values[:, k, 1])
            # What is not known is not known of values that are zero either: times infinity they would be NaN.
            unknown: Array = np.asarray(np.isnan(self.weights[h][1]).any(axis=(1, 2)))
            size[unknown[which], h] = np.inf
        every = np.stack([size, low, high], axis=1)
        first, number = _distinct(every)
        return [Heads(self.masks[0].shape[1], *its) for its in every[first]], number


def _heard(low: Array, high: Array, there: Array) -> Array:
    """The keys that may weigh more than e^LIGHT of one that is always there: bool [key]"""
    reached = np.where(there, low, np.inf).min(axis=-1).max()
    heard: Array = ~(np.where(there, high, -np.inf).max(axis=-1) < reached + LIGHT)
    return heard


def _alike(mask: Array, heard: Array | None) -> tuple[Array, Array]:
    """Sets that differ where they are heard, and elsewhere hold what any does; and of each set which one it became."""
    if heard is None or heard.all():
        return mask, np.arange(len(mask))
    first, which = _distinct(mask[:, heard])
    return np.where(heard[:, None], mask[first], mask.any(axis=0)), which


def _distinct(x: Array) -> tuple[Array, Array]:
    """Of entries along the first axis that are alike bit by bit the first, and of each entry which of these it is."""
    numbers: dict[bytes, int] = {}
    which = np.array([numbers.setdefault(entry.tobytes(), len(numbers)) for entry in x])
    return np.unique(which, return_index=True)[1], which


def _coarser(size: Array) -> Array:
    """Rounded up to ten bits: few are different then."""
    mantissa, exponent = np.frexp(size)
    return np.ldexp(np.ceil(mantissa * 2.0**10) / 2.0**10, exponent)
