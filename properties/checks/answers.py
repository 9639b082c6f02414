"""The checks of what a model answers: its rule, its predictors, and what else is stated of the answers."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from properties.checks.choice import decided, open_to, said
from properties.checks.cycles import of_contexts, of_suffixes, refuse_unwalkable, walk, walkable
from properties.checks.right import (
    OWN,
    Question,
    allowed,
    changed,
    checked_predictor,
    checked_rule,
    judging,
    margins,
    own_answers,
    own_or_none,
    questions,
)
from properties.checks.running import answer_logits, closest, counterexample, ordered_logits
from properties.checks.settle import (
    affordable,
    by_proof,
    least_proof,
    means,
    proof_of,
    proof_of_one_answer,
    settle,
    settled,
    sweep,
)
from properties.checks.table import check
from properties.checks.verdict import Finding, How, Method
from properties.proof.counterexample import Counterexample, margin_of
from properties.proof.search import prove_equal
from zoo.contexts import Context, written
from zoo.digits import held_against
from zoo.errors import ContextError, ModelError
from zoo.model import NUMBER, Model
from zoo.transformer.arrays import Array

TRY_SECONDS = 5.0  # for a proof that stands in where no rule says what is right everywhere


def claims_nothing(model: Model) -> bool:
    return model.rule is None and not model.predictors and not model.claims


def states_figures_only(model: Model) -> bool:
    """Whether no answer is stated of the model, only claims: where its logits tie, its greedy token is chance."""
    answers = (model.rule, model.cycle, model.margin)
    return bool(model.claims) and not model.predictors and all(stated is None for stated in answers)


@check(
    applies=lambda model: (model.rule is not None and model.accuracy is None) or claims_nothing(model), needs="answers"
)
def rule(model: Model, how: How) -> Finding:
    """In every context the answer is one that the rule permits, and no forbidden token's logit comes up to it."""
    if model.rule is None:
        detail = "the model states no rule, predictor or claim to hold it to; --rule FILE.py:NAME gives it one"
        return Finding("undecided", "computed", 0, detail)
    by = decided(model, how)
    return said(settle(model, checked_rule(model.rule, model.names), by), how, by)


@check(applies=lambda model: bool(model.predictors), needs="answers")
def predictors(model: Model, how: How) -> Finding:
    """In every context the answer is the one that each predictor gives, also where the rule is silent."""
    by = decided(model, how)
    findings = [settle(model, checked_predictor(predictor, model.names), by) for predictor in model.predictors]
    worst = said(_worst(findings), how, by)
    least = [finding.margin for finding in findings if finding.margin is not None]
    detail = worst.detail
    if len(findings) > 1:  # whose it is
        names = [getattr(predictor, "__name__", "a predictor") for predictor in model.predictors]
        detail = "; ".join(f"by {name}, {one.detail}" for name, one in zip(names, findings) if one.detail)
    return replace(worst, margin=min(least, default=None), detail=detail)


@check(applies=lambda model: bool(model.deviations), needs="answers")
def deviations(model: Model, how: How) -> Finding:
    """What was meant fails in exactly the stated contexts: one more or one less is a failure."""
    how, faults = decided(model, replace(how, every=True)), list[tuple[str, Counterexample | None]]()
    late: Finding | None = None
    for deviation in model.deviations:
        meant = checked_rule(deviation.meant, model.names)
        seen = settle(model, meant, how)
        if seen.left:
            detail = f"not all contexts were settled in the time allowed: {seen.left}{means(model, how)}"
            late = replace(seen, status="undecided", detail=detail, margin=None)
            continue
        stated, found = deviation.stated(model), set(seen.failures)
        if seen.method == "sampled":  # it need not have met those that are stated
            found |= {context for context in stated if _readable(model, context) and _fails(model, context, meant)}
        if stated != found:
            context = min(stated ^ found, key=lambda c: (len(c), tuple(c)))
            detail = "not a stated deviation" if context in found else "stated as a deviation, which it is not"
            if others := len(stated ^ found) - 1:
                detail += f", and {_many(others, 'other context')} {'are' if others > 1 else 'is'} not as stated"
            counterexample = _at(model, context, meant) if _readable(model, context) else None
            faults.append((f"{written(context)}: {detail}", counterexample))
    if faults:
        detail = "; ".join(fault for fault, _ in faults)
        return Finding("failed", seen.method, seen.contexts, detail, None, faults[0][1])
    if late is not None:
        return late
    if seen.method == "sampled":
        detail = f"no context but the stated ones was found{means(model, how)}"
        return Finding("undecided", seen.method, seen.contexts, detail)
    detail = "; ".join(f"{_many(len(d.contexts), 'context')} as stated, {d.why}" for d in model.deviations)
    return Finding("deviates", seen.method, seen.contexts, detail)


