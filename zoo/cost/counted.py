"""What one model costs, in all: what is counted, and what was timed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from zoo.black_box import BlackBox
from zoo.cost.ladder import Rung
from zoo.cost.operations import Parameters, flops, instructions, parameters
from zoo.model import Model


@dataclass(frozen=True)
class Cost:
    """FLOPs of a whole context; instructions from "least" to "most", None where nothing in assembly is stated.

    Where the model states a domain, `longest` is how many tokens its longest contexts have, and `contexts` how many
    there are in all: it is these that are counted and timed. Of a black box, FLOPs are not known, and parameters only
    where arrays are found in it.
    """

    name: str
    n_ctx: int
    flops: int | None
    parameters: Parameters | None
    instructions: dict[str, int] | None
    rungs: Sequence[Rung] = ()  # the implementations that were timed
    longest: int | None = None
    contexts: int | None = None


def cost(model: Model, rungs: Sequence[Rung] = ()) -> Cost:
    longest = model.scope.lengths[-1]
    if isinstance(model, BlackBox):
        found = model.parameters
        numbers = None if found is None else Parameters(found.total, found.nonzero, found.unique)
        cost = Cost(model.name, model.n_ctx, None, numbers, None, rungs)
    else:
        count = flops(model.transformer, longest)
        cost = Cost(model.name, model.n_ctx, count, parameters(model.transformer), instructions(model), rungs)
    return cost if model.domain is None else replace(cost, longest=longest, contexts=model.domain.count())
