"""By how much every weight of a model may change at once without any answer changing: bounds from both sides."""

from dataclasses import replace

import numpy as np

from properties.bounds import Bounds
from properties.boxes import Boxes, Settled
from properties.proof import prove_answers
from properties.questions import stated
from properties.survey import answer_logits
from zoo import contexts
from zoo.arrays import Array
from zoo.contexts import written
from zoo.model import Model
from zoo.transformer import Transformer

STEPS = 16  # of bisection


def certified(model: Model) -> float:
    """A relative change of every weight that is proved to leave every answer as its predictor or rule has it; or 0.

    The sets of contexts are those of the proof without any change, bounded again with weights that are off.
    """
    function = stated(model)
    boxes: list[Settled] = []
    if function is None:
        return 0.0
    proof = prove_answers(model.transformer, model.vocab, function, first=True, settled=boxes.append)
    if proof.status != "holds" or any(one.kind == "run" for one in boxes):
        return 0.0
    boxes = [one for one in boxes if one.kind == "proved"]
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        bounds = Bounds(model.transformer, weights=middle)
        if all((_lower(bounds, same, model) > 0).all() for same in _by_length(boxes)):
            low = middle
        else:
            high = middle
    return low


def _by_length(boxes: list[Settled]) -> list[list[Settled]]:
    groups: dict[int, list[Settled]] = {}
    for one in boxes:
        groups.setdefault(one.box.length, []).append(one)
    return list(groups.values())


def _lower(bounds: Bounds, settled: list[Settled], model: Model) -> Array:
    answers = np.array([model.vocab.index(one.answer or "") for one in settled])
    rivals = np.array([[token not in one.box.permitted for token in model.vocab] for one in settled])
    return bounds.margins(Boxes.of([one.box for one in settled], model.vocab), answers, rivals).lower


def breaking(model: Model) -> tuple[float, str]:
    """A relative change of every weight that does change an answer, and the context where; (inf, "") if none is found.

    Each weight is moved against the answer of one context, as its derivative says; the smallest such change that was
    seen to break is found by bisection, and was run.
    """
    rows = list(contexts.batches(len(model.vocab), model.n_ctx))
    words = [model.decode(row) for batch in rows for row in batch]
    weights = _weights(model.transformer)
    logits = _logits(model, rows, weights)
    answers = logits.argmax(axis=1)
    index = np.arange(len(answers))

    @np.errstate(invalid="ignore")
    def margins(changed: Array, at: Array = index) -> Array:
        logits = _logits(model, rows, changed)[at]
        wins = logits[np.arange(len(at)), answers[at]]
        logits[np.arange(len(at)), answers[at]] = -np.inf
        return np.asarray(wins - logits.max(axis=1))

    before = margins(weights)
    slopes = np.zeros((len(answers), len(weights)))  # of each margin, by the relative change of each weight
    for i in np.flatnonzero(weights):
        up, down = weights.copy(), weights.copy()
        up[i], down[i] = weights[i] * 1.001, weights[i] * 0.999
        slopes[:, i] = (margins(up) - margins(down)) / 0.002
    estimates = before / np.maximum(np.abs(slopes).sum(axis=1), 1e-300)
    best, where = np.inf, ""
    for context in np.argsort(estimates)[:8]:
        against = -np.sign(slopes[context])
        low, high = 0.0, 1.0
        if margins(weights * (1 + high * against), np.array([context]))[0] > 0:
            continue
        for _ in range(STEPS):
            middle = (low + high) / 2
            if margins(weights * (1 + middle * against), np.array([context]))[0] > 0:
                low = middle
            else:
                high = middle
        if high < best:
            best, where = high, written(words[context])
    return best, where


def _weights(transformer: Transformer) -> Array:
    return np.concatenate([array.ravel() for _, part in transformer.parts() for _, array in part.arrays()])


@np.errstate(all="ignore")  # what is no number breaks an answer
def _logits(model: Model, rows: list[Array], weights: Array) -> Array:
    changed = replace(model, transformer=_with(model.transformer, weights))
    return np.concatenate([answer_logits(changed, batch) for batch in rows])


def _with(transformer: Transformer, weights: Array) -> Transformer:
    """The same transformer with other weights, in the order of `_weights`."""
    copy = transformer.astype(transformer.dtype)
    start = 0
    for _, part in copy.parts():
        for name, array in part.arrays():
            object.__setattr__(part, name, weights[start : start + array.size].reshape(array.shape))
            start += array.size
    return copy
