"""GPT-2 as a Transformer: the configuration and the arrays of Hugging Face's GPT2LMHeadModel, read."""

import re
from collections.abc import Collection, Container, Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from zoo.errors import FileError
from zoo.files.tensors import Shape, field, to_bfloat16
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

ACTIVATIONS = {"relu": "relu", "gelu_new": "gelu", "gelu_pytorch_tanh": "gelu"}  # "gelu" there is the form with erf
ALIASES = {  # which transformers takes too
    "hidden_size": "n_embd",
    "max_position_embeddings": "n_positions",
    "num_attention_heads": "n_head",
    "num_hidden_layers": "n_layer",
}
DTYPES = ("float64", "float32", "bfloat16", "float16")
BUFFERS = re.compile(r"h\.\d+\.attn\.(bias|masked_bias)")  # the mask, which some files hold too
COMPILED = "_orig_mod"  # what torch.compile puts before the names of a module that it wraps


@dataclass(frozen=True)
class Config:
    """What of a GPT-2 configuration decides its logits; the defaults are those of transformers."""

    vocab: int
    n_ctx: int
    d_model: int
    n_layer: int
    n_head: int
    d_mlp: int
    activation: str
    eps: float
    scale: bool
    by_layer: bool
    tied: bool
    bias: bool | None  # whether there are biases; None where it is not stated: transformers has no such field
    dtype: str | None


def read_config(where: str, fields: Mapping[str, Any]) -> Config:
    """FileError names the field that is of another kind, or asks for what the forward pass does not have."""

    def size(name: str, default: int) -> int:
        value: int = field(where, fields, name, int, default=default)
        if not 1 <= value < 2**31:
            raise FileError(f"{where}: {name} is {value}, but should be from 1 to {2**31 - 1}")
        return value

    def flag(name: str, default: bool) -> bool:
        return bool(field(where, fields, name, bool, default=default))

    if (kind := field(where, fields, "model_type", str)) != "gpt2":  # others call their fields otherwise
        raise FileError(f"{where}: model_type is {kind[:60]!r}, but should be 'gpt2': no other architecture is read")
    for name, ours in ALIASES.items():
        if name in fields:
            raise FileError(f"{where}: {name} is there, but should be called {ours}, as transformers writes it")
    for name in ("add_cross_attention", "is_encoder_decoder", "pruned_heads", "quantization_config"):
        if fields.get(name):
            raise FileError(f"{where}: {name} is {str(fields[name])[:60]}, but should be left out: it is not supported")
    activation = field(where, fields, "activation_function", str, default="gelu_new")
    if activation not in ACTIVATIONS:
        should = ", ".join(ACTIVATIONS)
        raise FileError(f"{where}: activation_function is {activation[:60]!r}, but should be one of {should}")
    d_model, n_head = size("n_embd", 768), size("n_head", 12)
    if d_model % n_head:
        raise FileError(f"{where}: n_embd is {d_model}, but should be a multiple of n_head, {n_head}")
    eps = field(where, fields, "layer_norm_epsilon", float, default=1e-5)
    if eps <= 0:
        raise FileError(f"{where}: layer_norm_epsilon is {eps}, but should be above 0")
    return Config(
        vocab=size("vocab_size", 50257),
        n_ctx=size("n_positions", 1024),
        d_model=d_model,
        n_layer=size("n_layer", 12),
        n_head=n_head,
        d_mlp=4 * d_model if fields.get("n_inner") is None else size("n_inner", 1),
        activation=ACTIVATIONS[activation],
        eps=eps,
        scale=flag("scale_attn_weights", True),
        by_layer=flag("scale_attn_by_inverse_layer_idx", False),
        tied=flag("tie_word_embeddings", True),
        bias=field(where, fields, "bias", bool, type(None), default=None),
        dtype=_dtype(where, fields),
    )


def _dtype(where: str, fields: Mapping[str, Any]) -> str | None:
    """What transformers casts the weights to, under either of its names; None where it takes them as they are."""
    found = {}
    for name in ("dtype", "torch_dtype"):
        value = field(where, fields, name, str, type(None), default=None)
        if value is not None:
            found[value.removeprefix("torch.")] = name
    for value, name in found.items():
        if value not in DTYPES or len(found) > 1:
            should = f"one of {', '.join(DTYPES)}, or left out" + ", and be the same twice" * (len(found) > 1)
            raise FileError(f"{where}: {name} is {value[:60]!r}, but should be {should}")
    return next(iter(found), None)


def cast(array: Array, dtype: str | None) -> Array:
    """The weights that a configuration of this dtype has: those of half precision are kept in float32."""
    if dtype == "bfloat16":
        return to_bfloat16(array)
    with np.errstate(over="ignore"):  # infinity is refused later
        array = array if dtype is None else array.astype(dtype)
    return array.astype(np.float32) if dtype == "float16" else array


