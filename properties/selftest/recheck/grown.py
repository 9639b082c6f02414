"""Certificates that were not proved: splits grown around what is so, and what is put at their leaves."""

import math
from typing import Any

from properties.selftest.recheck.forgeries import copied
from properties.selftest.recheck.truth import Json, Tokens, Truth

GRAPH = "sets", "nodes", "roots"


def retargeted(made: Json, to: Json) -> Json:
    """The splits of a certificate, as if they were about what another one is about."""
    return {**copied(to), **{name: copied(made[name]) for name in GRAPH}, "margin": made["margin"]}


class Grown:
    """A certificate that was not proved: splits into contexts that are answered alike, with what is put at the leaves.

    `margin` is None for what is so, a little less; the answer is the model's own, where that is permitted.
    """

    def __init__(self, truth: Truth, head: Json, kind: str = "proved", margin: Any = None) -> None:
        self.truth, self.kind, self.smallest = truth, kind, math.inf
        self.nodes: list[Any] = []
        roots = [self.grow(list(truth.contexts(n)), -1) for n in range(1, truth.t.n_ctx + 1)]
        sets = [[token] for token in range(len(truth.vocab))]
        graph = {"sets": sets, "nodes": self.nodes, "roots": roots}
        self.made = {**copied(head), **graph, "margin": self.smallest if margin is None else margin}

    def grow(self, contexts: list[Tokens], position: int) -> int:
        """A leaf where all are answered alike, else a split, the last position first."""
        permitted = {self.truth.permitted[tokens] for tokens in contexts}
        if len(permitted) == 1 and (self.kind != "run" or len(contexts) == 1):  # what is run is one context
            return self.node(self.leaf(contexts, *permitted))
        parts = {
            token: [tokens for tokens in contexts if tokens[position] == token]
            for token in sorted({tokens[position] for tokens in contexts})
        }
        return self.node([position, *([token, self.grow(its, position - 1)] for token, its in parts.items())])

    def node(self, node: list[Any]) -> int:
        if node not in self.nodes:
            self.nodes.append(node)
        return self.nodes.index(node)

    def leaf(self, contexts: list[Tokens], permitted: frozenset[str]) -> list[Any]:
        vocab = self.truth.vocab
        if not 0 < len(permitted) < len(vocab):
            return ["skipped"]
        if self.kind != "proved":
            self.smallest = min(self.smallest, *(self.truth.run[tokens] for tokens in contexts))
            return [self.kind]
        margins = {a: min(self.truth.margins[tokens, a] for tokens in contexts) for a in sorted(permitted)}
        answer = max(margins, key=lambda a: margins[a])
        self.smallest = min(self.smallest, margins[answer] - 1e-2 * abs(margins[answer]))
        return ["proved", vocab.index(answer)]
