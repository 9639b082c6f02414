"""The forward passes, fast and number by number, against one in exact arithmetic that is written by itself."""

from typing import Any

import numpy as np
import pytest

from properties.selftest.worst import PRECISION, flint
from zoo import Attention, ContextError, Mlp, Norm, Transformer, forward
from zoo.transformer import ACTIVATIONS, greedy, relu
from zoo.transformer.arrays import Array
from zoo.transformer.forward import check_tokens, softmax, visible
from zoo.transformer.scalar import scalar_forward

Row = list[Any]


def numbers(array: Any) -> Any:
    return [numbers(v) for v in array] if np.ndim(array) else flint.arb(float(array))


def times(x: Row, w: Any, b: Any = None) -> Row:
    """x @ w + b"""
    out = [sum((a * row[j] for a, row in zip(x, w)), flint.arb(0)) for j in range(len(w[0]))]
    return out if b is None else [o + c for o, c in zip(out, b)]


def normed(x: Row, norm: Norm | None) -> Row:
    if norm is None:
        return x
    mean = sum(x, flint.arb(0)) / len(x)
    variance = sum(((v - mean) * (v - mean) for v in x), flint.arb(0)) / len(x)
    scale = 1 / (variance + flint.arb(norm.eps)).sqrt()
    return [(v - mean) * scale * w + b for v, w, b in zip(x, numbers(norm.weight), numbers(norm.bias))]


def gelu(x: Any) -> Any:
    z = (flint.arb(2) / flint.arb.pi()).sqrt() * (x + flint.arb("0.044715") * x * x * x)
    return x / 2 * (1 + z.tanh())


def attended(rows: list[Row], layer: Attention, i: int) -> Row:
    """What the layer adds at position i."""
    out = [flint.arb(0)] * len(rows[0]) if layer.b_o is None else numbers(layer.b_o)
    for h in range(len(layer.w_q)):
        q, k, v = (
            [times(row, numbers(w[h]), None if b is None else numbers(b[h])) for row in rows]
            for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
        )
        seen = range(i + 1 if layer.causal else len(rows))
        scale = 1 / flint.arb(len(q[0])).sqrt() if layer.scale is None else flint.arb(layer.scale)
        weights = [(sum((a * b for a, b in zip(q[i], k[j])), flint.arb(0)) * scale).exp() for j in seen]
        total = sum(weights, flint.arb(0))
        mean = [sum((w / total * v[j][c] for j, w in zip(seen, weights)), flint.arb(0)) for c in range(len(v[0]))]
        out = [o + w for o, w in zip(out, times(mean, numbers(layer.w_o[h])))]
    return out


def exact_logits(transformer: Transformer, tokens: list[int]) -> list[Row]:
    flint.ctx.prec = PRECISION
    places = numbers(transformer.position_embedding)
    words = numbers(transformer.token_embedding)
    stream = [[a + b for a, b in zip(words[t], places[i])] for i, t in enumerate(tokens)]
    for layer in transformer.layers:
        rows = [normed(row, layer.norm) for row in stream]
        if isinstance(layer, Attention):
            added = [attended(rows, layer, i) for i in range(len(rows))]
        else:
            hidden = [times(row, numbers(layer.w_in), numbers(layer.b_in)) for row in rows]
            active = [[gelu(h) if layer.activation == "gelu" else h.max(flint.arb(0)) for h in row] for row in hidden]
            added = [times(row, numbers(layer.w_out), numbers(layer.b_out)) for row in active]
        stream = [[a + b for a, b in zip(row, more)] for row, more in zip(stream, added)]
    readout = numbers(transformer.readout.T)
    return [times(normed(row, transformer.final_norm), readout) for row in stream]


def random_transformer(seed: int) -> Transformer:
    """Heads, widths and biases that differ; masks, scales below 0, Norms; one dimension, too."""
    rng = np.random.default_rng(seed)
    d, vocab, n_ctx, head, d_head, d_v, width = (int(v) for v in rng.integers(1, 5, 7))

    def array(*shape: int) -> Array:
        return rng.normal(size=shape) * (rng.random(shape) < 0.8)

    def norm() -> Norm | None:
        return Norm(array(d) + 1, array(d), 0.1) if rng.random() < 0.5 else None

    def attention() -> Attention:
        shapes = {"b_q": (head, d_head), "b_k": (head, d_head), "b_v": (head, d_v), "b_o": (d,)}
        biases = {name: array(*shape) for name, shape in shapes.items() if rng.random() < 0.5}
        maps = array(head, d, d_head), array(head, d, d_head), array(head, d, d_v), array(head, d_v, d)
        scale = (None, -1.5, 1.0, 0.0)[rng.integers(4)]
        return Attention(*maps, **biases, causal=bool(rng.random() < 0.5), scale=scale, norm=norm())

    def mlp() -> Mlp:
        return Mlp(array(d, width), array(width), array(width, d), array(d), str(rng.choice(list(ACTIVATIONS))), norm())

    layers = [attention() if rng.random() < 0.5 else mlp() for _ in range(rng.integers(4))]
    tied = rng.random() < 0.5
    return Transformer(array(vocab, d), array(n_ctx, d), layers, norm(), None if tied else array(vocab, d))


