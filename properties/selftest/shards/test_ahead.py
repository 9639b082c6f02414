"""Whoever settles shards, and in whatever order they are done: what is found is the same."""

import random
from concurrent.futures import Executor, Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import reference
from properties.checks.table import check_model
from properties.counting import search as counting
from properties.proof.settling import OfRule
from properties.robustness.comparison import compare
from properties.selftest.models import aab, aab_compact, induction, two_head
from properties.selftest.shards.asked import (
    Doubling,
    counts,
    equality,
    only_a,
    proof,
    raises_at_five,
    small_shards,
    tried,
)
from zoo import registry
from zoo.errors import RuleError
from zoo.shards import Keep, Shards, processes


class Late(Executor):
    """Settles what it was given when some of it is asked for, in another order, and fails where nothing was ahead."""

    workers = 3

    def __init__(self) -> None:
        self.random, self.done, self.most = random.Random(0), 0, 0
        self.waiting: list[tuple[Future[Any], Any]] = []

    def submit(self, function: Any, /, *given: Any, **named: Any) -> Future[Any]:
        late = self

        class Waits(Future[Any]):
            def result(self, timeout: float | None = None) -> Any:
                late.settle()
                return super().result(timeout)

        future = Waits()
        self.waiting.append((future, lambda: function(*given)))
        return future

    def settle(self) -> None:
        self.most = max(self.most, len(self.waiting))
        self.random.shuffle(self.waiting)
        while self.waiting:
            future, run = self.waiting.pop()
            if future.set_running_or_notify_cancel():
                self.done += 1
                future.set_result(run())


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize(("rule", "status", "n_ctx"), [(reference.induction, "holds", 4), (only_a, "failed", 3)])
def test_proofs(first: bool, rule: Any, status: str, n_ctx: int, monkeypatch: pytest.MonkeyPatch) -> None:
    small_shards(monkeypatch)
    executor, model = Late(), induction.build(n_ctx=n_ctx)
    alone = proof(model, rule, first)
    assert proof(model, rule, first, executor=executor) == alone
    assert alone["status"] == status
    assert executor.most > 1
    some = {"max_boxes": alone["boxes"] // 2}  # what was begun ahead may be more
    assert proof(model, rule, first, executor=executor, **some) == proof(model, rule, first, **some)


@pytest.mark.parametrize("status", ["holds", "failed"])
def test_answers_at_every_position(status: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept of them is not settled again."""
    small_shards(monkeypatch)
    executor, model = Late(), registry.load("share", 3)
    asked: dict[str, Any] = {"every": True, "names": (), "within": model.within}
    rule = model.rule if status == "holds" else half
    alone = proof(model, rule, **asked)
    assert alone["status"] == status
    assert proof(model, rule, executor=executor, **asked) == alone
    assert executor.most > 1
    with Keep(tmp_path / "kept", model) as keep:
        assert proof(model, rule, keep=keep, **asked) == alone
        monkeypatch.setattr(OfRule, "__call__", None)
        assert proof(model, rule, keep=keep, **asked) == alone


def half(context: Any, at: int) -> float:
    return 0.5


def test_folds_and_two_models(monkeypatch: pytest.MonkeyPatch) -> None:
    small_shards(monkeypatch)
    fold = reference.Fold(0, _last, _said)
    last = replace(aab.build(5), rule=fold)
    assert proof(last, fold, executor=Late()) == proof(last, fold)
    for other in (aab_compact.MODEL, two_head.MODEL):
        assert equality(aab.MODEL, other, executor=Late()) == equality(aab.MODEL, other)


def _last(state: int, token: str) -> int:
    return int(token == "a")


def _said(state: int) -> set[str]:
    return {"a", "b"} if state else {"a"}


def test_a_rule_that_raises_where_nobody_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    """One context is sought, and it is shorter: that the rule was read ahead is nothing to the reader."""
    small_shards(monkeypatch)
    alone = proof(aab.MODEL, raises_at_five, first=True)
    assert alone["status"] == "failed"
    assert proof(aab.MODEL, raises_at_five, first=True, executor=Late()) == alone
    with pytest.raises(RuleError, match="no more"):
        proof(aab.MODEL, raises_at_five, executor=Late())


def test_counts_mutants_and_what_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong, executor = replace(induction.build(n_ctx=4), rule=only_a), Late()
    for leaves in (1000, 1):  # by parts, and one by one
        monkeypatch.setattr(counting, "LEAVES", leaves)
        monkeypatch.setattr(counting, "ROWS", 30)
        assert counts(wrong, executor=executor) == counts(wrong)
    assert executor.most > 1
    small = aab.build(2)
    assert tried(small, executor=executor) == tried(small)
    for model in (small, wrong):
        alone, here = (check_model(model, "enumerate", ["rule"], executor=one) for one in (None, executor))
        assert [replace(one, seconds=0.0) for one in here] == [replace(one, seconds=0.0) for one in alone]
    mostly = replace(wrong, accuracy=0.1, predictors=[])
    done = executor.done
    alone, here = (check_model(mostly, "prove", ["accuracy"], executor=one) for one in (None, executor))
    assert [replace(one, seconds=0.0) for one in here] == [replace(one, seconds=0.0) for one in alone]
    assert executor.done > done
    one, other = (compare(small, aab_compact.MODEL, "other", True, executor=one) for one in (None, executor))
    assert replace(one, seconds=0.0) == replace(other, seconds=0.0)


def test_a_process_that_is_killed_changes_nothing(tmp_path: Path) -> None:
    shards = [1, str(tmp_path / "died"), 2, 3, 4]
    with processes(2) as executor, Shards(Doubling, 10, executor=executor) as work:
        assert [found for _, found in work.each(shards)] == [12, 0, 14, 16, 18]
    assert (tmp_path / "died").exists()
