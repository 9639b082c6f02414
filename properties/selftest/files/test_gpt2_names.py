"""GPT-2's tokens by their names: vocabularies, added tokens, padding."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.command.main import main
from properties.selftest.files.gpt2_directories import VOCABULARY
from zoo import files
from zoo.errors import FileError
from zoo.files.directories import TOKENIZER, VOCAB
from zoo.files.token_names import ADDED
from zoo.transformer import Transformer


def numbered(tokens: str) -> dict[str, int]:
    return {token: i for i, token in enumerate(tokens)}


def named(directory: Path, vocab: Any = None, added: Any = None, tokenizer: Any = None) -> Path:
    """The directory with these files of tokens only."""
    for name, content in ((VOCAB, vocab), (ADDED, added), (TOKENIZER, tokenizer)):
        (directory / name).unlink(missing_ok=True)
        if content is not None:
            (directory / name).write_text(json.dumps(content))
    return directory


def tokenizer(tokens: dict[str, int], **added: int) -> dict[str, Any]:
    more = [{"id": number, "content": token, "special": True} for token, number in added.items()]
    return {"model": {"type": "BPE", "vocab": tokens, "merges": []}, "added_tokens": more}


def test_added_tokens(directory: Path) -> None:
    added = {"<pad>": 6, "<|endoftext|>": 7}
    expected = (*"abcdef", "<pad>", "<|endoftext|>")
    for names in (
        (numbered("abcdef"), added),
        (numbered("abcdef"), added | {"a": 0}),  # once more
        (numbered("abcdef"), None, tokenizer(numbered("abcdef"), **added)),
        (numbered("abcdef"), {"<pad>": 6}, tokenizer(numbered("abcdef"), **added)),
        (numbered("abcdef"), None, tokenizer(numbered("abcdef") | added)),
        (None, None, tokenizer(numbered("abcdef"), **added)),
        (None, {"<|endoftext|>": 7}, tokenizer(numbered("abcdef"), **{"<pad>": 6})),
    ):
        assert files.read(named(directory, *names)).vocab == expected
        assert "padding" not in files.read(directory).source
    # What is beyond the rows is nothing to a vocabulary that is whole.
    assert files.read(named(directory, numbered(VOCABULARY), {"<pad>": 8})).vocab == tuple(VOCABULARY)


WRONG: dict[str, tuple[Any, ...]] = {
    "added_tokens.json says otherwise than vocab.json: 'a' is 6, but should be 0": (numbered("abcdef"), {"a": 6}),
    "added_tokens.json says otherwise than vocab.json: 5 is 'x', but should be 'f'": (numbered("abcdef"), {"x": 5}),
    "added_tokens.json says otherwise than vocab.json: 7 is 'x', but should be 'h'": (numbered(VOCABULARY), {"x": 7}),
    "added_tokens.json: x is '6', but should be a whole number": (numbered("abcdef"), {"x": "6"}),
    "vocab.json and added_tokens.json have 8 tokens, but should number 8": (numbered("abcdef"), {"x": 6, "y": 9}),
    "vocab.json and added_tokens.json have 9 tokens, but should number 8": (
        numbered("abcdef"),
        {"x": 6, "y": 7, "z": 8},
    ),
    "vocab.json has 6 tokens, but should number 8 .*tokenizer.json says otherwise than vocab.json: 'b' is 0": (
        numbered("abcdef"),
        None,
        tokenizer(numbered("bacdefgh")),
    ),
    "tokenizer.json: added_tokens says otherwise than the vocabulary of the model: 'a' is 7, but should be 0": (
        None,
        None,
        tokenizer(numbered("abcdef"), a=7),
    ),
    "tokenizer.json: model is": (numbered("abcdef"), None, {"model": 3}),
    "vocab.json has 6 tokens, but should number 8": ({**numbered("abcde"), "x": 6},),  # no row 5
    "vocab.json has 9 tokens, but should number 8 from 0 on, by vocab_size$": (numbered("abcdefghi"),),
    "vocab.json has 0 tokens, but should number 8 .*: name the others in added_tokens.json, or take": ({},),
}


@pytest.mark.parametrize("words", WRONG)
def test_names_that_contradict_each_other(words: str, directory: Path) -> None:
    with pytest.raises(FileError, match=words):
        files.read(named(directory, *WRONG[words]))


def test_the_rows_of_a_padded_embedding(directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
    expected = (*"abcde", "<|unused 5|>", "<|unused 6|>", "<|unused 7|>")
    for names in (
        (numbered("abcde"),),
        (numbered("abc"), {"d": 3, "e": 4}),
        (None, None, tokenizer(numbered("abcde"))),
    ):
        model = files.read(named(directory, *names))
        assert model.vocab == expected
        assert "3 of 8 rows of the embedding are padding, without a token in" in model.source
        assert model.source.endswith("called <|unused 5|> to <|unused 7|>")
    assert main(["inspect", str(directory), '["a", "<|unused 7|>"]']) == 0
    assert model.source in capsys.readouterr().out
    assert main(["predict", str(directory), "a <|unused 7|>"]) == 2  # a word of a context has no space
    files.write_gpt2(model, directory.parent / "again")
    assert files.read(directory.parent / "again").vocab == expected


def test_names_of_padding_are_nobody_elses(directory: Path) -> None:
    taken = {"a": 0, "<|unused 5|>": 1, "<|unused 5_|>": 2, "<|unused 7|>": 3, "e": 4}
    model = files.read(named(directory, taken))
    assert model.vocab[5:] == ("<|unused 5__|>", "<|unused 6|>", "<|unused 7_|>")
    assert len(set(model.vocab)) == 8
    assert all(token.isprintable() for token in model.vocab)
    one = files.read(named(directory, numbered("abcdefg")))
    assert one.source.endswith(
        "1 of 8 rows of the embedding are padding, without a token in vocab.json: called <|unused 7|>"
    )


def test_too_few_rows_for_padding(tmp_path: Path) -> None:
    """Six rows are no multiple of eight: nothing was padded, and a name is missing."""
    model = zoo.Model("six", "abcdef", Transformer(np.eye(6), np.zeros((3, 6)), []))
    files.write_gpt2(model, directory := tmp_path / "six")
    words = (
        r"5 tokens, but should number 6 from 0 on, by vocab_size: name the others in added_tokens.json, or take vocab"
    )
    with pytest.raises(FileError, match=words):
        files.read(named(directory, numbered("abcde")))
    assert files.read(named(directory, numbered("abcde"), {"f": 5})).vocab == tuple("abcdef")
    assert files.read(named(directory)).vocab == tuple("012345")
