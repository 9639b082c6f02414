"""Roundings that a mean, a Norm and what stands behind an attention are allowed, held to numbers worked out by hand.

As fractions: what roundings add to each other is far less than they are.
"""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties.recheck.program import Ball, Program
from properties.recheck.stream import Heads
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.test_program_norms import norm_of
from properties.selftest.recheck.test_program_sums import TINY, each_dtype, row
from properties.selftest.recheck.test_worst_constructed import heads_of
from properties.selftest.recheck.worst import exact, unit
from zoo import Attention, Mlp, Transformer
from zoo.errors import CertificateError
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def gamma(dtype: Any, count: int) -> Fraction:
    """What so many roundings do to a number: n u / (1 - n u)."""
    steps = count * unit(dtype)
    return steps / (1 - steps)


def near(number: Any, expected: Fraction) -> bool:
    """Whether it is that but for the last of 128 bits."""
    return abs(Fraction(exact(number)) - expected) <= abs(expected) / 2**100


@each_dtype
@pytest.mark.parametrize(("keys", "roundings"), [(1, 4), (2, 6), (40, 82)])
def test_how_often_a_mean_is_rounded(dtype: Any, keys: int, roundings: int) -> None:
    """2 keys - 1 times in two sums, and 3 more for what underflows."""
    program = Program(dtype)
    allowed = 5 * gamma(dtype, roundings) + 4 * roundings * Fraction(TINY[dtype])
    assert near(program.mean_error(program.number(5), keys), allowed)


@each_dtype
def test_how_often_an_entry_less_the_mean_is_rounded(dtype: Any) -> None:
    """The mean by a sum of two, an eighth of which underflows at most, and its division; then the difference."""
    program, tiny = Program(dtype), Fraction(TINY[dtype])
    mean = gamma(dtype, 2) * 4 / 8 + 4 * 2 * tiny / 8 + tiny
    _, errors = program.centred(row(program, [3.0, -1.0]), 8)
    for error, size in zip(errors, (3, 1, *[0] * 6), strict=True):
        assert near(error, mean + gamma(dtype, 1) * (size + Fraction(4, 8) + mean) + 4 * tiny)
    for error in program.centred({}, 8)[1]:
        assert near(error, tiny + gamma(dtype, 1) * tiny + 4 * tiny)


@each_dtype
def test_how_often_gelu_is_rounded(dtype: Any) -> None:
    """8 times, and once for what these add to each other."""
    program = Program(dtype)
    ball = program.activate(Ball(program.number(3), program.zero), "gelu")
    assert ball is not None
    assert float(exact(ball.r)) == pytest.approx(float(3 * gamma(dtype, 9)), rel=1e-12, abs=0)


@each_dtype
@pytest.mark.parametrize("weight", [3.0, -8.0])
@pytest.mark.parametrize("bias", [0.5, -(2.0**12)])
def test_a_bias_is_rounded_with_all_that_it_is_added_to(dtype: Any, weight: float, bias: float) -> None:
    program = Program(dtype)
    plain, moved = (
        program.normalize(row(program, [1.0, -1.0]), norm_of(2, weight, by, eps=3.0, dtype=dtype)) for by in (0, bias)
    )
    for ball, more in zip(plain.values(), moved.values(), strict=True):  # 1 / sqrt(1 + 3) of the weight
        size = Fraction(exact(abs(ball.c) + ball.r))
        assert float(size) == pytest.approx(abs(weight) / 2, rel=1e-5)
        assert near(more.r - ball.r, gamma(dtype, 1) * (size + abs(Fraction(bias))) + 4 * Fraction(TINY[dtype]))


