"""Attention and whole transformers in enumeration's bounds, against the two programs that are farthest apart."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from properties.selftest.enumeration.exact import (
    ROUNDS,
    STILL,
    U,
    assert_bounds,
    inputs,
    largest_first,
    numbers,
    rounding,
    value,
)
from properties.selftest.proof.exact import use_worst_numbers
from properties.selftest.worst import Number, Run, extreme
from zoo import Attention, Mlp, Norm, Transformer
from zoo.enumeration.rounding import Rounding, Seen, Value
from zoo.transformer import forward, scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


@dataclass
class Programs:
    """Programs of one transformer in one context, with what the last that was run had as its residual stream."""

    transformer: Transformer
    tokens: list[int]
    alone: bool = False  # only the last row of attention

    def __post_init__(self) -> None:
        self.streams: list[Array] = []

    def logit(self, run: Run, out: int) -> Number:
        t = self.transformer

        def table(array: Array) -> Any:
            return inputs(run, array)

        def number(x: float) -> Number:
            return run(x, 0.0)

        stream = [
            scalar.embed(table(t.token_embedding[token]), table(t.position_embedding[i]))
            for i, token in enumerate(self.tokens)
        ]
        seen = [stream]
        for layer in t.layers:
            rows = [scalar.normalize(row, layer.norm, number) for row in stream]
            if isinstance(layer, Attention):
                added = scalar.attend(rows, layer, table, number, [], self.alone)
                stream = stream[-len(added) :]
            else:
                added = [scalar.transform(row, layer, table, number) for row in rows]
            stream = [scalar._add(row, other) for row, other in zip(stream, added)]
            seen.append(stream)
        self.streams = [np.array([[float(x.value) for x in row] for row in one]) for one in seen]
        last = scalar.normalize(stream[-1], t.final_norm, number)
        result: Number = scalar.unembed(last, table(t.readout), number)[out]
        return result

    def ends(self, out: int, **off: float) -> tuple[float, list[list[Array]]]:
        """How far two programs' logits are apart at most, and the streams of both."""
        least = extreme(lambda run: self.logit(run, out), False, **off)
        low = self.streams
        most = extreme(lambda run: self.logit(run, out), True, **off)
        return float(most - least), [low, self.streams]


def stepwise(a: Rounding, streams: list[Array]) -> float:
    """Position by position, with what was seen before; the last one's logits."""
    seen: Seen = ()
    for i in range(len(streams[0])):
        error, seen = a.of_step([one[i : i + 1] for one in streams], i + 1, seen)
    return error


def head(w_q: Any, w_k: Any, w_v: Any, w_o: Any, **also: Any) -> Attention:
    """One, as wide as one number."""
    w_q, w_k, w_v = (np.array(w, float)[None, :, None] for w in (w_q, w_k, w_v))
    biases = {
        name: np.array(b, float).reshape((1, 1) if name != "b_o" else -1) for name, b in also.items() if name[0] == "b"
    }
    return Attention(w_q, w_k, w_v, np.array(w_o, float)[None, None], **(also | biases))


def mlp(w_in: Any, w_out: Any, activation: str = "relu", norm: Norm | None = None) -> Mlp:
    """Of one hidden unit."""
    w_in, w_out = np.array(w_in, float)[:, None], np.array(w_out, float)[None]
    return Mlp(w_in, np.zeros(1), w_out, np.zeros(len(w_in)), activation, norm)


def still(d: int, eps: float = 2.0**-30) -> Norm:
    return Norm(np.ones(d), np.zeros(d), eps)


@dataclass
class Case:
    """Tokens [vocab, d_model], of which the context is all in their order; and how much of its bound is reached."""

    tokens: Any
    layers: list[Attention | Mlp]
    share: float
    final: Norm | None = None

    @property
    def transformer(self) -> Transformer:
        """The first logit is the largest."""
        tokens = np.array(self.tokens, float)
        readout = np.sign(tokens[-1:]).repeat(len(tokens), 0)
        readout[1:] *= 1e-3
        return Transformer(tokens, np.full(tokens.shape, 1e-30), self.layers, self.final, readout)


