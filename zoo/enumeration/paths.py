"""The answers of a transformer in all contexts of some lengths, sharing work, by the cheapest path that is sound.

- "sums": one Attention and nothing else: a few additions a context (`zoo.enumeration.running_sums`).
- "prefixes": any depth, causal but for the last Attention: every context of n tokens is one of n - 1 and a token more,
  whose keys and values are kept (`zoo.enumeration.prefixes`).
- "forward": everything else, in batches.

The first two are other programs than `forward`. Contexts in which the best two logits are so close that the difference
could decide are doubtful: they are run on `forward`, and what is returned for them is its.

Many contexts are gone through in C where this machine can compile it (`zoo.enumeration.native`), by the same two paths.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from zoo import contexts
from zoo.enumeration import native
from zoo.enumeration.native import Heeded, Ranked
from zoo.enumeration.prefixes import Cache, cacheable, empty, extended, step
from zoo.enumeration.rounding import Rounding, Seen
from zoo.enumeration.running_sums import Sums, single_attention
from zoo.enumeration.tiles import Lowest, Tile
from zoo.errors import ContextError, ModelError
from zoo.transformer import Transformer, check_tokens, forward
from zoo.transformer.arrays import Array

Path = Literal["sums", "prefixes", "forward"]
ROWS = 256  # contexts extended together; the walk holds at most one such set of keys and values a length
MOST_BYTES = 2**31  # of what is returned
MANY = 512  # contexts from which on running sums are worth their tables


@dataclass(frozen=True)
class Answers:
    """The greedy answer in every context of one length, in lexicographic order of the contexts."""

    length: int
    tokens: Array  # the first largest logit, unsigned int [contexts]
    margin: float  # the smallest best - second best logit; NaN where a logit is none, inf with a vocabulary of one
    at: int  # the number of the first context that has it, as far as rounding lets tell
    doubtful: Array  # the numbers of the contexts that were run on `forward`, int [doubtful]


def path(transformer: Transformer) -> Path:
    """The cheapest way of enumerating that is sound for this transformer."""
    if transformer.emulated:
        return "forward"
    if single_attention(transformer) and transformer.dtype in (np.float64, np.float32):
        return "sums"
    return "prefixes" if cacheable(transformer) else "forward"


def answers(transformer: Transformer, lengths: Iterable[int] | None = None) -> dict[int, Answers]:
    """For each length, or each up to n_ctx, what is answered in all contexts of it.

    Memory: the answers, a byte a context up to 256 tokens, and what the path has in hand. ModelError where the answers
    would take more than 2 GiB.
    """
    vocab = transformer.sizes["vocab"]
    dtype = np.min_scalar_type(len(transformer.readout) - 1)
    wanted = _lengths(transformer, lengths, dtype.itemsize)
    sizes = [vocab**n for n in wanted]
    every = np.empty(sum(sizes), dtype=dtype)  # at once: large memory may be had in large pages, which is quicker
    tokens = dict(zip(wanted, np.split(every, np.cumsum(sizes)[:-1])))
    compiled = native.usable(transformer, sum(map(len, tokens.values())))
    lowest = {n: Lowest() for n in wanted}
    doubtful: dict[int, list[Array]] = {n: [np.empty(0, dtype=np.int64)] for n in wanted}

    def heeded(length: int, number: int, error: float) -> float:
        return lowest[length].heeded(number, error)

    for tile, ranked, least, found in _settled(transformer, wanted, tokens if compiled else None, heeded):
        if tile.ranked is None:  # otherwise they are there
            tokens[tile.length].reshape(tile.shape)[tile.where] = ranked.tokens
        lowest[tile.length].add(tile, ranked.margin, least)
        doubtful[tile.length].append(found)
    return {n: Answers(n, tokens[n], *lowest[n].found(), np.sort(np.concatenate(doubtful[n]))) for n in wanted}


def logits(transformer: Transformer, lengths: Iterable[int] | None = None) -> dict[int, Array]:
    """For each length, or each up to n_ctx, the last row of logits of all contexts of it: [contexts, output].

    ModelError where they would take more than 2 GiB.
    """
    vocab, outputs = transformer.sizes["vocab"], len(transformer.readout)
    wanted = _lengths(transformer, lengths, outputs * transformer.dtype.itemsize)
    result: dict[int, Array] = {n: np.empty((vocab**n, outputs), dtype=transformer.dtype) for n in wanted}
    for tile, *_ in _settled(transformer, wanted):
        result[tile.length].reshape(*tile.shape, outputs)[tile.where] = np.moveaxis(tile.logits, 0, -1)
    return result


def last_rows(transformer: Transformer, tokens: Array) -> Array:
    """The last row of logits of contexts of one length: int [batch, seq] -> [batch, vocab].

    Large batches of a single attention layer go by running sums, doubtful contexts by `forward` as ever.
    """
    return last_logits(transformer, tokens)[0]


def last_logits(transformer: Transformer, tokens: Array, total: int = 0) -> tuple[Array, Array]:
    """The same, and how far from those of `forward` each row may be, 0 where it is its own: [batch].

    Where so many contexts are asked about in `total` that it is worth it, rows that are kept are computed in C, too.
    """
    own, length = path(transformer) if len(tokens) >= MANY else "forward", tokens.shape[1]
    with np.errstate(all="ignore"):
        if own == "sums":
            result, error = _sums(transformer).logits(tokens), _sums(transformer).error
        elif own == "prefixes" and _listing(transformer, length, total):
            result, error = _compiled(transformer, length).logits(check_tokens(transformer, tokens))
        else:
            return forward(transformer, tokens, last=True)[:, -1], np.zeros(len(tokens))
        _, margin = _ranked(result.T)
        doubtful = ~((margin > 2 * error) & np.isfinite(result).all(axis=1))
        result = result.astype(transformer.dtype)
        if doubtful.any():
            result[doubtful] = forward(transformer, tokens[doubtful], last=True)[:, -1]
        if own == "prefixes" and doubtful.all():
            _compiled(transformer, length).vain = True
    return result, np.where(doubtful, 0.0, error)


def _listing(transformer: Transformer, length: int, total: int) -> bool:
    return native.lists(transformer, length, total) and not _compiled(transformer, length).vain


@lru_cache(maxsize=4)
def _compiled(transformer: Transformer, length: int) -> native.Walk:
    return native.Walk(transformer, length)


@lru_cache(maxsize=4)
def _sums(transformer: Transformer) -> Sums:
    return Sums(transformer)


def _settled(
    transformer: Transformer,
    lengths: list[int],
    room: dict[int, Array] | None = None,
    heeded: Heeded = native.every,
) -> Iterator[tuple[Tile, Ranked, float, Array]]:
    """Each tile, its answers and margins, the smallest, and the numbers of what was doubtful and is run on `forward`.

    With `room` for the answers, they are computed in C; tiles are left out whose margins are all above what is `heeded`
    and not doubtful.
    """
    with np.errstate(all="ignore"):  # what overflows becomes NaN or infinite, and is doubtful
        for tile in _tiles(transformer, lengths, room, heeded):
            ranked = _ranked(tile.logits) if tile.ranked is None else tile.ranked
            numbers, least = np.empty(0, dtype=np.int64), float(ranked.margin.min())
            if not least > 2 * tile.error:
                close = ~(ranked.margin > 2 * tile.error)
                numbers = tile.numbers(np.nonzero(close))
                rows = _run(transformer, tile.length, numbers).T
                if tile.ranked is None:
                    tile.logits[:, close] = rows
                ranked.tokens[close], ranked.margin[close] = _ranked(rows.astype(ranked.margin.dtype))
                least = float(ranked.margin.min())  # NaN where one is
            yield tile, ranked, least, numbers


def _tiles(
    transformer: Transformer, lengths: list[int], room: dict[int, Array] | None, heeded: Heeded = native.every
) -> Iterator[Tile]:
    own = path(transformer)
    if room is not None and own != "forward":
        return _compiled_prefixes(transformer, room) if own == "prefixes" else _compiled_sums(transformer, room, heeded)
    return {"sums": _by_sums, "prefixes": _by_prefixes, "forward": _by_forward}[own](transformer, lengths)


def _ranked(logits: Array) -> Ranked:
    """The first largest of logits [vocab, ...], and by how much it beats the next: [...] each. NaN stays NaN."""
    best, second = logits[0], np.full_like(logits[0], -np.inf)
    token = np.zeros(best.shape, dtype=np.min_scalar_type(len(logits) - 1))
    for i, candidate in enumerate(logits[1:], start=1):
        np.copyto(token, token.dtype.type(i), where=candidate > best)
        second = np.maximum(second, np.minimum(best, candidate)) if i > 1 else np.minimum(best, candidate)
        best = np.maximum(best, candidate)
    return Ranked(token, best - second)


def _run(transformer: Transformer, length: int, numbers: Array, rows: int = 4096) -> Array:
    """The last row of logits that `forward` gives in the contexts with these numbers: [contexts, vocab]"""
    powers = transformer.sizes["vocab"] ** np.arange(length - 1, -1, -1)
    parts = (numbers[i : i + rows, None] // powers % transformer.sizes["vocab"] for i in range(0, len(numbers), rows))
    return np.concatenate([forward(transformer, part, last=True)[:, -1] for part in parts])


def _by_sums(transformer: Transformer, lengths: list[int]) -> Iterator[Tile]:
    sums = _sums(transformer)
    for length in lengths:
        for part, token, values in sums.tiles(length):
            yield Tile(length, sums.shape(length), (part, slice(0, None), token), values, sums.error)


def _by_prefixes(transformer: Transformer, lengths: list[int]) -> Iterator[Tile]:
    walk = _walk(transformer, Rounding(transformer), empty(transformer), 0, max(lengths, default=0), ())
    yield from (tile for tile in walk if tile.length in lengths)


def _walk(
    transformer: Transformer, rounding: Rounding, cache: Cache, start: int, most: int, seen: Seen
) -> Iterator[Tile]:
    """The cached contexts, which begin with number `start`, with every token more, and so on to `most` tokens."""
    vocab = transformer.sizes["vocab"]
    if cache.length == most:
        return
    if cache.contexts > 1 and cache.contexts * vocab > ROWS:
        for i in range(vocab):
            first = start + i * cache.contexts // vocab
            yield from _walk(transformer, rounding, cache.part(i, vocab), first, most, seen)
        return
    residuals: list[Array] = []
    rows, made = step(transformer, cache, np.arange(vocab), residuals)
    error, seen = rounding.of_step(residuals, cache.length + 1, seen)
    index = (slice(start * vocab, (start + cache.contexts) * vocab),)
    yield Tile(cache.length + 1, (vocab ** (cache.length + 1),), index, rows.T, error)
    yield from _walk(transformer, rounding, extended(cache, made, vocab), start * vocab, most, seen)


def _compiled_sums(transformer: Transformer, room: dict[int, Array], heeded: Heeded) -> Iterator[Tile]:
    sums = _sums(transformer)
    for length, answers in room.items():
        for part, token, ranked in native.sums(sums, length, answers, heeded):
            where = (part, slice(0, None), token)
            yield Tile(length, sums.shape(length), where, np.empty(0), sums.error, ranked)


def _compiled_prefixes(transformer: Transformer, room: dict[int, Array]) -> Iterator[Tile]:
    for length, where, ranked, error in native.Walk(transformer, max(room)).tiles(room):
        if length in room:
            yield Tile(length, (transformer.sizes["vocab"] ** length,), (where,), np.empty(0), error, ranked)


def _by_forward(transformer: Transformer, lengths: list[int]) -> Iterator[Tile]:
    for length in lengths:
        start = 0
        for batch in contexts.of_length(transformer.sizes["vocab"], length):
            index = (slice(start, start + len(batch)),)
            values = forward(transformer, batch, last=True)[:, -1].T
            yield Tile(length, (transformer.sizes["vocab"] ** length,), index, values, -np.inf)
            start += len(batch)


def _lengths(transformer: Transformer, lengths: Iterable[int] | None, size: int) -> list[int]:
    """The lengths that are asked for, if what is returned, so many bytes a context, can be held."""
    vocab, wanted = transformer.sizes["vocab"], list(range(1, transformer.n_ctx + 1) if lengths is None else lengths)
    for length in wanted:
        if not 1 <= length <= transformer.n_ctx:
            raise ContextError(f"the length {length} is asked for, but should be 1 to {transformer.n_ctx}")
    number = sum(vocab**length for length in set(wanted))
    if number * size > MOST_BYTES:
        many = contexts.counted(number)
        raise ModelError(f"there are {many} contexts, but should be at most {MOST_BYTES // size} to be enumerated")
    return wanted
