"""The splits of a proof, kept as it goes on, as the nodes of a certificate: see docs/json.md."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from properties.proof.boxes import Settled
from zoo.domain import Domain

Key = tuple[Any, ...]
MOST_KEPT = 20_000  # boxes with their margins: more are more than anybody looks at


@dataclass
class Tree:
    """A node as it grows: a leaf, or a position from the end, and what follows by what stands there."""

    leaf: Key = ()
    at: int = 0
    to: dict[frozenset[str], "Tree"] = field(default_factory=dict)


class Splits:
    """Told of every box that is done, it keeps the tree of each length and layout of the domain."""

    def __init__(self, vocab: Sequence[str], domain: Domain) -> None:
        self.vocab, self.domain = tuple(vocab), domain
        self.numbers = {token: i for i, token in enumerate(vocab)}
        self.trees: dict[tuple[int, int], Tree] = {}  # by length and layout
        self.counted = False  # whether some box was split by a count, which no node says yet
        self.settled: list[Settled] = []  # what is done, in order; not more than one beyond MOST_KEPT

    def add(self, settled: Settled) -> None:
        """Splits at one position, one after the other, are one."""
        box, path = settled.box, settled.box.path
        if len(self.settled) <= MOST_KEPT:
            self.settled.append(settled)
        if box.counts or box.ending is not None:
            self.counted = True
            return
        tree = self.trees.setdefault((box.length, self._layout(settled)), Tree())
        for (at, reply), (after, _) in zip(path, (*path[1:], (-1, frozenset()))):
            if at != after:
                tree.at = at - box.length
                tree = tree.to.setdefault(reply, Tree())
        tree.leaf = self.leaf(settled)

    def leaf(self, settled: Settled) -> Key:
        """What a node says that is a leaf."""
        return (settled.kind,) if settled.answer is None else (settled.kind, self.numbers[settled.answer])

    def _layout(self, settled: Settled) -> int:
        """The number of the layout that a leaf is in."""
        layouts = self.domain.layouts
        if len(layouts) == 1:
            return 0
        tokens = [self.vocab[i] for i in settled.box.first(self.vocab)]
        return next(i for i, layout in enumerate(layouts) if tokens in layout)

    def as_data(self) -> dict[str, Any]:
        """Sets of tokens, nodes with their children before them, and a root for each length and layout; what is alike
        stands once."""
        nodes, sets = dict[Key, int](), dict[Key, int]()

        def fold(tree: Tree) -> int:
            if tree.leaf:
                return nodes.setdefault(tree.leaf, len(nodes))
            parts = []
            for reply, child in tree.to.items():
                its = tuple(sorted(self.numbers[token] for token in reply))
                parts.append((sets.setdefault(its, len(sets)), fold(child)))
            if len(parts) == 1:  # nothing was asked that was not known
                return parts[0][1]
            return nodes.setdefault((tree.at, *sorted(parts)), len(nodes))

        roots = [fold(tree) for _, tree in sorted(self.trees.items())]
        as_lists = ([list(its) if isinstance(its, tuple) else its for its in node] for node in nodes)
        return {"sets": list(map(list, sets)), "nodes": list(as_lists), "roots": roots}
