"""What a model does in every context, as the smallest decision program: a diagram of tests of tokens and of the length.

It is made from the model's enumerated answers, not from its rule. A test asks for one token counted from the end, or
whether the context has at most so many tokens; no token is read before the length is known to reach it. Where few
tokens matter, the program with the fewest tests is searched for; otherwise tokens are read from the last one back.
Equal parts of the diagram are one part.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as memo
from functools import cached_property
from itertools import pairwise

import numpy as np

from zoo import contexts, enumeration
from zoo.distill.answers import Part, answers_of, forward_answers, parts_of
from zoo.domain import Domain
from zoo.errors import ModelError
from zoo.model import Model
from zoo.transformer.arrays import Array

MOST_CONTEXTS, MOST_TOKENS = 2**23, 256
NOWHERE = -1  # the answer where no context is
SEARCHED = 5000  # states of knowledge up to which the fewest tests are searched for


@dataclass(frozen=True)
class Test:
    """Is the token `back` from the end (1: the last) number `value`? With back 0: is the length at most `value`?"""

    back: int
    value: int

    def holds(self, tokens: Sequence[int]) -> bool:
        return len(tokens) <= self.value if self.back == 0 else tokens[-self.back] == self.value


@dataclass(frozen=True, eq=False)
class Branch:
    """Two of the same content are one object, so that equal tails are recognized."""

    test: Test
    yes: "Node"
    no: "Node"


Node = Branch | int  # an answer is the number of a token


@dataclass(frozen=True)
class Program:
    """A diagram over a vocabulary that answers as a model does in all its contexts.

    Those are the contexts of its domain, or where none is stated all of 1 to n_ctx tokens.
    """

    name: str
    vocab: tuple[str, ...]
    root: Node
    n_ctx: int
    contexts: int
    domain: Domain | None = None

    @cached_property
    def scope(self) -> Domain:
        return Domain.every(self.vocab, self.n_ctx) if self.domain is None else self.domain

    def __call__(self, tokens: Sequence[int]) -> int:
        """The number of the token that follows these."""
        node = self.root
        while isinstance(node, Branch):
            node = node.yes if node.test.holds(tokens) else node.no
        return node


@dataclass(frozen=True)
class Known:
    """What has been found out: which classes of lengths are left, and which tokens at each place from the end."""

    first: int
    last: int
    tokens: tuple[tuple[int, ...], ...]  # at [back - 1]


def distill(model: Model) -> Program:
    """The program of a model: equal to its answers in all its contexts, and to `forward` where `forward_answers` asks.

    ModelError for a model of too many contexts or tokens.
    """
    model.must_complete("be distilled")
    if len(model.vocab) > MOST_TOKENS:
        raise ModelError(
            f"{model.name} has {len(model.vocab)} tokens, but should have at most {MOST_TOKENS} to be distilled"
        )
    number = model.scope.count()
    if number > MOST_CONTEXTS:
        many = contexts.counted(number)
        raise ModelError(f"{model.name} has {many} contexts, but should have at most {MOST_CONTEXTS} to be distilled")
    answers = answers_of(model)
    parts = {length: list(parts_of(model, length, one)) for length, one in answers.items()}
    try:
        root = Tables(parts).program()
    except RecursionError:
        sentence = "needs too many tests one after another, but should need fewer than some hundred to be distilled"
        raise ModelError(f"{model.name} {sentence}") from None
    program = Program(model.name, tuple(model.vocab), root, model.n_ctx, number, model.domain)
    for length, one in answers.items():  # a mistake in the search must not pass
        if not np.array_equal(evaluate(program, length), one):
            raise AssertionError(f"the program of {model.name} departs from it at length {length}")
    if enumeration.path(model.transformer) != "forward":  # nor a mistake in the enumeration
        for length, expected in forward_answers(model):
            if not np.array_equal(answers[length][: len(expected)], expected):
                raise AssertionError(f"{model.name} as enumerated departs from its forward pass at length {length}")
    return program


def evaluate(program: Program, length: int) -> Array:
    """The program's answers in all its contexts of a length, in their order."""
    boxes = program.scope.boxes(length, program.vocab)
    return np.concatenate([_evaluated(program.root, box.options(program.vocab)) for box in boxes])


def _evaluated(root: Node, options: Sequence[Array]) -> Array:
    """Its answers in the contexts of a box, in their order."""
    length = len(options)
    places = [length - at for at, tokens in enumerate(options) if len(tokens) > 1]

    @memo
    def table(node: Node) -> Array:
        if not isinstance(node, Branch):
            return np.full((1,) * len(places), node)
        back, value = node.test.back, node.test.value
        if back == 0:
            return table(node.yes if length <= value else node.no)
        if back > length:  # another test has led elsewhere
            return np.full((1,) * len(places), NOWHERE)
        tokens = options[-back]
        if back not in places or value not in tokens:
            return table(node.yes if value in tokens else node.no)
        is_value = (tokens == value).reshape([-1 if place == back else 1 for place in places])
        return np.where(is_value, table(node.yes), table(node.no))

    return np.broadcast_to(table(root), [len(tokens) for tokens in options if len(tokens) > 1]).ravel()


