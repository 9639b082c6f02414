"""The splits of a certificate: a graph of nodes, counted before it is walked, and its leaves. Nothing is trusted."""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from reprlib import repr as shortly
from typing import Any, NamedTuple

from properties.recheck.about import must
from zoo.errors import CertificateError
from zoo.model import Model

PATHS = 10**7  # more leaves than that are not walked: it would take hours
LEAVES = ("skipped", "run")  # and ["proved", answer]


class Split(NamedTuple):
    """Of what stands at a position, counted from the end: disjoint sets of tokens, by number, and nodes before it."""

    position: int
    union: frozenset[int]
    parts: list[tuple[int, int]]


class End(NamedTuple):
    """What a leaf says: skipped, run, or proved, with the answer."""

    kind: str
    answer: int = -1


class Box(NamedTuple):
    """Contexts of one length: by number, the set of tokens that a position may hold, where that is not any token."""

    length: int
    known: Mapping[int, int]


class Graph:
    """The nodes, checked each by itself: the children of each stand before it, and so it ends.

    `sets` are those of tokens that are named in it, then those of the domain, and last all tokens. `roots` are a box of
    the domain and a node each. CertificateError where it is no such graph, or has more leaves than could be looked at.
    """

    def __init__(self, certificate: dict[str, Any], model: Model) -> None:
        self.vocab = len(model.vocab)
        self.sets = [self._set(its) for its in _list(certificate, "sets")]
        self.nodes: list[Split | End] = []
        self.paths: list[int] = []  # from each node to a leaf
        nodes = _list(certificate, "nodes")
        for node in nodes:
            self.nodes.append(made := self._node(node, model.n_ctx))
            its = sum(self.paths[child] for _, child in made.parts) if isinstance(made, Split) else 1
            self.paths.append(min(its, PATHS + 1))  # the numbers stay small
        boxes, stated = list(self._boxes(model)), _list(certificate, "roots")
        fine = len(stated) == len(boxes) and all(_is_index(root, len(nodes)) for root in stated)
        must(fine, f"the roots are {shortly(stated)}, but should be {len(boxes)} nodes, of each length and layout one")
        self.roots = list(zip(boxes, stated))
        paths = sum(self.paths[root] for root in stated)
        must(paths <= PATHS, f"there are more than {PATHS} leaves, but should be fewer to be looked at")

    def _set(self, its: Any) -> frozenset[int]:
        fine = isinstance(its, list) and its and all(_is_index(token, self.vocab) for token in its)
        must(
            bool(fine) and len(set(its)) == len(its),
            f"a set is {shortly(its)}, but should be tokens, by number, once each",
        )
        return frozenset(its)

    def _node(self, node: Any, n_ctx: int) -> Split | End:
        index = len(self.nodes)
        if isinstance(node, list) and node and _is_index(node[0], 0, -n_ctx):
            pairs, fine = node[1:], len(node) > 2
            for pair in pairs:
                fine = fine and isinstance(pair, list) and len(pair) == 2 and _is_index(pair[0], len(self.sets))
                fine = fine and _is_index(pair[1], index)
            must(fine, f"node {index} is {shortly(node)}, but should split into two or more sets, and nodes before it")
            parts = [self.sets[tokens] for tokens, _ in pairs]
            union = frozenset[int]().union(*parts)
            must(sum(map(len, parts)) == len(union), f"the parts of node {index} overlap, but should be disjoint")
            return Split(node[0], union, [(tokens, child) for tokens, child in pairs])
        if isinstance(node, list) and len(node) == 2 and node[0] == "proved" and _is_index(node[1], self.vocab):
            return End("proved", node[1])
        known = isinstance(node, list) and len(node) == 1 and node[0] in LEAVES
        kinds = (
            "should split at a position, or be skipped, run, or proved with an answer; of counts nothing is confirmed"
        )
        must(known, f"node {index} is {shortly(node)}, but {kinds}")
        return End(node[0])

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
        if model.domain is None:
            yield from (Box(n, {}) for n in range(1, model.n_ctx + 1))
        for n in range(1, max(map(len, of_layouts), default=0) + 1):
            for layout, sets in zip(layouts, of_layouts):
                if layout.start <= n <= len(sets):
                    yield Box(n, dict(enumerate(sets[:n])))

    def held(self, box: Box, position: int) -> frozenset[int]:
        return self.sets[box.known.get(position, -1)]

    def count(self, box: Box) -> int:
        """How many contexts a box has."""
        free: int = self.vocab ** (box.length - len(box.known))
        return free * self._choices(box)

    def _choices(self, box: Box) -> int:
        return math.prod(len(self.sets[tokens]) for tokens in box.known.values())

    def leaves(self, box: Box, root: int) -> Iterator[tuple[Box, End]]:
        """What is known at each leaf. CertificateError where they do not partition the box."""
        todo, n = [(dict(box.known), root)], box.length
        covered = Counter[int]()  # by how many positions may hold any token
        while todo:
            known, index = todo.pop()
            node, here = self.nodes[index], Box(n, known)
            if isinstance(node, End):
                covered[n - len(known)] += self._choices(here)
                yield here, node
                continue
            at = n + node.position
            must(at >= 0, f"a split of {n} tokens is at {node.position}, but should be within them")
            whole = self.held(here, at)
            if node.union != whole:
                parts, should = sorted(node.union), sorted(whole)
                raise CertificateError(
                    f"a split at {node.position} of {n} tokens is into tokens {parts}, but should be into {should}"
                )
            todo += [({**known, at: tokens}, child) for tokens, child in node.parts]
        every = sum(its * self.vocab**free for free, its in covered.items())
        must(every == self.count(box), f"the leaves of {n} tokens should cover every context once")


def _list(certificate: dict[str, Any], name: str) -> list[Any]:
    its = certificate.get(name)
    must(isinstance(its, list), f"{name} is {shortly(its)}, but should be a list")
    return its  # type: ignore[return-value]


def _is_index(value: Any, end: int, start: int = 0) -> bool:
    """Of a list of that length, or with `start` from there on; a truth value is none."""
    return type(value) is int and start <= value < end
