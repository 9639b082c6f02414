"""The arrays of the zoo equal the published ones number for number, dead entries and zero biases included."""

import json
from pathlib import Path
from typing import Any

import numpy as np

import zoo
from zoo.transformer import Attention, Transformer


def published(name: str) -> dict[str, Any]:
    text = (Path(__file__).parent / "published" / f"{name}.json").read_text()
    return {key: np.array(value) if isinstance(value, list) else value for key, value in json.loads(text).items()}


def parts(name: str) -> tuple[Transformer, Attention]:
    transformer = zoo.load(name).transformer
    [layer] = transformer.layers
    assert isinstance(layer, Attention)
    assert transformer.unembedding is None
    return transformer, layer


def test_aab() -> None:
    data = published("aab")
    transformer, layer = parts("aab")
    np.testing.assert_array_equal(transformer.token_embedding, data["wte"])
    np.testing.assert_array_equal(transformer.position_embedding, data["wpe"])
    np.testing.assert_array_equal(np.concatenate([layer.w_q[0], layer.w_k[0], layer.w_v[0]], axis=1), data["c_attn.w"])
    biases = (layer.b_q, layer.b_k, layer.b_v)
    assert all(bias is not None for bias in biases)
    np.testing.assert_array_equal(np.concatenate([bias[0] for bias in biases if bias is not None]), data["c_attn.b"])
    np.testing.assert_array_equal(layer.w_o[0], data["c_proj.w"])
    np.testing.assert_array_equal(layer.b_o, data["c_proj.b"])
    assert layer.causal
    assert layer.multiplier == 1 / np.sqrt(8)


def test_third_previous() -> None:
    assert_equals_published("third_previous", b_o_times=1)


def test_two_head() -> None:
    assert_equals_published("two_head", b_o_times=2)  # it is added once for each head


def assert_equals_published(name: str, b_o_times: int) -> None:
    data = published(name)
    transformer, layer = parts(name)
    np.testing.assert_array_equal(transformer.token_embedding, data["wte"])
    np.testing.assert_array_equal(transformer.position_embedding, data["wpe"])
    assert layer.sizes["head"] == data["n_head"]
    for ours, theirs in ((layer.w_q, "q"), (layer.w_k, "k"), (layer.w_v, "v")):
        np.testing.assert_array_equal(np.concatenate(list(ours), axis=1), data[theirs])
    np.testing.assert_array_equal(np.concatenate(list(layer.w_o)), data["c_proj.w"])
    np.testing.assert_array_equal(layer.b_o, b_o_times * data["c_proj.b"])
    assert (layer.b_q, layer.b_k, layer.b_v) == (None, None, None)
    assert not layer.causal
    assert layer.multiplier == 1
