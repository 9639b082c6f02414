"""Attention-only checkpoints: by the names of TransformerLens or plainly, with heads and biases or without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from properties.selftest.counting.maxima import SIZE, maxima
from zoo.errors import FileError
from zoo.files import attention_only
from zoo.transformer import Attention

PLAIN = maxima(3)
BLOCK = ("W_Q", "W_K", "W_V", "W_O")


def named(layers: int = 1) -> dict[str, Any]:
    """As TransformerLens has them, with a dimension for the one head."""
    arrays = {"embed.W_E": PLAIN["W_E"], "pos_embed.W_pos": PLAIN["W_pos"], "unembed.W_U": PLAIN["W_U"]}
    for i in range(layers):
        arrays |= {f"blocks.{i}.attn.{name}": PLAIN[name][None] for name in BLOCK}
    return arrays


def logits(path: Path) -> Any:
    return attention_only.read(path).logits(("01", "11", "03"))


def test_all_ways_of_naming_are_the_same_model(tmp_path: Path) -> None:
    arrays: dict[str, Any] = PLAIN
    np.savez(tmp_path / "plain.npz", **arrays)
    np.savez(tmp_path / "named.npz", **named())
    mask = {"blocks.0.attn.mask": np.tril(np.ones((3, 3), bool)), "blocks.0.attn.b_K": np.zeros((1, SIZE + 1))}
    save_file(named() | mask, tmp_path / "named.safetensors")
    found = attention_only.read(tmp_path / "plain.npz")
    assert found.vocab == tuple(f"{i:02}" for i in range(SIZE))
    assert found.source == "arrays from plain.npz; tokens are called by their number, 00 to 11"
    x = PLAIN["W_E"][[1, 11, 3]] + PLAIN["W_pos"]
    scores = (x @ PLAIN["W_Q"])[-1] @ (x @ PLAIN["W_K"]).T / np.sqrt(SIZE + 1)
    weights = np.exp(scores - scores.max())
    row = (x[-1] + weights / weights.sum() @ x @ PLAIN["W_V"] @ PLAIN["W_O"]) @ PLAIN["W_U"]
    assert logits(tmp_path / "plain.npz")[-1] == pytest.approx(row, abs=1e-9)
    for name in ("named.npz", "named.safetensors"):
        assert (logits(tmp_path / name) == logits(tmp_path / "plain.npz")).all()


def test_layers_and_biases(tmp_path: Path) -> None:
    """What the unembedding adds is a direction that is always 1."""
    np.savez(tmp_path / "two.npz", **named(2))
    bias = np.arange(SIZE, dtype=float)
    b_o = {f"blocks.{i}.attn.b_O": np.zeros(SIZE + 1) for i in range(2)}
    biased: dict[str, Any] = named(2) | b_o | {"unembed.b_U": bias}
    np.savez(tmp_path / "biased.npz", **biased)
    layers = attention_only.read(tmp_path / "biased.npz").transformer.layers
    assert [isinstance(layer, Attention) for layer in layers] == [True, True]
    assert logits(tmp_path / "biased.npz") == pytest.approx(logits(tmp_path / "two.npz") + bias, abs=1e-9)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"blocks.0.mlp.W_in": np.zeros((2, 2))}, "should have those of attention only"),
        ({"W_E": PLAIN["W_E"]}, "should have one of them"),
        ({"blocks.0.attn.W_Q": None}, "no W_Q of layer 0, but should have it"),
        ({"blocks.2.attn.W_Q": PLAIN["W_Q"]}, "no W_Q of layer 1, but should have it"),
        ({"unembed.W_U": PLAIN["W_U"][0]}, "has 1 dimensions, but should have 2"),
        ({"unembed.W_U": PLAIN["W_U"][:3]}, "should be .output, d_model = 13"),
        ({"unembed.b_U": np.ones(3)}, "b_U has 3 numbers, but should have 12"),
        ({"unembed.W_U": PLAIN["W_U"].astype(np.float32)}, "should have one type"),
        ({"unembed.W_U": np.full_like(PLAIN["W_U"], np.nan)}, "should"),
    ],
)
def test_what_is_refused(change: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    arrays = {name: array for name, array in (named() | change).items() if array is not None}
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(FileError, match=sentence):
        attention_only.read(tmp_path / "other.npz")
