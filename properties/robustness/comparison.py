"""Do two models give the same answer in every context?"""

import time

import numpy as np

from properties.checks.settle import PROOF_SECONDS, affordable, answer_logits, counterexample
from properties.checks.verdict import Method, Status, Verdict
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
    failures: list[Context] = []
    total = contexts.count(len(model.vocab), n_ctx)
    widest = ""
    if affordable(model) and affordable(other):
        method: Method = "enumerated"
        seen = total
        for tokens in contexts.batches(len(model.vocab), n_ctx):
            answers = greedy(answer_logits(other, tokens))
            different = np.flatnonzero((greedy(answer_logits(model, tokens)) != answers) | (answers < 0))
            failures += [model.decode(tokens[i]) for i in different]
    else:
        method = "proved"
        found = prove_equal(
            *(model.transformer, other.transformer, model.vocab, range(1, n_ctx + 1)),
            first=not every,
            max_seconds=PROOF_SECONDS["auto"],
        )
        failures, widest = [wrong.context for wrong in found.counterexamples], found.widest
        seen = max(found.contexts, len(failures))
    shown = None
    if failures:
        row = model.encode(failures[0])
        allowed = own_answer(answer_logits(other, row[None])[0])
        shown = counterexample(model, row, answer_logits(model, row[None])[0], allowed)
    status: Status = "failed" if failures else "undecided" if widest else "holds"
    detail = f"as {name}" + (f", up to {n_ctx} tokens" if model.n_ctx != other.n_ctx else "")
    if failures:
        detail = f"not {detail}: {len(failures)} context{'s' * (len(failures) > 1)} found"
        detail += f"; not settled in the time allowed: {widest}" if widest else ""
    elif widest:
        detail = f"{detail}: no proof for {widest}"
    return Verdict(
        model=model.name,
        dtype=str(model.transformer.dtype),
        check="same answers",
        status=status,
        method=method,
        contexts=seen,
        total=total,
        margin=None,
        seconds=time.perf_counter() - start,
        detail=detail,
        counterexample=shown,
        failures=tuple(failures),
    )
