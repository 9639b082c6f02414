"""What is sent to other processes: what cannot be found again there is refused before anything is sent."""

from concurrent.futures import Executor, Future
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reference
import zoo.shards.travel
from properties.proof.settling import OfRule
from properties.selftest.models import aab
from properties.selftest.shards.asked import only_a, proof
from zoo import Model, registry
from zoo.errors import RuleError, UnavailableError
from zoo.shards import bare
from zoo.shards.digest import digest
from zoo.shards.travel import Parcel, dumps, loads


class Nobody(Executor):
    def submit(self, *given: Any, **named: Any) -> Future[Any]:
        raise AssertionError("something was sent")


@cache
def cached(context: str) -> frozenset[str]:
    return frozenset("a")


renamed = cache(only_a)


def test_rules_that_cannot_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    def within(context: Any) -> set[str]:
        return {"a"}

    for rule in (within, lambda context: {"a"}, replace(reference.Fold(0, max, within)), renamed):
        with pytest.raises(RuleError, match=r"but should be .*to be sent to other processes$"):
            proof(aab.MODEL, rule, executor=Nobody())
    monkeypatch.setattr(only_a, "__module__", "__main__")
    with pytest.raises(RuleError, match="only_a is defined in __main__, but should be at the top of a file or module"):
        proof(aab.MODEL, only_a, executor=Nobody())


def test_what_travels_is_the_same_there(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text("from properties.selftest.models.aab import build\nfrom dataclasses import replace\n"
                    "def rules(n):\n    def rule(context):\n        return {'b'}\n    return rule\n"
                    "MODEL = replace(build(4), rule=rules(3))\n")  # fmt: skip
    mine = registry.load_file(path)
    for model in (mine, mine.astype(np.float32), replace(aab.build(7), rule=only_a), replace(aab.MODEL, rule=cached)):
        other = loads(dumps(bare(model)))
        assert digest(other) == digest(bare(model))
        assert other.rule is not model.rule or model is not mine
    assert len(dumps(bare(mine))) < len(dumps(bare(aab.build(4))))  # by its file
    path.write_text(path.read_text().replace("'b'", "'a'"))
    zoo.shards.travel._model.cache_clear()
    with pytest.raises(UnavailableError, match="another one on a worker"):
        _parcel(mine, mine.rule).open()


def test_what_stands_beside_a_rules_file_belongs_to_it(tmp_path: Path) -> None:
    """One version is at hand when the other comes."""
    (path := tmp_path / "mine.py").write_text(
        "from dataclasses import replace\nfrom helping import said\nfrom properties.selftest.models.aab import build\n"
        "def rule(context):\n    return said()\nMODEL = replace(build(4), rule=rule)\n"
    )
    parcels = []
    for token in "ab":
        (tmp_path / "helping.py").write_text(f"def said():\n    return {{'{token}'}}\n")
        parcels.append(_parcel(model := registry.load_file(path), model.rule))
        parcels[-1].open()
    assert parcels[0].content == parcels[1].content
    with pytest.raises(UnavailableError, match="another one on a worker"):
        parcels[0].open()


def _parcel(model: Model, rule: Any) -> Parcel:
    return Parcel.of(OfRule, (model.transformer, tuple(model.vocab), rule, "rule", model.names, None))
