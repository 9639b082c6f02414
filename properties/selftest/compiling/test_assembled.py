"""The library's assembled model is read by its shape alone: here stand-ins have it, made from the exported files."""

import sys
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from properties import check_model
from properties.robustness.comparison import compare
from properties.robustness.edges import Edge, validity_domain
from properties.selftest.compiling.programs import FILES, PROGRAMS
from zoo import Model, ModelError, compiling
from zoo.files.tensors import read_json


def stand_in(name: str, **more: Any) -> Any:
    """What `compile_rasp_to_model` returns, as far as it is read: values may be numbers there."""
    about = read_json(FILES / f"{name}.json")
    with np.load(FILES / f"{name}.npz") as loaded:
        arrays = dict(loaded)
    unembed = arrays.pop("unembed")
    params: dict[str, dict[str, Any]] = {}
    for key, array in arrays.items():
        module, _, part = key.rpartition(".")
        params.setdefault(module.replace(".", "/"), {})[part] = array
    decoding = about["output_decoding"] and {int(value): i for i, value in about["output_decoding"]}

    def read_out(stream: Any, use_unembed_argmax: bool) -> Any:
        assert not use_unembed_argmax  # which would be no weights
        return np.squeeze(stream @ unembed.astype(np.float64), -1) if unembed.shape[1] == 1 else stream @ unembed

    sizes = {key: about[key] for key in ("num_heads", "num_layers", "key_size", "causal")}
    return SimpleNamespace(
        params=params,
        model_config=SimpleNamespace(layer_norm=False, **sizes),
        input_encoder=SimpleNamespace(
            encoding_map=dict(about["input_encoding"]), bos_token="compiler_bos", pad_token="compiler_pad"
        ),
        output_encoder=SimpleNamespace(**{} if decoding is None else {"encoding_map": decoding}),
        get_compiled_model=lambda: SimpleNamespace(unembed=read_out),
        **more,
    )


@pytest.fixture(autouse=True)
def haiku(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the library's: what asks for modules runs within a transform, as a pair of pure functions."""
    module = ModuleType("haiku")
    pure: dict[str, Any] = {"init": lambda key, *arguments: {}}
    transform = lambda run: SimpleNamespace(apply=lambda params, *arguments: run(*arguments), **pure)  # noqa: E731
    vars(module).update(transform=transform, without_apply_rng=lambda transformed: transformed)
    monkeypatch.setitem(sys.modules, "haiku", module)


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_assembled_model_is_the_exported_one(name: str) -> None:
    model = compiling.assembled(stand_in(name), name)
    exported = compiling.read(FILES / f"{name}.npz")
    for field in ("vocab", "answers", "outputs", "within"):
        assert getattr(model, field) == getattr(exported, field), field
    arrays = exported.transformer.named_arrays()
    assert all(np.array_equal(array, arrays[part]) for part, array in model.transformer.named_arrays().items())
    assert list(model.contexts()) == list(exported.contexts())
    [verdict] = check_model(replace(model, rule=PROGRAMS[name]), names=["rule"])
    assert verdict.status == "holds"


def test_what_is_read_out_with_may_be_handed_over() -> None:
    with np.load(FILES / "hist.npz") as loaded:
        unembed = loaded["unembed"]
    without = stand_in("hist")
    del without.get_compiled_model
    assert compare(compiling.assembled(without, "x", unembed=unembed), compiling.read(FILES / "hist.npz"), "y").passed
    with pytest.raises(ModelError, match="x is no assembled model of Tracr, but should be"):
        compiling.assembled(without, "x")
    with pytest.raises(ModelError, match=r"x: unembed is \[6, 18\], but should have shape \[18, 6\]"):
        compiling.assembled(without, "x", unembed=unembed.T)


def edit(found: Any, where: str, value: Any) -> Any:
    *path, last = where.split(".")
    for name in path:
        found = found[name] if isinstance(found, dict) else getattr(found, name)
    if isinstance(found, dict):
        found[last] = value
    else:
        setattr(found, last, value)
    return found


@pytest.mark.parametrize(
    ("where", "value", "sentence"),
    [
        ("params", {}, "x is no assembled model of Tracr, but should be"),
        ("params", None, "x is no assembled model of Tracr, but should be"),
        ("model_config", None, "x is no assembled model of Tracr, but should be"),
        ("input_encoder", None, "x is no assembled model of Tracr, but should be"),
        ("model_config.layer_norm", True, "x has layer norms, but should have none"),
        ("model_config.num_heads", 2, "attn.query.w is [18, 5], but should have shape [18, 10]"),
        ("model_config.num_layers", 2, "transformer.layer_1.attn.query.w is missing, but should have shape [18, 5]"),
        ("input_encoder.encoding_map", {"1": 0, "2": 2}, "the input encoding has the numbers 0, 2], but should have"),
        ("output_encoder.encoding_map", {1: 0, "1": 1}, "unembed is [18, 6], but should have shape [18, 2]"),
        ("input_encoder.bos_token", "start", "but should have tokens out of 1, 2, 3"),
    ],
)
def test_what_does_not_fit_is_said(where: str, value: Any, sentence: str) -> None:
    found = stand_in("hist")
    edit(found, where, value)
    with pytest.raises(ModelError) as raised:
        compiling.assembled(found, "x")
    assert sentence in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_validity_domain_of_a_family_ends_at_the_first_that_is_wrong() -> None:
    """Members here are one model in shorter and longer contexts, of which from four tokens on one is said otherwise."""
    whole = compiling.assembled(stand_in("reverse"), "reverse")

    def member(n: int, wrong: int = 4) -> Model:
        layout = whole.scope.layouts[0]
        domain = replace(whole.scope, layouts=(replace(layout, sets=layout.sets[: n + 1]),))

        def rule(context: Any, at: int) -> Any:
            off = at == 2 and len(context) == wrong + 1 and context[1] == "3" and context[4] == "2"
            return {"1"} if off else PROGRAMS["reverse"](context, at)

        return replace(whole, domain=domain, rule=rule)

    edge = validity_domain(member, range(1, 6))
    assert (edge.right, edge.wrong, edge.at) == (3, 4, 2)
    assert edge.context == ("compiler_bos", "3", "1", "2", "2")
    assert validity_domain(lambda n: member(n, 9), range(1, 4)) == Edge(3, None, 3)
    assert validity_domain(lambda n: member(n, 1), [4]).right == 4
    with pytest.raises(ModelError, match="no lengths are given"):
        validity_domain(member, [])
