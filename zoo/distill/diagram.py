"""What a model does in every context, as the smallest decision program: a diagram of tests of tokens and of the length.

It is made from the model's enumerated answers, not from its rule. A test asks for one token counted from the end, or
whether the context has at most so many tokens; no token is read before the length is known to reach it. Where few
tokens matter, the program with the fewest tests is searched for; otherwise tokens are read from the last one back.
Equal parts of the diagram are one part.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache as memo
from itertools import pairwise

import numpy as np

from zoo import contexts, enumeration
from zoo.errors import ModelError
from zoo.model import Model
from zoo.transformer import forward, greedy
from zoo.transformer.arrays import Array

MOST_CONTEXTS, MOST_TOKENS = 2**23, 256
RUN = 2**17  # contexts in which the forward pass itself is asked
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
    """A diagram over a vocabulary that answers as a model does in all its contexts of 1 to n_ctx tokens."""

    name: str
    vocab: tuple[str, ...]
    root: Node
    n_ctx: int
    contexts: int

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
    """The program of a model: equal to all its enumerated answers, and to `forward` where `forward_answers` asks it.

    ModelError for a model of too many contexts or tokens.
    """
    if len(model.vocab) > MOST_TOKENS:
        raise ModelError(
            f"{model.name} has {len(model.vocab)} tokens, but should have at most {MOST_TOKENS} to be distilled"
        )
    number = contexts.count(len(model.vocab), model.n_ctx)
    if number > MOST_CONTEXTS:
        many = contexts.counted(number)
        raise ModelError(f"{model.name} has {many} contexts, but should have at most {MOST_CONTEXTS} to be distilled")
    answers = enumeration.answers(model.transformer)
    for length, one in answers.items():
        if np.isnan(one.margin):
            raise ModelError(f"{model.name}: logits of {length} tokens are NaN or infinite, but should be numbers")
    tables = Tables({n: one.tokens.reshape((len(model.vocab),) * n) for n, one in answers.items()}, len(model.vocab))
    program = Program(model.name, tuple(model.vocab), tables.program(), model.n_ctx, number)
    for length, one in answers.items():  # a mistake in the search must not pass
        if not np.array_equal(evaluate(program, length), one.tokens):
            raise AssertionError(f"the program of {model.name} departs from it at length {length}")
    if enumeration.path(model.transformer) != "forward":  # nor a mistake in the enumeration
        for length, expected in forward_answers(model):
            if not np.array_equal(answers[length].tokens, expected):
                raise AssertionError(f"{model.name} as enumerated departs from its forward pass at length {length}")
    return program


def forward_answers(model: Model) -> Iterator[tuple[int, Array]]:
    """The forward pass's answers in all contexts of a length, for as many lengths as make RUN contexts, shortest first.

    ModelError where a logit is no number.
    """
    for length in range(1, model.n_ctx + 1):
        if contexts.count(len(model.vocab), length) > RUN:
            return
        answers = []
        for batch in contexts.of_length(len(model.vocab), length):
            answers.append(greedy(forward(model.transformer, batch, last=True)[:, -1]))
            if (answers[-1] < 0).any():
                raise ModelError(f"{model.name}: logits of {length} tokens are NaN, but should be numbers")
        yield length, np.concatenate(answers)


def evaluate(program: Program, length: int) -> Array:
    """The program's answers in all contexts of a length, in lexicographic order."""
    vocab = len(program.vocab)

    @memo
    def table(node: Node) -> Array:
        if not isinstance(node, Branch):
            return np.full((1,) * length, node)
        if node.test.back == 0:
            return table(node.yes if length <= node.test.value else node.no)
        tokens = np.arange(vocab).reshape((-1,) + (1,) * (node.test.back - 1))
        return np.where(tokens == node.test.value, table(node.yes), table(node.no))

    return np.broadcast_to(table(program.root), (vocab,) * length).ravel()


