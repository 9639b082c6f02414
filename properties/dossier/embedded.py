"""What a page computes with: the weights as data that it can hold, or of too large a model some contexts as they came.

An array that is mostly zero is its entries, in full; any other is its bytes in base 64, of float32 or float64. The two
forms are read back by `forward.js` into the same numbers.
"""

import base64
import json
from collections.abc import Iterable
from typing import Any

import numpy as np

from zoo.black_box import BlackBox
from zoo.inspection.parts import attention_heads
from zoo.inspection.reading import reading
from zoo.inspection.sentences import names
from zoo.model import NUMBER, Context, Model
from zoo.transformer import Attention, Layer, Mlp, Norm, unhandled
from zoo.transformer.activations import chosen
from zoo.transformer.arrays import Array

MOST = 150_000  # characters of the weights of a page
HELD = 100_000  # of traces that are held ready, of which there is one at least
TOP = 8  # outputs of a trace that is held ready
ACTIVATIONS = {"relu": "relu", "gelu": "gelu"}  # what `forward.js` calls those that it has


def about(model: Model) -> dict[str, Any]:
    """What the model is called, reads and answers."""
    sets: dict[tuple[int, ...], int] = {}
    layouts = []
    for layout in model.scope.layouts:
        runs = []
        for tokens, run in layout.runs:
            its = tuple(i for i, token in enumerate(model.vocab) if token in tokens)
            runs.append([sets.setdefault(its, len(sets)), len(run)])
        layouts.append({"start": layout.start, "runs": runs})
    weighty = not isinstance(model, BlackBox)
    return {
        "name": model.name,
        "vocab": list(model.vocab),
        "outputs": None if list(model.rows) == list(model.vocab) else list(model.rows),  # the same
        "number": model.outputs is NUMBER,
        "within": model.within,
        "every": model.answers == "every",
        "chars": model.reads_strings,
        "n_ctx": model.n_ctx,
        "anywhere": model.domain is None,
        "sets": [None if len(its) == len(model.vocab) else list(its) for its in sets],  # all of it
        "layouts": layouts,
        "directions": list(names(model.basis.names if model.basis else (), model.transformer.d_model))
        if weighty
        else [],
    }


def weights(model: Model) -> dict[str, Any] | None:
    """None of a black box, and where they would make the page too large."""
    if isinstance(model, BlackBox):
        return None
    transformer = model.transformer
    if sum(np.count_nonzero(array) for array in transformer.named_arrays().values()) > MOST // 5:
        return None  # not written down, only to be left out
    data = {
        "tokens": array(transformer.token_embedding),
        "positions": array(transformer.position_embedding),
        "unembedding": None if transformer.unembedding is None else array(transformer.unembedding),
        "norm": _norm(transformer.final_norm),
        "layers": [_layer(layer) for layer in transformer.layers],
    }
    return data if len(json.dumps(data)) <= MOST else None


def _layer(layer: Layer) -> dict[str, Any]:
    arrays: dict[str, Any] = {name: array(one) for name, one in layer.arrays()}
    arrays["norm"] = _norm(layer.norm)
    if isinstance(layer, Attention):
        return arrays | {"kind": "attention", "causal": layer.causal, "scale": layer.multiplier}
    if isinstance(layer, Mlp):
        return arrays | {"kind": "mlp", "activation": chosen(ACTIVATIONS, layer.activation)}
    unhandled(layer)


def _norm(norm: Norm | None) -> dict[str, Any] | None:
    if norm is None:
        return None
    return {"weight": array(norm.weight), "bias": array(norm.bias), "eps": norm.eps}


def array(values: Array) -> dict[str, Any]:
    """Its shape, and its entries or its bytes: of entries, the steps from one to the next, and the values."""
    flat = values.ravel()
    at = np.flatnonzero(flat)
    shape = list(values.shape)
    if 3 * len(at) > len(flat) and len(flat) > 16:
        kind = "f4" if values.dtype == np.float32 else "f8"
        data = flat.astype(f"<{kind}").tobytes()
        return {"shape": shape, kind: base64.b64encode(data).decode()}
    entries = flat[at].astype(np.float64).tolist()
    same = len(set(entries)) == 1
    return {"shape": shape, "at": np.diff(at, prepend=0).tolist(), "x": entries[0] if same else entries}


def traces(model: Model, contexts: Iterable[Context]) -> list[dict[str, Any]]:
    """What `forward.js` would compute after these, of the last position, as far as a page shows it."""
    found, room = list[dict[str, Any]](), HELD
    for context in contexts:
        one = _traced(model, context)
        room -= len(json.dumps(one))
        if found and room < 0:
            break
        found.append(one)
    return found


def _traced(model: Model, context: Context) -> dict[str, Any]:
    read = reading(model, context)
    top = np.sort(np.argsort(-read.logits, kind="stable")[:TOP]).tolist()
    return {
        "tokens": model.encode(context).tolist(),
        "outputs": top,
        "logits": [read.logits[top].tolist()],
        "shares": [[name, share[top].tolist()] for name, share in read.shares],
        "heads": [
            {"name": f"head {i}.{h}", "pattern": [_shown(pattern[-1])], "scores": [_shown(scores)]}
            for (i, h, _), (_, pattern), scores in zip(attention_heads(model), read.patterns, read.scores)
        ],
        "mlps": [
            {"layer": i, "neurons": [[one.number, one.reads, one.value, one.writes] for one in neurons]}
            for i, _, neurons in read.mlps
        ],
        "states": [],
    }


def _shown(values: Array) -> list[float]:
    """In the digits that a page shows."""
    return [float(f"{x:.6g}") for x in values.tolist()]
