"""Random black boxes against tables of what they answer: what holds does in every context, and what failed does not."""

from collections import Counter
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.checks.table import CHECKS
from properties.checks.verdict import How
from properties.selftest.examples import assert_occurred, many
from zoo import NUMBER, BlackBox, Domain

STRANGE = ("raises", None, True, "z", [1])  # no answers; of numbers, "a" is none either


def table(random: Random, contexts: list[str], numbers: bool, wrong: float) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is permitted in each context, and what is answered: mostly right."""
    permitted: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for context in contexts:
        if numbers:
            permitted[context] = random.choice([None, 0, 1, 2, 10**30])
            right = [permitted[context] or 0]
        else:
            permitted[context] = set(random.sample("ab", random.choice([0, 1, 1, 1, 2])))
            right = sorted(permitted[context]) or ["a"]
        other = [*STRANGE, 0, 1, 10**30 + 1, "a", "b"]
        said[context] = random.choice(other if random.random() < wrong else right)
    return permitted, said


def is_wrong(permitted: Any, said: Any, numbers: bool) -> bool:
    """By the meaning of the words, without any of the code that is tested."""
    if numbers:
        return permitted is not None and not (type(said) is int and said == permitted)
    return len(permitted) == 1 and not (isinstance(said, str) and said in permitted)


@pytest.mark.soundness
def test_what_is_said_of_a_black_box_is_so_in_every_context(outcomes: Counter[str]) -> None:
    @many(100)
    @given(st.integers(0, 2**32 - 1))
    def inner(seed: int) -> None:
        random = Random(seed)
        numbers, n_ctx = random.random() < 0.5, random.randint(1, 5)
        domain = random.choice([None, Domain.layout("dadd"[:n_ctx], d="ab"), Domain.every("ab", n_ctx, start=n_ctx)])
        named: dict[str, Any] = {"domain": domain, "outputs": NUMBER if numbers else None}
        contexts = list(map(str, BlackBox("drawn", "ab", n_ctx, str, **named).contexts()))
        permitted, said = table(random, contexts, numbers, random.choice([0, 0, 0.1, 0.3]))

        def predict(context: str) -> Any:
            if said[context] == "raises":
                raise ValueError("it does")
            return said[context]

        box = BlackBox("drawn", "ab", n_ctx, predict, permitted.__getitem__, **named)
        wrong = {context for context in contexts if is_wrong(permitted[context], said[context], numbers)}
        judged = [context for context in contexts if is_wrong(permitted[context], None, numbers)]
        method: Any = random.choice(["auto", "enumerate", "prove", "sample"])
        verdict = CHECKS["rule"].run(box, How(method, tries=random.randint(1, 2 * len(contexts))))
        outcomes[f"{verdict.method} {verdict.status}"] += 1
        if verdict.method == "enumerated":
            assert (verdict.status == "holds") == (not wrong and bool(judged)), verdict
            assert set(verdict.failures) == wrong
            assert verdict.contexts == verdict.total == len(contexts)
        else:
            assert set(verdict.failures) <= wrong
            assert verdict.status == ("failed" if verdict.failures else "undecided")
        if verdict.failures:
            assert verdict.counterexample is not None
            assert verdict.counterexample.context == verdict.failures[0]
            assert len(verdict.failures[0]) == min(map(len, verdict.failures))

    inner()
    kinds = ("enumerated holds", "enumerated failed", "sampled undecided", "sampled failed")
    assert_occurred(outcomes, *kinds)
    assert not outcomes.keys() - set(kinds)