def shapes(config: Config) -> dict[str, Shape]:
    """The arrays of such a model, without the prefix "transformer."."""
    d, m = config.d_model, config.d_mlp
    block: dict[str, Shape] = {
        **{"ln_1.weight": (d,), "ln_1.bias": (d,), "ln_2.weight": (d,), "ln_2.bias": (d,)},
        **{"attn.c_attn.weight": (d, 3 * d), "attn.c_attn.bias": (3 * d,)},
        **{"attn.c_proj.weight": (d, d), "attn.c_proj.bias": (d,)},
        **{"mlp.c_fc.weight": (d, m), "mlp.c_fc.bias": (m,), "mlp.c_proj.weight": (m, d), "mlp.c_proj.bias": (d,)},
    }
    result: dict[str, Shape] = {"wte.weight": (config.vocab, d), "wpe.weight": (config.n_ctx, d)}
    result |= {f"h.{i}.{name}": shape for i in range(config.n_layer) for name, shape in block.items()}
    result |= {"ln_f.weight": (d,), "ln_f.bias": (d,)}
    return result if config.tied else result | {"lm_head.weight": (config.vocab, d)}


def plain_name(name: str) -> str:
    """An array's name without what others put before it: the model around it, or torch.compile."""
    return ".".join(part for part in name.split(".") if part != COMPILED).removeprefix("transformer.")


def extra_shapes(config: Config, present: Container[str]) -> dict[str, Shape]:
    """Arrays that may be there, and then are: a tied head that is written out, the bias of one, which must be zero."""
    extra: dict[str, Shape] = {"lm_head.weight": (config.vocab, config.d_model), "lm_head.bias": (config.vocab,)}
    return {name: shape for name, shape in extra.items() if name in present}


def absent_biases(
    where: str, path: str, config: Config, shapes: Mapping[str, Shape], present: Collection[str]
) -> list[str]:
    """The biases that are zero because a file has none of their kind, as transformers takes them.

    FileError where it has some of a kind, unless the configuration says that there are none: rather something is lost.
    Nor is anything taken for zero in a file with arrays of other names, which may be the ones missed.
    """
    if config.bias or any(name not in shapes for name in present):
        return []
    kinds: dict[str, list[str]] = {}
    for name in shapes:
        if name.endswith(".bias"):
            kinds.setdefault(re.sub(r"^h\.\d+\.", "", name), []).append(name)
    absent: list[str] = []
    for names in kinds.values():
        missing = [name for name in names if name not in present]
        if missing and len(missing) < len(names) and config.bias is None:
            there = next(name for name in names if name in present)
            raise FileError(
                f"{path} has no array {missing[0]!r}, but should have it as it has {there!r}, or {where} should say "
                "that bias is false"
            )
        absent += missing
    return absent


def absence(absent: Collection[str]) -> str:
    """What is to be said of biases that a file does not have, or ""."""
    kinds = list(dict.fromkeys(re.sub(r"^h\.\d+\.", "", name) for name in absent))
    return f"the file has no {', '.join(kinds)}: read as zeros" if kinds else ""


def check_zeros(where: str, path: str, config: Config, arrays: Mapping[str, Array]) -> None:
    """FileError where an array is not zero that the model has no place for."""
    for name, array in arrays.items():
        if name == "lm_head.bias" and array.any():
            raise FileError(f"{path} has an array {name!r}, but should have none of that name, or one of zeros")
        if config.bias is False and name.endswith(".bias") and array.any():
            raise FileError(f"{path}: {name!r} is not zero, but should be, or be left out: {where} says bias is false")


def check_eps(where: str, eps: float, dtype: np.dtype[Any]) -> None:
    """FileError where the type of the weights makes 0 or infinity of what Norms add to the variance."""
    with np.errstate(all="ignore"):
        there = dtype.type(eps)
    if not 0 < there < np.inf:
        raise FileError(
            f"{where}: layer_norm_epsilon is {eps}, which is {there} in {dtype}, but should be above 0 and finite "
            "in the type of the weights"
        )


def from_gpt2(config: Config, tensors: Mapping[str, Array]) -> Transformer:
    """The same model as a Transformer: two layers a block, no array changed but cut into heads."""
    head, d_head = config.n_head, config.d_model // config.n_head
    layers: list[Attention | Mlp] = []
    for i in range(config.n_layer):
        one = {name.removeprefix(f"h.{i}."): t for name, t in tensors.items() if name.startswith(f"h.{i}.")}
        q, k, v = (
            one["attn.c_attn.weight"].reshape(-1, 3, head, d_head).transpose(1, 2, 0, 3)
        )  # [head, d_model, d_head]
        b_q, b_k, b_v = one["attn.c_attn.bias"].reshape(3, head, d_head)
        o, b_o = one["attn.c_proj.weight"].reshape(head, d_head, -1), one["attn.c_proj.bias"]
        scale = (1 / sqrt(d_head) if config.scale else 1.0) / (i + 1 if config.by_layer else 1)
        norm = Norm(one["ln_1.weight"], one["ln_1.bias"], config.eps)
        layers.append(Attention(q, k, v, o, b_q, b_k, b_v, b_o, scale=scale, norm=norm))
        w_in, b_in, w_out, b_out = (one[f"mlp.{x}.{y}"] for x in ("c_fc", "c_proj") for y in ("weight", "bias"))
        norm = Norm(one["ln_2.weight"], one["ln_2.bias"], config.eps)
        layers.append(Mlp(w_in, b_in, w_out, b_out, config.activation, norm))
    final = Norm(tensors["ln_f.weight"], tensors["ln_f.bias"], config.eps)
    unembedding = None if config.tied else tensors["lm_head.weight"]
    return Transformer(tensors["wte.weight"], tensors["wpe.weight"], layers, final, unembedding)
