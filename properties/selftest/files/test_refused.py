"""What is wrong with a directory is said, in a sentence that names the file."""

import json
import os
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.selftest.files.strangers import FORMATS, copied, edit_config, edit_header
from zoo import files
from zoo.errors import ZooError
from zoo.files.directories import CONFIG, TENSORS, VOCAB


def linked(name: str) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        (directory / name).rename(directory.parent / name)
        (directory / name).symlink_to(directory.parent / name)

    return edit


def overwritten(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        (directory / name).write_bytes(change((directory / name).read_bytes()))

    return edit


def huge(content: bytes) -> bytes:
    """The last weight is 1e5, more than float16 holds."""
    return content[:-4] + np.array(1e5, "<f4").tobytes()


def pickled(directory: Path) -> None:
    (directory / TENSORS).rename(directory / "pytorch_model.bin")


def pipe(directory: Path) -> None:
    (directory / CONFIG).unlink()
    os.mkfifo(directory / CONFIG)


def sparse(directory: Path) -> None:
    """A file that says it is 2^40 bytes long, and is, but on paper only."""
    with open(directory / TENSORS, "r+b") as file:
        n = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(n))
        start = max(entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__")
        header["huge"] = {"dtype": "F32", "shape": [2**38], "data_offsets": [start, start + 2**40]}
        new = json.dumps(header).encode()
        file.seek(0)
        file.write(struct.pack("<Q", len(new)) + new)
        file.truncate(8 + len(new) + start + 2**40)


def overlapping(header: dict[str, Any]) -> None:
    """Two arrays of one size at the same place."""
    entries = [entry for name, entry in header.items() if name != "__metadata__"]
    one, other = next((a, b) for a in entries for b in entries if a is not b and a["shape"] == b["shape"])
    other["data_offsets"] = one["data_offsets"]


def first(header: dict[str, Any]) -> dict[str, Any]:
    entry: dict[str, Any] = header[min(name for name in header if name != "__metadata__")]
    return entry


BOTH: list[tuple[str, Callable[[Path], None]]] = [
    ("bytes, but should have the", overwritten(TENSORS, lambda content: content[:-1])),
    ("bytes, but should have the", overwritten(TENSORS, lambda content: content + b"0")),
    ("declares a header of", overwritten(TENSORS, lambda content: content[:7])),
    ("declares a header of 4611686018427387904", edit_header(lambda header: None, length=2**62)),
    ("is no JSON", overwritten(CONFIG, lambda content: content[:-9])),
    ("is no JSON", overwritten(CONFIG, lambda content: b"[" * 100_000)),
    ("is no JSON", overwritten(CONFIG, lambda content: b'{"n_embd": NaN}')),
    ("a key is there twice", overwritten(CONFIG, lambda content: b'{"a": 1, "a": 2}')),
    ("bytes, but should have at most", overwritten(CONFIG, lambda content: content + b" " * 2**24)),
    ("config.json is a symbolic link", linked(CONFIG)),
    ("model.safetensors is a symbolic link", linked(TENSORS)),
    ("no regular file", pipe),
    ("missing, but should be a file", lambda directory: (directory / CONFIG).unlink()),
    ("pytorch_model.bin is not read", pickled),
    ("dtype I64", edit_header(lambda header: first(header).update(dtype="I64"))),
    ("but should have one of F64", edit_header(lambda header: first(header).update(dtype="F8_E4M3"))),
    ("by its shape", edit_header(lambda header: first(header)["shape"].append(2))),
    ("by its shape", edit_header(lambda header: first(header).update(shape=[2**40]))),
    ("should have sizes", edit_header(lambda header: first(header).update(shape=[-1, -4]))),
    ("should have sizes", edit_header(lambda header: first(header).update(shape=[True, 4.0]))),
    (
        "has no array",
        edit_header(lambda header: header.update(strange=header.pop(min(header.keys() - {"__metadata__"})))),
    ),
    ("declares 10995.*an eighth of this machine's memory", sparse),
    ("has an array at byte", edit_header(overlapping)),
    (" is nan at ", overwritten(TENSORS, lambda content: content[:-8] + np.array(np.nan).tobytes())),
]
GPT2: list[tuple[str, Callable[[Path], None]]] = [
    ("model_type is 'llama'", edit_config(model_type="llama")),
    ("dtype is 'int8', but should be one of float64", edit_config(dtype="int8")),
    ("dtype is 16, but should be a string", edit_config(torch_dtype=16)),
    ("and be the same twice", edit_config(dtype="float16", torch_dtype="torch.float32")),
    ("is inf at", lambda d: (edit_config(dtype="float16")(d), overwritten(TENSORS, huge)(d))[0]),
    ("model_type is missing", edit_config(model_type=...)),
    ("activation_function is 'gelu'", edit_config(activation_function="gelu")),
    ("add_cross_attention", edit_config(add_cross_attention=True)),
    ("quantization_config", edit_config(quantization_config={"bits": 4})),
    ("n_embd is 6, but should be a multiple", edit_config(n_embd=6, n_head=4)),
    ("n_embd is '4'", edit_config(n_embd="4")),
    ("n_head is true|n_head is True", edit_config(n_head=True)),
    ("n_layer is 1000000000", edit_config(n_layer=10**9)),
    ("n_layer is 0", edit_config(n_layer=0)),
    ("n_layer is 1000000000000", edit_config(n_layer=10**12)),
    ("has shape", edit_config(n_embd=10**6)),
    ("has shape", edit_config(vocab_size=10**9)),
    ("has shape", edit_config(n_positions=9)),
    ("has shape", edit_config(n_inner=8)),
    ("has no array 'lm_head.weight'", edit_config(tie_word_embeddings=False)),
    ("has no array", edit_config(n_layer=2)),
    ("hidden_size is there, but should be called n_embd", edit_config(hidden_size=4)),
    ("num_attention_heads is there", edit_config(num_attention_heads=2)),
    ("layer_norm_epsilon is -1", edit_config(layer_norm_epsilon=-1)),
    ("tokens, but should number 36", overwritten(VOCAB, lambda content: b'{"a": 0, "b": 1}')),
    ("tokens, but should number 36", overwritten(VOCAB, lambda content: content.replace(b": 35", b": 34"))),
    (r"'.udc00' in the vocabulary should be text", overwritten(VOCAB, lambda c: c.replace(b'"b"', b'"\\udc00"'))),
]
ZOO: list[tuple[str, Callable[[Path], None]]] = [
    ("format is 'handmade-zoo 2'", edit_config(format="handmade-zoo 2")),
    ("dtype is 'float32', but should be the file's, F64", edit_config(dtype="float32")),
    ("layers is missing", edit_config(layers=...)),
    ("there are arrays of 'layer 0'", edit_config(layers=[])),
    ("of kind 'conv'", edit_config(layers=[{"kind": "conv", "norm": None}])),
    ("final_norm is '1e-5'", edit_config(final_norm="1e-5")),
    ("arrays: x is 3", edit_config(arrays={"x": 3})),
    ("the vocabulary has 1 tokens", edit_config(vocab=["a"])),
    ("cycle: within is missing", edit_config(cycle={"tokens": "ab"})),
    ("margin is ''", edit_config(margin="")),
    ("name is 'a.nimport os', but should be printable", edit_config(name="a\nimport os")),
    (r"name is 'a.x1b\[2J', but should be printable", edit_config(name="a\x1b[2J")),
    ("name is '', but should be printable", edit_config(name="")),
    ("domain is '01', but should be a list", edit_config(domain="01")),
    ("the domain is empty, but should have a context", edit_config(domain=[])),
    ("the domain is .7., but should be a list of layouts, each with start and sets", edit_config(domain=[7])),
    ("should be a list of layouts", edit_config(domain=[{"start": 1}])),
    ("should be a list of layouts", edit_config(domain=[{"start": 1, "sets": "ab"}])),
    ("should be a list of layouts", edit_config(domain=[{"start": 1, "sets": ["ab"]}])),
    ("should be a list of layouts", edit_config(domain=[{"start": 1, "sets": [["a"]], "more": 0}])),
    ("a set of a layout is .., but should be tokens", edit_config(domain=[{"start": 1, "sets": [[]]}])),
    (r"a set of a layout is .'a', 7., but should be tokens", edit_config(domain=[{"start": 1, "sets": [["a", 7]]}])),
    ("a layout of 1 tokens starts at 2, but should at 1 to 1", edit_config(domain=[{"start": 2, "sets": [["a"]]}])),
    ("a layout of 1 tokens starts at True", edit_config(domain=[{"start": True, "sets": [["a"]]}])),
    ("overlaps itself, for a is in it twice", edit_config(domain=[{"start": 1, "sets": [["a"]]}] * 2)),
    ("explainer: the domain has '~', but should have tokens", edit_config(domain=[{"start": 1, "sets": [["~"]]}])),
    ("the domain has contexts of 99 tokens", edit_config(domain=[{"start": 1, "sets": [["a"]] * 99}])),
    ("the domain has 9000 layouts, but should have at most 1024", edit_config(domain=[0] * 9000)),
    (
        r"'.ud800' in the vocabulary should be text",
        edit_config(vocab=["\ud800", *map(str, range(35))]),
    ),
    (
        "layer 0 is wrong about 'b_in'",
        edit_config(layers=[{"kind": "mlp", "activation": "relu", "norm": 1}] * 2),
    ),
]


@pytest.mark.parametrize(("words", "damage"), BOTH)
def test_what_is_refused(valid: Path, words: str, damage: Callable[[Path], None]) -> None:
    refused(valid, words, damage)


@pytest.mark.parametrize(
    ("format", "words", "damage"), [*(("gpt2", *case) for case in GPT2), *(("zoo", *case) for case in ZOO)]
)
def test_what_a_configuration_asks_for(format: str, words: str, damage: Callable[[Path], None], tmp_path: Path) -> None:
    FORMATS[format](zoo.load("explainer"), tmp_path / "model")
    refused(tmp_path / "model", words, damage)


def refused(directory: Path, words: str, damage: Callable[[Path], None]) -> None:
    """The directory with this damage is refused in those words, and not at the price of memory."""
    with copied(directory) as copy:
        damage(copy)
        tracemalloc.start()
        try:
            with pytest.raises(ZooError, match=words) as error:
                files.read(copy)
            assert tracemalloc.get_traced_memory()[1] < 5 * 2**20
        finally:
            tracemalloc.stop()
        assert str(copy) in str(error.value)
