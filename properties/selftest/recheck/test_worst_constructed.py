"""Models in which one rounding outweighs all others, for those that seldom do."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from properties.recheck.program import Ball
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.test_program_sums import TINY, each_dtype
from properties.selftest.recheck.test_worst_roundings import check
from properties.selftest.recheck.worst import exact, many_digits, unit
from zoo import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array


def heads_of(w_v: Array, w_o: Array) -> Attention:
    """Heads that look at all alike."""
    head, d_model, _ = w_v.shape
    still = np.zeros((head, d_model, 1))
    return Attention(still, still, w_v, w_o, scale=1.0)


def wide_and_narrow(heads: int, width: int, dtype: Any) -> Transformer:
    """The first head adds up `width` products in one entry, the largest first; of the others each writes one."""
    w_v, w_o = np.zeros((heads, 2, width)), np.zeros((heads, width, 2))
    w_v[0, 0], w_o[0, :, 1] = 1, 2.0**-12
    w_o[0, 0, 1] = 1
    w_v[1:, 0, 0], w_o[1:, 0, 1] = 1, 2.0**-12
    embedding = np.array([[1.0, 0.0], [1.0, 0.0]])
    unembedding = np.array([[0.0, 1.0], [0.0, 0.0]])
    return Transformer(embedding, np.zeros((1, 2)), [heads_of(w_v, w_o)], None, unembedding).astype(dtype)


@each_dtype
@pytest.mark.parametrize("heads", [1, 2, 3])
def test_a_head_that_adds_up_more_than_others(heads: int, dtype: Any) -> None:
    """Of the margin and of the entry, the largest share is what adding up the products may round."""
    margin, *entries = check(wide_and_narrow(heads, 24, dtype), [(0,)], 0, 1)
    assert margin > 0.75
    assert entries[-2] > 0.75


@each_dtype
def test_products_of_all_heads_may_underflow(dtype: Any) -> None:
    """Each of 12 times 12 may lose what is tiny."""
    w_v, w_o = np.zeros((12, 2, 12)), np.zeros((12, 12, 2))
    w_v[:, 0], w_o[:, :, 1] = 1, TINY[dtype]
    embedding, unembedding = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[0.0, 1.0], [0.0, 0.0]])
    t = Transformer(embedding, np.zeros((1, 2)), [heads_of(w_v, w_o)], None, unembedding).astype(dtype)
    alone = Alone(t)
    alone.at([(0,)])
    assert alone.lower(0, 0, 1) > -np.inf
    [end] = alone.margins.ends
    _, last = alone.margins.attended_errors(*end)
    for error in (alone.row(1, 0, 0).row[1].r, last[1]):
        assert 144 * TINY[dtype] <= float(exact(error)) < 800 * TINY[dtype]


@each_dtype
@pytest.mark.parametrize("d", [8, 15])
def test_a_final_norm_of_one_large_entry(dtype: Any, d: int) -> None:
    """Neither mean nor readout rounds much: it is the variance, its root and the division."""
    embedding, unembedding = np.zeros((2, d)), np.zeros((2, d))
    embedding[:, 0] = 3
    unembedding[0, 0] = 1
    norm = Norm(np.full(d, 1.5), np.zeros(d), 2.0**-10)
    t = Transformer(embedding, np.zeros((1, d)), [], norm, unembedding).astype(dtype)
    assert check(t, [(0,)], 0, 1)[0] > 0.6


def cancelling(query: bool, dtype: Any) -> Transformer:
    """In the second attention a query, or a key, is what is left of large numbers that cancel, summed one by one.

    The first attention says nothing. What stands last, 0, looks at what stands first, 1, which has a value.
    """
    large, mark, value, out, d = slice(0, 16), 16, 17, 18, 19
    embedding = np.zeros((2, d))
    embedding[0 if query else 1, large] = [64] * 8 + [-63.9375] * 8
    embedding[1 if query else 0, mark], embedding[1, value] = 1, 1
    silent = heads_of(np.zeros((1, d, 1)), np.zeros((1, 1, d)))
    sums, marks, w_v, w_o = np.zeros((1, d, 1)), np.zeros((1, d, 1)), np.zeros((1, d, 1)), np.zeros((1, 1, d))
    sums[0, large], marks[0, mark], w_v[0, value], w_o[0, 0, out] = 1, 1, 1, 1
    w_q, w_k = (sums, marks) if query else (marks, sums)
    unembedding = np.zeros((2, d))
    unembedding[0, out] = 1
    layers = [silent, Attention(w_q, w_k, w_v, w_o, scale=1.0)]
    return Transformer(embedding, np.zeros((2, d)), layers, None, unembedding).astype(dtype)


@each_dtype
@pytest.mark.parametrize("query", [True, False])
def test_a_score_of_what_is_left_of_large_numbers(query: bool, dtype: Any) -> None:
    margin, *_ = check(cancelling(query, dtype), [(1,), (0,)], 0, 1)
    assert margin > 0.2


@each_dtype
@pytest.mark.parametrize(("scale", "size"), [(24.0, 1.0), (-24.0, 1.0), (2.0, 3.0)])
def test_query_and_key_that_move_together(dtype: Any, scale: float, size: float) -> None:
    """What stands first moves both, and the score of what they become is farther off than either takes it alone.

    0 and 1 stand first, 2 behind it, which alone has a value; the first attention tells both how often 1 stood there.
    """
    embedding = np.array([[0.0, 0, 0, 0], [size, 0, 0, 0], [0, 0, size, 0]])
    maps: dict[str, Any] = {name: np.zeros((1, 4, 1)) for name in ("w_q", "w_k", "w_v")}
    maps["w_q"][0, 1], maps["w_k"][0, 1], maps["w_k"][0, 0], maps["w_v"][0, 2] = 1, 1, -1, 1
    counts, says = np.zeros((1, 4, 1)), np.zeros((1, 1, 4))
    counts[0, 0], says[0, 0, 3] = 1, 1
    layers = [heads_of(counts, np.eye(4)[None, 1:2]), Attention(**maps, w_o=says, scale=scale)]
    unembedding = np.array([[0.0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, -1]])
    t = Transformer(embedding, np.zeros((3, 4)), layers, None, unembedding).astype(dtype)
    for answer in (0, 2):
        check(t, [(0, 1), (2,), (2,)], answer, 1)


def units(activation: str, sign: float, dtype: Any) -> Transformer:
    """What an attention reads, and what a unit makes of it, in which large numbers cancel, or the unit takes away."""
    w_v, w_o = np.zeros((1, 6, 1)), np.zeros((1, 1, 6))
    w_v[0, 0], w_o[0, 0, 1] = 1, 1
    w_in, w_out = np.array([[0.0, 1, 0, 0, 4096, -4096]]).T, np.array([[0, 0, sign, 0, 0, 0]])
    embedding, unembedding = np.zeros((4, 6)), np.zeros((4, 6))
    embedding[:3, 0], embedding[3, 3:], unembedding[0, 1:3] = [-1, 3, 8], 1, 1
    layers: list[Attention | Mlp] = [heads_of(w_v, w_o), Mlp(w_in, np.zeros(1), w_out, np.zeros(6), activation)]
    return Transformer(embedding, np.zeros((2, 6)), layers, None, unembedding).astype(dtype)


@each_dtype
@pytest.mark.parametrize("activation", ["relu", "gelu"])
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_a_unit_that_may_be_off_is_not_linear(dtype: Any, activation: str, sign: float) -> None:
    """Where it surely is on, it is: what it takes away is what there was, but for roundings."""
    t = units(activation, sign, dtype)
    for first in ((0, 1, 2), (1, 2)):
        check(t, [first, (3,)], 0, 1)
        check(t, [first, (3,)], 1, 0)
    if activation == "relu" and sign < 0:
        alone = Alone(t)
        alone.at([(1, 2), (3,)])
        assert -1e-2 < alone.lower(3, 0, 1) < 0


@each_dtype
@pytest.mark.parametrize("bias", [0.0, 2.0**12])
def test_a_readout_of_all_that_a_final_norm_makes(dtype: Any, bias: float) -> None:
    """What it rounds grows with how many products there are, and with a bias."""
    d = 24
    embedding = np.array([[1.0, -1.0] * (d // 2)] * 2)
    unembedding = np.array([[1.0, -1.0] * (d // 2), [0.0] * d])
    norm = Norm(np.ones(d), np.array([bias] + [0.0] * (d - 1)), 2.0**-10)
    t = Transformer(embedding, np.zeros((1, d)), [], norm, unembedding).astype(dtype)
    assert check(t, [(0,)], 0, 1)[0] > 0.2
    alone = Alone(t)
    alone.at([(0,)])
    assert alone.lower(0, 0, 1) < d + bias
    behind = alone.margins.normed(0)
    for e in range(d):
        end = abs((-1) ** e * (1 - 2.0**-11) + bias * (e == 0))
        assert end + float(exact(behind.roundings[e])) <= float(exact(behind.sizes[e])) < 1.01 * end


def moving(sizes: Sequence[float], dtype: Any) -> Transformer:
    """The first attention tells what stands first, the second one tells it again, and a unit reads that."""
    embedding, unembedding = np.zeros((3, 4)), np.zeros((3, 4))
    embedding[:2, 0], unembedding[0, 1:] = [-1, 3], sizes
    first, second = np.zeros((2, 1, 4, 1))
    first[0, 0], second[0, 1] = 1, 1
    w_o = np.eye(4)[None]
    w_in, w_out = np.eye(4)[:, 2:3], np.eye(4)[3:]
    layers: list[Attention | Mlp] = [
        heads_of(first, w_o[:, 1:2]),
        heads_of(second, w_o[:, 2:3]),
        Mlp(w_in, np.zeros(1), w_out, np.zeros(4), "relu"),
    ]
    return Transformer(embedding, np.zeros((2, 4)), layers, None, unembedding).astype(dtype)


@each_dtype
@pytest.mark.parametrize("sizes", [(8, 0, 0), (0, 0, 1), (0, 0, -1), (0, 4, 0), (0, -4, 0), (0, 4, -4)])
def test_what_moves_before_the_last_attention(dtype: Any, sizes: Sequence[float]) -> None:
    """Also where it is bounded by columns."""
    t = moving(sizes, dtype)
    check(t, [(0, 1), (2,)], 0, 1)
    ends = [np.dot(sizes, [end / 2, 0.75 * end, max(0, 0.75 * end)]) for end in (-1, 3)]
    for fine in (False, True):
        alone = Alone(t, fine)
        alone.at([(0, 1), (2,)])
        assert min(ends) - (10 if sizes[1] * sizes[2] else 1e-3) < alone.lower(2, 0, 1) <= min(ends)


@each_dtype
def test_what_an_attention_adds_to_is_rounded_with_it(dtype: Any) -> None:
    """And what it adds is as large as a value and what may be rounded in it."""
    w_v, w_o = np.zeros((1, 2, 1)), np.zeros((1, 1, 2))
    w_v[0, 0], w_o[0, 0, 1] = 1, -3
    u, found = float(unit(dtype)), []
    for before in (0.0, 2.0**-90, 2.0**12):
        embedding = np.array([[5.0, before]] * 2)
        t = Transformer(embedding, np.zeros((1, 2)), [heads_of(w_v, w_o)], None, np.eye(2)).astype(dtype)
        alone = Alone(t)
        alone.at([(0,)])
        assert alone.lower(0, 0, 1) > -np.inf
        [end] = alone.margins.ends
        sizes, errors = alone.margins.attended_errors(*end)
        size = float(alone.margins.ends[0].heads.size.max())
        error = exact(alone.margins.program.mean_error(alone.margins.program.number(size), 1))
        found.append(float(exact(errors[1])))
        with many_digits():
            assert exact(sizes[1]) * (1 + Decimal("1e-30")) >= 3 * (Decimal(size) + error) + Decimal(before) + exact(
                errors[1]
            )
    assert found[1] - found[0] >= 15 * u * (1 - 1e-6)
    assert found[2] - found[0] >= (15 + 2.0**12) * u * (1 - 1e-6)
    share = alone.margins.share(
        [(0, alone.margins.program.number(3), 3), (1, alone.margins.program.number(-9), 9)], Ball(2, 5)
    )
    assert (float(exact(share[0])), float(exact(share[1]))) == (-6, 15)