@each_dtype
def test_what_a_division_loses_may_overflow_too(dtype: Any) -> None:
    """4 (d + 8) tiny of an eps that is tiny itself are 40 times what is divided, and of a thousand times that less."""
    program, large = Program(dtype), float(np.finfo(dtype).max) / 32
    for times, fits in ((1, False), (2**10, True)):
        norm = norm_of(2, large, eps=times * TINY[dtype], dtype=dtype)
        if fits:
            assert program.normalize(row(program, [1.0]), norm)
        else:
            with pytest.raises(CertificateError, match="may overflow"):
                program.normalize(row(program, [1.0]), norm)


def normed_of(embedding: Array, weight: float, bias: float, eps: float, dtype: Any) -> Any:
    norm = norm_of(2, weight, bias, eps)
    t = Transformer(np.array([embedding] * 2), np.zeros((1, 2)), [], norm, np.eye(2)).astype(dtype)
    alone = Alone(t)
    alone.at([(0,)])
    assert alone.lower(0, 0, 1) > -np.inf
    return alone.margins.normed(0)


@each_dtype
@pytest.mark.parametrize("bias", [0.0, 2.0**-6])
def test_what_the_final_norm_loses_where_its_weight_is_zero(dtype: Any, bias: float) -> None:
    """4 tiny as quotient and product, and 4 as the bias is added, which is rounded with them."""
    behind, tiny = normed_of(np.zeros(2), 0, bias, 2.0**20, dtype), Fraction(TINY[dtype])
    rounded = 8 * tiny + gamma(dtype, 1) * (4 * tiny + Fraction(bias))
    for e in range(2):
        assert near(behind.roundings[e], rounded)
        assert near(behind.sizes[e], Fraction(bias) + rounded)


@each_dtype
def test_how_large_what_a_final_norm_divides_may_be(dtype: Any) -> None:
    """2^-10 by the root of 2^-20 + 3 2^-20, times 6: rounded 6 times, and with the bias once more."""
    u, behind = float(unit(dtype)), normed_of(np.array([2.0**-10, -(2.0**-10)]), -6.0, 0.25, 3 * 2.0**-20, dtype)
    for e in range(2):
        assert float(exact(behind.sizes[e])) == pytest.approx(3.25, rel=1e-5)
        assert float(exact(behind.roundings[e])) == pytest.approx(6 * u * 3 + u * 3.25, rel=1e-4, abs=0)


@each_dtype
def test_what_an_attention_may_round_behind_it(dtype: Any) -> None:
    """A value of 5 is written by -3 where 2 stands and a bias of 7 is added; by itself stands a bias of 4, on 5."""
    w_v, w_o, tiny = np.zeros((1, 2, 1)), np.zeros((1, 1, 2)), Fraction(TINY[dtype])
    w_v[0, 0], w_o[0, 0, 1] = 1, -3
    layer = heads_of(w_v, w_o)
    layer = Attention(layer.w_q, layer.w_k, w_v, w_o, b_o=np.array([4.0, 7.0]))
    alone = Alone(Transformer(np.array([[5.0, 2.0]] * 2), np.zeros((1, 2)), [layer], None, np.eye(2)).astype(dtype))
    alone.at([(0,)])
    five = np.array([[5.0]])
    sizes, errors = alone.margins.attended_errors(int(alone.numbers(0)[0, 0, 0]), Heads(1, five, five, five))
    mean = 5 * gamma(dtype, 4) + 16 * tiny
    written = 3 * (5 + mean) + 7
    rounded = 3 * mean + gamma(dtype, 2) * written + 8 * tiny  # a product, which a bias is added to
    rounded += gamma(dtype, 1) * (written + rounded + 2) + 4 * tiny
    assert near(errors[1], rounded)
    assert near(sizes[1], written + 2 + rounded)
    by_itself = 4 * tiny + gamma(dtype, 1) * (4 + 4 * tiny + 5) + 4 * tiny
    assert near(errors[0], by_itself)
    assert near(sizes[0], 9 + by_itself)


