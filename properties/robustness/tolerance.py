"""By how much every weight of a model may change at once without any answer changing: bounds from both sides."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from properties.checks.right import answers, judging, margins, own_answers
from properties.checks.running import answer_logits
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes, Settled
from properties.proof.judges import stated
from properties.proof.search import prove_answers
from zoo.contexts import written
from zoo.errors import ZooError
from zoo.model import Model
from zoo.transformer import Transformer
from zoo.transformer.arrays import Array

STEPS = 16  # of bisection


class OutOfTimeError(ZooError):
    """The seconds that were allowed are gone before anything was found."""


def certified(model: Model, max_seconds: float | None = None) -> float:
    """A relative change of every weight that is proved to leave every answer as its predictor or rule has it; or 0.

    The sets of contexts are those of the proof without any change, bounded again with weights that are off. After so
    many seconds of the processor it is what was proved by then, and OutOfTimeError where that is nothing.
    """
    late = _clock(max_seconds)
    function = stated(model)
    boxes: list[Settled] = []
    if function is None or not names_last(model):
        return 0.0
    told: dict[str, Any] = {"first": True, "settled": boxes.append, "max_seconds": max_seconds, "names": model.names}
    proof = prove_answers(model.transformer, model.vocab, function, domain=model.domain, **told)
    if proof.status == "undecided" and late():
        raise OutOfTimeError("the answers were not settled in the time allowed")
    if proof.status != "holds" or any(one.kind == "run" for one in boxes):
        return 0.0
    boxes = [one for one in boxes if one.kind == "proved"]
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        bounds = Bounds(model.transformer, weights=middle)
        stands = all(not late() and (_lower(bounds, same, model) > 0).all() for same in _by_length(boxes))
        if late() and not low:
            raise OutOfTimeError("no change of the weights was settled in the time allowed")
        if late():
            break
        low, high = (middle, high) if stands else (low, middle)
    return low


def names_last(model: Model) -> bool:
    """Whether it answers with names after the last position: of others, nothing is certified here."""
    return model.answers == "last" and bool(model.names)


def _clock(max_seconds: float | None) -> Callable[[], bool]:
    """Whether so many seconds of the processor have gone since."""
    begin = time.process_time()
    return lambda: max_seconds is not None and time.process_time() - begin > max_seconds


def _by_length(boxes: list[Settled]) -> list[list[Settled]]:
    groups: dict[int, list[Settled]] = {}
    for one in boxes:
        groups.setdefault(one.box.length, []).append(one)
    return list(groups.values())


def _lower(bounds: Bounds, settled: list[Settled], model: Model) -> Array:
    answers = np.array([model.names.index(one.answer or "") for one in settled])
    rivals = np.array([[name not in one.box.permitted for name in model.names] for one in settled])
    return bounds.margins(Boxes.of([one.box for one in settled], model.vocab), answers, rivals).lower


def breaking(model: Model, max_seconds: float | None = None) -> tuple[float, str]:
    """A relative change of every weight that does change an answer, and the context where; (inf, "") if none is found.

    Each weight is moved against the answer of one context, as its derivative says; the smallest such change that was
    seen to break is found by bisection, and was run. OutOfTimeError where that takes more seconds of the processor.
    """
    late = _clock(max_seconds)
    rows = list(model.scope.batches(model.vocab))
    words = [model.decode(row) for batch in rows for row in batch for _ in range(answers(model, batch.shape[1]))]
    weights = _weights(model.transformer)
    logits = _logits(model, rows, weights)
    with judging(model, every=True) as permitted:
        allowed = [np.concatenate(one) for one in zip(*map(permitted, rows))] or [own_answers(model, logits)]

    def by(changed: Array, at: Array | slice = slice(None)) -> Array:
        return margins(model, _logits(model, rows, changed)[at], [one[at] for one in allowed])

    before = by(weights)
    slopes = np.zeros((len(before), len(weights)))  # of each margin, by the relative change of each weight
    for i in np.flatnonzero(weights):
        if late():
            raise OutOfTimeError("no change that breaks was settled in the time allowed")
        up, down = weights.copy(), weights.copy()
        up[i], down[i] = _changed(weights[i], 0.001), _changed(weights[i], -0.001)
        with np.errstate(invalid="ignore"):
            change = by(up) - by(down)
        slopes[:, i] = np.where(np.isnan(change), 0, change / 0.002)  # none where nothing is judged
    with np.errstate(over="ignore"):  # a slope that is not finite is steep
        estimates = before / np.maximum(np.abs(slopes).sum(axis=1), 1e-300)
    best, where = np.inf, ""
    for context in np.argsort(estimates)[:8]:
        if late():
            raise OutOfTimeError("no change that breaks was settled in the time allowed")
        against = -np.sign(slopes[context])
        low, high = 0.0, 1.0
        if by(_changed(weights, high * against), np.array([context]))[0] > 0:
            continue
        for _ in range(STEPS):
            middle = (low + high) / 2
            if by(_changed(weights, middle * against), np.array([context]))[0] > 0:
                low = middle
            else:
                high = middle
        if high < best:
            best, where = high, written(words[context])
    return best, where


def _weights(transformer: Transformer) -> Array:
    return np.concatenate([array.ravel() for array in transformer.named_arrays().values()])


def _changed(weights: Array, change: Array | float) -> Array:
    """Weights that are off by so much of themselves, but none beyond the largest number."""
    with np.errstate(over="ignore"):
        off = weights * (1 + change)
    largest = np.finfo(off.dtype).max
    return np.clip(off, -largest, largest)


@np.errstate(all="ignore")  # what is no number breaks an answer
def _logits(model: Model, rows: list[Array], weights: Array) -> Array:
    changed = replace(model, transformer=_with(model.transformer, weights))
    return np.concatenate([answer_logits(changed, batch) for batch in rows])


def _with(transformer: Transformer, weights: Array) -> Transformer:
    """The same transformer with other weights, in the order of `_weights`."""
    own = transformer.named_arrays()
    parts = np.split(weights, np.cumsum([array.size for array in own.values()])[:-1])
    return transformer.with_arrays({name: part.reshape(own[name].shape) for name, part in zip(own, parts)})
