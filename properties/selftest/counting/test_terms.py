"""Terms, piece by piece: what they are made of, what each rounding takes from them, and how far they say what runs."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.counting import terms
from properties.counting.terms import Terms, separable
from properties.proof import backward, interval
from properties.proof.arithmetic import Interval, OutOfRangeError
from properties.proof.bounds import Bounds
from zoo import Transformer
from zoo.transformer import Attention, Mlp, Norm, forward
from zoo.transformer.arithmetic import FLOAT64
from zoo.transformer.arrays import Array

UNIT, LENGTH, VOCAB, D = Fraction(FLOAT64.unit), 3, 4, 5


def drawn(normed: bool = False, bias: bool = False, mlp: bool = False, seed: int = 3, d: int = D) -> Transformer:
    rng = np.random.default_rng(seed)
    q, k, v = rng.normal(size=(3, 1, d, 2))
    attention = Attention(q, k, v, rng.normal(size=(1, 2, d)), b_o=rng.normal(size=d) if bias else None)
    before = [Mlp(rng.normal(size=(d, 3)), rng.normal(size=3), rng.normal(size=(3, d)), rng.normal(size=d), "relu")]
    norm = Norm(rng.normal(size=d), np.zeros(d), 1e-5) if normed else None
    rows = rng.normal(size=(VOCAB, d)), rng.normal(size=(LENGTH, d))
    return Transformer(*rows, [*before * mlp, attention], final_norm=norm, unembedding=rng.normal(size=(VOCAB, d)))


def spoilt(**attributes: Any) -> Terms:
    made = object.__new__(Terms)
    made.__dict__.update(attributes)
    return made


@pytest.mark.parametrize(
    ("normed", "bias", "mlp", "length"),
    [(False, False, False, LENGTH), (False, True, True, LENGTH - 1), (True, True, False, LENGTH)],
)
def test_sums_of_terms_are_what_running_says(normed: bool, bias: bool, mlp: bool, length: int) -> None:
    """Up to the weights' common factor, and the divisor of a Norm; from below and from above, and closely."""
    transformer = drawn(normed, bias, mlp)
    found, every = Terms(Bounds(transformer), length), np.array(list(product(range(VOCAB), repeat=length)))
    assert ((found.most[:, -1] > 0) == np.eye(VOCAB)).all()
    stream = forward(replace(transformer, final_norm=None, unembedding=np.eye(D)), every, last=True)[:, -1]
    deviation = np.sqrt(stream.var(axis=1) + transformer.final_norm.eps) if transformer.final_norm is not None else 1
    logits, at = forward(transformer, every, last=True)[:, -1], np.arange(length)
    for last, answer in product(range(VOCAB), repeat=2):
        some = every[:, -1] == last
        compared = found.of(last, answer)
        weight = found.least[last, at, every[some]].sum(axis=1)
        for rival in set(range(VOCAB)) - {answer}:
            gap = ((logits[:, answer] - logits[:, rival]) * deviation)[some] * weight
            for sums, own, sign in ((compared.down, compared.own_down, 1), (compared.up, compared.own_up, -1)):
                said = sums[rival, at[:-1], every[some, :-1]].sum(axis=1) + own[rival]
                assert ((gap - said) * sign >= -1e-14 * weight).all()
                assert ((gap - said) * sign < 1e-7 * weight).all()


def test_a_term_is_the_least_weight_or_the_most() -> None:
    """Whichever makes it smaller, or larger; each is widened, and the last position's are those of the last token."""
    beside, values = np.zeros((2, 2, 2)), np.zeros((2, 2, 3, 2))
    beside[1] = np.array([[9, -1], [3, 9]])
    values[0, 1], values[1, 0] = np.array([[[2, 0.5], [1, -2], [4, 8]], [[-4, -2.5], [-3, 1], [2, -1]]])
    least, most = np.zeros((2, 3, 2)), np.ones((2, 3, 2))
    least[1], most[1] = np.array([[[2, 4], [0, 1], [2, 3]], [[4, 8], [1, 2], [2, 4]]])
    found = spoilt(beside=beside, values=values, least=least, most=most, widen=0.125, tiny=2.0**-20).of(1, 0)
    low = np.array([[1.0 * 2, -0.5 * 8], [0.0 * 1, -3.0 * 2], [3.0 * 2, 7.0 * 3]])
    high = np.array([[1.0 * 4, -0.5 * 4], [0.0 * 0, -4.0 * 1], [-5.0 * 2, -2.0 * 3]])
    down, up = low - np.abs(low) / 8 - 2.0**-20, high + np.abs(high) / 8 + 2.0**-20
    assert found.down[1].tolist() == down[:2].tolist()
    assert found.up[1].tolist() == up[:2].tolist()
    assert (found.own_down[1], found.own_up[1]) == (down[2, 1], up[2, 1])


