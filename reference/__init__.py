"""What is right: rules and predictors in plain Python, standard library only.

A rule is `rule(context) -> set of permitted next tokens`: one is determined, several are a free choice, none is
unspecified. A predictor is `predictor(context) -> token`, and answers every context. A context is a sequence of
tokens that is not empty: a string where every token is a single character. Of a model that answers at every position
both are asked about one, `rule(context, at)`; where it answers with numbers, they say a number.
"""

from reference.assembly import Assembly, aab_assembly
from reference.rules import (
    aab,
    aab_or_third_previous,
    ab,
    digit_of_the_sum,
    induction,
    induction_or_repeat,
    reverse,
    shallow_brackets,
    share,
    third_previous,
    third_previous_as_built,
    two_head_as_built,
)

__all__ = [
    "Assembly",
    "aab",
    "aab_assembly",
    "aab_or_third_previous",
    "ab",
    "digit_of_the_sum",
    "induction",
    "induction_or_repeat",
    "reverse",
    "shallow_brackets",
    "share",
    "third_previous",
    "third_previous_as_built",
    "two_head_as_built",
]
