"""Where greedy generation ends: a walk through the finite graph of contexts, or of what a rule reads of them."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.lazy import leaves, permitted
from properties.survey import answer_logits
from zoo import contexts
from zoo.model import Model

State = tuple[int, ...]  # the last tokens of a context


@dataclass(frozen=True)
class Walk:
    """How many tokens it takes from any state onto the cycle, and the farthest; or what is wrong."""

    states: int
    steps: int
    farthest: State
    problem: str = ""


def walk(following: dict[State, State], goal: Sequence[int], window: int) -> Walk:
    """From every state of at most `window` tokens, each with the one that follows it, onto the repeated goal."""
    repeated = tuple(goal) * (window // len(goal) + 2)
    steps: dict[State, int] = {}  # how many tokens until the state is on the cycle
    for i in range(len(goal)):
        on, after = repeated[i : i + window], repeated[i + 1 : i + 1 + window]
        if following[on] != after:
            return Walk(len(following), 0, on, "the stated cycle is left")
        steps[on] = 0
    for start in following:
        path: dict[State, None] = {}
        state = start
        while state not in steps and state not in path:
            path[state] = None
            state = following[state]
        if state not in steps:
            return Walk(len(following), 0, start, "generation never reaches the stated cycle")
        for distance, passed in enumerate(reversed(path), start=steps[state] + 1):
            steps[passed] = distance
    farthest = max(following, key=steps.__getitem__)
    return Walk(len(following), steps[farthest], farthest)


def of_contexts(model: Model) -> dict[State, State]:
    """Every context with the one that generation makes of it."""
    following: dict[State, State] = {}
    for tokens in contexts.batches(len(model.vocab), model.n_ctx):
        for row, answer in zip(tokens.tolist(), answer_logits(model, tokens).argmax(axis=1).tolist()):
            following[tuple(row)] = (*row, answer)[-model.n_ctx :]
    return following


def of_suffixes(
    function: Callable[[Any], Any], model: Model, most: int = 4096
) -> tuple[int, dict[State, State]] | None:
    """The same by a rule that determines every context, of the last k tokens, which are all that it reads; with k.

    A state of k tokens stands for all contexts that end so. None where the rule reads too much for that, or says
    different things to contexts of different lengths with the same end.
    """
    window = 1
    for length in range(1, model.n_ctx + 1):
        for leaf in leaves(function, model.vocab, length, samples=0):
            window = max([window, *(length - position for position in leaf.sets)])
        if len(model.vocab) ** window > most:
            return None
    following: dict[State, State] = {}
    for size in range(1, window + 1):
        for state in itertools.product(range(len(model.vocab)), repeat=size):
            longest = model.n_ctx if size == window else size
            padded = (model.decode(np.array((0,) * (n - size) + state)) for n in range(size, longest + 1))
            answers = {permitted(function, function(context), model.vocab) for context in padded}
            if len(answers) > 1 or any(len(answer) != 1 for answer in answers):
                return None
            [[token]] = answers
            following[state] = (*state, model.vocab.index(token))[-window:]
    return window, following
