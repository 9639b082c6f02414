"""What one model costs, in all: what is counted, and what was timed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.cost.ladder import Rung
from zoo.cost.operations import Parameters, flops, instructions, parameters
from zoo.model import Model


@dataclass(frozen=True)
class Cost:
    """FLOPs of a whole context; instructions from "least" to "most", None where nothing in assembly is stated.

    Where the model states a domain, `longest` is how many tokens its longest contexts have, and `contexts` how many
    there are in all: it is these that are counted and timed.
    """

    name: str
    n_ctx: int
    flops: int
    parameters: Parameters
    instructions: dict[str, int] | None
    rungs: Sequence[Rung] = ()  # the implementations that were timed
    longest: int | None = None
    contexts: int | None = None


def cost(model: Model, rungs: Sequence[Rung] = ()) -> Cost:
    longest = model.scope.lengths[-1]
    count = flops(model.transformer, longest)
    cost = Cost(model.name, model.n_ctx, count, parameters(model.transformer), instructions(model), rungs)
    return cost if model.domain is None else replace(cost, longest=longest, contexts=model.domain.count())
