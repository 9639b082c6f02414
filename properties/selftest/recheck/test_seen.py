"""What is worked out once, and what queries see: directions that are felt, and sets that are one to a head."""

from typing import Any

import numpy as np
import pytest

from properties.recheck.attention import Floats, Seen, Table, _alike
from properties.selftest.recheck.alone import Alone
from zoo import Attention, Transformer
from zoo.errors import CertificateError
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def test_rows_are_worked_out_when_they_are_asked_for_and_once() -> None:
    asked: list[int] = []

    def make(number: int) -> Array:
        asked.append(number)
        if number == 2:
            raise CertificateError("too large")
        return np.full(2, number + 0.5)

    table = Table((2,), make)
    assert table.of(np.array([3, 1, 3]))[[1, 3]].tolist() == [[1.5, 1.5], [3.5, 3.5]]
    assert np.isnan(table.of(np.array([2, 1]))[2]).all()
    assert table.of(np.array([40, 3, 2]))[[3, 40]].tolist() == [[3.5, 3.5], [40.5, 40.5]]
    assert asked == [1, 3, 2, 40]


SQUARE = (1 + 2.0**-27, -1 - 2.0**-27)  # of x as large, one square less the other: they are rounded by 2^-54


@pytest.mark.parametrize(
    ("query", "bias", "key", "least", "most", "off"),
    [
        (SQUARE, 0.0, 2.0**54, -1, 1, 8),  # a machine may round one of both and not the other; allowed is 2^-51
        ((0, 0), -1.0, 3.0, -3, -3, 1e-14),
        ((0, 0), 0.0, 3.0, 0, 0, 0),
    ],
)
def test_a_direction_of_a_query_is_felt(
    query: tuple[float, float], bias: float, key: float, least: float, most: float, off: float
) -> None:
    """The second one, in which the query is surely about zero, or exactly a number."""
    w_q, w_k = np.zeros((2, 1, 3, 2))
    w_q[0, :2, 1], w_k[0, 2, 1] = query, key
    layer = Attention(w_q, w_k, np.ones((1, 3, 1)), np.ones((1, 1, 3)), b_q=np.array([[0, bias]]), scale=1.0)
    x = np.array([[SQUARE[0], SQUARE[0], 1], [0, 0, 1]])
    floats = Floats(Transformer(x, np.zeros((1, 3)), [layer], None, x), fine=False)
    numbers = np.array([floats.embed(0, t) for t in range(2)])  # of which only one may be about zero there
    for queries in (numbers[:1], numbers):
        low, high = (float(end[0, 0]) for end in floats.scores(0, 0, queries, numbers))
        assert least - off * (1 + 1e-9) <= low <= least
        assert most <= high <= most + off * (1 + 1e-9)


def test_what_a_score_moves_with_what_both_are_computed_from() -> None:
    """Before the first attention nothing does. Behind it x_1 is 1, off by 2: a query 2 x_1, a key 3 x_1 - x_0.

    Their product is x A y, with 6 in A at (1, 1), and -2 at (1, 0); |A y| is 6, and |A| |dy| 12.
    """
    w_q, w_k, w_v, silent = np.zeros((4, 1, 3, 1))
    w_q[0, 1], w_k[0, :2, 0], w_v[0, 1], says = 2, (-1, 3), 1, np.array([[[0, 1, 0.7]]])
    layers = [Attention(silent, silent, w_v, says, scale=1.0), Attention(w_q, w_k, w_v, says, scale=1.0)]
    x = np.array([[0.0, -2, 0], [0, 6, 0], [0, 0, 0]])
    alone = Alone(Transformer(x, np.zeros((2, 3)), layers, None, x))
    alone.at([(0, 1), (2,)])
    before, behind = (alone.numbers(i)[0, 1, 2:] for i in (0, 1))
    for name, felt, size in (("q", [2, 6, 0], 6), ("k", [0, 6 + 12, 0], 9)):
        sides = alone.margins.sides(1, 0, name, behind, np.array([0]))
        assert sides.rounding[0].tolist() == pytest.approx([size * 2.0**-53], rel=1e-6, abs=0)  # one product's
        assert sides.moves[0].tolist() == pytest.approx([0, 2, 1.4], abs=1e-9)
        assert sides.felt[0].tolist() == pytest.approx(felt, abs=1e-9)
        assert all(ball.r <= sides.moves[0, e] for e, ball in alone.row(1, 1, 2).row.items())
        exactly = alone.margins.felt(1, 0, name, int(behind[0]))
        assert all(number <= rounded for number, rounded in zip(exactly, sides.felt[0], strict=True))
        assert alone.margins.sides(0, 0, name, before, np.array([0])).moves.shape == (1, 0)


