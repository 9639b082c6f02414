"""Where greedy generation ends: a walk through the finite graph of contexts, or of what a rule reads of them."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from properties.checks.running import ordered_logits
from properties.checks.settle import MOST, affordable
from properties.proof.reading.decision_tree import Reading
from zoo import contexts
from zoo.errors import ModelError
from zoo.memory import most_bytes
from zoo.model import Model
from zoo.progress import steps
from zoo.transformer import greedy

State = tuple[int, ...]  # the last tokens of a context
Following = dict[State, State | None]  # each with the one that generation makes of it; None where there is no answer
# What a rule permits, by what positions, counted from the end, may hold.
Tree = dict[frozenset[tuple[int, frozenset[str]]], frozenset[str]]


@dataclass(frozen=True)
class Walk:
    """How many tokens it takes from any state onto the cycle, and the farthest; or what is wrong."""

    states: int
    steps: int
    farthest: State
    problem: str = ""


def walk(following: Following, goal: Sequence[int], window: int) -> Walk:
    """From every state of at most `window` tokens, each with the one that follows it, onto the repeated goal."""
    repeated = tuple(goal) * (window // len(goal) + 2)
    steps: dict[State, int] = {}  # how many tokens until the state is on the cycle
    for i in range(len(goal)):
        on, after = repeated[i : i + window], repeated[i + 1 : i + 1 + window]
        if on not in following:
            return Walk(len(following), 0, on, "the stated cycle is outside the domain")
        if following[on] is None:
            return Walk(len(following), 0, on, "generation comes to logits that are NaN")
        if following[on] != after:
            return Walk(len(following), 0, on, "the stated cycle is left")
        steps[on] = 0
    for start in following:
        path: dict[State, None] = {}
        state: State | None = start
        while state in following and state not in steps and state not in path:
            path[state] = None
            state = following[state]
        if state is None:
            return Walk(len(following), 0, start, "generation comes to logits that are NaN")
        if state not in following:
            return Walk(len(following), 0, start, "generation leaves the domain")
        if state not in steps:
            return Walk(len(following), 0, start, "generation never reaches the stated cycle")
        for distance, passed in enumerate(reversed(path), start=steps[state] + 1):
            steps[passed] = distance
    farthest = max(following, key=steps.__getitem__)
    return Walk(len(following), steps[farthest], farthest)


def walkable(model: Model) -> bool:
    """Whether there is memory for every context with the one that follows it."""
    each = 300 + 16 * model.n_ctx  # bytes of two tuples and their place in a dictionary
    return affordable(model, 1 / MOST) and model.scope.count() * each <= most_bytes()


def refuse_unwalkable(model: Model) -> None:
    """ModelError where there is none."""
    if not walkable(model):
        total = contexts.counted(model.scope.count())
        raise ModelError(
            f"{model.name} has {total} contexts of up to {model.scope.lengths[-1]} tokens, but should have fewer for "
            "each to be walked through: the methods auto and prove settle more"
        )


def of_contexts(model: Model) -> Following:
    """Every context with the one that generation makes of it."""
    following: Following = {}
    for tokens in model.scope.batches(model.vocab):
        for row, answer in zip(tokens.tolist(), greedy(ordered_logits(model, tokens)[0]).tolist()):
            following[tuple(row)] = (*row, answer)[-model.n_ctx :] if answer >= 0 else None
    return following


def of_suffixes(function: Callable[[Any], Any], model: Model, most: int = 4096) -> tuple[int, Following] | None:
    """The same by a rule that determines every context, of the last k tokens, which are all that it reads; with k.

    A state of k tokens stands for all contexts that end so. None where the rule reads too much for that, or says
    different things to contexts of different lengths with the same end.
    """
    vocab = model.vocab
    window, trees, reading = 1, list[Tree](), Reading(function, model.vocab, samples=0)
    for length in steps(range(1, model.n_ctx + 1), "lengths read by the rule"):
        tree = {}
        for leaf in reading.leaves(length):
            if leaf.counts or leaf.ending is not None:  # it reads the whole context
                return None
            window = max([window, *(length - position for position in leaf.sets)])
            if len(vocab) ** window > most:
                return None
            tree[frozenset((position - length, tokens) for position, tokens in leaf.sets.items())] = leaf.permitted
        trees.append(trees[-1] if trees and tree == trees[-1] else tree)
    reading.check()
    following: Following = {}
    for size in range(1, window + 1):
        alike = trees[size - 1 :] if size == window else trees[size - 1 : size]
        answers = [_answers(tree, vocab, size) for tree in {id(tree): tree for tree in alike}.values()]
        for state in itertools.product(range(len(vocab)), repeat=size):
            permitted, *others = {answer[state] for answer in answers}
            if others or len(permitted) != 1:
                return None
            [token] = permitted
            following[state] = (*state, vocab.index(token))[-window:]
    return window, following


def _answers(tree: Tree, vocab: Sequence[str], size: int) -> dict[State, frozenset[str]]:
    """What is permitted after each state of that size, by a tree that reads no more than that."""
    found = {}
    for known, permitted in tree.items():
        sets = dict(known)
        allowed = [[i for i, token in enumerate(vocab) if token in sets.get(at, vocab)] for at in range(-size, 0)]
        found.update(dict.fromkeys(itertools.product(*allowed), permitted))
    return found
