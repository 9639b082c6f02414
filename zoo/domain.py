"""Which contexts are spoken of. A domain is layouts; of one length, a layout is a box: what each position may hold."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import groupby
from reprlib import repr as shortly
from typing import Any

import numpy as np

from zoo import contexts
from zoo.contexts import Context
from zoo.errors import ModelError, shown
from zoo.transformer.arrays import Array

LONGEST = 2**20  # tokens of a context: there is no larger model of the zoo

Sets = Mapping[int, frozenset[str]]  # what a position may hold; those not listed may hold any token


@dataclass(frozen=True, eq=False)
class Box:
    """Contexts of one length, as what each position may hold."""

    length: int
    sets: Sets

    def count(self, vocab: int) -> int:
        """How many contexts these are."""
        product: int = vocab ** (self.length - len(self.sets))
        return product * math.prod(map(len, self.sets.values()))

    def is_one_context(self, vocab: int) -> bool:
        known = vocab == 1 or len(self.sets) == self.length
        return known and all(len(tokens) == 1 for tokens in self.sets.values())

    def first(self, vocab: Sequence[str]) -> Array:
        """Its first context, where any token may stand with the first of the vocabulary: int [position]"""
        tokens = np.zeros(self.length, int)
        for at, may_be in self.sets.items():
            tokens[at] = next(i for i, token in enumerate(vocab) if token in may_be)
        return tokens

    def options(self, vocab: Sequence[str]) -> list[Array]:
        """The numbers of the tokens that each position may hold, in order: int [some] each."""
        rows: dict[frozenset[str], Array] = {}
        for tokens in set(self.sets.values()):
            rows[tokens] = np.array([i for i, token in enumerate(vocab) if token in tokens])
        every = np.arange(len(vocab))
        return [rows[self.sets[at]] if at in self.sets else every for at in range(self.length)]

    def describe(self, vocab: Sequence[str]) -> str:
        """What is known of these contexts, counted from their end: "6 tokens, [-1] a, [-4] b or c"."""
        known = [
            f"[{at - self.length}] {' or '.join(t for t in vocab if t in tokens)}"
            for at, tokens in sorted(self.sets.items(), reverse=True)
            if len(tokens) < len(vocab)
        ]
        return ", ".join([f"{self.length} token{'s' * (self.length > 1)}", *known])


@dataclass(frozen=True)
class Layout:
    """What each position may hold, counted from the first; its contexts are prefixes, of `start` tokens and more."""

    sets: tuple[frozenset[str], ...]
    start: int

    def __post_init__(self) -> None:
        if not (isinstance(self.sets, tuple) and all(isinstance(one, frozenset) for one in self.sets)):
            raise ModelError(f"a layout's positions are {shortly(self.sets)}, but should be a tuple of frozensets")
        if not self.sets:
            raise ModelError("a layout has no position, but should have one or more")
        for tokens in set(self.sets):
            _tokens("what a position of a layout may hold", tokens)
        if type(self.start) is not int or not 1 <= self.start <= len(self.sets):
            size = len(self.sets)
            raise ModelError(f"a layout of {size} tokens starts at {shown(self.start)}, but should at 1 to {size}")

    def __contains__(self, tokens: Sequence[str]) -> bool:
        return len(tokens) in self.lengths and all(
            isinstance(token, str) and token in may_be for token, may_be in zip(tokens, self.sets)
        )

    @cached_property
    def lengths(self) -> range:
        return range(self.start, len(self.sets) + 1)

    @cached_property
    def runs(self) -> list[tuple[frozenset[str], range]]:
        """Positions in a row that may hold the same: there may be thousands, and few of these."""
        found, at = [], 0
        for tokens, run in groupby(self.sets):
            found.append((tokens, range(at, at := at + len(list(run)))))
        return found

    @cached_property
    def total(self) -> int:
        """How many contexts, of all its lengths: a geometric sum for each run."""
        total, before = 0, 1
        for tokens, run in self.runs:
            short = len(range(run.start, min(run.stop, self.start - 1)))  # after these, no context ends yet
            before *= len(tokens) ** short
            total += before * contexts.count(len(tokens), len(run) - short)
            before *= len(tokens) ** (len(run) - short)
        return total

    def count(self, length: int) -> int:
        """How many of one length."""
        if length not in self.lengths:
            return 0
        return math.prod(len(tokens) ** len(range(run.start, min(run.stop, length))) for tokens, run in self.runs)

    def meets(self, other: "Layout") -> int | None:
        """The shortest length of contexts that are in both, or None."""
        length = max(self.start, other.start)
        alike = length <= min(len(self.sets), len(other.sets))
        both = alike and all(mine & its for mine, its in zip(self.sets[:length], other.sets))
        return length if both else None


@dataclass(frozen=True)
class Domain:
    """The contexts of some layouts, each in one of them only.

    `a | b` has the contexts of both, `context in domain` tells whether one is in it. ModelError where there are none,
    or one is in two layouts.
    """

    layouts: tuple[Layout, ...]

    def __post_init__(self) -> None:
        if not (isinstance(self.layouts, tuple) and all(isinstance(one, Layout) for one in self.layouts)):
            raise ModelError(f"the domain is of {shortly(self.layouts)}, but should be of a tuple of layouts")
        if not self.layouts:
            raise ModelError("the domain is empty, but should have a context")
        for i, one in enumerate(self.layouts):
            for other in self.layouts[:i]:
                if (length := one.meets(other)) is not None:
                    shared = (min(mine & its) for mine, its in zip(one.sets[:length], other.sets))
                    raise ModelError(
                        f"the domain overlaps itself, for {contexts.written(tuple(shared))} is in it twice, but should "
                        "have each context once"
                    )

    @classmethod
    def every(cls, vocab: Iterable[str], n_ctx: int, start: int = 1) -> "Domain":
        """Every context of `start` to n_ctx tokens."""
        return cls((Layout((_tokens("the vocabulary", vocab),) * _length(n_ctx), start),))

    @classmethod
    def layout(cls, layout: str | Sequence[str], start: int = 1, **let: str | Iterable[str]) -> "Domain":
        """Contexts that look like `layout`, and its prefixes of `start` tokens and more: "dd+dd=" with d="0123456789".

        `layout` is a string, or names of tokens in a sequence. A letter that `let` has stands for any of its tokens,
        any other for itself.
        """
        return laid_out(layout, start, let)

    def __or__(self, other: "Domain") -> "Domain":
        return Domain((*self.layouts, *other.layouts)) if isinstance(other, Domain) else NotImplemented

    def __contains__(self, context: Any) -> bool:
        return isinstance(context, Sequence) and any(context in layout for layout in self.layouts)

    @property
    def tokens(self) -> frozenset[str]:
        """All that stand anywhere."""
        return frozenset().union(*(tokens for layout in self.layouts for tokens in set(layout.sets)))

    @property
    def lengths(self) -> list[int]:
        """Those that its contexts have."""
        return sorted(set().union(*(layout.lengths for layout in self.layouts)))

    def count(self, length: int | None = None) -> int:
        """How many contexts it has, of one length or in all."""
        return sum(layout.total if length is None else layout.count(length) for layout in self.layouts)

    def boxes(self, length: int, vocab: Iterable[str] = ()) -> Iterator[Box]:
        """Disjoint boxes of all its contexts of a length; positions that may hold all of `vocab` are not listed."""
        every = frozenset(vocab)
        for layout in self.layouts:
            if length in layout.lengths:
                narrow = ((tokens, run) for tokens, run in layout.runs if tokens != every)
                yield Box(length, {at: tokens for tokens, run in narrow for at in run if at < length})

    def batches(self, vocab: Sequence[str], rows: int = 4096, lengths: Iterable[int] | None = None) -> Iterator[Array]:
        """All its contexts, or those of some lengths, shortest first, as numbers: int [at most `rows`, length]."""
        for length in self.lengths if lengths is None else lengths:
            for box in self.boxes(length, vocab):
                yield from contexts.product(box.options(vocab), rows)

    def draw(self, random: np.random.Generator, vocab: Sequence[str], length: int, rows: int) -> Array:
        """So many different contexts of one length at random, or all where there are no more: int [rows, length]"""
        boxes = list(self.boxes(length, vocab))
        counts = [box.count(len(vocab)) for box in boxes]
        if sum(counts) <= rows:
            return np.concatenate(list(self.batches(vocab, rows, [length])))
        options = [box.options(vocab) for box in boxes]
        drawn: Array = np.empty((0, length), dtype=np.int64)
        while (missing := rows - len(drawn)) > 0:
            many = [missing]
            if len(boxes) > 1:
                many = random.multinomial(missing, [float(Fraction(count, sum(counts))) for count in counts]).tolist()
            new = [contexts.draw(random, options, number) for options, number in zip(options, many)]
            drawn = np.concatenate([drawn, *new])
            _, firsts = np.unique(drawn, axis=0, return_index=True)
            drawn = drawn[np.sort(firsts)]
        return drawn

    def common(self, other: "Domain") -> "Domain | None":
        """The contexts that are in both; None where none is."""
        both = []
        for one in self.layouts:
            for its in other.layouts:
                if one.meets(its) is not None:
                    sets = [mine & other for mine, other in zip(one.sets, its.sets)]
                    ends = next((i for i, tokens in enumerate(sets) if not tokens), len(sets))
                    both.append(Layout(tuple(sets[:ends]), max(one.start, its.start)))
        return Domain(tuple(both)) if both else None

    def sample(self, random: np.random.Generator, n: int) -> list[Context]:
        """So many of its contexts, or all where there are no more: each once, all equally likely, in random order."""
        strings, drawn = contexts.reads_strings(tuple(self.tokens)), dict[Context, None]()
        total, parts = self.count(), [(layout, length) for layout in self.layouts for length in layout.lengths]
        while len(drawn) < min(n, total):
            number = _below(random, total)
            for layout, length in parts:
                if number < (count := layout.count(length)):
                    break
                number -= count
            words = []
            for tokens in layout.sets[:length]:
                number, which = divmod(number, len(tokens))
                words.append(sorted(tokens)[which])
            drawn["".join(words) if strings else tuple(words)] = None
        return list(drawn)


def laid_out(layout: str | Sequence[str], start: int, let: Mapping[str, str | Iterable[str]]) -> Domain:
    """The same as `Domain.layout`, with letters that need not be names: "start" may be one."""
    if not isinstance(layout, Sequence) or not all(isinstance(token, str) and token for token in layout):
        raise ModelError(f"the layout is {layout!r}, but should be a string or a sequence of tokens")
    sets = {}
    for letter, tokens in let.items():
        if layout and letter not in tuple(layout):  # an empty one is refused below; a part of a string is no letter
            raise ModelError(f"the layout {contexts.written(layout)} has no {letter!r}, but should, or not let it")
        sets[letter] = _tokens(f"what {letter!r} stands for", tokens)
    return Domain((Layout(tuple(sets.get(token, frozenset((token,))) for token in layout), start),))


def _below(random: np.random.Generator, most: int) -> int:
    """From 0 to most - 1, which may be larger than numpy's numbers are."""
    size = -(-most.bit_length() // 8)
    while (number := int.from_bytes(random.bytes(size), "big")) >= most * (256**size // most):
        pass
    return number % most


def as_data(domain: Domain) -> list[dict[str, Any]]:
    """As JSON data: of each layout, where it starts and what each position may hold."""
    return [{"start": layout.start, "sets": [sorted(tokens) for tokens in layout.sets]} for layout in domain.layouts]


def from_data(data: Any) -> Domain:
    """The domain of such data; ModelError where it is none."""
    layouts = []
    for item in data if isinstance(data, list) else [None]:
        if not (isinstance(item, dict) and item.keys() == {"start", "sets"} and _is_lists(item["sets"])):
            raise ModelError(
                f"the domain is {shortly(data)}, but should be a list of layouts, each with start and sets"
            )
        sets = tuple(_tokens("a set of a layout", tokens) for tokens in item["sets"])
        layouts.append(Layout(sets, item["start"]))
    return Domain(tuple(layouts))


def _is_lists(data: Any) -> bool:
    return isinstance(data, list) and all(isinstance(item, list) for item in data)


def _tokens(what: str, tokens: str | Iterable[str]) -> frozenset[str]:
    listed = list(tokens) if isinstance(tokens, Iterable) else []
    if not listed or not all(isinstance(token, str) and token for token in listed):
        raise ModelError(f"{what} is {shortly(tokens)}, but should be tokens")
    return frozenset(listed)


def _length(n_ctx: int) -> int:
    if type(n_ctx) is not int or not 1 <= n_ctx <= LONGEST:
        raise ModelError(f"the longest context has {shown(n_ctx)} tokens, but should have one or more, to {LONGEST}")
    return n_ctx
