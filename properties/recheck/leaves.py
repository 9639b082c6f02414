"""The leaves of a certificate, and what the function permits there: it is run blindfolded on each."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from properties.recheck.blindfold import blind_answer, least, real
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


class Where(NamedTuple):
    """What a leaf is called in a sentence, put into words where there is one: there are many leaves."""

    box: Box
    words: list[frozenset[str]]  # of each set
    strings: bool

    def __str__(self) -> str:
        words = ((at - self.box.length, sorted(self.words[its])) for at, its in sorted(self.box.known.items()))
        known = {at: "".join(its) if self.strings else its for at, its in words}
        return f"the leaf {known} of {self.box.length} tokens"


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
            settled = permitted in (frozenset(), every)
            if (kind == "skipped") != settled:
                raise CertificateError(
                    f"{where} is not skipped, but nothing or everything is permitted"
                    if settled
                    else f"{where} is skipped, but some tokens are right and some wrong"
                )
            if kind == "run" and contexts != 1:
                raise CertificateError(f"{where} was run, but is more than one context")
            if kind == "proved" and answer not in permitted:
                said = self.model.vocab[answer]
                raise CertificateError(f"the answer of {where} is {said!r}, but should be permitted there")
            yield Leaf(here, kind, answer, permitted, contexts)

    def where(self, box: Box) -> Where:
        return Where(box, self.words, self.model.reads_strings)

    def _permitted(self, box: Box, where: Where) -> frozenset[str]:
        """After as many leaves as are a power of two, the memory is looked at: it may come back to what it was."""
        strings, n, sets = self.model.reads_strings, box.length, {at: self.words[its] for at, its in box.known.items()}
        allowed = blind_answer(self.asked, sets, strings, n, where, self.tells)
        self.said.append((real([sets.get(i, self.words[-1]) for i in range(n)], least, strings), allowed))
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
