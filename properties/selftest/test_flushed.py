"""Where the program's results are flushed to zero, what is said of it is said of what it computes then."""

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.certificate import certify
from properties.proof.search import prove_answers
from properties.recheck import recheck
from properties.selftest.enumeration.test_soundness_of_enumeration import check_enumeration
from properties.selftest.examples import assert_occurred, many
from properties.selftest.extreme_models import PATHS, Drawn, transformers
from properties.selftest.extreme_rules import Executed
from properties.selftest.flushed import flushed, with_programs_flushed
from properties.selftest.proof.test_soundness_of_certificates import check_certificate, check_checked
from properties.selftest.proof.test_soundness_of_proofs import check_bounds, check_proof
from zoo import Attention, Mlp, Model, Norm, Transformer
from zoo.errors import CertificateError
from zoo.transformer import Layer
from zoo.transformer.arrays import Array

SEEDS = st.integers(0, 2**32 - 1)
Check = Callable[[Drawn, int, Counter[str]], None]


def enumerated(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    check_enumeration(drawn, outcomes)


# How many examples, of what, and what should occur among them.
CHECKS: dict[str, tuple[Check, int, st.SearchStrategy[Drawn], tuple[str, ...]]] = {
    "proofs": (check_proof, 70, transformers(), ("holds by bounds", "failed")),
    "bounds": (check_bounds, 44, transformers(vocab=(2, 3)), ("proved", "bounded")),
    "certificates": (check_certificate, 16, transformers(vocab=(2, 3), most=20), ("confirmed", "none")),
    "the checker": (check_checked, 16, transformers(vocab=(2, 3), most=20), ("positive", "negative")),
    "enumeration": (enumerated, 66, PATHS, ("sums", "prefixes", "doubtful", "settled")),
}


def test_results_are_flushed_and_inputs_are_not() -> None:
    for dtype in (np.float64, np.float32):
        tiny: Array = np.array([np.finfo(dtype).tiny])
        small = tiny / 2
        with flushed():
            assert not (small + 0).any()
            assert not (tiny / 2).any()
            assert (small * 2 == tiny).all()
        assert (small + 0 == tiny / 2).all()


def alone(dtype: type, where: str) -> Transformer:
    """b wins by a number below the normal ones that has no other addend, or that is all that a Norm divides by."""
    info = np.finfo(dtype)

    def zeros(*shape: int) -> Array:
        return np.zeros(shape, dtype)

    small: Array = np.array([0, info.tiny / 8], dtype)
    loud: Array = np.array([[0], [info.max / 8]], dtype)
    one: Array = np.array([[0], [1]], dtype)
    tokens, norm, read = zeros(2, 2), None, loud * one.T
    layers: list[Layer] = []
    if where == "an embedding":
        tokens = tokens + small
    elif where == "b_o":
        layers = [Attention(*(zeros(1, 2, 1),) * 3, zeros(1, 1, 2), b_o=small, scale=1)]
    elif where == "b_out":
        layers = [Mlp(zeros(2, 1), zeros(1), zeros(1, 2), small, "relu")]
    elif where == "a Norm's bias":
        norm = Norm(zeros(2), small, 1)
    elif where == "an inner Norm's bias":
        asked, read = zeros(1, 2, 1), one * one.T
        layers = [Attention(asked, asked, loud[None], one.T[None], norm=Norm(zeros(2), small, 1))]
    else:  # an eps
        norm, read = Norm(zeros(2), one[:, 0], float(small[1])), one * one.T
    return Transformer(tokens, zeros(2, 2), layers, norm, read)


WHERE = ("an embedding", "b_o", "b_out", "a Norm's bias", "an inner Norm's bias", "an eps")


def always_b(context: Any) -> set[str]:
    return {"b"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("where", WHERE)
def test_a_number_that_stands_alone_may_be_lost(where: str, dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    t = alone(dtype, where)
    model = Model("alone", "ab", t, rule=always_b)
    assert not Executed(t).wrong(always_b)  # as it runs here, b wins
    kept = prove_answers(t, "ab", always_b)
    assert kept.status == "holds"
    assert kept.margin > 0
    with pytest.MonkeyPatch.context() as patch:
        with_programs_flushed(patch)
        lost = Executed(t)
        assert len(lost.wrong(always_b)) == len(lost.logits)
        assert prove_answers(t, "ab", always_b).status == "failed"
        _, made = certify(model, always_b)
        assert made is None
        check_bounds(t, 0, Counter())
        check_enumeration(t, Counter())
    _, made = certify(model, always_b)  # each context was run
    assert made is not None
    pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
    with_programs_flushed(monkeypatch)
    check_checked(t, 0, Counter())
    with pytest.raises(CertificateError):
        recheck(json.loads(json.dumps(made)), model, always_b)


@pytest.mark.soundness
@pytest.mark.parametrize("kind", CHECKS)
def test_what_is_said_of_a_program_holds_where_its_results_are_flushed(
    kind: str, outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if kind in ("certificates", "the checker"):
        pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
    one, examples, drawn, kinds = CHECKS[kind]
    with_programs_flushed(monkeypatch)

    @many(examples)
    @given(drawn, SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        one(drawn, seed, outcomes)

    check()
    assert_occurred(outcomes, *kinds, "float32", "float64", least=2)
