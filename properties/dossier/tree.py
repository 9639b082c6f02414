"""A rule as its decision tree: the patterns that it reads, and as data, which a page can ask without Python."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.dossier.answers import Answers
from properties.proof.boxes import Box, Settled
from properties.proof.reading.decision_tree import Reading
from properties.proof.splits import Key, Splits
from zoo.contexts import Context
from zoo.digits import nearest
from zoo.domain import Domain
from zoo.model import NUMBER, Model
from zoo.rule import Function
from zoo.transformer.arrays import Array

LEAVES = 20_000  # of all lengths; of more, there is no tree
TOKENS = 2_000_000  # of the sets of so many leaves, as each may name any; of more, neither
CHARACTERS = 60_000  # of a tree as data
At = int | None


class RuleTree(Splits):
    """The splits of a rule, whose leaves say what is permitted: names by their numbers, or a number."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.vocab, model.scope, model.names)

    def leaf(self, settled: Settled) -> Key:
        return ("permits", *sorted(self.outputs.get(name, name) for name in settled.box.permitted))

    def as_data(self) -> dict[str, Any]:
        """That of a certificate, and of what each root is: a length, a layout that has it, and a position."""
        return super().as_data() | {"of": [list(key) for key in sorted(self.trees)]}


@dataclass(frozen=True)
class Leaf:
    """What is known of some contexts, and what is permitted in them; at one position of them, if at every one."""

    box: Box
    at: At = None


@dataclass(frozen=True)
class Pattern:
    """Leaves of several lengths that are alike, counted from the end; `margin` is the smallest, None where unknown.

    `known` are the positions of which something is known, with what may stand there; `more` what is known of counts.
    """

    known: tuple[tuple[int, tuple[str, ...]], ...]
    permitted: tuple[str, ...]
    more: str
    at: At
    lengths: tuple[int, ...]
    contexts: int
    margin: float | None
    wrong: int
    deviating: int
    example: Context


@dataclass(frozen=True)
class Read:
    """A rule as it was read: its leaves, as patterns and as data; `tree` is None where it is too large, or counts."""

    leaves: Sequence[Leaf]
    patterns: Sequence[Pattern]
    tree: Any


def read(
    model: Model, function: Function, kind: str, answers: Answers | None, settled: Sequence[Settled] = ()
) -> Read | None:
    """None where it has more leaves than anybody reads. RuleError as of `Reading`."""
    reading = Reading(function, model.vocab, kind, names=model.names)
    leaves: list[Leaf] = []
    most = min(LEAVES, TOKENS // len(model.vocab))
    for leaf in _leaves(reading, model.scope, model.answers == "every"):
        leaves.append(leaf)
        if len(leaves) > most:
            return None
    reading.check()
    return Read(leaves, list(_patterns(model, leaves, answers, settled)), _tree(model, leaves))


def _leaves(reading: Reading, scope: Domain, every: bool) -> Iterator[Leaf]:
    for length in scope.lengths:
        for root in scope.boxes(length, reading.vocab):
            for at in range(length) if every else [None]:
                yield from (Leaf(box, at) for box in reading.leaves(length, root.sets, at))


def _tree(model: Model, leaves: Sequence[Leaf]) -> Any:
    tree = RuleTree(model)
    for leaf in leaves:
        if leaf.box.ending is not None:  # what a fold says, only the fold knows
            return None
        tree.add(Settled("rule", leaf.box, 0.0, at=leaf.at))
    data = tree.as_data()
    return data if len(json.dumps(data)) <= CHARACTERS else None


def _patterns(
    model: Model, leaves: Sequence[Leaf], answers: Answers | None, settled: Sequence[Settled]
) -> Iterator[Pattern]:
    groups: dict[Any, list[Leaf]] = {}
    for leaf in leaves:
        box, vocab = leaf.box, tuple(model.vocab)
        base = box.length if leaf.at is None else leaf.at  # counted from the end, or from the position that answers
        known = tuple(
            (at - base, tuple(token for token in vocab if token in tokens))
            for at, tokens in sorted(box.sets.items())
            if len(tokens) < len(vocab)
        )
        permitted = _in_order(model, box.permitted)
        counted = box.describe(vocab) if box.counts or box.ending is not None else ""
        groups.setdefault((known, permitted, counted.partition(", ")[2], leaf.at), []).append(leaf)
    by_path = _margins_by_path(settled)
    seen = answers if answers is not None and answers.lengths else None
    for (known, permitted, more, at), alike in groups.items():
        if seen is not None:
            margin, wrong, deviating, example = _looked_up(seen, alike, model)
        else:
            margin, wrong, deviating, example = _least(by_path, alike), 0, 0, None
        lengths = tuple(sorted({leaf.box.length for leaf in alike}))
        number = sum(leaf.box.count(len(model.vocab)) for leaf in alike)
        example = model.decode(alike[0].box.first(model.vocab)) if example is None else example
        yield Pattern(known, permitted, more, at, lengths, number, margin, wrong, deviating, example)


def _in_order(model: Model, permitted: frozenset[str]) -> tuple[str, ...]:
    """As the model's names are ordered, or a number; none where everything is permitted, which specifies nothing."""
    if model.outputs is NUMBER:
        return tuple(nearest(float(number)) for number in permitted)
    return () if len(permitted) == len(model.names) else tuple(name for name in model.names if name in permitted)


def _looked_up(answers: Answers, leaves: Sequence[Leaf], model: Model) -> tuple[float | None, int, int, Context | None]:
    """The smallest margin, how many are wrong, how many deviate, and where the margin is smallest."""
    starts, before = dict[int, int](), 0
    for length, of_length in answers.lengths.items():
        starts[length], before = before, before + len(of_length.tokens)
    least, wrong, deviating, example = np.inf, 0, 0, None
    for leaf in leaves:
        of_length = answers.lengths[leaf.box.length]
        rows = _inside(leaf.box, of_length.tokens, model)
        if not len(rows):
            continue
        margins = of_length.margins[rows, -1 if leaf.at is None else leaf.at]
        which = starts[leaf.box.length] + rows
        wrong, deviating = wrong + int((~(margins > 0)).sum()), deviating + int(answers.deviates[which].sum())
        if example is None or margins.min() < least:
            least, example = float(margins.min()), answers.words[which[margins.argmin()]]
    return (None if np.isposinf(least) else least), wrong, deviating, example


def _inside(box: Box, tokens: Array, model: Model) -> Array:
    """Which rows lie in a box."""
    if box.counts or box.ending is not None:
        return np.array([i for i, row in enumerate(tokens.tolist()) if [model.vocab[t] for t in row] in box], dtype=int)
    fits = np.ones(len(tokens), bool)
    for at, may_be in box.sets.items():
        fits &= np.array([token in may_be for token in model.vocab])[tokens[:, at]]
    return np.flatnonzero(fits)


def _margins_by_path(settled: Sequence[Settled]) -> dict[Any, float]:
    """The smallest margin below each node of a proof's trees, by length and path."""
    found: dict[Any, float] = {}
    for one in settled:
        for size in range(len(one.box.path) + 1):
            key = one.box.length, one.box.path[:size]
            found[key] = min(found.get(key, np.inf), one.margin)
    return found


def _least(by_path: dict[Any, float], leaves: Sequence[Leaf]) -> float | None:
    found = [by_path.get((leaf.box.length, leaf.box.path), np.inf) for leaf in leaves]
    return min(found) if found and min(found) < np.inf else None
