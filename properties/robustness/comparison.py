"""Do two models give the same answer in every context?"""

import time
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from properties.checks.right import changed, own_or_none
from properties.checks.running import answer_logits, counterexample
from properties.checks.settle import PROOF_SECONDS, affordable
from properties.checks.verdict import Method, Verdict
from properties.proof.search import prove_equal
from zoo.contexts import counted
from zoo.errors import ModelError
from zoo.model import Context, Model
from zoo.shards import Keep, Shards, bare
from zoo.transformer.arrays import Array


def compare(
    model: Model,
    other: Model,
    name: str,
    every: bool = False,
    executor: Executor | None = None,
    keep: Keep | None = None,
) -> Verdict:
    """Whether both give the same greedy answer in every context that is in both domains, by running or by proof.

    `name` is what to call the other, whose answers are the permitted ones in a counterexample; `every` seeks all.
    ModelError where the vocabularies differ. With an `executor`, shards are settled there; with `keep`, what an earlier
    run settled is not settled again.
    """
    _check(model, other, name)
    start = time.perf_counter()
    stated = model.domain is not None or other.domain is not None
    domain = model.scope.common(other.scope)
    if domain is None:
        raise ModelError(f"{model.name} and {name} have no context in common, but should for them to be compared")
    model, other = replace(model, domain=domain), replace(other, domain=domain)
    few = affordable(model) and affordable(other)
    spread: dict[str, Any] = {"executor": executor, "keep": keep}
    found = _run(model, other, spread) if few else _proved(model, other, every, spread)
    shown = None
    if found.different:
        row = model.encode(found.different[0])[None]
        ours, theirs = answer_logits(model, row), answer_logits(other, row)
        at = int(changed(model, theirs, ours).argmax())
        shown = counterexample(model, row, at, ours, own_or_none(other, theirs))
    up_to = f", up to {domain.lengths[-1]} tokens" if model.n_ctx != other.n_ctx else ""
    up_to += ", on the common domain" if stated else ""
    return Verdict(
        model=model.name,
        dtype=str(model.transformer.dtype),
        check="same answers",
        status="failed" if found.different else "undecided" if found.open else "holds",
        method=found.method,
        contexts=found.seen,
        total=domain.count(),
        margin=None,
        seconds=time.perf_counter() - start,
        detail=_said(f"as {name}{up_to}", found),
        counterexample=shown,
        failures=tuple(found.different),
    )


def _check(model: Model, other: Model, name: str) -> None:
    """ModelError where they cannot be compared."""
    if tuple(model.vocab) != tuple(other.vocab):
        raise ModelError(
            f"{model.name} has the tokens {', '.join(model.vocab)} and {name} {', '.join(other.vocab)}, "
            "but they should have the same, in the same order"
        )
    for what in ("answers", "names", "within"):
        own, its = getattr(model, what), getattr(other, what)
        if own != its:
            raise ModelError(f"{model.name} has {what} {own} and {name} {its}, but they should have the same")


@dataclass(frozen=True)
class _Found:
    """The contexts with different answers, of how many that were looked at; `open` says where neither is known."""

    method: Method
    different: Sequence[Context]
    seen: int
    open: str = ""


class Running:
    """Runs two models on batches of contexts: in which rows do they differ, bool [context]?"""

    def __init__(self, model: Model, other: Model) -> None:
        self.model, self.other = model, other

    def __call__(self, tokens: Array) -> Array:
        rows = changed(self.other, answer_logits(self.other, tokens), answer_logits(self.model, tokens))
        return np.asarray(rows.reshape(len(tokens), -1).any(axis=1))


def _run(model: Model, other: Model, spread: dict[str, Any]) -> _Found:
    different: list[Context] = []
    silent = (replace(bare(one), rule=None, predictors=(), accuracy=None) for one in (model, other))
    with Shards(Running, *silent, **spread) as shards:
        for tokens, rows in shards.each(model.scope.batches(model.vocab)):
            different += map(model.decode, tokens[rows])
    return _Found("enumerated", different, model.scope.count())


def _proved(model: Model, other: Model, every: bool, spread: dict[str, Any]) -> _Found:
    if not model.completes:  # there are no bounds on two such models together
        return _Found("computed", (), 0, f"all {counted(model.scope.count())} contexts: too many to run")
    told: dict[str, Any] = {"first": not every, "max_seconds": PROOF_SECONDS["auto"], "domain": model.domain}
    proof = prove_equal(model.transformer, other.transformer, model.vocab, **told, **spread)
    different = [wrong.context for wrong in proof.counterexamples]
    return _Found("proved", different, max(proof.contexts, len(different)), proof.widest)


def _said(alike: str, found: _Found) -> str:
    if number := len(found.different):
        detail = f"not {alike}: {number} context{'s' * (number > 1)} found"
        return detail + (f"; not settled in the time allowed: {found.open}" if found.open else "")
    return f"{alike}: no proof for {found.open}" if found.open else alike