def test_weights_are_those_of_scores_that_are_known_from_either_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly, for what is subtracted is without rounding; also where exp is no float, and invisible ones weigh 0."""
    rng = np.random.default_rng(5)
    low = -rng.integers(0, 2**12, (1, VOCAB, LENGTH, VOCAB)) / 2.0**6
    low[0, 1, 2], low[0, 1, 0] = low[0, 1, 2] * 20, 0
    low[0, 1, 1] = -np.array([709.5, 722.75, 737.25, 743.5])  # where exp is a float of fewer bits
    high = low + 0.25
    low[0, 2, 1, 1] = -np.inf
    visible = np.ones(low.shape, bool)
    visible[0, 0, 1, 2] = False
    low[0, 0, 1, 2], high[0, 0, 1, 2] = 900, 950
    monkeypatch.setattr(terms, "ends", lambda *_: (low, high, low))
    monkeypatch.setattr(terms, "visible_tokens", lambda *_: visible)
    found = Terms(Bounds(drawn()), LENGTH)
    for last in range(VOCAB):
        shift = max(min(low[0, last, at][visible[0, last, at]]) for at in range(LENGTH))
        for at, token in product(range(LENGTH), range(VOCAB)):
            least, most = found.least[last, at, token], found.most[last, at, token]
            if not visible[0, last, at, token]:
                assert least == most == 0
                continue
            below, above = (Decimal(end[0, last, at, token] - shift).exp() for end in (low, high))
            assert 0 <= Decimal(least) <= below <= above <= Decimal(most)
            assert Decimal(least) >= below * Decimal(1 - 1e-13) - Decimal("2e-300")
            assert Decimal(most) <= above * Decimal(1 + 1e-13) + Decimal("2e-300")
    high += 1000
    with pytest.raises(OutOfRangeError):
        Terms(Bounds(drawn()), LENGTH)


def test_terms_are_widened_for_being_multiplied_and_summed() -> None:
    """Each is, and so are their sums here: twice by as many roundings."""
    bounds, count = Bounds(drawn()), LENGTH + 4
    gamma = count * UNIT / (1 - count * UNIT)
    assert bounds.arithmetic.own >= gamma
    bounds.arithmetic = replace(bounds.arithmetic, own=float(gamma))
    found = Terms(bounds, LENGTH)
    assert found.widen == 2 * float(gamma)
    assert found.tiny == 8 * (LENGTH + 4) * FLOAT64.tiny


@pytest.mark.parametrize(("factor", "known"), [(0.99, True), (1.0, False), (1.01, False), (np.nan, False)])
def test_terms_that_are_too_large_are_not_known(factor: float, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest weight 2, and sums of 1 + 3 eighths at each of 3 positions and one more, next to a quarter of all."""
    size = factor * FLOAT64.largest / 4 / 4 / 2 / 4

    def make(self: Terms, *_: object) -> None:
        self.most = np.array([0.5, 2.0])
        self.beside, self.values = size * np.array([-1.0, 0.5]), size * np.array([-3.0, 1.0])

    monkeypatch.setattr(Terms, "_make", make)
    if known:
        Terms(Bounds(drawn()), 3)
    else:
        with pytest.raises(OutOfRangeError):
            Terms(Bounds(drawn()), 3)


