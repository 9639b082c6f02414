"""The splits of a proof, kept as it goes on, as the nodes of a certificate: see docs/json.md."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from properties.proof.bands import Bands
from properties.proof.boxes import Settled
from properties.proof.counted import Counted
from zoo.domain import Domain

Key = tuple[Any, ...]
MOST_KEPT = 20_000  # boxes with their margins: more are more than anybody looks at, and are put together


@dataclass
class Tree:
    """A node as it grows: a leaf, or what was asked, and what follows by the reply."""

    leaf: Key = ()
    asked: Key = ()
    to: dict[Any, "Tree"] = field(default_factory=dict)


class Splits:
    """Told of every box that is done, it keeps the tree of each length, layout of the domain, and position asked at."""

    def __init__(self, vocab: Sequence[str], domain: Domain, names: Sequence[str]) -> None:
        """`names` are of the outputs; there are none where numbers are answered."""
        self.vocab, self.domain = tuple(vocab), domain
        self.numbers, self.outputs = ({name: i for i, name in enumerate(its)} for its in (vocab, names))
        self.trees: dict[tuple[int, int, int], Tree] = {}  # by length, layout and position
        self.settled: list[Settled] = []  # what is done, in order; none where that is more than MOST_KEPT
        self.bands: Bands | None = None  # which then are kept in their place

    def add(self, settled: Settled) -> None:
        """Splits of the same, one after the other, are one."""
        box = settled.box
        self._keep(settled)
        path = [(self._asked(one, box.length), self._reply(reply)) for one, reply in box.path]
        if box.ending is not None:  # which comes after all that was counted at first
            said = (self.outputs.get(name, name) for name in box.permitted)
            path.insert(len(box.counts), (("says",), tuple(sorted(said))))
        tree = self.trees.setdefault((box.length, self._layout(settled), settled.at or 0), Tree())
        for (asked, reply), (after, _) in zip(path, (*path[1:], ((), ()))):
            if asked != after:
                tree.asked = asked
                tree = tree.to.setdefault(reply, Tree())
        tree.leaf = self.leaf(settled)

    def _keep(self, settled: Settled) -> None:
        if self.bands is None and len(self.settled) < MOST_KEPT:
            self.settled.append(settled)
            return
        if self.bands is None:
            self.bands = Bands(self.vocab, self.settled)
            self.settled = []
        self.bands.add(settled)

    def leaf(self, settled: Settled) -> Key:
        """What a node says that is a leaf."""
        return (settled.kind,) if settled.answer is None else (settled.kind, self.outputs[settled.answer])

    def _asked(self, one: Any, length: int) -> Key:
        """A position, or how many of some positions hold some tokens, from the end of contexts."""
        if not isinstance(one, Counted):
            return (one - length,)
        where = one.positions
        return "count", (where[0] - length, where[-1] - length, where.step if len(where) > 1 else 1), one.tokens

    def _reply(self, reply: Any) -> Key:
        return tuple(reply) if isinstance(reply, tuple) else self._set(reply)

    def _set(self, tokens: Iterable[str]) -> Key:
        return tuple(sorted(self.numbers[token] for token in tokens))

    def _layout(self, settled: Settled) -> int:
        """The number of the layout that a leaf is in."""
        layouts = self.domain.layouts
        if len(layouts) == 1:
            return 0
        tokens = [self.vocab[i] for i in settled.box.first(self.vocab)]
        return next(i for i, layout in enumerate(layouts) if tokens in layout)

    def as_data(self) -> dict[str, Any]:
        """Sets of tokens, nodes with their children before them, and a root of each tree; what is alike stands once."""
        nodes, sets = dict[Key, int](), dict[Key, int]()

        def number(tokens: Key) -> int:
            return sets.setdefault(tokens, len(sets))

        def fold(tree: Tree) -> int:
            if tree.leaf:
                return nodes.setdefault(tree.leaf, len(nodes))
            if tree.asked[0] == "count":
                _, where, tokens = tree.asked
                node = ("count", where, number(self._set(tokens)))
                parts = [(*limits, fold(child)) for limits, child in sorted(tree.to.items(), key=lambda item: item[0])]
            else:
                of: Callable[[Key], Any] = tuple if tree.asked == ("says",) else number
                node, parts = tree.asked, sorted((of(its), fold(child)) for its, child in tree.to.items())
            return nodes.setdefault((*node, *parts), len(nodes))

        roots = [fold(tree) for _, tree in sorted(self.trees.items())]
        return {"sets": list(map(list, sets)), "nodes": list(map(_as_lists, nodes)), "roots": roots}


def _as_lists(node: Any) -> Any:
    """As JSON has it."""
    return list(map(_as_lists, node)) if isinstance(node, tuple) else node
