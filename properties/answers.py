"""The checks of what a model answers: its rule, its predictors, and what else is stated of the answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from properties import survey as look
from properties.checks import Finding, check
from properties.survey import Survey, answer_logits, survey, sweep
from properties.verdict import Counterexample, written
from zoo.arrays import Array
from zoo.errors import ContextError, ModelError
from zoo.model import Context, Model


def claims_nothing(model: Model) -> bool:
    return model.rule is None and not model.predictors and not model.claims


def states_figures_only(model: Model) -> bool:
    """Whether no answer is stated of the model, only claims: where its logits tie, its greedy token is chance."""
    answers = (model.rule, model.cycle, model.margin)
    return bool(model.claims) and not model.predictors and all(stated is None for stated in answers)


@check(applies=lambda model: model.rule is not None or claims_nothing(model))
def rule(model: Model) -> Finding:
    """In every context the answer is one that the rule permits, and no forbidden token's logit comes up to it."""
    if model.rule is None:
        return Finding("undecided", "computed", 0, "the model states no rule, predictor or claim to hold it to")
    seen = survey(model, look.checked_rule(model.rule, tuple(model.vocab)))
    if not seen.judged and seen.method == "enumerated":
        return Finding("failed", seen.method, seen.contexts, "vacuous: the rule determines nothing in any context")
    return _settled(seen)


@check(applies=lambda model: bool(model.predictors))
def predictors(model: Model) -> Finding:
    """In every context the answer is the one that each predictor gives, also where the rule is silent."""
    findings = [
        _settled(survey(model, look.checked_predictor(predictor, tuple(model.vocab)))) for predictor in model.predictors
    ]
    return next((f for f in findings if f.status != "holds"), findings[0])


@check(applies=lambda model: bool(model.deviations))
def deviations(model: Model) -> Finding:
    """What was meant fails in exactly the stated contexts: one more or one less is a failure."""
    for deviation in model.deviations:
        meant = look.checked_rule(deviation.meant, tuple(model.vocab))
        seen = survey(model, meant)
        stated, found = set(deviation.contexts), set(seen.failures)
        if stated != found:
            context = min(stated ^ found, key=lambda c: (len(c), c))
            detail = "not a stated deviation" if context in found else "stated as a deviation, which it is not"
            counterexample = _at(model, context, meant) if _readable(model, context) else None
            return Finding("failed", seen.method, seen.contexts, f"{context}: {detail}", None, counterexample)
    if seen.method == "sampled":
        return Finding("undecided", seen.method, seen.contexts, "no context but the stated ones was found")
    detail = "; ".join(f"{len(d.contexts)} contexts as stated, {d.why}" for d in model.deviations)
    return Finding("deviates", seen.method, seen.contexts, detail)


@check(applies=lambda model: model.margin is not None)
def margin(model: Model) -> Finding:
    """In every context the answer's logit exceeds the second best by at least the stated margin."""
    assert model.margin is not None
    method, batches = sweep(model)
    seen, smallest, shown = 0, np.inf, None
    for tokens in batches:
        logits = answer_logits(model, tokens)
        margins = np.array([look.margin(row, look.best(row)) for row in logits])
        margins[np.isnan(margins)] = -np.inf
        seen += len(tokens)
        if margins.min() < smallest:
            i = margins.argmin()
            smallest, shown = float(margins[i]), look.counterexample(model, tokens[i], logits[i], look.best(logits[i]))
    detail = f"{smallest:.6g}" + (f" after {written(shown.context)}" if shown else "") + f"; stated {model.margin:g}"
    if smallest < model.margin:
        return Finding("failed", method, seen, detail, smallest, shown)
    return Finding("undecided" if method == "sampled" else "holds", method, seen, detail, smallest)


