"""A head's values along directions against exact arithmetic: the worst inputs, roundings, and what underflow took."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from properties.proof import arithmetic, backward
from properties.proof.arithmetic import Arithmetic, Interval
from properties.proof.attention import Head
from properties.selftest.proof.exact import (
    HERE,
    OWN,
    ROUNDS,
    STILL,
    U,
    known,
    lose,
    use_worst_numbers,
)
from properties.selftest.worst import Number, Program, Run, along, assert_reached, exact
from zoo import Attention
from zoo.transformer import scalar
from zoo.transformer.arrays import Array


@pytest.fixture(autouse=True)
def worst_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    use_worst_numbers(monkeypatch)


@pytest.fixture
def nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    lose(monkeypatch, 0.0, arithmetic, backward)


def head_of(x: Interval, w_v: Array, w_o: Array, b_v: Array | None, a: Arithmetic) -> tuple[Head, Attention]:
    d = len(w_v)
    layer = Attention(
        np.ones((1, d, 1)), np.ones((1, d, 1)), w_v[None], w_o[None], b_v=None if b_v is None else b_v[None]
    )
    return Head.of(x.reshape(1, 1, 1, d), layer, 0, False, a), layer


def valued(x: Interval, direction: Array, w_v: Array, w_o: Array, b_v: Array | None, before: float = 0.0) -> Program:
    """A key's value along a direction of the head's output: the program's value, and the direction as it should be."""

    def program(run: Run) -> Number:
        stream = [run(c, r) for c, r in zip(x.c, x.r)]
        values = scalar._linear(
            stream, [[run(v) for v in row] for row in w_v], None if b_v is None else [run(v) for v in b_v], run
        )
        ways = [run(d, before) for d in direction]
        return along(values, [along(ways, [float(v) for v in row]) for row in w_o])

    return program


VALUES: Sequence[tuple[list[float], Array, Array, Array | None, float]] = [
    ([1.0, *[1e-4] * 9], np.array([[-1.0], *[[1e-4]] * 9]), np.array([[-3.0, *[0.0] * 9]]), None, 0.97),
    ([1.0], np.array([[2.0, -1]]), np.array([[1.0], [-2]]), None, 0.97),
    ([1.0], np.array([[2.0, 1]]), np.array([[1.0], [-2]]), None, 0.97),  # cancels, and its rounding does not
    ([1e-4], np.array([[1e-4, 1]]), np.array([[1.0], [1]]), np.array([-5.0, 2]), 0.4),
    ([1.0, 2], np.array([[2.0, 1], [-1, 0.5]]), np.array([[1.0, 2], [-2, 1]]), np.array([1.0, -1]), 0.2),
]


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize(("stream", "w_v", "w_o", "b_v", "share"), VALUES)
@pytest.mark.parametrize("sign", [-1, 1])
def test_values_backwards(
    stream: list[float], w_v: Array, w_o: Array, b_v: Array | None, share: float, sign: int
) -> None:
    way = sign * np.array([1.0, *[-0.5] * (len(stream) - 1)])
    for r, a, least, spare in ((0.0, ROUNDS, share, 1e-9), (2.0, STILL, 0.999, 1e-9), (2.0, HERE, 0.99, 0.0)):
        x = known(stream, r)
        head, layer = head_of(x, w_v, w_o, b_v, a)
        y = backward.attend(head, layer, 0, way[None, None, None], 0.0, a)
        assert y.c.shape == (1, 1, 1, 1, 1)
        program = valued(x, way, w_v, w_o, b_v)
        assert_reached(
            y.c.item(), y.r.item(), program, least if abs(float(exact(program))) or r == 0 else 0, spare, unit=a.unit
        )
    x = known(stream, 2.0)
    head, layer = head_of(x, w_v, w_o, b_v, STILL)
    off = backward.attend(head, layer, 0, way[None, None, None], 0.0, OWN)
    assert off.r.item() >= (1 + U) * backward.attend(head, layer, 0, way[None, None, None], 0.0, STILL).r.item()


@pytest.mark.usefixtures("nothing_is_lost")
@pytest.mark.parametrize(("d", "width", "sign"), [(1, 1, 1), (3, 2, 1), (2, 3, -1)])
def test_what_the_directions_lost_counts_for_values(d: int, width: int, sign: int) -> None:
    """All alike, so that what is lost of each adds up."""
    x, w_v, w_o = known([3.0 * sign] * d), np.full((d, width), -2.0), np.full((width, d), 0.5 * sign)
    for b_v in (None, np.full(width, -7.0 * sign)):
        head, layer = head_of(x, w_v, w_o, b_v, STILL)
        y = backward.attend(head, layer, 0, np.ones((1, 1, 1, d)), U, STILL)
        assert_reached(y.c.item(), y.r.item(), valued(x, np.ones(d), w_v, w_o, b_v, U), 0.999)
    y = backward.attend(
        replace(head, v_rounding=np.full_like(head.v_rounding, 5.0)), layer, 0, np.ones((1, 1, 1, d)), U, STILL
    )
    assert y.r.item() >= 5 * width * (0.5 * d + U * 0.5 * d) + width * d * 0.5 * U * (6 * d + 7)


@pytest.mark.parametrize(("d", "width"), [(1, 1), (3, 2), (2, 5)])
def test_what_underflow_takes_from_values_backwards(d: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, b_v = known([3.0] * d), np.full(width, -7.0)
    head, layer = head_of(x, np.full((d, width), 1.0), np.full((width, d), 1.0), b_v, STILL)
    head = replace(head, v_rounding=np.full_like(head.v_rounding, 5.0))
    free = backward.attend(head, layer, 0, np.ones((1, 1, 1, d)), 0.0, STILL).r.item()
    lose(monkeypatch, U, arithmetic, backward)
    by_column = 2 * d * U
    through = by_column * width + 2 * width * U
    expected = (
        through * 3 * d + 4 * d * U + by_column * 5 * width + 4 * width * U + by_column * 7 * width + 2 * width * U
    )
    taken = backward.attend(head, layer, 0, np.ones((1, 1, 1, d)), 0.0, STILL).r.item() - free
    assert expected <= taken * (1 + 1e-6) <= expected * (1 + 1e-5)


def test_values_of_many_keys_along_many_directions() -> None:
    rng = np.random.default_rng(0)
    x = Interval(rng.normal(size=(2, 3, 2, 4)), rng.random((2, 3, 2, 4)))
    w_v, w_o, ways = rng.normal(size=(4, 2)), rng.normal(size=(2, 4)), rng.normal(size=(1, 2, 3, 4))
    layer = Attention(np.ones((1, 4, 1)), np.ones((1, 4, 1)), w_v[None], w_o[None])
    y = backward.attend(Head.of(x, layer, 0, True, STILL), layer, 0, ways, 0.0, STILL)
    np.testing.assert_allclose(y.c, np.einsum("bktd,dv,ve,bqre->bqrkt", x.c, w_v, w_o, np.repeat(ways, 2, 0)))
    through = np.abs(np.einsum("dv,ve,bqre->bqrd", w_v, w_o, ways))
    np.testing.assert_allclose(y.r, np.einsum("bktd,bqrd->bqrkt", x.r, np.repeat(through, 2, 0)))