same = head([0], [0], [1], [1])
NEAR = [1.0, 1.01, 1.05]  # a Norm magnifies what they differ by
CASES = {
    "the readout": Case([[1.0], [1.0]], [], 0.24),
    "an Mlp": Case([[1.0]], [mlp([1], [1])], 0.2),
    "gelu": Case([[2.5]], [mlp([1], [1], "gelu")], 0.3),
    "a stream that cancels": Case([[1e4]], [mlp([1], [-0.9999])], 0.08),
    "values": Case([[1.0]], [same], 0.15),
    "values seen before": Case([[-1000.0], [-1000.0], [1.0]], [same], 0.12),
    "keys seen before": Case(
        [[-300.0, 299.9, 1], [0, 0, 1], [0, 0, -3]], [head([0, 0, 1], [1, 1, 0], [0, 0, 1], [0, 0, 1])], 0.0015
    ),
    "values seen before by the second": Case([[-1000.0], [-1000.0], [1.0]], [head([0], [0], [0], [0]), same], 0.08),
    "biases of queries and keys": Case([[1.0], [-1.0]], [head([1e-3], [1e-3], [1], [1], b_q=-10, b_k=10)], 0.045),
    "a bias of values": Case([[1.0]] * 6, [head([0], [0], [1e-6], [1], b_v=1e4)], 0.1),
    "a negative scale": Case([[1.0], [-1.0]], [head([3], [1], [1], [1], scale=-1.0)], 0.035),
    "a bias": Case([[1.0]], [head([0], [0], [1e-3], [1], b_o=1e4)], 0.15),
    "the final norm": Case([NEAR], [], 0.03, still(3)),
    "the final norm behind a layer": Case([[1.0, 11.01, 1.05]], [mlp([1, 0, 0], [0, -10, 0])], 0.0018, still(3)),
    "an Mlp's norm": Case([NEAR], [mlp([-1, 0, 0], [100, -1, 0], "relu", still(3))], 0.04),
    "an Attention's norm": Case([NEAR], [head([0, 0, 0], [0, 0, 0], [1, 0, 0], [100, -1, 0], norm=still(3))], 0.04),
}


@pytest.mark.parametrize("name", CASES)
def test_programs_that_are_far_apart(name: str) -> None:
    case = CASES[name]
    programs = Programs(case.transformer, list(range(len(case.tokens))))
    apart, both = programs.ends(0, unit=U)
    a = rounding(U, transformer=case.transformer)
    bounds = [stepwise(a, streams) for streams in both]
    assert apart <= min(bounds)
    assert apart >= case.share * max(bounds)


KEYS = 100


def last_row(case: Case, **off: float) -> tuple[float, float]:
    """How far two programs are apart, and by how much they may be: of a last row that sees as many keys."""
    apart, both = Programs(case.transformer, list(range(KEYS)), True).ends(0, **off)
    a = rounding(**off, transformer=case.transformer)
    return apart, min(a.of_step([one[-1:] for one in streams], KEYS)[0] for streams in both)


def test_many_positions() -> None:
    """Of sums of as many numbers as there are keys."""
    apart, bound = last_row(Case([[-1.0]] * KEYS, [head([1e-9], [0], [1], [1])], 0), unit=U)
    assert 0.2 * bound <= apart <= bound


def test_exponentials_that_underflow() -> None:
    """All but that of the last, whose value is another: of as many as there are, each is off in three ways."""
    tokens = [[np.log(0.6 * U), 1.0]] * (KEYS - 1) + [[0.0, -1.0]]
    apart, bound = last_row(Case(tokens, [head([0, -1], [1, 0], [0, 1], [0, 1])], 0), tiny=U)
    assert 0.2 * bound <= apart <= bound


def attention(**also: Any) -> Attention:
    """Two heads whose widths differ."""
    rng = np.random.default_rng(0)
    shapes = {"w_q": (2, 3, 2), "w_k": (2, 3, 2), "w_v": (2, 3, 1), "w_o": (2, 1, 3)}
    return Attention(**({name: rng.normal(size=shape) for name, shape in shapes.items()} | also))


biased = attention(
    b_q=np.array([[1.0, -2], [0, 1]]), b_k=np.array([[-1.0, 0], [2, 1]]), b_v=np.array([[-3.0], [1]]), b_o=-np.ones(3)
)
relu = Mlp(np.array([[2.0], [-1], [1]]), np.array([0.5]), np.array([[-1.0, 2, 1]]), np.array([1.0, 0, -1]), "relu")
norm = Norm(np.array([1.0, -2, 0.5]), np.array([0.0, -1, 3]), 0.5)
MIXED: list[tuple[list[Attention | Mlp], Norm | None]] = [
    ([replace(biased, scale=-1.5)], norm),
    ([attention(), relu, biased], None),
    ([replace(relu, norm=norm), replace(biased, norm=norm), replace(relu, activation="gelu")], None),
    ([replace(attention(), causal=False), relu], norm),
]


@pytest.mark.parametrize(("layers", "final"), MIXED)
@pytest.mark.parametrize("off", [{"unit": U}, {"tiny": U}, {"unit": 2.0**-40, "tiny": 2.0**-40}])
def test_programs_of_several_layers(layers: list[Attention | Mlp], final: Norm | None, off: dict[str, float]) -> None:
    """Their bounds are far, but for the roundings of one operation; all positions together are no closer."""
    rng = np.random.default_rng(3)
    transformer = Transformer(rng.normal(size=(3, 3)), rng.normal(size=(3, 3)), layers, final, rng.normal(size=(3, 3)))
    programs, a = Programs(transformer, [0, 2, 1]), rounding(**off, transformer=transformer)
    for out in range(3):
        apart, both = programs.ends(out, **off)
        for streams in both:
            assert apart <= stepwise(a, streams) * (1 + 1e-9)
            assert apart > 0 or "unit" not in off
            assert stepwise(a, streams) <= a.of_step(streams, 3)[0] * (1 + 1e-9)


