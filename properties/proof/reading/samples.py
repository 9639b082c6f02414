"""Real contexts out of a leaf, for the function to be tried on: they depend on the seed and the leaf, and nothing else.

Not on what was sampled before, so that who asks for a leaf by itself, or in another order, gets the same.
"""

import random
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import chain
from typing import Any, TypeVar

from properties.proof.boxes import Box
from properties.proof.counted import Together, by_positions
from properties.proof.reading.run import NONE
from zoo.contexts import reads_strings
from zoo.domain import Sets

T = TypeVar("T")
SEED = 0
ROOTS = 499  # contexts that are drawn for a root
# Knuth's linear congruential generator, whose high bits count: to seed one of the library's would cost half a leaf.
MULTIPLIER, INCREMENT, BITS, LOW = 6364136223846793005, 1442695040888963407, 2**64 - 1, 33


class Samples:
    """So many contexts out of each leaf: at random, and every second one with one token wherever that may be."""

    def __init__(self, vocab: tuple[str, ...], number: int) -> None:
        self.vocab, self.number = vocab, number
        self.strings = reads_strings(vocab)
        self.numbers = {token: i for i, token in enumerate(vocab)}
        self.root, self.length = NONE, 0  # of the tree that is read
        self.of_root: dict[tuple[int, int], Any] = {}

    def of(self, leaf: Box, root: Sets = NONE) -> Iterator[Any]:
        """Of a leaf that says where a fold ends, contexts that may end elsewhere.

        What is known of all leaves of a tree is its `root`: what is drawn where nothing was asked is drawn once.
        """
        if leaf.counts:
            yield from self._counted(leaf)
            return
        known = sorted((dict(leaf.path) if root else leaf.sets).items()) if self.number else []
        state, size = SEED + leaf.length, len(self.vocab)
        for position, may_be in known:
            number = self.numbers[next(iter(may_be))] if len(may_be) == 1 else -len(may_be)  # a set has no order
            state = (state * MULTIPLIER + position * size + number) & BITS
        for i in range(self.number):
            state = (state * MULTIPLIER + INCREMENT) & BITS
            drawn = state >> LOW
            if root:
                pool, start = self._of_root(leaf.length, root, i % 2, drawn), 0
            elif i % 2:
                pool, start = self._one_token(leaf.length, drawn), 0
            else:
                pool = _pool(self.vocab, 1 << leaf.length.bit_length())
                start = drawn % (len(pool) - leaf.length)
            context, state = self._put(pool, start, leaf.length, known, state)
            yield context

    def _one_token(self, length: int, drawn: int) -> Any:
        token = self.vocab[drawn % len(self.vocab)]
        return (token if self.strings else (token,)) * length

    def _of_root(self, length: int, root: Sets, one_token: int, drawn: int) -> Any:
        """One of some hundred contexts of a root, or one with a token wherever that may be."""
        if self.root is not root or self.length != length:
            self.root, self.length, self.of_root = root, length, {}
        number = (one_token, drawn % (len(self.vocab) if one_token else ROOTS))
        if number not in self.of_root:
            pool = _pool(self.vocab, 1 << length.bit_length())
            start = drawn % (len(pool) - length)
            if one_token:
                pool, start = self._one_token(length, drawn), 0
            self.of_root[number], _ = self._put(pool, start, length, sorted(root.items()), number[1])
        return self.of_root[number]

    def _put(self, pool: Any, start: int, length: int, known: list[tuple[int, frozenset[str]]], state: int) -> Any:
        """So many tokens of a pool, with others where they may not stand; and the state of the generator then."""
        parts, at = list[Any](), start
        for position, may_be in known:
            if pool[start + position] not in may_be:
                state = (state * MULTIPLIER + INCREMENT) & BITS
                token = next(iter(may_be)) if len(may_be) == 1 else sorted(may_be)[(state >> LOW) % len(may_be)]
                parts += pool[at : start + position], (token if self.strings else (token,))
                at = start + position + 1
        parts.append(pool[at : start + length])
        return ("".join(parts) if self.strings else tuple(chain.from_iterable(parts))), state

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