class Tables:
    """The answers by length, as parts that are cut to the tokens that matter; equal lengths together."""

    def __init__(self, parts: dict[int, list[Part]]) -> None:
        every = [part for of_length in parts.values() for part in of_length]
        apart = {back for of_length in parts.values() for back in _told_apart(of_length)}
        places = {back for part in every for back in part.places}
        self.depth = max(apart | {back for back in places if any(part.matters(back) for part in every)}, default=0)
        self.shortest: list[int] = []  # of each class of lengths
        self.longest: list[int] = []
        self.classes: list[list[Part]] = []
        for length, of_length in parts.items():
            cut = [part.cut(self.depth) for part in of_length]
            if self.classes and _same(cut, self.classes[-1]):
                self.longest[-1] = length
            else:
                self.shortest.append(length)
                self.longest.append(length)
                self.classes.append(cut)
        self.best: dict[object, tuple[int, Node]] = {}
        self.branches: dict[object, Branch] = {}

    def program(self) -> Node:
        parts = [part for of_class in self.classes for part in of_class]
        every = [frozenset().union(*(its.tokens[i] for its in parts if i < len(its.tokens))) for i in range(self.depth)]
        # What may be known of a token is any set of tokens that it may be, and of the length any run of classes.
        asked = _told_apart(parts) | {back for back in range(1, self.depth + 1) if any(p.matters(back) for p in parts)}
        states = math.prod(2 ** len(every[back - 1]) - 1 for back in asked) * len(self.classes) ** 2
        known = Known(0, len(self.classes) - 1, tuple(tuple(sorted(tokens)) for tokens in every))
        return self._best(known, search=states <= SEARCHED)[1]

    def _best(self, known: Known, search: bool) -> tuple[int, Node]:
        """The fewest tests that settle the answer, and the program with these; without search, the first that comes."""
        left = self._left(known)
        tables = [part.table for parts in left.values() for part in parts]
        answer = int(tables[0].flat[0])
        if all((table == answer).all() for table in tables):
            return 0, answer
        key = _open(left)
        if key not in self.best:
            found: list[tuple[int, Node]] = []
            for test, if_yes, if_no in self._tests(known, left):
                (tests_yes, yes), (tests_no, no) = self._best(if_yes, search), self._best(if_no, search)
                found.append((1 + tests_yes + tests_no, self._branch(test, yes, no)))
                if not search:
                    break
            self.best[key] = min(found, key=lambda one: one[0])
        return self.best[key]

    def _branch(self, test: Test, yes: Node, no: Node) -> Branch:
        names = (node if isinstance(node, int) else f"branch {id(node)}" for node in (yes, no))
        return self.branches.setdefault((test, *names), Branch(test, yes, no))

    def _left(self, known: Known) -> dict[int, list[Part]]:
        """What is left of each class of lengths, where something is."""
        left = {
            i: [rest for part in self.classes[i] if (rest := part.where(known.tokens)) is not None]
            for i in range(known.first, known.last + 1)
        }
        return {i: parts for i, parts in left.items() if parts}

    def _tests(self, known: Known, left: dict[int, list[Part]]) -> Iterator[tuple[Test, Known, Known]]:
        """The tests that tell something, with what is known after a yes and after a no."""
        parts = [part for of_class in left.values() for part in of_class]
        apart = _told_apart(parts)
        for back in range(1, min(self.shortest[min(left)], self.depth) + 1):
            tokens = tuple(sorted({token for part in parts for token in part.tokens[back - 1]}))
            if len(tokens) > 1 and (back in apart or any(part.matters(back) for part in parts)):
                for token in tokens[: 1 if len(tokens) == 2 else None]:
                    others = tuple(other for other in tokens if other != token)
                    yield Test(back, token), _with(known, back, (token,)), _with(known, back, others)
        for (i, shorter), (j, longer) in pairwise(left.items()):
            if not (len(shorter) == len(longer) == 1 and shorter[0].goes_on_in(longer[0])):
                yield (
                    Test(0, self.longest[i]),
                    Known(known.first, i, known.tokens),
                    Known(j, known.last, known.tokens),
                )


def _with(known: Known, back: int, tokens: tuple[int, ...]) -> Known:
    return Known(known.first, known.last, (*known.tokens[: back - 1], tokens, *known.tokens[back:]))


def _told_apart(parts: Sequence[Part]) -> set[int]:
    """The places from the end whose tokens tell some parts apart, of those that have them."""
    depth = max((len(part.tokens) for part in parts), default=0)
    columns = ({part.tokens[i] for part in parts if i < len(part.tokens)} for i in range(depth))
    return {back for back, column in enumerate(columns, start=1) if len(column) > 1}


def _same(some: Sequence[Part], others: Sequence[Part]) -> bool:
    return len(some) == len(others) and all(
        one.tokens == other.tokens and np.array_equal(one.table, other.table) for one, other in zip(some, others)
    )


def _open(left: dict[int, list[Part]]) -> object:
    """What is left to find out: it does not depend on how the known was found out, nor on what a known token is."""
    parts = [part for of_class in left.values() for part in of_class]
    depth = max(len(part.tokens) for part in parts)
    columns = [{part.tokens[i] for part in parts if i < len(part.tokens)} for i in range(depth)]
    known = [len(column) == 1 and len(next(iter(column))) == 1 for column in columns]
    return tuple(
        (i, tuple(() if is_known else its for its, is_known in zip(part.tokens, known)), part.table.tobytes())
        for i, of_class in left.items()
        for part in of_class
    )
