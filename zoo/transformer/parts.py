"""The parts of a transformer: dataclasses of numpy arrays, checked when they are made.

The architecture is GPT-2's: learned absolute positions, softmax attention, LayerNorm before a layer, an Mlp with
ReLU or the tanh form of GELU. There is no RoPE, RMSNorm or grouped-query attention. Any part but the embeddings may
be left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from math import sqrt
from typing import Any, ClassVar, Never, Self, TypeVar

import numpy as np

from zoo.errors import ModelError
from zoo.transformer.activations import ACTIVATIONS
from zoo.transformer.arrays import Array, Emulated, Part, rank, setting

Name = tuple[str, str]  # a part, as `Transformer.parts` names it, and one of its arrays: ("layer 0", "w_q")
Arrays = dict[Name, Array]
AnyPart = TypeVar("AnyPart", bound=Part)


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

    The scale becomes what the arrays' type makes of it. A single head may be given without the dimension of heads.
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
        if all(rank(getattr(self, name)) == 2 for name in ("w_q", "w_k", "w_v", "w_o")):
            for name, dimensions in self.shapes.items():
                if dimensions.startswith("head") and (array := getattr(self, name)) is not None:
                    object.__setattr__(self, name, np.asanyarray(array)[None])
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
    """Two linear maps with an activation between them: "relu", or "gelu" in its tanh form.

    A bias that is not given, or None, is zero.
    """

    w_in: Array  # [d_model, d_mlp]
    b_in: Array = None  # type: ignore[assignment]  # [d_mlp]
    w_out: Array = ()  # type: ignore[assignment]  # [d_mlp, d_model]; of no shape that it may have
    b_out: Array = None  # type: ignore[assignment]  # [d_model]
    activation: str = ""
    norm: Norm | None = None

    shapes: ClassVar = {"w_in": "d_model d_mlp", "b_in": "d_mlp", "w_out": "d_mlp d_model", "b_out": "d_model"}

    def __post_init__(self) -> None:
        for bias, weight in (("b_in", "w_in"), ("b_out", "w_out")):
            if getattr(self, bias) is None and rank(w := getattr(self, weight)) == 2:
                object.__setattr__(self, bias, np.zeros(np.shape(w)[1], np.asarray(w).dtype))
        super().__post_init__()
        if not isinstance(self.activation, str) or self.activation not in ACTIVATIONS:
            raise ModelError(f"Mlp.activation is {self.activation!r}, but should be one of {', '.join(ACTIVATIONS)}")
        _check_norm("Mlp.norm", self.norm)


Layer = Attention | Mlp
LAYERS = (Attention, Mlp)


def unhandled(layer: Never) -> Never:
    """For the last `else` of what has a case for each kind of layer: a new kind is not taken for another.

    mypy says where a kind is forgotten; where it does not look, NotImplementedError does.
    """
    raise NotImplementedError(f"a {type(layer).__name__} is not handled here, but should be, as a kind of layer")


@dataclass(frozen=True, eq=False)
class Transformer(Part):
    """Embeddings, a flat sequence of layers (each is added to the residual stream), a final Norm, an unembedding.

    An unembedding of None is tied: the token embedding is used again; another may have a row for each of other outputs
    than the tokens. n_ctx is the number of position rows.
    """

    token_embedding: Array  # [vocab, d_model]
    position_embedding: Array  # [n_ctx, d_model]
    layers: Sequence[Layer]
    final_norm: Norm | None = None
    unembedding: Array | None = None  # [output, d_model], one row a token as in the token embedding, or an output

    shapes: ClassVar = {
        "token_embedding": "vocab d_model",
        "position_embedding": "n_ctx d_model",
        "unembedding": "output d_model",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.layers, Sequence):
            raise ModelError(f"layers is a {type(self.layers).__name__}, but should be a list of Attention and Mlp")
        object.__setattr__(self, "layers", tuple(self.layers))
        _check_norm("Transformer.final_norm", self.final_norm)
        for i, layer in enumerate(self.layers):
            if not isinstance(layer, LAYERS):
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

    def __repr__(self) -> str:
        sizes = f"n_ctx {self.n_ctx}, d_model {self.d_model}, {len(self.token_embedding)} tokens, {self.dtype}"
        layers = []
        for layer in self.layers[:8]:
            heads = layer.sizes.get("head", 0)
            mlp = f"{layer.sizes['d_mlp']} {layer.activation}" if isinstance(layer, Mlp) else ""
            layers.append(mlp or f"{heads} head{'s' * (heads != 1)}")
        more = [f"{len(self.layers) - 8} more"] if len(self.layers) > 8 else []
        return f"<Transformer: {sizes}, {', '.join(layers + more) or 'no layers'}>"

    def parts(self) -> Iterator[tuple[str, Part]]:
        """The transformer itself, its layers and norms, each with a name that says where it stands."""
        yield "transformer", self
        for i, layer in enumerate(self.layers):
            yield f"layer {i}", layer
            if layer.norm is not None:
                yield f"layer {i} norm", layer.norm
        if self.final_norm is not None:
            yield "final norm", self.final_norm

    def named_arrays(self) -> Arrays:
        """Every array by its name, in the order of `parts`. A tied unembedding is no array of its own."""
        return {(where, name): array for where, part in self.parts() for name, array in part.arrays()}

    def with_arrays(self, changes: Mapping[Name, Array]) -> Self:
        """The same transformer with other arrays in place of those named; a part of which none is named is kept.

        Raises ModelError for a name that it has not, an array of another shape, or what no part can hold.
        """
        own = self.named_arrays()
        for name, array in changes.items():
            if name not in own:
                raise ModelError(
                    f"{name!r} is no array of this transformer, but should be one of {', '.join(map(repr, own))}"
                )
            shape, before = list(np.shape(array)), list(own[name].shape)
            if shape != before:
                raise ModelError(f"{' '.join(name)} has shape {shape}, but should be {before} as before")

        def changed(where: str, part: AnyPart, **more: Any) -> AnyPart:
            named = {name: array for (w, name), array in changes.items() if w == where}
            return replace(part, **named, **more) if named or more else part

        def normed(where: str, norm: Norm | None) -> Norm | None:
            return norm and changed(where, norm)

        layers = []
        for i, layer in enumerate(self.layers):
            norm = normed(f"layer {i} norm", layer.norm)
            layers.append(changed(f"layer {i}", layer, **({} if norm is layer.norm else {"norm": norm})))
        return changed("transformer", self, layers=layers, final_norm=normed("final norm", self.final_norm))

    def becomes(self, other: "Transformer") -> bool:
        """Whether it is the other one, in that one's dtype: array by array, and in all that is set beside them."""
        own, arrays = self.named_arrays(), other.named_arrays()
        if own.keys() != arrays.keys() or any(own[name].shape != arrays[name].shape for name in own):
            return False
        try:
            with np.errstate(all="ignore"):
                cast = self.astype(other.dtype)
        except ModelError:  # what does not fit
            return False
        same = all(np.array_equal(array, arrays[name]) for name, array in cast.named_arrays().items())
        return same and cast._settings() == other._settings()

    def _settings(self) -> list[object]:
        """A scale, an activation, whether all is seen."""
        every = [
            (where, field.name, getattr(part, field.name)) for where, part in self.parts() for field in fields(part)
        ]
        return [one for one in every if isinstance(one[2], int | float | str | None)]

    @property
    def n_ctx(self) -> int:
        return self.sizes["n_ctx"]

    @property
    def d_model(self) -> int:
        return self.sizes["d_model"]

    @property
    def readout(self) -> Array:
        """What logits are read out with, [output, d_model]: the unembedding, or if it is tied the token embedding."""
        return self.token_embedding if self.unembedding is None else self.unembedding

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.token_embedding.dtype

    @cached_property
    def emulated(self) -> bool:
        """Whether an array has an arithmetic of its own: nothing is known of how it rounds."""
        return any(isinstance(array, Emulated) for _, part in self.parts() for _, array in part.arrays())

    @cached_property
    def attentions(self) -> tuple[int, ...]:
        """Their numbers among the layers."""
        return tuple(i for i, layer in enumerate(self.layers) if isinstance(layer, Attention))

    @cached_property
    def last_attention(self) -> int:
        """Its number among the layers; -1 where there is none."""
        return self.attentions[-1] if self.attentions else -1


def _check_norm(name: str, norm: object) -> None:
    if norm is not None and not isinstance(norm, Norm):
        raise ModelError(f"{name} is {norm!r}, but should be a Norm or None")
