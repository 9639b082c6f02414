"""Directories as others write them are read, and what they declare is not believed before it is there."""

import json
import math
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.selftest.files.strangers import edit_config
from zoo import files
from zoo.errors import ContextError, FileError
from zoo.files import directories, gpt2, tensors
from zoo.files.directories import CONFIG, TENSORS, TOKENIZER, VOCAB


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
    command = f"ulimit -v 3000000; OPENBLAS_NUM_THREADS=1 {sys.executable} -m handmade_zoo predict {tmp_path} 1"
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
