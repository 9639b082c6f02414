"""Where tokens are counted: bounds and proofs against every context that there is."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes, Settled
from properties.proof.search import prove_answers
from properties.selftest import extreme_models, random_models
from properties.selftest.counted_boxes import Function, contexts_of, counting_rule, random_box, random_fold
from properties.selftest.examples import assert_occurred, many
from properties.selftest.extreme_models import Drawn
from properties.selftest.extreme_rules import Executed, spoken_of
from zoo import ModelError
from zoo.transformer.arrays import Array

Made = Callable[[Executed, int], tuple[Function, int]]
SEEDS = st.integers(0, 2**32 - 1)
ORDINARY = st.one_of(
    random_models.transformers(max_vocab=2, max_n_ctx=6), random_models.transformers(max_vocab=3, max_n_ctx=4)
)
DRAWN = st.one_of(ORDINARY, ORDINARY, extreme_models.transformers(vocab=(2, 3)))


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_bounds(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """In random boxes of each length, no context has a difference of logits below its bound; NaN has no bound."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, executed = np.random.default_rng(seed), Executed(drawn)
    bound, vocab = Bounds(drawn, block=int(rng.choice([2, 3, 32]))), executed.vocab
    lengths = range(1, drawn.n_ctx + 1)
    by_length = [[random_box(rng, vocab, n).tightened(vocab) for _ in range(2)] for n in lengths]
    together = [[box for boxes in by_length for box in boxes]] if bound.mixes and seed % 2 else by_length
    for some in together:
        boxes = [box for box in some if box is not None]
        answers = rng.integers(0, len(vocab), len(boxes))
        rivals = np.ones((len(boxes), len(vocab)), bool)
        lower = bound.margins(Boxes.of(boxes, vocab), answers, rivals).lower
        free = [Box(box.length, box.sets, frozenset()) for box in boxes]
        without = bound.margins(Boxes.of(free, vocab), answers, rivals).lower
        for box, answer, least, less in zip(boxes, answers.tolist(), lower.tolist(), without.tolist()):
            assert_bounded(executed, box, answer, least)
            outcomes["unknown" if least == -np.inf else "proved" if least > 0 else "bounded"] += 1
            outcomes["more than without counts"] += least > less + 1e-6 * abs(less)
            outcomes["several counts"] += len(box.counts) > 1
    outcomes.update([str(drawn.dtype)])


def assert_bounded(executed: Executed, box: Box, answer: int, least: float) -> None:
    for context in contexts_of(box, executed.vocab):
        row: Array = executed.logits[context].astype(np.float64)
        margin = float(row[answer] - np.delete(row, answer).max(initial=-np.inf))
        if np.isnan(margin):
            assert not least > 0, f"after {context} the logits are {row}, but a margin of {least} is proved"
        else:
            assert margin >= least, f"after {context} a difference is {margin}, but should be at least {least}"


@pytest.mark.soundness
def test_no_difference_of_logits_leaves_its_bound(outcomes: Counter[str]) -> None:
    @many(44)
    @given(DRAWN, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_bounds(drawn, seed, outcomes)

    check()
    assert_occurred(outcomes, "unknown", "proved", "bounded", "more than without counts", "several counts")


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_proof(drawn: Drawn, seed: int, made: Made, outcomes: Counter[str]) -> None:
    """A proof of a rule that is made so fails in exactly the contexts that are wrong, and counts them all."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, told = spoken_of(drawn, seed), list[Settled]()
    rule, planted = made(executed, seed)
    wrong, judged, its = executed.wrong(rule), executed.judged(rule), executed.domain
    found = prove_answers(drawn, executed.vocab, rule, settled=told.append, domain=its)
    assert [one.context for one in found.counterexamples] == wrong
    assert found.status == ("failed" if wrong else "holds")
    assert (found.contexts, found.skipped) == (len(judged), len(executed.logits) - len(judged))
    for one in told:
        for context in contexts_of(one.box, executed.vocab) if one.kind == "proved" else ():
            if context in one.box:  # it may end elsewhere
                margin = executed.margin(context, one.box.permitted)
                assert margin >= one.margin > 0, f"after {context} the margin is {margin}, but {one.margin} was proved"
    first = prove_answers(drawn, executed.vocab, rule, first=True, domain=its)
    assert [len(one.context) for one in first.counterexamples] == [len(context) for context in wrong[:1]]
    assert {one.context for one in first.counterexamples} <= set(wrong)
    kinds = ["in all" if its is None else "in a domain", found.status]
    kinds += ["planted and found"] * bool(planted and wrong)
    kinds += ["counted"] * any(one.kind == "proved" and bool(one.box.counts) for one in told)
    kinds += ["by ending"] * any(one.kind == "proved" and one.box.ending is not None for one in told)
    outcomes.update([*kinds, str(drawn.dtype)])


@pytest.mark.soundness
def test_proofs_of_rules_that_count_say_what_running_says(outcomes: Counter[str]) -> None:
    @many(36)
    @given(DRAWN, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_proof(drawn, seed, counting_rule, outcomes)

    check()
    assert_occurred(outcomes, "holds", "failed", "counted", "in a domain", "planted and found")


@pytest.mark.soundness
def test_proofs_of_folds_say_what_running_says(outcomes: Counter[str]) -> None:
    @many(60)
    @given(DRAWN, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_proof(drawn, seed, random_fold, outcomes)

    check()
    assert_occurred(outcomes, "holds", "failed", "counted", "in a domain")
    assert_occurred(outcomes, "by ending", "planted and found", least=2)
