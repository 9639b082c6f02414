"""Running a model on every context it can be run on, and holding its answers against permitted ones."""

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from properties.checks.right import Question, allowed, margins, questions
from properties.checks.running import answer_logits, counterexample, run
from properties.checks.verdict import AUTO, Finding, How, Method
from properties.proof.reach import within_reach
from properties.proof.search import Proof, prove_answers
from properties.proof.splits import Splits
from zoo import contexts
from zoo.cost.operations import flops
from zoo.errors import ModelError
from zoo.model import Model
from zoo.progress import steps
from zoo.rule.watch import known
from zoo.transformer import Attention, Mlp, Transformer
from zoo.transformer.arrays import Array

# What one sweep over contexts may cost, in operations of the forward pass: a few seconds.
BUDGET = 10**10
SAMPLE = 5 * 10**8  # and what a sample may cost
RULE = 10**4  # what a plain-Python rule costs for a context, in such operations: some microseconds
MOST = 1000  # how many times the budget may be asked for: about an hour
PROOF_SECONDS = {"auto": 120, "prove": 1200}  # what one proof may take


def sweep(model: Model, how: How = AUTO, cost: float = 1) -> tuple[Method, Iterator[Array]]:
    """Contexts as batches of tokens, shortest first: all of them, or a sample where they cost more than the budget.

    `cost` is what one operation takes in the caller's hands, that of the batched forward pass being 1.
    """
    scope = model.scope
    if how.method == "enumerate" and not affordable(model, 1 / MOST):
        raise ModelError(
            f"{model.name} has {contexts.counted(scope.count())} contexts of up to {scope.lengths[-1]} tokens, but "
            "should have fewer to be enumerated: the methods auto and prove settle more"
        )
    if how.method == "enumerate" or (how.method != "sample" and affordable(model, cost)):
        rows = max(1, 2**25 // _numbers(model.transformer))  # keeps a batch within some hundred MB
        batches = sum(-(-scope.count(length) // rows) for length in scope.lengths)
        return "enumerated", steps(scope.batches(model.vocab, rows), "batches of contexts", batches)
    return "sampled", _sample(model, cost)


def _numbers(transformer: Transformer) -> int:
    """How many numbers a forward pass on one of the longest contexts has in hand: scores, streams, logits."""
    heads = max((layer.sizes["head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    hidden = max((layer.sizes["d_mlp"] for layer in transformer.layers if isinstance(layer, Mlp)), default=0)
    row = 3 * heads * transformer.n_ctx + (4 + heads) * transformer.d_model + 3 * hidden
    return transformer.n_ctx * row + 4 * len(transformer.readout)


def affordable(model: Model, cost: float = 1) -> bool:
    """Whether the budget reaches for running every context."""
    return model.scope.count() <= most_contexts(model, cost)


def most_contexts(model: Model, cost: float = 1) -> int:
    """How many contexts the budget reaches for running."""
    each = flops(model.transformer, model.scope.lengths[-1]) * cost + RULE * min(cost, 1)
    return int(BUDGET / each)


def means(model: Model, how: How) -> str:
    """What to add to a verdict that is undecided: the means by which it would be settled, where there is one."""
    if how.method == "enumerate" or not affordable(model, 1 / MOST):
        return ""
    total = contexts.counted(model.scope.count())
    return f"; --method enumerate would settle it, by running all {total} contexts"


def by_proof(model: Model, how: How) -> bool:
    """Whether to prove: where it is asked for, or where contexts are too many; where there are bounds at all."""
    wanted = how.method == "prove" or (how.method == "auto" and not affordable(model))
    return wanted and bounded(model)


def bounded(model: Model) -> bool:
    """Whether there are bounds on what it computes."""
    return model.weights_decide and within_reach(model.transformer)


def _sample(model: Model, cost: float) -> Iterator[Array]:
    """Contexts of about 16 lengths of the domain, at random but always the same, as many as the budget allows.

    Of a length at which they cost much, one is run.
    """
    random = np.random.default_rng(0)
    every = model.scope.lengths
    some = np.unique(np.geomspace(1, len(every), num=16).round().astype(int)).tolist()
    for length in (every[i - 1] for i in some):
        each = flops(model.transformer, length) * cost
        rows = min(int(SAMPLE / len(some) / each), 256) or int(each <= 2 * SAMPLE or length == every[0])
        if rows:
            yield model.scope.draw(random, model.vocab, length, rows)


def settle(model: Model, question: Question, how: How = AUTO) -> Finding:
    """Every context's answer against the permitted ones, by the strongest means that is quick enough.

    Contexts where all or none are permitted are not judged. Where a proof fails, only the shortest context is sought,
    or where `how` says so all of them. A tie is a failure: its sums in another order may differ.
    """
    if by_proof(model, how):
        found, judging = _proved(model, proof_of(model, question, how), question)
    else:
        found, judging = run(model, question, *sweep(model, how), how)
    found = _meant(found, model, question)
    complete = found.method != "sampled" and not (found.failures or found.left)
    if question.kind == "rule" and complete and not any(judging.values()):
        return replace(found, status="failed", detail="vacuous: the rule determines nothing in any context")
    if complete and model.answers == "every":
        return replace(found, detail=_where_judged(model, judging))
    return _told(found, model, how)


def _meant(found: Finding, model: Model, question: Question) -> Finding:
    """With a counterexample that is meant, where a lemma makes one of that which was found, and it is wrong too."""
    shown = found.counterexample
    if shown is None or model.answers == "every":
        return found
    for lemma in model.lemmas:
        if (context := lemma.meant(shown.context)) is None:
            continue
        tokens = model.encode(context)[None]
        logits, permitted = answer_logits(model, tokens, exact=True), allowed(model, [context], question)
        if not margins(model, logits, [permitted])[0] > 0:
            return replace(found, counterexample=counterexample(model, tokens, 0, logits, permitted))
    return found


def _where_judged(model: Model, judging: Mapping[int, int]) -> str:
    """How many answers are judged where every position has one, and at which lengths none is."""
    silent = [str(length) for length in model.scope.lengths if not judging[length]]
    none = f", none in contexts of {' or '.join(silent)} tokens" if silent else ""
    return f"{contexts.counted(sum(judging.values()))} answers judged{none}"


def _proved(model: Model, proof: Proof, question: Question) -> tuple[Finding, Mapping[int, int]]:
    """The same by a proof."""
    by_name = (
        f"; the {question.kind} uses {proof.tells}, and is asked of every context by itself" if proof.tells else ""
    )
    wrong = tuple(dict.fromkeys(one.context for one in proof.counterexamples))  # at several positions, one context
    # Where one context is sought, it may lie among those that were not settled.
    less = [one.margin for one in proof.counterexamples if one.margin is not None]
    found = Finding(
        status=proof.status,
        method="proved",
        contexts=max(settled(model, proof), len(wrong)),  # some are met on the way
        margin=min([proof.margin, *less]) if proof.contexts else None,
        counterexample=next(iter(proof.counterexamples), None),
        failures=wrong,
        left=proof.widest and f"{proof.widest}{by_name}",
    )
    return found, proof.by_length if model.answers == "every" else {0: proof.contexts}


def settled(model: Model, proof: Proof) -> int:
    """How many contexts were: where every position has an answer, those of the lengths that were gone through."""
    if model.answers == "last":
        return proof.contexts + proof.skipped
    return sum(model.scope.count(length) for length in model.scope.lengths if length <= proof.upto)


def _told(found: Finding, model: Model, how: How) -> Finding:
    """What was found, in words."""
    if found.counterexample is not None:
        if found.method == "proved" and not how.every:  # one was sought
            detail = "wrong in the shortest context there is"
            detail += ", of those settled in the time allowed" if found.left else ""
        else:
            detail = f"wrong in {_of_those_looked_at(found, model)}"
        detail += f"; not settled: {found.left}" if found.left else ""
        detail += "; the first is a tie" if found.counterexample.margin == 0 else ""
        return replace(found, status="failed", detail=detail)
    if found.left:
        detail = f"not proved in the time allowed: {found.left}{means(model, how)}"
        return replace(found, status="undecided", detail=detail, margin=None)
    if found.method == "sampled":
        return replace(found, status="undecided", detail=f"right in every context of a sample{means(model, how)}")
    return found


def _of_those_looked_at(found: Finding, model: Model) -> str:
    """ "6 of 120 contexts", or where not all were looked at "1 of 39 contexts looked at, of 120"."""
    total = model.scope.count()
    some = f"{len(found.failures)} of {contexts.counted(found.contexts)} contexts"
    return some if found.contexts == total else f"{some} looked at, of {contexts.counted(total)}"


def proof_of(model: Model, question: Question, how: How, boxes: int | None = None) -> Proof:
    """What a proof of at most so many boxes finds in the time that `how` has for it, or that of the method auto."""
    seconds = PROOF_SECONDS.get(how.method, PROOF_SECONDS["auto"]) if how.seconds is None else how.seconds
    return _proof(model, question, how, seconds, boxes)


def least_proof(model: Model, how: How) -> Proof | None:
    """Where a proof is wanted: of the proofs that rule and predictors hold, the one with the least margin.

    None where nothing is stated, or one of them is not proved.
    """
    stated = questions(model)
    if not (by_proof(model, how) and stated):
        return None
    proofs = [proof_of(model, question, how) for question in stated]
    if not all(proof.status == "holds" for proof in proofs):
        return None
    return min(proofs, key=lambda proof: proof.margin)


def proof_of_one_answer(model: Model, how: How) -> tuple[Proof, Question] | None:
    """Where a proof is wanted: that every context has the one right answer of a predictor, or else of the rule.

    None where there is no such proof, or not all contexts have one right answer.
    """
    stated = questions(model)
    if not (by_proof(model, how) and stated):
        return None
    question = next((one for one in stated if one.kind == "predictor"), stated[0])
    proof = proof_of(model, question, how)
    return (proof, question) if proof.status == "holds" and proof.determined and not proof.skipped else None


# Several checks ask the same question. What is known of a function and a transformer are equal to themselves only.
_proofs: deque[tuple[tuple[object, ...], Proof]] = deque(maxlen=8)


def _proof(model: Model, question: Question, how: How, seconds: float, boxes: int | None) -> Proof:
    """A proof, or the one that was found before, if nothing has changed that the function reaches.

    One that ran out of time is remembered only for a certificate, which is of no other.
    """
    function, kind, vocab = question.function, question.kind, tuple(model.vocab)
    outputs: dict[str, Any] = {"names": model.names, "within": model.within, "every": model.answers == "every"}
    about = (known(function), model.transformer, model.domain, vocab, kind, how.every, how.certified, seconds, outputs)
    for its, found in _proofs:
        if its == about:
            return found
    splits = Splits(vocab, model.scope, model.names) if how.certified else None
    told: dict[str, Any] = {"first": not how.every, "max_seconds": seconds, "kind": kind, "domain": model.domain}
    told |= {"executor": how.executor, "keep": how.keep}
    told |= outputs | {"settled": None if splits is None else splits.add, "max_boxes": boxes}
    found = prove_answers(model.transformer, vocab, function, **told)
    found.splits = splits
    if how.certified or not found.widest:
        _proofs.append((about, found))
    return found
