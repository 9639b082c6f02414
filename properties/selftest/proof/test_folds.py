"""Folds: their states are found by walking, their leaves partition all contexts, and what is none is refused."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.checks.table import CHECKS
from properties.proof.reading.decision_tree import leaves
from properties.proof.search import prove_answers
from reference import Fold
from zoo import Model, RuleError


def depth(before: int, token: str) -> int:
    now = before if before < 0 else before + (1 if token == "(" else -1)
    return now if now <= 2 else -1


def may_follow(depth: int) -> set[str]:
    return [{"("}, {"(", ")"}, {")"}, set[str]()][depth]


BRACKETS = Fold(0, depth, may_follow, reference.shallow_brackets)
FOLDS: dict[str, tuple[str, Fold]] = {
    "brackets": ("()", BRACKETS),
    "parity": ("abc", Fold(0, lambda odd, token: odd ^ (token == "a"), lambda odd: {"ab"[odd]})),
    "lead": ("ab", Fold(0, lambda n, token: n + (1 if token == "a" else -1), lambda n: {"a"} if n > 0 else {"b"})),
    "last two": (
        "ab",
        Fold("", lambda last, token: (last + token)[-2:], lambda last: {"a"} if last == "aa" else {"b"}),
    ),
    "of three": ("abc", Fold(0, lambda n, token: (n + "abc".index(token)) % 3, lambda n: {"abc"[n]})),
    "of four": ("abcd", Fold(0, lambda n, token: (n + "abcd".index(token)) % 4, lambda n: "abcd"[n])),
}


def with_folded_brackets(n_ctx: int = 8) -> Model:
    return replace(zoo.load("brackets", n_ctx=n_ctx), rule=BRACKETS, margin=None)


@pytest.mark.parametrize("name", FOLDS)
def test_leaves_partition_and_answer_as_the_fold(name: str) -> None:
    vocab, fold = FOLDS[name]
    rng = np.random.default_rng(0)
    for n in range(1, 8 if len(vocab) == 2 else 5):
        found, every = list(leaves(fold, vocab, n)), list(map("".join, product(vocab, repeat=n)))
        for context in every:
            [mine] = [leaf for leaf in found if context in leaf]
            assert mine.permitted == set(fold(context))
        for leaf in found:
            inside = [context for context in every if context in leaf]
            assert leaf.count(len(vocab)) == len(inside)
            wish = rng.normal(size=(n, len(vocab)))
            sums = {context: sum(wish[i, vocab.index(t)] for i, t in enumerate(context)) for context in inside}
            drawn = "".join(vocab[i] for i in leaf.nearest(vocab, wish))
            assert sums[drawn] == pytest.approx(max(sums.values())) or (len(leaf.counts) > 1 and leaf.ending is None)
            parts = [list(leaf.split(at, vocab)) for at in range(n)]
            for some in parts:
                assert sum(part.count(len(vocab)) for part in some) == len(inside)
                assert all(part.count(len(vocab)) for part in some)


def test_brackets_take_few_leaves_at_any_length() -> None:
    found = prove_answers(with_folded_brackets(64).transformer, "()", BRACKETS)
    assert found.status == "holds"
    assert found.contexts + found.skipped == 2**65 - 2
    assert found.contexts == sum(
        leaf.count(2) for n in range(1, 65) for leaf in leaves(BRACKETS, "()", n) if len(leaf.permitted) == 1
    )
    assert found.leaves < 6 * 64
    assert found.boxes == 64


def test_what_ends_wrongly_is_found_where_it_does() -> None:
    """At depth 2 of 6 tokens another answer is stated: the shortest that end there, and none of the others."""
    said = Fold((0, 0), lambda s, t: (depth(s[0], t), s[1] + 1), lambda s: {"("} if s == (2, 6) else may_follow(s[0]))
    every = map("".join, product("()", repeat=6))
    wrong = [context for context in every if reference.shallow_brackets(context) == {")"}]
    found = prove_answers(with_folded_brackets().transformer, "()", said)
    assert (found.status, {one.context for one in found.counterexamples}) == ("failed", set(wrong))
    first = prove_answers(with_folded_brackets().transformer, "()", said, first=True)
    assert [one.context in wrong for one in first.counterexamples] == [True]


def a_list(state: Any, token: str) -> Any:
    return [token]


def raises(state: int, token: str) -> int:
    return state + {"a": 1}[token]


@pytest.mark.parametrize(
    ("fold", "message"),
    [
        (Fold(0, lambda n, token: n + 1, lambda n: {"a"}, states=3), "more than 3 states, but should have fewer"),
        (Fold(0, raises, lambda n: {"a"}), "raises KeyError"),
        (Fold((), a_list, lambda s: {"a"}), "has the state"),
        (Fold(0, lambda n, token: 0, lambda n: {"c"}), "permits 'c'|answers 'c'"),
        (Fold(0, lambda n, token: 0, lambda n: 1), "should"),
    ],
)
def test_what_is_no_fold_is_refused(fold: Fold, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        list(leaves(fold, "ab", 4))


def test_a_fold_that_remembers_is_refused() -> None:
    seen: list[Any] = []

    def step(state: int, token: str) -> int:
        seen.append(token)
        return state ^ (len(seen) % 7 == 0)

    with pytest.raises(RuleError, match="should depend on nothing but its context"):
        list(leaves(Fold(0, step, lambda state: {"ab"[state]}), "ab", 6))


def test_what_it_stands_for_is_held_against_it() -> None:
    held = CHECKS["folds"].run(with_folded_brackets())
    assert (held.status, held.method, held.contexts) == ("holds", "enumerated", 510)
    long = CHECKS["folds"].run(with_folded_brackets(40))
    assert (long.status, long.method, long.contexts) == ("holds", "sampled", 2**14 - 2 + 256)
    other = replace(with_folded_brackets(), rule=replace(BRACKETS, rule=lambda context: {"("}))
    assert CHECKS["folds"].run(other).detail.startswith("after ( the fold says {(, )}, and ")
