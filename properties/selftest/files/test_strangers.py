"""Directories from strangers: whatever is wrong with them is said in a sentence, before memory is spent on it."""

import io
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

import zoo
from properties.command.main import main
from properties.selftest.examples import assert_occurred, many
from zoo import files
from zoo.errors import ContextError, FileError, ZooError
from zoo.files import directories, gpt2, tensors
from zoo.files.directories import CONFIG, TENSORS, TOKENIZER, VOCAB

FORMATS = {"zoo": files.write_zoo, "gpt2": files.write_gpt2}


@pytest.fixture(scope="module", params=FORMATS)
def valid(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory in that format: the explainer, which has all kinds of parts."""
    directory = tmp_path_factory.mktemp("valid") / str(request.param)
    FORMATS[request.param](zoo.load("explainer"), directory)
    return directory


@contextmanager
def copied(directory: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(shutil.copytree(directory, Path(folder) / "copy"))


# Lone surrogates too, which JSON can hold and no file or terminal takes, and what moves a terminal's cursor.
TEXT = st.text(st.characters(codec=None, exclude_categories=()) | st.sampled_from("\ud800\x1b\n\u202e"), max_size=9)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 99) | st.sampled_from([2**31, 2**62, 10**30, -1]) | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def changed_bytes(data: st.DataObject, content: bytes) -> bytes:
    how = data.draw(st.sampled_from(["cut", "flip", "insert", "number"]))
    event(how)
    at = data.draw(st.integers(0, len(content) - 1) | st.integers(0, min(200, len(content) - 1)))
    if how == "cut":
        return content[:at]
    if how == "flip":
        return content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :]
    if how == "insert":
        return content[:at] + data.draw(st.binary(min_size=1, max_size=9)) + content[at:]
    number = data.draw(st.sampled_from([0, 1, 2**31, 2**63 - 1, 2**64 - 1]) | st.integers(0, 2**20))
    return struct.pack("<Q", number) + content[8:]


def changed_value(data: st.DataObject, value: Any) -> Any:
    """The JSON with one value somewhere replaced, left out or added."""
    if isinstance(value, dict) and value and data.draw(st.integers(0, 5)):
        key = data.draw(st.sampled_from(sorted(value)))
        rest = {k: v for k, v in value.items() if k != key}
        how = data.draw(st.sampled_from(["within", "left out", "added"]))
        event(how)
        if how == "within":
            return rest | {key: changed_value(data, value[key])}
        return rest if how == "left out" else value | {data.draw(TEXT): data.draw(JSON)}
    if isinstance(value, list) and value and data.draw(st.integers(0, 5)):
        at = data.draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed_value(data, value[at]), *value[at + 1 :]]
    return data.draw(TEXT if isinstance(value, str) and data.draw(st.booleans()) else JSON)


def test_nothing_but_our_own_errors(valid: Path, outcomes: Counter[str]) -> None:
    @many(120, times=2)  # 20,000 in the nightly run, both formats taken together
    @given(st.data())
    def check(data: st.DataObject) -> None:
        with copied(valid) as directory:
            names = [name for name in (CONFIG, TENSORS, VOCAB, TOKENIZER) if (directory / name).exists()]
            file = directory / data.draw(st.sampled_from(names))
            if file.name == TOKENIZER:
                (directory / VOCAB).unlink()  # else it is not looked at
            content = file.read_bytes()
            if data.draw(st.booleans()):
                file.write_bytes(changed_bytes(data, content))
            elif file.name != TENSORS:
                file.write_text(json.dumps(changed_value(data, json.loads(content))))
            else:
                length = int.from_bytes(content[:8], "little")
                header = json.dumps(changed_value(data, json.loads(content[8 : 8 + length]))).encode()
                file.write_bytes(struct.pack("<Q", len(header)) + header + content[8 + length :])
            try:
                model = files.read(directory)
            except ZooError as error:
                outcomes["refused"] += 1
                said = str(error)
            else:
                outcomes["read"] += 1
                said = ""
                context = model.vocab[0] if model.reads_strings else json.dumps(model.vocab[:1])
                with np.errstate(all="ignore"):  # weights may be anything finite now
                    assert model.predict(model.vocab[:1]) in model.vocab
                    printed(directory, data.draw(st.sampled_from(COMMANDS)), context)
        assert len(said) < 600

    check()
    assert_occurred(outcomes, "read", "refused", least=10)


COMMANDS = (("predict",), ("complete", "-n", "2"), ("inspect",))


def printed(directory: Path, command: tuple[str, ...], *arguments: str) -> int:
    """What the command prints can be written as UTF-8, and holds no control character; or it is one sentence."""
    streams = [io.TextIOWrapper(io.BytesIO(), "utf-8", newline="") for _ in range(2)]  # strict, as stdout is
    with redirect_stdout(streams[0]), redirect_stderr(streams[1]):
        status = main([command[0], str(directory), *command[1:], "--", *arguments])
    texts = []
    for stream in streams:
        stream.flush()
        texts.append(stream.buffer.getvalue().decode())
    assert status == (2 if texts[1] else 0)
    for text in texts:
        assert all(c.isprintable() or c == "\n" for c in text)
    return status


def test_any_names(valid: Path, outcomes: Counter[str]) -> None:
    """A model's name and a few tokens may be any text: refused, or printed so that a terminal takes it as text."""
    plain = [f"t{i}" for i in range(36)]

    @many(100)
    @given(st.data(), st.just("plain") | TEXT, st.dictionaries(st.integers(0, 2), TEXT))
    def check(data: st.DataObject, name: str, others: dict[int, str]) -> None:
        tokens = [others.get(i, token) for i, token in enumerate(plain)]
        with copied(valid) as directory:
            if (directory / VOCAB).exists():
                (directory / VOCAB).write_text(json.dumps({token: i for i, token in enumerate(tokens)}))
            else:
                edit_config(vocab=tokens, name=name)(directory)
            status = printed(directory, data.draw(st.sampled_from([*COMMANDS, ("show",)])), json.dumps(tokens[:1]))
            outcomes["refused" if status else "printed"] += 1

    check()
    assert_occurred(outcomes, "printed", "refused", least=10)


def edit_config(**changes: Any) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        config = json.loads((directory / CONFIG).read_text())
        (directory / CONFIG).write_text(json.dumps({k: v for k, v in (config | changes).items() if v is not ...}))

    return edit


def edit_header(change: Callable[[dict[str, Any]], Any], length: int | None = None) -> Callable[[Path], None]:
    def edit(directory: Path) -> None:
        content = (directory / TENSORS).read_bytes()
        n = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + n])
        change(header)
        new = json.dumps(header).encode()
        (directory / TENSORS).write_bytes(struct.pack("<Q", length or len(new)) + new + content[8 + n :])

    return edit


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


