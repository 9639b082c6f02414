"""Random boxes in which tokens are counted, and random rules that count, for the tests of bounds and proofs."""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from itertools import product
from typing import Any

import numpy as np

from properties.proof.boxes import Box
from properties.proof.counted import Counted, Limits
from properties.selftest.extreme_rules import Executed
from reference import Fold

Function = Callable[[Any], Any]


def random_box(rng: np.random.Generator, vocab: Sequence[str], n: int) -> Box:
    """Around one context, so that there is one: of some positions something is known, and up to three counts."""
    inside = rng.integers(0, len(vocab), n)
    sets = {}
    for at in np.flatnonzero(rng.random(n) < rng.choice([0, 0.3])).tolist():
        some = frozenset({vocab[inside[at]]} | {token for token in vocab if rng.random() < 0.3})
        if len(some) < len(vocab):
            sets[at] = some
    counts: dict[Counted, Limits] = {}
    for positions in _ranges(rng, n):
        tokens = rng.permutation(list(vocab)).tolist()
        for _ in range(rng.integers(1, 3)):
            size = int(rng.integers(1, 3))
            some, tokens = frozenset(tokens[:size]), tokens[size:]
            number, wide = sum(vocab[inside[at]] in some for at in positions), rng.integers(0, 3)
            if some:
                limits = max(0, number - int(rng.integers(wide + 1))), min(len(positions), number + int(wide))
                counts[Counted(positions, some)] = limits
    return Box(n, sets, frozenset(), (), counts)


def _ranges(rng: np.random.Generator, n: int) -> list[range]:
    """All positions, some of them, or two sets of which none is in both."""
    start, split = int(rng.integers(n)), int(rng.integers(n + 1))
    some = [[range(n)], [range(n)], [range(start, n)], [range(start, n, 2)], [range(split), range(split, n)]]
    chosen = some[rng.integers(len(some))]
    return [positions for positions in chosen if positions]


def contexts_of(box: Box, vocab: str) -> list[str]:
    """By trying every one there is."""
    every = map("".join, product(vocab, repeat=box.length))
    return [context for context in every if is_inside(box, context)]


def is_inside(box: Box, context: Sequence[str]) -> bool:
    """As it is defined, and not by the box's own word."""
    known = all(context[at] in tokens for at, tokens in box.sets.items())
    for counted, (least, most) in box.counts.items():
        known = known and least <= sum(context[at] in counted.tokens for at in counted.positions) <= most
    return known


def counting_rule(executed: Executed, seed: int) -> tuple[Function, int]:
    """A rule that says, by counts, what the model says most often, here and there something else or nothing.

    Also how many entries of its table say something else.
    """
    rng, vocab = np.random.default_rng([seed, 2]), executed.vocab
    key = KEYS[rng.integers(len(KEYS))](vocab[rng.integers(len(vocab))], vocab[rng.integers(len(vocab))])
    table, wrong = _table(executed, rng, lambda context: (len(context), key(context)))
    return lambda context: set(table.get((len(context), key(context)), ())), wrong


def random_fold(executed: Executed, seed: int) -> tuple[Fold, int]:
    """Some states, led from one to the other at random; in some, what a token does is the same from each.

    From the last of some no token leads away, and nothing is said there: as of what is no beginning of brackets.
    """
    rng, vocab = np.random.default_rng([seed, 3]), executed.vocab
    states, silent = int(rng.integers(1, 5)), rng.random() < 0.5
    step = rng.integers(0, states, (states, len(vocab)))
    if rng.random() < 0.7:
        step = (np.arange(states)[:, None] + rng.integers(0, states, len(vocab))) % states
    if silent:
        step[rng.integers(states), rng.integers(len(vocab))] = states
        step, states = np.array([*step, [states] * len(vocab)]), states + 1

    def end(context: Sequence[str]) -> int:
        state = 0
        for token in context:
            state = int(step[state, vocab.index(token)])
        return state

    table, wrong = _table(executed, rng, end)
    if silent:
        table.pop(states - 1, None)
    follow = step.tolist()
    fold = Fold(0, lambda state, token: follow[state][vocab.index(token)], lambda state: set(table.get(state, ())))
    return fold, wrong


KEYS: list[Callable[[str, str], Callable[[Any], Hashable]]] = [
    lambda a, b: lambda c: int(c.count(a)),
    lambda a, b: lambda c: c.count(a) > c.count(b),
    lambda a, b: lambda c: c.count(a) > len(c) / 2,
    lambda a, b: lambda c: 2 * c.count(a) - 1 <= len(c),
    lambda a, b: lambda c: (c.count(a) % 2, c[-1] == b),
    lambda a, b: lambda c: (c[:-1].count(a) % 3, str(c[-1])),
    lambda a, b: lambda c: min(c[::2].count(a), 2) == c[1::2].count(b),
    lambda a, b: lambda c: c[0] == a and c.count(a) == c.count(b) + 1,
    lambda a, b: lambda c: str(c.count(a)) if c.count(b) else "none",
]


def _table(
    executed: Executed, rng: np.random.Generator, key: Callable[[str], Hashable]
) -> tuple[dict[Hashable, set[str]], int]:
    """What the model says most often to contexts that look the same, and how many entries say something else."""
    vocab, votes = executed.vocab, dict[Hashable, Counter[str]]()
    for context in executed.logits:
        votes.setdefault(key(context), Counter())[executed.answer(context) or vocab[0]] += 1
    table, wrong = {}, 0
    rate = rng.choice([0.0, 0.3])
    for where, vote in votes.items():
        said = {token for token in vote if vote[token] == max(vote.values()) or rng.random() < 0.5}
        if rng.random() < rate:
            other = {vocab[rng.integers(len(vocab))]} if rng.random() < 0.7 else set()
            wrong += other != said
            said = other
        table[where] = said
    return table, wrong
