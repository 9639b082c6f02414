"""What the tests of the prover against exact arithmetic share: arithmetics in which one thing is off, and programs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from properties.proof import reduced
from properties.proof.arithmetic import Arithmetic, Interval, gamma
from properties.selftest.worst import Number, Run, function, total
from zoo import Transformer
from zoo.transformer import scalar
from zoo.transformer.arithmetic import FLOAT64

U = 2.0**-16  # so coarse that what is made here, in float64, is as good as exact
STILL = Arithmetic(0.0, 0.0, 1e300)  # nothing is off
ROUNDS = replace(STILL, unit=U)  # the program rounds
LOSES = replace(STILL, tiny=U)  # the program underflows
VARIES = replace(STILL, weights=U)  # weights may be off
OWN = replace(STILL, own=U)  # what is made here may be off
HERE = replace(STILL, own=float(gamma(4 * 24, FLOAT64.unit)))  # and is off as float64 is


def known(values: list[float], radius: float = 0.0) -> Interval:
    return Interval(np.array(values), np.full(len(values), radius))


def numbers(run: Run, values: Any) -> Any:
    return [numbers(run, value) for value in values] if np.ndim(values) else run(values)


def largest_first(x: Any, y: Any, run: Run) -> Number:
    """A sum of products, which begins with the largest."""
    products = [a * b for a, b in zip(x, y)]
    return total(products, [abs(float(p.value)) for p in products])


def use_worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forward pass that computes number by number takes the worst of them, and makes sums in the worst order."""
    monkeypatch.setattr(scalar, "_function", function)
    monkeypatch.setattr(scalar, "_dot", largest_first)
    monkeypatch.setitem(scalar.ACTIVATIONS, "relu", lambda x, number: x.relu())


@contextmanager
def coarse_arithmetic() -> Iterator[None]:
    """The prover's programs round by U, those of the forward pass number by number take the worst of what may be."""
    of = Arithmetic.of_program

    def coarse(transformer: Transformer, weights: float = 0.0) -> Arithmetic:
        return replace(of(transformer, weights), unit=U, tiny=0.0)

    with pytest.MonkeyPatch.context() as patch:
        use_worst_numbers(patch)
        patch.setattr(Arithmetic, "of_program", coarse)
        patch.setattr(reduced, "LEAST", 1)  # whatever is not felt is left out
        patch.setattr(reduced, "SHARE", 1.0)
        yield


def lose(monkeypatch: pytest.MonkeyPatch, tiny: float, *modules: ModuleType) -> None:
    """What is made in these modules underflows below this."""
    for module in modules:
        monkeypatch.setattr(module, "FLOAT64", replace(FLOAT64, tiny=tiny))
