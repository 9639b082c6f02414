"""Models of which a false thing was once said: each is a kind of fault of its own."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from properties import check_model
from properties.proof.certificate import certify
from properties.recheck import recheck
from properties.selftest.examples import assert_sentence
from properties.selftest.forging import LARGER, PROVED, forged
from properties.selftest.recheck.liars import GUESSERS, guessing
from zoo import Attention, Cycle, Model, ModelError, Norm, RuleError, Transformer
from zoo.enumeration import paths
from zoo.errors import CertificateError, ZooError
from zoo.rule.asking import Function
from zoo.transformer.arrays import Array

f, z = np.float32, np.zeros
SAYS_A = np.array([[1.0, 0], [1, 0]]), np.eye(2)  # an embedding and an unembedding
Build = Callable[[], Model]
UNSOUND: dict[str, Build] = {}


def unsound(build: Build) -> Build:
    UNSOUND[build.__name__] = build
    return build


def always_a(context: Any) -> set[str]:
    return {"a"}


def always_b(context: Any) -> set[str]:
    return {"b"}


def the_last(context: Any) -> set[str]:
    return {context[-1]}


def zeros(*shape: int) -> Array:
    return np.zeros(shape, f)


@unsound
def answers_nan() -> Model:
    """Scores overflow: every logit is NaN, there is no answer, and nothing is generated."""
    one = np.ones((1, 2, 1))
    attention = Attention(one, one, z((1, 2, 1)), z((1, 1, 2)))
    transformer = Transformer(np.array([[1e200, 0], [1e200, 0]]), z((3, 2)), [attention], None, np.eye(2))
    return Model("nan", "ab", transformer, cycle=Cycle("a", 3))


@unsound
def asks_for_its_type() -> Model:
    """A rule that tells a real context from any other; the model always says a, and is wrong after abba."""

    def rule(context: Any) -> set[str]:
        return {"b"} if type(context) is str and context == "abba" else {"a"}

    return Model("type", "ab", Transformer(SAYS_A[0], z((4, 2)), [], None, SAYS_A[1]), rule=rule)


@unsound
def eps_beyond_float32() -> Model:
    """The program divides by infinity: every logit is 0, and b ties with a."""
    norm = Norm(np.full(2, 1e25, f), z(2, f), 1e39)
    return Model("eps", "ab", Transformer(np.eye(2, dtype=f), z((3, 2), f), [], norm), rule=the_last)


@dataclass(frozen=True)
class Says:
    name: str
    token: str = field(compare=False)

    def __call__(self, context: Any) -> str:
        return self.token


@unsound
def equal_predictors() -> Model:
    """Two predictors that compare equal and answer differently; the model is only as the first."""
    transformer = Transformer(SAYS_A[0], z((3, 2)), [], None, SAYS_A[1])
    return Model("equal", "ab", transformer, predictors=[Says("x", "a"), Says("x", "b")])


@unsound
def keys_overflow() -> Model:
    """Keys overflow in a dimension that queries do not use, behind position 64: the program gives NaN."""
    embedding, readout = np.array([[1e20, 1, 0], [1e20, 0, 1]], f), np.array([[0, 1, 0], [0, 0, 1]], f)
    w_k = np.array([[[1e20], [0], [0]]], f)
    attention = Attention(zeros(1, 3, 1), w_k, zeros(1, 3, 1), zeros(1, 1, 3))
    return Model("keys", "ab", Transformer(embedding, z((65, 3), f), [attention], None, readout), rule=the_last)


@unsound
def one_output_is_none() -> Model:
    """Nothing competes with the only output there is, and its logit is NaN: no margin is reached."""
    huge = np.array([[1e200, 1e200]])
    return Model("one", "a", Transformer(huge, z((2, 2)), [], None, huge * [[1, -1]]), margin=0.0)


@unsound
def products_underflow() -> Model:
    """Unembedding times output weights underflows in the proof, not in the program: the model says b."""
    w_v, w_o = np.full((1, 1, 1), 1e170), np.full((1, 1, 1), -1e-169)
    attention = Attention(z((1, 1, 1)), z((1, 1, 1)), w_v, w_o)
    transformer = Transformer(np.ones((2, 1)), z((3, 1)), [attention], None, np.array([[1e-170], [0.0]]))
    return Model("products", "ab", transformer, rule=always_a)


@unsound
def readout_overflows() -> Model:
    """A difference of two unembedding rows overflows in the proof: the model says b."""
    readout = np.array([[1.7e308, -1e308], [-1.5e307, 0]])
    transformer = Transformer(np.array([[0.01, 0.2]] * 2), z((3, 2)), [], None, readout)
    return Model("readout", "ab", transformer, rule=always_a)


class Memo:
    def __init__(self) -> None:
        self.seen: dict[int, str] = {}

    def rule(self, context: Any) -> set[str]:
        self.seen.setdefault(len(context), context[0])
        return {self.seen[len(context)]}


@unsound
def remembers_in_itself() -> Model:
    """A rule that remembers in its object: what it says to a context depends on what it was asked before."""
    return Model("memo", "ab", Transformer(SAYS_A[0], z((12, 2)), [], None, SAYS_A[1]), rule=Memo().rule)


@unsound
def scores_underflow() -> Model:
    """Queries underflow in the program and not in running sums; it says b after abbbbbbbb."""

    def rule(context: Any) -> set[str]:
        return {"a", "b"} if len(context) != 9 else {"a"} if "a" in context else {"b"}

    embedding, eye = np.array([[1e-20, 0], [0, 1e-20]], f), np.eye(2, dtype=f)
    w_q, w_k = np.full((1, 2, 1), 1e-30, f), np.array([[[1e38], [0]]], f)
    attention = Attention(w_q, w_k, eye[None] * f(1e20), eye[None], scale=1e33)
    return Model("scores", "ab", Transformer(embedding, z((9, 2), f), [attention], None, eye), rule=rule)


@unsound
def a_norm_underflows() -> Model:
    """What a Norm divides underflows before its large weight multiplies it: every logit is 0."""
    norm = Norm(np.full(2, 1e38, f), z(2, f), 1e30)
    readout = np.array([[1e7, 0], [0, 0]], f)
    transformer = Transformer(np.array([[5e-31, -5e-31]] * 2, f), z((2, 2), f), [], norm, readout)
    return Model("norm", "ab", transformer, rule=always_a)


@unsound
def variance_and_eps_overflow() -> Model:
    """Together, not each by itself: the program divides by infinity, and every logit is 0."""
    norm = Norm(np.ones(2, f), z(2, f), 3.3e38)
    readout = np.array([[1, 0], [0, 0]], f)
    transformer = Transformer(np.array([[6.3e18, -6.3e18]] * 2, f), z((2, 2), f), [], norm, readout)
    return Model("variance", "ab", transformer, rule=always_a)


@unsound
def zero_times_an_infinite_scale() -> Model:
    """All scores are exactly 0, and a scale that float32 has not makes them NaN."""
    attention = Attention(zeros(1, 2, 1), zeros(1, 2, 1), zeros(1, 2, 1), zeros(1, 1, 2), scale=1e39)
    transformer = Transformer(SAYS_A[0].astype(f), z((2, 2), f), [attention], None, np.eye(2, dtype=f))
    return Model("scale", "ab", transformer, rule=always_a)


@unsound
def scores_overflow_before_a_small_scale() -> Model:
    w = np.full((1, 2, 1), 1e20, f)
    attention = Attention(w, w, zeros(1, 2, 1), zeros(1, 1, 2), scale=1e-38)
    return Model("early", "ab", Transformer(np.eye(2, dtype=f), z((2, 2), f), [attention]), rule=the_last)


@unsound
def an_embedding_overflows_unread() -> Model:
    """Token and position add to infinity in a dimension that no weight reads: times 0 it is NaN."""
    attention = Attention(zeros(1, 3, 1), zeros(1, 3, 1), zeros(1, 3, 1), zeros(1, 1, 3))
    embeddings = np.array([[1, 0, 2e38], [0, 1, 2e38]], f), np.array([[0, 0, 2e38]] * 2, f)
    transformer = Transformer(*embeddings, [attention], None, np.eye(2, 3, dtype=f))
    return Model("unread", "ab", transformer, rule=the_last)


@unsound
def an_output_overflows_unread() -> Model:
    w_v, w_o = np.array([[[1e20], [1e20], [0]]], f), np.array([[[0, 0, 1e20]]], f)
    attention = Attention(zeros(1, 3, 1), zeros(1, 3, 1), w_v, w_o)
    eye = np.eye(2, 3, dtype=f)
    return Model("output", "ab", Transformer(eye, z((2, 3), f), [attention], None, eye), rule=the_last)


@unsound
def an_output_underflows() -> Model:
    """Values times output weights are 0 in the program; a large unembedding would tell."""
    w_v, w_o = np.array([[[1e-30], [0]]], f), np.array([[[0, -1e-30]]], f)
    attention = Attention(zeros(1, 2, 1), zeros(1, 2, 1), w_v, w_o)
    readout = np.array([[0, 1e38], [0, 0]], f)
    transformer = Transformer(SAYS_A[0].astype(f), z((2, 2), f), [attention], None, readout)
    return Model("under", "ab", transformer, rule=always_b)


@unsound
def a_denominator_overflows() -> Model:
    """Two terms of e^709.5 are infinite in running sums, but not a tenth of them: their quotient is 0 and not 0.1."""
    embedding = np.array([[0, -0.05, 1], [1, -0.05, 1]])  # is b; what is read out; one
    looks, offers = np.array([[[0], [0], [1.0]]]), np.array([[[1309.5], [0], [0]]])
    attention = Attention(looks, offers, np.array([[[0.1], [0], [0]]]), np.array([[[0, 1.0, 0]]]), scale=1)
    transformer = Transformer(embedding, z((3, 3)), [attention], None, np.array([[0, 1.0, 0], [0, -1.0, 0]]))

    def rule(context: Any) -> set[str]:
        return {"b"} if context[-1] == "a" and sum(token == "b" for token in context) != 1 else {"a"}

    return Model("denominator", "ab", transformer, rule=rule)


def checked(model: Model) -> list[str]:
    return [name for name in ("rule", "predictors", "cycle", "margin") if getattr(model, name) not in (None, ())]


# By which method what is refused, of which no verdict is given; where none is named, by any.
REFUSED: dict[tuple[str, str], type[ZooError]] = {
    ("eps_beyond_float32", ""): ModelError,
    ("zero_times_an_infinite_scale", ""): ModelError,
    ("remembers_in_itself", ""): RuleError,
    ("keys_overflow", "enumerate"): ModelError,
}


@pytest.mark.parametrize("method", ["auto", "enumerate", "prove"])
@pytest.mark.parametrize("name", UNSOUND)
def test_it_is_not_said_to_hold(name: str, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MANY", 1)  # running sums wherever they can be
    if (refused := REFUSED.get((name, method), REFUSED.get((name, "")))) is not None:
        with pytest.raises(refused) as error:
            check_model(model := UNSOUND[name](), method, checked(model))
        assert_sentence(error.value)
        return
    model = UNSOUND[name]()
    [verdict] = check_model(model, method, checked(model))
    assert verdict.status == "failed", verdict


@pytest.mark.skipif(find_spec("flint") is None, reason="python-flint is not installed")
@pytest.mark.parametrize("name", UNSOUND)
def test_no_certificate_of_it_is_confirmed(name: str) -> None:
    """Neither the prover's, if there is one, nor a liar's, whatever is guessed."""
    refused, seen = REFUSED.get((name, "")), 0
    for lie in (None, PROVED, LARGER):
        with nullcontext() if refused is None else pytest.raises(refused, match="should"):
            for made, model, function in certificates_of(UNSOUND[name](), lie):
                for guesser in (None, *(GUESSERS if lie == PROVED else ())):
                    with pytest.raises(CertificateError), nullcontext() if guesser is None else guessing(guesser):
                        recheck(made, model, function)
                    seen += 1
    assert seen or refused or UNSOUND[name]().rule is None  # and then there is nothing to certify


@np.errstate(all="ignore")
def certificates_of(model: Model, lie: str | None) -> list[tuple[Any, Model, Function]]:
    """The prover's or a liar's, of each of its functions; of predictors the first is followed."""
    functions = [function for function in (*model.predictors[1:], model.rule) if function is not None]
    made = [certify(model, f)[1] if lie is None else forged(model, f, lie) for f in functions]
    return [(one, model, f) for one, f in zip(made, functions) if one is not None]
