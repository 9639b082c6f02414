"""What plants a fault in a model, and what a verdict says of it."""

import importlib
from dataclasses import fields, replace
from typing import Any, Self

import numpy as np

from properties import Verdict
from properties.selftest.models import aab
from zoo import Model, Transformer
from zoo.model import Context
from zoo.transformer import Attention
from zoo.transformer.arrays import Array

FORWARD: Any = importlib.import_module("zoo.transformer.forward")  # the package has a function of that name


def shown(verdict: Verdict) -> Context:
    assert verdict.counterexample is not None
    return verdict.counterexample.context


def edited(model: Model, array: str, index: tuple[int, ...], value: float) -> Model:
    """The model with one entry of an array of its first layer, or of its embeddings, changed."""
    whole: Any = model.transformer
    if hasattr(whole, array):
        return replace(model, transformer=replace(whole, **{array: changed(getattr(whole, array), index, value)}))
    first = whole.layers[0]
    layer = replace(first, **{array: changed(getattr(first, array), index, value)})
    return replace(model, transformer=replace(whole, layers=[layer, *whole.layers[1:]]))


def changed(array: Array, index: tuple[int, ...], value: float) -> Array:
    result = array.copy()
    result[index] = value
    return result


def large_three() -> Model:
    """aab with 3 in place of 1024: the two positions asked for no longer outweigh the others."""
    model = aab.build()
    [layer] = model.transformer.layers
    assert isinstance(layer, Attention)
    assert layer.b_o is not None
    small = replace(layer, w_q=layer.w_q * 3 / 1024, w_o=layer.w_o * 3 / 1024, b_o=layer.b_o * 3 / 1024)
    return replace(model, transformer=replace(model.transformer, layers=[small]))


class Altered(Model):
    """A model that does something otherwise than one of which it has all that is stated."""

    @classmethod
    def of(cls, model: Model) -> Self:
        return cls(**{field.name: getattr(model, field.name) for field in fields(model)})


class Mixing(Altered):
    """A batch in which each context gets its neighbour's logits."""

    def forward(self, tokens: Array, last: bool = False) -> Array:
        return np.roll(super().forward(tokens, last), 1, axis=0)


def first_positions(model: Model, n_ctx: int) -> Transformer:
    return replace(model.transformer, position_embedding=model.transformer.position_embedding[:n_ctx])


class Uncut(Altered):
    """Long contexts are cut to their first tokens, not their last."""

    def encode(self, context: Context, anyway: bool = False) -> Array:
        return super().encode(context[: self.n_ctx], anyway)
