"""The arrays that any object holds: numpy's, and torch's where that is installed. They are counted, not believed."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

from zoo.rule.holding import dict_of
from zoo.transformer.arrays import Array

MOST = 10**5  # objects that are looked at
DEEP = 20


@dataclass(frozen=True)
class Held:
    """How many numbers arrays hold: all of them, those that are not 0, and how many different ones these are.

    An array that is held twice is counted once, and so is a part of another.
    """

    arrays: int
    total: int
    nonzero: int
    unique: int


def held(value: object) -> Held | None:
    """What an object holds, in its attributes and in lists, tuples and dicts; None where that is no array."""
    arrays = _arrays(value)
    if not arrays:
        return None
    numbers = np.concatenate([np.asarray(array, dtype=complex).ravel() for array in arrays])
    nonzero = numbers[numbers != 0]
    return Held(len(arrays), len(numbers), len(nonzero), len(np.unique(nonzero)))


def _arrays(value: object) -> list[Array]:
    """Of those that share memory, the largest."""
    seen, found, at, level = set[int](), list[Array](), [value], 0
    while at and level < DEEP:
        below: list[object] = []
        for one in at:
            if id(one) in seen or len(seen) > MOST:
                continue
            seen.add(id(one))
            try:
                array = _as_array(one)
                below += _parts(one) if array is None else ()
            except Exception:  # of a stranger's object that does not let itself be looked at
                continue
            if array is not None and array.size:
                found.append(array)
        at, level = below, level + 1
    counted: list[Array] = []
    for array in sorted(found, key=lambda array: -array.size):
        if not any(np.shares_memory(array, other) for other in counted):
            counted.append(array)
    return counted


def _as_array(one: Any) -> Array | None:
    """Numbers of an array; None of anything else. torch is asked only where somebody has imported it."""
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(one, torch.Tensor):
        one = one.detach().cpu()
        one = (one.float() if one.dtype is torch.bfloat16 else one).numpy()  # which numpy has not
    if isinstance(one, np.ndarray) and one.dtype.kind in "fiuc":
        return one
    return None


def _parts(one: Any) -> list[object]:
    if isinstance(one, Mapping):
        return list(one.values())
    if isinstance(one, list | tuple | set | frozenset):
        return list(one)
    own = None if isinstance(one, type | ModuleType) else dict_of(one)
    return [] if own is None else list(own.values())
