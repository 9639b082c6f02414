"""A proof says what enumeration says, of any model and rule; and of the zoo what is known of it."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
import zoo
from properties.proof import boxes, judges
from properties.proof.bounds import Bounds, Margins
from properties.proof.boxes import Settled
from properties.proof.search import Proof, prove_answers, prove_equal
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES, aab_compact, induction
from properties.selftest.models.two_head import EITHER_FAILS
from properties.selftest.random_models import transformers
from zoo import Attention, ModelError, Transformer, forward
from zoo.transformer.arrays import Array

Function = Callable[[Any], Any]


def small(most: int) -> st.SearchStrategy[Transformer]:
    return st.one_of(transformers(max_vocab=2, max_n_ctx=most), transformers(max_vocab=3, max_n_ctx=most - 2))


def logits_of_all(transformer: Transformer, vocab: str) -> dict[str, Array]:
    """By context, each run by itself: in a batch, the last bits may differ."""
    contexts = [tokens for n in range(1, transformer.n_ctx + 1) for tokens in product(range(len(vocab)), repeat=n)]
    return {"".join(vocab[i] for i in c): forward(transformer, np.array([c]))[0, -1] for c in contexts}


def some_rule(transformer: Transformer, vocab: str, seed: int) -> Function:
    """It reads up to three of the last tokens, and permits what the model says there, or something else, or nothing."""
    rng = np.random.default_rng(seed)
    reads, logits = int(rng.integers(0, 4)), logits_of_all(transformer, vocab)
    votes: dict[str, Array] = {}
    for context, row in logits.items():
        end = context[-reads:] if reads else ""
        votes[end] = votes.get(end, np.zeros(len(vocab))) + (row == row.max())
    table = {}
    for end, vote in votes.items():
        kind = rng.random()
        wrong = {vocab[rng.integers(len(vocab))]}
        most = {token for token, count in zip(vocab, vote) if count > (0 if rng.random() < 0.5 else vote.max() - 1)}
        table[end] = most if kind < 0.85 else wrong if kind < 0.95 else set()

    def rule(context: Any) -> set[str]:
        end = "".join([str(context[i - min(reads, len(context))]) for i in range(min(reads, len(context)))])
        return table[end]

    return rule


def check_proof(transformer: Transformer, seed: int) -> Proof:
    vocab = "abc"[: len(transformer.token_embedding)]
    rule = some_rule(transformer, vocab, seed)
    wrong, skipped = [], 0
    margins = []
    largest = 1.0
    for context, logits in logits_of_all(transformer, vocab).items():
        largest = max(largest, float(np.abs(logits).max()))
        right = np.array([token in rule(context) for token in vocab])
        if right.all() or not right.any():
            skipped += 1
            continue
        margins.append(logits[right].max() - logits[~right].max())
        if not margins[-1] > 0:
            wrong.append(context)
    result = prove_answers(transformer, vocab, rule)
    assert [c.context for c in result.counterexamples] == wrong
    assert result.status == ("failed" if wrong else "holds")
    assert result.skipped == skipped
    assert result.contexts == len(margins)
    # A context that was run alone may differ in the last digits from its row of a batch.
    digits = 16 * float(np.finfo(transformer.dtype).eps) * largest
    assert result.margin <= min(margins, default=np.inf) + digits
    first = prove_answers(transformer, vocab, rule, first=True)
    assert [len(c.context) for c in first.counterexamples] == [len(context) for context in wrong[:1]]
    assert {c.context for c in first.counterexamples} <= set(wrong)
    return result


@pytest.mark.soundness
def test_proof_and_enumeration_agree(outcomes: Counter[str]) -> None:
    @many(30)
    @given(small(5), st.integers(0, 2**32 - 1))
    def check(transformer: Transformer, seed: int) -> None:
        result = check_proof(transformer, seed)
        outcomes[result.status] += 1
        outcomes["without enumerating"] += result.boxes < result.contexts

    check()
    assert_occurred(outcomes, "holds", "failed", "without enumerating")


@pytest.mark.soundness
def test_proof_and_enumeration_agree_up_to_eight_tokens(outcomes: Counter[str]) -> None:
    @many(6)
    @given(transformers(max_vocab=2, min_n_ctx=6, max_n_ctx=8), st.integers(0, 2**32 - 1))
    def check(transformer: Transformer, seed: int) -> None:
        outcomes[check_proof(transformer, seed).status] += 1

    check()
    assert_occurred(outcomes, "holds", "failed", least=2)


@pytest.mark.soundness
def test_equal_models_and_differences_are_what_enumeration_says(outcomes: Counter[str]) -> None:
    @many(30)
    @given(small(5), st.integers(0, 2**32 - 1))
    def check(a: Transformer, seed: int) -> None:
        rng = np.random.default_rng(seed)
        vocab = "abc"[: len(a.token_embedding)]
        changed = a.token_embedding + rng.choice([0, 0.01, 0.3]) * rng.normal(size=a.token_embedding.shape)
        b = replace(a, token_embedding=changed.astype(a.dtype))
        both = zip(logits_of_all(a, vocab).items(), logits_of_all(b, vocab).values())
        different = [context for (context, one), other in both if one.argmax() != other.argmax()]
        result = prove_equal(a, b, vocab)
        assert [c.context for c in result.counterexamples] == different
        assert result.status == ("failed" if different else "holds")
        outcomes[result.status] += 1

    check()
    assert_occurred(outcomes, "holds", "failed", least=2)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_zoo_is_proved(name: str, dtype: type) -> None:
    model = zoo.load(name)
    for function in (model.rule, *model.predictors):
        assert function is not None
        result = prove_answers(model.transformer.astype(dtype), model.vocab, function)
        assert result.status == "holds"
        assert result.contexts + result.skipped == sum(len(model.vocab) ** n for n in range(1, model.n_ctx + 1))


def test_the_two_readings_of_two_head() -> None:
    transformer = zoo.load("two_head").transformer
    as_built = prove_answers(transformer, "ab", reference.two_head_as_built)
    assert (as_built.status, as_built.boxes, as_built.contexts) == ("holds", 17, 126)
    assert as_built.margin == pytest.approx(0.9705, abs=1e-4)
    meant = prove_answers(transformer, "ab", reference.aab_or_third_previous)
    assert meant.status == "failed"
    assert {c.context for c in meant.counterexamples} == set(EITHER_FAILS)
    assert meant.boxes < 126
    shortest = prove_answers(transformer, "ab", reference.aab_or_third_previous, first=True)
    assert [(len(c.context), c.predicted, c.permitted) for c in shortest.counterexamples] == [(4, "a", ("b",))]


def test_families_are_proved_far_beyond_enumeration() -> None:
    for model in (zoo.load("aab", 64), zoo.load("two_head_either", 64), zoo.load("aab_compact", 64)):
        function = (*model.predictors, model.rule)[0]
        assert function is not None
        result = prove_answers(model.transformer.astype(np.float32), model.vocab, function)
        assert (result.status, result.contexts) == ("holds", 2**65 - 2)
        assert result.boxes < 5 * 64
        assert model.margin is not None
        assert result.margin > 0.999 * model.margin - 0.001


@pytest.mark.parametrize("vocab", ["abc", "abcd", "abcde"])
def test_induction_is_proved_without_a_split(vocab: str) -> None:
    model = induction.build(vocab, n_ctx=8)
    result = prove_answers(model.transformer, vocab, reference.induction)
    v = len(vocab)
    assert result.status == "holds"
    assert result.boxes == sum(v * (1 + (n - 2) * (v - 1)) for n in range(2, 9))


def test_a_long_failure_is_found_at_once() -> None:
    """Two heads with a query scale of 8 fail from n_ctx 974 on."""
    from properties.selftest.models import two_head_either

    model = two_head_either.build(974, query_scale=8)
    result = prove_answers(model.transformer, "ab", reference.aab_or_third_previous, [973, 974], first=True)
    assert result.status == "failed"
    assert [len(c.context) for c in result.counterexamples] == [974]
    margin = result.counterexamples[0].margin
    assert margin is not None
    assert margin <= 0


def test_ties_fail() -> None:
    transformer = Transformer(np.zeros((2, 2)), np.zeros((3, 2)), [])
    result = prove_answers(transformer, "ab", lambda c: {"a"})
    assert [c.margin for c in result.counterexamples] == [0] * 14
    assert prove_equal(transformer, transformer, "ab").status == "holds"


def test_what_the_budget_does_not_reach_is_undecided() -> None:
    model = zoo.load("two_head", None)
    result = prove_answers(model.transformer, "ab", reference.two_head_as_built, max_boxes=8)
    assert result.status == "undecided"
    assert result.widest
    assert result.boxes <= 8
    assert prove_answers(model.transformer, "ab", reference.two_head_as_built, max_seconds=0).status == "undecided"


def test_models_of_different_vocabularies_are_not_compared() -> None:
    with pytest.raises(ModelError, match="3 and 2 tokens, but should have the same"):
        prove_equal(induction.MODEL.transformer, aab_compact.MODEL.transformer, "abc")


def certify_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Bounds.margins

    def generous(*arguments: Any, **options: Any) -> Margins:
        margins = original(*arguments, **options)
        return Margins(margins.lower + 1e-3 + 0.3 * np.abs(margins.lower), margins.levels, margins.felt, margins.worst)

    monkeypatch.setattr(Bounds, "margins", generous)


def split_into_all_but_one(monkeypatch: pytest.MonkeyPatch) -> None:
    original = boxes.Box.split
    monkeypatch.setattr(boxes.Box, "split", lambda *arguments: list(original(*arguments))[:-1])


def take_ties_for_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    original = Bounds.margins

    def lenient(*arguments: Any, **options: Any) -> Margins:
        margins = original(*arguments, **options)
        return Margins(
            np.where(margins.lower > -1e-6, 1e-9, margins.lower), margins.levels, margins.felt, margins.worst
        )

    monkeypatch.setattr(Bounds, "margins", lenient)


def forget_what_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judges.Answers, "run", lambda *arguments: (1.0, None))


@pytest.mark.parametrize("fault", [certify_too_much, split_into_all_but_one, forget_what_is_run, take_ties_for_wins])
def test_a_planted_fault_is_noticed(
    fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault(monkeypatch)
    with pytest.raises(AssertionError):
        _check_all()


def test_settled_boxes_are_told() -> None:
    told: list[Settled] = []
    result = prove_answers(zoo.load("aab").transformer, "ab", reference.aab, settled=told.append)
    contexts = Counter[str]()
    for one in told:
        contexts[one.kind] += one.box.count(2)
    assert contexts == {"proved": result.contexts, "skipped": result.skipped}
    assert all((one.answer is None) == (one.kind == "skipped") for one in told)


def _check_all() -> None:
    test_ties_fail()
    for seed in range(300):
        check_proof(_one_layer(seed), seed)


def _one_layer(seed: int) -> Transformer:
    rng = np.random.default_rng(seed)
    w_q, w_k, w_v, w_o = rng.normal(0, 1, (4, 1, 3, 3))
    attention = zoo.Attention(w_q, w_k, w_v, w_o, scale=1)
    return Transformer(rng.normal(0, 1, (2, 3)), rng.normal(0, 1, (5, 3)), [attention])


def test_no_answer_is_no_equal_answer() -> None:
    """With one token there is nothing to split, and the logits are NaN, which is no answer."""
    one = np.ones((1, 1, 1))
    transformer = Transformer(np.array([[1e200]]), np.zeros((3, 1)), [Attention(one, one, one, one)])
    found = prove_equal(transformer, transformer, "a")
    assert (found.status, [c.predicted for c in found.counterexamples]) == ("failed", ["", "", ""])