def test_weights_that_are_tied_and_written_out_must_be_the_same(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    files.write_gpt2(zoo.load("explainer"), tmp_path / "model")
    arrays = load_file(tmp_path / "model" / TENSORS)
    arrays["lm_head.weight"] = arrays["transformer.wte.weight"].copy()
    arrays["transformer.h.0.attn.bias"] = np.ones((1, 1, 8, 8), np.float32)  # the mask, which old files hold
    save_file(arrays, tmp_path / "model" / TENSORS)
    assert files.read(tmp_path / "model").transformer.unembedding is None
    arrays["lm_head.weight"][3, 1] += 1
    save_file(arrays, tmp_path / "model" / TENSORS)
    with pytest.raises(FileError, match="weight differs from"):
        files.read(tmp_path / "model")


def test_files_as_old_ones_are(tmp_path: Path) -> None:
    """Without prefix, with the masks that transformers once saved, of any type; but no weight may be such an array."""
    from safetensors.numpy import load_file, save_file

    files.write_gpt2(zoo.load("explainer"), tmp_path / "model")
    path, before = tmp_path / "model" / TENSORS, files.read(tmp_path / "model")
    arrays = {name.removeprefix("transformer."): array for name, array in load_file(path).items()}
    for mask in (np.ones((1, 1, 8, 8), bool), np.ones((1, 1, 8, 8), np.uint8)):
        save_file(arrays | {"h.0.attn.bias": mask, "h.0.attn.masked_bias": np.array(-1e4, np.float32)}, path)
        context = ("l", "in", "e")
        np.testing.assert_array_equal(files.read(path.parent).logits(context), before.logits(context))
    save_file(arrays | {"ln_f.bias": np.zeros(4, bool)}, path)
    with pytest.raises(FileError, match=r"'ln_f.bias' has dtype BOOL, but should have one of F64"):
        files.read(path.parent)


def test_the_names_of_tokens(tmp_path: Path) -> None:
    """By vocab.json, else by tokenizer.json with what was added to it, else they are their numbers."""
    model = zoo.load("explainer")
    files.write_gpt2(model, directory := tmp_path / "model")
    assert files.read(directory).vocab == model.vocab
    (directory / VOCAB).unlink()
    assert files.read(directory).vocab == model.vocab
    tokenizer = json.loads((directory / TOKENIZER).read_text())
    del tokenizer["model"]["vocab"]["<|endoftext|>"]
    (directory / TOKENIZER).write_text(json.dumps(tokenizer))
    with pytest.raises(FileError, match=r"tokenizer.json has 35 tokens, but should number 36 from 0 on"):
        files.read(directory)
    tokenizer["added_tokens"] = [{"id": 35, "content": "<|endoftext|>", "special": True}]
    (directory / TOKENIZER).write_text(json.dumps(tokenizer))
    assert files.read(directory).vocab == model.vocab
    wrong: dict[str, Any]
    for wrong in ({"added_tokens": [3]}, {"added_tokens": [{"id": "35"}]}, {"model": []}, {"model": {"vocab": []}}):
        (directory / TOKENIZER).write_text(json.dumps(tokenizer | wrong))
        with pytest.raises(FileError, match=r"tokenizer\.json: .*but should"):
            files.read(directory)
    (directory / TOKENIZER).unlink()
    assert files.read(directory).vocab == tuple(map(str, range(36)))


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    files.write_zoo(zoo.load("aab"), tmp_path / "model")
    path = tmp_path / "model" / TENSORS
    entries = tensors.read_header(path)
    shutil.rmtree(path.parent)
    files.write_zoo(zoo.load("aab", n_ctx=6), path.parent)
    with pytest.raises(FileError, match="has changed while it was read"):
        tensors.read_arrays(path, entries)


def test_the_library_reads_the_same_and_so_does_a_file_without_prefix(tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    files.write_gpt2(zoo.load("two_head"), tmp_path / "model")
    path = tmp_path / "model" / TENSORS
    ours, theirs = tensors.read_arrays(path, tensors.read_header(path)), load_file(path)
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name])
    before = files.read(path.parent).answer_logits()
    save_file({name.removeprefix("transformer."): array for name, array in theirs.items()}, path)
    np.testing.assert_array_equal(files.read(path.parent).answer_logits(), before)