class Tables:
    """The answers by length, the last token on the last axis, cut to the tokens that matter; equal lengths together."""

    def __init__(self, answers: dict[int, Array], vocab: int) -> None:
        self.vocab = vocab
        self.matters = {
            back for table in answers.values() for back in range(1, table.ndim + 1) if _matters(table, back)
        }
        self.depth = max(self.matters, default=0)
        self.longest: list[int] = []  # of each class of lengths
        self.classes: list[Array] = []
        for length, table in answers.items():
            cut = table[(0,) * max(0, length - self.depth)]
            if self.classes and cut.shape == self.classes[-1].shape and np.array_equal(cut, self.classes[-1]):
                self.longest[-1] = length
            else:
                self.longest.append(length)
                self.classes.append(cut)
        self.best: dict[object, tuple[int, Node]] = {}
        self.branches: dict[object, Branch] = {}

    def program(self) -> Node:
        # What may be known of a token is any set of tokens that it may be, and of the length any run of classes.
        states = (2**self.vocab - 1) ** len(self.matters) * len(self.classes) ** 2
        every = tuple(range(self.vocab))
        return self._best(Known(0, len(self.classes) - 1, (every,) * self.depth), search=states <= SEARCHED)[1]

    def _best(self, known: Known, search: bool) -> tuple[int, Node]:
        """The fewest tests that settle the answer, and the program with these; without search, the first that comes."""
        tables = [self._table(i, known) for i in range(known.first, known.last + 1)]
        answer = int(tables[0].flat[0])
        if all((table == answer).all() for table in tables):
            return 0, answer
        # What is left to find out does not depend on how the known was found out.
        open_tokens = tuple(tokens if len(tokens) > 1 else () for tokens in known.tokens)
        key = known.first, known.last, open_tokens, tuple(table.tobytes() for table in tables)
        if key not in self.best:
            found: list[tuple[int, Node]] = []
            for test, if_yes, if_no in self._tests(known, tables):
                (tests_yes, yes), (tests_no, no) = self._best(if_yes, search), self._best(if_no, search)
                found.append((1 + tests_yes + tests_no, self._branch(test, yes, no)))
                if not search:
                    break
            self.best[key] = min(found, key=lambda one: one[0])
        return self.best[key]

    def _branch(self, test: Test, yes: Node, no: Node) -> Branch:
        names = (node if isinstance(node, int) else f"branch {id(node)}" for node in (yes, no))
        return self.branches.setdefault((test, *names), Branch(test, yes, no))

    def _tests(self, known: Known, tables: list[Array]) -> Iterator[tuple[Test, Known, Known]]:
        """The tests that tell something, with what is known after a yes and after a no."""
        shortest = self.longest[known.first - 1] + 1 if known.first else 1
        for back in range(1, min(shortest, self.depth) + 1):
            tokens = known.tokens[back - 1]
            if len(tokens) > 1 and any(_matters(table, back) for table in tables):
                for token in tokens[: 1 if len(tokens) == 2 else None]:
                    others = tuple(other for other in tokens if other != token)
                    yield Test(back, token), _with(known, back, (token,)), _with(known, back, others)
        for i, (table, longer) in enumerate(pairwise(tables), start=known.first):
            if not (np.broadcast_to(table, longer.shape) == longer).all():
                yield (
                    Test(0, self.longest[i]),
                    Known(known.first, i, known.tokens),
                    Known(i + 1, known.last, known.tokens),
                )

    def _table(self, i: int, known: Known) -> Array:
        table = self.classes[i]
        return table[np.ix_(*(known.tokens[back - 1] for back in range(table.ndim, 0, -1)))] if table.ndim else table


def _with(known: Known, back: int, tokens: tuple[int, ...]) -> Known:
    return Known(known.first, known.last, (*known.tokens[: back - 1], tokens, *known.tokens[back:]))


def _matters(table: Array, back: int) -> bool:
    """Whether the answer depends on the token `back` from the end."""
    return back <= table.ndim and bool((table != table.take([0], axis=-back)).any())
