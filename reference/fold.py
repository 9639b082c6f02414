"""Rules that read a context once, from its first token to its last, and keep a state: automata."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any


@dataclass(frozen=True)
class Fold:
    """A rule or predictor as a state that each token changes: `answer(step(… step(start, first) …, last))`.

    It says what a loop over the context would say, and can be called like one. A proof sees more of it than of a loop,
    which it would follow through every context: it walks from state to state, up to `states` of them, and looks at the
    contexts that end alike together, by how often each token occurs in them.

    States are made of bool, int, float (but NaN), complex, str, bytes, None, members of an Enum, and tuples and named
    tuples of these; of a set, `tuple(sorted(...))`. They are one where they are made alike, so that 1, 1.0 and True are
    three. `step` and `answer` depend on nothing but what they are given: not on which object that is (`is`, `id`).
    A fold of a class that is derived from this one is read as any other function is.

    `rule` is the plain rule or predictor that it stands for, where there is one. What is proved is proved of the Fold;
    that both say the same is a check of its own, of every context where these are few, else of a sample.
    """

    start: Hashable
    step: Callable[[Any, str], Hashable]
    answer: Callable[[Any], Any]  # of a state: a set of tokens, or a token
    rule: Callable[[Any], Any] | None = None
    states: int = 10_000

    def __call__(self, context: Sequence[str]) -> Any:
        return self.answer(reduce(self.step, context, self.start))
