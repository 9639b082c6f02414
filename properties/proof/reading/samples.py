"""Real contexts out of a leaf, for the function to be tried on: they depend on the seed and the leaf, and nothing else.

Not on what was sampled before, so that who asks for a leaf by itself, or in another order, gets the same.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, TypeVar

from properties.proof.boxes import Box
from properties.proof.counted import Together, by_positions
from zoo.contexts import reads_strings

T = TypeVar("T")
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
        """Of a leaf that says where a fold ends, contexts that may end elsewhere."""
        if leaf.counts:
            yield from self._counted(leaf)
            return
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

    def _counted(self, leaf: Box) -> Iterator[Any]:
        """Where tokens are counted: as often as they may be, and those of which nothing else is known in a pattern."""
        seed = sum(least * (i + 1) + most for i, (least, most) in enumerate(leaf.counts.values()))
        draw = _Draws(SEED + leaf.length + MULTIPLIER * (seed + len(leaf.sets)))
        for _ in range(self.number):
            tokens: list[str] = [""] * leaf.length
            for positions, counts in by_positions(leaf.counts):
                together = Together(positions, counts, leaf.sets, len(self.vocab))
                used = self._listed(tokens, together, leaf, draw)
                pattern = self._pattern(together, used, draw)
                if len(pattern) == leaf.length:
                    yield pattern
                    break
                for at, token in zip((at for at in positions if at not in together.listed), pattern):
                    tokens[at] = token
            else:
                for at in range(leaf.length):
                    tokens[at] = tokens[at] or draw.one(sorted(leaf.sets.get(at, self.vocab)))
                yield "".join(tokens) if self.strings else tuple(tokens)

    @staticmethod
    def _listed(tokens: list[str], together: Together, leaf: Box, draw: "_Draws") -> list[int]:
        """Fills the positions of which more is known, and says how often each kind of tokens was taken."""
        used = [0] * len(together.sizes)
        for at in sorted(together.listed):
            mask = together.mask(at)
            possible = together.possible(mask)
            kind = draw.one([kind for kind in range(len(used)) if possible >> kind & 1])
            together.settle(mask, kind)
            used[kind] += 1
            tokens[at] = draw.one(sorted(together.tokens(1 << kind, leaf.sets[at])))
        return used

    def _pattern(self, together: Together, used: list[int], draw: "_Draws") -> Any:
        """Tokens for the other positions that are counted, each kind as often as it may be."""
        found: Any = "" if self.strings else ()
        for kind in range(len(used)):
            low, high = together.range(kind)
            number = low + draw.below(high - low + 1)
            together.limits[kind] = (number, number)
            some = sorted(together.tokens(1 << kind, frozenset(self.vocab)))
            more: Any = "".join(some) if self.strings else tuple(some)
            found += (more * number)[: number - used[kind]]
        step, turn = 1 + draw.below(5), draw.below(max(1, len(found)))
        turned, found = found[turn:] + found[:turn], found[:0]
        for i in range(step):
            found += turned[i::step]
        return found


class _Draws:
    """Numbers that look random, by the same generator."""

    def __init__(self, state: int) -> None:
        self.state = state & BITS

    def below(self, most: int) -> int:
        self.state = (self.state * MULTIPLIER + INCREMENT) & BITS
        return (self.state >> LOW) % most

    def one(self, of: Sequence[T]) -> T:
        return of[self.below(len(of))]


@cache
def _pool(vocab: tuple[str, ...], size: int) -> Any:
    """Random tokens to cut samples from: to draw each would take longer than the rule."""
    drawn = tuple(random.Random(f"{SEED} {size}").choices(vocab, k=2 * size + 997))
    return "".join(drawn) if reads_strings(vocab) else drawn
