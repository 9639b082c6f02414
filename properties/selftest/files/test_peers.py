"""What others run: stock transformers, TransformerLens and ONNX load our directories, and we read transformers' own.

Each test is skipped, with the reason, where what it needs is not installed: `pip install handmade-zoo[peers]`.
"""

import contextlib
import importlib
import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zoo
from properties.selftest.skipped import need
from zoo import contexts, files
from zoo.inspection.parts import inspect
from zoo.model import Model
from zoo.transformer import Attention, Mlp, Transformer, normalize
from zoo.transformer.arrays import Array

ANSWERING = [name for name in zoo.names() if zoo.load(name).rule is not None]
pytestmark = [  # their own
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def stock(directory: Path, **more: Any) -> Any:
    """Transformers' own class with the directory's weights, after seeing that no key is missing or left over."""
    transformers = need("transformers")
    need("torch")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model, info = transformers.GPT2LMHeadModel.from_pretrained(directory, output_loading_info=True, **more)
    assert not any(info.values()), info
    return model.eval()


def logits(model: Any, tokens: Array) -> Array:
    import torch

    with torch.no_grad():
        result: Array = model(torch.tensor(tokens)).logits.float().numpy()
    return result


def margins(ours: Model, model: Any) -> Array:
    """By how much stock GPT-2 prefers our answer in every context; negative where it prefers another."""
    found = []
    for batch in contexts.batches(len(ours.vocab), ours.n_ctx):
        best = ours.forward(batch)[:, -1].argmax(axis=-1)[:, None]
        theirs = logits(model, batch)[:, -1]
        rivals = np.where(np.arange(theirs.shape[1]) == best, -np.inf, theirs).max(axis=-1)
        found.append(np.take_along_axis(theirs, best, axis=-1)[:, 0] - rivals)
    return np.concatenate(found)


@pytest.mark.parametrize("name", ANSWERING)
def test_stock_gpt2_answers_alike_in_every_context(name: str, tmp_path: Path) -> None:
    torch = need("torch")
    model = zoo.load(name)
    files.write_gpt2(model, tmp_path / name)
    single = margins(model, stock(tmp_path / name, dtype=torch.float32))
    half = margins(model, stock(tmp_path / name, dtype=torch.bfloat16))
    ordered = np.sort(model.answer_logits(), axis=-1)
    smallest = (ordered[:, -1] - ordered[:, -2]).min()
    assert single.min() == pytest.approx(smallest, rel=1e-5)
    assert half.min() == pytest.approx(smallest, rel=0.05)
    # float16 ends at 65504, and LayerNorm's weight is 2^30: it does not hold the model.
    assert not np.isfinite(logits(stock(tmp_path / name, dtype=torch.float16), np.array([[0]]))).all()


@pytest.mark.parametrize("name", ["aab", "aab_compact"])
def test_generate_continues_aab(name: str, tmp_path: Path) -> None:
    torch = need("torch")
    files.write_gpt2(zoo.load(name, n_ctx=32), tmp_path / "aab")
    said = stock(tmp_path / "aab").generate(torch.tensor([[0, 0]]), max_new_tokens=30, do_sample=False)
    assert "".join("ab"[i] for i in said[0]) == ("aab" * 11)[:32]


@pytest.mark.parametrize(("name", "context"), [("aab", "aabba"), ("explainer", "l in e Ġm <|endoftext|>")])
def test_the_tokenizer_reads_contexts_as_the_command_does(name: str, context: str, tmp_path: Path) -> None:
    transformers = need("transformers")
    model = zoo.load(name)
    files.write_gpt2(model, tmp_path / name)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / name)
    words = context if model.reads_strings else tuple(context.split())
    assert tokenizer(context)["input_ids"] == model.encode(words).tolist()
    assert tokenizer.decode(tokenizer(context)["input_ids"]) == context
    with pytest.raises(Exception, match=r"(?i)unk|missing"):
        tokenizer("?")


