"""GPT-2 directories as others make them: what is missing, padded or named otherwise is read as it is meant, or refused.

What was taken for granted is said in the model's source, which the command prints.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from properties.command.main import main
from properties.selftest.files.gpt2_directories import Arrays, blocks, edited, logits, plus, without, zeroed
from zoo import files
from zoo.errors import FileError
from zoo.files.directories import CONFIG, TENSORS

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
