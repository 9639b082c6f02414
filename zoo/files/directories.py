"""Models as directories: our own format, which keeps a model bit for bit, and GPT-2's, which others can run.

Both are config.json and model.safetensors, no code. A directory appears whole or not at all, and is read back and
compared before it does.
"""

import json
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from zoo.digits import digits_apart, nearest
from zoo.errors import FileError, ModelError
from zoo.files import gpt2, own_format, token_names
from zoo.files.tensors import Entry, check_shapes, parse_json, read_arrays, read_header, read_json
from zoo.files.to_gpt2 import to_gpt2
from zoo.model import Model
from zoo.transformer.arrays import Array

CONFIG, TENSORS = "config.json", "model.safetensors"
VOCAB, TOKENIZER = token_names.VOCAB, token_names.TOKENIZER
FAST = "PreTrainedTokenizerFast"
Accept = Callable[[Model], bool]


def write_zoo(model: Model, directory: str | Path, *, accept: Accept | None = None) -> bool:
    """All of a model but its functions: of the rule there is the name, claims, predictors and lemmas are left out.

    `accept` is handed the model as it reads back, before the directory gets its name. Where it says no or raises,
    nothing is left. The result is whether the directory is there.
    """
    config, arrays = own_format.to_zoo(model)
    return _write(Path(directory), {CONFIG: config}, arrays, accept)


def write_gpt2(
    model: Model,
    directory: str | Path,
    dtype: type[np.floating[Any]] = np.float32,
    *,
    accept: Accept | None = None,
) -> bool:
    """What stock GPT2LMHeadModel loads and answers alike; vocab.json has the token of each number.

    AutoTokenizer makes a tokenizer of the directory that reads contexts as the command does. `accept` and the result
    are those of `write_zoo`: that the answers are alike is seen by whoever accepts.
    """
    model.must_complete("be written as GPT-2")
    config, tensors = to_gpt2(model.transformer)
    with np.errstate(over="ignore"):
        cast = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    for name, tensor in cast.items():
        if not np.isfinite(tensor).all():
            largest, most = float(np.abs(tensors[name]).max()), float(np.finfo(dtype).max)
            digits = digits_apart(largest, most)
            reaches, below = nearest(largest, digits), nearest(most, digits)
            raise FileError(f"{name} reaches {reaches}, but should stay below {below} in {np.dtype(dtype)}")
    gpt2.check_eps(f"{model.name} as GPT-2", config["layer_norm_epsilon"], np.result_type(dtype, np.float32))
    vocab = {token: i for i, token in enumerate(model.vocab)}
    tokenizer = {TOKENIZER: _tokenizer(model), "tokenizer_config.json": {"tokenizer_class": FAST}}
    return _write(Path(directory), {CONFIG: config, VOCAB: vocab, **tokenizer}, cast, accept)


def _tokenizer(model: Model) -> dict[str, Any]:
    """What Hugging Face's tokenizers read: every character is a token, or every word; anything else is refused."""
    character = {"type": "Split", "pattern": {"Regex": r"[\s\S]"}, "behavior": "Isolated", "invert": False}
    vocab = {token: i for i, token in enumerate(model.vocab)}
    unknown = next(word for word in ("unknown", *(f"unknown{i}" for i in range(len(vocab)))) if word not in vocab)
    return {
        "version": "1.0",
        **dict.fromkeys(("truncation", "padding", "normalizer", "post_processor")),
        "added_tokens": [],
        "pre_tokenizer": character if model.reads_strings else {"type": "WhitespaceSplit"},
        "decoder": {"type": "Fuse"} if model.reads_strings else None,
        "model": {"type": "WordLevel", "vocab": vocab, "unk_token": unknown},
    }


def _write(
    directory: Path,
    jsons: Mapping[str, Mapping[str, Any]],
    arrays: Mapping[str, Array],
    accept: Accept | None,
) -> bool:
    """Writes beside the directory, reads back, compares, asks, and only then gives it its name."""
    if os.path.lexists(directory):  # which no name makes raise an error
        raise FileError(f"{directory} exists, but should be a new directory")
    temporary = directory.parent / f".{directory.name}.{secrets.token_hex(8)}"  # known before it is there
    try:
        with _cannot_be_written(directory):
            _fill(temporary, jsons, arrays)
            _compare(temporary, jsons, arrays)
        if accept is not None and not accept(_read_back(temporary, directory)):
            return False
        with _cannot_be_written(directory):
            temporary.rename(directory)
        return True
    finally:  # whatever ends it, Ctrl-C too
        shutil.rmtree(temporary, ignore_errors=True)


def _read_back(temporary: Path, directory: Path) -> Model:
    try:
        return _read(temporary, directory)
    except FileError as error:  # of a name that nobody knows
        raise FileError(str(error).replace(str(temporary), str(directory))) from None


def _fill(directory: Path, jsons: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, Array]) -> None:
    from safetensors.numpy import save_file

    directory.mkdir(mode=0o700)
    for name, content in jsons.items():
        (directory / name).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
    # The library writes what is not contiguous in another order, and says nothing.
    save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, directory / TENSORS, {"format": "pt"})
    (directory / TENSORS).chmod(0o644)  # it lets nobody else in
    directory.chmod(0o755)