def test_random_models_of_every_shape_that_gpt2_has(tmp_path: Path) -> None:
    """Several heads and layers, untied, Mlps of both kinds, without Norm and with: logits to 1e-4."""
    random = np.random.default_rng(0)
    for i, (normed, untied, activation) in enumerate(itertools.product((0, 1), (0, 1), ("relu", "gelu"))):
        model = Model("random", "abcde", random_transformer(random, bool(normed), bool(untied), activation))
        files.write_gpt2(model, tmp_path / str(i))
        theirs = stock(tmp_path / str(i))
        batch = random.integers(5, size=(16, 6))
        np.testing.assert_allclose(logits(theirs, batch), model.forward(batch), atol=1e-4)


def random_transformer(random: np.random.Generator, normed: bool, untied: bool, activation: str) -> Transformer:
    d = 7

    def array(*shape: int) -> Array:
        return random.normal(scale=0.4, size=shape)

    def norm() -> zoo.Norm | None:
        return zoo.Norm(1 + array(d), array(d), 1e-3) if normed else None

    def attention(head: int, d_head: int, d_v: int) -> Attention:
        w = (array(head, d, d_head), array(head, d, d_head), array(head, d, d_v), array(head, d_v, d))
        return Attention(*w, b_q=array(head, d_head), b_v=array(head, d_v), b_o=array(d), scale=0.7, norm=norm())

    def mlp(d_mlp: int) -> Mlp:
        return Mlp(array(d, d_mlp), array(d_mlp), array(d_mlp, d), array(d), activation, norm())

    layers: list[Attention | Mlp] = [attention(3, 2, 4), attention(1, 5, 1), mlp(9), mlp(4), attention(2, 3, 3)]
    return Transformer(array(5, d), array(6, d), layers, norm(), array(5, d) if untied else None)


CONFIGS: list[dict[str, Any]] = [
    {},
    {"n_inner": 5, "activation_function": "relu"},
    {"n_head": 1, "n_layer": 1, "activation_function": "gelu_pytorch_tanh"},
    {"tie_word_embeddings": False, "layer_norm_epsilon": 1e-2},
    {"scale_attn_weights": False},
    {"scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
    {"reorder_and_upcast_attn": True, "n_embd": 12, "n_head": 3},
    {"n_embd": 48, "n_head": 6, "n_layer": 4, "tie_word_embeddings": False, "scale_attn_by_inverse_layer_idx": True},
]


@pytest.mark.parametrize("changes", CONFIGS, ids=lambda changes: " ".join(changes) or "default")
def test_reading_what_transformers_writes(changes: dict[str, Any], tmp_path: Path) -> None:
    torch, transformers = need("torch"), need("transformers")
    sizes = {"vocab_size": 11, "n_positions": 9, "n_embd": 8, "n_layer": 2, "n_head": 2, "initializer_range": 0.3}
    torch.manual_seed(0)
    config = transformers.GPT2Config(**(sizes | changes), attn_implementation="eager")  # others forgot the scale once
    theirs = transformers.GPT2LMHeadModel(config).eval()
    with torch.no_grad():  # biases and norms that do something
        for parameter in theirs.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        theirs.to(dtype).save_pretrained(tmp_path / str(dtype))
        ours, same = files.read(tmp_path / str(dtype)), theirs.to(torch.float32)
        batch = np.random.default_rng(0).integers(11, size=(8, 9))
        np.testing.assert_allclose(ours.forward(batch), logits(same, batch), atol=1e-4)


@pytest.mark.parametrize("absent", ["bias", "ln_1.bias", "c_attn.bias", "ln_f.bias"])
def test_reading_a_file_without_biases(absent: str, tmp_path: Path) -> None:
    """What stock takes for zero, and says that it is missing, is zero here too."""
    torch, transformers = need("torch"), need("transformers")
    from safetensors.numpy import load_file, save_file

    torch.manual_seed(0)
    sizes = {"vocab_size": 11, "n_positions": 9, "n_embd": 8, "n_layer": 2, "n_head": 2, "initializer_range": 0.3}
    theirs = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes))
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter += 0.2 * torch.randn_like(parameter)
    theirs.save_pretrained(tmp_path / "model")
    arrays = load_file(path := tmp_path / "model" / "model.safetensors")
    save_file({name: array for name, array in arrays.items() if not name.endswith(absent)}, path, {"format": "pt"})
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    loaded, info = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "model", output_loading_info=True)
    assert set(info["missing_keys"]) == {name for name in arrays if name.endswith(absent)} != set()
    batch = np.random.default_rng(0).integers(11, size=(8, 9))
    ours = files.read(tmp_path / "model")
    np.testing.assert_allclose(ours.forward(batch), logits(loaded.eval(), batch), atol=1e-4)
    assert absent in ours.source
    assert "read as zeros" in ours.source


