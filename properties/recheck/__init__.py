"""Confirms certificates: `recheck(certificate, model, function)`.

It shares no code with what wrote them but `zoo.rule`, `zoo.model` and the forward pass. What else both need (digests,
what a rule may swallow, how a token compares with a stranger) stands here once more, on purpose.

Confirmed is that the certificate is about these arrays and this function (`about`); that its splits partition every
context of the domain (`graph`); that the function, run blindfolded, permits at each leaf what decides it (`blindfold`,
`leaves`); and that the program, in float64 or float32 and in whatever order it sums, answers so in every context of
each leaf, by the margin stated (`margins`, on rows of the stream in python-flint's ball arithmetic: `stream`,
`program`).

Of a leaf a certificate says that it was proved, and the answer, and no more. A head's mean of values v is at most λ
over all of its contexts if Σ max over tokens of e^s (v - λ) is at most 0: `means` guesses λ and confirms it by that
sum, so that a wrong guess confirms nothing. Leaves are looked at many at a time (`confirm`, `batches`), those that are
not confirmed so once more with finer numbers. Where a single context was run and cannot be decided, it is run again,
and counted: that it is right rests on this machine's arithmetic then.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from properties.recheck.about import about
from properties.recheck.confirm import Confirmation, gathered
from properties.recheck.graph import Graph
from properties.recheck.leaves import Leaf, Reading, Where
from zoo.errors import CertificateError, MismatchError
from zoo.model import Model
from zoo.progress import steps

__all__ = ["CertificateError", "MismatchError", "Rechecked", "recheck"]


@dataclass
class Rechecked:
    """What was confirmed, in leaves but for `contexts`, `with_margin` and `unspecified`, which count contexts.

    Where every position has an answer, these count answers.

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
    transformer = about(certificate, model, function)
    graph = Graph(certificate, model)
    reading, confirmation = Reading(graph, model, function), Confirmation(transformer, graph, model)
    found, stated = Rechecked(), certificate["margin"]
    for batch in gathered(_asked(graph, reading, found), graph.vocab):
        for leaf, bound in confirmation.bounds(batch, stated):
            where = Where(reading, leaf.box)
            if leaf.kind == "proved":
                found.bounds += 1
                if bound.least == -math.inf:
                    raise CertificateError(f"numbers may overflow at {where}, and nothing can be confirmed there")
                if not bound.least >= stated:
                    raise CertificateError(f"the margin of {where} is {stated}, but confirmed is {bound.least}")
            else:
                decided = bound.least > 0
                if not confirmation.run(leaf):
                    raise CertificateError(f"the model is wrong at {where}")
                found.runs, found.undecided_runs = found.runs + decided, found.undecided_runs + (not decided)
            if stated > bound.most:
                raise CertificateError(f"the margin of {where} is below the one stated")
            if bound.least > 0:
                found.margin = min(found.margin, bound.least)
                found.with_margin += leaf.contexts
    if not found.bounds + found.runs + found.undecided_runs:
        raise CertificateError("nothing is determined in any context, and nothing is proved")
    return found


def _asked(graph: Graph, reading: Reading, found: Rechecked) -> Iterator[Leaf]:
    """The leaves where something is asked; all are counted."""
    for box, root in steps(graph.roots, "lengths confirmed"):
        for leaf in reading.leaves(box, root):
            found.leaves += 1
            found.contexts += leaf.contexts
            if leaf.kind != "skipped":
                yield leaf
            else:
                found.skipped += 1
                found.unspecified += leaf.contexts
    reading.check()
