"""Gradients written by hand against central differences, and against torch, on transformers of every shape."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import zoo
from properties.selftest.examples import many
from properties.strategies import tokens, transformers
from zoo.errors import ModelError
from zoo.training.backward import gradients, loss, sgd_step
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward, normalize, residuals, softmax
from zoo.transformer.arrays import Array
from zoo.transformer.parts import Arrays

SETTINGS = settings(max_examples=settings().max_examples // 6)


@st.composite
def examples(draw: st.DrawFn) -> tuple[Transformer, Array, Array]:
    """A transformer, a batch, and targets, some of which are not counted."""
    transformer = draw(transformers(max_n_ctx=4, max_d_model=8))
    batch = draw(tokens(transformer))
    ids = st.integers(-1, transformer.sizes["vocab"] - 1)
    targets = np.array(draw(st.lists(ids, min_size=batch.size, max_size=batch.size))).reshape(batch.shape)
    targets[0, 0] = max(targets[0, 0], 0)
    return transformer, batch, targets


def test_every_gradient_is_the_central_difference(outcomes: Counter[str]) -> None:
    @many(6)
    @given(examples(), st.integers(0, 2**32 - 1))
    def check(example: tuple[Transformer, Array, Array], seed: int) -> None:
        transformer, batch, targets = example
        random = np.random.default_rng(seed)
        found = gradients(transformer, batch, targets)[1]
        assert found.keys() == transformer.named_arrays().keys()
        for name, array in transformer.named_arrays().items():
            assert found[name].shape == array.shape
            direction = random.normal(size=array.shape)
            expected, error = central_difference(transformer, name, direction, batch, targets)
            if error is None:
                outcomes["a ReLU bends within the step, or the loss is too crooked there to tell"] += 1
                continue
            assert (found[name] * direction).sum() == pytest.approx(expected, rel=1e-5, abs=error), name
            outcomes["compared"] += 1

    check()
    assert outcomes["compared"] > outcomes.total() / 2


def central_difference(
    transformer: Transformer, name: tuple[str, str], direction: Array, batch: Array, targets: Array
) -> tuple[float, float | None]:
    """The slope of the loss along a direction, and how far it can be off: from steps of two sizes, None if far."""
    array = transformer.named_arrays()[name]

    def moved(step: float) -> Transformer:
        return transformer.with_arrays({name: array + step * direction})

    def slope(step: float) -> float:
        return (loss(moved(step), batch, targets) - loss(moved(-step), batch, targets)) / (2 * step)

    large, small = 2e-5, 1e-5
    if any(not np.array_equal(signs(moved(-large), batch), signs(moved(s), batch)) for s in (0, large)):
        return 0, None
    error = abs(slope(large) - slope(small)) + 1e-10 * (1 + abs(loss(transformer, batch, targets))) / small
    return slope(small), error if error < 1e-3 * max(1, abs(slope(small))) else None


def signs(transformer: Transformer, batch: Array) -> Array:
    """On which side of its bend every ReLU is."""
    trace: dict[str, Array] = {}
    forward(transformer, batch, trace)
    relus = [
        np.sign(normalize(x, layer.norm) @ layer.w_in + layer.b_in).ravel()
        for x, layer in zip(residuals(transformer, trace), transformer.layers)
        if isinstance(layer, Mlp) and layer.activation == "relu"
    ]
    return np.concatenate(relus) if relus else np.zeros(0)


@SETTINGS
@given(examples())
def test_every_gradient_is_torch_s(example: tuple[Transformer, Array, Array]) -> None:
    pytest.importorskip("torch", reason="torch is not installed: pip install handmade-zoo[peers]")
    transformer, batch, targets = example
    value, expected = by_torch(transformer, batch, targets)
    mine, found = gradients(transformer, batch, targets)
    assert mine == pytest.approx(value, rel=1e-9, abs=1e-9)
    for name, array in expected.items():
        scale = max(1.0, float(np.abs(array).max()))
        np.testing.assert_allclose(found[name], array, rtol=1e-6, atol=1e-9 * scale, err_msg=str(name))


def by_torch(transformer: Transformer, batch: Array, targets: Array) -> tuple[float, Arrays]:
    """The loss and its gradients by torch's own operations and automatic differentiation, in float64."""
    import torch
    from torch.nn import functional

    p = {name: torch.tensor(array, requires_grad=True) for name, array in transformer.named_arrays().items()}

    def norm(x: torch.Tensor, one: Norm | None, where: str) -> torch.Tensor:
        if one is None:
            return x
        return functional.layer_norm(x, x.shape[-1:], p[where, "weight"], p[where, "bias"], one.eps)

    embedding = p["transformer", "token_embedding"]
    x = embedding[torch.tensor(batch)] + p["transformer", "position_embedding"][: batch.shape[1]]
    for i, layer in enumerate(transformer.layers):
        h, where = norm(x, layer.norm, f"layer {i} norm"), f"layer {i}"
        if isinstance(layer, Attention):
            for head in range(layer.sizes["head"]):
                q, k, v = (
                    h @ p[where, f"w_{n}"][head] + (p[where, f"b_{n}"][head] if (where, f"b_{n}") in p else 0)
                    for n in "qkv"
                )
                y = functional.scaled_dot_product_attention(q, k, v, is_causal=layer.causal, scale=layer.multiplier)
                x = x + y @ p[where, "w_o"][head]
            x = x + p.get((where, "b_o"), 0)
        else:
            into = h @ p[where, "w_in"] + p[where, "b_in"]
            hidden = functional.relu(into) if layer.activation == "relu" else functional.gelu(into, approximate="tanh")
            x = x + hidden @ p[where, "w_out"] + p[where, "b_out"]
    logits = norm(x, transformer.final_norm, "final norm") @ p.get(("transformer", "unembedding"), embedding).T
    value = functional.cross_entropy(logits.flatten(0, 1), torch.tensor(targets).flatten(), ignore_index=-1)
    value.backward()
    return value.item(), {name: np.zeros(t.shape) if t.grad is None else t.grad.numpy() for name, t in p.items()}


@SETTINGS
@given(examples())
def test_the_loss_is_the_mean_over_what_is_counted(example: tuple[Transformer, Array, Array]) -> None:
    transformer, batch, targets = example
    with np.errstate(divide="ignore"):
        p = np.log(softmax(forward(transformer, batch)))
    each = [-p[i, j, target] for (i, j), target in np.ndenumerate(targets) if target >= 0]
    assume(np.isfinite(each).all())  # a probability may be 0 in floating point
    assert loss(transformer, batch, targets) == pytest.approx(sum(each) / len(each))


@SETTINGS
@given(examples())
def test_a_small_step_goes_down(example: tuple[Transformer, Array, Array]) -> None:
    transformer, batch, targets = example
    before, found = gradients(transformer, batch, targets)
    steepness = sum(float((d * d).sum()) for d in found.values())
    after = loss(sgd_step(transformer, batch, targets, rate=1e-9 / max(1, steepness)), batch, targets)
    assert after <= before + 1e-12 * (1 + abs(before))


def test_a_rate_that_is_no_number_is_refused() -> None:
    rates: list[Any] = ["x", None, float("nan"), float("inf")]
    for rate in rates:
        with pytest.raises(ModelError, match=r"rate is .*, but should be a finite number"):
            sgd_step(zoo.load("ab").transformer, np.array([[0]]), np.array([[1]]), rate)