@contextmanager
def _cannot_be_written(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FileError(f"{directory} cannot be written: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{directory} cannot be written: {error}") from None  # infinity, say, in the configuration


def _compare(directory: Path, jsons: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, Array]) -> None:
    for name, content in jsons.items():
        if read_json(directory / name) != parse_json(name, json.dumps(content).encode()):
            raise FileError(f"{name} reads back otherwise than it was written, but should be the same")
    entries = read_header(directory / TENSORS)
    check_shapes(directory / TENSORS, entries, {name: array.shape for name, array in arrays.items()})
    for name, array in read_arrays(directory / TENSORS, entries).items():
        if array.tobytes() != arrays[name].astype(array.dtype).tobytes():
            raise FileError(f"{name} reads back otherwise than it was written, but should be the same")


def read(directory: str | Path) -> Model:
    """The model of a directory in either format. Nothing in it is run. FileError where it is none."""
    return _read(Path(directory), Path(directory))


def _read(directory: Path, named: Path) -> Model:
    """The model of a directory that is, or will be, of that name."""
    if not os.path.isdir(directory):
        raise FileError(f"{directory} is no directory, but should be one with {CONFIG} and {TENSORS}")
    config = read_json(directory / CONFIG)
    try:
        return _read_zoo(directory, config) if "format" in config else _read_gpt2(directory, config, named)
    except ModelError as error:  # a part that is not finite, say
        raise FileError(f"{directory}: {error}") from None
    except MemoryError:
        raise FileError(f"{directory} takes more memory than there is, but should fit into it") from None


def _header(directory: Path) -> dict[str, Entry]:
    """What the arrays' file declares; FileError says what is not read in its place."""
    if not os.path.lexists(directory / TENSORS):
        others = sorted(
            p.name for p in directory.iterdir() if re.search(r"\.(bin|pt|pth|ckpt|h5|index\.json)$", p.name)
        )
        hint = f"; {others[0]} is not read: it can hold code, or is one part of many" if others else ""
        raise FileError(f"{directory / TENSORS} is missing, but should hold the arrays{hint}")
    return read_header(directory / TENSORS)


def _read_gpt2(directory: Path, fields: Mapping[str, Any], named: Path) -> Model:
    path, where = directory / TENSORS, str(directory / CONFIG)
    config = gpt2.read_config(where, fields)  # before the arrays: those of another architecture are not looked at
    entries: dict[str, Entry] = {}
    names: dict[str, str] = {}
    for name, entry in _header(directory).items():
        plain = gpt2.plain_name(name)
        if not gpt2.BUFFERS.fullmatch(plain):
            if plain in entries:
                raise FileError(f"{path} has {plain[:100]!r} with and without a prefix, but should have it once")
            entries[plain], names[plain] = entry, name
    if config.n_layer > len(entries):  # before the names of so many layers are made
        raise FileError(f"{where}: n_layer is {config.n_layer}, but should be that of {path}, which has fewer arrays")
    shapes = gpt2.shapes(config) | gpt2.extra_shapes(config, entries)
    absent = gpt2.absent_biases(where, str(path), config, shapes, entries)
    check_shapes(path, entries, {name: shape for name, shape in shapes.items() if name not in absent})
    read = read_arrays(path, {names[plain]: entry for plain, entry in entries.items()})
    gpt2.check_zeros(where, str(path), config, {plain: read[name] for plain, name in names.items()})
    tensors = {plain: gpt2.cast(read[name], config.dtype) for plain, name in names.items()}
    both = config.tied and "lm_head.weight" in tensors  # tied, and written out all the same
    if both and not np.array_equal(tensors["lm_head.weight"], tensors["wte.weight"]):
        raise FileError(f"{path}: lm_head.weight differs from wte.weight, but should be the same where they are tied")
    dtype = tensors["wte.weight"].dtype
    gpt2.check_eps(where, config.eps, dtype)
    tensors |= {name: np.zeros(shapes[name], dtype) for name in absent}
    transformer = gpt2.from_gpt2(config, tensors)
    name = _name(named)
    vocab, note = token_names.read_names(directory, config.vocab)
    source = "; ".join(filter(None, (f"GPT-2 directory {name}", gpt2.absence(absent), note)))
    return Model(name, vocab, transformer, source=source)


def _name(directory: Path) -> str:
    """Of a directory, if it can be that of a model."""
    name = directory.resolve().name
    return name if name and name.isprintable() else "model"


def _read_zoo(directory: Path, config: Mapping[str, Any]) -> Model:
    path, where = directory / TENSORS, str(directory / CONFIG)
    entries = _header(directory)
    check_shapes(path, entries, own_format.shapes(where, config))
    dtype = own_format.dtype(where, config, {entry.dtype for entry in entries.values()})
    arrays = {name: array.astype(dtype) for name, array in read_arrays(path, entries).items()}
    return own_format.from_zoo(where, config, arrays)


def rule_name(directory: str | Path) -> str | None:
    """The name of the rule that a directory of our own format was written with."""
    name = read_json(Path(directory) / CONFIG).get("rule")
    return name if isinstance(name, str) else None
