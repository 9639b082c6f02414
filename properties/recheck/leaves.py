"""The leaves of a certificate, and what the function permits there: it is run blindfolded on each."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from properties.recheck.about import must
from properties.recheck.blindfold import blind_answer, joined, said_of
from properties.recheck.counts import groups
from properties.recheck.graph import Box, Graph, Permitted
from properties.recheck.sight import Sight
from properties.recheck.walk import Walk
from reference import Fold
from zoo.errors import CertificateError, RuleError
from zoo.model import Model
from zoo.rule import Asked
from zoo.rule.watch import AGAIN, Said, ask_again, known


class Leaf(NamedTuple):
    """Contexts of one length, and what is permitted there, by number; of what was proved the answer."""

    box: Box
    kind: str
    answer: int
    permitted: Permitted
    contexts: int
    own: frozenset[int]  # what may stand where it is asked
    example: list[int]  # of its contexts one


class Where:
    """What a leaf is called in a sentence, put into words where there is one: there are many leaves."""

    def __init__(self, reading: "Reading", box: Box) -> None:
        self.reading, self.box = reading, box

    def __str__(self) -> str:
        words, n, box = self.reading.plainly, self.box.length, self.box
        some = [f"the leaf { {at - n: words(its) for at, its in sorted(box.known.items())} } of {n} tokens"]
        for count, (least, most) in box.counts.items():
            at = "" if count.positions == range(n) else f" at {[at - n for at in count.positions]}"
            some.append(f"{words(count.tokens)!r} {least} to {most} times{at}")
        if box.said is not None:
            said = [self.reading.named(its) for its in sorted(box.said)]
            some.append(f"where {said or 'nothing'} is permitted")
        return ", ".join(some) + ("" if box.at is None else f", at token {box.at + 1}")


class Reading:
    """A function that is asked at every leaf; afterwards, what it could remember is looked at.

    A copy of it is asked about the last contexts again, in the opposite order.
    """

    def __init__(self, graph: Graph, model: Model, function: Callable[[Any], Any]) -> None:
        self.graph, self.model = graph, model
        self.asked, self.number = Asked(function, model.names), 0
        self.words = [frozenset(model.vocab[token] for token in its) for its in graph.sets]
        self.numbers = {token: i for i, token in enumerate(model.vocab)}
        self.outputs: dict[Any, int] = {name: i for i, name in enumerate(model.names)}
        self.walk = Walk(function, model, self.asked, graph.sets) if type(function) is Fold else None
        self.said: deque[Said] = deque(maxlen=AGAIN)
        with _refusing():
            self.reaches = known(function)
            self.looked = self.reaches.looked

    def leaves(self, box: Box, root: int) -> Iterator[Leaf]:
        """Those of a box, which they partition; CertificateError where they do not, or the function says otherwise.

        The answer of a proved leaf is permitted, what was run is a single context, and where contexts are skipped, the
        function permits nothing or everything. None has a context of another: as many as there are, they are all.
        """
        every: Permitted = frozenset(self.outputs.values())  # of numbers, none is permitted, or one
        left = self.graph.count(box)
        for here, (kind, answer) in self.graph.leaves(box, root):
            where = Where(self, here)
            leaf = self._walked(here, where) if self.walk is not None else self._read(here, where)
            permitted = leaf.permitted
            settled = permitted in (frozenset(), every)
            if (kind == "skipped") != settled:
                raise CertificateError(
                    f"{where} is not skipped, but nothing or everything is permitted"
                    if settled
                    else f"{where} is skipped, but something is right and something wrong"
                )
            if kind == "run":
                if leaf.contexts != 1:
                    raise CertificateError(f"{where} was run, but is more than one context")
                leaf = leaf._replace(own=frozenset([leaf.example[here.position]]))
            if kind == "proved" and self.outputs and answer not in permitted:
                said = self.model.names[answer]
                raise CertificateError(f"the answer of {where} is {said!r}, but should be permitted there")
            left -= leaf.contexts
            yield leaf._replace(kind=kind, answer=answer)
        must(left == 0, f"the leaves of {box.length} tokens should cover every context once")

    def plainly(self, its: int) -> Any:
        """The tokens of a set, for a sentence."""
        return "".join(sorted(self.words[its])) if self.model.reads_strings else sorted(self.words[its])

    def named(self, its: Any) -> Any:
        """What is permitted, of its number."""
        return self.model.names[its] if self.outputs else its

    def _read(self, box: Box, where: Where) -> Leaf:
        """What the function permits that sees no more than a leaf says."""
        if box.said is not None:
            raise CertificateError(f"{where} says what is permitted, but should not where the function is no fold")
        contexts, strings, every = self.graph.count(box), self.model.reads_strings, self.words[-1]
        if not contexts:
            raise CertificateError(f"{where} has no context, but should have some")
        sets = {at: self.words[its] for at, its in box.known.items()}
        sight = Sight(sets, every, box.length, groups(box.counts, self.words, sets, every))
        asked = self.asked if box.at is None else self.asked.at(box.at)
        allowed, example = blind_answer(asked, sight, strings, where, self.looked), sight.ends[0]
        self._asked((joined(example, strings), allowed, *asked.where))
        return self._leaf(box, allowed, contexts, [self.numbers[token] for token in example])

    def _walked(self, box: Box, where: Where) -> Leaf:
        """What a fold permits: the same in all contexts of a leaf that are not said to be others."""
        assert self.walk is not None
        found = self.walk.split(box.length, box.known, box.counts)
        if box.said is not None:
            found = {its: ways for its, ways in found.items() if its == box.said}
        if len(found) != 1:
            raise CertificateError(f"{where} should have contexts, and one thing should be permitted in all of them")
        [(said, contexts)] = found.items()
        example = self.walk.example(box.length, box.known, box.counts, said)
        allowed = frozenset(map(self.named, said))
        context = joined([self.model.vocab[token] for token in example], self.model.reads_strings)
        asked = self.asked if box.at is None else self.asked.at(box.at)
        if said_of(asked, context) != allowed:
            raise CertificateError(f"the fold says something else after {context!r}, asked again")
        self._asked((context, allowed))
        return self._leaf(box, allowed, contexts, example)

    def _leaf(self, box: Box, allowed: frozenset[Any], contexts: int, example: list[int]) -> Leaf:
        at = box.position
        own = self.graph.held(box, at)
        for group in self.graph.groups(box):
            if at in group.positions:
                own = group.possible(at, own)
        permitted = frozenset(self.outputs[name] if self.outputs else name for name in allowed)
        return Leaf(box, "", -1, permitted, contexts, own, example)

    def _asked(self, said: Said) -> None:
        """After as many leaves as are a power of two, the memory is looked at: it may come back to what it was."""
        self.said.append(said)
        self.number += 1
        if not self.number & (self.number - 1):
            with _refusing():
                self.reaches.memory.check()

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
