"""Attention-only checkpoints: embeddings, attention layers and an unembedding, arrays in an .npz or safetensors file.

Arrays are called as TransformerLens calls them, `blocks.0.attn.W_Q` say, or plainly `W_Q` where there is one layer. A
single head may come without a dimension of its own. Attention is causal, its scale 1/sqrt(d_head). A bias of the
unembedding becomes a direction of the stream that is always 1. Such a file names no tokens: they are called by their
number, all as wide as the largest.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from zoo.errors import FileError, ModelError
from zoo.files.npz import read_npz, read_shapes
from zoo.files.tensors import Shape, read_arrays, read_header
from zoo.model import Model
from zoo.transformer import Attention, Transformer
from zoo.transformer.arrays import Array

WHOLE = {"W_E": 2, "W_pos": 2, "W_U": 2, "b_U": 1}  # and how many dimensions they have
WEIGHTS, BIASES = ("W_Q", "W_K", "W_V", "W_O"), ("b_Q", "b_K", "b_V", "b_O")
NAMED = re.compile(r"(?:(?:embed|pos_embed|unembed)\.|blocks\.(\d{1,4})\.attn\.)?([Wb]_(?:E|pos|U|[QKVO]))")
BUFFERS = re.compile(r"blocks\.\d{1,4}\.attn\.(mask|IGNORE)")  # of TransformerLens, which are no weights


def read(path: str | Path) -> Model:
    """The model of such a file; no rule is stated. FileError where it is none."""
    path = Path(path)
    if path.suffix == ".safetensors":
        entries = read_header(path)
        shapes = {name: entry.shape for name, entry in entries.items() if not BUFFERS.fullmatch(name)}
        named = _named(path, shapes)
        arrays = read_arrays(path, {name: entries[name] for name in shapes})
    else:
        shapes = read_shapes(path)
        named = _named(path, {name: shape for name, shape in shapes.items() if not BUFFERS.fullmatch(name)})
        arrays = read_npz(path, shapes)
    if len(types := sorted({str(array.dtype) for array in arrays.values()})) > 1:
        raise FileError(f"{path} has arrays of {' and '.join(types)}, but should have one type")
    try:
        transformer = _transformer({place: arrays[name] for place, name in named.items()})
        size = transformer.sizes["vocab"]
        vocab = [f"{i:0{len(str(size - 1))}}" for i in range(size)]
        called = f"tokens are called by their number, {vocab[0]} to {vocab[-1]}"
        name = path.stem if path.stem.isprintable() else "model"
        return Model(name, vocab, transformer, source=f"arrays from {path.name}; {called}")
    except ModelError as error:  # sizes that do not fit together, or a part that is not finite
        raise FileError(f"{path}: {error}") from None


def holds_one(path: str | Path) -> bool:
    """Whether a file of arrays is called as one: by its embedding."""
    return bool({"W_E", "embed.W_E"} & read_shapes(Path(path)).keys())


Place = tuple[int, str]  # the number of a layer, 0 where that does not matter, and what it is there


def _named(path: Path, shapes: Mapping[str, Shape]) -> dict[Place, str]:
    """What each array is; FileError where one is missing, of another kind, or has other dimensions."""
    named: dict[Place, str] = {}
    for name, shape in shapes.items():
        found = NAMED.fullmatch(name)
        if found is None:
            raise FileError(
                f"{path} has an array {name[:100]!r}, but should have those of attention only: W_E, W_pos, W_U and "
                "of each layer W_Q, W_K, W_V, W_O, with biases or without"
            )
        place = int(found[1] or 0), found[2]
        if place in named:
            raise FileError(f"{path} has {named[place]!r} and {name!r}, but should have one of them")
        few = WHOLE.get(found[2], 1 if found[2] in BIASES else 2)
        if len(shape) not in ((few,) if found[2] in WHOLE or found[2] == "b_O" else (few, few + 1)):
            raise FileError(f"{path}: {name!r} has {len(shape)} dimensions, but should have {few}")
        named[place] = name
    layers = 1 + max((i for i, part in named if part in (*WEIGHTS, *BIASES)), default=-1)
    wanted = [(0, part) for part in ("W_E", "W_pos", "W_U")]
    wanted += [(i, part) for i in range(min(layers, len(shapes) + 1)) for part in WEIGHTS]
    if missing := [(i, part) for i, part in wanted if (i, part) not in named]:
        i, part = missing[0]
        where = f" of layer {i}" if part in WEIGHTS else ""
        raise FileError(f"{path} has no {part}{where}, but should have it beside the others")
    return named


def _transformer(arrays: Mapping[Place, Array]) -> Transformer:
    embedding, positions, readout = arrays[0, "W_E"], arrays[0, "W_pos"], arrays[0, "W_U"].T
    layers = []
    for i in range(1 + max((i for i, part in arrays if part in WEIGHTS), default=-1)):
        q, k, v, o = (_with_heads(arrays[i, part], 3) for part in WEIGHTS)
        b_q, b_k, b_v = (_with_heads(arrays[i, part], 2) if (i, part) in arrays else None for part in BIASES[:3])
        layers.append(Attention(q, k, v, o, b_q=b_q, b_k=b_k, b_v=b_v, b_o=arrays.get((i, "b_O"))))
    bias = arrays.get((0, "b_U"))
    if bias is None or not bias.any():
        return Transformer(embedding, positions, layers, unembedding=readout)
    if len(bias) != len(readout):
        raise ModelError(f"b_U has {len(bias)} numbers, but should have {len(readout)}, one a column of W_U")
    layers = [_wider(one) for one in layers]
    embedding = np.pad(embedding, ((0, 0), (0, 1)), constant_values=1)
    readout = np.concatenate([readout, bias[:, None]], axis=1)
    return Transformer(embedding, np.pad(positions, ((0, 0), (0, 1))), layers, unembedding=readout)


def _wider(layer: Attention) -> Attention:
    """The same in a stream of one more direction, which it neither reads nor writes."""
    w_q, w_k, w_v = (np.pad(w, ((0, 0), (0, 1), (0, 0))) for w in (layer.w_q, layer.w_k, layer.w_v))
    b_o = None if layer.b_o is None else np.pad(layer.b_o, (0, 1))
    return replace(layer, w_q=w_q, w_k=w_k, w_v=w_v, w_o=np.pad(layer.w_o, ((0, 0), (0, 0), (0, 1))), b_o=b_o)


def _with_heads(array: Array, dimensions: int) -> Array:
    return array if array.ndim == dimensions else array[None]
