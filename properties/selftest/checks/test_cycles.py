"""Walks from every state onto a cycle, and the states that generation goes through, in cases that are done by hand."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.checks import cycles
from properties.checks.cycles import Walk, of_contexts, of_suffixes, walk, walkable
from properties.checks.running import ordered_logits
from properties.checks.settle import MOST
from properties.selftest.models import ab, induction
from reference import Fold
from zoo import RuleError

A, B = (0,), (1,)


def every(window: int, says: Callable[[tuple[int, ...]], int]) -> Any:
    """Each state of up to so many of two tokens, with the next by a rule."""
    states = [state for size in range(1, window + 1) for state in product(range(2), repeat=size)]
    return {state: (*state, says(state))[-window:] for state in states}


def test_steps_and_the_farthest_of_a_tail_that_is_met_in_parts() -> None:
    """2 goes to 22, that to 21, that to 11, that onto 10, 01, ...; some are met before 2, and some behind it."""
    following: Any = {
        (1, 1): (1, 0),
        (0, 1): (1, 0),
        (2, 1): (1, 1),
        (2,): (2, 2),
        (2, 2): (2, 1),
        (1, 0): (0, 1),
        (1, 2): (2, 2),
    }
    assert walk(following, [0, 1], 2) == Walk(7, 4, (2,))
    assert walk(following, [1, 0], 2) == Walk(7, 4, (2,))  # of several that are as far, the first
    del following[2,]
    assert walk(following, [0, 1], 2) == Walk(6, 4, (1, 2))


@pytest.mark.parametrize("window", range(1, 8))
def test_where_one_token_is_repeated(window: int) -> None:
    """From 1 alone on, window zeros must come; of 0 alone, one less."""
    states = 2 ** (window + 1) - 2
    assert walk(every(window, lambda state: 0), [0], window) == Walk(states, window, (1,))


@pytest.mark.parametrize("window", range(2, 8))
def test_where_three_are_repeated(window: int) -> None:
    """001001…: from 0 alone, all but one token of a window are missing, and nowhere more."""
    states = 2 ** (window + 1) - 2
    following = every(window, lambda state: int(state[-2:] == (0, 0)))
    assert walk(following, [0, 0, 1], window) == Walk(states, window - 1, (0,))
    assert walk(following, [1, 0, 0], window) == Walk(states, window - 1, (0,))


@pytest.mark.parametrize(
    ("following", "farthest", "problem"),
    [
        ({A: B}, B, "the stated cycle is outside the domain"),
        ({A: B, B: None}, B, "generation comes to logits that are NaN"),
        ({A: B, B: B}, B, "the stated cycle is left"),
        ({A: B, B: A, (2,): (3,), (3,): None}, (2,), "generation comes to logits that are NaN"),
        ({A: B, B: A, (2,): (3,), (3,): (4,)}, (2,), "generation leaves the domain"),
        ({A: B, B: A, (3,): A, (2,): (4,), (4,): (4,)}, (2,), "generation never reaches the stated cycle"),
    ],
)
def test_what_is_wrong_and_from_where(following: Any, farthest: Any, problem: str) -> None:
    assert walk(following, [0, 1], 1) == Walk(len(following), 0, farthest, problem)


ALTERNATING = {A: (0, 1), B: (1, 0), (0, 0): (0, 1), (0, 1): (1, 0), (1, 0): (0, 1), (1, 1): (1, 0)}


def test_every_context_with_the_one_that_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    assert of_contexts(ab.build(2)) == ALTERNATING
    before = ordered_logits

    def broken(model: Any, tokens: Any) -> Any:
        logits, *rest = before(model, tokens)
        return np.where((tokens[:, :1] == 1) & (tokens.shape[1] > 1), np.nan, logits), *rest

    monkeypatch.setattr(cycles, "ordered_logits", broken)
    assert of_contexts(ab.build(2)) == {**ALTERNATING, (1, 0): None, (1, 1): None}


def test_what_costs_too_much_is_not_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is time for so much more than what is enumerated, and memory for each context and the next."""
    model, asked = ab.build(2), []

    def affordable(model: Any, cost: float) -> bool:
        asked.append(cost)
        return len(asked) < 2

    monkeypatch.setattr(cycles, "affordable", affordable)
    monkeypatch.setattr(cycles, "most_bytes", lambda: 6 * (300 + 32))
    assert [walkable(model), walkable(model)] == [True, False]
    assert asked == [1 / MOST] * 2
    asked.clear()
    monkeypatch.setattr(cycles, "most_bytes", lambda: 6 * (300 + 32) - 1)
    assert not walkable(model)


