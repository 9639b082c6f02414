"""What was built: hand-made weights, the one forward pass that runs them, and what they cost."""

from collections.abc import Sequence
from typing import Literal

from zoo import attend
from zoo.basis import Basis, describe, move
from zoo.black_box import BlackBox
from zoo.domain import Domain
from zoo.errors import ContextError, FileError, ModelError, RuleError, UnknownNameError, ZooError
from zoo.model import Claim, Cycle, Deviation, Lemma, Model, Rule
from zoo.registry import load, load_file, names
from zoo.rule.numbers import NUMBER
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward

__all__ = [
    "NUMBER",
    "Attention",
    "Basis",
    "BlackBox",
    "Claim",
    "ContextError",
    "Cycle",
    "Deviation",
    "Domain",
    "FileError",
    "Lemma",
    "Mlp",
    "Model",
    "ModelError",
    "Norm",
    "RuleError",
    "Transformer",
    "UnknownNameError",
    "ZooError",
    "attend",
    "compile_rule",
    "describe",
    "forward",
    "load",
    "load_file",
    "move",
    "names",
]


def compile_rule(
    rule: Rule,
    vocab: Sequence[str],
    window: int,
    n_ctx: int,
    how: Literal["smallest", "heads", "number"] = "smallest",
) -> Model:
    """The model that does what a rule of the last `window` tokens says, in every context of 1 to n_ctx tokens.

    `how` is one of two constructions (docs/compiling.md), or that with fewer parameters that are not zero. ModelError
    says why a rule cannot be built so; that what was built is right is for a check to say, as of any model.
    """
    from zoo.compiling import rules  # which few need: the start-up stays quick

    return rules.compile_rule(rule, vocab, window, n_ctx, how)
