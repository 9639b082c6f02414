"""Every context in C, `every_context.c`, which the compiler of this machine makes to a library when it is first wanted.

It is a program in double precision, whatever the transformer's type, and its answers are bounded like all others: what
`rounding` says of any program of that type is true of one that rounds less. Where there is no compiler, or none that
works, numpy does it, as where there are few contexts.
"""

import ctypes
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from importlib.resources import files
from math import prod
from typing import NamedTuple

import numpy as np

from zoo.c_library import library
from zoo.enumeration.layout import LANES, LASTS, Arrays, Halves, Layer, Model, integer, number, pointer
from zoo.enumeration.rounding import Rounding, Rows, Seen
from zoo.enumeration.running_sums import Sums
from zoo.errors import UnavailableError
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

BLOCK = 2**17  # contexts that one call is for: tens of milliseconds, so that Ctrl-C is heeded
TILE = 2**13  # contexts of running sums that are looked at together, with one last token
LONGEST = 2**24  # and those of one call
FEWEST = 2**16  # contexts that are worth a library: numpy takes a tenth of a second for them
MOST = 2**24  # numbers of what is laid out for that, about

# The largest margin that matters in contexts of a length from a number on, with logits that are off by so much.
Heeded = Callable[[int, int, float], float]


def every(length: int, number: int, error: float) -> float:
    """All margins matter."""
    return np.inf


class Ranked(NamedTuple):
    """The answers of contexts that come one after another, or of a tile of running sums."""

    tokens: Array  # the first largest logit, [...]
    margin: Array  # best - second best, NaN where that is not known: [...]


def usable(transformer: Transformer, contexts: int) -> bool:
    """Whether all contexts, so many, are enumerated in C."""
    known = transformer.sizes["vocab"] > 1 and 1 < len(transformer.readout) <= 256
    return known and contexts >= FEWEST and _library() is not None


def lists(transformer: Transformer, length: int, contexts: int) -> bool:
    """Whether contexts of that length, of so many in all, are run in C where they are given: `Walk.logits`."""
    numbers = transformer.sizes["vocab"] + LANES * (len(transformer.layers) + 1)  # a position, and a number of a row
    return numbers * length * transformer.d_model <= MOST and usable(transformer, contexts)


@lru_cache(maxsize=1)
def _library() -> ctypes.CDLL | None:
    """The library, or None, which is said once."""
    try:
        return library(source(), ("walk", "sums"))
    except UnavailableError as error:
        print(f"zoo: every context is enumerated by numpy, which takes longer: {error}", file=sys.stderr)
        return None


def source() -> str:
    return files("zoo.enumeration").joinpath("every_context.c").read_text(encoding="utf-8")