def test_reading_the_model_without_its_head(tmp_path: Path) -> None:
    """Its arrays have no prefix, as in the files that GPT-2 was first published in."""
    torch, transformers = need("torch"), need("transformers")
    config = transformers.GPT2Config(vocab_size=11, n_positions=9, n_embd=8, n_layer=2, n_head=2)
    theirs = transformers.GPT2Model(config).eval()
    theirs.save_pretrained(tmp_path / "model")
    batch = np.random.default_rng(0).integers(11, size=(8, 9))
    with torch.no_grad():
        expected = (theirs(torch.tensor(batch)).last_hidden_state @ theirs.wte.weight.T).numpy()
    np.testing.assert_allclose(files.read(tmp_path / "model").forward(batch), expected, atol=1e-4)


def test_hidden_states_and_attentions_are_theirs(tmp_path: Path) -> None:
    torch = need("torch")
    model = zoo.load("explainer")
    files.write_gpt2(model, tmp_path / "gpt2")
    theirs = stock(tmp_path / "gpt2", attn_implementation="eager")
    context = ("l", "in", "e", "a", "r", "Ġa")
    with torch.no_grad():
        out = theirs(torch.tensor(model.encode(context))[None], output_hidden_states=True, output_attentions=True)
    found = inspect(model, context)["context"]
    # Theirs are one for each block of two layers, and the last is taken after the final Norm.
    assert (len(found["hidden_states"]), len(out.hidden_states)) == (3, 2)
    np.testing.assert_allclose(found["hidden_states"][0], out.hidden_states[0][0], atol=1e-6)
    last = normalize(np.array(found["hidden_states"][2]), model.transformer.final_norm)
    np.testing.assert_allclose(last, out.hidden_states[1][0], atol=1e-5)
    np.testing.assert_allclose(found["logits"], out.logits[0], atol=1e-5)
    for one in found["attentions"]:
        np.testing.assert_allclose(one["weights"], out.attentions[one["layer"] // 2][0, one["head"]], atol=1e-6)


def test_transformer_lens_loads_the_directory(tmp_path: Path) -> None:
    torch = need("torch")
    need("transformer_lens")
    bridge = importlib.import_module("transformer_lens.model_bridge")
    model = zoo.load("aab")
    files.write_gpt2(model, tmp_path / "aab")
    with quiet():
        theirs = bridge.TransformerBridge.boot_transformers(str(tmp_path / "aab"), device="cpu")
    for batch in contexts.batches(2, 5):
        with torch.no_grad():
            answers = theirs(torch.tensor(batch))[:, -1].float().numpy()
        np.testing.assert_allclose(answers, model.forward(batch)[:, -1], atol=0.05)
    _, cache = theirs.run_with_cache(torch.tensor(model.encode("aabaa"))[None])
    np.testing.assert_allclose(cache["blocks.0.attn.hook_pattern"][0, 0, -1].detach(), [0, 0, 0, 0.5, 0.5], atol=1e-6)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield
