"""The bound on how far two programs can be apart, where roundings are made to add up."""

from fractions import Fraction

import numpy as np
import pytest

from properties.selftest.enumeration.exact import U, rounding, value
from zoo.enumeration.rounding import Rounding
from zoo.transformer import Attention, Mlp, Transformer, forward
from zoo.transformer.arrays import Array
from zoo.transformer.scalar import scalar_forward


def test_heads_may_be_summed_one_number_at_a_time() -> None:
    """A sum of 1 and of many halves of its last place stays 1, one by one; head by head the halves add up first."""
    heads, width, half = 64, 64, 2.0**-53
    w_v, w_o = np.zeros((heads, 2, width)), np.zeros((heads, width, 2))
    w_v[:, 0], w_o[:, :, 1], w_o[0, 0, 1] = 1, half, 1
    attention = Attention(np.zeros((heads, 2, 1)), np.zeros((heads, 2, 1)), w_v, w_o)
    transformer = Transformer(np.array([[1.0, 0], [1, 0]]), np.zeros((1, 2)), [attention], unembedding=np.eye(2))
    trace: dict[str, Array] = {}
    fast = forward(transformer, np.array([[0]]), trace)[0, 0]
    slow = scalar_forward(transformer, [0])[0]
    apart = abs(fast[1] - slow[1])
    assert apart > 4000 * half
    assert apart <= Rounding(transformer).of_trace(trace)


def test_what_is_rounded_in_the_bound_itself() -> None:
    """It is no less than twice what its sums and products are by exact arithmetic."""
    lower = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        transformer = Transformer(rng.normal(size=(1, 7)), np.zeros((1, 7)), [], None, rng.normal(size=(1, 7)))
        row = transformer.token_embedding
        found, _ = Rounding(transformer).of_step([row], 1)
        u, tiny = Fraction(2.0**-52), Fraction(float(np.finfo(float).tiny)) * 4
        sizes = [Fraction(float(x)) for x in np.abs(row[0])]
        w = [Fraction(float(x)) for x in np.abs(transformer.readout[0])]
        whole = sum((x * (1 + 2 * u) + 2 * tiny) * y for x, y in zip(sizes, w))
        exact = 2 * (sum((x * u + tiny) * y for x, y in zip(sizes, w)) + 9 * (u * whole + tiny))
        lower += Fraction(found / 1.01) < exact
        assert exact < Fraction(found) < exact * Fraction("1.011")
    assert lower > 3  # without the hundredth it would be


def with_longest(name: str, size: int) -> Transformer:
    sizes = {"n_ctx": 1, "vocab": 1, "d_model": 1, "d_mlp": 1, "head": 1, "d_head": 1, "d_v": 1} | {name: size}
    vocab, d, head, d_head, d_v, d_mlp = (sizes[x] for x in ("vocab", "d_model", "head", "d_head", "d_v", "d_mlp"))
    w = np.ones((head, d, d_head))
    layer = Attention(w, w, np.ones((head, d, d_v)), np.ones((head, d_v, d)))
    mlp = Mlp(np.ones((d, d_mlp)), np.ones(d_mlp), np.ones((d_mlp, d)), np.ones(d), "relu")
    return Transformer(np.ones((vocab, d)), np.ones((sizes["n_ctx"], d)), [layer, mlp])


@pytest.mark.parametrize("name", ["n_ctx", "vocab", "d_model", "d_mlp", "head", "d_head", "d_v"])
def test_sums_of_too_many_numbers_are_not_known(name: str) -> None:
    """With 16 more for all else that rounds, as many as have half of what is representable left between them."""
    for size, known in ((47, True), (48, False)):
        a = rounding(2.0**-8, transformer=with_longest(name, size))
        assert np.isfinite(a.sum([value([1.0]), value([1.0])]).error).all() == known


@pytest.mark.parametrize(("heads", "known"), [(5, True), (6, False)])
def test_all_heads_are_one_sum(heads: int, known: bool) -> None:
    w = np.ones((heads, 1, 1))
    layer = Attention(w, w, np.ones((heads, 1, 8)), np.ones((heads, 8, 1)))
    a = rounding(2.0**-8, transformer=Transformer(np.ones((1, 1)), np.ones((1, 1)), [layer]))
    assert np.isfinite(a.sum([value([1.0]), value([1.0])]).error).all() == known


def test_one_number_that_may_overflow_is_enough() -> None:
    a = rounding(largest=64.0)
    assert np.isfinite(a.finite(value([1.0, 15.5])).error).all()
    assert np.isinf(a.finite(value([1.0, 16.5])).error).all()
    assert np.isinf(a.finite(value([16.5, 1.0])).error).all()


@pytest.mark.parametrize("reach", [0.0, 3.0])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_mean_may_lose_each_product_and_their_sum(length: int, reach: float) -> None:
    """Where nothing but that is lost, no less is allowed, and no more than another loss, to spare."""
    a, none = rounding(tiny=U), np.zeros((1, 1))
    lost = a.mean(value([[0.0]]), none, none, length, reach).error[0, 0] / (U * np.exp(reach))
    assert length + 1 <= lost <= length + 2