@pytest.mark.parametrize("dtype", ["F16", "BF16"])
def test_half_precision_is_read_exactly(dtype: str, tmp_path: Path) -> None:
    values = np.array([1.0, -0.5, 1024.0, 0.0, 2.0**-10, 3.0], "<f4")
    raw = (values.view("<u4") >> 16).astype("<u2").tobytes() if dtype == "BF16" else values.astype("<f2").tobytes()
    header = json.dumps({"x": {"dtype": dtype, "shape": [2, 3], "data_offsets": [0, 12]}}).encode()
    (tmp_path / "x").write_bytes(struct.pack("<Q", len(header)) + header + raw)
    array = tensors.read_arrays(tmp_path / "x", tensors.read_header(tmp_path / "x"))["x"]
    assert array.dtype == np.float32
    np.testing.assert_array_equal(array, values.reshape(2, 3))


@pytest.mark.parametrize("name", ["dtype", "torch_dtype"])
def test_the_dtype_of_a_configuration_is_heeded(name: str, tmp_path: Path) -> None:
    """The weights are those that transformers makes of them; those of half precision are kept in float32."""
    files.write_gpt2(zoo.load("explainer"), directory := tmp_path / "model")
    before = files.read(directory).transformer.named_arrays()
    for dtype in ("float64", "float32", "torch.float32", "bfloat16", "float16"):
        edit_config(**{name: dtype})(directory)
        for array_name, array in files.read(directory).transformer.named_arrays().items():
            assert array.dtype == ("float64" if dtype == "float64" else "float32")
            exact = before[array_name].astype(np.float64)
            bits = {"bfloat16": 8, "float16": 11}.get(dtype, 24)
            step = 2.0 ** (np.frexp(exact)[1] - bits)  # of numbers with so many bits
            expected = np.round(exact / step) * step  # ties to even
            small = np.abs(exact) < 2.0**-14  # where float16 has fewer
            np.testing.assert_array_equal(array[~small], expected[~small])