class Walk:
    """All contexts of up to `most` tokens, of a transformer that keeps its rows (`prefixes.cacheable`)."""

    def __init__(self, transformer: Transformer, most: int) -> None:
        exact, arrays = transformer.astype(np.float64), Arrays()
        self.arrays, self.vocab, self.most = arrays, exact.sizes["vocab"], most
        layers, wide = zip(*(arrays.layer(layer, most) for layer in exact.layers)) if exact.layers else ((), ())
        embedded = exact.token_embedding + exact.position_embedding[:most, None]  # [position, token, d_model]
        self.layers = (Layer * len(layers))(*layers)
        width = max(*wide, exact.d_model, len(exact.readout), most)
        self.largest = np.zeros((most, len(layers) + 1, exact.d_model, LANES))
        self.varies = np.full((most, len(layers) + 1, LANES), np.inf)
        self.model = Model(
            *(self.vocab, exact.d_model, len(layers), 0, most),
            *(arrays.doubles(embedded), ctypes.addressof(self.layers)),
            *(arrays.norm(exact.final_norm), arrays.map(exact.readout.T, None)),
            *(arrays.lanes(width) for _ in range(7)),
            *(self.largest.ctypes.data, self.varies.ctypes.data),
        )
        self.rounding = Rounding(transformer)
        self.met: list[tuple[Array, Array]] = []  # what was largest, and varied least, when the errors were computed
        self.errors: list[tuple[float, Seen]] = []  # at each position
        self.vain = False  # whether all of a batch were doubtful, as others will be: errors only grow

    def tiles(self, room: Mapping[int, Array]) -> Iterator[tuple[int, slice, Ranked, float]]:
        """(length, the numbers of contexts, their answers, how far logits may be off), each context of it once.

        `room` has an array for the answers of each length that is wanted, where they are written.
        """
        for lead, most in bands(self.vocab, self.most):
            lengths = range(lead + 1, most + 1)
            sizes = [self.vocab ** (n - lead) for n in lengths]
            tokens = [room[n] if n in room else np.empty(self.vocab**n, np.uint8) for n in lengths]
            margins = [np.empty(LANES * size) for size in sizes]
            for first in range(0, self.vocab**lead, LANES):
                lanes = min(LANES, self.vocab**lead - first)
                parts = [slice(first * size, (first + lanes) * size) for size in sizes]
                ranked = [
                    Ranked(all_of[part], own[: lanes * size])
                    for all_of, own, part, size in zip(tokens, margins, parts, sizes)
                ]
                self._walk(first, lanes, lead, most, ranked)
                for n, part, one in zip(lengths, parts, ranked):
                    yield n, part, one, self.errors[n - 1][0]

    def _walk(self, first: int, lanes: int, lead: int, most: int, ranked: list[Ranked]) -> None:
        """The contexts that begin with those of `lead` tokens from number `first` on, a lane each."""
        numbers = first + np.minimum(np.arange(LANES), lanes - 1)  # a lane too many does one again
        begin = np.ascontiguousarray(numbers // self.vocab ** np.arange(lead)[::-1, None] % self.vocab, np.int64)
        self.model.lead, self.model.most = lead, most
        own = _library()
        assert own is not None
        to = [(pointer * len(part))(*(array.ctypes.data for array in part)) for part in zip(*ranked)]
        powers: Array = self.vocab ** np.arange(1, most - lead + 1, dtype=np.int64)
        arrays = pointer(begin.ctypes.data), *to, pointer(powers.ctypes.data)
        own.walk(ctypes.byref(self.model), integer(lanes), *arrays)
        self._bound(most)

    def logits(self, contexts: Array) -> tuple[Array, float]:
        """Of contexts of `most` tokens, best in their order, int [batch, most], and how far they may be off.

        The logits are float64 [batch, output].
        """
        batch, length = contexts.shape
        each = _phased(-(-batch // LANES), self.vocab)
        lanes = np.minimum(np.arange(each)[:, None] + each * np.arange(LANES), batch - 1)  # [context, lane]
        tokens = np.ascontiguousarray(contexts[lanes].swapaxes(1, 2), np.int64)  # [context, most, lane]
        other = (tokens[1:] != tokens[:-1]).any(axis=2)
        start = np.concatenate([[0], np.where(other.any(axis=1), other.argmax(axis=1), length)])
        result = np.empty((each, self.model.readout.outputs, LANES))
        own = _library()
        assert own is not None
        arrays = (pointer(array.ctypes.data) for array in (tokens, start, result))
        own.listed(ctypes.byref(self.model), integer(each), integer(length), *arrays)
        self._bound(length)
        return result.transpose(2, 0, 1).reshape(-1, result.shape[1])[:batch], self.errors[-1][0]

    def _bound(self, most: int) -> None:
        """The errors from the first position on where larger numbers were met, or fewer that vary.

        They hold for all contexts so far, and for those before it, which met no larger ones than were known then.
        """
        for at in range(most):
            largest, varies = self.largest[at].max(axis=-1), self.varies[at].min(axis=-1)
            if at < len(self.met) and all(map(np.array_equal, self.met[at], (largest, varies))):
                continue
            del self.met[at:], self.errors[at:]
            self.met.append((largest, varies))
            rows = [Rows(most_, float(least)) for most_, least in zip(largest, varies)]
            self.errors.append(self.rounding.of_step(rows, at + 1, self.errors[at - 1][1] if at else ()))


def _phased(each: int, vocab: int) -> int:
    """No fewer contexts a lane, and so many that lanes go on to the next token at a position together, mostly."""
    period = 1
    while period * vocab <= each // 8:
        period *= vocab
    return -(-each // period) * period


def bands(vocab: int, most: int) -> Iterator[tuple[int, int]]:
    """(lead, most): lengths above `lead` up to `most` together, contexts side by side that differ in the first `lead`.

    As many as there are lanes at least, unless they are few, and not more than a block together.
    """
    lead = 0
    while vocab**most > LANES and (vocab**lead < LANES or LANES * vocab ** (most - lead) > BLOCK) and lead < most - 1:
        lead += 1
    if lead:
        yield from bands(vocab, lead)
    yield lead, most


def sums(own: Sums, length: int, room: Array, heeded: Heeded) -> Iterator[tuple[slice, int, Ranked]]:
    """(some first halves, a last token, answers [first halves, second halves]), as `Sums.tiles` has logits.

    The answers of all are written to `room`, which has a place for them. Tiles without a margin that is doubtful or
    `heeded` are left out.
    """
    c = _library()
    assert c is not None
    c.sums.restype = integer
    firsts, seconds, _ = own.shape(length)
    answers = room.reshape(own.shape(length))
    together, most = max(1, TILE // seconds), max(1, LONGEST // seconds)
    margins = np.empty(LASTS * min(together, firsts) * seconds)
    for lasts, *halves in own.halves(length, LASTS):
        fixed, first, second = map(np.ascontiguousarray, (own.fixed[length - 1, lasts], *halves))
        sizes = (own.vocab, *first.shape[:2], fixed.shape[1], first.shape[-1], seconds)
        both = Halves(*sizes, *(array.ctypes.data for array in (fixed, first, second)))
        to = pointer(answers.ctypes.data + int(lasts[0])), pointer(margins.ctypes.data)
        start = 0
        while start < firsts:
            end = min(start + most, firsts)
            above = max(2 * own.error, heeded(length, start * seconds * own.vocab + int(lasts[0]), own.error))
            start = c.sums(ctypes.byref(both), *map(integer, (start, end, together)), *to, number(above))
            if start == end:
                continue
            part = slice(start, min(start + together, end))
            shape = (len(lasts), part.stop - part.start, seconds)
            for i, margin in enumerate(margins[: prod(shape)].reshape(shape)):
                yield part, int(lasts[i]), Ranked(answers[part, :, lasts[i]], margin)
            start = part.stop
