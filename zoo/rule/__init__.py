"""Rules and predictors as they are asked: called, validated, and watched for what they remember; read `asking` first.

What is right is said elsewhere (`reference`, a user's file); that a proof asks about many contexts at once, too.
"""

from zoo.rule.asking import (
    LAZY,
    PREDICTOR,
    RULE,
    SHOULD,
    TIMING,
    TRAINING,
    Asked,
    Function,
    Permitted,
    Words,
    name_of,
    plain,
)
from zoo.rule.telling import Looked, tells

__all__ = [
    "LAZY",
    "PREDICTOR",
    "RULE",
    "SHOULD",
    "TIMING",
    "TRAINING",
    "Asked",
    "Function",
    "Looked",
    "Permitted",
    "Words",
    "name_of",
    "plain",
    "tells",
]
