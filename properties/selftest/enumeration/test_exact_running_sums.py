"""The bound on running sums against exact arithmetic: both programs by themselves, and how far they can be apart."""

from functools import partial
from typing import Any

import numpy as np
import pytest

from properties.selftest.enumeration.exact import U, inputs, largest_first, rounding
from properties.selftest.proof.exact import use_worst_numbers
from properties.selftest.worst import Number, Program, Run, exact, span
from zoo import Attention, Transformer
from zoo.enumeration import running_sums
from zoo.enumeration.running_sums import REACH, Sums
from zoo.transformer import scalar
from zoo.transformer.arithmetic import FloatingPoint
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what shifts scores is near, so that its rounding does not hide all others."""
    use_worst_numbers(monkeypatch)
    monkeypatch.setattr(running_sums, "REACH", 2.0)


def by_forward(t: Transformer, tokens: list[int], out: int, run: Run) -> Number:
    result: Number = scalar.scalar_forward(t, tokens, lambda x: run(x, 0.0), last=True)[0][out]
    return result


class Terms:
    """Of one run of the sums: numbers of a transformer and a length, each made once."""

    def __init__(self, t: Transformer, tokens: list[int], run: Run) -> None:
        [layer] = t.layers
        assert isinstance(layer, Attention)
        self.t, self.layer, self.run, self.tokens = t, layer, run, tokens
        self.x = [
            [scalar.embed(inputs(run, token), inputs(run, position)) for token in t.token_embedding]
            for position in t.position_embedding[: len(tokens)]
        ]

    def mapped(self, x: list[Number], w: Array, b: Array | None) -> list[Number]:
        made: list[Number] = scalar._linear(
            x, inputs(self.run, w), None if b is None else inputs(self.run, b), self.run
        )
        return made

    def scores(self, h: int) -> list[list[Number]]:
        """[position][token]; at the last position there is the last token alone."""
        a, last = self.layer, self.tokens[-1]
        biases = (None if b is None else b[h] for b in (a.b_q, a.b_k))
        b_q, b_k = biases
        q = self.mapped(self.x[-1][last], a.w_q[h], b_q)
        scale = self.run(a.multiplier, 0.0)
        rows = [*self.x[:-1], [self.x[-1][last]]]
        return [[scalar._dot(self.mapped(x, a.w_k[h], b_k), q, self.run) * scale for x in row] for row in rows]

    def shift(self, scores: list[list[Number]]) -> Number:
        """The largest, or what is REACH above what every context reaches."""
        largest = max((s for row in scores for s in row), key=lambda s: float(s.value))
        least = [min(row, key=lambda s: float(s.value)) for row in scores]
        reached = max(least, key=lambda s: float(s.value))
        if float(largest.value) <= float(reached.value) + running_sums.REACH:
            return largest
        return reached + self.run(running_sums.REACH, 0.0)

    def quotient(self, h: int, out: int) -> Number:
        a, n = self.layer, len(self.tokens)
        scores = self.scores(h)
        shift = self.shift(scores)
        chosen = [scores[p][t if p < n - 1 else 0] for p, t in enumerate(self.tokens)]
        e = [self.run(1.0, 0.0) if s is shift else (s - shift).exp() for s in chosen]
        read = inputs(self.run, self.t.readout[out])
        values = []
        for p, token in enumerate(self.tokens):
            v = self.mapped(self.x[p][token], a.w_v[h], None if a.b_v is None else a.b_v[h])
            values.append(scalar._dot(self.mapped(v, a.w_o[h], None), read, self.run))
        return largest_first([w * v for w, v in zip(e, values)]) / largest_first(e)


def by_sums(t: Transformer, tokens: list[int], out: int, run: Run) -> Number:
    terms = Terms(t, tokens, run)
    x = terms.x[-1][tokens[-1]]
    b_o = terms.layer.b_o
    x = x if b_o is None else scalar._add(x, inputs(run, b_o))
    fixed = scalar._dot(x, inputs(run, t.readout[out]), run)
    return largest_first([fixed, *(terms.quotient(h, out) for h in range(len(terms.layer.w_q)))])


def model(tokens: Any, layer: Attention, n_ctx: int, readout: Any, positions: Any = None) -> Transformer:
    tokens = np.array(tokens, float)
    positions = np.full((n_ctx, tokens.shape[1]), 1e-30) if positions is None else np.array(positions, float)
    return Transformer(tokens, positions, [layer], None, np.array(readout, float))


def one(w_q: Any, w_k: Any, w_v: Any, w_o: Any, **also: Any) -> Attention:
    w_q, w_k, w_v = (np.array(w, float)[None, :, None] for w in (w_q, w_k, w_v))
    return Attention(w_q, w_k, w_v, np.array(w_o, float)[None, None], **also)


two = Attention(
    np.array([[[1.0, -1], [2, 0]], [[0.5, 1], [-1, 1]]]),
    np.array([[[-1.0, 1], [0.5, 0]], [[2, 1], [0, -1]]]),
    np.array([[[1.0], [-2]], [[3.0], [1]]]),
    np.array([[[1.0, -1]], [[-2.0, 0]]]),
    b_q=np.array([[1.0, 0], [-1, 2]]),
    b_k=np.array([[0.5, -1], [1, 0]]),
    b_v=np.array([[-3.0], [2]]),
    b_o=np.array([-5.0, 2]),
    scale=-0.4,
)
signs = [[1.0], [-1.0]]
far = [[1.0, 1], [-9, 1], [0.7, -1]]  # the second scores far above the others where it is one of those asking
CASES: dict[str, tuple[float, Transformer, list[int]]] = {
    "a value": (0.14, model([[1.0]], one([0], [0], [1], [1]), 1, [[1.0]]), [0]),
    "values": (0.12, model(signs, one([0], [0], [1], [1]), 3, signs), [0, 1, 0]),
    "a bias of the output": (0.18, model(signs, one([0], [0], [1e-6], [1], b_o=np.array([-9e3])), 1, signs), [0]),
    "a bias of values": (0.11, model(signs, one([0], [0], [1e-6], [1], b_v=np.array([[-9e3]])), 1, signs), [0]),
    "scores": (0.036, model(signs, one([3], [1], [1], [1], scale=-1.0), 2, signs), [0, 1]),
    "biases": (
        0.069,
        model(signs, one([1e-3], [1e-3], [1], [1], b_q=np.array([[-3.0]]), b_k=np.array([[2.0]])), 2, signs),
        [0, 1],
    ),
    "the stream": (0.05, model([[1e-3], [1.0]], one([0], [0], [1e-6], [1]), 1, [[8.0], [-8.0]]), [1]),
    "what the readout cancels": (
        0.01,
        model([[1e-3, 0], [1.0, 0]], one([0, 0], [0, 0], [1, 0], [9, 9]), 1, [[5.0, -5], [-5, 5]]),
        [1],
    ),
    "far above": (0.0016, model(far, one([-1, 0], [2, 0], [0, 1], [0, 1]), 3, np.eye(3)[:, :2]), [0, 2, 0]),
    "two heads": (
        0.019,
        model([[1.0, 2], [-1, 0.5]], two, 3, [[1.0, -1], [0.5, 2]], [[0.1, 0], [0, 0.2], [0, 0]]),
        [0, 1, 1],
    ),
}


def bounds(t: Transformer, **off: float) -> tuple[float, float, float]:
    """Of the forward pass, of the sums, and of what they can be apart."""
    x = t.token_embedding + t.position_embedding[:, None]
    rows, a = np.abs(x).reshape(-1, x.shape[-1]), rounding(**off, transformer=t)
    arithmetic = FloatingPoint(off.get("unit", 0.0), off.get("tiny", 0.0), 1e300)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FloatingPoint, "of", classmethod(lambda cls, dtype: arithmetic))
        error = Sums(t).error
    return running_sums._forward(a, rows, len(x)), running_sums._sums(a, rows, len(x)), error


def shares(t: Transformer, tokens: list[int], **off: float) -> Array:
    """How much of each bound is reached by the worst logit."""
    found = []
    for out in range(len(t.readout)):
        programs: list[Program] = [partial(f, t, tokens, out) for f in (by_forward, by_sums)]
        (a, b), (c, d) = (span(program, **off) for program in programs)
        ends = [float((high - exact(f)).max(exact(f) - low)) for f, low, high in zip(programs, (a, c), (b, d))]
        found.append([*ends, float((b - c).max(d - a))])
    worst: Array = np.array(found).max(0) / bounds(t, **off)
    return worst


@pytest.mark.parametrize("name", CASES)
def test_how_far_they_are_apart(name: str) -> None:
    share, t, tokens = CASES[name]
    found = shares(t, tokens, unit=U)
    assert (found <= 1).all()
    assert (found >= share).all()


def far_apart(size: float, key: float, other: float) -> Transformer:
    """Its second token scores so far above the others, which stand in the context."""
    layer = one([-1, 0], [key, 0], [0, size], [0, 1])
    return model([[1.0, 1], [-9, 1], [other, -1]], layer, 3, np.eye(3)[:, :2])


@pytest.mark.parametrize(("size", "other"), [(0.5 * U, 0.7), (0.5 * U, 5.0), (100.0, 7.0)])
def test_terms_that_underflow(size: float, other: float) -> None:
    """And what they are multiplied by, where what every context reaches lies far below what is subtracted."""
    found = shares(far_apart(size, 2, other), [0, 2, 0], tiny=U)
    assert (found <= 1).all()
    assert (found >= (0.05 if size < 1 else 0.006)).all()


def test_an_embedding_that_underflows() -> None:
    """And is magnified by what reads it."""
    t = model([[0.4 * U]], one([0], [0], [0], [0]), 1, [[1e3]], [[0.4 * U]])
    found = shares(t, [0], tiny=U)
    assert (found <= 1).all()
    assert (found >= 0.15).all()


def test_many_exponentials_that_underflow() -> None:
    """Of the forward pass, whose other keys all have another value."""
    keys, tokens = 100, [[0.0, -1.0], [np.log(0.6 * U), 1.0]]
    layer = one([0, 0], [1, 0], [0, 1], [0, 1], b_q=np.ones((1, 1)))
    t = model(tokens, layer, keys, [[0.0, 1], [0, -1]])
    least, most = span(partial(by_forward, t, [1] * (keys - 1) + [0], 0), tiny=U)
    assert 0.2 <= float(most - least) / 2 / bounds(t, tiny=U)[0] <= 1


@pytest.mark.parametrize("size", [0.5 * U, 100.0])
def test_terms_that_underflow_600_below(size: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the sums, whose largest is so far above all that is in the context."""
    monkeypatch.setattr(running_sums, "REACH", REACH)
    tiny = U * np.exp(-REACH)
    t = far_apart(size * (np.exp(-REACH) if size < 1 else 1), 100, 1.12)
    least, most = span(partial(by_sums, t, [0, 2, 0], 1), tiny=tiny)
    bound = bounds(t, tiny=tiny)[1]
    assert 0.06 <= float((most - least) / 2) / bound <= 1


def test_both_programs_are_off() -> None:
    """Each from real arithmetic, with a hundredth for what is rounded in the bound."""
    for _, t, _ in CASES.values():
        forward, sums, error = bounds(t, unit=U)
        assert 1.009 * (forward + sums) <= error <= 1.011 * (forward + sums)


def test_each_program_has_its_own_arithmetic() -> None:
    """The forward pass that of its type, the sums that of float64."""
    _, t, _ = CASES["two heads"]
    small, wide = t.astype(np.float32), t
    assert Sums(small).error > 1e8 * Sums(wide).error
    assert Sums(small).error < 0.51 * 2**29 * Sums(wide).error * 1.2


def test_a_denominator_is_far_above_what_underflows() -> None:
    """And what is far above the rest is finite where it is as large as a score may be."""
    assert np.exp(-REACH) > 1e40 * np.finfo(np.float64).tiny
    assert np.isfinite(np.exp(709.0))
