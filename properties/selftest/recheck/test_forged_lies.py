"""Certificates of what is false: none is confirmed, whatever stands in their leaves, by whichever check."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

import reference
from properties.proof.certificate import digest, source_digest
from properties.selftest.models import aab, ab
from properties.selftest.recheck.forgeries import fields, outcomes_of, some, structures
from properties.selftest.recheck.grown import Grown, retargeted
from properties.selftest.recheck.liars import GUESSERS, guessing
from properties.selftest.recheck.truth import Json, Truth, confirmed
from zoo import Attention, Model

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def never_b(context: Any) -> set[str]:
    return {"a"}


def never_a(context: Any) -> set[str]:
    """Of one leaf, its first context alone is right in `ab`."""
    return {"b"}


def aab_but_for_one(context: Any) -> set[str]:
    """One context is as the model does not answer it."""
    return {"b"} if context == "bb" else reference.aab(context)


def without_bias(model: Model) -> Model:
    """What is said after no count is b then, by a tie."""
    [layer] = model.transformer.layers
    assert isinstance(layer, Attention)
    return replace(model, transformer=replace(model.transformer, layers=[replace(layer, b_o=None)]))


def tied(model: Model) -> Model:
    """All logits are 0, and the first token is the answer."""
    unembedding = np.zeros_like(model.transformer.token_embedding)
    return replace(model, transformer=replace(model.transformer, unembedding=unembedding))


CASES: list[tuple[Model, Callable[[Any], Any]]] = [
    (aab.build(2), aab_but_for_one),
    (without_bias(aab.build(2)), reference.aab),
    (ab.build(2), never_b),
    (ab.build(2), never_a),
    (tied(ab.build(1)), never_b),
]
MARGINS = [None, -1e9, -5, 0, 5e-324, 1e-9, 1e9]


@cache
def case(number: int) -> tuple[Truth, Json]:
    """What is so, and what a certificate is about."""
    model, function = CASES[number // 2]
    truth = Truth(model.astype((np.float64, np.float32)[number % 2]), function)
    named = {"name": function.__name__, "source": source_digest(function)}
    head = {"format": 2, "model": model.name, "vocab": list(model.vocab), "n_ctx": model.n_ctx, "function": named}
    return truth, {**head, "dtype": str(truth.t.dtype), "arrays": digest(truth.t)}


@pytest.mark.parametrize("number", range(2 * len(CASES)))
def test_whatever_stands_in_its_leaves(number: int) -> None:
    truth, head = case(number)
    for kind in ("proved", "run", "skipped"):
        for margin in MARGINS:
            made = Grown(truth, head, kind=kind, margin=margin).made
            assert truth.why_not(made)
            assert not confirmed(made, truth)


@pytest.mark.parametrize("guesser", GUESSERS)
def test_whatever_is_guessed(guesser: str) -> None:
    for number in range(2 * len(CASES)):
        truth, head = case(number)
        for margin in (None, 5e-324):
            with guessing(guesser):
                assert not confirmed(Grown(truth, head, margin=margin).made, truth)


@pytest.mark.parametrize("number", range(2 * len(CASES)))
@pytest.mark.parametrize("margin", [None, 1.0])
def test_whatever_is_changed_in_it(number: int, margin: float | None) -> None:
    """Starting from what is so, but for a margin that is not above 0; and from one that is, and is not so."""
    truth, head = case(number)
    made = Grown(truth, head, margin=margin).made
    for forgeries in (fields, structures):
        outcomes = outcomes_of(some(forgeries(made, truth.vocab), number, 40), truth)
        assert not outcomes[True]
        assert outcomes[False] > 10


def says(model: Model) -> Callable[[Any], set[str]]:
    return lambda context: {model.predict(context)}


@pytest.mark.parametrize("number", range(2 * len(CASES)))
def test_a_certificate_of_what_the_model_says(number: int) -> None:
    """It is right of another function, and so is its margin."""
    truth, head = case(number)
    other = Truth(truth.model, says(truth.model))
    for kind in ("proved", "run"):
        made = retargeted(Grown(other, head, kind=kind).made, head)
        assert truth.why_not(made)
        assert not confirmed(made, truth)
