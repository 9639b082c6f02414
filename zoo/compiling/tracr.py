"""Transformers that Tracr compiled from RASP programs: its assembled model, or arrays that were exported from it.

Each layer adds attention, then an Mlp with ReLU, to the stream, without Norm. An answer is given at every position: one
of the program's values, or a number. What stands first is a token of its own, whose answer means nothing (the library
leaves it out): a rule is asked there as everywhere, and should say None. Contexts are spoken of that begin with it and
have one input token or more; where the program was compiled without one, all of input tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from zoo.domain import Domain, Layout
from zoo.errors import FileError, ModelError
from zoo.files.npz import read_npz, read_shapes
from zoo.files.tensors import Shape, field, read_json
from zoo.model import NUMBER, Model
from zoo.transformer import Attention, Mlp, Transformer
from zoo.transformer.arrays import Array

WITHIN = 1e-4  # by how much a number may be off, where nothing else is said: its float32 is within 1e-5 or so
PAD = "compiler_pad"  # the library's own name for what fills a batch
PARTS = ("attn.query", "attn.key", "attn.value", "attn.linear", "mlp.linear_1", "mlp.linear_2")


@dataclass(frozen=True)
class Compiled:
    """What is known of a compiled model beside its arrays: what they are cut into, and what their rows are called."""

    heads: int
    layers: int
    key_size: int
    causal: bool
    longest: int  # input tokens
    tokens: Sequence[str]  # one a row of the token embedding
    bos: str | None
    pad: str | None
    outputs: Sequence[str] | None  # one a column of the unembedding; None where a number is answered

    @property
    def inputs(self) -> list[str]:
        return [token for token in self.tokens if token not in (self.bos, self.pad)]

    def domain(self) -> Domain:
        begin = () if self.bos is None else (frozenset((self.bos,)),)
        return Domain((Layout((*begin, *[frozenset(self.inputs)] * self.longest), 1 + len(begin)),))


def read(path: str | Path, within: float | None = None) -> Model:
    """The model of FILE.npz, with FILE.json beside it; no rule is stated. FileError where they are none.

    The object in FILE.json has `num_heads`, `num_layers`, `key_size`, `causal`, `max_seq_len` (in input tokens), `bos`
    (the token that stands first, or null), `categorical`, `input_encoding` (pairs of a token and its row) and
    `output_decoding` (pairs of a column and its name; null of a number). FILE.npz has the library's parameters, by
    their names with dots, and `unembed` [d_model, output]. `within` is by how much a number may be off, 1e-4 if it is
    not said.
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise FileError(f"{path} is no .npz file, but should be one, with a .json file of the same name beside it")
    about = path.with_suffix(".json")
    fields = read_json(about)
    compiled = _described(str(about), fields)
    declared = read_shapes(path)
    if compiled.layers > len(declared):  # before the names of so many layers are made
        raise FileError(
            f"{about}: num_layers is {compiled.layers}, but should be that of {path}, which has fewer arrays"
        )
    arrays = read_npz(path, _shapes(compiled, declared))
    name = path.stem if path.stem.isprintable() else "model"
    try:
        return _model(name, compiled, arrays, f"compiled by Tracr: arrays from {name}.npz", within)
    except ModelError as error:  # a part that is not finite, say
        raise FileError(f"{path}: {error}") from None


def assembled(found: Any, name: str, within: float | None = None, unembed: Array | None = None) -> Model:
    """The model that the library assembled, as `compile_rasp_to_model` returns it; no rule is stated.

    Read are its `params`, `model_config`, `input_encoder` and `output_encoder`. What is read out with is no parameter:
    it is asked of `get_compiled_model()`, which runs within the library's haiku, unless it is handed as `unembed`
    [d_model, output]. ModelError where one of these is missing or does not fit. `within` is as of `read`.
    """
    try:
        config, encoder, decoder = found.model_config, found.input_encoder, found.output_encoder
        params = {
            f"{module.replace('/', '.')}.{part}": np.asarray(array)
            for module, parts in found.params.items()
            for part, array in parts.items()
        }
        codes, bos = dict(encoder.encoding_map), encoder.bos_token
        columns = getattr(decoder, "encoding_map", None)  # one that encodes numbers has none
        rows = len(params["pos_embed.embeddings"])
        columns_of = _unembedding(found, params) if unembed is None else np.asarray(unembed)
        params["unembed"] = columns_of.astype(params["token_embed.embeddings"].dtype)  # as the library's program has it
        compiled = Compiled(
            heads=int(config.num_heads),
            layers=int(config.num_layers),
            key_size=int(config.key_size),
            causal=bool(config.causal),
            longest=rows - (bos is not None),
            tokens=_in_order(name, "the input encoding", [(str(token), row) for token, row in codes.items()]),
            bos=None if bos is None else str(bos),
            pad=None if encoder.pad_token is None else str(encoder.pad_token),
            outputs=None
            if columns is None
            else _in_order(name, "the output decoding", [(str(value), i) for value, i in columns.items()]),
        )
        if config.layer_norm:
            raise ModelError(f"{name} has layer norms, but should have none, as what Tracr compiles")
    except (AttributeError, KeyError, TypeError, ImportError) as error:
        raise ModelError(f"{name} is no assembled model of Tracr, but should be: {error}") from error
    shapes = _shapes(compiled, {part: array.shape for part, array in params.items()})
    for part, shape in shapes.items():
        if part not in params or params[part].shape != shape:
            its = list(params[part].shape) if part in params else "missing"
            raise ModelError(f"{name}: {part} is {its}, but should have shape {list(shape)}")
    return _model(name, compiled, params, "compiled by Tracr", within)


