"""Do two models give the same answer in every context?"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from properties.checks.settle import PROOF_SECONDS, affordable, answer_logits, counterexample
from properties.checks.verdict import Method, Verdict
from properties.proof.counterexample import own_answer
from properties.proof.search import prove_equal
from zoo import contexts
from zoo.errors import ModelError
from zoo.model import Context, Model
from zoo.transformer import greedy


def compare(model: Model, other: Model, name: str, every: bool = False) -> Verdict:
    """Whether both give the same greedy answer in every context that both can read, by running or by proof.

    `name` is what to call the other, whose answers are the permitted ones in a counterexample; `every` seeks all.
    ModelError where the vocabularies differ.
    """
    if tuple(model.vocab) != tuple(other.vocab):
        raise ModelError(
            f"{model.name} has the tokens {', '.join(model.vocab)} and {name} {', '.join(other.vocab)}, "
            "but they should have the same, in the same order"
        )
    start = time.perf_counter()
    n_ctx = min(model.n_ctx, other.n_ctx)
    if affordable(model) and affordable(other):
        found = _run(model, other, n_ctx)
    else:
        found = _proved(model, other, n_ctx, every)
    shown = None
    if found.different:
        row = model.encode(found.different[0])
        allowed = own_answer(answer_logits(other, row[None])[0])
        shown = counterexample(model, row, answer_logits(model, row[None])[0], allowed)
    up_to = f", up to {n_ctx} tokens" if model.n_ctx != other.n_ctx else ""
    return Verdict(
        model=model.name,
        dtype=str(model.transformer.dtype),
        check="same answers",
        status="failed" if found.different else "undecided" if found.open else "holds",
        method=found.method,
        contexts=found.seen,
        total=contexts.count(len(model.vocab), n_ctx),
        margin=None,
        seconds=time.perf_counter() - start,
        detail=_said(f"as {name}{up_to}", found),
        counterexample=shown,
        failures=tuple(found.different),
    )


@dataclass(frozen=True)
class _Found:
    """The contexts with different answers, of how many that were looked at; `open` says where neither is known."""

    method: Method
    different: Sequence[Context]
    seen: int
    open: str = ""


def _run(model: Model, other: Model, n_ctx: int) -> _Found:
    different: list[Context] = []
    for tokens in contexts.batches(len(model.vocab), n_ctx):
        answers = greedy(answer_logits(other, tokens))
        rows = np.flatnonzero((greedy(answer_logits(model, tokens)) != answers) | (answers < 0))
        different += [model.decode(tokens[i]) for i in rows]
    return _Found("enumerated", different, contexts.count(len(model.vocab), n_ctx))


def _proved(model: Model, other: Model, n_ctx: int, every: bool) -> _Found:
    proof = prove_equal(
        *(model.transformer, other.transformer, model.vocab, range(1, n_ctx + 1)),
        first=not every,
        max_seconds=PROOF_SECONDS["auto"],
    )
    different = [wrong.context for wrong in proof.counterexamples]
    return _Found("proved", different, max(proof.contexts, len(different)), proof.widest)


def _said(alike: str, found: _Found) -> str:
    if number := len(found.different):
        detail = f"not {alike}: {number} context{'s' * (number > 1)} found"
        return detail + (f"; not settled in the time allowed: {found.open}" if found.open else "")
    return f"{alike}: no proof for {found.open}" if found.open else alike