@check(applies=lambda model: model.margin is not None, needs="logits")
def margin(model: Model, how: How) -> Finding:
    """In every context what is permitted wins over what is not, in logits by at least the stated margin."""
    assert model.margin is not None
    how = decided(model, how)
    proof = least_proof(model, how)
    if proof is not None and not proof.contexts:
        return Finding("failed", "proved", settled(model, proof), "vacuous: nothing is determined in any context")
    if proof is not None:
        found, stated = held_against(proof.margin, model.margin)
        detail = f"at least {found}, in {proof.where}; stated {stated}"
        if proof.margin >= model.margin:
            return Finding("holds", "proved", settled(model, proof), detail, proof.margin)
        if open_to(model, how):
            how = replace(how, method="enumerate")  # a bound leaves a little to rounding
        elif not affordable(model):
            seen = settled(model, proof)
            return Finding("undecided", "proved", seen, detail + means(model, how), proof.margin)
    method, batches = sweep(model, how)
    count, smallest, shown = 0, np.inf, None
    with judging(model, method == "enumerated") as permitted:
        for tokens in batches:
            each = permitted(tokens)
            logits, by = closest(model, tokens, each)
            each = each or [own_answers(model, logits)]
            count += len(tokens)
            if by.min() < smallest:
                i = int(by.argmin())
                worst = min(each, key=lambda one: margins(model, logits[[i]], [one[[i]]]).item())
                smallest, shown = float(by[i]), counterexample(model, tokens, i, logits, worst)
    if shown is None and method == "sampled":
        detail = f"nothing is determined in any context of a sample{means(model, how)}"
        return Finding("undecided", method, count, detail)
    if shown is None:
        return Finding("failed", method, count, "vacuous: nothing is determined in any context")
    found, stated = held_against(smallest, model.margin)
    at = "" if shown.at is None else f", at token {shown.at + 1}"
    detail = f"{found} after {written(shown.context)}{at}; stated {stated}"
    if not questions(model):
        detail += f"; {OWN}"
    if smallest < model.margin:
        return Finding("failed", method, count, detail, smallest, shown)
    detail += means(model, how) if method == "sampled" else ""
    return Finding("undecided" if method == "sampled" else "holds", method, count, detail, smallest)


@check(applies=lambda model: not states_figures_only(model))
def float32(model: Model, how: How) -> Finding:
    """In single precision rule and predictors hold too; where neither is stated, every context gets the same answer."""
    if model.transformer.dtype == np.float32 and not model.transformer.emulated:
        return Finding("holds", "computed", 0, "it is float32")
    try:
        single = model.astype(np.float32)
    except ModelError as error:
        return Finding("failed", "computed", 0, f"the weights do not fit: {error}")
    how = decided(model, how)
    if stated := questions(model):
        if (
            by_proof(model, how) and model.predictors and model.outputs is not NUMBER
        ):  # which answer every context: what holds beside one goes on to hold, but what is near it may be less near
            alone = proof_of(single, checked_predictor(model.predictors[0], model.names), how)
            proofs = [alone, *(proof_of(model, question, how) for question in stated)]
            if all(proof.status == "holds" for proof in proofs):
                return Finding("holds", "proved", model.scope.count())
        found = _worst([settle(single, question, how) for question in stated])
        return replace(found, margin=None, failures=())
    return _same_in(model, single, how)


def _same_in(model: Model, single: Model, how: How) -> Finding:
    """Whether every context gets the same answer in another type."""
    total = model.scope.count()
    if by_proof(model, how) and model.completes:
        told: dict[str, Any] = {"first": True, "max_seconds": TRY_SECONDS, "domain": model.domain}
        found = prove_equal(model.transformer, single.transformer, model.vocab, **told)
        if found.counterexamples:
            seen = max(found.contexts, 1)
            return Finding("failed", "proved", seen, "another answer in float32", None, found.counterexamples[0])
        if not found.widest and found.margin > 0:  # nor is there a tie
            return Finding("holds", "proved", total)
    method, batches = sweep(model, how)
    seen = 0
    for tokens in batches:
        logits, logits32 = ordered_logits(model, tokens)[0], ordered_logits(single, tokens)[0]
        seen += len(tokens)
        own = own_answers(model, logits)
        # A tie that is new is another answer by chance; NaN is not > 0.
        wins, won = margin_of(logits32, own) > 0, margin_of(logits, own) > 0
        wrong = np.flatnonzero((won & ~wins) | changed(model, logits, logits32))
        if len(wrong):
            logits32 = answer_logits(single, tokens)
            shown = counterexample(single, tokens, wrong[0], logits32, own_or_none(model, logits))
            return Finding("failed", method, seen, "another answer in float32", None, shown)
    if method == "sampled":
        detail = f"the same answer in every context of a sample{means(model, how)}"
        return Finding("undecided", method, seen, detail)
    return Finding("holds", method, seen)


