"""Running sums of numbers that are given: how terms are shifted, how halves are parted, and what is not known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.selftest.models import two_head
from zoo.enumeration.rounding import Rounding
from zoo.enumeration.running_sums import REACH, Sums
from zoo.transformer import forward
from zoo.transformer.arrays import Array


def made() -> Sums:
    return Sums(two_head.MODEL.transformer)


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (4, [(0, 1), (1, 2), (2, 3), (3, 4)]),
        (8, [(0, 2), (2, 4)]),
        (12, [(0, 3), (3, 4)]),
        (16, [(0, 4)]),
        (99, [(0, 4)]),
    ],
)
def test_first_halves_are_taken_some_at_a_time(size: int, expected: list[tuple[int, int]]) -> None:
    """Of five tokens: four first halves, each with four second halves, but one at least."""
    assert [(part.start, part.stop) for part in made().parts(5, size)] == expected


def scored(first: list[float], last: list[float]) -> Array:
    """The terms of a denominator, [last token, position, token], where a query has such scores with two positions."""
    sums = made()
    sums.q, sums.scale = np.ones((2, 1, 2, 1)), 1.0
    sums.k = np.array([first, last])[:, None, :, None]
    sums.v = np.ones((2, 1, 2, 2))
    return sums._terms(2)[:, 0, 0]


@pytest.mark.parametrize("base", [0.0, 2000.0, -2000.0])
@pytest.mark.parametrize(
    ("first", "last", "shift"),
    [
        ([0.0, 0.0], 0.0, 0.0),  # the largest is 1
        ([-700.0, 0.0], 0.0, 0.0),
        ([-700.0, -650.0], 0.0, 0.0),
        ([0.0, 500.0], 0.0, 500.0),
        ([0.0, 700.0], 0.0, REACH),  # not far above what every context reaches, though there may be much more
        ([-1.0, 700.0], 0.0, REACH),
        ([0.0, 700.0], -5.0, REACH),  # which is at the first position here, whatever the token
        ([0.0, 1200.0], 650.0, 1200.0),
    ],
)
def test_terms_are_shifted_so_that_a_denominator_is_neither_lost_nor_too_large(
    first: list[float], last: float, shift: float, base: float
) -> None:
    found = scored([base + score for score in first], [base + last] * 2)
    expected = np.exp(np.array([first, [last] * 2]) - shift)
    np.testing.assert_allclose(found, np.broadcast_to(expected, found.shape), rtol=1e-12)
    assert found.max(axis=2).max(axis=1).min() > 0
    assert (found.min(axis=2).sum(axis=1) >= np.exp(-REACH) * 0.999).all()


def test_at_the_last_position_there_is_the_last_token_alone() -> None:
    """Each is shifted by what it has: the other's score of 3000 is in no context of it."""
    found = scored([0.0, 0.0], [0.0, 3000.0])
    assert found[0].tolist() == [[1, 1], [1, 1]]
    assert found[1].tolist() == [[0, 0], [1, 1]]


@pytest.mark.parametrize("token", [0, 1])
@pytest.mark.parametrize("large", [[0, 1], [2, 3], [0, 2]])
def test_a_sum_that_overflows_after_some_tokens_is_enough(
    large: list[int], token: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its denominator is infinite and so a logit 0, which would be taken for a number."""
    sums, terms = made(), np.ones((2, 2, 3, 5, 2))
    monkeypatch.setattr(sums, "_terms", lambda length: terms)
    terms[:, :, 0, large, token] = 1e308
    with np.errstate(all="ignore"):
        assert all(np.isnan(logits).all() for *_, logits in sums.tiles(5))


def test_there_may_be_more_outputs_than_tokens() -> None:
    random = np.random.default_rng(0)
    model = two_head.MODEL.transformer
    transformer = replace(model, unembedding=random.normal(size=(3, model.d_model)))
    tokens = np.indices((2,) * 4).reshape(4, -1).T
    expected = forward(transformer, tokens, last=True)[:, -1]
    np.testing.assert_allclose(Sums(transformer).logits(tokens), expected, rtol=1e-9, atol=1e-9)


@np.errstate(all="ignore")
def test_of_a_sum_that_overflows_no_logit_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where its quotients are finite, and the other head's sums: [last token, head, sum, position, token]"""
    terms = np.ones((2, 2, 3, 3, 2))
    terms[:, 1, 0, :, 1] = 1e308  # a denominator, of which two are too many
    sums = made()
    monkeypatch.setattr(sums, "_terms", lambda length: terms)
    found = sums.logits(np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 1]]))
    assert np.isnan(found).all(axis=1).tolist() == [False, False, True, True]
    assert np.isfinite(found[:2]).all()


def test_only_sums_shift_scores_by_less_than_the_largest(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, weights, mean = [], Rounding.weights, Rounding.mean

    def noted(own: Any, *its: Any) -> Any:
        asked.append(its[5] if len(its) > 5 else 0.0)  # reach
        return own(*its)

    monkeypatch.setattr(Rounding, "weights", lambda *its: noted(weights, *its))
    monkeypatch.setattr(Rounding, "mean", lambda *its: noted(mean, *its))
    made()
    assert asked == [0.0, 0.0, REACH, REACH]
