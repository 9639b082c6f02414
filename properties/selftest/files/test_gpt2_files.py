"""GPT-2 directories as others make them: what is missing, padded or named otherwise is read as it is meant, or refused.

What was taken for granted is said in the model's source, which the command prints.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import zoo
from properties.command.main import main
from zoo import files
from zoo.errors import FileError
from zoo.files.directories import CONFIG, TENSORS, TOKENIZER, VOCAB
from zoo.files.token_names import ADDED
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Norm, Transformer
from zoo.transformer.arrays import Array

Arrays = dict[str, Array]
VOCABULARY = "abcdefgh"


def blocks(n: int = 2, d: int = 8) -> Model:
    """So many random blocks with Norms and biases everywhere."""
    random = np.random.default_rng(7)

    def array(*shape: int) -> Array:
        return random.normal(scale=0.5, size=shape).astype(np.float32)

    def norm() -> Norm:
        return Norm(1 + array(d), array(d), 1e-5)

    layers: list[Attention | Mlp] = []
    for _ in range(n):
        w = (array(2, d, 4), array(2, d, 4), array(2, d, 4), array(2, 4, d))
        layers.append(Attention(*w, array(2, 4), array(2, 4), array(2, 4), array(d), norm=norm()))
        layers.append(Mlp(array(d, 16), array(16), array(16, d), array(d), "gelu", norm()))
    return Model("blocks", VOCABULARY, Transformer(array(8, d), array(5, d), layers, norm()))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    files.write_gpt2(blocks(), tmp_path / "model")
    return tmp_path / "model"


def edited(directory: Path, change: Callable[[Arrays], Arrays], **config: Any) -> Path:
    """The same directory with other arrays, and with these fields in its configuration."""
    save_file(change(load_file(directory / TENSORS)), directory / TENSORS)
    fields = json.loads((directory / CONFIG).read_text())
    (directory / CONFIG).write_text(json.dumps(fields | config))
    return directory


def without(*ends: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: array for name, array in arrays.items() if not name.endswith(ends)}


def plus(**more: Array) -> Callable[[Arrays], Arrays]:
    return lambda arrays: arrays | {name.replace("__", "."): array for name, array in more.items()}


def zeroed(*ends: str) -> Callable[[Arrays], Arrays]:
    return lambda arrays: {name: a * 0 if name.endswith(ends) else a for name, a in arrays.items()}


def logits(model: Model) -> Array:
    return model.logits(model.vocab[:5])


ALL = (
    "ln_1.bias",
    "attn.c_attn.bias",
    "attn.c_proj.bias",
    "ln_2.bias",
    "mlp.c_fc.bias",
    "mlp.c_proj.bias",
    "ln_f.bias",
)
BIASES = ("ln_1.bias", "ln_2.bias", "c_attn.bias", "c_proj.bias", "c_fc.bias", "ln_f.bias")
KINDS = [BIASES, ("attn.c_attn.bias",), ("ln_1.bias", "ln_2.bias", "ln_f.bias"), ("ln_f.bias",), ("c_fc.bias",)]


@pytest.mark.parametrize("kinds", KINDS, ids=lambda kinds: " ".join(kinds))
@pytest.mark.parametrize("config", [{}, {"bias": False}], ids=str)
def test_biases_that_are_nowhere_are_zeros(
    kinds: tuple[str, ...], config: dict[str, Any], directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of a kind, all; and where they are zeros in the file, the answers are the same."""
    change = zeroed(*(BIASES if config else kinds))  # where there is to be none, the others are zero
    expected = files.read(edited(directory, change, **config))
    found = files.read(edited(directory, without(*kinds), **config))
    np.testing.assert_array_equal(logits(found), logits(expected))
    assert "no" not in expected.source
    missing = sorted({name for name in ALL if name.endswith(kinds)})
    assert sorted(found.source.split("the file has no ")[1].split(": read as zeros")[0].split(", ")) == missing
    for command in (["inspect", str(directory)], ["show", str(directory), "a"]):
        assert main(command) == 0
        assert found.source in capsys.readouterr().out


@pytest.mark.parametrize("name", ["h.0.ln_1.bias", "h.1.attn.c_attn.bias", "h.0.mlp.c_proj.bias"])
def test_biases_that_are_missing_in_places_are_refused(name: str, directory: Path) -> None:
    """Something was lost; unless the configuration says that there are none."""
    with pytest.raises(FileError, match=rf"has no array '{name}', but should have it as it has 'h\.\d\."):
        files.read(edited(directory, without(name)))
    files.read(edited(directory, zeroed(*BIASES), bias=False))


def test_biases_that_contradict_the_configuration(directory: Path) -> None:
    with pytest.raises(FileError, match=r"'h.0.attn.c_attn.bias' is not zero, but should be, or be left out: .*config"):
        files.read(edited(directory, lambda arrays: arrays, bias=False))
    with pytest.raises(FileError, match=r"has no array 'ln_f.bias', but should have it by its configuration"):
        files.read(edited(directory, without("ln_f.bias"), bias=True))
    with pytest.raises(FileError, match="bias is 'no', but should be true or false or null"):
        files.read(edited(directory, lambda arrays: arrays, bias="no"))


def test_what_is_missing_may_have_another_name(directory: Path) -> None:
    """Nothing is taken for zero beside arrays that are not known."""
    with pytest.raises(FileError, match=r"has no array 'ln_f.bias'"):
        files.read(
            edited(
                directory, lambda arrays: without("ln_f.bias")(arrays) | {"ln_f.beta": arrays["transformer.ln_f.bias"]}
            )
        )


