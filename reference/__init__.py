"""What is right: rules and predictors in plain Python, standard library only.

A rule is `rule(context) -> set of permitted next tokens`: one is determined, several are a free choice, none is
unspecified; where the answer is a number, it gives that number, or None. A predictor is `predictor(context) -> token`,
and answers every context. A context is a sequence of tokens that is not empty: a string where every token is a single
character. Of a model that answers at every position both are asked about one, `rule(context, at)`.
"""

from reference.assembly import Assembly, aab_assembly
from reference.fold import Fold
from reference.rules import (
    aab,
    aab_or_third_previous,
    ab,
    digit_of_the_sum,
    induction,
    induction_or_repeat,
    majority,
    parity,
    reverse,
    shallow_brackets,
    share,
    sum_of_two,
    third_previous,
    third_previous_as_built,
    two_head_as_built,
)

__all__ = [
    "Assembly",
    "Fold",
    "aab",
    "aab_assembly",
    "aab_or_third_previous",
    "ab",
    "digit_of_the_sum",
    "induction",
    "induction_or_repeat",
    "majority",
    "parity",
    "reverse",
    "run",
    "shallow_brackets",
    "share",
    "sum_of_two",
    "third_previous",
    "third_previous_as_built",
    "two_head_as_built",
]
