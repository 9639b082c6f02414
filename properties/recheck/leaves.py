"""The leaves of a certificate, and what the function permits there: it is run blindfolded on each."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from properties.recheck.about import must
from properties.recheck.blindfold import blind_answer, real
from properties.recheck.graph import Box, Graph
from zoo.errors import CertificateError, RuleError
from zoo.model import Model
from zoo.rule import Asked
from zoo.rule.watch import AGAIN, Said, ask_again, known


class Leaf(NamedTuple):
    """Contexts of one length, and what is permitted there, by number; of what was proved the answer."""

    box: Box
    kind: str
    answer: int
    permitted: frozenset[int]
    contexts: int


class Reading:
    """A function that is asked at every leaf; afterwards, what it could remember is looked at.

    A copy of it is asked about the last contexts again, in the opposite order.
    """

    def __init__(self, graph: Graph, model: Model, function: Callable[[Any], Any]) -> None:
        self.graph, self.model = graph, model
        self.asked, self.number = Asked(function, model.vocab), 0
        self.words = [frozenset(model.vocab[token] for token in its) for its in graph.sets]
        self.numbers = {token: i for i, token in enumerate(model.vocab)}
        self.said: deque[Said] = deque(maxlen=AGAIN)
        with _refusing():
            self.reaches = known(function)
            self.tells = self.reaches.tells

    def leaves(self, box: Box, root: int) -> Iterator[Leaf]:
        """Those of a box, which they partition; CertificateError where they do not, or the function says otherwise.

        The answer of a proved leaf is permitted, what was run is a single context, and where contexts are skipped, the
        function permits nothing or everything.
        """
        every = frozenset(range(self.graph.vocab))
        for here, (kind, answer) in self.graph.leaves(box, root):
            where, contexts = self.where(here), self.graph.count(here)
            permitted = frozenset(self.numbers[token] for token in self._permitted(here, where))
            if kind == "skipped":
                must(permitted in (frozenset(), every), f"{where} is skipped, but some tokens are right and some wrong")
            else:
                must(
                    frozenset() != permitted != every, f"{where} is not skipped, but nothing or everything is permitted"
                )
            if kind == "run":
                must(contexts == 1, f"{where} was run, but is more than one context")
            elif kind == "proved":
                said = self.model.vocab[answer]
                must(answer in permitted, f"the answer of {where} is {said!r}, but should be permitted there")
            yield Leaf(here, kind, answer, permitted, contexts)

    def where(self, box: Box) -> str:
        """For a sentence."""
        words = ((at - box.length, sorted(self.words[its])) for at, its in sorted(box.known.items()))
        known = {at: "".join(its) if self.model.reads_strings else its for at, its in words}
        return f"the leaf {known} of {box.length} tokens"

    def _permitted(self, box: Box, where: str) -> frozenset[str]:
        """After as many leaves as are a power of two, the memory is looked at: it may come back to what it was."""
        strings, n, sets = self.model.reads_strings, box.length, {at: self.words[its] for at, its in box.known.items()}
        allowed = blind_answer(self.asked, sets, strings, n, where, self.tells)
        self.said.append((real([sets.get(i, self.words[-1]) for i in range(n)], min, strings), allowed))
        self.number += 1
        if not self.number & (self.number - 1):
            with _refusing():
                self.reaches.memory.check()
        return allowed

    def check(self) -> None:
        with _refusing():
            self.reaches.memory.check()
            if self.reaches.copy is not None:
                ask_again(self.said, self.asked, self.reaches.copy)


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except RuleError as error:
        raise CertificateError(str(error)) from None
