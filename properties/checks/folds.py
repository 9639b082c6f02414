"""The check of what a fold stands for: rule and predictors are proved as they are stated, and folds as folds."""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from properties.checks.table import check
from properties.checks.verdict import Finding, How, Method
from properties.proof.folds import Table
from reference import Fold
from zoo.contexts import Context, written
from zoo.domain import Box
from zoo.errors import RuleError
from zoo.model import Model
from zoo.rule import Asked, name_of
from zoo.rule.watch import tokens

FEW = 2**14  # contexts that are all looked at
LONG = 256  # of longer ones, so many


def standing_in(model: Model) -> list[tuple[Fold, str]]:
    """The folds among rule and predictors that stand for something, with what they are."""
    stated = [(model.rule, "rule"), *((predictor, "predictor") for predictor in model.predictors)]
    return [(fold, kind) for fold, kind in stated if isinstance(fold, Fold) and fold.rule is not None]


@check(needs="answers", applies=lambda model: bool(standing_in(model)))
def folds(model: Model, how: How) -> Finding:
    """After every context a fold says what the plain rule or predictor says for which it stands."""
    every, lengths = model.scope.count(), _few(model)
    method: Method = "enumerated" if lengths == model.scope.lengths else "sampled"
    for fold, kind in standing_in(model):
        assert fold.rule is not None
        mine, plain = (Asked(function, model.names, kind) for function in (fold, fold.rule))
        seen = 0
        for context in chain(_all(model, lengths), () if method == "enumerated" else _long(model, fold, mine, lengths)):
            said, meant = mine(context), plain(context)
            seen += 1
            if said != meant:
                detail = (
                    f"after {written(context)} the fold says {tokens(said)}, and {name_of(fold.rule)}, for which it "
                    f"stands, {tokens(meant)}"
                )
                return Finding("failed", method, min(seen, every), detail)
    return Finding("holds", method, min(seen, every))


def _few(model: Model) -> list[int]:
    """The first lengths, as long as there are few contexts of them."""
    lengths: list[int] = []
    for length in model.scope.lengths:
        if sum(map(model.scope.count, [*lengths, length])) > FEW:
            break
        lengths.append(length)
    return lengths


def _all(model: Model, lengths: list[int]) -> Iterator[Context]:
    for batch in model.scope.batches(model.vocab, lengths=lengths):
        yield from model.decode_rows(batch)


def _long(model: Model, fold: Fold, asked: Asked, lengths: list[int]) -> Iterator[Context]:
    """At random, of all other lengths; half of them led to where something is said, as long as there is a way."""
    random, longer = np.random.default_rng(0), model.scope.lengths[len(lengths) :]
    # What one of a class of its own says need not follow from its states.
    table = Table(fold, asked, tuple(model.vocab)) if type(fold) is Fold else None
    for length in random.choice(longer, LONG // 2).tolist():
        [row] = model.scope.draw(random, model.vocab, length, 1)
        drawn = model.decode(row)
        yield drawn
        if table is not None:
            box = next(box for box in model.scope.boxes(length, model.vocab) if _is_in(box, drawn))
            yield model.decode(np.array(_led(table, box, random, len(model.names) or 2)))


def _led(table: Table, box: Box, random: np.random.Generator, every: int) -> list[int]:
    """Tokens of a box, each drawn from those after which something is said, and not all that there is."""
    state, led = 0, list[int]()
    for options in box.options(table.vocab):
        said = [token for token in options if 0 < _number_said(table, state, token) < every]
        led.append(int(random.choice(said or options)))
        state = table.to(state, led[-1])
    return led


def _number_said(table: Table, state: int, token: int) -> int:
    """How much is said after a token; nothing where the fold answers no context that ends there."""
    try:
        return len(table.answer(table.to(state, token)))
    except RuleError:
        return 0


def _is_in(box: Box, context: Context) -> bool:
    return all(context[at] in tokens for at, tokens in box.sets.items())
