"""The weights of a model as sentences "from this direction to that", where they can be read."""

from collections.abc import Iterator, Sequence

import numpy as np

from zoo.basis import describe
from zoo.model import Model
from zoo.transformer import Attention, Layer, Mlp, Norm, unhandled
from zoo.transformer.arrays import Array

TERMS = 32  # of a line


def sentences(model: Model) -> Iterator[tuple[str, str]]:
    """The title of each part, and its sentences, one a line."""
    transformer = model.transformer
    residual = names(model.basis.names if model.basis else (), transformer.d_model, "dim")
    tokens = [f"token {token}" for token in model.vocab]
    yield "token embedding", _described(transformer.token_embedding, tokens, residual)
    yield (
        "position embedding",
        _described(transformer.position_embedding, [f"position {i}" for i in range(model.n_ctx)], residual),
    )
    for i, layer in enumerate(transformer.layers):
        yield from _norm_sentences(f"layer {i} norm", layer.norm, residual)
        arrays = [array for _, array in layer.arrays()]
        if all(_dense(array) for name, array in layer.arrays() if name.startswith("w_")):
            sentences = [_summary(np.concatenate([array.ravel() for array in arrays]), f"{len(arrays)} arrays")]
        elif isinstance(layer, Attention):
            sentences = list(_head_sentences(model, i, layer, residual))
        elif isinstance(layer, Mlp):
            sentences = list(_mlp_sentences(layer, residual, [f"neuron {j}" for j in range(layer.sizes["d_mlp"])]))
        else:
            unhandled(layer)
        yield f"layer {i}: {_kind(layer)}", "\n".join(sentences)
    yield from _norm_sentences("final norm", transformer.final_norm, residual)
    if transformer.unembedding is not None:
        outputs = tokens if model.outputs is None else [f"output {name}" for name in model.rows]
        yield "unembedding", _described(transformer.unembedding, outputs, residual)


def _kind(layer: Layer) -> str:
    if isinstance(layer, Mlp):
        return f"Mlp, {layer.activation}"
    if isinstance(layer, Attention):
        return f"attention, {'causal' if layer.causal else 'no mask'}, scores times {layer.multiplier:g}"
    unhandled(layer)


def _head_sentences(model: Model, number: int, layer: Attention, residual: Sequence[str]) -> Iterator[str]:
    for h in range(layer.sizes["head"]):
        named = head_directions(model, number, h)
        for what, w, b in (("q", layer.w_q, layer.b_q), ("k", layer.w_k, layer.b_k), ("v", layer.w_v, layer.b_v)):
            inner = names(named, w.shape[2], "dim")
            yield from (f"head {h} {what}: {line}" for line in _map_sentences(w[h], b, h, residual, inner))
        inner = names(named, layer.sizes["d_v"], "dim")
        yield from (f"head {h} o: {line}" for line in _described(layer.w_o[h], inner, residual).splitlines())
    if layer.b_o is not None:
        yield _described(layer.b_o[None], ["always"], residual)


def head_directions(model: Model, layer: int, head: int) -> Sequence[str]:
    """Their names; none where they have none."""
    of = model.head_basis
    if isinstance(of, Sequence):
        before = [model.transformer.layers[i].sizes["head"] for i in model.transformer.attentions if i < layer]
        of = of[sum(before) + head]
    return () if of is None else of.names


def _map_sentences(w: Array, b: Array | None, h: int, rows: Sequence[str], columns: Sequence[str]) -> list[str]:
    bias = "" if b is None else _described(b[h][None], ["always"], columns)
    return [*_described(w, rows, columns).splitlines(), *bias.splitlines()]


def _mlp_sentences(layer: Mlp, residual: Sequence[str], hidden: Sequence[str]) -> Iterator[str]:
    for name, matrix, rows, columns in (
        ("w_in", layer.w_in, residual, hidden),
        ("b_in", layer.b_in[None], ["always"], hidden),
        ("w_out", layer.w_out, hidden, residual),
        ("b_out", layer.b_out[None], ["always"], residual),
    ):
        yield from (f"{name}: {line}" for line in _described(matrix, rows, columns).splitlines())


def neuron(model: Model, layer: int, number: int) -> tuple[str, str]:
    """What a neuron of an Mlp reads from the residual stream, and what it writes to it."""
    mlp = model.transformer.layers[layer]
    assert isinstance(mlp, Mlp)
    residual = names(model.basis.names if model.basis else (), model.transformer.d_model, "dim")
    reads = np.append(mlp.w_in[:, number], mlp.b_in[number])[None]
    both = ((reads, [*residual, "always"]), (mlp.w_out[number][None], residual))
    read, written = (_described(row, ["neuron"], columns).removeprefix("neuron -> ") for row, columns in both)
    return read or "nothing", written or "nothing"


def _norm_sentences(title: str, norm: Norm | None, residual: Sequence[str]) -> Iterator[tuple[str, str]]:
    if norm is not None:
        yield f"{title}, eps {norm.eps:g}", _described(np.stack([norm.weight, norm.bias]), ["times", "plus"], residual)


def _described(matrix: Array, rows: Sequence[str], columns: Sequence[str]) -> str:
    """As sentences, or where one of them would be longer than one can read, what there is."""
    return _summary(matrix, " x ".join(map(str, matrix.shape))) if _dense(matrix) else describe(matrix, rows, columns)


def _dense(array: Array) -> bool:
    return bool(np.count_nonzero(array, axis=-1).max() > TERMS)


def _summary(array: Array, size: str) -> str:
    nonzero, span = np.count_nonzero(array), f"from {array.min():g} to {array.max():g}"
    return f"{size}: {nonzero:,} of {array.size:,} entries are not zero, {span}; too many to read as sentences"


def names(named: Sequence[str], size: int, kind: str = "dim") -> Sequence[str]:
    """Those of directions, where as many are named as there are; else their numbers."""
    return named if len(named) == size else [f"{kind} {i}" for i in range(size)]