def test_what_a_value_is_rounded_by_counts_along_a_direction() -> None:
    """Two ones are added, and written by -3: two roundings of 2, three times."""
    w_v, w_o = np.zeros((1, 2, 1)), np.array([[[-3.0, 0]]])
    w_v[0, :, 0] = 1
    t = Transformer(np.ones((2, 2)), np.zeros((1, 2)), [heads_of(w_v, w_o)], None, np.eye(2)).astype(np.float32)
    alone = Alone(t)
    numbers = alone.margins.embed(0, 0) + np.zeros(1, int)
    for answer, sign in ((0, 1), (1, -1)):
        [found] = alone.margins.along(0, answer, 1 - answer, None, numbers).tolist()
        least = sign * 6 + 3 * (2 * gamma(np.float32, 2) + 8 * Fraction(TINY[np.float32]))
        assert least <= Fraction(found) <= least + Fraction(1, 2**49)


def test_what_moves_together_moves_no_mean() -> None:
    """What an attention writes sums to nothing: behind it a Norm takes nothing more of an entry."""
    w_v, w_o = np.zeros((1, 4, 1)), np.array([[[1.0, 1, -1, -1]]])
    w_v[0, 0] = 1
    first = heads_of(w_v, w_o)
    second = Attention(first.w_q, first.w_k, w_v, w_o, norm=norm_of(4, eps=2.0**20))
    t = Transformer(np.eye(2, 4), np.zeros((2, 4)), [first, second])
    alone = Alone(t)
    alone.at([(0, 1), (0,)])
    row = alone.margins.normalize(1, int(alone.numbers(1)[0, 1, 0]))
    assert [float(exact(ball.r)) for ball in row.values()] == pytest.approx([0.25 / 2**10] * 4, rel=1e-5)


def test_what_overflows_and_is_written_nowhere_is_no_number_all_the_same() -> None:
    layer = heads_of(np.ones((1, 2, 1)), np.zeros((1, 1, 2)))
    alone = Alone(Transformer(np.ones((2, 2)), np.zeros((1, 2)), [layer]))
    number, two = alone.margins.embed(0, 0), np.array([[2.0]])
    assert alone.margins.attend(0, number, Heads(1, two, two, two))
    infinite: Array = two * np.inf
    for heads in (Heads(1, infinite, two, two), Heads(1, two, infinite, two), Heads(1, two, two, infinite)):
        with pytest.raises(CertificateError, match="may overflow"):
            alone.margins.attend(0, number, heads)


@each_dtype
def test_the_mean_of_a_stream_is_as_wide_as_its_entries(dtype: Any) -> None:
    """On the average: nothing cancels. Behind an attention, which reads what stands first, and behind an Mlp."""
    w_v, w_o = np.zeros((1, 4, 1)), np.zeros((1, 1, 4))
    w_v[0, 0], w_o[0, 0, 1:] = 1, [3, 5, 2]
    mlp = Mlp(np.eye(4)[:, 1:2], np.ones(1), np.array([[1.0, 0, 2, 4]]), np.array([1.0, 0, 1, 0]), "relu")
    t = Transformer(np.array([[1.0, 1, 1, 1], [2, 1, 1, 1]]), np.zeros((2, 4)), [heads_of(w_v, w_o), mlp], None)
    alone = Alone(t.astype(dtype))
    alone.at([(0, 1), (0,)])
    # The mean of 1 and 1, or 2: written, 1.25 and 0.25; and as what a unit reads is three times that, and one more.
    for layer, middle, radius in (
        (1, 1 + 1.25 * 10 / 4, 0.25 * 10 / 4),
        (2, 4.125 + (5.75 * 7 + 2) / 4, 2.5 / 4 + 0.75 * 7 / 4),
    ):
        row, mean = alone.row(layer, 1, 0)
        assert sorted(row) == [0, 1, 2, 3]
        for k, expected in enumerate((middle, radius)):
            assert float(exact(mean[k])) == pytest.approx(expected, rel=1e-5)
        assert near(mean.r, sum((Fraction(exact(ball.r)) for ball in row.values()), Fraction(0)) / 4)
