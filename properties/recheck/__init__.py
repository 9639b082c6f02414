"""Confirms certificates: `recheck(certificate, model, function)`.

It shares no code with what wrote them but `zoo.rule`, `zoo.model` and the forward pass. What else both need (digests,
what a rule may swallow, how a token compares with a stranger) stands here once more, on purpose.

Confirmed is that the certificate is about these arrays and this function (by digest); that the splits of each length
partition all its contexts (`tree`); that the function, run blindfolded, permits at each leaf what the leaf says
(`blindfold`); and that the program, in float64 or float32 and in whatever order it sums, answers so in every context of
each leaf, by the margin stated (`margins`, `stream` and `program`, in python-flint's ball arithmetic).

A head's mean along rival - answer is at most λ over all of a leaf's contexts if Σ max over tokens of e^s (v - λ) is at
most 0. With these λ, which the certificate states, the answer's logit must exceed the rival's by the margin stated,
rounding taken off. Where a single context was run and cannot be decided in ball arithmetic, it is run again, and
counted: that it is right rests on this machine's arithmetic then.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from properties.recheck.margins import LeafMargins
from properties.recheck.program import Number
from properties.recheck.tree import Leaf, about, confirmed_leaves, lengths
from zoo.errors import CertificateError, MismatchError
from zoo.model import Model
from zoo.progress import steps
from zoo.transformer import forward

__all__ = ["CertificateError", "MismatchError", "Rechecked", "recheck"]


@dataclass
class Rechecked:
    """What was confirmed, in leaves but for `contexts`, `with_margin` and `unspecified`, which count contexts.

    `margin` is the smallest that was confirmed for the program, in `with_margin` of its contexts: none is in those that
    rest on a run, nor in those where nothing is asked.
    """

    leaves: int = 0
    bounds: int = 0  # proved by levels that were confirmed, as was the margin
    runs: int = 0  # single contexts, decided in ball arithmetic
    undecided_runs: int = 0  # single contexts of which only a run of the program says that they are right
    skipped: int = 0  # the function permits nothing or everything there
    contexts: int = 0
    with_margin: int = 0
    unspecified: int = 0
    margin: float = math.inf


def recheck(certificate: dict[str, Any], model: Model, function: Callable[[Any], Any]) -> Rechecked:
    """Confirms a certificate.

    MismatchError where the certificate is about something else, CertificateError with what is wrong with it.
    """
    if not model.completes:
        raise MismatchError(f"{model.name} should answer with tokens after the last position to be certified")
    transformer = about(certificate, model, function)
    margins = LeafMargins(transformer)
    found = Rechecked()
    for n in steps(lengths(model), "lengths confirmed"):
        for leaf in confirmed_leaves(certificate["trees"][str(n)], model, function, len(margins.heads), n):
            found.leaves += 1
            found.contexts += leaf.contexts
            if leaf.kind == "skipped":
                found.skipped += 1
                found.unspecified += leaf.contexts
                continue
            margins.at(leaf.options)
            if leaf.kind == "proved":
                margin, most = _proved(margins, leaf, model), leaf.margin
                found.bounds += 1
            else:
                margin, most = _run(margins, leaf, model)
                found.runs, found.undecided_runs = found.runs + (margin > 0), found.undecided_runs + (not margin > 0)
            if certificate["margin"] > most:
                raise CertificateError(f"the margin of {leaf.where} is below the smallest stated")
            if margin > 0:
                found.margin = min(found.margin, margin)
                found.with_margin += leaf.contexts
    if not found.bounds + found.runs + found.undecided_runs:
        raise CertificateError("nothing is determined in any context, and nothing is proved")
    return found


def _proved(margins: LeafMargins, leaf: Leaf, model: Model) -> float:
    """The smallest margin of a leaf, by its levels."""
    answer, smallest = model.vocab.index(leaf.answer), math.inf
    for token in leaf.options[-1]:
        for number, rival in enumerate(rival for rival in range(len(model.vocab)) if rival != answer):
            if model.vocab[rival] in leaf.permitted:
                continue
            try:
                margin = margins.lower(token, answer, rival, [head[token][number] for head in leaf.levels])
            except CertificateError as error:
                raise CertificateError(f"{leaf.where}: {error}") from None
            if not margin >= leaf.margin:
                raise CertificateError(
                    f"the margin of {leaf.where} is {leaf.margin}, but confirmed is {_below(margin)}"
                )
            smallest = min(smallest, _below(margin))
    return smallest


def _run(margins: LeafMargins, leaf: Leaf, model: Model) -> tuple[float, float]:
    """The least and the most that the margin in a single context may be; CertificateError where it fails."""
    tokens = [its[0] for its in leaf.options]
    with np.errstate(all="ignore"):
        logits = forward(margins.t, np.array([tokens]), last=True)[0, -1]
    right = [i for i, token in enumerate(model.vocab) if token in leaf.permitted]
    wrong = [i for i in range(len(model.vocab)) if i not in right]
    if not logits[right].max() > logits[wrong].max():
        raise CertificateError(f"the model is wrong at {leaf.where}")
    try:
        least = max(min(_below(margins.lower(tokens[-1], a, b)) for b in wrong) for a in right)
        most = max(min(-_below(margins.lower(tokens[-1], b, a)) for b in wrong) for a in right)
    except CertificateError:  # it may overflow
        return -math.inf, math.inf
    return least, most


def _below(margin: Number) -> float:
    """A float that is surely not above it; -inf where nothing is known."""
    value = math.nextafter(float(margin.lower()), -math.inf)
    return value if value == value else -math.inf
