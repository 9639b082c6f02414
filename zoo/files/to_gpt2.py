"""A Transformer as GPT-2: a configuration and arrays with which Hugging Face's GPT2LMHeadModel answers alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt
from typing import Any

import numpy as np

from zoo.errors import FileError
from zoo.transformer import Attention, Mlp, Norm, Transformer, chosen, unhandled
from zoo.transformer.arrays import Array

# With a variance that vanishes beside eps, and weights of its root, LayerNorm only subtracts the mean.
EPS, ROOT = 2.0**60, 2.0**30

Block = tuple[Attention | None, Mlp | None]


def to_gpt2(transformer: Transformer) -> tuple[dict[str, Any], dict[str, Array]]:
    """A configuration and arrays with which stock GPT-2 gives the same answers, in the transformer's own dtype.

    Heads and Mlps narrower than GPT-2's are padded with zeros. Without any Norm, LayerNorm is made to subtract the
    mean only, and one more dimension keeps the mean at zero. With a Norm before every layer and at the end, the
    residual stream is repeated until its width is GPT-2's heads times theirs: a repetition has the same mean and
    variance. FileError for what GPT-2 has no form for.
    """
    blocks, norms, activation = _blocks(transformer)
    form = _Form.of(transformer, blocks, bool(norms))
    tensors = {
        "wte.weight": form.written(transformer.token_embedding),
        "wpe.weight": form.written(transformer.position_embedding),
    }
    for i, (attention, mlp) in enumerate(blocks):
        parts = {
            "ln_1": form.norm(None if attention is None else attention.norm),
            **form.attention(attention),
            "ln_2": form.norm(None if mlp is None else mlp.norm),
            **form.mlp(mlp),
        }
        for name, (weight, bias) in parts.items():
            tensors |= {f"h.{i}.{name}.weight": weight, f"h.{i}.{name}.bias": bias}
    tensors["ln_f.weight"], tensors["ln_f.bias"] = form.norm(transformer.final_norm)
    config = {
        **{"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        **{"vocab_size": transformer.sizes["vocab"], "n_positions": transformer.n_ctx, "n_embd": form.d_model},
        **{"n_layer": len(blocks), "n_head": form.n_head, "n_inner": form.d_mlp, "activation_function": activation},
        **{"layer_norm_epsilon": norms[0].eps if norms else EPS},
        **{"tie_word_embeddings": transformer.unembedding is None, "bos_token_id": None, "eos_token_id": None},
        **{"attn_pdrop": 0.0, "embd_pdrop": 0.0, "resid_pdrop": 0.0},
    }
    named = {f"transformer.{name}": tensor for name, tensor in tensors.items()}
    if transformer.unembedding is not None:
        named["lm_head.weight"] = padded(transformer.unembedding, form.d_model)
    return config, named


@dataclass(frozen=True)
class _Form:
    """The sizes of the GPT-2, and how parts of the transformer, whose width is `d`, are written in them."""

    d: int
    repeated: bool  # the residual stream, as there are Norms; else it is padded, and its mean is 0
    n_head: int
    d_head: int
    d_mlp: int
    dtype: Any

    @staticmethod
    def of(transformer: Transformer, blocks: Sequence[Block], repeated: bool) -> "_Form":
        attentions = [a for a, _ in blocks if a is not None]
        heads = max((a.sizes["head"] for a in attentions), default=1)
        width = max((max(a.sizes["d_head"], a.sizes["d_v"]) for a in attentions), default=1)
        d_mlp = max((m.sizes["d_mlp"] for _, m in blocks if m is not None), default=1)
        d = transformer.d_model
        n_head, d_head = _repeated(d, heads, width) if repeated else (heads, max(width, -(-(d + 1) // heads)))
        return _Form(d, repeated, n_head, d_head, d_mlp, transformer.dtype)

    @property
    def d_model(self) -> int:
        return self.n_head * self.d_head

    def written(self, x: Array) -> Array:
        """What goes to the residual stream: [..., d] -> [..., d_model]"""
        if self.repeated:
            return np.tile(x, self.d_model // self.d)
        return np.concatenate([padded(x, self.d_model - 1), -x.sum(axis=-1, keepdims=True)], axis=-1)

    def norm(self, one: Norm | None) -> tuple[Array, Array]:
        x, d = self.dtype, self.d
        weight, bias = (np.full(d, ROOT, x), np.zeros(d, x)) if one is None else (one.weight, one.bias)
        return padded(weight, self.d_model), padded(bias, self.d_model)

    def attention(self, one: Attention | None) -> dict[str, tuple[Array, Array]]:
        """Weights and biases of what reads the residual stream and of what writes to it: zeros where there is none."""
        x, n_head, d_head, d_model = self.dtype, self.n_head, self.d_head, self.d_model
        qkv, b_qkv = np.zeros((3, n_head, d_model, d_head), x), np.zeros((3, n_head, d_head), x)
        out, b_out = np.zeros((n_head, d_head, d_model), x), np.zeros(d_model, x)
        if one is not None:
            fold = one.multiplier * sqrt(d_head)  # GPT-2 divides by the root of its own width
            for j, (name, times) in enumerate((("q", fold), ("k", 1), ("v", 1))):
                w, b = getattr(one, f"w_{name}"), getattr(one, f"b_{name}")
                qkv[j, : len(w), : self.d, : w.shape[2]] = w * times
                if b is not None:
                    b_qkv[j, : len(b), : b.shape[1]] = b * times
            out[: one.sizes["head"], : one.sizes["d_v"]] = self.written(one.w_o)
            if one.b_o is not None:
                b_out[:] = self.written(one.b_o)
        reads = qkv.transpose(2, 0, 1, 3).reshape(d_model, -1), b_qkv.reshape(-1)
        return {"attn.c_attn": reads, "attn.c_proj": (out.reshape(-1, d_model), b_out)}

    def mlp(self, one: Mlp | None) -> dict[str, tuple[Array, Array]]:
        """The same of an Mlp."""
        x, d_model, d_mlp = self.dtype, self.d_model, self.d_mlp
        fc, b_fc = np.zeros((d_model, d_mlp), x), np.zeros(d_mlp, x)
        proj, b_proj = np.zeros((d_mlp, d_model), x), np.zeros(d_model, x)
        if one is not None:
            own = one.sizes["d_mlp"]
            fc[: self.d, :own], b_fc[:own] = one.w_in, one.b_in
            proj[:own], b_proj[:] = self.written(one.w_out), self.written(one.b_out)
        return {"mlp.c_fc": (fc, b_fc), "mlp.c_proj": (proj, b_proj)}


def padded(x: Array, size: int) -> Array:
    """Zeros after the last dimension's own: [..., n] -> [..., size]"""
    return np.concatenate([x, np.zeros((*x.shape[:-1], size - x.shape[-1]), x.dtype)], axis=-1)


