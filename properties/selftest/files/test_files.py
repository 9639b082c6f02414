"""Round trips through files on random models: our own format bit for bit, GPT-2's with the same answers."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, event, given, settings
from hypothesis import strategies as st

import zoo
from properties.selftest import domains
from properties.selftest.models import NAMES
from properties.strategies import as_model, tokens, transformers
from zoo import contexts, files
from zoo.domain import Domain
from zoo.errors import FileError
from zoo.files import gpt2
from zoo.files.to_gpt2 import to_gpt2
from zoo.model import Cycle, Model
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward


def through(model: Model, write: object) -> Model:
    """The model written to a directory and read back."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder) / "model"
        write(model, directory)  # type: ignore[operator]
        return files.read(directory)


def assert_same(one: Transformer, other: Transformer) -> None:
    """Bit for bit, and in everything that is no array."""
    ours, theirs = one.named_arrays(), other.named_arrays()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert array.dtype == theirs[name].dtype
        assert array.tobytes() == theirs[name].tobytes()
    assert settings_of(one) == settings_of(other)


def settings_of(transformer: Transformer) -> list[object]:
    """Everything of a transformer that is no array."""
    names = ("eps", "causal", "scale", "activation")
    return [(where, type(part), *(getattr(part, name, None) for name in names)) for where, part in transformer.parts()]