def test_the_stream_of_another_program() -> None:
    """On the other side of real arithmetic, by as much: of the largest of several rows."""
    found = STILL.after(
        value([9.0, 9.0], [1.0, 0.5]), value([9.0, 9.0], [0.25, 0.0]), np.array([[-2, 1], [1, 1.5]], np.float32)
    )
    np.testing.assert_array_equal(found.error, [1.25, 0.5])
    np.testing.assert_array_equal(found.size, [4.5, 2.5])
    assert found.size.dtype == np.float64
    rounds = ROUNDS.after(value([2.0]), value([1.0]), np.array([[3.0]]))
    assert_bounds(rounds, 0, lambda run: run(2.0) + run(1.0), 0.24, unit=U)


def attended(h: Value, layer: Attention, seen: tuple[Value, Value], signs: list[int], out: int) -> Any:
    """Keys and values seen before, whose keys point the other way; and that of h, which is the last."""

    def program(run: Run) -> Number:
        x = numbers(run, h)
        terms: list[Number] = []
        for i in range(len(layer.w_q)):
            q, k, v = (
                [largest_first([a * b for a, b in zip(x, inputs(run, column))]) for column in w[i].T]
                for w in (layer.w_q, layer.w_k, layer.w_v)
            )
            before = [(numbers(run, seen[0][i], s), numbers(run, seen[1][i], s)) for s in signs]
            keys, values = [*(pair[0] for pair in before), k], [*(pair[1] for pair in before), v]
            dots = [largest_first([a * b for a, b in zip(q, key)]) for key in keys]
            weights = scalar._softmax([dot * run(layer.multiplier, 0.0) for dot in dots], lambda x: run(x, 0.0))
            mixed = [largest_first([w * v for w, v in zip(weights, channel)]) for channel in zip(*values)]
            terms += [m * w for m, w in zip(mixed, inputs(run, layer.w_o[i][:, out]))]
        return largest_first(terms)

    return program


@pytest.mark.parametrize("larger", [0, 1])
def test_an_attention_with_what_was_seen(larger: int) -> None:
    """The largest of both, by head: of sizes, and of what they are off by."""
    ones = np.ones((2, 2, 1))
    layer = Attention(ones * 0.5, ones * 0.5, np.concatenate([ones, ones], -1), np.ones((2, 2, 2)), scale=-0.7)
    h = value([1.0, 2.0], 1e-6 * (1 - larger))
    off = 1e-4 * larger
    seen = value([[2.0], [1.5]], off), value([[4.0, 3.0], [3.0, 3.5]], off)
    found, (k, v) = STILL.attend(h, layer, 3, seen)
    np.testing.assert_allclose(k.size, np.array([[2], [1.5 + 1e-6 * (1 - larger)]]), rtol=1e-12)
    np.testing.assert_allclose(v.size, [[4, 3 + 2e-6 * (1 - larger)], [3 + 2e-6 * (1 - larger), 3.5]], rtol=1e-12)
    for signs in ([1, -1], [1, 1], [-1, -1]):
        assert_bounds(found, 0, attended(h, layer, seen, signs, 0), 0.04 * (signs == [1, -1]))
    alone, (k, v) = STILL.attend(h, layer, 1)
    np.testing.assert_array_equal(k.size, STILL.map(h, layer.w_k, None).size)
    assert_bounds(alone, 1, attended(h, layer, seen, [], 1), 0.06)


def test_all_positions_of_a_trace() -> None:
    """Streams as they were traced, with what heads write and its bias, and the length that they had."""
    transformer = Transformer(np.eye(3), np.eye(3), [biased, relu, replace(biased, causal=False)], norm)
    trace: dict[str, Array] = {}
    forward(transformer, np.array([[0, 1, 2], [2, 2, 2]]), trace)
    a, streams, x = Rounding(transformer), [trace["embedding"]], trace["embedding"]
    for i, layer in enumerate(transformer.layers):
        x = x + (trace[f"{i}.mlp"] if isinstance(layer, Mlp) else trace[f"{i}.heads"].sum(1) + layer.b_o)
        streams.append(x)
    expected = a.of_step([one.reshape(6, 3) for one in streams], 3)[0]
    assert a.of_trace(trace) == pytest.approx(expected, rel=1e-9)
    assert 0 < expected < 1e-6
