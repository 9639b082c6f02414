"""Entries of leaderboards for adders: a file with `build_model()` and `add(model, a, b)`, as a black box.

Such leaderboards ask for two numbers of ten digits and look at some 10,000 uniform pairs. The file is code, and is run.
"""

import contextlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import reference
from zoo.black_box import BlackBox
from zoo.errors import ModelError, shown
from zoo.generators import DIGITS, sums, sums_domain
from zoo.held_arrays import held
from zoo.rule.numbers import NUMBER

SIZE = 10  # digits of each number


def is_entry(module: ModuleType) -> bool:
    """Whether a file that was run defines what such leaderboards ask for."""
    return all(callable(getattr(module, name, None)) for name in ("build_model", "add"))


def adder(module: ModuleType, where: str) -> BlackBox:
    """The entry, held against a + b in every pair of numbers of ten digits. ModelError where it builds no model."""
    with contextlib.redirect_stdout(sys.stderr):  # what it prints is no verdict
        try:
            built = module.build_model()
        except (Exception, SystemExit) as error:
            raise ModelError(f"build_model of {where} raises {type(error).__name__}: {shown(error, str)}") from error
    if not (isinstance(built, tuple) and len(built) == 2 and isinstance(built[1], Mapping)):
        raise ModelError(f"build_model of {where} returns {shown(built)}, but should return (model, metadata), a dict")
    model, metadata = built
    return BlackBox(
        name=Path(where).stem,
        vocab=[*DIGITS, "+", "="],
        n_ctx=2 * SIZE + 2,
        predict=_asked(module.add, model),
        rule=reference.sum_of_two,
        source=f"a leaderboard's entry, {Path(where).name}",
        domain=sums_domain(SIZE),
        generate=sums(SIZE),
        outputs=NUMBER,
        inside=model if held(model) is not None else vars(module),
        metadata=metadata,
    )


def _asked(add: Callable[[Any, int, int], Any], model: object) -> Callable[[str], Any]:
    def predict(context: str) -> Any:
        return add(model, int(context[:SIZE]), int(context[SIZE + 1 : 2 * SIZE + 1]))

    return predict
