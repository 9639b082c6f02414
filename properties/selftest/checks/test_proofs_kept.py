"""Several checks ask the same question: what a proof found is kept, what it did not come to in its time is not."""

from collections import deque
from typing import Any

import numpy as np
import pytest

import zoo
from properties import check_model
from properties.checks import settle
from properties.checks.right import questions
from properties.checks.verdict import How
from properties.proof.search import Proof, prove_answers
from zoo import Model, Transformer


def proofs_run(monkeypatch: pytest.MonkeyPatch, *seconds: float) -> tuple[list[str], int]:
    """What the same question is answered, asked once with each budget in turn, and how many proofs were run for it."""
    model = zoo.load("aab", n_ctx=30)
    [question] = questions(model)[1:]
    left, run = list(seconds), 0

    def prove(*arguments: Any, **options: Any) -> Proof:
        nonlocal run
        run += 1
        return prove_answers(*arguments, **(options | {"max_seconds": left.pop(0)}))

    monkeypatch.setattr(settle, "prove_answers", prove)
    monkeypatch.setattr(settle, "_proofs", deque(maxlen=8))
    return [settle.settle(model, question, How("prove")).status for _ in seconds], run


def test_what_was_found_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proofs_run(monkeypatch, 600, 600) == (["holds", "holds"], 1)


def test_what_only_ran_out_of_time_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert proofs_run(monkeypatch, 0, 600) == (["undecided", "holds"], 2)


SAID = {"b": "a"}


class Elsewhere:
    said = "a"


def by_global(context: Any) -> set[str]:
    return {SAID["b"]}


def by_class(context: Any) -> set[str]:
    return {Elsewhere.said}


@pytest.mark.parametrize("rule", [by_global, by_class])
@pytest.mark.parametrize("method", ["enumerate", "prove"])
def test_what_a_rule_said_is_not_kept_once_what_it_reads_has_changed(
    rule: Any, method: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook: the same function, and the same model."""
    transformer = Transformer(np.ones((2, 1)), np.zeros((3, 1)), [], unembedding=np.array([[1.0], [0]]))
    model = Model("says a", "ab", transformer, rule, margin=1)
    assert {verdict.status for verdict in check_model(model, method, ["rule", "margin"])} == {"holds"}
    monkeypatch.setitem(SAID, "b", "b")
    monkeypatch.setattr(Elsewhere, "said", "b")
    assert {verdict.status for verdict in check_model(model, method, ["rule", "margin"])} == {"failed"}
