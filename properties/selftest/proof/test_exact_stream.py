"""What attention and an Mlp write to the stream, in intervals, against exact arithmetic with the worst roundings."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from properties.proof import interval
from properties.proof.arithmetic import Arithmetic, Interval, OutOfRangeError, add, linear
from properties.proof.attention import Head
from properties.proof.interval import attend, attend_rounding, mean_rounding, transform
from properties.selftest.proof.exact import (
    HERE,
    LOSES,
    OWN,
    ROUNDS,
    STILL,
    U,
    known,
    lose,
    numbers,
    use_worst_numbers,
)
from properties.selftest.worst import Number, Program, Run, along, assert_reached, exact, mean, span, total
from zoo import Attention, Mlp, Norm
from zoo.transformer import scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


def head_of(values: Array, radius: Any = 0.0) -> Head:
    """A head whose values [batch, key, token, column] are these."""
    v = Interval(values, np.broadcast_to(radius, values.shape))
    return Head(v, v, None, None, np.arange(values.shape[-1]), v, 0 * values)


def attention(w_o: Array, b_o: float = 0.0) -> Attention:
    """Whose heads write w_o [head, d_v, d_model]."""
    heads, d_v, d = w_o.shape
    w = np.ones((heads, d, 1))
    return Attention(w, w, np.ones((heads, d, d_v)), w_o, b_o=np.full(d, b_o) if b_o else None)


@pytest.mark.parametrize("n", [1, 2, 20])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_rounding_of_a_mean_up_to_its_weights(n: int, sign: int) -> None:
    """n - 1 additions of exponentials, a product and n - 1 additions; the division counts with the weights."""
    values, e = np.array([5.0 * sign, *[1e-3] * (n - 1)]), np.array([1.0, *[1e-4] * (n - 1)])

    def program(run: Run) -> Number:
        terms = [run(x) for x in e]
        whole = total(terms, e)
        share = 1 / whole.value
        weights = [run.made(t.value * share, ((t, share), (whole, -t.value * share * share)), 0) for t in terms]
        return total([w * run(v) for w, v in zip(weights, values)], e)

    v = known(values.tolist()).reshape(1, n, 1, 1)
    largest, rounding = mean_rounding(v, n, ROUNDS)
    assert largest.shape == rounding.shape == (1, 1, 1)
    assert largest.item() == 5
    share = 0.98 * (2 * n - 1) / (2 * n + 4) if n > 1 else 0.1
    assert_reached(float(exact(program)), rounding.item(), program, share, unit=U)
    some = Interval(np.array([1.0, -3, 2, 0, 0, 0]).reshape(1, 3, 2, 1), np.full((1, 3, 2, 1), 0.5))
    assert mean_rounding(some, n, ROUNDS)[0].item() == 3.5


@dataclass(frozen=True)
class Written:
    """What heads write to one entry: for each the products with its columns, largest first; the stream, b_o."""

    heads: list[list[float]]
    x: float = 0.0
    b_o: float = 0.0

    def program(self, run: Run) -> Number:
        """Each head's sum by itself, then those: the largest first everywhere."""
        heads = [[w for w in head if w] for head in self.heads if any(head)]
        addends = [total([run(1.0) * run(w) for w in head], list(map(abs, head))) for head in heads]
        sizes = [sum(map(abs, head)) for head in heads]
        for other in (self.x, self.b_o):
            if other:
                addends, sizes = [*addends, run(other)], [*sizes, abs(other)]
        return total(addends, sizes)

    def rounding(self, positions: int, a: Arithmetic) -> float:
        """Of the first of two entries; the second is nothing that any of it depends on."""
        wide = max(map(len, self.heads))
        w_o = np.array([[[w, 7] for w in [*head, *[0] * (wide - len(head))]] for head in self.heads])
        heads = [head_of(np.ones((1, 2, 3, wide))) for _ in self.heads]
        x = Interval(np.array([[[self.x, 5.0]]]), np.zeros((1, 1, 2)))
        magnitude, found = attend_rounding(x, attention(w_o, self.b_o), heads, positions, a)
        expected = abs(self.x) + abs(self.b_o) + sum(abs(w) for head in self.heads for w in head)
        assert magnitude[0, 0, 0] == pytest.approx(expected)
        return float(found[0, 0, 0])


