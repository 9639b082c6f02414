"""The explainer's claims fail when its training step does, and what is checked of a model that states figures only."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import zoo
from properties.checks.table import CHECKS, checks
from zoo.models import explainer
from zoo.models.explainer import IDS, RATE, TARGETS, TOKENS
from zoo.training import backward
from zoo.training.backward import loss, sgd_step
from zoo.training.byte_pair import BytePair
from zoo.transformer.arrays import Array


def test_a_tied_gradient_applied_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    assert explainer.after_two(explainer.MODEL) == pytest.approx(3.0577, abs=5e-5)
    monkeypatch.setattr(explainer, "after", explainer.after_two)
    verdict = CHECKS["claims"].run(replace(explainer.MODEL, claims=[changed_claim("loss after one step")]))
    assert verdict.status == "failed"
    assert "3.0577" in verdict.detail


def changed_claim(text: str) -> zoo.Claim:
    """The first claim of that text, with its function as it is now."""
    claim = next(claim for claim in explainer.CLAIMS if claim.text == text)
    return replace(claim, recompute=lambda model: round(explainer.after(model), 4))


def test_gradients_twice_as_large_fail_the_claims(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backward, "_cross_entropy", doubled(backward._cross_entropy))
    verdict = CHECKS["claims"].run(explainer.MODEL)
    assert verdict.status == "failed"
    assert "0.0863" in verdict.detail


def doubled(cross_entropy: Callable[[Array, Array], tuple[float, Array]]) -> Callable[..., tuple[float, Array]]:
    def change(logits: Array, targets: Array) -> tuple[float, Array]:
        value, d_logits = cross_entropy(logits, targets)
        return value, 2 * d_logits

    return change


def test_a_claim_is_shown_with_what_came_out() -> None:
    verdict = CHECKS["claims"].run(explainer.MODEL)
    assert verdict.status == "holds"
    assert "loss after one step: claimed 3.293075878, recomputed 3.29307587" in verdict.detail
    for claim in explainer.MODEL.claims:
        if claim.within:  # ten times as far is refused
            assert isinstance(claim.claimed, float)
            assert not claim.holds(claim.claimed + 10 * claim.within)


def test_a_loss_that_is_off_in_the_eighth_digit_fails() -> None:
    claims = [claim for claim in explainer.CLAIMS if claim.text.startswith("loss after one step")]
    assert [claim.claimed for claim in claims if claim.within] == [3.293075878, 3.343253402]
    for claim in claims:
        found = claim.recompute(explainer.MODEL)
        assert isinstance(found, float)
        assert claim.holds(found)
        assert not claim.holds(found + 2e-8)


def test_the_claim_of_the_tokens_fails_with_the_tokenizer(monkeypatch: pytest.MonkeyPatch) -> None:
    characters, merges = explainer.TOKENIZER.characters, explainer.TOKENIZER.merges
    claim = next(claim for claim in explainer.CLAIMS if claim.text.startswith("tokens of "))
    assert claim.holds(claim.recompute(explainer.MODEL))
    for wrong in (BytePair(characters[1:], merges), BytePair(characters, merges[:2]), BytePair(characters, merges[1:])):
        monkeypatch.setattr(explainer, "TOKENIZER", wrong)
        try:
            found = claim.recompute(explainer.MODEL)
        except zoo.ContextError:  # a character that is unknown
            continue
        assert not claim.holds(found)


def test_the_biases_that_are_not_stated_matter_from_the_second_loss_on() -> None:
    for seed in range(5):
        transformer = explainer.biased(seed)
        assert loss(transformer, TOKENS, TARGETS) == pytest.approx(np.log(36), abs=1e-9)
        assert abs(loss(sgd_step(transformer, TOKENS, TARGETS, RATE), TOKENS, TARGETS) - 3.293075) > 1e-4


def test_float32_is_not_asked_of_a_model_that_states_no_answer() -> None:
    model = zoo.load("explainer")
    assert "float32" not in dict(checks(model))
    for stated in (replace(model, margin=0.0), replace(model, rule=lambda context: {"a"}), replace(model, claims=())):
        assert "float32" in dict(checks(stated))
    # All its logits are equal but for rounding, so that another precision does give another token.
    assert CHECKS["float32"].run(model).status == "failed"


def test_targets_that_are_none() -> None:
    transformer = explainer.MODEL.transformer
    for targets in (np.zeros((2, 7), int), TARGETS / 1, TARGETS + 30, TARGETS - 2, np.full((2, 8), -1)):
        with pytest.raises(zoo.ContextError, match="should"):
            loss(transformer, TOKENS, targets)


def test_its_vocabulary_is_written_as_one_word_a_token() -> None:
    model = explainer.MODEL
    assert model.predict(("<|endoftext|>", "l", "in", "Ġa")) in model.vocab
    assert [model.vocab[i] for i in IDS[5:8]] == ["r", "Ġa", "l"]


def test_its_arrays_begin_and_end_as_published() -> None:
    transformer = explainer.MODEL.transformer
    np.testing.assert_allclose(
        transformer.token_embedding[[0, 35]], [[0.01, 0.02, 0.03, 0.04], [0.36, 0.37, 0.38, 0.39]]
    )
    np.testing.assert_allclose(transformer.position_embedding[7], [0.08, 0.09, 0.10, 0.11])
    np.testing.assert_allclose(
        explainer.pyramid(4, 12)[:, [0, 11]].T, [[0.001, 0.002, 0.003, 0.004], [0.012, 0.09, 0.102, 0.114]]
    )
