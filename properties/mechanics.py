"""The checks of how the answers come about: that the program which computes them does what a transformer does."""

from collections.abc import Callable
from typing import Any

import numpy as np

from properties import survey as look
from properties.checks import Finding, check
from properties.survey import sweep
from properties.verdict import Method, written
from zoo.arrays import Array
from zoo.errors import ContextError
from zoo.model import Model
from zoo.scalar import scalar_forward
from zoo.transformer import Attention, forward, normalize

SCALAR_COST = 2000  # one operation of the scalar forward pass takes about that many of the fast one
ALONE_COST, ALONE_MOST = 20, 512  # one of a context that is run by itself, and how many of a length a sample has then


@check()
def scalar(model: Model) -> Finding:
    """The forward pass gives, at every position, what an independent one gives that computes number by number."""
    method, batches = sweep(model, cost=SCALAR_COST)
    seen, worst = 0, 0.0
    for tokens in batches:
        with np.errstate(all="ignore"):
            fast = model.forward(tokens)
        for row, logits in zip(tokens, fast):
            slow: Array = np.array(scalar_forward(model.transformer, row.tolist()))
            seen += 1
            off = _difference(logits, slow)
            if not off <= rounding(logits):
                return _differs(model, method, seen, row, logits[-1], slow[-1], "the number-by-number forward pass")
            worst = max(worst, off)
    return Finding("holds", method, seen, f"largest difference {worst:.2g}")


@check()
def batched(model: Model) -> Finding:
    """A context's logits are the same alone as in a batch with others."""
    method, batches = sweep(model, cost=ALONE_COST, most=ALONE_MOST)
    seen = 0
    for tokens in batches:
        together = model.forward(tokens)
        for row, logits in zip(tokens, together):
            alone = model.forward(row[None])[0]
            seen += 1
            if not _difference(logits, alone) <= rounding(alone):
                return _differs(model, method, seen, row, logits[-1], alone[-1], "the context alone")
    return Finding("holds", method, seen)


@check(applies=lambda model: _is_causal(model))
def causal(model: Model) -> Finding:
    """What comes later changes no earlier position: no attention to it, and the same logits without it."""
    method, batches = sweep(model)
    seen = 0
    for tokens in batches:
        seen += len(tokens)
        trace: dict[str, Array] = {}
        forward(model.transformer, tokens, trace)
        future = ~np.tri(tokens.shape[1], dtype=bool)  # [query, key]
        seeing = [pattern[:, :, future].any(axis=(1, 2)) for name, pattern in trace.items() if name.endswith("pattern")]
        if tokens.shape[1] > 1:
            whole, cut = model.forward(tokens)[:, :-1], model.forward(tokens[:, :-1])
            off = np.abs(whole - cut).max(axis=(1, 2))
            seeing.append(~(off <= rounding(whole)))
        wrong = np.flatnonzero(np.any(seeing, axis=0))
        if len(wrong):
            context = written(model.decode(tokens[wrong[0]]))
            return Finding("failed", method, seen, f"in {context} an earlier position changes with what comes later")
    return Finding("holds", method, seen)


@check()
def window(model: Model) -> Finding:
    """Only the last n_ctx tokens matter: whatever stands before them, the logits and the answer are the same."""
    rows = min(256, 2048 // (len(model.vocab) + 1))  # each stands behind every single token
    full = [
        row for batch in sweep(model, cost=ALONE_COST, most=ALONE_MOST)[1] for row in batch if len(row) == model.n_ctx
    ][:rows]
    complete = len(full) == len(model.vocab) ** model.n_ctx
    method: Method = "enumerated" if complete else "sampled"
    seen = 0
    for row in full:
        kept = model.decode(row)
        logits, answer = model.logits(kept), model.predict(kept)
        for before in [*([t] for t in range(len(model.vocab))), list(range(len(model.vocab))) * model.n_ctx]:
            longer = model.decode(np.array([*before, *row]))
            seen += 1
            if not np.array_equal(model.logits(longer), logits) or model.predict(longer) != answer:
                detail = f"{written(longer)} and its last {model.n_ctx} tokens give different logits"
                return Finding("failed", method, seen, detail)
    return Finding("holds", method, seen)


@check(applies=lambda model: any(isinstance(layer, Attention) for layer in model.transformer.layers))
def heads(model: Model) -> Finding:
    """The logits are the sum of what embedding, heads, biases and Mlps each write to the residual stream."""
    method, batches = sweep(model)
    seen = 0
    unembedding = model.transformer.unembedding
    directions = model.transformer.token_embedding if unembedding is None else unembedding
    for tokens in batches:
        seen += len(tokens)
        trace: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            forward(model.transformer, tokens, trace)
            whole = model.forward(tokens)
            stream = trace["embedding"]
            for i, layer in enumerate(model.transformer.layers):
                if isinstance(layer, Attention):
                    for head in range(layer.sizes["head"]):
                        stream = stream + trace[f"{i}.heads"][:, head]
                    stream = stream if layer.b_o is None else stream + layer.b_o
                else:
                    stream = stream + trace[f"{i}.mlp"]
            added = normalize(stream, model.transformer.final_norm) @ directions.T
        wrong = np.flatnonzero(~(np.abs(added - whole).max(axis=(1, 2)) <= rounding(whole)))
        if len(wrong):
            i = wrong[0]
            return _differs(model, method, seen, tokens[i], whole[i, -1], added[i, -1], "the sum of the heads")
    return Finding("holds", method, seen)


@check()
def invalid_input(model: Model) -> Finding:
    """An empty context, an unknown token and a wrong type are refused with an error of the project, in a sentence."""
    stranger = next(token for token in ("c", "\N{CRAB}", "not a token", "x y z") if token not in model.vocab)
    contexts: list[object] = ["", (), (stranger,), [*model.vocab, stranger], [0], None, 0, 1.5, b"ab", {"a": 1}, [None]]
    arrays: list[object] = [[], [[]], [[-1]], [[len(model.vocab)]], [[0.5]], [0], [["a"]], [[0], [0, 0]]]
    arrays.append([[0] * (model.n_ctx + 1)])
    cases: list[tuple[Callable[[Any], object], list[object]]] = [
        (model.predict, contexts),
        (model.logits, contexts),
        (model.forward, arrays),
    ]
    for refuses, inputs in cases:
        for given in inputs:
            try:
                refuses(given)
                problem = "is taken"
            except ContextError:
                continue
            except Exception as error:
                problem = f"raises {type(error).__name__}, not ContextError"
            return Finding("failed", "computed", 0, f"{refuses.__name__}({given!r}) {problem}")
    return Finding("holds", "computed", 0, f"{2 * len(contexts) + len(arrays)} inputs")


def rounding(logits: Array) -> float:
    """What two orders of the same sums may differ by: far more than they do, far less than a wrong weight does."""
    largest = float(np.abs(logits).max(initial=1))
    return float(2**14 * np.finfo(logits.dtype).eps * largest)


def _difference(x: Array, y: Array) -> float:
    return float(np.abs(x - y).max())


def _differs(model: Model, method: Method, seen: int, row: Array, logits: Array, other: Array, what: str) -> Finding:
    detail = f"{what} gives logits {', '.join(f'{logit:.6g}' for logit in other)}"
    shown = look.counterexample(model, row, logits, look.best(other))
    return Finding("failed", method, seen, detail, None, shown)


def _is_causal(model: Model) -> bool:
    layers = [layer for layer in model.transformer.layers if isinstance(layer, Attention)]
    return bool(layers) and all(layer.causal for layer in layers)
