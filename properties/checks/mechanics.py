"""The checks of how the answers come about: that the program which computes them does what a transformer does."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from itertools import chain, count, islice, product
from typing import Any

import numpy as np

from properties.checks import settle
from properties.checks.right import own_or_none
from properties.checks.settle import sweep
from properties.checks.table import check
from properties.checks.verdict import Finding, How, Method
from properties.proof.counterexample import Counterexample, largest
from zoo.black_box import BlackBox
from zoo.contexts import written
from zoo.cost.operations import flops
from zoo.digits import at_most
from zoo.enumeration.rounding import Rounding
from zoo.errors import ContextError
from zoo.inspection.attribution import shares, sizes
from zoo.model import Model
from zoo.transformer import Attention, forward
from zoo.transformer.arrays import Array
from zoo.transformer.scalar import scalar_forward

SCALAR_COST = 2000  # one operation of the scalar forward pass takes about that many of the fast one
UNKNOWN = "whose numbers are too large for a bound on rounding"
MOST = 2 * 10**12  # what one context may cost, in those: some minutes


def in_float64_too(compared: Callable[[Model, How], Finding]) -> Callable[[Model, How], Finding]:
    """A comparison of programs, in the type that is `wide` enough; where that knows no bound on rounding, in float64.

    Weights are the same there, and what compares them is the same code: bounds grow with the exponential of scores.
    """

    @wraps(compared)
    def run(model: Model, how: How) -> Finding:
        found = compared(wide(model), how)
        if not found.detail.endswith(UNKNOWN) or model.transformer.dtype == np.float64:
            return found
        again = compared(model.astype(np.float64), how)
        return replace(again, detail=f"in float64{': ' * bool(again.detail)}{again.detail}")

    return run


@check()
@in_float64_too
def scalar(model: Model, how: How) -> Finding:
    """The forward pass gives, at every position, what an independent one gives that computes number by number."""
    if (least := flops(model.transformer, 1) * SCALAR_COST) > MOST:
        return Finding("undecided", "sampled", 0, f"one token alone would take as long as {least:.2g} operations")
    method, batches = sweep(model, how, cost=SCALAR_COST)
    seen, unknown, worst, rounding = 0, 0, 0.0, Rounding(model.transformer)
    for tokens in batches:
        fast, most = model.forward(tokens), rounding.of_trace(_trace(model, tokens))
        for row, logits in zip(tokens, fast):
            slow: Array = np.array(scalar_forward(model.transformer, row.tolist()))
            off = _difference(logits, slow)
            seen += 1
            if _differ(off, most).any():
                return _departs(model, method, seen, row, logits, slow, "the number-by-number forward pass", most)
            unknown += bool(off.any() and not np.isfinite(most))
            worst = max(worst, float(off.max()))
    return _alike(method, seen, unknown, f"largest difference {at_most(worst, 2)}")


@check(needs="logits")
@in_float64_too
def batched(model: Model, how: How) -> Finding:
    """A context's logits are the same alone as in a batch with others."""
    method, batches = sweep(model, how, cost=20)  # running contexts one by one is slower
    seen, unknown, rounding = 0, 0, Rounding(model.transformer)
    for tokens in batches:
        together, most = model.forward(tokens), rounding.of_trace(_trace(model, tokens))
        for row, logits in zip(tokens, together):
            [alone] = model.forward(row[None])
            off = _difference(logits, alone)
            seen += 1
            if _differ(off, most).any():
                return _departs(model, method, seen, row, logits, alone, "the context alone", most)
            unknown += bool(off.any() and not np.isfinite(most))
    return _alike(method, seen, unknown)


