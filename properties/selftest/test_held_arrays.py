"""Parameters are counted from arrays, each number in memory once."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from properties.selftest.skipped import need
from zoo.held_arrays import Held, held

A = np.array([[1.0, 0.0], [2.0, 2.0]])


class Slow:
    """An object whose attributes hold arrays, and itself."""

    def __init__(self) -> None:
        self.first = A
        self.again = A
        self.layers = [{"w": np.arange(3)}, (np.float64(7.0), "text", None)]
        self.me = self


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (A, Held(1, 4, 3, 2)),
        ([A, A], Held(1, 4, 3, 2)),
        ([A[0], A], Held(1, 4, 3, 2)),  # a part of another, met first
        ([A, A.copy()], Held(2, 8, 6, 2)),
        ([A, A.T, A[:, :1]], Held(1, 4, 3, 2)),
        (Slow(), Held(2, 7, 5, 2)),
        ({"deep": [{"deeper": (A,)}]}, Held(1, 4, 3, 2)),
        (SimpleNamespace(w=np.array([1 + 2j, 1])), Held(1, 2, 2, 2)),
        ([np.zeros(0), A], Held(1, 4, 3, 2)),
        (None, None),
        ([0.5, 0.25], None),  # lists are no arrays
        (np.array(["a"]), None),
        (np.array([True]), None),
        (np, None),
        (Slow, None),
        (lambda: A, None),
    ],
)
def test_what_is_counted(value: Any, expected: Held | None) -> None:
    assert held(value) == expected


def test_what_cannot_be_looked_at_is_passed_by() -> None:
    class Refusing:
        def __getattribute__(self, name: str) -> Any:
            raise ValueError(name)

    assert held([Refusing(), A]) == Held(1, 4, 3, 2)


def test_parameters_and_buffers_of_torch() -> None:
    torch = need("torch")

    class Module(torch.nn.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.embedding = torch.nn.Embedding(10, 2)
            self.tied = torch.nn.Linear(2, 10, bias=False)
            self.tied.weight = self.embedding.weight
            self.scale = torch.nn.Parameter(torch.ones(1, dtype=torch.bfloat16))
            self.register_buffer("angles", torch.arange(4))

    found = held(Module())
    assert found is not None
    assert (found.arrays, found.total) == (3, 25)
    assert held({"model": Module()}) is not None
