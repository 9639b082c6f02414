"""Matrices with what their rows and columns are, to be drawn: where heads look, and what the weights do.

In all of them a row is where something comes from: the position or direction that attends, or that is read. What a bias
adds stands in a row "always". A key's bias is in none: it adds the same to every score of a row, and softmax takes no
notice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from zoo.inspection.parts import attention_heads
from zoo.inspection.sentences import head_directions, names
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, unhandled
from zoo.transformer.arrays import Array

ALWAYS = "always"
SIDE = 64  # rows or columns of one picture, at most
MORE = " …"  # after the name of the first of several
TOP = 8  # of the largest entries, how many are named where squares stand for several
WORK = 2 * 10**11  # operations that the products of all heads may take: some ten seconds
ATTENDS, ATTENDED, FROM, TO = "attends", "attended to", "from", "to"


@dataclass(frozen=True)
class Coarse:
    """Of a matrix that is drawn smaller: what was there, and how many entries a square stands for, at most.

    A square shows the one with the largest absolute value, with its sign.
    """

    shape: tuple[int, int]
    nonzero: int
    largest: Sequence[tuple[str, str, float]]  # row, column, and the entry
    high: int
    wide: int

    def said(self) -> str:
        rows, columns = self.shape
        return f"{rows:,} x {columns:,} entries, {self.high:,} x {self.wide:,} a square"


@dataclass(frozen=True, eq=False)
class Map:
    """A matrix [rows, columns] with what its rows and columns are; `attention` has values from 0 to 1."""

    title: str
    matrix: Array
    rows: Sequence[str]
    columns: Sequence[str]
    row: str = FROM
    column: str = TO
    attention: bool = False
    coarse: Coarse | None = None  # where a square stands for several entries

    @property
    def most(self) -> float:
        """The largest absolute value."""
        return float(np.abs(self.matrix).max(initial=0))

    def folded(self) -> "Map":
        """Without the rows and columns that are all zero; an attention as it is."""
        if self.attention or self.coarse:
            return self
        rows, columns = (np.flatnonzero(self.matrix.any(axis=axis)).tolist() for axis in (1, 0))
        named = [self.rows[i] for i in rows], [self.columns[j] for j in columns]
        return Map(self.title, self.matrix[np.ix_(rows, columns)], *named, self.row, self.column)

    def binned(self, most: int) -> "Map":
        """Folded, and where there are more rows or columns than that, with as many neighbours in one as it takes."""
        one = self.folded()
        high, wide = (max(1, -(-size // most)) for size in one.matrix.shape)
        if high == wide == 1:
            return one
        before = one.coarse or Coarse(one.matrix.shape, int(np.count_nonzero(one.matrix)), one.top(), 1, 1)
        starts = np.arange(0, one.matrix.shape[1], wide)
        rows = []
        for i in range(0, len(one.matrix), high):  # by rows, as there may be 50,000
            part = one.matrix[i : i + high]
            least = np.minimum.reduceat(part.min(axis=0), starts)
            greatest = np.maximum.reduceat(part.max(axis=0), starts)
            rows.append(np.where(-least > greatest, least, greatest))
        coarse = replace(before, high=high * before.high, wide=wide * before.wide)
        names = _firsts(one.rows, high), _firsts(one.columns, wide)
        return Map(one.title, np.array(rows), *names, one.row, one.column, one.attention, coarse)

    def top(self) -> list[tuple[str, str, float]]:
        """The entries with the largest absolute values."""
        flat = np.abs(self.matrix).ravel()
        some = np.argpartition(flat, -min(TOP, len(flat)))[-TOP:]
        some = some[np.lexsort((some, -flat[some]))]
        places = (divmod(at, self.matrix.shape[1]) for at in some.tolist())
        return [(self.rows[i], self.columns[j], float(self.matrix[i, j])) for i, j in places]


def _firsts(names: Sequence[str], step: int) -> list[str]:
    """Of so many neighbours each the name of the first, which says so."""
    firsts = list(names)[::step]
    return firsts if step == 1 else [name if name.endswith(MORE) else f"{name}{MORE}" for name in firsts]


def attentions(found: dict[str, Any]) -> Iterator[list[Map]]:
    """Where each head looks in the context that `zoo.inspection.parts.inspect` was given: a list for each layer."""
    if "context" not in found:
        return
    places = [f"{token} {i}" for i, token in enumerate(found["context"]["tokens"])]
    layers: dict[int, list[Map]] = {}
    for one in found["context"]["attentions"]:
        title = f"attention of head {one['layer']}.{one['head']}"
        drawn = Map(title, one["weights"], places, places, ATTENDS, ATTENDED, attention=True)
        layers.setdefault(one["layer"], []).append(drawn)
    yield from layers.values()


def drawable(model: Model) -> bool:
    """Whether the two products of each head take seconds."""
    d = model.transformer.d_model
    widths = [layer.sizes["d_head"] + layer.sizes["d_v"] for _, _, layer in attention_heads(model)]
    return 2 * d * d * sum(widths) <= WORK


def products(model: Model) -> Iterator[list[Map]]:
    """All that the weights of each layer come down to: of a head W_Q W_K^T and W_V W_O. A list for each line.

    Here and in `factors`, the products have at most SIDE rows and columns.
    """
    stream = _stream(model)
    for i, layer in enumerate(model.transformer.layers):
        yield _norm(f"norm of layer {i}", layer.norm, stream)
        if isinstance(layer, Attention):
            yield [scores(layer, h, f"{i}.{h}", stream).binned(SIDE) for h in range(layer.sizes["head"])]
            yield [writes(layer, h, f"{i}.{h}", stream).binned(SIDE) for h in range(layer.sizes["head"])]
            yield _bias(f"output bias of layer {i}", layer.b_o, stream)
        elif isinstance(layer, Mlp):
            yield mlp(layer, i, stream)
        else:
            unhandled(layer)
    yield from _end(model, stream)


def factors(model: Model) -> Iterator[tuple[str, list[Map]]]:
    """The arrays of each part as they are, under a title for each head, Mlp or embedding."""
    transformer, stream = model.transformer, _stream(model)
    tokens = [f"token {token}" for token in model.vocab]
    places = [f"position {i}" for i in range(model.n_ctx)]
    tied = " (also the unembedding)" if transformer.unembedding is None else ""
    yield (
        "Embeddings",
        [
            Map(f"token embedding{tied}", _double(transformer.token_embedding), tokens, stream),
            Map("position embedding", _double(transformer.position_embedding), places, stream),
        ],
    )
    for i, layer in enumerate(transformer.layers):
        yield f"Norm of layer {i}", _norm("norm", layer.norm, stream)
        if isinstance(layer, Attention):
            for h in range(layer.sizes["head"]):
                of_head = [*_arrays(model, i, layer, h, stream)]
                both = [scores(layer, h, "", stream), writes(layer, h, "", stream)]
                yield f"Head {i}.{h}", [one.binned(SIDE) for one in [*of_head, *both]]
            yield f"Output bias of layer {i}", _bias("output bias", layer.b_o, stream)
        elif isinstance(layer, Mlp):
            yield f"Mlp of layer {i}, {layer.activation}", mlp(layer, i, stream)
        else:
            unhandled(layer)
    for line in _end(model, stream):
        yield "Read out", line


def scores(layer: Attention, head: int, number: str, stream: Sequence[str]) -> Map:
    """How much a direction of the position that attends raises the score of a direction of one that is attended to."""
    w_k = _double(layer.w_k[head])
    matrix, rows = _with_bias(_double(layer.w_q[head]) @ w_k.T, layer.b_q, head, stream, w_k.T)
    return Map(_titled("W_Q W_K^T", number), matrix, rows, stream, ATTENDS, ATTENDED)


def writes(layer: Attention, head: int, number: str, stream: Sequence[str]) -> Map:
    """What a head writes for each direction of what it attends to."""
    w_o = _double(layer.w_o[head])
    matrix, rows = _with_bias(_double(layer.w_v[head]) @ w_o, layer.b_v, head, stream, w_o)
    return Map(_titled("W_V W_O", number), matrix, rows, stream)


def mlp(layer: Mlp, number: int, stream: Sequence[str]) -> list[Map]:
    """What each neuron reads, and what it writes."""
    neurons = [f"neuron {j}" for j in range(layer.sizes["d_mlp"])]
    maps = []
    for title, w, b, rows, columns in (
        (f"W_in of Mlp {number}", layer.w_in, layer.b_in, stream, neurons),
        (f"W_out of Mlp {number}", layer.w_out, layer.b_out, neurons, stream),
    ):
        matrix = np.vstack([_double(w), _double(b)[None]]) if b.any() else _double(w)
        maps.append(Map(title, matrix, [*rows, ALWAYS][: len(matrix)], columns))
    return maps


def _arrays(model: Model, i: int, layer: Attention, h: int, stream: Sequence[str]) -> Iterator[Map]:
    """W_Q, W_K, W_V and W_O of a head."""
    named = head_directions(model, i, h)
    for title, w, b in (
        ("W_Q: what it asks for", layer.w_q, layer.b_q),
        ("W_K: what is offered", layer.w_k, None),
        ("W_V: what is moved", layer.w_v, layer.b_v),
    ):
        matrix, rows = _with_bias(_double(w[h]), b, h, stream)
        yield Map(title, matrix, rows, names(named, w.shape[2]))
    yield Map("W_O: where it goes", _double(layer.w_o[h]), names(named, layer.sizes["d_v"]), stream)


def _with_bias(
    matrix: Array, bias: Array | None, head: int, rows: Sequence[str], then: Array | None = None
) -> tuple[Array, Sequence[str]]:
    """The matrix, and below it what the bias adds where that is anything, as it is or through another matrix."""
    if bias is None:
        return matrix, rows
    added = _double(bias[head])[None] if then is None else _double(bias[head])[None] @ then
    return (np.vstack([matrix, added]), [*rows, ALWAYS]) if added.any() else (matrix, rows)


def _bias(title: str, bias: Array | None, stream: Sequence[str]) -> list[Map]:
    return [] if bias is None else [Map(title, _double(bias)[None], [ALWAYS], stream)]


def _norm(title: str, norm: Norm | None, stream: Sequence[str]) -> list[Map]:
    if norm is None:
        return []
    return [
        Map(
            f"{title}, eps {norm.eps:g}",
            np.stack([_double(norm.weight), _double(norm.bias)]),
            ["times", "plus"],
            stream,
        )
    ]


def _end(model: Model, stream: Sequence[str]) -> Iterator[list[Map]]:
    """A final Norm and an unembedding that is not the token embedding, from direction to output."""
    transformer = model.transformer
    yield _norm("final norm", transformer.final_norm, stream)
    if transformer.unembedding is not None:
        outputs = [f"output {name}" for name in model.rows]
        yield [Map("unembedding", _double(transformer.unembedding).T, stream, outputs)]


def heads(model: Model) -> int:
    return sum(1 for _ in attention_heads(model))


def _stream(model: Model) -> Sequence[str]:
    return names(model.basis.names if model.basis else (), model.transformer.d_model)


def _double(array: Array) -> Array:
    return np.asarray(array, dtype=np.float64)


def _titled(what: str, number: str) -> str:
    return f"{what} of head {number}" if number else what
