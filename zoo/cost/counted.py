"""What one model costs, in all: what is counted, and what was timed."""

from collections.abc import Sequence
from dataclasses import dataclass

from zoo.cost.ladder import Rung
from zoo.cost.operations import Parameters, flops, instructions, parameters
from zoo.model import Model


@dataclass(frozen=True)
class Cost:
    """FLOPs of a whole context; instructions from "least" to "most", None where nothing in assembly is stated."""

    name: str
    n_ctx: int
    flops: int
    parameters: Parameters
    instructions: dict[str, int] | None
    rungs: Sequence[Rung] = ()  # the implementations that were timed


def cost(model: Model, rungs: Sequence[Rung] = ()) -> Cost:
    count = flops(model.transformer, model.n_ctx)
    return Cost(model.name, model.n_ctx, count, parameters(model.transformer), instructions(model), rungs)