@settings(max_examples=settings().max_examples // 2)
@given(transformers(), st.sampled_from([np.float64, np.float32, np.float16]))
def test_our_own_format_keeps_every_bit(transformer: Transformer, dtype: type[np.floating]) -> None:
    model = replace(as_model(transformer.astype(dtype)), margin=0.1, cycle=Cycle("a", 3), source="nowhere")
    read = through(model, files.write_zoo)
    assert_same(model.transformer, read.transformer)
    for field in ("name", "vocab", "margin", "cycle", "source"):
        assert getattr(read, field) == getattr(model, field)
    assert (read.basis, read.head_basis) == (None, None)


def test_our_own_format_keeps_the_names_of_directions(tmp_path: Path) -> None:
    model = zoo.load("aab_compact")
    read = through(model, files.write_zoo)
    assert read.basis is not None
    assert isinstance(read.head_basis, zoo.Basis)
    assert (read.basis.labels, read.head_basis.labels) == ({"a": [0], "pos": [0]}, {"recent": [0]})
    assert files.write_zoo(model, tmp_path / "kept")
    config = tmp_path / "kept" / "config.json"
    strange: list[object] = [[], {"a": 3}, {"a": [0.5]}, {"a\x1b": [0]}]
    for wrong in strange:
        config.write_text(json.dumps(json.loads(config.read_text()) | {"basis": wrong}))
        with pytest.raises(FileError, match=r"basis.* is .*, but should be"):
            files.read(tmp_path / "kept")


def test_our_own_format_keeps_the_names_of_each_head_s_directions(tmp_path: Path) -> None:
    model = replace(zoo.load("two_head"), head_basis=[zoo.Basis(pos=3, tok="ab", by=1), None])
    read = through(model, files.write_zoo)
    assert isinstance(read.head_basis, list)
    assert [basis and basis.labels for basis in read.head_basis] == [
        {"pos": [0, 1, 2], "tok": ["a", "b"], "by": [0]},
        None,
    ]
    assert files.write_zoo(model, tmp_path / "kept")
    config = tmp_path / "kept" / "config.json"
    for wrong in ([], [None], [3, None], ["pos", None]):
        config.write_text(json.dumps(json.loads(config.read_text()) | {"head_basis": wrong}))
        with pytest.raises(FileError, match=r"head_basis.* should"):
            files.read(tmp_path / "kept")


def test_our_own_format_keeps_the_domain(tmp_path: Path) -> None:
    """And says nothing of it where none is stated, as files did before there were domains."""
    for model in (domains.adder(), domains.adder(domains.LAYOUT | Domain.every("01", 3)), domains.words()):
        read = through(model, files.write_zoo)
        assert read.domain == model.domain
        assert (read.rule, read.lemmas) == (None, ())
    read = through(domains.adder(None), files.write_zoo)
    assert read.domain is None
    assert files.write_zoo(read, tmp_path / "kept")
    assert "domain" not in json.loads((tmp_path / "kept" / "config.json").read_text())


def test_a_domain_of_too_many_layouts_is_not_written(tmp_path: Path) -> None:
    """It would not be read: to see that none overlap takes long."""
    letters = [chr(0x4E00 + i) for i in range(1025)]
    domain = Domain(tuple(Domain.layout(letter).layouts[0] for letter in letters))
    model = Model("many", letters, Transformer(np.zeros((1025, 1)), np.zeros((1, 1)), []), domain=domain)
    with pytest.raises(FileError, match="many: the domain has 1025 layouts, but should have at most 1024 in a file"):
        files.write_zoo(model, tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@st.composite
def exportable(draw: st.DrawFn) -> Transformer:
    """Transformers that GPT-2 has a form for: Norms everywhere with one eps, or none; one activation; masks."""
    transformer = draw(transformers(max_d_model=7, norms=()))
    normed, activation = draw(st.booleans()), draw(st.sampled_from(["relu", "gelu"]))
    random = np.random.default_rng(draw(st.integers(0, 99)))
    d, eps = transformer.d_model, draw(st.sampled_from([1e-5, 0.5]))

    def norm() -> Norm | None:
        return Norm(random.normal(size=d), random.normal(size=d), eps) if normed else None

    layers: list[Attention | Mlp] = []
    masked = len([layer for layer in transformer.layers if isinstance(layer, Attention)]) - 1
    for layer in transformer.layers:
        if isinstance(layer, Mlp):
            layers.append(replace(layer, activation=activation, norm=norm()))
        else:
            layers.append(replace(layer, causal=layer.causal or masked > 0, norm=norm()))
            masked -= 1
    return replace(transformer, layers=layers, final_norm=norm())


@given(exportable(), st.data())
def test_gpt2_gives_the_same_answers(transformer: Transformer, data: st.DataObject) -> None:
    batch = data.draw(tokens(transformer))
    config, tensors = to_gpt2(transformer)
    read = gpt2.read_config("here", config)
    plain = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    assert {name: tensor.shape for name, tensor in plain.items()} == gpt2.shapes(read)
    back = gpt2.from_gpt2(read, plain)
    event(f"norms {transformer.final_norm is not None}, {config['n_layer']} blocks")
    event(f"tied {transformer.unembedding is None}, padded {config['n_embd'] - transformer.d_model}")
    # In float64: what remains is the rounding of the mean that LayerNorm subtracts, against the largest activations.
    trace: dict[str, np.ndarray] = {}
    before = forward(transformer, batch, trace)[:, -1]
    size = max(1.0, *(float(np.abs(x).max()) for x in (before, trace["residual"])))
    assume(size < 1e4)
    np.testing.assert_allclose(forward(back, batch)[:, -1], before, rtol=1e-7, atol=1e-7 * size)


@settings(max_examples=settings().max_examples // 4)
@given(exportable(), st.data())
def test_gpt2_files_give_the_same_answers(transformer: Transformer, data: st.DataObject) -> None:
    model = as_model(transformer.astype(np.float32))
    read = through(model, files.write_gpt2)
    assert read.vocab == model.vocab
    config, tensors = to_gpt2(model.transformer)
    plain = {name.removeprefix("transformer."): tensor for name, tensor in tensors.items()}
    assert_same(gpt2.from_gpt2(gpt2.read_config("here", config), plain), read.transformer)


@pytest.mark.parametrize("name", NAMES)
def test_every_model_of_the_zoo_answers_alike_after_either_trip(name: str) -> None:
    model = zoo.load(name)
    native, stock = through(model, files.write_zoo), through(model, files.write_gpt2)
    assert_same(model.transformer, native.transformer)
    for batch in contexts.batches(len(model.vocab), model.n_ctx):
        logits = model.forward(batch)[:, -1]
        np.testing.assert_allclose(stock.forward(batch)[:, -1], logits, rtol=1e-5, atol=1e-5)
        np.testing.assert_array_equal(stock.forward(batch)[:, -1].argmax(axis=-1), logits.argmax(axis=-1))


def test_what_gpt2_has_no_form_for_is_refused() -> None:
    model = zoo.load("explainer").transformer
    attention, mlp = model.layers
    assert isinstance(attention, Attention)
    assert isinstance(mlp, Mlp)
    norm = model.final_norm
    assert norm is not None
    wrong = {
        "Norms": [
            replace(model, final_norm=None),
            replace(model, layers=[replace(attention, norm=None), mlp]),
            replace(model, layers=[attention, replace(mlp, norm=replace(norm, eps=1.0))]),
        ],
        "without mask": [replace(model, layers=[replace(attention, causal=False), mlp, attention])],
        "one activation": [replace(model, layers=[mlp, replace(mlp, activation="relu")])],
    }
    for words, refused in wrong.items():
        for one in refused:
            with pytest.raises(FileError, match=words):
                to_gpt2(one)
