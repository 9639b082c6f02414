"""Looking inside a model: its parameters, what each head's two maps are, and how it reads a context. As data.

A head reads with the bilinear form x W_Q W_K^T x' and writes with the linear map x W_V W_O: both are [d_model, d_model]
whatever the head's width, and all that the weights of a head come down to. The maps that go with biases are left out.
"""

import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from zoo import contexts
from zoo.errors import ModelError
from zoo.inspection.attribution import shares
from zoo.model import Context, Model
from zoo.progress import steps
from zoo.transformer import Attention, Mlp, forward, residuals, unhandled
from zoo.transformer.arrays import Array

VERSION = 1


def inspect(model: Model, context: Context | None = None, top: int = 10, anyway: bool = False) -> dict[str, Any]:
    """Everything as the data that `zoo inspect --json` prints, version 1; with a context, also what is made of it.

    Logits, hidden states and attentions are arrays. Of logits the `top` largest are decoded. Raises ContextError for a
    context that the model cannot read, or that is outside its domain unless `anyway`; ModelError where numbers
    overflow.
    """
    transformer = model.transformer
    result: dict[str, Any] = {
        "version": VERSION,
        "name": model.name,
        "n_ctx": model.n_ctx,
        "d_model": transformer.d_model,
        "dtype": str(transformer.dtype),
        "tied": transformer.unembedding is None,
        "source": model.source,
        "parameters": [
            {"name": f"{where}.{name}", "shape": list(array.shape)}
            for where, part in transformer.parts()
            for name, array in part.arrays()
        ],
        "heads": [
            {
                "layer": i,
                "head": h,
                "qk": matrix(layer.w_q[h], layer.w_k[h].T),
                "vo": matrix(layer.w_v[h], layer.w_o[h]),
            }
            for i, h, layer in steps(list(attention_heads(model)), "inspecting")
        ],
    }
    return result if context is None else result | {"context": read(model, context, top, anyway)}


def attention_heads(model: Model) -> Iterator[tuple[int, int, Attention]]:
    """Every head: the number of its layer, its own there, and the layer."""
    for i, layer in enumerate(model.transformer.layers):
        if isinstance(layer, Attention):
            yield from ((i, h, layer) for h in range(layer.sizes["head"]))
        elif not isinstance(layer, Mlp):
            unhandled(layer)


def matrix(left: Array, right: Array) -> dict[str, Any]:
    """What the product is: [d, width], [width, d] -> figures of the [d, d] matrix M.

    `scale` is the multiple of the identity that is nearest to M, trace / d, and `distance` how far M is from it, by
    the root of the sum of squares; `relative` is that over the norm of M: 0 for a multiple of the identity, 1 for a
    matrix that has nothing of it. The norms of the symmetric and the antisymmetric part are at right angles: their
    squares add up to that of M. Of the spectrum those values are listed that the width leaves room for.
    """
    left, right = left.astype(np.float64), right.astype(np.float64)
    d, width = left.shape
    eps, beyond = d * np.finfo(np.float64).eps, 0
    if 2 * width < d:  # M does nothing outside the directions that the factors have: the same figures, of less
        directions = np.linalg.qr(np.hstack([left, right.T]))[0]  # [d, 2 width]
        left, right, beyond = directions.T @ left, right @ directions, d - 2 * width
    with np.errstate(all="ignore"):
        product = left @ right
    if not np.isfinite(product).all():
        raise ModelError("the product of a head's weights overflows, but should be finite to be inspected")
    norm, scale = float(np.linalg.norm(product)), float(np.trace(product) / d)
    distance = float(np.hypot(np.linalg.norm(product - scale * np.eye(len(left))), scale * np.sqrt(beyond)))
    # Through the small factors: the nonzero spectrum of M is that of a [width, width] matrix.
    singular = np.linalg.svd(np.linalg.qr(left)[1] @ right, compute_uv=False)
    eigenvalues = np.linalg.eigvals(right @ left if width < d else product)
    order = np.argsort(-np.abs(eigenvalues), kind="stable")
    return {
        "norm": norm,
        "scale": scale,
        "distance": distance,
        "relative": distance / norm if norm else 0.0,
        "symmetric": float(np.linalg.norm(product + product.T) / 2),
        "antisymmetric": float(np.linalg.norm(product - product.T) / 2),
        "rank": int((singular > singular.max(initial=0) * eps).sum()),
        "singular_values": singular.tolist(),
        "eigenvalues": [[float(x.real), float(x.imag)] for x in eigenvalues[order]],
    }


def read(model: Model, context: Context, top: int, anyway: bool = False) -> dict[str, Any]:
    """What the model makes of a context: logits, hidden states, attentions, and each part's share of the logits."""
    tokens = model.encode(context, anyway)
    trace: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        logits = forward(model.transformer, tokens[None], trace)[0]  # [seq, vocab]
    if not np.isfinite(logits).all():
        after = contexts.written(context)
        raise ModelError(f"{model.name}: the logits after {after} overflow, but should be finite to be inspected")
    best = np.argsort(-logits[-1], kind="stable")[:top]
    return {
        "tokens": list(model.decode(tokens)),
        "answer": model.rows[int(logits[-1].argmax())] if model.names else float(logits[-1, 0]),
        **({} if model.answers == "last" else {"answers": list(model.says(context, anyway))}),
        "top": [{"token": model.rows[i], "logit": float(logits[-1, i])} for i in best],
        "logits": logits,
        "hidden_states": hidden_states(model, trace),
        "attentions": [
            {"layer": i, "head": h, "weights": trace[f"{i}.pattern"][0, h]} for i, h, _ in attention_heads(model)
        ],
        "shares": [
            {"part": name, "top": [{"token": model.rows[i], "share": float(share.ravel()[i])} for i in best]}
            for name, share in shares(model.transformer, trace)
        ],
    }


def hidden_states(model: Model, trace: dict[str, Array]) -> list[Array]:
    """The residual stream [seq, d_model] before the first layer and after each: one more than there are layers."""
    return [x[0] for x in (*residuals(model.transformer, trace), trace["residual"])]


def json_text(found: dict[str, Any]) -> str:
    """What `inspect` found as JSON; beyond a million numbers on one line, which is quicker."""
    large = "context" in found and found["context"]["logits"].size > 2**20
    return json.dumps(found, indent=None if large else 2, allow_nan=False, default=np.ndarray.tolist)
