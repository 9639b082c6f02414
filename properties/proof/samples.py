"""Real contexts out of a leaf, for the function to be tried on: they depend on the seed and the leaf, and nothing else.

Not on what was sampled before, so that who asks for a leaf by itself, or in another order, gets the same.
"""

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

from properties.proof.boxes import Box
from zoo.contexts import reads_strings

SEED = 0
# Knuth's linear congruential generator, whose high bits count: to seed one of the library's would cost half a leaf.
MULTIPLIER, INCREMENT, BITS, LOW = 6364136223846793005, 1442695040888963407, 2**64 - 1, 33


class Samples:
    """So many contexts out of each leaf: at random, and every second one with one token wherever that may be."""

    def __init__(self, vocab: tuple[str, ...], number: int) -> None:
        self.vocab, self.number = vocab, number
        self.strings = reads_strings(vocab)
        self.numbers = {token: i for i, token in enumerate(vocab)}

    def of(self, leaf: Box) -> Iterator[Any]:
        known = sorted(leaf.sets.items()) if self.number else []
        state = SEED + leaf.length
        pool: Any
        for position, may_be in known:
            number = self.numbers[next(iter(may_be))] if len(may_be) == 1 else -len(may_be)  # a set has no order
            state = (state * MULTIPLIER + position * len(self.vocab) + number) & BITS
        for i in range(self.number):
            state = (state * MULTIPLIER + INCREMENT) & BITS
            if i % 2:
                token = self.vocab[(state >> LOW) % len(self.vocab)]
                pool, start = (token if self.strings else (token,)) * leaf.length, 0
            else:
                pool = _pool(self.vocab, 1 << leaf.length.bit_length())
                start = (state >> LOW) % (len(pool) - leaf.length)
            context, at = pool[:0], 0
            for position, may_be in known:
                token = pool[start + position]
                if token not in may_be:
                    state = (state * MULTIPLIER + INCREMENT) & BITS
                    token = sorted(may_be)[(state >> LOW) % len(may_be)]
                context += pool[start + at : start + position] + (token if self.strings else (token,))
                at = position + 1
            yield context + pool[start + at : start + leaf.length]


@cache
def _pool(vocab: tuple[str, ...], size: int) -> Any:
    """Random tokens to cut samples from: to draw each would take longer than the rule."""
    drawn = tuple(random.Random(f"{SEED} {size}").choices(vocab, k=2 * size + 997))
    return "".join(drawn) if reads_strings(vocab) else drawn
