"""Directories of GPT-2 with Norms and biases everywhere."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from zoo.files.directories import CONFIG, TENSORS
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

Arrays = dict[str, Array]
VOCABULARY = "abcdefgh"


def blocks(n: int = 2, d: int = 8) -> Model:
    """So many random blocks with Norms and biases everywhere."""
    random = np.random.default_rng(7)

    def array(*shape: int) -> Array:
        return random.normal(scale=0.5, size=shape).astype(np.float32)

    def norm() -> Norm:
        return Norm(1 + array(d), array(d), 1e-5)

    layers: list[Attention | Mlp] = []
    for _ in range(n):
        w = (array(2, d, 4), array(2, d, 4), array(2, d, 4), array(2, 4, d))
        layers.append(Attention(*w, array(2, 4), array(2, 4), array(2, 4), array(d), norm=norm()))
        layers.append(Mlp(array(d, 16), array(16), array(16, d), array(d), "gelu", norm()))
    return Model("blocks", VOCABULARY, Transformer(array(8, d), array(5, d), layers, norm()))


def edited(directory: Path, change: Callable[[Arrays], Arrays], **config: Any) -> Path:
    """The same directory with other arrays, and with these fields in its configuration."""
    save_file(change(load_file(directory / TENSORS)), directory / TENSORS)
    fields = json.loads((directory / CONFIG).read_text())
    (directory / CONFIG).write_text(json.dumps(fields | config))
    return directory


def without(*ends: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: array for name, array in arrays.items() if not name.endswith(ends)}


def plus(**more: Array) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name.replace("__", "."): array for name, array in more.items()}


def zeroed(*ends: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: a * 0 if name.endswith(ends) else a for name, a in arrays.items()}


def logits(model: Model) -> Array:
    return model.logits(model.vocab[:5])
