"""Random rules of the last few tokens, and the same with one entry that is wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from random import Random

Rule = Callable[[str], set[str]]


@dataclass(frozen=True)
class Node:
    """A place of a decision tree, counted from the end, and what follows for each token; or what is permitted."""

    back: int
    following: tuple["Node", ...]
    permitted: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Drawn:
    rule: Rule
    vocab: str
    window: int


def drawn(seed: int) -> Drawn:
    """A rule over 2 to 4 tokens that reads 1 to 4 of them: one token, several, or none are permitted."""
    random = Random(seed)
    vocab, window, early = "abcd"[: random.randint(2, 4)], random.randint(1, 4), random.choice([0.2, 0.4, 0.6])
    kinds = [frozenset(token) for token in vocab] * 2 + [frozenset(vocab[:2]), frozenset[str]()]

    def tree(length: int, read: frozenset[int]) -> Node:
        if len(read) == length or (read and random.random() < early):
            return Node(0, (), random.choice(kinds))
        back = random.choice([i for i in range(length) if i not in read])
        return Node(back, tuple(tree(length, read | {back}) for _ in vocab))

    trees = [tree(length, frozenset()) for length in range(1, window + 1)]

    def rule(context: str) -> set[str]:
        node = trees[min(len(context), window) - 1]
        while node.following:
            token = context[-1 - node.back]
            at = 0
            while at < len(vocab) - 1 and token != vocab[at]:
                at += 1
            node = node.following[at]
        return set(node.permitted)

    return Drawn(rule, vocab, window)


def with_wrong_entry(seed: int, drawn: Drawn, answer: Callable[[str], str], length: int) -> tuple[Rule, str]:
    """The rule, but in one context of that length something else is permitted than what is answered there."""
    random = Random(seed)
    context = random.choice(["".join(word) for word in product(drawn.vocab, repeat=length)])
    other = random.choice([token for token in drawn.vocab if token != answer(context)])

    def rule(asked: str) -> set[str]:
        return {other} if asked == context else drawn.rule(asked)

    return rule, context
