"""What was built: hand-made weights, the one forward pass that runs them, and what they cost."""

from zoo.basis import Basis, describe, move
from zoo.black_box import BlackBox
from zoo.domain import Domain
from zoo.errors import ContextError, FileError, ModelError, RuleError, UnknownNameError, ZooError
from zoo.model import Claim, Cycle, Deviation, Lemma, Model
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
    "describe",
    "forward",
    "load",
    "load_file",
    "move",
    "names",
]
