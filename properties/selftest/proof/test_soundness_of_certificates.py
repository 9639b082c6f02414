"""At the ends of the dtype, what the checker of certificates confirms against every context, and what liars write."""

import json
from collections import Counter
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.certificate import certify
from properties.recheck import Rechecked, recheck
from properties.recheck.program import Program
from properties.selftest.counted_boxes import contexts_of, counting_rule, random_box, random_fold
from properties.selftest.examples import assert_occurred, many
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
from properties.selftest.recheck.liars import GUESSERS, PRICES, guessing
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
    rules = [rule_for, counting, folding]
    rules += [folding] * (drawn.n_ctx > 1)  # of one token, counts say all: none is told from another by where it ends
    rule = rules[seed % len(rules)](executed, seed)
    model = Model("extreme", executed.vocab, drawn, rule=rule, domain=executed.domain)
    _, made = certify(model, rule)
    kinds = {"none"} if made is None else {how := confirmed(executed, model, rule, made)}
    if made is not None:
        kinds |= {f"{how} by {node[0]}" for node in made["nodes"] if node[0] in ("count", "says")}
    for lie in (PROVED, LIES[1 + seed % (len(LIES) - 1)]):
        made = forged(model, rule, lie)
        if made is not None:
            kinds.add(f"a liar's {confirmed(executed, model, rule, made)}")
            with guessing(list(GUESSERS)[seed % len(GUESSERS)], (*range(len(PRICES)), None)[seed % (len(PRICES) + 1)]):
                kinds.add(f"by a guess {confirmed(executed, model, rule, made)}")
    count(outcomes, executed, *kinds)


def counting(executed: Executed, seed: int) -> Function:
    return counting_rule(executed, seed)[0]


def folding(executed: Executed, seed: int) -> Function:
    return random_fold(executed, seed)[0]


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
    @many(76)
    @given(st.one_of(transformers(vocab=(2, 3), most=20), ordinary(max_n_ctx=3, max_vocab=2)), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_certificate(drawn, seed, outcomes)

    check()
    kinds = "none", "confirmed", *(f"{by} {how}" for by in ("a liar's", "by a guess") for how in ("confirmed", NOT))
    assert_each_occurred(outcomes, *kinds, "confirmed by count", "confirmed by says")


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
    @many(32)
    @given(transformers(vocab=(2, 3), most=20), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_checked(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, NOT, "positive", "negative")


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_counted(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """The same of random boxes in which tokens are counted, of all lengths together."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, executed = np.random.default_rng(seed), Executed(drawn)
    vocab = executed.vocab
    boxes = [random_box(rng, vocab, n) for n in range(1, drawn.n_ctx + 1)]
    masks = [np.array([[t in box.sets.get(at, vocab) for t in vocab] for at in range(box.length)]) for box in boxes]
    counts = [
        [(one.positions, np.isin([*vocab], [*one.tokens]), its) for one, its in box.counts.items()] for box in boxes
    ]
    ways = [Alone(drawn, fine=bool(seed % 2)) for _ in range(3)]
    for alone, known in zip(ways, (counts, counts, ())):
        alone.together(masks, known)
    for i, box in enumerate(boxes):
        token, pair = rng.choice(np.flatnonzero(masks[i][-1])), tuple(rng.permutation(len(vocab))[:2])
        with guessing(list(GUESSERS)[seed % len(GUESSERS)], seed % len(PRICES)):
            lie = float(ways[0].lowest([i], token, [pair])[0, 0])
        found, without = (float(alone.lowest([i], token, [pair])[0, 0]) for alone in ways[1:])
        inside = [context for context in contexts_of(box, vocab) if context[-1] == vocab[token]]
        for context, least in product(inside, (lie, found)):
            row = executed.logits[context].astype(np.float64)
            margin = row[pair[0]] - row[pair[1]]
            sentence = f"after {context} a difference is {margin}, but should be at least {least}"
            assert margin >= least or (np.isnan(margin) and not least > 0), sentence
        outcomes[NOT if found == -np.inf else "positive" if found > 0 else "negative"] += 1
        outcomes["more than without counts"] += found > without + 1e-6 * abs(without)
        outcomes["several counts"] += len(box.counts) > 1


@pytest.mark.soundness
def test_nor_where_tokens_are_counted(outcomes: Counter[str]) -> None:
    @many(60)
    @given(st.one_of(ordinary(max_vocab=3, max_n_ctx=4), transformers(vocab=(2, 3), most=20)), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_counted(drawn, seed, outcomes)

    check()
    assert_occurred(outcomes, NOT, "positive", "negative", "more than without counts", "several counts")


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


@pytest.mark.parametrize(
    ("fault", "seed"),  # with which it is seen soon
    [(with_nothing_lost_by_underflow, 5), (with_numbers_that_never_overflow, 10)],
)
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    drawn = transformers(vocab=(2, 3), most=20)
    assert_planted_is_noticed(check_checked, drawn, "should be at least|is proved", seed)