def _unembedding(found: Any, params: Mapping[str, Array]) -> Array:
    """What the library's function makes of each direction of the stream: it is linear until an argmax is taken."""
    haiku, rows = import_module("haiku"), np.eye(params["token_embed.embeddings"].shape[1], dtype=np.float32)

    def read_out(stream: Any) -> Any:
        return found.get_compiled_model().unembed(stream, use_unembed_argmax=False)

    program = haiku.without_apply_rng(haiku.transform(read_out))
    return np.asarray(program.apply(program.init(None, rows), rows)).reshape(len(rows), -1)


def _described(where: str, fields: Mapping[str, Any]) -> Compiled:
    heads, layers, key_size, longest = (
        _count(where, fields, name) for name in ("num_heads", "num_layers", "key_size", "max_seq_len")
    )
    bos = field(where, fields, "bos", str, type(None))
    tokens = _pairs(where, fields, "input_encoding", 0)
    outputs = _pairs(where, fields, "output_decoding", 1) if field(where, fields, "categorical", bool) else None
    if outputs is None and fields.get("output_decoding") is not None:
        raise FileError(f"{where}: output_decoding is there, but should be null where categorical is false")
    if bos is not None and bos not in tokens:
        raise FileError(f"{where}: bos is {bos[:60]!r}, but should be a token of input_encoding, or null")
    compiled = Compiled(
        heads, layers, key_size, field(where, fields, "causal", bool), longest, tokens, bos, PAD, outputs
    )
    if not compiled.inputs:
        raise FileError(f"{where}: input_encoding has no token but {' and '.join(tokens)}, but should have some")
    return compiled


def _count(where: str, fields: Mapping[str, Any], name: str) -> int:
    value: int = field(where, fields, name, int)
    if not 1 <= value < 2**20:
        raise FileError(f"{where}: {name} is {str(value)[:60]}, but should be a whole number from 1 on")
    return value


def _pairs(where: str, fields: Mapping[str, Any], name: str, at: int) -> list[str]:
    """Names by their number, of pairs in which the name stands at 0 or 1."""
    pairs = field(where, fields, name, list)
    found: list[tuple[str, int]] = []
    for pair in pairs:
        called, number = (pair[at], pair[1 - at]) if isinstance(pair, list) and len(pair) == 2 else (None, None)
        if not (called and isinstance(called, str) and type(number) is int):
            raise FileError(f"{where}: {name} has {repr(pair)[:60]}, but should have pairs of a name and a number")
        found.append((called, number))
    return _in_order(f"{where}:", name, found, FileError)


def _in_order(
    where: str, what: str, pairs: Sequence[tuple[str, int]], fault: type[ModelError] | type[FileError] = ModelError
) -> list[str]:
    """The names, in order of their numbers: each from 0 on once."""
    numbers = sorted(number for _, number in pairs)
    if numbers != list(range(len(numbers))):
        raise fault(f"{where} {what} has the numbers {repr(numbers)[1:60]}, but should have each from 0 on once")
    return [name for name, _ in sorted(pairs, key=lambda pair: pair[1])]


def _shapes(compiled: Compiled, declared: Mapping[str, Shape]) -> dict[str, Shape]:
    """What each array should be like: d_model is that of the embedding, and how wide an Mlp is its own affair."""
    d_model = declared.get("token_embed.embeddings", ())[-1:]
    width = compiled.heads * compiled.key_size
    outputs = 1 if compiled.outputs is None else len(compiled.outputs)
    shapes: dict[str, Shape] = {
        "token_embed.embeddings": (len(compiled.tokens), *d_model),
        "pos_embed.embeddings": (compiled.longest + (compiled.bos is not None), *d_model),
        "unembed": (*d_model, outputs),
    }
    for i in range(compiled.layers):
        hidden = declared.get(f"transformer.layer_{i}.mlp.linear_1.w", ())[-1:]
        sides = dict.fromkeys(PARTS[:3], (*d_model, width)) | {"attn.linear": (width, *d_model)}
        sides |= {"mlp.linear_1": (*d_model, *hidden), "mlp.linear_2": (*hidden, *d_model)}
        for part, shape in sides.items():
            shapes |= {f"transformer.layer_{i}.{part}.w": shape, f"transformer.layer_{i}.{part}.b": shape[-1:]}
    return shapes


def _model(name: str, compiled: Compiled, arrays: Mapping[str, Array], source: str, within: float | None) -> Model:
    layers: list[Attention | Mlp] = []
    for i in range(compiled.layers):
        w, b = ([arrays[f"transformer.layer_{i}.{part}.{kind}"] for part in PARTS] for kind in "wb")
        q, k, v = (np.stack(np.split(one, compiled.heads, axis=1)) for one in w[:3])
        b_q, b_k, b_v = (np.stack(np.split(one, compiled.heads)) for one in b[:3])
        o = np.stack(np.split(w[3], compiled.heads))
        layers += [
            Attention(q, k, v, o, b_q=b_q, b_k=b_k, b_v=b_v, b_o=b[3], causal=compiled.causal),
            Mlp(w[4], b[4], w[5], b[5], activation="relu"),
        ]
    unembedding = arrays["unembed"].T
    transformer = Transformer(
        arrays["token_embed.embeddings"], arrays["pos_embed.embeddings"], layers, unembedding=unembedding
    )
    number = compiled.outputs is None
    return Model(
        name,
        tuple(compiled.tokens),
        transformer,
        source=source,
        domain=compiled.domain(),
        answers="every",
        outputs=NUMBER if number else tuple(compiled.outputs or ()),
        within=(WITHIN if within is None else within) if number else None,
    )
