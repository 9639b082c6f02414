"""Every context of a vocabulary up to a length, as arrays of tokens, shortest first."""

from collections.abc import Iterator

import numpy as np

from zoo.arrays import Array


def count(vocab: int, n_ctx: int) -> int:
    """How many contexts of 1 to n_ctx tokens there are."""
    return sum(vocab**length for length in range(1, n_ctx + 1))


def counted(number: int) -> str:
    """So many in words: Python writes no number of thousands of digits."""
    return str(number) if number < 10**12 else f"about 2^{number.bit_length() - 1}"


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