def hearing(stream: Floats, numbers: Array, masks: Array, t: int = 0) -> Seen:
    """What the last of two positions sees in the first layer."""
    return Seen(stream, 0, 1, t, numbers, masks)


def stream(fine: bool) -> tuple[Floats, Array]:
    """Of a and b at the first position nothing is heard by a head, but of c. And the rows, [1, position, token]"""
    x = np.array([[-1000.0, 1], [-1000, 2], [0, 3]])
    ones, looks, value = np.zeros((1, 2, 1)), np.eye(2)[None, :, :1], np.eye(2)[None, :, 1:]
    layer = Attention(ones, looks, value, np.ones((1, 1, 2)), b_q=np.ones((1, 1)), scale=1.0)
    made = Floats(Transformer(x, np.array([[0, 0], [1000.0, 0]]), [layer], None, x), fine=fine)
    return made, np.array([[[made.embed(p, t) for t in range(3)] for p in range(2)]])


@pytest.mark.parametrize("fine", [False, True])
def test_sets_that_a_head_hears_alike_are_one_if_levels_are_coarse(fine: bool) -> None:
    floats, numbers = stream(fine)
    a, b, either = np.eye(3, dtype=bool)[0], np.eye(3, dtype=bool)[1], np.array([True, True, False])
    seen = hearing(floats, numbers, np.array([[a, a], [b, a]]))
    assert seen.which[0].tolist() == ([0, 1] if fine else [0, 0])
    assert seen.masks[0][:, 0].tolist() == ([a.tolist(), b.tolist()] if fine else [either.tolist()])


def test_sets_with_rows_of_their_own_are_not_one() -> None:
    """In the second one, the row of a and b at the first position is c's there, and is heard."""
    floats, numbers = stream(fine=False)
    heard = np.concatenate([numbers, numbers])
    heard[1, 0, :2] = numbers[0, 0, 2]
    a, b = np.eye(3, dtype=bool)[:2]
    assert hearing(floats, heard, np.array([[a, a], [b, a]])).which[0].tolist() == [0, 1]


def test_heads_without_columns_are_sizes_and_infinities() -> None:
    floats, numbers = stream(fine=False)
    seen = hearing(floats, numbers, np.array([[[True, True, False], [True, False, False]]]))
    [[known], _], [[bare], _] = seen.heads(), seen.heads(columns=False)
    assert known.size.tolist() == bare.size.tolist() == [[2 + 2.0**-8]]  # b's 2 and what is rounded, in ten bits
    assert (known.low[0, 0], known.high[0, 0]) == (pytest.approx(1), pytest.approx(1))
    assert (bare.low.tolist(), bare.high.tolist()) == ([[-np.inf]], [[np.inf]])


def test_what_a_position_may_hold_should_have_a_row() -> None:
    floats, numbers = stream(fine=False)
    missing = numbers.copy()
    missing[0, 0, 1] = -1
    masks = np.array([[[True, False, True], [True, False, False]]])
    assert hearing(floats, missing, masks).which[0].tolist() == [0]
    with pytest.raises(AssertionError, match="should have a row"):
        hearing(floats, missing, np.ones_like(masks))


def test_what_is_not_heard_is_whatever_any_set_holds() -> None:
    """Of two keys the first is heard: the first set and the last are alike there, and hold a or b behind it."""
    masks: Any = np.array([[[x in key for x in "ab"] for key in its] for its in (["a", "a"], ["b", "a"], ["a", "b"])])
    few, which = _alike(masks, np.array([True, False]))
    assert which.tolist() == [0, 1, 0]
    assert few.tolist() == [[[True, False], [True, True]], [[False, True], [True, True]]]
    few, which = _alike(masks, np.array([True, True]))
    assert (few.tolist(), which.tolist()) == (masks.tolist(), [0, 1, 2])
