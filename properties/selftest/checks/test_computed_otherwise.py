"""Models that compute otherwise than their weights do in numpy's arithmetic: nothing is proved of them."""

from typing import Any

import numpy as np
import pytest

from properties import check_model, count
from properties.checks import choice
from properties.checks.verdict import How
from properties.proof.arithmetic import Arithmetic
from properties.proof.certificate import certify
from properties.robustness.number_types import in_type
from properties.selftest.proof.certificates import certificate
from zoo import NUMBER, Model, Transformer
from zoo.errors import CertificateError, ModelError
from zoo.transformer import Mlp
from zoo.transformer.arrays import Array

METHODS: list[Any] = ["auto", "prove", "enumerate"]
ALIKE = np.array([[1.0, 1], [1, 1]])


def always_a(context: Any) -> set[str]:
    return {"a"}


class Opposite(Model):
    def forward(self, tokens: Array, last: bool = False) -> Array:
        return -super().forward(tokens, last)


def opposite() -> Model:
    a = np.array([[1.0, 0], [1, 0]])
    return Opposite("opposite", "ab", Transformer(a, np.zeros((3, 2)), [], None, np.eye(2)), rule=always_a)


def close(dtype: str) -> Model:
    """a wins by 2^-10, which bfloat16 rounds away."""
    zeros = np.zeros((2, 1))
    mlp = Mlp(zeros, np.ones(1), np.array([[2.0**-10, 0]]), np.zeros(2), "relu")
    transformer = in_type(Transformer(ALIKE, np.zeros((3, 2)), [mlp], None, np.eye(2)), dtype)
    return Model("close", "ab", transformer, rule=always_a)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [opposite(), close("bfloat16")], ids=["its own", "bfloat16"])
def test_it_is_not_said_to_hold(model: Model, method: Any) -> None:
    for verdict in check_model(model, method, ["rule", "float32"]):
        assert (verdict.status, verdict.method) == ("failed", "enumerated")


def test_where_there_are_many_contexts_they_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proof of its weights would settle nothing."""
    monkeypatch.setattr(choice, "open_to", lambda *_: True)
    monkeypatch.setattr(choice, "work", lambda *_: 10**12)
    assert choice.decided(opposite(), How()).method == "enumerate"


def test_nor_is_it_certified_or_counted() -> None:
    for ask in (count, lambda model: certify(model, always_a)):
        with pytest.raises(ModelError, match="of its own, but should have that of its weights to be"):
            ask(opposite())
    proof, made = certify(close("bfloat16"), always_a)
    assert (proof.status, made) == ("undecided", None)
    assert count(close("bfloat16")).wrong == 14
    with pytest.raises(ModelError, match="an emulated type in float32, but should be float32 or float64 to be bounded"):
        Arithmetic.of_program(close("bfloat16").transformer)


def test_a_certificate_of_the_same_numbers_is_refused() -> None:
    recheck = pytest.importorskip("properties.recheck").recheck
    made = certificate(close("float32"), always_a)
    assert recheck(made, close("float32"), always_a).contexts == 14
    with pytest.raises(CertificateError, match="of an emulated type, but should be numpy's own to be confirmed"):
        recheck(made, close("bfloat16"), always_a)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_near_a_number_that_is_near_another_may_be_further(method: Any) -> None:
    """In float32 it is 1, and off by more than the rule allows, not the predictor."""
    one = Transformer(np.full((2, 1), 1.00000002), np.zeros((3, 1)), [], None, np.eye(1))
    stated: dict[str, Any] = {"rule": lambda context: 1.00000004, "predictors": [lambda context: 1.00000001]}
    model = Model("near", "ab", one, outputs=NUMBER, within=3e-8, **stated)
    [verdict] = check_model(model, method, ["float32"])
    assert verdict.status == "failed"
