"""How a transformer is laid out for `every_context.c`: its structures, and what they point to."""

import ctypes
from typing import Any

import numpy as np

from zoo.transformer import Attention, Mlp, Norm, chosen, unhandled
from zoo.transformer.arrays import Array

LANES, LASTS = 16, 2  # as in the C
integer, number, pointer = ctypes.c_int64, ctypes.c_double, ctypes.c_void_p


class Map(ctypes.Structure):
    _fields_ = (("outputs", integer), ("start", pointer), ("input", pointer), ("weight", pointer), ("bias", pointer))


class LaidNorm(ctypes.Structure):
    _fields_ = (("weight", pointer), ("bias", pointer), ("eps", number))


class Layer(ctypes.Structure):
    _fields_ = (
        *(("heads", integer), ("gelu", integer), ("multiplier", number), ("norm", LaidNorm)),
        *((name, Map) for name in ("into", "key", "value", "out")),
        *((name, pointer) for name in ("scored", "mixed", "keys", "values")),
    )


class Halves(ctypes.Structure):
    _fields_ = (
        *((name, integer) for name in ("vocab", "lasts", "heads", "outputs", "firsts", "seconds")),
        *((name, pointer) for name in ("fixed", "first", "second")),
    )


class Model(ctypes.Structure):
    _fields_ = (
        *((name, integer) for name in ("vocab", "d_model", "layers", "lead", "most")),
        *(("embedded", pointer), ("layer", pointer), ("norm", LaidNorm), ("readout", Map)),
        *((name, pointer) for name in ("x", "normed", "hidden", "mean", "added", "scores", "logits")),
        *(("largest", pointer), ("varies", pointer)),
    )


class Arrays:
    """Arrays as C reads them: doubles, integers and numbers side by side, alive as long as this is."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def doubles(self, array: Array) -> int:
        return self._address(np.ascontiguousarray(array, np.float64))

    def integers(self, array: Any) -> int:
        return self._address(np.ascontiguousarray(array, np.int64))

    def lanes(self, *shape: int) -> int:
        return self._address(np.zeros((*shape, LANES)))

    def _address(self, array: Array) -> int:
        self.kept.append(array)
        return array.ctypes.data

    def norm(self, norm: Norm | None) -> LaidNorm:
        return LaidNorm() if norm is None else LaidNorm(self.doubles(norm.weight), self.doubles(norm.bias), norm.eps)

    def map(self, w: Array, b: Array | None) -> Map:
        """Of w [inputs, outputs] what is not zero, output by output."""
        outputs, inputs = np.nonzero(w.T)
        start = np.searchsorted(outputs, np.arange(w.shape[1] + 1))
        bias = np.zeros(w.shape[1]) if b is None else b
        weights = w.T[outputs, inputs]
        return Map(w.shape[1], self.integers(start), self.integers(inputs), self.doubles(weights), self.doubles(bias))

    def layer(self, layer: Attention | Mlp, length: int) -> tuple[Layer, int]:
        """The layer, and how many numbers it has in hand at most."""
        if isinstance(layer, Attention):
            return self._attention(layer, length)
        if not isinstance(layer, Mlp):
            unhandled(layer)
        gelu = chosen({"relu": 0, "gelu": 1}, layer.activation)
        maps = self.map(layer.w_in, layer.b_in), Map(), Map(), self.map(layer.w_out, layer.b_out)
        return Layer(0, gelu, 0, self.norm(layer.norm), *maps), layer.sizes["d_mlp"]

    def _attention(self, layer: Attention, length: int) -> tuple[Layer, int]:
        """Without what is zero in every query or key of a head, or is no value that it reads."""
        q, k, v = (
            np.any(w != 0, axis=1) | (False if b is None else b != 0)
            for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
        )  # [head, d] each
        scored, mixed = q & k, v & np.any(layer.w_o != 0, axis=2)

        def joined(w: Array, b: Array | None, own: Array) -> Map:
            """Of [head, d_model, d] and [head, d] what is wanted, for all heads at once."""
            return self.map(w.swapaxes(1, 2)[own].T, None if b is None else b[own])

        queries, keys = joined(layer.w_q, layer.b_q, scored), joined(layer.w_k, layer.b_k, scored)
        values, out = joined(layer.w_v, layer.b_v, mixed), self.map(layer.w_o[mixed], layer.b_o)
        begin = [np.concatenate([[0], own.sum(axis=1).cumsum()]) for own in (scored, mixed)]
        kept = self.lanes(length, queries.outputs), self.lanes(length, values.outputs)
        maps = self.norm(layer.norm), queries, keys, values, out, *map(self.integers, begin)
        return Layer(len(q), 0, layer.multiplier, *maps, *kept), max(queries.outputs, values.outputs)
