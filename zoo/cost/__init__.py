"""What an answer costs: `operations` counts from the arrays, `ladder` times every implementation.

`counted` has both of one model, for those who print it.
"""

from zoo.cost.operations import answer_flops, flops, instructions, parameters

__all__ = ["answer_flops", "flops", "instructions", "parameters"]
