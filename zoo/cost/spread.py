"""The contexts in which a model is timed."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from zoo.model import Context, Model
from zoo.transformer.arrays import Array


def spread(model: Model, most: int) -> list[Context]:
    """Every context of a model, or `most` of them at even distances in their order: most of these are long."""
    found, start, total = list[Context](), 0, model.scope.count()
    step = -(-total // most)
    for length in model.scope.lengths:
        for box in model.scope.boxes(length, model.vocab):
            end = start + box.count(len(model.vocab))
            options = box.options(model.vocab) if len(found) * step < end else []
            while (number := len(found) * step) < end:
                found.append(model.decode(_tokens(number - start, options)))
            start = end
    return found


def _tokens(number: int, options: Sequence[Array]) -> Array:
    """The context with this number among all whose tokens are out of what each position may hold."""
    tokens = np.empty(len(options), dtype=np.int64)
    for i in reversed(range(len(options))):
        number, which = divmod(number, len(options[i]))
        tokens[i] = options[i][which]
    return tokens


def by_length(model: Model, words: Iterable[Context]) -> Iterator[Array]:
    """Contexts as arrays [rows, length], one a length."""
    rows = [model.encode(word) for word in words]
    for length in sorted({len(row) for row in rows}):
        yield np.array([row for row in rows if len(row) == length])
