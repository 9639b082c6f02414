"""Counts of roundings, of what underflows and of what floats lose, held to numbers worked out by hand."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from properties.recheck.attention import Floats
from properties.recheck.program import Ball, Program
from properties.recheck.stream import Stream
from properties.selftest.recheck.test_confirm import confirmation, leaf
from properties.selftest.recheck.test_means import score, side
from properties.selftest.recheck.test_program_norms import norm_of
from properties.selftest.recheck.test_program_sums import TINY, each_dtype
from properties.selftest.recheck.worst import exact, unit
from zoo import NUMBER, Attention, Transformer

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


@each_dtype
@pytest.mark.parametrize(
    ("d", "units", "lost"), [(1, 2.0**10, 36), (3, 2.0**10, 44), (4, 8.0, 48), (4, 9.0, 48), (4, 5.0, 48)]
)
def test_what_a_variance_loses_to_underflow(dtype: Any, d: int, units: float, lost: int) -> None:
    """4 (d + 8) tiny of what is left: of all, where eps is more than 2 d tiny, and else of eps alone."""
    program, tiny = Program(dtype), TINY[dtype]
    half = float(2.0 ** (np.log2(tiny) / 2))  # whose square is tiny
    c = [Ball(program.number(32 * half), program.zero)] * d
    relative = program.variances(c, norm_of(d, eps=float(dtype(units * tiny)), dtype=dtype))[2]
    u, count = float(unit(dtype)), (d + 1) // 2 + 5
    left = 1024 + units if units > 2 * d else units
    assert float(exact(relative)) == pytest.approx(lost / left + count * u / (1 - count * u), rel=1e-12, abs=0)


@each_dtype
@pytest.mark.parametrize("weight", [1.0, -3.0])
def test_what_a_quotient_and_its_product_lose(dtype: Any, weight: float) -> None:
    """Four tiny for the product, and four for the quotient, of which the weight is taken."""
    found = Program(dtype).normalize({}, norm_of(2, weight, eps=2.0**20, dtype=dtype))
    centre = Program(dtype).centred({}, 2)[0][0].r  # what it is divided of is tiny too, and 2^10 times less after
    moved = float(exact(centre)) / 2**10 * abs(weight)
    assert float(exact(found[0].r)) == pytest.approx(4 * TINY[dtype] * (1 + abs(weight)) + moved, rel=1e-3, abs=0)


def test_what_a_float_is_off_by_is_added_to_what_is_rounded() -> None:
    """(1 + 2^-30)^2 is 2^-60 above the nearest float, and the product is rounded by 2^-53 of it."""
    x = np.array([[1 + 2.0**-30]])
    transformer = Transformer(x, np.zeros((1, 1)), [Attention(x, x, x, x)], None, x)
    floats = Floats(transformer, fine=False)
    found = floats.sides(0, 0, "q", np.array([floats.embed(0, 0)]), np.array([0]))
    exactly = (1 + Fraction(1, 2**30)) ** 2
    assert Fraction(float(found.centre[0, 0])) == exactly - Fraction(1, 2**60)
    assert Fraction(float(found.radius[0, 0])) >= Fraction(1, 2**53) * exactly + Fraction(1, 2**60)


def test_how_often_what_heads_say_is_rounded() -> None:
    """Itself and in its head, as often as that has products, and once less than there are addends."""
    ones = np.ones((2, 3, 2))
    w_o = np.array([[[1.0, 1, 0], [1, 0, 0]], [[1, 0, 0], [0, 0, 0]]])
    layer = Attention(ones, ones, ones, w_o, b_o=np.array([1.0, 0, 1]))
    stream = Stream(Transformer(np.eye(3), np.zeros((1, 3)), [layer], None, np.eye(3)))
    # At 0 two products at most in a head, and two heads and b_o: 2 + 3 - 1. At 1 one product, and at 2 b_o, are alone.
    assert stream.roundings(0) == {0: (4, 3), 1: (1, 1), 2: (0, 1)}


@pytest.mark.parametrize(("causal", "seen"), [(True, [0, 1]), (False, [0, 2])])
def test_what_is_seen_behind_an_attention(causal: bool, seen: list[int]) -> None:
    x = np.ones((1, 1))
    layer = Attention(x, x, x, x, causal=causal)
    assert Stream(Transformer(x, x, [layer], None, x)).sight == seen


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_what_is_no_finite_number_is_not_right(value: float, monkeypatch: pytest.MonkeyPatch) -> None:
    its = confirmation([[0.75]], outputs=NUMBER, within=0.25)
    monkeypatch.setattr("properties.recheck.confirm.forward", lambda *_, **__: np.array([[[value]]]))
    assert its.run(leaf("run", {0.75})) is False


@each_dtype
def test_a_scale_is_rounded_in_the_program_and_here(dtype: Any) -> None:
    """By a unit of a dtype, and by two of float64 here, of which one is to spare; of a score around zero."""
    (_, plain), (_, scaled) = (score(side([1.0, 1.0]), side([1.0, -1.0]), scale, dtype) for scale in (1.0, 3.0))
    u = float(unit(dtype))
    assert scaled == pytest.approx(3 * (plain + (u + 2 * 2.0**-53) * (2 + plain)), rel=1e-13, abs=0)