# What rounding takes, each made larger by a number that is known: so much less is known beside the head's mean.
TAKEN: dict[str, tuple[Any, Any]] = {
    "the direct path": (
        (backward, "embed"),
        lambda old: lambda x, pairs: replace(found := old(x, pairs), r=found.r + 0.125),
    ),
    "the stream": ((backward, "along_size"), lambda old: lambda x, pairs: old(x, pairs) + 0.0625),  # `embed` uses it
    "underflow": ((Bounds, "taken"), lambda old: lambda *given: old(*given) + 0.125),
    "underflow of a bias": ((terms, "lost"), lambda old: lambda *given: old(*given) + 0.125),
    "the answer's logit and the rival's": (
        (interval, "unembed"),
        lambda old: lambda *given: (old(*given)[0] + 0.0625, *old(*given)[1:]),
    ),
}


@pytest.mark.parametrize("what", TAKEN)
def test_what_rounding_takes_beside_the_head_is_taken_off(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = Bounds(drawn(bias=True))
    before = Terms(bounds, LENGTH).beside
    (owner, name), change = TAKEN[what]
    monkeypatch.setattr(owner, name, change(getattr(owner, name)))
    np.testing.assert_allclose(before - Terms(bounds, LENGTH).beside, 0.125, atol=1e-12)


def test_what_a_norm_takes_is_multiplied_by_what_it_divides_by(monkeypatch: pytest.MonkeyPatch) -> None:
    """1/deviation is a quarter at least: of two logits, four times as much less is known before it, and a rounding."""
    transformer = drawn(normed=True)
    bounds, taken = Bounds(transformer), 0.0
    bounds.arithmetic = replace(bounds.arithmetic, own=0.125)
    pairs = (transformer.readout[:, None] - transformer.readout).reshape(1, 1, VOCAB**2, -1)

    def behind(_: object, differences: Array, lower: Array, *more: object) -> tuple[Array, Array]:
        assert (differences == pairs).all()
        return lower - taken, np.full(D, taken)

    monkeypatch.setattr(interval, "inverse_deviation", lambda *_: (np.full(1, 0.25), np.full(1, 4.0)))
    monkeypatch.setattr(backward, "behind_norm", behind)
    errors = np.array([1.0, 2.0, 4.0, 8.0])
    monkeypatch.setattr(interval, "unembed", lambda magnitude, *_: (magnitude[:1] * errors, None))
    before = Terms(bounds, LENGTH).beside
    taken = 0.5
    after = Terms(bounds, LENGTH).beside
    expected = (taken + taken * (errors[:, None] + errors)) * 4 * 1.125
    np.testing.assert_allclose(before - after, np.broadcast_to(expected, before.shape), atol=1e-9)


def test_values_are_known_from_below(monkeypatch: pytest.MonkeyPatch) -> None:
    bounds = Bounds(drawn())
    before, heads = Terms(bounds, LENGTH).values, type(bounds.first).heads

    def less(*given: Any) -> Any:
        [head] = heads(*given)
        assert head.along is not None
        return [replace(head, along=Interval(head.along.c, head.along.r + 0.125))]

    monkeypatch.setattr(type(bounds.first), "heads", less)
    np.testing.assert_allclose(before - Terms(bounds, LENGTH).values, 0.125, atol=1e-12)


def test_what_is_a_sum_of_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    """The only attention, of one head, behind all others; and a Norm behind it that adds nothing."""
    plain = drawn(normed=True, mlp=True)
    [mlp, attention] = plain.layers
    assert isinstance(attention, Attention)
    assert separable(plain)
    assert separable(drawn())
    q, k, v, o = (np.repeat(x, 2, axis=0) for x in (attention.w_q, attention.w_k, attention.w_v, attention.w_o))
    two = Attention(q, k, v, o)
    norm = plain.final_norm
    assert norm is not None
    for other in (
        replace(plain, layers=[]),
        replace(plain, layers=[mlp]),
        replace(plain, layers=[attention, mlp]),
        replace(plain, layers=[attention, attention]),
        replace(plain, layers=[mlp, two]),
        replace(plain, final_norm=replace(norm, bias=np.eye(D)[0])),
    ):
        assert not separable(other)
    monkeypatch.setattr(terms, "within_reach", lambda _: False)
    assert not separable(plain)
