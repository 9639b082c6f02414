"""The same transformer with other arrays: what is named is replaced, the rest is kept, what does not fit is refused."""

import re
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, fields, replace

import numpy as np
import pytest

from zoo.errors import ModelError
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward
from zoo.transformer.arrays import Array, Emulated
from zoo.transformer.parts import Name


def transformer() -> Transformer:
    """Every kind of part, with and without a Norm."""
    random = np.random.default_rng(0)

    def array(*shape: int) -> Array:
        return random.normal(size=shape)

    def norm() -> Norm:
        return Norm(array(3), array(3), 1e-5)

    w_q, w_k, w_v, w_o = array(2, 3, 2), array(2, 3, 2), array(2, 3, 2), array(2, 2, 3)
    attention = Attention(w_q, w_k, w_v, w_o, b_o=array(3), norm=norm(), causal=False, scale=3)
    mlp = Mlp(array(3, 4), array(4), array(4, 3), array(3), "gelu")
    return Transformer(array(2, 3), array(5, 3), [attention, mlp], norm())


def test_every_array_can_be_changed_and_nothing_else_changes() -> None:
    before, batch = transformer(), np.array([[0, 1, 1]])
    names = before.named_arrays()
    assert len(names) == 2 + 5 + 2 + 4 + 2
    for name, array in names.items():
        changed = before.with_arrays({name: array + 1})
        after = changed.named_arrays()
        assert after.keys() == names.keys()
        for other in names:
            np.testing.assert_array_equal(after[other], names[other] + (other == name))
        old, new = dict(before.parts()), dict(changed.parts())
        touched = {name[0], "transformer", name[0].removesuffix(" norm")}
        assert all((new[where] is old[where]) == (where not in touched) for where in old)
        assert not after[name].flags.writeable
        if name[1] not in ("b_q", "b_k"):
            assert np.isfinite(forward(changed, batch)).all()
    layer = before.with_arrays(names).layers[0]
    assert isinstance(layer, Attention)
    assert not layer.causal
    assert layer.scale == 3
    np.testing.assert_array_equal(forward(before.with_arrays(names), batch), forward(before, batch))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({("layer 1", "w_q"): np.zeros((3, 4))}, "('layer 1', 'w_q') is no array of this transformer, but should be"),
        ({("layer 0", "b_q"): np.zeros((2, 2))}, "('layer 0', 'b_q') is no array of this transformer"),
        ({("layer 1", "b_out"): np.zeros(4)}, "layer 1 b_out has shape [4], but should be [3] as before"),
        ({("transformer", "position_embedding"): np.zeros((6, 3))}, "has shape [6, 3], but should be [5, 3]"),
        ({("final norm", "bias"): np.array([0, np.nan, 0])}, "Norm.bias is nan at [1], but should be finite"),
        ({("layer 1", "b_out"): np.zeros(3, np.float32)}, "layer 1 b_out is float32, but should be float64"),
    ],
)
def test_what_does_not_fit_is_refused(changes: Mapping[Name, Array], said: str) -> None:
    with pytest.raises(ModelError, match=re.escape(said)):
        transformer().with_arrays(changes)


class Halves(Emulated):
    """Rounds every result to halves."""


def test_an_arithmetic_of_its_own_is_kept_and_no_other_subclass_is() -> None:
    before = transformer()
    emulated = before.with_arrays({name: array.view(Halves) for name, array in before.named_arrays().items()})
    assert {type(array) for array in emulated.named_arrays().values()} == {Halves}
    assert {type(array) for array in emulated.astype(np.float32).named_arrays().values()} == {Halves}
    masked = np.ma.masked_array(np.zeros(3), mask=[True, False, False])
    assert type(before.with_arrays({("layer 1", "b_out"): masked}).named_arrays()["layer 1", "b_out"]) is np.ndarray


@pytest.mark.parametrize("name", ["transformer", "layer 0", "layer 0 norm", "layer 1"])
def test_no_part_can_be_changed(name: str) -> None:
    part = dict(transformer().parts())[name]
    for field in fields(part):
        with pytest.raises(FrozenInstanceError):
            setattr(part, field.name, None)


@pytest.mark.parametrize(
    ("kinds", "said"),
    [
        ("", "no layers"),
        ("am", "2 heads, 4 gelu"),
        ("h" + "m" * 7, "1 head, " + ", ".join(["4 gelu"] * 7)),
        ("m" * 9, ", ".join(["4 gelu"] * 8) + ", 1 more"),
    ],
)
def test_a_transformer_in_words(kinds: str, said: str) -> None:
    whole = transformer()
    attention, mlp = whole.layers
    head = replace(attention, **{name: getattr(attention, name)[:1] for name in ("w_q", "w_k", "w_v", "w_o")})
    made = replace(whole, layers=tuple({"a": attention, "h": head, "m": mlp}[kind] for kind in kinds))
    assert repr(made) == f"<Transformer: n_ctx 5, d_model 3, 2 tokens, float64, {said}>"
