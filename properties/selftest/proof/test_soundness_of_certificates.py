"""At the ends of the dtype, what the checker of certificates confirms against every context, and what liars write."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.certificate import certify
from properties.recheck import Rechecked, recheck
from properties.recheck.program import Program
from properties.selftest.examples import many
from properties.selftest.extreme_models import (
    Drawn,
    assert_each_occurred,
    assert_planted_is_noticed,
    count,
    transformers,
)
from properties.selftest.extreme_rules import Executed, Function, rule_for, spoken_of
from properties.selftest.forging import LIES, PROVED, forged
from properties.selftest.proof.test_soundness_of_proofs import assert_bounded
from properties.selftest.random_models import random_boxes
from properties.selftest.random_models import transformers as ordinary
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.liars import GUESSERS, guessing
from zoo import Model, ModelError
from zoo.errors import CertificateError, MismatchError

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
SEEDS = st.integers(0, 2**32 - 1)
Json = dict[str, Any]
NOT = "not confirmed"


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_certificate(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """What is confirmed is true in every context, whether the prover wrote it or a liar, and whatever is guessed."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed = spoken_of(drawn, seed)
    rule = rule_for(executed, seed)
    model = Model("extreme", executed.vocab, drawn, rule=rule, domain=executed.domain)
    _, made = certify(model, rule)
    kinds = {"none"} if made is None else {confirmed(executed, model, rule, made)}
    for lie in (PROVED, LIES[1 + seed % (len(LIES) - 1)]):
        made = forged(model, rule, lie)
        if made is not None:
            kinds.add(f"a liar's {confirmed(executed, model, rule, made)}")
            with guessing(list(GUESSERS)[seed % len(GUESSERS)]):
                kinds.add(f"by a guess {confirmed(executed, model, rule, made)}")
    count(outcomes, executed, *kinds)


def confirmed(executed: Executed, model: Model, rule: Function, made: Json) -> str:
    try:
        found = recheck(json.loads(json.dumps(made)), model, rule)
    except MismatchError:
        raise
    except CertificateError:
        return NOT
    assert_true(executed, rule, found, made["margin"])
    return "confirmed"


def assert_true(executed: Executed, rule: Function, found: Rechecked, stated: float) -> None:
    judged, wrong = executed.judged(rule), executed.wrong(rule)
    assert not wrong, f"confirmed by {found.margin}, but wrong after {wrong}: {executed.logits[wrong[0]]}"
    least = min(executed.margin(*item) for item in judged.items())
    if not found.undecided_runs:
        assert found.margin <= least, f"a margin of {found.margin} is confirmed, but the least is {least}"
    if not (found.runs or found.undecided_runs):  # what was run, another order of sums may have by a little less
        assert stated <= least, f"a margin of {stated} is confirmed as stated, but the least is {least}"


@pytest.mark.soundness
def test_what_is_confirmed_is_true(outcomes: Counter[str]) -> None:
    @many(130)
    @given(st.one_of(transformers(vocab=(2, 3), most=20), ordinary(max_n_ctx=3, max_vocab=2)), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_certificate(drawn, seed, outcomes)

    check()
    kinds = "none", "confirmed", *(f"{by} {how}" for by in ("a liar's", "by a guess") for how in ("confirmed", NOT))
    assert_each_occurred(outcomes, *kinds)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_checked(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """What the checker finds holds in every context of a random box, by the quick way and by the fine one."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, executed = np.random.default_rng(seed), Executed(drawn)
    vocab, kinds = len(executed.vocab), set()
    ways = Alone(drawn, fine=False), Alone(drawn)
    for n in range(1, drawn.n_ctx + 1):
        for box in random_boxes(rng, 2, n, vocab):
            for alone in ways:
                alone.at([np.flatnonzero(row).tolist() for row in box])
            pairs = [(a, b) for a in range(vocab) for b in range(vocab) if a != b]
            for token in np.flatnonzero(box[-1]).tolist():
                ends = box.copy()
                ends[-1] = np.arange(vocab) == token
                for pair, least in (found for alone in ways for found in zip(pairs, alone.lowers(token, pairs))):
                    kinds.add(NOT if least == -np.inf else "positive" if least > 0 else "negative")
                    assert_bounded(executed, ends, *pair, least)
    count(outcomes, executed, *kinds)


@pytest.mark.soundness
def test_no_difference_of_logits_leaves_what_the_checker_finds(outcomes: Counter[str]) -> None:
    @many(80)
    @given(transformers(vocab=(2, 3), most=20), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_checked(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, NOT, "positive", "negative")


def with_nothing_lost_by_underflow(monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, tiny="0")


def with_numbers_that_never_overflow(monkeypatch: pytest.MonkeyPatch) -> None:
    change(monkeypatch, limit="1e5000")


def change(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    original = Program.__init__

    def init(self: Program, dtype: Any) -> None:
        original(self, dtype)
        for name, value in values.items():
            setattr(self, name, self.number(value))

    monkeypatch.setattr(Program, "__init__", init)


@pytest.mark.parametrize("fault", [with_nothing_lost_by_underflow, with_numbers_that_never_overflow])
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    assert_planted_is_noticed(check_checked, transformers(vocab=(2, 3), most=20), "should be at least|is proved")
