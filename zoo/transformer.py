"""A transformer as numpy arrays, and the one forward pass that runs it.

The architecture is GPT-2's: learned absolute positions, softmax attention, LayerNorm before a layer, an Mlp with
ReLU or the tanh form of GELU. There is no RoPE, RMSNorm or grouped-query attention. Any part but the embeddings may
be left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from math import pi, sqrt
from typing import Any, ClassVar

import numpy as np

from zoo.arrays import Array, Part, setting
from zoo.errors import ContextError, ModelError


@dataclass(frozen=True, eq=False)
class Norm(Part):
    """LayerNorm over the last dimension: `(x - mean) / sqrt(var + eps) * weight + bias`.

    eps becomes what the arrays' type makes of it.
    """

    weight: Array  # [d_model]
    bias: Array  # [d_model]
    eps: float

    shapes: ClassVar = {"weight": "d_model", "bias": "d_model"}

    def __post_init__(self) -> None:
        super().__post_init__()
        eps = setting("Norm.eps", self.eps, self.weight.dtype)
        if not eps > 0:
            raise ModelError(f"Norm.eps is {self.eps!r}, but should be a number above 0")
        object.__setattr__(self, "eps", eps)


@dataclass(frozen=True, eq=False)
class Attention(Part):
    """Softmax attention; scale None is 1/sqrt(d_head), and the width of values need not be that of queries.

    The scale becomes what the arrays' type makes of it.
    """

    w_q: Array  # [head, d_model, d_head]
    w_k: Array  # [head, d_model, d_head]
    w_v: Array  # [head, d_model, d_v]
    w_o: Array  # [head, d_v, d_model]
    b_q: Array | None = None  # [head, d_head]
    b_k: Array | None = None  # [head, d_head]
    b_v: Array | None = None  # [head, d_v]
    b_o: Array | None = None  # [d_model]
    causal: bool = True
    scale: float | None = None
    norm: Norm | None = None

    shapes: ClassVar = {
        "w_q": "head d_model d_head",
        "w_k": "head d_model d_head",
        "w_v": "head d_model d_v",
        "w_o": "head d_v d_model",
        "b_q": "head d_head",
        "b_k": "head d_head",
        "b_v": "head d_v",
        "b_o": "d_model",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale is not None:
            object.__setattr__(self, "scale", setting("Attention.scale", self.scale, self.w_q.dtype))
        if not isinstance(self.causal, bool):
            raise ModelError(f"Attention.causal is {self.causal!r}, but should be True or False")
        _check_norm("Attention.norm", self.norm)

    @cached_property
    def multiplier(self) -> float:
        """What each score is multiplied by."""
        if self.scale is not None:
            return self.scale
        return setting("1/sqrt(d_head)", 1 / sqrt(self.sizes["d_head"]), self.w_q.dtype)


@dataclass(frozen=True, eq=False)
class Mlp(Part):
    """Two linear maps with an activation between them: "relu", or "gelu" in its tanh form."""

    w_in: Array  # [d_model, d_mlp]
    b_in: Array  # [d_mlp]
    w_out: Array  # [d_mlp, d_model]
    b_out: Array  # [d_model]
    activation: str
    norm: Norm | None = None

    shapes: ClassVar = {"w_in": "d_model d_mlp", "b_in": "d_mlp", "w_out": "d_mlp d_model", "b_out": "d_model"}

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ModelError(f"Mlp.activation is {self.activation!r}, but should be one of {', '.join(ACTIVATIONS)}")
        _check_norm("Mlp.norm", self.norm)


@dataclass(frozen=True, eq=False)
class Transformer(Part):
    """Embeddings, a flat sequence of layers (each is added to the residual stream), a final Norm, an unembedding.

    An unembedding of None is tied: the token embedding is used again. n_ctx is the number of position rows.
    """

    token_embedding: Array  # [vocab, d_model]
    position_embedding: Array  # [n_ctx, d_model]
    layers: Sequence[Attention | Mlp]
    final_norm: Norm | None = None
    unembedding: Array | None = None  # [vocab, d_model], one row a token as in the token embedding

    shapes: ClassVar = {
        "token_embedding": "vocab d_model",
        "position_embedding": "n_ctx d_model",
        "unembedding": "vocab d_model",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layers, Sequence):
            raise ModelError(f"layers is a {type(self.layers).__name__}, but should be a list of Attention and Mlp")
        object.__setattr__(self, "layers", tuple(self.layers))
        _check_norm("Transformer.final_norm", self.final_norm)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, Attention | Mlp):
                raise ModelError(f"layer {i} is a {type(layer).__name__}, but should be an Attention or an Mlp")
        for where, part in self.parts():
            if part.sizes["d_model"] != self.d_model:
                raise ModelError(
                    f"{where} has d_model {part.sizes['d_model']}, but should have the embedding's {self.d_model}"
                )
            for name, array in part.arrays():
                if array.dtype != self.dtype:
                    raise ModelError(
                        f"{where} {name} is {array.dtype}, but should be {self.dtype} like the token embedding: "
                        "all arrays of a transformer have one dtype"
                    )

    def parts(self) -> Iterator[tuple[str, Part]]:
        """The transformer itself, its layers and norms, each with a name that says where it stands."""
        yield "transformer", self
        for i, layer in enumerate(self.layers):
            yield f"layer {i}", layer
            if layer.norm is not None:
                yield f"layer {i} norm", layer.norm
        if self.final_norm is not None:
            yield "final norm", self.final_norm

    @property
    def n_ctx(self) -> int:
        return self.sizes["n_ctx"]

    @property
    def d_model(self) -> int:
        return self.sizes["d_model"]

    @property
    def readout(self) -> Array:
        """What logits are read out with, [vocab, d_model]: the unembedding, or the token embedding where it is tied."""
        return self.token_embedding if self.unembedding is None else self.unembedding

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.token_embedding.dtype

    @cached_property
    def last_attention(self) -> int:
        """Its number among the layers; -1 where there is none."""
        return max((i for i, layer in enumerate(self.layers) if isinstance(layer, Attention)), default=-1)


def _check_norm(name: str, norm: object) -> None:
    if norm is not None and not isinstance(norm, Norm):
        raise ModelError(f"{name} is {norm!r}, but should be a Norm or None")


# BLAS may raise the flag for lanes that it does not use (numpy issue 24067); numbers that are none are seen as such.
@np.errstate(invalid="ignore")
def forward(
    transformer: Transformer,
    tokens: Array,
    trace: dict[str, Array] | None = None,
    last: bool = False,
    checked: bool = False,
) -> Array:
    """Logits of every position: int [batch, seq] -> float [batch, seq, vocab]; with `last` [batch, 1, vocab].

    `last` asks for the last position only: from the last Attention on, or all along if there is none, no other row is
    computed.

    A `trace` dict is filled with what was computed on the way: "embedding", "residual" (after the last layer), and
    for layer i "i.pattern" [batch, head, seq, seq] and "i.heads" [batch, head, seq, d_model], or "i.mlp"
    [batch, seq, d_model]. Raises ContextError for tokens that are no integer array [batch, 1 to n_ctx] below vocab;
    `checked` says that they are known to be one, as `Model.encode` makes them.
    """
    tokens = tokens if checked else check_tokens(transformer, tokens)
    trace = {} if trace is None else trace
    # With a few tokens it is numpy's calls that cost: `take` a third of an index, equal ranks half of other ones.
    x = transformer.token_embedding.take(tokens, axis=0)  # [batch, seq, d_model]
    x = x + transformer.position_embedding[None, : tokens.shape[1]]
    trace["embedding"] = x
    if last and transformer.last_attention < 0:
        x = x[:, -1:]
    for i, layer in enumerate(transformer.layers):
        h = normalize(x, layer.norm)
        if last and i == transformer.last_attention:
            x = x[:, -1:]
        x = x + (
            attend(h, layer, trace, i, x.shape[1]) if isinstance(layer, Attention) else transform(h, layer, trace, i)
        )
    trace["residual"] = x
    return normalize(x, transformer.final_norm) @ transformer.readout.T  # [batch, seq, d_model] -> [batch, seq, vocab]


def attend(x: Array, layer: Attention, trace: dict[str, Array], i: int, rows: int) -> Array:
    """[batch, seq, d_model] -> [batch, rows, d_model], the last rows"""
    x = x[:, None]  # [batch, 1, seq, d_model]
    q = linear(x[:, :, -rows:], layer.w_q, layer.b_q)  # [batch, head, rows, d_head]
    k = linear(x, layer.w_k, layer.b_k)  # [batch, head, seq, d_head]
    v = linear(x, layer.w_v, layer.b_v)  # [batch, head, seq, d_v]
    scores = q @ k.swapaxes(-1, -2) * layer.multiplier  # [batch, head, query, key]
    if layer.causal and rows > 1:  # the last row sees all
        np.copyto(scores, -np.inf, where=~visible(scores.shape[-1])[-rows:])
    trace[f"{i}.pattern"] = pattern = softmax(scores)  # [batch, head, query, key]
    trace[f"{i}.heads"] = heads = pattern @ v @ layer.w_o  # [batch, head, rows, d_model]
    return total(reduce(np.add, heads.swapaxes(0, 1)), layer.b_o)


def transform(x: Array, layer: Mlp, trace: dict[str, Array], i: int) -> Array:
    """[batch, seq, d_model] -> [batch, seq, d_model]"""
    hidden = ACTIVATIONS[layer.activation](x @ layer.w_in + layer.b_in)  # [batch, seq, d_mlp]
    trace[f"{i}.mlp"] = hidden @ layer.w_out + layer.b_out
    return trace[f"{i}.mlp"]


def linear(x: Array, w: Array, b: Array | None) -> Array:
    """One map for each head: [batch, 1, seq, d_in], [head, d_in, d_out], [head, d_out] -> [batch, head, seq, d_out]"""
    return total(x @ w, None if b is None else b[:, None])


def total(x: Array, b: Array | None) -> Array:
    return x if b is None else x + b


def visible(seq: int) -> Array:
    """Which key each query may see under a causal mask: [query, key], itself and what came before it."""
    position = np.arange(seq)
    return position[:, None] >= position


def softmax(x: Array) -> Array:
    """Over the last dimension, shifted by the largest entry so that exp cannot overflow."""
    e = np.exp(x - np.maximum.reduce(x, axis=-1, keepdims=True))
    return e / np.add.reduce(e, axis=-1, keepdims=True)  # type: ignore[no-any-return]


def normalize(x: Array, norm: Norm | None) -> Array:
    """LayerNorm over the last dimension, or x itself where there is none."""
    if norm is None:
        return x
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = (centred * centred).mean(axis=-1, keepdims=True)
    return centred / np.sqrt(variance + norm.eps) * norm.weight + norm.bias  # type: ignore[no-any-return]


def greedy(logits: Array) -> Array:
    """The answers: the first largest logit of each row, [..., vocab] -> int [...]; -1 where one is NaN, for none is."""
    best: Array = logits.argmax(axis=-1)  # a NaN, if there is one
    return np.where(np.isnan(np.take_along_axis(logits, best[..., None], -1)[..., 0]), -1, best)


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def gelu(x: Array) -> Array:
    """The tanh form, as in GPT-2."""
    result: Array = 0.5 * x * (1 + np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)))
    return result


ACTIVATIONS = {"relu": relu, "gelu": gelu}


def check_tokens(transformer: Transformer, tokens: Array) -> Array:
    """The tokens as an integer array [batch, seq]; ContextError where they are anything else."""
    try:
        array = np.asarray(tokens)
    except ValueError:
        raise ContextError("the rows of tokens differ in length, but should form an array [batch, seq]") from None
    n_ctx, vocab = transformer.sizes["n_ctx"], transformer.sizes["vocab"]
    if array.dtype.kind not in "iu":
        raise ContextError(f"tokens are of type {array.dtype}, but should be integers")
    if array.ndim != 2:
        raise ContextError(f"tokens have shape {list(array.shape)}, but should be [batch, seq]")
    if not 1 <= array.shape[1] <= n_ctx:
        raise ContextError(f"the contexts have {array.shape[1]} tokens, but should have 1 to {n_ctx}")
    try:
        return np.ravel_multi_index((array,), (vocab,))  # the array itself as int64; it looks at both ends in one call
    except ValueError:
        wrong = array.min() if array.min() < 0 else array.max()
        raise ContextError(f"token {wrong} is out of range, but should be from 0 to {vocab - 1}") from None