@check(applies=lambda model: model.cycle is not None, needs="logits")
def cycle(model: Model, how: How) -> Finding:
    """From every context, greedy generation is on the stated cycle after at most the stated number of tokens."""
    assert model.cycle is not None
    goal = [model.vocab.index(token) for token in model.cycle.tokens]
    method: Method
    if how.method == "enumerate":
        refuse_unwalkable(model)
    elif walkable(model):
        how = decided(model, how)
    if affordable(model) or how.method == "enumerate":
        window, method, count = model.n_ctx, "enumerated", model.scope.count()
        path = walk(of_contexts(model), goal, window)
    else:
        proved = proof_of_one_answer(model, how) if model.domain is None else None
        suffixes = None if proved is None else of_suffixes(proved[1].function, model)
        if proved is None or suffixes is None:
            detail = "there are too many contexts to walk through"
            return Finding("undecided", "computed", 0, detail + (means(model, how) if walkable(model) else ""))
        (window, following), method, count = suffixes, "proved", proved[0].contexts
        path = walk(following, goal, window)
    if path.problem:
        return Finding("failed", method, count, f"from {_shown(model, path.farthest)} {path.problem}")
    steps = path.steps + model.n_ctx - window  # with the last k tokens on the cycle, the rest follows
    detail = f"{steps} tokens at most, from {_shown(model, path.farthest)}; stated {model.cycle.within}"
    return Finding("holds" if steps <= model.cycle.within else "failed", method, count, detail)


@check(applies=lambda model: bool(model.lemmas), needs="answers")
def lemmas(model: Model, how: How) -> Finding:
    """Every lemma of the argument for what the model does is so when it is computed."""
    false = [lemma.text for lemma in model.lemmas if not lemma.holds(model)]
    if false:
        return Finding("failed", "computed", 0, f"not so: {'; '.join(false)}", total=0)
    said = "; ".join(lemma.text for lemma in model.lemmas)
    return Finding("holds", "computed", 0, f"{_many(len(model.lemmas), 'lemma')}: {said}", total=0)


@check(applies=lambda model: bool(model.claims), needs="answers")
def claims(model: Model, how: How) -> Finding:
    """Every figure that its source states of the model comes out again when it is computed."""
    said, wrong = [], []
    for claim in model.claims:
        found = claim.recomputed(model)
        if not claim.holds(found):
            wrong.append(f"{claim.text} is {found!r}, but {claim.claimed!r} is claimed ({claim.source})")
        said.append(f"{claim.text}: claimed {claim.claimed!r}, recomputed {found!r}")
    if wrong:
        count = f"{len(wrong)} of {_many(len(said), 'claim')} are not so: " if len(said) > 1 else ""
        return Finding("failed", "computed", 0, count + "; ".join(wrong), total=0)
    return Finding("holds", "computed", 0, f"{_many(len(said), 'claim')}: {'; '.join(said)}", total=0)


def _worst(findings: list[Finding]) -> Finding:
    return min(findings, key=lambda finding: ["failed", "undecided", "holds"].index(finding.status))


def _many(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"


def _at(model: Model, context: Context, question: Question) -> Counterexample:
    """Where the margin is least in that context."""
    row = model.encode(context)[None]
    logits, permitted = answer_logits(model, row), allowed(model, [context], question)
    return counterexample(model, row, int(margins(model, logits, [permitted]).argmin()), logits, permitted)


def _fails(model: Model, context: Context, question: Question) -> bool:
    shown = _at(model, context, question)
    return shown.margin is not None and not shown.margin > 0


def _readable(model: Model, context: Context) -> bool:
    try:
        return len(model.encode(context)) == len(context)
    except ContextError:
        return False


def _shown(model: Model, row: Sequence[int] | Array) -> str:
    return written(model.decode(np.asarray(row)))
