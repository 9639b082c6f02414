"""What a program is made from and held against: a model's answers in all its contexts, as tables."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from zoo import enumeration
from zoo.domain import Domain
from zoo.errors import ModelError
from zoo.model import Model
from zoo.progress import steps
from zoo.transformer import Transformer, forward, greedy
from zoo.transformer.arrays import Array

RUN, ROWS = 2**17, 2**12  # contexts in which the forward pass itself is asked, and how many at once


@dataclass(frozen=True)
class Part:
    """The answers in the contexts of a box: which tokens each place from the end may hold, and for these a table.

    Its axes are the `places` at which there is a choice, the last token on the last axis.
    """

    tokens: tuple[tuple[int, ...], ...]  # at [back - 1]
    places: tuple[int, ...]
    table: Array

    @classmethod
    def of(cls, options: Sequence[Array], answers: Array) -> "Part":
        """From what each position may hold, and the answers in the order of the contexts."""
        sizes = [len(tokens) for tokens in options]
        places = tuple(len(sizes) - at for at, size in enumerate(sizes) if size > 1)
        table = answers.reshape([size for size in sizes if size > 1])
        return cls(tuple(tuple(tokens.tolist()) for tokens in reversed(options)), places, table)

    def matters(self, back: int) -> bool:
        """Whether the answer depends on the token `back` from the end."""
        if back not in self.places:
            return False
        return bool((self.table != self.table.take([0], axis=self.places.index(back))).any())

    def cut(self, depth: int) -> "Part":
        """To the last places: the answer does not depend on others."""
        places = tuple(back for back in self.places if back <= depth)
        return Part(self.tokens[:depth], places, self.table[(0,) * (len(self.places) - len(places))])

    def where(self, known: Sequence[Collection[int]]) -> "Part | None":
        """What is left of it where tokens are known; None where nothing is."""
        tokens = tuple(tuple(token for token in its if token in may_be) for its, may_be in zip(self.tokens, known))
        if not all(tokens):
            return None
        chosen = (np.searchsorted(self.tokens[back - 1], tokens[back - 1]) for back in self.places)
        places = tuple(back for back in self.places if len(tokens[back - 1]) > 1)
        table = np.asarray(self.table[np.ix_(*chosen)])
        return Part(tokens, places, table.reshape([len(tokens[back - 1]) for back in places]))

    def goes_on_in(self, other: "Part") -> bool:
        """Whether contexts that are longer are answered alike, as far as both go."""
        alike = self.tokens == other.tokens[: len(self.tokens)]
        return alike and bool((np.broadcast_to(self.table, other.table.shape) == other.table).all())


def answers_of(model: Model) -> dict[int, Array]:
    """The answers in all contexts of each length, in their order. ModelError where a logit is no number."""
    return _enumerated(model) if model.domain is None else _run(model)


def _enumerated(model: Model) -> dict[int, Array]:
    """The answers in all contexts of each length, in lexicographic order."""
    answers = enumeration.answers(model.transformer)
    for length, one in answers.items():
        if np.isnan(one.margin):
            raise ModelError(f"{model.name}: logits of {length} tokens are NaN or infinite, but should be numbers")
    return {length: one.tokens for length, one in answers.items()}


def _run(model: Model) -> dict[int, Array]:
    """The answers in all contexts of the domain of each length, in its order."""
    answers = {}
    for length in steps(model.scope.lengths, "lengths run"):
        batches = model.scope.batches(model.vocab, lengths=[length])
        answers[length] = np.concatenate([_numbers(model, enumeration.last_rows, batch) for batch in batches])
    return answers


def _numbers(model: Model, rows: Callable[[Transformer, Array], Array], batch: Array) -> Array:
    """The answers to some contexts, by what computes their last row of logits; ModelError where one is no number."""
    with np.errstate(all="ignore"):
        answers = greedy(rows(model.transformer, batch))
    if (answers < 0).any():
        raise ModelError(f"{model.name}: logits of {batch.shape[1]} tokens are NaN, but should be numbers")
    return answers


def parts_of(model: Model, length: int, answers: Array) -> Iterator[Part]:
    """The boxes of the domain, which come one after the other in the answers."""
    start = 0
    for box in model.scope.boxes(length, model.vocab):
        number = box.count(len(model.vocab))
        yield Part.of(box.options(model.vocab), answers[start : start + number])
        start += number


def forward_answers(model: Model) -> Iterator[tuple[int, Array]]:
    """The forward pass's answers in all contexts of a length, for as many lengths as make RUN contexts, shortest first.

    Of the shortest at most so many contexts. ModelError where a logit is no number.
    """
    for length, batches in first_batches(model.scope, model.vocab):
        yield length, np.concatenate([_numbers(model, _last_rows, batch) for batch in batches])


def _last_rows(transformer: Transformer, batch: Array) -> Array:
    return forward(transformer, batch, last=True)[:, -1]


def first_batches(scope: Domain, vocab: Sequence[str]) -> Iterator[tuple[int, Iterator[Array]]]:
    """Of as many lengths as make at most RUN contexts, the contexts; of the shortest length the first RUN."""
    total = 0
    for length in scope.lengths:
        total += scope.count(length)
        if total > RUN and length > scope.lengths[0]:
            return
        yield length, islice(scope.batches(vocab, ROWS, [length]), RUN // ROWS if total > RUN else None)
