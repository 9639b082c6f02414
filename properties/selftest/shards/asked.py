"""What the tests ask, and work that is their own: workers import it by name."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from properties.counting import Counting
from properties.proof import rounds, settling
from properties.proof.search import prove_answers, prove_equal
from properties.proof.splits import Splits
from properties.robustness.mutants import stories
from zoo.model import Model


def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two boxes, so that there are many."""
    for module in (settling, rounds):
        monkeypatch.setattr(module, "BATCH", 2)
    monkeypatch.setattr(settling, "MOST", 1)
    monkeypatch.setattr(settling, "DEEP", 2)


def proof(model: Model, function: Any, first: bool = False, **spread: Any) -> dict[str, Any]:
    """All of a proof but the time that it took, and its splits."""
    splits = Splits(model.vocab, model.scope, model.names)
    told: dict[str, Any] = {"first": first, "domain": model.domain, "settled": splits.add, **spread}
    found = prove_answers(model.transformer, model.vocab, function, **told)
    return {**vars(found), "seconds": None, "splits": json.dumps(splits.as_data())}


def equality(a: Model, b: Model, **spread: Any) -> dict[str, Any]:
    return {**vars(prove_equal(a.transformer, b.transformer, a.vocab, **spread)), "seconds": None}


def counts(model: Model, **spread: Any) -> Any:
    counting = Counting(model, None, **spread)
    return len(list(counting.steps())), counting.so_far().lengths


def tried(model: Model, **spread: Any) -> list[Any]:
    return [
        (one.mutant.place, one.mutant.index, one.outcome, one.check, one.context) for one in stories(model, **spread)
    ]


class Doubling:
    """Work that is not much; a shard that names a file dies once of it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, shard: int | str) -> int:
        if isinstance(shard, str):
            if not Path(shard).exists():
                Path(shard).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            return 0
        return 2 * shard + self.number


def only_a(context: Any) -> set[str]:
    return {"a"}


def raises_at_five(context: Any) -> set[str]:
    """Wrong before it raises."""
    if len(context) == 5:
        raise ValueError("no more")
    return {"a"}