@check(applies=lambda model: _is_causal(model))
@in_float64_too
def causal(model: Model, how: How) -> Finding:
    """What comes later changes no earlier position: no attention to it, and the same logits without it."""
    method, batches = sweep(model, how)
    seen, unknown, rounding = 0, 0, Rounding(model.transformer)
    for tokens in batches:
        seen += len(tokens)
        trace = _trace(model, tokens)
        future = ~np.tri(tokens.shape[1], dtype=bool)  # [query, key]
        seeing = [pattern[:, :, future].any(axis=(1, 2)) for name, pattern in trace.items() if name.endswith("pattern")]
        if tokens.shape[1] > 1:
            whole, cut = model.forward(tokens)[:, :-1], model.forward(tokens[:, :-1])
            off, most = _difference(whole, cut).max(axis=1), rounding.of_trace(trace)
            seeing.append(_differ(off, most))
            unknown += 0 if np.isfinite(most) else int(np.count_nonzero(off))
        wrong = np.flatnonzero(np.any(seeing, axis=0))
        if len(wrong):
            context = written(model.decode(tokens[wrong[0]]))
            return Finding("failed", method, seen, f"in {context} an earlier position changes with what comes later")
    return _alike(method, seen, unknown)


@check(applies=lambda model: model.domain is None, needs="logits")  # else nothing is said of longer contexts
def window(model: Model, how: How) -> Finding:
    """Only the last n_ctx tokens matter: whatever stands before them, the logits are the same."""
    vocab, n_ctx = len(model.vocab), model.n_ctx
    complete = vocab**n_ctx <= 256
    method: Method = "enumerated" if complete else "sampled"
    random, some = np.random.default_rng(0), min(256, max(1, 2**17 // n_ctx))
    rows = model.scope.draw(random, model.vocab, n_ctx, 256 if complete else some)
    runs = min(len(rows), int(settle.SAMPLE / (flops(model.transformer, n_ctx))))  # none where one costs too much
    several = [i % vocab for i in range(min(vocab, 4) * n_ctx)]  # windows full of other tokens
    befores = [*([token] for token in range(max(0, vocab - 15), vocab)), several]
    for i, row in enumerate(rows):
        kept = model.decode(row)
        logits = model.logits(kept) if i < runs else None
        for before in befores:
            longer = model.decode(np.array([*before, *row]))
            same = np.array_equal(model.encode(longer), row)
            if not same or (logits is not None and not np.array_equal(model.logits(longer), logits, equal_nan=True)):
                detail = f"{written(longer)} and its last {n_ctx} tokens give different logits"
                return Finding("failed", method, i + 1, detail, total=vocab**n_ctx)
    detail = f"each behind {len(befores)} other beginnings" + (f"; {runs} run" if runs < len(rows) else "")
    return Finding("holds", method, len(rows), detail, total=vocab**n_ctx)


@check(applies=lambda model: any(isinstance(layer, Attention) for layer in model.transformer.layers))
@in_float64_too
def heads(model: Model, how: How) -> Finding:
    """The logits are the sum of what embedding, heads, biases and Mlps each add to them."""
    method, batches = sweep(model, how)
    seen, unknown, rounding = 0, 0, Rounding(model.transformer)
    for tokens in batches:
        seen += len(tokens)
        trace = _trace(model, tokens)
        whole = model.forward(tokens)[:, -1]
        parts = [np.broadcast_to(share, whole.shape) for _, share in shares(model.transformer, trace)]
        off = _difference(np.sum(parts, axis=0), whole)
        # Parts may be large and cancel: what rounding does to each of them counts too, over two sums and a Norm.
        steps = 2 * model.transformer.d_model + len(parts) + 16
        most = rounding.of_trace(trace) + steps * rounding.ulp * float(sizes(model.transformer, trace).max())
        wrong = np.flatnonzero(_differ(off, most))
        if len(wrong):
            i = wrong[0]
            added = np.sum(parts, axis=0)[i]
            return _departs(model, method, seen, tokens[i], whole[i][None], added[None], "the sum of the heads", most)
        unknown += 0 if np.isfinite(most) else int(np.count_nonzero(off))
    return _alike(method, seen, unknown)


@check(needs="answers")
def invalid_input(model: Model, how: How) -> Finding:
    """An empty context, an unknown token and a wrong type are refused with an error of the project, in a sentence."""
    strangers = chain(("c", "\N{CRAB}", "not a token", "x y z"), (f"stranger {i}" for i in count()))
    stranger = next(token for token in strangers if token not in model.vocab)
    contexts: list[object] = ["", (), (stranger,), [*model.vocab, stranger], [0], None, 0, 1.5, b"ab", {"a": 1}, [None]]
    arrays: list[object] = [[], [[]], [[-1]], [[len(model.vocab)]], [[0.5]], [0], [["a"]], [[0], [0, 0]]]
    arrays.append([[0] * (model.n_ctx + 1)])
    cases: list[tuple[Callable[[Any], object], list[object]]] = [
        (model.predict, contexts),
        (model.logits, contexts),
        (model.forward, arrays),
    ]
    cases = cases[:1] if isinstance(model, BlackBox) else cases
    if model.domain is not None and (outside := _outside(model)) is not None:
        contexts.append(outside)
    for refuses, inputs in cases:
        for given in inputs:
            try:
                refuses(given)
                problem = "is taken"
            except ContextError as error:
                if "should" in str(error) and "\n" not in str(error):
                    continue
                problem = f"is refused with {str(error)!r}, which does not say what would be right in one line"
            except Exception as error:
                problem = f"raises {type(error).__name__}, not ContextError"
            return Finding("failed", "computed", 0, f"{refuses.__name__}({given!r}) {problem}", total=0)
    return Finding("holds", "computed", 0, f"{sum(len(inputs) for _, inputs in cases)} inputs", total=0)


def _outside(model: Model) -> tuple[str, ...] | None:
    """A context that the model could read and its domain has not, if there is one among the shortest."""
    words = (words for n in range(1, model.n_ctx + 1) for words in product(model.vocab, repeat=n))
    return next((words for words in islice(words, 1000) if words not in model.scope), None)


def _trace(model: Model, tokens: Array) -> dict[str, Array]:
    trace: dict[str, Array] = {}
    forward(model.transformer, tokens, trace)
    return trace


def _difference(x: Array, y: Array) -> Array:
    """The largest difference of logits [..., vocab]: [...]; none where both are the same infinity, or no numbers."""
    same = (x == y) | (np.isnan(x) & np.isnan(y))
    return np.asarray(np.where(same, 0, np.abs(x - y)).max(axis=-1))


def _differ(off: Array, most: float) -> Array:
    """Where two programs differ by more than rounding explains; nowhere if that is not known."""
    return ~(off <= most) if np.isfinite(most) else np.zeros(off.shape, bool)


def wide(model: Model) -> Model:
    """The model in float32 where its own type has so few digits that rounding would hide a fault."""
    if np.finfo(model.transformer.dtype).eps <= np.finfo(np.float32).eps:
        return model
    return model.astype(np.float32)


def _departs(
    model: Model, method: Method, seen: int, row: Array, logits: Array, other: Array, what: str, most: float
) -> Finding:
    """Of logits [position, vocab] by the forward pass and by another program, the first position that differs."""
    off = _difference(logits, other)
    at = int(np.flatnonzero(_differ(off, most))[0])
    detail = f"{what} gives {largest(other[at].tolist())}, {off[at]:.3g} apart where rounding explains {most:.3g}"
    detail += f" (at token {at + 1} of {len(row)})" if at + 1 < len(logits) else ""
    [own] = own_or_none(model, other[[at]])
    shown = Counterexample.of(row, model.vocab, logits[at], own, model.transformer.dtype, model.names)
    return Finding("failed", method, seen, detail, None, shown)


def _alike(method: Method, seen: int, unknown: int, detail: str = "") -> Finding:
    """What a comparison found that met nothing wrong: nothing is said of logits that differ and may overflow."""
    if unknown:
        detail = f"logits differ in {unknown} contexts {UNKNOWN}"
        return Finding("undecided", method, seen, detail)
    return Finding("holds", method, seen, detail)


def _is_causal(model: Model) -> bool:
    layers = [layer for layer in model.transformer.layers if isinstance(layer, Attention)]
    return bool(layers) and all(layer.causal for layer in layers)
