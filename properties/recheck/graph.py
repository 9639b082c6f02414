"""The splits of a certificate: a graph of nodes, counted before it is walked, and its leaves. Nothing is trusted."""

import math
from collections.abc import Iterator, Mapping
from functools import cached_property
from reprlib import repr as shortly
from types import MappingProxyType
from typing import Any, NamedTuple

from properties.recheck.about import is_number, must
from properties.recheck.counts import Count, Counts, Group, Tokens, fits, groups
from zoo.errors import CertificateError
from zoo.model import Model

PATHS = 10**7  # more leaves than that are not walked: it would take hours
LEAVES = ("skipped", "run")  # and ["proved", answer]


Permitted = frozenset[Any]  # outputs, by number; or one number, or none


class Split(NamedTuple):
    """Of what stands at a position, counted from the end: disjoint sets of tokens, by number, and nodes before it."""

    position: int
    union: frozenset[int]
    parts: list[tuple[int, int]]


class Ranges(NamedTuple):
    """Of how many positions hold a token of a set: from the first to the last of so many, counted from the end, each so
    many apart; ranges, ascending, and nodes before it."""

    where: tuple[int, int, int]
    tokens: int
    parts: list[tuple[int, int, int]]


class Saying(NamedTuple):
    """Of what a fold permits: different sets of outputs, by number, or of a number itself; and nodes before it."""

    parts: list[tuple[Permitted, int]]


class End(NamedTuple):
    """What a leaf says: skipped, run, or proved, with the answer; but for a number."""

    kind: str
    answer: int = -1


NOTHING: Counts = MappingProxyType({})


class Box(NamedTuple):
    """Contexts of one length: by number, the set of tokens that a position may hold, where that is not any token.

    How often tokens occur, and what is permitted, where that is known. It may be asked `at` a position, else behind.
    """

    length: int
    known: Mapping[int, int]
    at: int | None = None
    counts: Counts = NOTHING
    said: Permitted | None = None

    @property
    def position(self) -> int:
        """Where it is asked; behind a context, at its last token."""
        return self.length - 1 if self.at is None else self.at


Node = Split | Ranges | Saying | End
SETS = "should split into sets, and nodes before it"