@pytest.mark.parametrize(
    "prefixes", [("_orig_mod.", ""), ("_orig_mod.", "transformer."), ("", "transformer._orig_mod.")]
)
def test_the_names_of_a_compiled_module(prefixes: tuple[str, str], directory: Path) -> None:
    before, (outer, inner) = files.read(directory), prefixes

    def renamed(arrays: Arrays) -> Arrays:
        return {outer + name.replace("transformer.", inner): array for name, array in arrays.items()}

    np.testing.assert_array_equal(logits(files.read(edited(directory, renamed))), logits(before))


def test_compiled_blocks_masks_and_heads(directory: Path) -> None:
    """torch.compile may have wrapped each block by itself."""
    before = files.read(directory)

    def renamed(arrays: Arrays) -> Arrays:
        more = {"h.0.attn.bias": np.ones((1, 1, 5, 5), np.float32), "lm_head.weight": arrays["transformer.wte.weight"]}
        both = arrays | {name if name[0] == "l" else f"transformer.{name}": array for name, array in more.items()}
        return {f"_orig_mod.{name.replace('h.0.', 'h.0._orig_mod.')}": array for name, array in both.items()}

    np.testing.assert_array_equal(logits(files.read(edited(directory, renamed))), logits(before))
    with pytest.raises(FileError, match=r"'wte.weight' with and without a prefix"):
        files.read(
            edited(directory, lambda arrays: arrays | {"wte.weight": arrays["_orig_mod.transformer.wte.weight"]})
        )


@pytest.mark.parametrize("tied", [True, False])
def test_the_bias_of_the_head(tied: bool, tmp_path: Path) -> None:
    model = blocks()
    if not tied:
        model = replace(
            model, transformer=replace(model.transformer, unembedding=model.transformer.token_embedding[::-1])
        )
    files.write_gpt2(model, directory := tmp_path / "model")
    before = files.read(directory)
    zeros = np.zeros(8, np.float32)
    np.testing.assert_array_equal(logits(files.read(edited(directory, plus(lm_head__bias=zeros)))), logits(before))
    for wrong in (zeros + 1e-30, zeros + np.nan):
        with pytest.raises(
            FileError, match=r"an array 'lm_head.bias', but should have none of that name, or one of zeros"
        ):
            files.read(edited(directory, plus(lm_head__bias=wrong.astype(np.float32))))
    with pytest.raises(FileError, match=r"'lm_head.bias' has shape \[3\]"):
        files.read(edited(directory, plus(lm_head__bias=zeros[:3])))


@pytest.mark.parametrize(
    ("eps", "dtype", "words"),
    [
        (0, None, "layer_norm_epsilon is 0, but should be above 0"),
        (0.0, None, "layer_norm_epsilon is 0.0, but should be above 0"),
        (1e-50, None, "layer_norm_epsilon is 1e-50, which is 0.0 in float32, but should be above 0"),
        (1e39, "float16", r"layer_norm_epsilon is 1e\+39, which is inf in float32, but should be above 0"),
        (1e-50, "float64", None),
    ],
)
def test_the_epsilon_of_the_norms(eps: float, dtype: str | None, words: str | None, directory: Path) -> None:
    edited(directory, lambda arrays: arrays, layer_norm_epsilon=eps, dtype=dtype)
    if words is None:
        files.read(directory)
    else:
        with pytest.raises(FileError, match=rf"config.json: {words}"):
            files.read(directory)


def test_an_epsilon_that_is_zero_where_it_is_written(tmp_path: Path) -> None:
    transformer = blocks().transformer.astype(np.float64)
    layers = [replace(one, norm=replace(one.norm, eps=1e-50)) for one in transformer.layers if one.norm is not None]
    assert transformer.final_norm is not None
    small = replace(transformer, layers=layers, final_norm=replace(transformer.final_norm, eps=1e-50))
    with pytest.raises(FileError, match=r"layer_norm_epsilon is 1e-50, which is 0.0 in float32, but should be above 0"):
        files.write_gpt2(replace(blocks(), transformer=small), tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
    files.write_gpt2(replace(blocks(), transformer=small), tmp_path / "x", np.float64)


OTHERS: list[dict[str, Any]] = [
    {"model_type": "gpt_neox", "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 2},
    {"model_type": "opt", "hidden_size": 8, "max_position_embeddings": 5, "num_hidden_layers": 2},
    {"model_type": "llama", "hidden_size": 8, "rope_theta": 10000.0, "quantization_config": {"bits": 4}},
]


@pytest.mark.parametrize("config", OTHERS, ids=lambda config: str(config["model_type"]))
@pytest.mark.parametrize("weights", [True, False])
def test_another_architecture_is_called_by_its_name(
    config: dict[str, Any], weights: bool, directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not by fields that it rightly has, and whether or not there are weights that could be read."""
    (directory / CONFIG).write_text(json.dumps(config))
    if not weights:
        (directory / TENSORS).rename(directory / "pytorch_model.bin")
    assert main(["inspect", str(directory)]) == 2
    said = capsys.readouterr().err
    assert f"model_type is '{config['model_type']}', but should be 'gpt2': no other architecture is read" in said
    assert "should be called" not in said


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
    assert main(["export", str(directory), str(directory.parent / "again"), "--format", "gpt2"]) == 0
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
