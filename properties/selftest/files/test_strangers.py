"""Directories from strangers: whatever is wrong with them is said in a sentence, before memory is spent on it."""

import io
import json
import struct
from collections import Counter
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st

from properties.command.main import main
from properties.selftest.examples import assert_occurred, many
from properties.selftest.files.strangers import copied, edit_config
from zoo import files
from zoo.errors import ZooError
from zoo.files.directories import CONFIG, TENSORS, TOKENIZER, VOCAB

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
    @many(60, times=2)  # 20,000 in the nightly run, both formats taken together
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

    @many(39)
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