@check(applies=lambda model: not states_figures_only(model))
def float32(model: Model) -> Finding:
    """In single precision every context gets the same answer."""
    try:
        with np.errstate(over="ignore"):
            single = replace(model, transformer=model.transformer.astype(np.float32))
    except ModelError as error:
        return Finding("failed", "computed", 0, f"the weights do not fit: {error}")
    method, batches = sweep(model)
    seen = 0
    for tokens in batches:
        logits, logits32 = answer_logits(model, tokens), answer_logits(single, tokens)
        seen += len(tokens)
        wrong = np.flatnonzero(logits.argmax(axis=1) != logits32.argmax(axis=1))
        if len(wrong):
            i = wrong[0]
            shown = look.counterexample(single, tokens[i], logits32[i], look.best(logits[i]))
            return Finding("failed", method, seen, "another answer in float32", None, shown)
    return Finding("undecided" if method == "sampled" else "holds", method, seen)


@check(applies=lambda model: model.cycle is not None)
def cycle(model: Model) -> Finding:
    """From every context, greedy generation is on the stated cycle after at most the stated number of tokens."""
    assert model.cycle is not None
    method, batches = sweep(model)
    if method == "sampled":
        return Finding("undecided", method, 0, "there are too many contexts to walk through")
    following: dict[tuple[int, ...], tuple[int, ...]] = {}  # context -> the one that generation makes of it
    for tokens in batches:
        for row, answer in zip(tokens.tolist(), answer_logits(model, tokens).argmax(axis=1).tolist()):
            following[tuple(row)] = (*row, answer)[-model.n_ctx :]
    goal = tuple(model.encode(model.cycle.tokens).tolist())
    repeated = goal * (model.n_ctx // len(goal) + 2)
    steps: dict[tuple[int, ...], int] = {}  # context -> how many tokens until it is on the cycle
    for i in range(len(goal)):
        on, after = repeated[i : i + model.n_ctx], repeated[i + 1 : i + 1 + model.n_ctx]
        if following[on] != after:
            return Finding("failed", method, len(following), f"after {_shown(model, on)} the stated cycle is left")
        steps[on] = 0
    for start in following:
        path: dict[tuple[int, ...], None] = {}
        context = start
        while context not in steps and context not in path:
            path[context] = None
            context = following[context]
        if context not in steps:
            detail = f"from {_shown(model, start)} generation never reaches the cycle {written(model.cycle.tokens)}"
            return Finding("failed", method, len(following), detail)
        for distance, passed in enumerate(reversed(path), start=steps[context] + 1):
            steps[passed] = distance
    farthest = max(following, key=steps.__getitem__)
    detail = f"{steps[farthest]} tokens at most, from {_shown(model, farthest)}; stated {model.cycle.within}"
    return Finding("holds" if steps[farthest] <= model.cycle.within else "failed", method, len(following), detail)


@check(applies=lambda model: bool(model.claims))
def claims(model: Model) -> Finding:
    """Every figure that its source states of the model comes out again when it is computed."""
    said = []
    for claim in model.claims:
        found = claim.recompute(model)
        if not claim.holds(found):
            detail = f"{claim.text} is {found!r}, but {claim.claimed!r} is claimed ({claim.source})"
            return Finding("failed", "computed", 0, detail)
        said.append(f"{claim.text}: claimed {claim.claimed!r}, recomputed {found!r}")
    detail = f"{len(said)} claim{'s' * (len(said) > 1)}: {'; '.join(said)}"
    return Finding("holds", "computed", 0, detail)


def _settled(seen: Survey) -> Finding:
    if seen.first is not None:
        detail = f"wrong in {len(seen.failures)} of {seen.contexts} contexts"
        if seen.first.margin == 0:
            detail += "; the first is a tie"
        return Finding("failed", seen.method, seen.contexts, detail, seen.margin, seen.first)
    if seen.method == "sampled":
        return Finding("undecided", seen.method, seen.contexts, "right in every context of a sample", seen.margin)
    return Finding("holds", seen.method, seen.contexts, "", seen.margin)


def _at(model: Model, context: Context, permitted: look.Permitted) -> Counterexample:
    row = model.encode(context)
    allowed = look.allowed_tokens(model, [context], permitted)[0]
    return look.counterexample(model, row, answer_logits(model, row[None])[0], allowed)


def _readable(model: Model, context: Context) -> bool:
    try:
        return len(model.encode(context)) == len(context)
    except ContextError:
        return False


def _shown(model: Model, row: Sequence[int] | Array) -> str:
    return written(model.decode(np.asarray(row)))