few, many = [1e-4], [1e-4] * 60
WRITTEN = [
    Written([[1.0, *many]], 1e-4, 1e-4),
    Written([[-1.0, *many]], 1e-4),
    Written([[1.0, *many]], 0, -1e-4),
    Written([[-1.0, *many], few], 1e-4, 1e-4),  # the head that has most counts
    Written([few, [1.0, *many]], 1e-4, 1e-4),
    Written([few, [1.0, *many], few], 0, 0),
    Written([few] * 60, 1.0, 1e-4),  # rounded as often as there are other addends
    Written([few] * 60, -1.0, 0),
    Written([few] * 60, 1e-4, -1.0),
    Written([[1.0], *[few] * 60], 0, 0),
    Written([[1.0, *many], [0.0] * 5, [0.0]], 0, 0),  # heads that write nothing there are no addends
]


@pytest.mark.parametrize("written", WRITTEN)
def test_the_rounding_of_what_heads_write(written: Written) -> None:
    """Means of one position are counted with 6 roundings more, which are in the test above."""
    heads = sum(abs(w) for head in written.heads for w in head)
    r = written.rounding(1, ROUNDS) - 6 * U * heads
    assert_reached(float(exact(written.program)), r, written.program, 0.96, unit=U)
    assert written.rounding(50, ROUNDS) - written.rounding(1, ROUNDS) >= 98 * U * heads
    assert written.rounding(1, OWN) * (1 - U / 2) >= U * (2 * heads + abs(written.x) + abs(written.b_o))


@pytest.mark.parametrize("heads", [[[1.0]], [[1.0] * 20], [[1.0] * 20, [-1.0] * 5], [[1.0]] * 20])
def test_what_underflow_takes_from_what_heads_write(heads: list[list[float]]) -> None:
    """Every product and its addition, four times over, the mean's too."""
    each, products = Written(heads).rounding(1, LOSES), sum(map(len, heads))
    means = 8 * 6 * U * products
    assert 4 * (2 * products - 1) * U <= each - means <= 8 * (products + max(map(len, heads)) + len(heads)) * U
    assert Written(heads).rounding(1, replace(LOSES, own=0.5)) >= 1.5 * (8 * products * U + means)


def test_what_heads_write_is_found_for_each_batch_and_may_overflow() -> None:
    values = np.ones((3, 2, 2, 1)) * np.array([1.0, -2, 4])[:, None, None, None]
    x = Interval(np.zeros((1, 2, 2)), np.zeros((1, 2, 2)))
    layer = attention(np.array([[[-3.0, 0]]]))
    magnitude, rounding = attend_rounding(x, layer, [head_of(values)], 1, ROUNDS)
    np.testing.assert_array_equal(magnitude, np.repeat([[[3, 0]], [[6, 0]], [[12, 0]]], 2, 1))
    np.testing.assert_allclose(rounding / U, np.repeat([[[21, 0]], [[42, 0]], [[84, 0]]], 2, 1), rtol=1e-3)
    with pytest.raises(OutOfRangeError):
        attend_rounding(x, layer, [head_of(values)], 1, replace(ROUNDS, largest=48.0))


