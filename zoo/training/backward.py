"""The loss, the gradient of every parameter by backward passes written by hand, and one step down the gradient.

`unembed`, `transform`, `attend`, `normalize`, `embed`, as in `zoo.transformer.forward`, last one first: each goes from
the derivative by what the operation makes to those by what goes into it and by its own arrays.
"""

from math import pi, sqrt

import numpy as np

from zoo.errors import ContextError, ModelError
from zoo.transformer import (
    ACTIVATIONS,
    Attention,
    Mlp,
    Norm,
    Transformer,
    check_tokens,
    chosen,
    forward,
    linear,
    residuals,
    unhandled,
)
from zoo.transformer.arrays import Array
from zoo.transformer.forward import normalize as normalized
from zoo.transformer.parts import Arrays


def loss(transformer: Transformer, tokens: Array, targets: Array) -> float:
    """Mean cross entropy in nats of what should follow each position: int [batch, seq] both.

    A target of -1 is not counted. Raises ContextError for tokens or targets that are none.
    """
    return _cross_entropy(forward(transformer, tokens), check_targets(transformer, tokens, targets))[0]


def gradients(transformer: Transformer, tokens: Array, targets: Array) -> tuple[float, Arrays]:
    """The loss, and its derivative by every parameter, by name.

    A tied token embedding has one gradient: what it is owed as embedding and as unembedding, added. The derivative of
    ReLU at 0 is 0.
    """
    trace: dict[str, Array] = {}
    logits = forward(transformer, tokens, trace)
    value, d_logits = _cross_entropy(logits, check_targets(transformer, tokens, targets))
    found: Arrays = {}
    final = normalized(trace["residual"], transformer.final_norm)  # [batch, seq, d_model]
    d_final, d_readout = unembed(final, transformer.readout, d_logits)
    d_x = normalize(trace["residual"], transformer.final_norm, d_final, "final norm", found)
    for i, x in reversed(list(enumerate(residuals(transformer, trace)))):
        layer = transformer.layers[i]
        h = normalized(x, layer.norm)
        if isinstance(layer, Attention):
            d_h, own = attend(h, layer, trace[f"{i}.pattern"], d_x)
        elif isinstance(layer, Mlp):
            d_h, own = transform(h, layer, d_x)
        else:
            unhandled(layer)
        found |= {(f"layer {i}", name): array for name, array in own.items() if getattr(layer, name) is not None}
        d_x = d_x + normalize(x, layer.norm, d_h, f"layer {i} norm", found)
    d_embedding, d_positions = embed(transformer, tokens, d_x)
    if transformer.unembedding is None:
        d_embedding += d_readout
    else:
        found["transformer", "unembedding"] = d_readout
    found |= {("transformer", "token_embedding"): d_embedding, ("transformer", "position_embedding"): d_positions}
    return value, {name: found[name] for name in transformer.named_arrays()}


def sgd_step(transformer: Transformer, tokens: Array, targets: Array, rate: float) -> Transformer:
    """Every parameter less `rate` times its gradient, each once: a tied embedding is one parameter.

    Raises ContextError for tokens or targets that are none, ModelError for a rate that is no finite number.
    """
    if not isinstance(rate, int | float | np.floating) or not np.isfinite(rate):
        raise ModelError(f"rate is {rate!r}, but should be a finite number")
    down = gradients(transformer, tokens, targets)[1]
    return transformer.with_arrays({n: array - rate * down[n] for n, array in transformer.named_arrays().items()})


def check_targets(transformer: Transformer, tokens: Array, targets: Array) -> Array:
    """The targets as an integer array of the tokens' shape; ContextError where they are anything else."""
    tokens, array = check_tokens(transformer, tokens), np.asarray(targets)
    if array.shape != tokens.shape or not np.issubdtype(array.dtype, np.integer):
        raise ContextError(
            f"the targets are {array.dtype} {list(array.shape)}, but should be integers {list(tokens.shape)}"
        )
    vocab = transformer.sizes["vocab"]
    if not (array.min(initial=0) >= -1 and array.max(initial=-1) < vocab):
        raise ContextError(f"a target is out of range, but should be from 0 to {vocab - 1}, or -1 for none")
    if not (array >= 0).any():
        raise ContextError("no target is given, but there should be at least one that is counted")
    return array


def _cross_entropy(logits: Array, targets: Array) -> tuple[float, Array]:
    """The mean, and its derivative by the logits: [batch, seq, vocab], int [batch, seq] -> the former's shape."""
    counted = targets >= 0
    shifted = logits - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    right = np.eye(logits.shape[-1], dtype=logits.dtype)[np.where(counted, targets, 0)]  # [batch, seq, vocab]
    n = counted.sum()
    value = -(log_p * right).sum(axis=-1)[counted].sum() / n
    return float(value), (np.exp(log_p) - right) * counted[..., None] / logits.dtype.type(n)


