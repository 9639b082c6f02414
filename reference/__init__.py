"""What is right: rules and predictors in plain Python, standard library only.

A rule is `rule(context) -> set of permitted next tokens`: one is determined, several are a free choice, none is
unspecified; where the answer is a number, it gives that number, or None. A predictor is `predictor(context) -> token`,
and answers every context. A context is a sequence of tokens that is not empty: a string where every token is a single
character. Of a model that answers at every position both are asked about one, `rule(context, at)`.
"""

from reference.arithmetic import increment, sum_from_the_ones, sum_modulo
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
from reference.sequences import (
    aabaab_c,
    aabaab_c_everywhere,
    copied,
    count,
    maximum,
    mirrored,
    next_state,
    order,
    rule_110,
    sorted_tokens,
    two_kinds_of_brackets,
)

__all__ = [
    "Assembly",
    "Fold",
    "aab",
    "aab_assembly",
    "aab_or_third_previous",
    "aabaab_c",
    "aabaab_c_everywhere",
    "ab",
    "copied",
    "count",
    "digit_of_the_sum",
    "increment",
    "induction",
    "induction_or_repeat",
    "majority",
    "maximum",
    "mirrored",
    "next_state",
    "order",
    "parity",
    "reverse",
    "rule_110",
    "run",
    "shallow_brackets",
    "share",
    "sorted_tokens",
    "sum_from_the_ones",
    "sum_modulo",
    "sum_of_two",
    "third_previous",
    "third_previous_as_built",
    "two_head_as_built",
    "two_kinds_of_brackets",
]
