"""Leaves as they are read: what is accepted there, and when it is looked at what a function remembers."""

from types import SimpleNamespace
from typing import Any

import pytest

from properties.recheck import leaves as reading_of
from properties.recheck.graph import Graph
from properties.recheck.leaves import Reading
from properties.selftest.recheck.test_graph import graph, model
from zoo import NUMBER
from zoo.errors import CertificateError, RuleError


def reading(function: Any, *nodes: Any, **settings: Any) -> tuple[Reading, Graph]:
    its = graph(*nodes, n_ctx=1, **settings)
    return Reading(its, model(1, **settings), function), its


def says_a(context: Any) -> set[str]:
    return {"a"}


def test_a_number_that_was_proved() -> None:
    """No answer is named, and all contexts are one leaf."""
    its, graph_ = reading(lambda context: 0.5, ["proved"], outputs=NUMBER, within=0.25)
    [leaf] = its.leaves(*graph_.roots[0])
    assert (leaf.kind, leaf.permitted, leaf.contexts) == ("proved", frozenset([0.5]), 3)


def test_an_answer_that_is_not_permitted() -> None:
    its, graph_ = reading(says_a, ["proved", 0])
    assert [leaf.answer for leaf in its.leaves(*graph_.roots[0])] == [0]
    its, graph_ = reading(says_a, ["proved", 1])
    with pytest.raises(
        CertificateError, match=r"the answer of the leaf \{\} of 1 tokens is 'b', but should be permitted"
    ):
        list(its.leaves(*graph_.roots[0]))


def test_what_is_remembered_is_looked_at_after_1_2_4_and_8_leaves(monkeypatch: pytest.MonkeyPatch) -> None:
    its, _ = reading(says_a, ["proved", 0])
    looked = list[int]()
    memory = SimpleNamespace(check=lambda: looked.append(len(its.said)))
    monkeypatch.setattr(its, "reaches", SimpleNamespace(memory=memory))
    for _ in range(17):
        its._asked(("a", frozenset("a")))
    assert looked == [1, 2, 4, 8, 16]


def test_a_copy_is_asked_again_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a function that could write to what it reaches."""
    again = list[Any]()
    monkeypatch.setattr(reading_of, "ask_again", lambda said, asked, copy: again.append((list(said), copy)))
    written: dict[str, int] = {}

    def writing(context: Any) -> set[str]:
        return {"a"} if not written else {"b"}

    for function, times in ((says_a, 0), (writing, 1)):
        its, graph_ = reading(function, ["proved", 0])
        assert len(list(its.leaves(*graph_.roots[0]))) == 1
        its.check()
        assert len(again) == times
        assert (its.reaches.copy is None) == (times == 0)
    [(said, copy)] = again
    assert (said, copy) == ([("a", frozenset("a"))], its.reaches.copy)


def test_a_function_that_remembers_is_refused() -> None:
    """While leaves are read, and as they end."""
    seen: list[Any] = []

    def remembering(context: Any) -> set[str]:
        seen.append(len(context))
        return {"a"}

    its, graph_ = reading(remembering, ["proved", 0])
    with pytest.raises(CertificateError, match="changes 'seen' when it is called"):
        list(its.leaves(*graph_.roots[0]))
    with pytest.raises(CertificateError, match="changes 'seen' when it is called"):
        its.check()
    with pytest.raises(CertificateError, match="some reason"), reading_of._refusing():
        raise RuleError("some reason")
