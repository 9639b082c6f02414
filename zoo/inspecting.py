"""Looking inside a model: its parameters, what each head's two maps are, and how it reads a context. As plain data.

A head reads with the bilinear form x W_Q W_K^T x' and writes with the linear map x W_V W_O: both are [d_model, d_model]
whatever the head's width, and all that the weights of a head come down to. The maps that go with biases are left out.
"""

from typing import Any

import numpy as np

from zoo.arrays import Array
from zoo.backward import residuals
from zoo.model import Context, Model
from zoo.shares import shares
from zoo.transformer import Attention, forward

VERSION = 1


def inspect(model: Model, context: Context | None = None, top: int = 10) -> dict[str, Any]:
    """Everything as data that JSON can hold, version 1; with a context, also what the model makes of it.

    Of logits the `top` largest are decoded. Raises ContextError for a context that the model cannot read.
    """
    transformer = model.transformer
    result: dict[str, Any] = {
        "version": VERSION,
        "name": model.name,
        "n_ctx": model.n_ctx,
        "d_model": transformer.d_model,
        "dtype": str(transformer.dtype),
        "tied": transformer.unembedding is None,
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
            for i, layer in enumerate(transformer.layers)
            if isinstance(layer, Attention)
            for h in range(layer.sizes["head"])
        ],
    }
    return result if context is None else result | {"context": read(model, context, top)}


def matrix(left: Array, right: Array) -> dict[str, Any]:
    """What the product is: [d, width], [width, d] -> figures of the [d, d] matrix M.

    `scale` is the multiple of the identity that is nearest to M, trace / d, and `distance` how far M is from it, by
    the root of the sum of squares; `relative` is that over the norm of M: 0 for a multiple of the identity, 1 for a
    matrix that has nothing of it. The norms of the symmetric and the antisymmetric part are at right angles: their
    squares add up to that of M. Of the spectrum those values are listed that the width leaves room for.
    """
    left, right = left.astype(np.float64), right.astype(np.float64)
    product, d = left @ right, len(left)
    norm, scale = float(np.linalg.norm(product)), float(np.trace(product) / d)
    distance = float(np.linalg.norm(product - scale * np.eye(d)))
    # Through the small factors: the nonzero spectrum of M is that of a [width, width] matrix.
    singular = np.linalg.svd(np.linalg.qr(left)[1] @ right, compute_uv=False)
    eigenvalues = np.linalg.eigvals(right @ left if left.shape[1] < d else product)
    order = np.argsort(-np.abs(eigenvalues), kind="stable")
    return {
        "norm": norm,
        "scale": scale,
        "distance": distance,
        "relative": distance / norm if norm else 0.0,
        "symmetric": float(np.linalg.norm(product + product.T) / 2),
        "antisymmetric": float(np.linalg.norm(product - product.T) / 2),
        "rank": int((singular > singular.max(initial=0) * d * np.finfo(np.float64).eps).sum()),
        "singular_values": singular.tolist(),
        "eigenvalues": [[float(x.real), float(x.imag)] for x in eigenvalues[order]],
    }


def read(model: Model, context: Context, top: int) -> dict[str, Any]:
    """What the model makes of a context: logits, hidden states, attentions, and each part's share of the logits."""
    tokens = model.encode(context)
    trace: dict[str, Array] = {}
    logits = forward(model.transformer, tokens[None], trace)[0]  # [seq, vocab]
    best = np.argsort(-logits[-1], kind="stable")[:top]
    return {
        "tokens": list(model.decode(tokens)),
        "answer": model.vocab[int(logits[-1].argmax())],
        "top": [{"token": model.vocab[i], "logit": float(logits[-1, i])} for i in best],
        "logits": logits.tolist(),
        "hidden_states": [state.tolist() for state in hidden_states(model, trace)],
        "attentions": [
            {"layer": i, "head": h, "weights": trace[f"{i}.pattern"][0, h].tolist()}
            for i, layer in enumerate(model.transformer.layers)
            if isinstance(layer, Attention)
            for h in range(layer.sizes["head"])
        ],
        "shares": [
            {"part": name, "top": [{"token": model.vocab[i], "share": float(share.ravel()[i])} for i in best]}
            for name, share in shares(model.transformer, trace)
        ],
    }


def hidden_states(model: Model, trace: dict[str, Array]) -> list[Array]:
    """The residual stream [seq, d_model] before the first layer and after each: one more than there are layers."""
    return [x[0] for x in (*residuals(model.transformer, trace), trace["residual"])]


def products(model: Model, largest: int) -> list[tuple[str, list[list[float]]]]:
    """W_Q W_K^T and W_V W_O of every head with a title, for a picture; none if they have more than `largest` rows."""
    if model.transformer.d_model > largest:
        return []
    return [
        (f"{title} of head {i}.{h}", (left[h] @ right[h]).tolist())
        for i, layer in enumerate(model.transformer.layers)
        if isinstance(layer, Attention)
        for h in range(layer.sizes["head"])
        for title, left, right in (
            ("W_Q W_K^T", layer.w_q, layer.w_k.swapaxes(1, 2)),
            ("W_V W_O", layer.w_v, layer.w_o),
        )
    ]