def _repeated(d_model: int, heads: int, width: int) -> tuple[int, int]:
    """At least so many heads of at least that width, whose product is the least multiple of d_model there is."""
    for times in count(1):
        size = times * d_model
        for n_head in range(heads, size // width + 1):
            if size % n_head == 0:
                return n_head, size // n_head
    raise AssertionError  # `times` reaches heads * width


def _blocks(transformer: Transformer) -> tuple[list[Block], list[Norm], str]:
    """The layers in pairs of attention and Mlp, None where one is missing; all Norms there are; the activation."""
    blocks: list[Block] = []
    for layer in transformer.layers:
        if isinstance(layer, Attention):
            blocks.append((layer, None))
        elif isinstance(layer, Mlp):
            attention = blocks.pop()[0] if blocks and blocks[-1][1] is None else None
            blocks.append((attention, layer))
        else:
            unhandled(layer)
    attentions = [layer for layer in transformer.layers if isinstance(layer, Attention)]
    if not all(layer.causal for layer in attentions[:-1]):
        raise FileError("an attention without mask comes before another one, but should be the last: GPT-2 has a mask")
    norms = [*(layer.norm for layer in transformer.layers), transformer.final_norm]
    found = [norm for norm in norms if norm is not None]
    if found and (len(found) < len(norms) or len({norm.eps for norm in found}) > 1):
        raise FileError("some Norms are missing or differ in eps, but all should be alike or none be there, for GPT-2")
    used = {layer.activation for layer in transformer.layers if isinstance(layer, Mlp)}
    if len(used) > 1:
        raise FileError("the Mlps have relu and gelu, but should have one activation for GPT-2")
    activation = chosen({"relu": "relu", "gelu": "gelu_new"}, used.pop() if used else "gelu")
    return blocks or [(None, None)], found, activation
