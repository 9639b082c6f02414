"""Every context of a vocabulary up to a length, as arrays of tokens, shortest first."""

import json
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
    powers = vocab ** np.arange(length - 1, -1, -1, dtype=np.int64)  # [length]
    for start in range(0, vocab**length, rows):
        numbers = np.arange(start, min(start + rows, vocab**length), dtype=np.int64)
        yield numbers[:, None] // powers % vocab


def sample(random: np.random.Generator, vocab: int, length: int, rows: int) -> Array:
    """So many different contexts, of more that there are, of one length at random: int [rows, length]."""
    drawn: Array = np.empty((0, length), dtype=np.int64)
    while len(drawn) < rows:
        drawn = np.concatenate([drawn, random.integers(vocab, size=(rows - len(drawn), length))])
        _, firsts = np.unique(drawn, axis=0, return_index=True)
        drawn = drawn[np.sort(firsts)]
    return drawn


def reads_strings(vocab: Sequence[str]) -> bool:
    """Whether contexts are strings: all tokens are single characters."""
    return all(len(token) == 1 for token in vocab)


def decoded(tokens: Iterable[int], vocab: Sequence[str], strings: bool) -> Context:
    """The context that a row of numbers stands for: a string, or a tuple of tokens."""
    words = tuple(vocab[i] for i in tokens)
    return "".join(words) if strings else words


def written(context: Context) -> str:
    """A context as the command takes it: a list in JSON where tokens are not characters and have spaces."""
    if isinstance(context, str):
        return context
    listed = any(token.split() != [token] for token in context) or context[0].startswith("[")
    return json.dumps(list(context), ensure_ascii=False) if listed else " ".join(context)