class Graph:
    """The nodes, checked each by itself: the children of each stand before it, and so it ends.

    `sets` are those of tokens that are named in it, then those of the domain, and last all tokens. `roots` are a box of
    the domain and a node each. CertificateError where it is no such graph, or has more leaves than could be looked at.
    """

    def __init__(self, certificate: dict[str, Any], model: Model) -> None:
        self.vocab, self.outputs = len(model.vocab), len(model.names)
        self.sets = [self._set(its) for its in _list(certificate, "sets")]
        self.nodes: list[Node] = []
        self.paths: list[int] = []  # from each node to a leaf
        nodes = _list(certificate, "nodes")
        for node in nodes:
            self.nodes.append(made := self._node(node, model.n_ctx))
            its = 1 if isinstance(made, End) else sum(self.paths[part[-1]] for part in made.parts)
            self.paths.append(min(its, PATHS + 1))  # the numbers stay small
        boxes, stated = list(self._boxes(model)), _list(certificate, "roots")
        fine = len(stated) == len(boxes) and all(_is_index(root, len(nodes)) for root in stated)
        sentence = f"but should be {len(boxes)} nodes, one of each length, layout and position asked about"
        must(fine, f"the roots are {shortly(stated)}, {sentence}")
        self.roots = list(zip(boxes, stated))
        paths = sum(self.paths[root] for root in stated)
        must(paths <= PATHS, f"there are more than {PATHS} leaves, but should be fewer to be looked at")

    @cached_property
    def sizes(self) -> list[int]:
        return list(map(len, self.sets))

    def _set(self, its: Any) -> frozenset[int]:
        fine = isinstance(its, list) and its and all(_is_index(token, self.vocab) for token in its)
        must(
            bool(fine) and len(set(its)) == len(its),
            f"a set is {shortly(its)}, but should be tokens, by number, once each",
        )
        return frozenset(its)

    def _node(self, node: Any, n_ctx: int) -> Node:
        if isinstance(node, list) and node:
            kind, rest = node[0], node[1:]
            if _is_index(kind, 0, -n_ctx):
                return self._split(node, kind, rest)
            if kind == "count" and len(rest) > 2:
                return self._ranges(node, n_ctx)
            if kind == "says" and rest:
                return self._saying(node, rest)
            if kind == "proved" and len(rest) == 1 and _is_index(rest[0], self.outputs):
                return End(kind, rest[0])
            if not rest and (kind in LEAVES if isinstance(kind, str) else False):
                return End(kind)
            if kind == "proved" and not rest and not self.outputs:
                return End(kind)
        must(False, f"node {len(self.nodes)} is {shortly(node)}, but should be a split or a leaf: see docs/json.md")
        raise AssertionError

    def _split(self, node: Any, position: int, pairs: list[Any]) -> Split:
        self._must(node, bool(pairs) and all(self._is_pair(pair) for pair in pairs), SETS)
        parts = [self.sets[tokens] for tokens, _ in pairs]
        union = frozenset[int]().union(*parts)
        self._must(node, sum(map(len, parts)) == len(union), "should have parts of which none overlaps another")
        return Split(position, union, [(tokens, child) for tokens, child in pairs])

    def _ranges(self, node: Any, n_ctx: int) -> Ranges:
        _, where, tokens, *parts = node
        fine = isinstance(where, list) and len(where) == 3 and _is_index(tokens, len(self.sets))
        fine = fine and _is_index(where[1], 0, -n_ctx) and _is_index(where[0], where[1] + 1, -n_ctx)
        fine = fine and _is_index(where[2], n_ctx + 1, 1) and (where[1] - where[0]) % where[2] == 0
        self._must(node, fine, "should count at positions from the end, the first, the last and each so far apart")
        before = -1
        for part in parts:
            fine = fine and isinstance(part, list) and len(part) == 3 and _is_index(part[2], len(self.nodes))
            fine = fine and _is_index(part[0], n_ctx + 1, before + 1) and _is_index(part[1], n_ctx + 1, part[0])
            before = part[1] if fine else before
        self._must(node, fine, "should count ranges, each above the one before it, and lead to nodes before it")
        return Ranges((where[0], where[1], where[2]), tokens, [(least, most, child) for least, most, child in parts])

    def _saying(self, node: Any, pairs: list[Any]) -> Saying:
        fine = all(isinstance(pair, list) and len(pair) == 2 and _is_index(pair[1], len(self.nodes)) for pair in pairs)
        fine = fine and all(isinstance(its, list) and all(map(self._is_said, its)) for its, _ in pairs)
        self._must(node, fine, "should say what is permitted, and lead to nodes before it")
        parts = [(frozenset(its), child) for its, child in pairs]
        self._must(node, len({its for its, _ in parts}) == len(parts), "should name what is permitted once each")
        return Saying(parts)

    def _is_said(self, one: Any) -> bool:
        return _is_index(one, self.outputs) if self.outputs else is_number(one)

    def _is_pair(self, pair: Any) -> bool:
        """Of a set and a node before this one."""
        fine = isinstance(pair, list) and len(pair) == 2
        return fine and _is_index(pair[0], len(self.sets)) and _is_index(pair[1], len(self.nodes))

    def _must(self, node: Any, fine: bool, sentence: str) -> None:
        if not fine:  # not `must`, for each node: what it is takes longer to write than to check
            raise CertificateError(f"node {len(self.nodes)} is {shortly(node)}, but {sentence}")

    def _boxes(self, model: Model) -> Iterator[Box]:
        """Those that are spoken of, by length and layout; their sets are added to those that are known."""
        layouts, numbers = (
            () if model.domain is None else model.domain.layouts,
            {token: i for i, token in enumerate(model.vocab)},
        )
        of_layouts, added = [], dict[frozenset[str], int]()
        for layout in layouts:
            for tokens in layout.sets:
                if tokens not in added:
                    added[tokens] = len(self.sets)
                    self.sets.append(frozenset(numbers[token] for token in tokens))
            of_layouts.append([added[tokens] for tokens in layout.sets])
        self.sets.append(frozenset(range(self.vocab)))
        longest = model.n_ctx if model.domain is None else max(map(len, of_layouts))
        for n in range(1, longest + 1):
            some = [dict(enumerate(sets[:n])) for one, sets in zip(layouts, of_layouts) if one.start <= n <= len(sets)]
            for known in [{}] if model.domain is None else some:
                yield from (Box(n, known, at) for at in (range(n) if model.answers == "every" else [None]))

    def held(self, box: Box, position: int) -> Tokens:
        return self.sets[box.known.get(position, -1)]

    def groups(self, box: Box) -> list[Group]:
        """The positions at which tokens are counted."""
        if not box.counts:
            return []
        held = {at: self.sets[tokens] for at, tokens in box.known.items()}
        return groups(box.counts, self.sets, held, self.sets[-1])

    def count(self, box: Box) -> int:
        """How many contexts a box has, whatever is permitted there."""
        if not box.counts:
            held = math.prod(map(self.sizes.__getitem__, box.known.values()))
            return self.vocab ** (box.length - len(box.known)) * held  # type: ignore[no-any-return]
        counted = {at for count in box.counts for at in count.positions}
        choices = math.prod(len(self.sets[tokens]) for at, tokens in box.known.items() if at not in counted)
        free: int = self.vocab ** (box.length - len(counted | box.known.keys()))
        return free * choices * math.prod(group.ways() for group in self.groups(box))

    def leaves(self, box: Box, root: int) -> Iterator[tuple[Box, End]]:
        """What is known at each leaf, none of which has a context of another.

        Where tokens are not counted, and it is not said what is permitted, they are all contexts of the box together;
        else that is found out by counting contexts. CertificateError where a split has what its box has not.
        """
        todo = [(box, root)]
        while todo:
            here, index = todo.pop()
            node = self.nodes[index]
            if isinstance(node, End):
                yield here, node
            elif isinstance(node, Split):
                todo += self._parts(here, node)
            elif isinstance(node, Ranges):
                todo += self._counted(here, node)
            else:
                must(here.said is None, f"what is permitted in contexts of {here.length} tokens is split twice")
                todo += [(here._replace(said=said), child) for said, child in node.parts]

    def _parts(self, here: Box, node: Split) -> Iterator[tuple[Box, int]]:
        at, n = here.length + node.position, here.length
        must(at >= 0, f"a split of {n} tokens is at {node.position}, but should be within them")
        whole = self.held(here, at)
        if not (node.union <= whole if here.counts or here.said is not None else node.union == whole):
            parts, should = sorted(node.union), sorted(whole)
            raise CertificateError(
                f"a split at {node.position} of {n} tokens is into tokens {parts}, but should be into {should}"
            )
        for tokens, child in node.parts:
            yield here._replace(known={**here.known, at: tokens}), child

    def _counted(self, here: Box, node: Ranges) -> Iterator[tuple[Box, int]]:
        n, (first, last, step) = here.length, node.where
        must(n + first >= 0, f"tokens are counted from {first} on, of {n}, but should be within them")
        count = Count(range(n + first, n + last + 1, step), node.tokens)
        why = "" if count in here.counts else fits(count, list(here.counts), self.sets)
        must(not why, f"{why}, in contexts of {n} tokens")
        low, high = here.counts.get(count, (0, len(count.positions)))
        fine = low <= node.parts[0][0] and node.parts[-1][1] <= high
        must(fine, f"ranges of a count are beyond {low} to {high}, in contexts of {n} tokens")
        for least, most, child in node.parts:
            yield here._replace(counts={**here.counts, count: (least, most)}), child


def _list(certificate: dict[str, Any], name: str) -> list[Any]:
    its = certificate.get(name)
    must(isinstance(its, list), f"{name} is {shortly(its)}, but should be a list")
    return its  # type: ignore[return-value]


def _is_index(value: Any, end: int, start: int = 0) -> bool:
    """Of a list of that length, or with `start` from there on; a truth value is none."""
    return type(value) is int and start <= value < end
