"""Where a head looks, for the weights that everyone writes: `Attention(*attend.previous(basis["pos"]), w_v, w_o)`.

Each gives the queries and keys of one head, [d_model, d_model] twice, for a basis whose position embedding is the
family of positions [n_ctx, d_model]. A score is `loud` where it looks and 0 elsewhere, times the layer's scale: e^-20,
as `loud` is 20 and the scale 1, is what each other position is heard. ModelError where positions are none.
"""

import numpy as np

from zoo.basis import move
from zoo.errors import ModelError, shown
from zoo.transformer.arrays import Array

LOUD = 20.0


def position(positions: Array, at: int, loud: float = LOUD) -> tuple[Array, Array]:
    """At one position, from everywhere; from before it, where there is a mask, at all alike."""
    _check(positions)
    if not (isinstance(at, int | np.integer) and 0 <= at < len(positions)):
        raise ModelError(f"position {at} is attended to, but should be from 0 to {len(positions) - 1}")
    return loud * move(positions, positions[[at] * len(positions)]), move(positions, positions)


def previous(positions: Array, back: int = 1, loud: float = LOUD) -> tuple[Array, Array]:
    """At the position so many before; from the first ones, which have none, at all alike."""
    _check(positions)
    if not (isinstance(back, int | np.integer) and 0 <= back < len(positions)):
        raise ModelError(f"{back} positions back is attended to, but should be from 0 to {len(positions) - 1}")
    return loud * move(positions[back:], positions[: len(positions) - back]), move(positions, positions)


def alike(positions: Array) -> tuple[Array, Array]:
    """At all positions that are seen, each as much as any other: queries and keys of one dimension, all zero."""
    _check(positions)
    nothing = np.zeros((positions.shape[1], 1))
    return nothing, nothing


def _check(positions: object) -> None:
    if not (isinstance(positions, np.ndarray) and positions.ndim == 2):
        raise ModelError(f"positions are {shown(positions)}, but should be rows [n_ctx, d_model], as basis['pos'] is")