def unembed(x: Array, readout: Array, d_logits: Array) -> tuple[Array, Array]:
    """x [batch, seq, d_model], d_logits [batch, seq, vocab] -> the derivatives by x and by the readout."""
    return d_logits @ readout, np.einsum("btv,btd->vd", d_logits, x)


def transform(h: Array, layer: Mlp, d_y: Array) -> tuple[Array, dict[str, Array]]:
    """[batch, seq, d_model] both -> the derivatives by h and by the arrays."""
    into = h @ layer.w_in + layer.b_in  # [batch, seq, d_mlp]
    hidden = ACTIVATIONS[layer.activation](into)
    d_into = d_y @ layer.w_out.T * chosen(SLOPES, layer.activation)(into)
    own = {
        "w_in": np.einsum("btd,btm->dm", h, d_into),
        "b_in": d_into.sum(axis=(0, 1)),
        "w_out": np.einsum("btm,btd->md", hidden, d_y),
        "b_out": d_y.sum(axis=(0, 1)),
    }
    return d_into @ layer.w_in.T, own


def attend(h: Array, layer: Attention, pattern: Array, d_y: Array) -> tuple[Array, dict[str, Array]]:
    """h and d_y [batch, seq, d_model], pattern [batch, head, query, key] -> the derivatives by h and by the arrays."""
    q, k, v = (
        linear(h[:, None], w, b)  # [batch, head, seq, d_head or d_v]
        for w, b in ((layer.w_q, layer.b_q), (layer.w_k, layer.b_k), (layer.w_v, layer.b_v))
    )
    d_z = np.einsum("btd,hvd->bhtv", d_y, layer.w_o)  # by what each head reads: [batch, head, seq, d_v]
    d_pattern = d_z @ v.swapaxes(-1, -2)
    # Through the softmax; what the mask hides has a weight of 0 and so no derivative.
    d_scores = pattern * (d_pattern - (d_pattern * pattern).sum(axis=-1, keepdims=True)) * layer.multiplier
    own = {"w_o": np.einsum("bhtv,btd->hvd", pattern @ v, d_y), "b_o": d_y.sum(axis=(0, 1))}
    d_h = np.zeros_like(h)
    for name, d in (
        ("q", d_scores @ k),
        ("k", d_scores.swapaxes(-1, -2) @ q),
        ("v", pattern.swapaxes(-1, -2) @ d_z),
    ):
        own |= {f"w_{name}": np.einsum("btd,bhte->hde", h, d), f"b_{name}": d.sum(axis=(0, 2))}
        d_h += np.einsum("bhte,hde->btd", d, getattr(layer, f"w_{name}"))
    return d_h, own


def normalize(x: Array, norm: Norm | None, d_y: Array, where: str, found: Arrays) -> Array:
    """From the derivative by a Norm's output to that by its input, [batch, seq, d_model] both; notes its own."""
    if norm is None:
        return d_y
    centred = x - x.mean(axis=-1, keepdims=True)
    deviation = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + norm.eps)
    unit = centred / deviation
    found[where, "weight"], found[where, "bias"] = (d_y * unit).sum(axis=(0, 1)), d_y.sum(axis=(0, 1))
    d_unit = d_y * norm.weight
    along = unit * (d_unit * unit).mean(axis=-1, keepdims=True)
    result: Array = (d_unit - d_unit.mean(axis=-1, keepdims=True) - along) / deviation
    return result


def embed(transformer: Transformer, tokens: Array, d_x: Array) -> tuple[Array, Array]:
    """From the derivative by the stream [batch, seq, d_model] to those by the token and the position embedding."""
    d_tokens = np.zeros_like(transformer.token_embedding)
    np.add.at(d_tokens, np.asarray(tokens), d_x)  # a token that occurs twice is owed both
    d_positions = np.zeros_like(transformer.position_embedding)
    d_positions[: d_x.shape[1]] = d_x.sum(axis=0)
    return d_tokens, d_positions


def relu_slope(x: Array) -> Array:
    return (x > 0).astype(x.dtype)


def gelu_slope(x: Array) -> Array:
    """The derivative of the tanh form."""
    t = np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
    result: Array = 0.5 * (1 + t) + 0.5 * x * (1 - t * t) * sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
    return result


SLOPES = {"relu": relu_slope, "gelu": gelu_slope}
