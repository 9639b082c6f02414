"""Models as directories: our own format, which keeps a model bit for bit, and GPT-2's, which others can run.

Both are config.json and model.safetensors, no code. A directory appears whole or not at all, and is read back and
compared before it does.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from zoo import gpt2, own_format
from zoo.arrays import Array
from zoo.digits import digits_apart, nearest
from zoo.errors import FileError, ModelError
from zoo.model import Model
from zoo.tensors import Entry, check_shapes, field, parse_json, read_arrays, read_header, read_json
from zoo.to_gpt2 import to_gpt2

CONFIG, TENSORS, VOCAB, TOKENIZER = "config.json", "model.safetensors", "vocab.json", "tokenizer.json"
FAST = "PreTrainedTokenizerFast"


def write_zoo(model: Model, directory: str | Path) -> None:
    """All of a model but its functions: of the rule there is the name, claims and predictors are left out."""
    config, arrays = own_format.to_zoo(model)
    _write(Path(directory), {CONFIG: config}, arrays)


def write_gpt2(model: Model, directory: str | Path, dtype: type[np.floating[Any]] = np.float32) -> None:
    """What stock GPT2LMHeadModel loads and answers alike; vocab.json has the token of each number.

    AutoTokenizer makes a tokenizer of the directory that reads contexts as the command does.
    """
    config, tensors = to_gpt2(model.transformer)
    with np.errstate(over="ignore"):
        cast = {name: tensor.astype(dtype) for name, tensor in tensors.items()}
    for name, tensor in cast.items():
        if not np.isfinite(tensor).all():
            largest, most = float(np.abs(tensors[name]).max()), float(np.finfo(dtype).max)
            digits = digits_apart(largest, most)
            reaches, below = nearest(largest, digits), nearest(most, digits)
            raise FileError(f"{name} reaches {reaches}, but should stay below {below} in {np.dtype(dtype)}")
    vocab = {token: i for i, token in enumerate(model.vocab)}
    tokenizer = {TOKENIZER: _tokenizer(model), "tokenizer_config.json": {"tokenizer_class": FAST}}
    _write(Path(directory), {CONFIG: config, VOCAB: vocab, **tokenizer}, cast)


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


def _write(directory: Path, jsons: Mapping[str, Mapping[str, Any]], arrays: Mapping[str, Array]) -> None:
    """Writes beside the directory, reads back, compares, and only then gives it its name."""
    from safetensors.numpy import save_file

    if os.path.lexists(directory):  # which no name makes raise an error
        raise FileError(f"{directory} exists, but should be a new directory")
    temporary = None
    try:
        temporary = Path(tempfile.mkdtemp(dir=directory.parent, prefix=f".{directory.name}."))
        for name, content in jsons.items():
            (temporary / name).write_text(json.dumps(content, indent=2, allow_nan=False) + "\n")
        # The library writes what is not contiguous in another order, and says nothing.
        save_file({n: np.ascontiguousarray(a) for n, a in arrays.items()}, temporary / TENSORS, {"format": "pt"})
        _compare(temporary, jsons, arrays)
        (temporary / TENSORS).chmod(0o644)  # the library and mkdtemp let nobody else in
        temporary.chmod(0o755)
        temporary.rename(directory)
    except OSError as error:
        raise FileError(f"{directory} cannot be written: {error.strerror}") from None
    except ValueError as error:
        if isinstance(error, FileError):
            raise
        raise FileError(f"{directory} cannot be written: {error}") from None  # infinity, say, in the configuration
    finally:
        if temporary is not None and temporary.exists():
            shutil.rmtree(temporary)


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
    directory = Path(directory)
    if not os.path.isdir(directory):
        raise FileError(f"{directory} is no directory, but should be one with {CONFIG} and {TENSORS}")
    config = read_json(directory / CONFIG)
    if not os.path.lexists(directory / TENSORS):
        others = sorted(
            p.name for p in directory.iterdir() if re.search(r"\.(bin|pt|pth|ckpt|h5|index\.json)$", p.name)
        )
        hint = f"; {others[0]} is not read: it can hold code, or is one part of many" if others else ""
        raise FileError(f"{directory / TENSORS} is missing, but should hold the arrays{hint}")
    try:
        return _read_zoo(directory, config) if "format" in config else _read_gpt2(directory, config)
    except ModelError as error:  # a part that is not finite, say
        raise FileError(f"{directory}: {error}") from None
    except MemoryError:
        raise FileError(f"{directory} takes more memory than there is, but should fit into it") from None


def _read_gpt2(directory: Path, fields: Mapping[str, Any]) -> Model:
    path, where = directory / TENSORS, str(directory / CONFIG)
    config = gpt2.read_config(where, fields)
    entries: dict[str, Entry] = {}
    names: dict[str, str] = {}
    for name, entry in read_header(path).items():
        if not gpt2.BUFFERS.fullmatch(name):
            plain = name.removeprefix("transformer.")
            if plain in entries:
                raise FileError(f"{path} has {plain[:100]!r} with and without a prefix, but should have it once")
            entries[plain], names[plain] = entry, name
    if config.n_layer > len(entries):  # before the names of so many layers are made
        raise FileError(f"{where}: n_layer is {config.n_layer}, but should be that of {path}, which has fewer arrays")
    shapes = gpt2.shapes(config)
    both = config.tied and "lm_head.weight" in entries  # tied, and written out all the same
    check_shapes(path, entries, shapes | ({"lm_head.weight": shapes["wte.weight"]} if both else {}))
    read = read_arrays(path, {names[plain]: entry for plain, entry in entries.items()})
    tensors = {plain: gpt2.cast(read[name], config.dtype) for plain, name in names.items()}
    if both and not np.array_equal(tensors["lm_head.weight"], tensors["wte.weight"]):
        raise FileError(f"{path}: lm_head.weight differs from wte.weight, but should be the same where they are tied")
    transformer = gpt2.from_gpt2(config, tensors)
    name = _name(directory)
    return Model(name, _vocab(directory, config.vocab), transformer, source=f"GPT-2 directory {name}")


def _name(directory: Path) -> str:
    """Of a directory, if it can be that of a model."""
    name = directory.resolve().name
    return name if name and name.isprintable() else "model"


def _vocab(directory: Path, size: int) -> list[str]:
    """The tokens by vocab.json, else by tokenizer.json, else their numbers. How text becomes tokens is not read."""
    if os.path.lexists(path := directory / VOCAB):
        numbers = read_json(path)
    elif os.path.lexists(path := directory / TOKENIZER):
        numbers = _tokens(str(path), read_json(path))
    else:
        return [str(i) for i in range(size)]
    tokens = {number: token for token, number in numbers.items() if type(number) is int}
    if len(numbers) != size or tokens.keys() != set(range(size)):
        raise FileError(f"{path} has {len(numbers)} tokens, but should number {size} from 0 on, by vocab_size")
    return [tokens[i] for i in range(size)]


def _tokens(where: str, tokenizer: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of the tokens, those included that were added to them later."""
    numbers: dict[str, Any] = field(where, field(where, tokenizer, "model", dict), "vocab", dict)
    for one in field(where, tokenizer, "added_tokens", list, default=[]):
        if not isinstance(one, dict):
            raise FileError(f"{where}: added_tokens has {repr(one)[:60]}, but should have objects")
        numbers[field(where, one, "content", str)] = field(where, one, "id", int)
    return numbers


def _read_zoo(directory: Path, config: Mapping[str, Any]) -> Model:
    path, where = directory / TENSORS, str(directory / CONFIG)
    entries = read_header(path)
    check_shapes(path, entries, own_format.shapes(where, config))
    dtype = own_format.dtype(where, config, {entry.dtype for entry in entries.values()})
    arrays = {name: array.astype(dtype) for name, array in read_arrays(path, entries).items()}
    return own_format.from_zoo(where, config, arrays)


def rule_name(directory: str | Path) -> str | None:
    """The name of the rule that a directory of our own format was written with."""
    name = read_json(Path(directory) / CONFIG).get("rule")
    return name if isinstance(name, str) else None
