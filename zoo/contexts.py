"""Every context of a vocabulary up to a length, as arrays of tokens, shortest first."""

import json
import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from zoo.transformer.arrays import Array

Context = str | Sequence[str]


def count(vocab: int, n_ctx: int) -> int:
    """How many contexts of 1 to n_ctx tokens there are."""
    return n_ctx if vocab == 1 else (vocab ** (n_ctx + 1) - vocab) // (vocab - 1)


def counted(number: int) -> str:
    """A number of contexts for people, who would not read thousands of digits: the nearest power of two if it is large.

    Nearest by ratio, as one reads an exponent: 2^65 - 2 is ~2^65.
    """
    if number < 10**6:
        return str(number)
    low = number.bit_length() - 1
    return f"~2^{low + (number**2 > 2 ** (2 * low + 1))}"


def counted_of(some: int, total: int) -> str:
    """How many of how many: "all 62", "39 of 120", or where both are as good as 2^21 "all but 7 of ~2^21"."""
    if some == total:
        return f"all {counted(total)}"
    if counted(some) == counted(total):
        return f"all but {counted(total - some)} of {counted(total)}"
    return f"{counted(some)} of {counted(total)}"


def batches(vocab: int, n_ctx: int, rows: int = 4096) -> Iterator[Array]:
    """All contexts of 1 to n_ctx tokens, as int arrays [at most `rows`, length]."""
    for length in range(1, n_ctx + 1):
        yield from of_length(vocab, length, rows)


def of_length(vocab: int, length: int, rows: int = 4096) -> Iterator[Array]:
    """All contexts of one length in lexicographic order, as int arrays [at most `rows`, length]."""
    return product([np.arange(vocab)] * length, rows)


def product(options: Sequence[Array], rows: int = 4096) -> Iterator[Array]:
    """All contexts whose tokens are out of what each position may hold, in order: int [at most `rows`, length]."""
    sizes = np.array([len(tokens) for tokens in options])
    free = all(tokens[-1] == len(tokens) - 1 for tokens in options)  # the first so many of the vocabulary
    strides = [1]
    for size in sizes[:0:-1].tolist():
        strides.insert(0, min(strides[0] * size, 2**63 - 1))  # nobody gets so far that the first tokens change
    number = math.prod(sizes.tolist())
    for start in range(0, number, rows):
        which = np.arange(start, min(start + rows, number), dtype=np.int64)[:, None] // np.array(strides) % sizes
        yield which if free else np.stack([tokens[column] for tokens, column in zip(options, which.T)], axis=1)


def draw(random: np.random.Generator, options: Sequence[Array], rows: int) -> Array:
    """So many contexts at random, whose tokens are out of what each position may hold: int [rows, length]."""
    sizes = [len(tokens) for tokens in options]
    which = random.integers(sizes[0] if len(set(sizes)) == 1 else sizes, size=(rows, len(options)))
    return np.stack([tokens[column] for tokens, column in zip(options, which.T)], axis=1)


def reads_strings(vocab: Sequence[str]) -> bool:
    """Whether contexts are strings: all tokens are single characters."""
    return all(len(token) == 1 for token in vocab)


def decoded(tokens: Iterable[int], vocab: Sequence[str], strings: bool) -> Context:
    """The context that a row of numbers stands for: a string, or a tuple of tokens."""
    numbers = tokens.tolist() if isinstance(tokens, np.ndarray) else tokens  # whose own numbers are slow to count with
    words = map(vocab.__getitem__, numbers)  # a third of the time that a loop takes
    return "".join(words) if strings else tuple(words)


def decoded_rows(tokens: Array, vocab: Sequence[str], strings: bool) -> list[Context]:
    """Of many rows, int [batch, seq]: a tenth of the time where they are strings."""
    if not strings or "\0" in vocab:  # which numpy takes for the end
        return [decoded(row, vocab, strings) for row in tokens.tolist()]
    characters = np.ascontiguousarray(np.array([ord(token) for token in vocab], "<u4")[tokens])
    found: list[Context] = characters.view(f"<U{tokens.shape[1]}")[:, 0].tolist()
    return found


def written(context: Context) -> str:
    """A context as the command takes it: a list in JSON where tokens are not characters and have spaces."""
    if isinstance(context, str):
        return context
    listed = any(token.split() != [token] for token in context) or context[0].startswith("[")
    return json.dumps(list(context), ensure_ascii=False) if listed else " ".join(context)