def test_attention_in_the_stream_and_in_its_mean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each column's mean may be anything that its values may be; where a head's entries cancel, the mean stays."""
    monkeypatch.setattr(interval, "softmax_mean", lambda weights, values, a: values.max(axis=(-2, -1)))
    rng = np.random.default_rng(0)
    w_o = rng.normal(size=(2, 3, 4))
    w_o[0, 0] -= w_o[0, 0].mean()
    layer = replace(attention(w_o, 1.0), b_o=np.array([1.0, -2, 3, -4]))
    heads = [head_of(rng.normal(size=(1, 2, 2, 3)), 0.1 * rng.random((1, 2, 2, 3))) for _ in range(2)]
    x = Interval(rng.normal(size=(1, 1, 4)), rng.random((1, 1, 4)))
    middle = Interval(x.c.mean(axis=-1, keepdims=True), np.full((1, 1, 1), 0.05))
    low = [(h.v.c - h.v.r).min(axis=(0, 1, 2)) for h in heads]
    high = [(h.v.c + h.v.r).max(axis=(0, 1, 2)) for h in heads]

    def written(run: Run, stream: list[Number]) -> list[Number]:
        means = [run((h + q) / 2, (q - h) / 2) for ls, hs in zip(low, high) for h, q in zip(ls, hs)]
        assert layer.b_o is not None
        return [
            along([x, run(b, 0), *means], [1, 1, *w_o[:, :, e].ravel()])
            for e, (x, b) in enumerate(zip(stream, layer.b_o))
        ]

    def entry(e: int) -> Program:
        return lambda run: written(run, [run(c, r) for c, r in zip(x.c[0, 0], x.r[0, 0])])[e]

    def moved(run: Run) -> Number:
        """The stream moves as it likes, but its mean no more than it may."""
        t = run(middle.c.item(), middle.r.item())
        return mean(written(run, [t] * 4))

    for a, share, spare in ((STILL, 0.999, 1e-9), (HERE, 0.99, 0.0)):
        after, its_mean = attend(x, middle, layer, heads, [None, None], 2, a)  # type: ignore[list-item]
        for e in range(4):
            assert_reached(after.c[0, 0, e], after.r[0, 0, e], entry(e), share, spare)
        assert_reached(its_mean.c.item(), its_mean.r.item(), moved, share, spare)
    rounded, its_rounded = attend(x, middle, layer, heads, [None, None], 2, ROUNDS)  # type: ignore[list-item]
    rounding = attend_rounding(x, layer, heads, 2, ROUNDS)[1]
    still, its_still = attend(x, middle, layer, heads, [None, None], 2, STILL)  # type: ignore[list-item]
    np.testing.assert_allclose(rounded.r - still.r, rounding, rtol=1e-9)
    np.testing.assert_allclose(its_rounded.r - its_still.r, rounding.mean(axis=-1, keepdims=True), rtol=1e-9)
    off, its_off = attend(x, middle, layer, heads, [None, None], 2, OWN)  # type: ignore[list-item]
    size = attend_rounding(x, layer, heads, 2, STILL)[0]
    assert (off.r - still.r >= U * (still.r + size)).all()
    assert (its_off.r - its_still.r >= U * (its_still.r + 2 * size.mean())).all()
    lose(monkeypatch, U, interval)
    lost = attend(x, middle, layer, heads, [None, None], 2, STILL)[1].r - its_still.r  # type: ignore[list-item]
    products = [3 * (1 + head.v.largest) for head in heads]  # means of w_o and their products, c and r, two roundings
    assert 4 * U * sum(products) <= lost.item() <= 4 * U * (sum(products) + 2.01)


def mlp(d: int, width: int, activation: str = "relu", norm: Norm | None = None, small: float = 1e-4) -> Mlp:
    """All of whose sums have one addend that is large, and as many small ones as there are dimensions."""
    w_in, w_out = np.full((d, width), -small), np.full((width, d), small)
    w_in[0, 0], w_out[0, 0] = -1, -1
    return Mlp(w_in, np.full(width, small), w_out, np.full(d, small), activation, norm)


def stream_after(layer: Mlp, x: Interval) -> Any:
    """The entries of the stream after a layer, of a stream within x [d_model]."""

    def entries(run: Run) -> tuple[list[Number], list[Number]]:
        stream = [run(c, r) for c, r in zip(x.c, x.r)]
        normed = scalar.normalize(stream, layer.norm, run)
        out = scalar.transform(normed, layer, lambda array: numbers(run, array), run)
        return stream, [s + o for s, o in zip(stream, out)]

    return entries


# An Mlp, the first entry of the stream, and what share of its bound the worst rounding reaches at its first entry.
MLPS = [
    (mlp(40, 1), -1.0, 0.75),  # the sums of its hidden units, as steep as no relu is
    (mlp(1, 40), -1.0, 0.9),  # of its output
    (mlp(1, 1), -1.0, 0.6),
    (mlp(1, 1, "gelu"), -5.0, 0.7),  # the activation
    (mlp(1, 1, "gelu"), 2.0, 0.3),
    (mlp(300, 1, "gelu"), -(2**0.5), 0.9),  # the sums of a hidden unit, where gelu is steepest
    (replace(mlp(2, 1), w_in=np.array([[0], [1e-4]])), 100.0, 0.95),  # the stream
    (replace(mlp(2, 2), b_in=np.array([50.0, 1e-4])), 1.0, 0.5),
    (replace(mlp(2, 2), b_out=np.array([-50.0, 1e-4])), 1.0, 0.45),
    (replace(mlp(2, 2), w_out=np.array([[30.0, 1e-4], [1e-4, 1e-4]])), -1.0, 0.6),
    (mlp(3, 2, "gelu", Norm(np.array([1.0, -2, 1]), np.array([1.0, 0, -1]), 0.1)), -1.0, 0.3),
]


@pytest.mark.parametrize(("layer", "first", "share"), MLPS)
def test_the_stream_after_an_mlp(layer: Mlp, first: float, share: float) -> None:
    d = len(layer.w_in)
    x = known([first, *[1e-3] * (d - 1)])
    entries, batch = stream_after(layer, x), x.reshape(1, 1, d)
    program: Program = lambda run: entries(run)[1][0]  # noqa: E731
    after, its_mean, passed = transform(
        batch, Interval(batch.c.mean(-1, keepdims=True), np.zeros((1, 1, 1))), layer, ROUNDS
    )
    assert_reached(after.c[0, 0, 0], after.r[0, 0, 0], program, share, unit=U)
    # With the way back, the Norm's own rounding is in the hidden units' radius, all other is by itself.
    if layer.norm is None:
        assert_reached(float(exact(program)), passed.rounding[0, 0, 0], program, share, unit=U)
    averaged: Program = lambda run: mean(entries(run)[1])  # noqa: E731
    assert_reached(its_mean.c.item(), its_mean.r.item(), averaged, 0.25, unit=U)
    after, its_mean, _ = transform(batch, Interval(batch.c.mean(-1, keepdims=True), np.zeros((1, 1, 1))), layer, HERE)
    assert_reached(after.c[0, 0, 0], after.r[0, 0, 0], program, spare=0)
    assert_reached(its_mean.c.item(), its_mean.r.item(), averaged, spare=0)


@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_the_mean_after_an_mlp_moves_by_what_is_written(activation: str) -> None:
    """The stream by 0.5 in an entry, whose mean may move by 0.125; what is written back cancels in part."""
    layer = Mlp(
        np.array([[2.0, -1], [0, 1], [0, 0]]),
        np.array([0.5, -3]),
        np.array([[2.0, -1, 3], [-1, 1, 0]]),
        np.array([0.0, 3, -900]),
        activation,
    )
    x = Interval(np.array([3.0, 1, 0]), np.array([0.5, 0, 0]))
    middle = Interval(np.array([4 / 3]), np.array([0.125]))

    def moved(run: Run) -> Number:
        stream, after = stream_after(layer, x)(run)
        written = [along([a, s], [1, -1]) for a, s in zip(after, stream)]
        return along([run(middle.c.item(), middle.r.item()), mean(written)], [1, 1])

    _, its_mean, _ = transform(x, middle, layer, STILL)
    assert_reached(its_mean.c.item(), its_mean.r.item(), moved, 0.95)
    _, off, passed = transform(x, middle, layer, OWN)
    # In the sum that makes the output, and in what is made of it here.
    size = passed.active.magnitude @ np.abs(layer.w_out) + np.abs(layer.b_out)
    out, third = linear(passed.active, layer.w_out, layer.b_out, OWN)
    written = middle.r + passed.active.r @ np.abs(layer.w_out.mean(axis=-1, keepdims=True)) + U * size.mean()
    written += (third + add(x, out, OWN)[1]).mean()
    assert off.r.item() == pytest.approx(written.item() * (1 + U), rel=U / 100)
    least, most = span(moved)
    assert off.r - its_mean.r >= U * (float(most - least) / 2 + 2 * float(np.abs(layer.b_out).mean()))