def test_memory_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_gpt2(zoo.load("aab"), directory := tmp_path / "model")

    def none_left(*arguments: object) -> None:
        raise MemoryError

    for module, name in ((directories, "read_arrays"), (directories, "read_header"), (gpt2, "from_gpt2")):
        with monkeypatch.context() as patch:
            patch.setattr(module, name, none_left)
            with pytest.raises(FileError, match="takes more memory than there is"):
                files.read(directory)


def test_declared_arrays_beyond_the_memory_of_the_process(tmp_path: Path) -> None:
    """4 GiB that are on paper only are refused where the process may have 3 GB."""
    vocab, d = 2**24, 64
    fields = {"model_type": "gpt2", "vocab_size": vocab, "n_embd": d, "n_head": 8, "n_layer": 1}
    config = gpt2.read_config("here", fields)
    header, end = {}, 0
    for name, shape in gpt2.shapes(config).items():
        size = 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end := end + size]}
    content = json.dumps(header).encode()
    with open(tmp_path / TENSORS, "wb") as file:
        file.write(struct.pack("<Q", len(content)) + content)
        file.truncate(8 + len(content) + end)
    (tmp_path / CONFIG).write_text(json.dumps(fields))
    command = f"ulimit -v 3000000; OPENBLAS_NUM_THREADS=1 {sys.executable} -m properties.command predict {tmp_path} 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "")
    assert re.fullmatch(r"zoo: .* bytes of arrays, but should have at most 384000000, an eighth .*\n", run.stderr)


def test_a_directory_appears_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.load("aab")
    files.write_zoo(model, tmp_path / "model")
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "model", *(tmp_path / "model").iterdir())}
    assert modes["model"] == 0o755  # others can read it
    assert all(mode & 0o444 == 0o444 for mode in modes.values())
    with pytest.raises(FileError, match="exists, but should be a new directory"):
        files.write_gpt2(model, tmp_path / "model")
    with pytest.raises(FileError, match="cannot be written"):
        files.write_zoo(model, tmp_path / "nowhere" / "model")
    with pytest.raises(FileError, match=r"reaches 1.07374e\+09, but should stay below 65504 in float16"):
        files.write_gpt2(model, tmp_path / "half", dtype=np.float16)

    def transposing(arrays: dict[str, Any], *rest: Any) -> None:
        save_file({name: np.ascontiguousarray(a[::-1]) for name, a in arrays.items()}, *rest)

    import safetensors.numpy

    save_file = safetensors.numpy.save_file
    monkeypatch.setattr(safetensors.numpy, "save_file", transposing)
    with pytest.raises(FileError, match="reads back otherwise than it was written"):
        files.write_zoo(model, tmp_path / "wrong")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_model_that_is_read_is_held_to_its_input(tmp_path: Path) -> None:
    files.write_gpt2(zoo.load("aab"), tmp_path / "model")
    with pytest.raises(ContextError):
        files.read(tmp_path / "model").predict("abc")
    with pytest.raises(FileError, match="is no directory"):
        files.read(tmp_path / "nothing")
