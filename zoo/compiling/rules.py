"""From a rule to weights: whatever a rule says about the last few tokens, as a transformer that does it."""

from collections.abc import Callable, Sequence
from typing import Literal, get_args

from zoo.compiling.built import Built
from zoo.compiling.heads import from_heads
from zoo.compiling.number import from_number
from zoo.compiling.tables import Table, tabled
from zoo.errors import ModelError, UnknownNameError
from zoo.model import Model, Rule
from zoo.rule import plain
from zoo.rule.asking import name_of

By = Literal["smallest", "heads", "number"]
SPARE = 0.01  # of a margin, for rounding
MADE: dict[str, Callable[[Table, tuple[str, ...], int], Built]] = {"number": from_number, "heads": from_heads}
MADE_AS = {"number": "which reads the last tokens as a number", "heads": "with a head for each place that it reads"}


def compile_rule(rule: Rule, vocab: Sequence[str], window: int, n_ctx: int, how: By = "smallest") -> Model:
    """The model that does what a rule of the last `window` tokens says, in every context of 1 to n_ctx tokens.

    `how` is one of two constructions, `heads` or `number`, or `smallest`: that with fewer parameters that are not zero.
    The margin it states is what the construction gives, but for a little that is left to rounding. It is meant to be
    right in float64 and in float32; that it is, is for a check to say, as of any model. ModelError says why a rule
    cannot be built so.
    """
    if how not in get_args(By):
        raise UnknownNameError(f"there is no construction {how!r}, but smallest, heads and number")
    for name, value in (("window", window), ("n_ctx", n_ctx)):
        if type(value) is not int or value < 1:
            raise ModelError(f"{name} is {value!r}, but should be a whole number from 1 on")
    tokens = tuple(map(plain, vocab))
    if len(tokens) < 2 or len(set(tokens)) < len(tokens) or not all(tokens):
        raise ModelError(f"the vocabulary is {tokens!r}, but should be two tokens or more, none twice, none empty")
    table = tabled(rule, tokens, window, n_ctx)
    found, refused = dict[str, Built](), list[ModelError]()
    for way, made in MADE.items():
        if how in (way, "smallest"):
            try:
                found[way] = made(table, tokens, n_ctx)
            except ModelError as error:  # the other may do
                refused.append(error)
    if not found:
        raise refused[0]
    way, built = min(found.items(), key=lambda item: item[1].nonzero)
    name = name_of(rule)
    return Model(
        name=name if name.isidentifier() else "compiled",
        vocab=tokens,
        transformer=built.transformer,
        rule=rule,
        source=f"compiled from {name}, {MADE_AS[way]}",
        margin=built.margin - SPARE * built.margin,
        basis=built.basis,
        head_basis=built.head_basis,
    )