@pytest.mark.parametrize("seed", range(40))
def test_forward_passes_are_exact_up_to_rounding(seed: int) -> None:
    transformer = random_transformer(seed)
    rng = np.random.default_rng(seed)
    tokens = rng.integers(0, len(transformer.token_embedding), (2, rng.integers(1, transformer.n_ctx + 1)))
    exact = np.array([[[float(v) for v in row] for row in exact_logits(transformer, one.tolist())] for one in tokens])
    size = 1e-13 * (1 + np.abs(exact).max())
    np.testing.assert_allclose(forward(transformer, tokens), exact, rtol=0, atol=100 * size)
    np.testing.assert_allclose(forward(transformer, tokens, last=True), exact[:, -1:], rtol=0, atol=100 * size)
    single = forward(transformer.astype(np.float32), tokens)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=0, atol=1e11 * size)
    for one, logits in zip(tokens, exact):
        np.testing.assert_allclose(scalar_forward(transformer, one.tolist()), logits, rtol=0, atol=100 * size)
        last = scalar_forward(transformer, one.tolist(), last=True)
        np.testing.assert_allclose(last, logits[-1:], rtol=0, atol=100 * size)
        kept: Any = {}
        scalar_forward(transformer, one[:-1].tolist(), kept=kept)
        if all(layer.causal for layer in transformer.layers if isinstance(layer, Attention)):
            again = scalar_forward(transformer, one[-1:].tolist(), kept=kept, start=len(one) - 1)
            np.testing.assert_allclose(again, logits[-1:], rtol=0, atol=100 * size)


def test_what_is_traced_adds_up() -> None:
    """The stream after the last layer is the embedding and all that was written to it."""
    for seed in range(12):
        transformer = random_transformer(seed)
        tokens = np.zeros((1, transformer.n_ctx), int)
        trace: dict[str, Array] = {}
        forward(transformer, tokens, trace)
        embedding = transformer.token_embedding[[0] * transformer.n_ctx] + transformer.position_embedding
        np.testing.assert_array_equal(trace["embedding"][0], embedding)
        total = trace["embedding"]
        for i, layer in enumerate(transformer.layers):
            if isinstance(layer, Mlp):
                total = total + trace[f"{i}.mlp"]
            else:
                total = total + trace[f"{i}.heads"].sum(axis=1) + (0 if layer.b_o is None else layer.b_o)
                pattern = trace[f"{i}.pattern"]
                np.testing.assert_allclose(pattern.sum(axis=-1), 1)
                assert not layer.causal or not np.triu(pattern[0, 0], 1).any()
        np.testing.assert_allclose(trace["residual"], total, atol=1e-12)


def test_the_first_of_the_largest_is_the_answer() -> None:
    nan, inf = np.nan, np.inf
    logits = np.array([[1.0, 3, 3], [-1, -2, -3], [1, nan, 2], [nan, 0, 0], [0, inf, 1], [-inf, -inf, -inf]])
    assert greedy(logits).tolist() == [1, 0, -1, -1, 1, 0]


def test_softmax_cannot_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_array_equal(softmax(np.array([[1e4, -1e4], [-1e4, -1e4]])), [[1, 0], [0.5, 0.5]])
    np.testing.assert_array_equal(visible(3), [[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    np.testing.assert_array_equal(relu(np.array([-1.0, 0, 2])), [0, 0, 2])


def test_tokens_are_an_array_of_what_there_is() -> None:
    transformer = Transformer(np.ones((3, 2)), np.ones((2, 2)), [])
    for tokens in ([[0]], [[2, 1]], [[0], [2]]):
        assert check_tokens(transformer, np.array(tokens)).tolist() == tokens
    wrong: list[tuple[Any, str]] = [
        ([[0.0]], "tokens are of type float64"),
        ([0], r"shape \[1\]"),
        ([[0, 1, 2]], "have 3 tokens, but should have 1 to 2"),
        (np.zeros((1, 0), int), "have 0 tokens"),
        ([[1, 5]], "token 5 is out of range"),
        ([[3]], "token 3 is out of range, but should be from 0 to 2"),
        ([[-1, 5]], "token -1 is out of range"),
        ([[0], [0, 1]], "differ in length"),
    ]
    for tokens, sentence in wrong:
        with pytest.raises(ContextError, match=sentence):
            check_tokens(transformer, tokens)
