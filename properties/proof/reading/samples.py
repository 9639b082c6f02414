"""Real contexts out of a leaf, for the function to be tried on: they depend on the seed and the leaf, and nothing else.

Not on what was sampled before, so that who asks for a leaf by itself, or in another order, gets the same.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import itemgetter
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
        self.strings, self.rows = reads_strings(vocab), _Rows(vocab)
        self.root, self.length = NONE, 0  # of the tree that is read
        self.of_root: dict[tuple[int, int], Any] = {}

    def of(self, leaf: Box, root: Sets = NONE) -> Iterator[Any]:
        """Of a leaf that says where a fold ends, contexts that may end elsewhere.

        What is known of all leaves of a tree is its `root`: what is drawn where nothing was asked is drawn once.
        """
        if leaf.counts:
            yield from self._counted(leaf)
            return
        sets = dict(leaf.path) if root else leaf.sets
        parts = self.rows.parts(sets)
        # Of integers, so that it is the same in every process.
        state = hash((SEED, leaf.length, *sets, *map(_number, parts))) & BITS
        for i in range(self.number):
            state = (state * MULTIPLIER + INCREMENT) & BITS
            drawn = state >> LOW
            row = self._of_root(leaf.length, root, i % 2, drawn)[:] if root else self._drawn(leaf.length, i % 2, drawn)
            state = _put(row, zip(sets, parts), state)
            yield self.rows.context(row)

    def _drawn(self, length: int, one_token: int, drawn: int) -> Any:
        if one_token:
            return self.rows.pool(self.vocab[drawn % len(self.vocab)]) * length
        pool = self.rows.pool(1 << length.bit_length())
        start = drawn % (len(pool) - length)
        return pool[start : start + length]

    def _of_root(self, length: int, root: Sets, one_token: int, drawn: int) -> Any:
        """One of some hundred contexts of a root, or one with a token wherever that may be."""
        if self.root is not root or self.length != length:
            self.root, self.length, self.of_root = root, length, {}
        number = (one_token, drawn % (len(self.vocab) if one_token else ROOTS))
        if number not in self.of_root:
            row = self.of_root[number] = self._drawn(length, one_token, drawn)
            _put(row, zip(root, self.rows.parts(root)), number[1])
        return self.of_root[number]

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


# What may stand at a position: as a number, and in a row the one token, or where there are several None and these.
_Part = tuple[int, Any, frozenset[Any], tuple[Any, ...]]
_number: Callable[[_Part], int] = itemgetter(0)


class _Rows(dict[frozenset[str], _Part]):
    """Contexts that can be changed: bytes where all tokens are characters that fit, which are quick, else tokens."""

    def __init__(self, vocab: tuple[str, ...]) -> None:
        super().__init__()
        self.vocab, self.strings = vocab, reads_strings(vocab)
        self.bytes = self.strings and max(map(ord, vocab)) < 256
        self.pools: dict[int | str, Any] = {}

    def __missing__(self, may_be: frozenset[str]) -> _Part:
        values = self.made(sorted(may_be))  # a set has no order
        if len(may_be) == 1:
            part = self[may_be] = (self.vocab.index(min(may_be)), values[0], frozenset[Any](), ())
        else:
            part = self[may_be] = (-len(may_be), None, frozenset(values), tuple(values))
        return part

    def parts(self, sets: Sets) -> list[_Part]:
        return [*map(self.__getitem__, sets.values())]

    def made(self, tokens: Sequence[str]) -> Any:
        return bytearray("".join(tokens), "latin-1") if self.bytes else list(tokens)

    def context(self, row: Any) -> Any:
        if self.bytes:
            return row.decode("latin-1")
        return "".join(row) if self.strings else tuple(row)

    def pool(self, of: int | str) -> Any:
        """One token, or so many at random to cut samples from: to draw each would take longer than the rule."""
        if of not in self.pools:
            drawn = [of] if isinstance(of, str) else random.Random(f"{SEED} {of}").choices(self.vocab, k=2 * of + 997)
            self.pools[of] = self.made(drawn)
        return self.pools[of]


def _put(row: Any, known: Iterable[tuple[int, _Part]], state: int) -> int:
    """What is known of a row, drawn where several may stand and none of them does; the state of the generator then."""
    for position, (_, value, several, ordered) in known:
        if value is not None:
            row[position] = value
        elif row[position] not in several:
            state = (state * MULTIPLIER + INCREMENT) & BITS
            row[position] = ordered[(state >> LOW) % len(ordered)]
    return state
