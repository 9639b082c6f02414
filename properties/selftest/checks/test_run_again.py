"""Which contexts are run again by the forward pass, where a quicker program ran them all; and where they are run."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.checks import running
from properties.checks.right import questions
from properties.checks.running import Ran, Running, answer_logits, closest, ran, run
from properties.checks.verdict import How
from properties.selftest.checks.planting import Altered
from properties.selftest.models import aab, ab
from zoo import Model, contexts, enumeration
from zoo.transformer.arrays import Array

MODEL = ab.MODEL
INF = float("inf")
FIRST = np.array([[True, False]])  # permitted: a margin is the first logit less the second


def logits(margins: list[float]) -> Array:
    return np.array([[margin, 0.0] for margin in margins])


def by_script(monkeypatch: pytest.MonkeyPatch, quick: list[float], off: list[float], path: str) -> list[int]:
    """As if a program gave these margins, off by so much, where the forward pass gives them larger by 100.

    Running sums give them larger by 1000. Contexts are numbers of rows; returned are those run by the forward pass.
    """
    again: list[int] = []

    def answers(model: Model, tokens: Array, exact: bool = False) -> Array:
        rows = tokens[:, 0]
        if exact:
            again.extend(rows.tolist())
        return logits([quick[row] + (100 if exact else 1000) for row in rows])

    monkeypatch.setattr(running, "answer_logits", answers)
    monkeypatch.setattr(running, "ordered_logits", lambda model, tokens: (logits(quick), np.array(off)))
    monkeypatch.setattr(enumeration, "path", lambda transformer: path)
    return again


@pytest.mark.parametrize(
    ("quick", "off", "again"),
    [
        # The least, and what comes within five times as much as one may be off: 1 + 5/8.
        ([3, 1, 1.625, 1.75], [0.125] * 4, [1, 2]),
        ([3, 1, 1.625, 1.75], [0, 0.125, 0.0625, 0.0625], [1, 2]),  # by the one that may be off most
        ([3, 1, 1.625, 1.75], [0, 0, 0.125, 0.125], [2]),  # what is the forward pass's own is not run again
        ([3, 1, 1.625, 1.75], [0] * 4, []),
        # And the first that is none, for that is shown.
        ([3, -1, -2, -9, -3], [0.125] * 5, [1, 3]),
        ([3, 0, -2, -9, 0], [0.125] * 5, [1, 3]),
        ([3, 0.5, -2, -9, 0], [0.125] * 5, [2, 3]),
        ([3, -1, -2, -9], [0.125, 0, 0.125, 0.125], [3]),
        # Where nothing is judged, nothing is near; nor is what is infinitely far.
        ([INF, INF], [0.125, 0.125], []),
        ([INF, 2, INF], [0.125] * 3, [1]),
        ([INF, 2, 1e300, 3], [INF] * 4, [1, 2, 3]),
    ],
)
@pytest.mark.parametrize(("path", "options"), [("prefixes", {"sums": True}), ("sums", {}), ("sums", {"sums": False})])
def test_what_may_be_least_is_run_again(
    quick: list[float],
    off: list[float],
    again: list[int],
    path: str,
    options: dict[str, bool],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = np.arange(len(quick))
    found = by_script(monkeypatch, quick, off, path)
    given, by = closest(MODEL, rows[:, None], [np.repeat(FIRST, len(quick), axis=0)], **options)
    assert found == again
    expected = [margin + 100 * (row in again) for row, margin in enumerate(quick)]
    assert by.tolist() == given[:, 0].tolist() == expected


def test_running_sums_are_taken_as_they_are_where_that_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    again = by_script(monkeypatch, [-1000, -999, -1003], [0.125] * 3, "sums")
    tokens, permitted = np.arange(3)[:, None], np.repeat(FIRST, 3, axis=0)
    assert closest(MODEL, tokens, [permitted], sums=True)[1].tolist() == [0, 1, -3]
    found = ran(MODEL, tokens, permitted)
    assert (found.least, found.judged, found.wrong.tolist(), again) == (-3, 3, [0, 2], [])  # a tie is wrong
    by_script(monkeypatch, [-1000 + 0.5, -1001], [0.125] * 2, "sums")
    assert ran(MODEL, tokens[:2], permitted[:2]).wrong.tolist() == [1]
    assert ran(MODEL, tokens[:1], permitted[:1]).first is None


class Asked(Altered):
    """Notes whether its forward pass is asked for the last row only."""

    def forward(self, tokens: Array, last: bool = False) -> Array:
        LAST.append(last)
        return super().forward(tokens, last)


LAST: list[bool] = []


def test_of_one_answer_the_last_row_is_computed() -> None:
    model = Asked.of(MODEL)
    LAST.clear()
    assert answer_logits(model, np.array([[0, 1]])).tolist() == [[1, 0]]
    assert LAST == [True]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The subjects of shards, and what they are settled with; in each one answer is judged, and none is wrong."""
    given: list[Any] = []

    class Shards:
        def __init__(self, make: Any, model: Model, **options: Any) -> None:
            assert make is Running
            given.append((model, options))

        def __enter__(self) -> "Shards":
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def each(self, batches: Iterator[Array]) -> Iterator[tuple[Array, Ran]]:
            return ((tokens, Ran(0.5, 1, np.arange(0), None)) for tokens in batches)

    monkeypatch.setattr(running, "Shards", Shards)
    return given


@pytest.mark.parametrize(
    ("executor", "keep", "elsewhere"), [("e", "k", True), ("e", None, True), (None, "k", True), (None, None, False)]
)
def test_all_contexts_are_run_by_an_executor_or_kept(
    executor: Any, keep: Any, elsewhere: bool, sent: list[Any]
) -> None:
    """With nothing of the model but the one question."""
    model = replace(aab.MODEL, accuracy=0.9, rule=lambda context: {"a"})
    how = How("enumerate", executor=executor, keep=keep)
    for question in questions(aab.MODEL):
        sent.clear()
        found, judged = run(model, question, "enumerated", contexts.batches(2, 5), how)
        assert found.contexts == 62
        assert len(sent) == elsewhere
        if elsewhere:
            [(subject, options)] = sent
            assert options == {"executor": executor, "keep": keep}
            assert [(one.kind, one.function) for one in questions(subject)] == [(question.kind, question.function)]
            assert (found.margin, judged[5]) == (0.5, 1)


def test_a_sample_is_run_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever executor there is: it is small."""
    monkeypatch.setattr(running, "Shards", None)
    how = How("sample", executor=object())  # type: ignore[arg-type]
    found, _ = run(MODEL, questions(MODEL)[0], "sampled", contexts.batches(2, 5), how)
    assert (found.status, found.contexts) == ("holds", 62)


def test_what_all_contexts_are_permitted_is_kept_and_a_sample_is_asked_anew(calls: list[int]) -> None:
    [question] = questions(MODEL)
    for method, total in (("sampled", 62), ("sampled", 62), ("enumerated", 62), ("enumerated", 0)):
        calls.clear()
        run(MODEL, question, method, contexts.batches(2, 5), How())  # type: ignore[arg-type]
        assert sum(calls) == total
    # A worker gets batches in any order: it does not read what is kept from the first context on.
    calls.clear()
    [batch] = contexts.of_length(2, 2)
    assert Running(MODEL)(batch).wrong.tolist() == []
    assert sum(calls) == 4