def last_alternates(context: Any) -> set[str]:
    return {"b"} if context[-1] == "a" else {"a"}


def last_but_one(context: Any) -> set[str]:
    return {context[-2]} if len(context) > 1 else {"a"}


def only_a(context: Any) -> set[str]:
    return {"a"}


BY_TWO = {A: (0, 0), B: (1, 0), (0, 0): (0, 0), (0, 1): (1, 0), (1, 0): (0, 1), (1, 1): (1, 1)}


@pytest.mark.parametrize(
    ("rule", "n_ctx", "found"),
    [
        (last_alternates, 3, (1, {A: B, B: A})),
        (lambda context: "b", 3, (1, {A: B, B: B})),  # a predictor
        (only_a, 1, (1, {A: A, B: A})),
        (last_but_one, 2, (2, BY_TWO)),
        (last_but_one, 5, (2, BY_TWO)),
        # What it says to one token alone it need not say to more; but all that end alike get the same.
        (lambda c: {"b"} if len(c) == 1 else last_but_one(c), 4, (2, {**BY_TWO, A: (0, 1), B: (1, 1)})),
        (lambda c: {"b"} if len(c) == 4 else last_but_one(c), 4, None),
        (lambda c: {"a"} if len(c) % 2 else last_but_one(c), 3, None),
        (lambda c: {"b"} if len(c) == 3 else {"a"}, 3, None),
        (lambda c: {"b"} if len(c) == 3 else {"a"}, 2, (1, {A: A, B: A})),
        # Where more than one token is right, or none, generation is not known.
        (lambda c: {"a", "b"} if c[-1] == "b" else {"a"}, 3, None),
        (lambda c: set() if c[-1] == "b" else {"a"}, 3, None),
        # These read the whole context.
        (lambda c: {"b"} if c.count("a") > 1 else {"a"}, 3, None),
        (Fold(0, lambda odd, token: odd ^ (token == "a"), lambda odd: {"ab"[odd]}), 3, None),
    ],
)
def test_the_states_that_a_rule_tells_apart(rule: Any, n_ctx: int, found: Any) -> None:
    assert of_suffixes(rule, ab.build(n_ctx)) == found


def test_a_fold_whose_tokens_are_too_many_to_be_counted_has_no_states() -> None:
    """Of four that each do something else, it is known only where a context ends."""
    fold = Fold(0, lambda n, token: (n + "abcd".index(token)) % 4, lambda n: {"abcd"[n]})
    assert of_suffixes(fold, induction.build("abcd", n_ctx=3)) is None


@pytest.mark.parametrize(("most", "found"), [(4, (2, BY_TWO)), (3, None)])
def test_so_many_states_at_most(most: int, found: Any) -> None:
    assert of_suffixes(last_but_one, ab.build(3), most) == found


def test_no_more_states_than_some_thousands() -> None:
    """Of two tokens, twelve of them have 4096 and thirteen twice as many; what is said is the first one of all."""
    found = of_suffixes(lambda context: {context[0]}, ab.build(12))
    assert found is not None
    window, following = found
    assert (window, len(following)) == (12, 2**13 - 2)
    assert following[1, 1, 0] == (1, 1, 0, 1)
    assert following[(1, 1, *10 * [0])] == (1, *10 * [0], 1)
    assert of_suffixes(lambda context: {context[0]}, ab.build(13)) is None


def test_what_remembers_has_no_states() -> None:
    seen = list[str]()

    def remembers(context: Any) -> set[str]:
        seen.append(context[-1])
        return {"a"}

    with pytest.raises(RuleError, match="should depend on nothing but its context"):
        of_suffixes(remembers, ab.build(3))
