"""The checks of what a model answers: its rule, its predictors, and what else is stated of the answers."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from properties import survey as look
from properties.checks import Finding, check
from properties.cycles import of_contexts, of_suffixes, walk
from properties.proof import prove_equal
from properties.survey import Survey, affordable, answer_logits, survey, sweep
from properties.verdict import Counterexample, How, Method, written
from zoo import contexts
from zoo.arrays import Array
from zoo.errors import ContextError, ModelError
from zoo.model import Context, Model

TRY_SECONDS = 5.0  # for a proof that stands in where no rule says what is right everywhere


def claims_nothing(model: Model) -> bool:
    return model.rule is None and not model.predictors and not model.claims


def states_figures_only(model: Model) -> bool:
    """Whether no answer is stated of the model, only claims: where its logits tie, its greedy token is chance."""
    answers = (model.rule, model.cycle, model.margin)
    return bool(model.claims) and not model.predictors and all(stated is None for stated in answers)


@check(applies=lambda model: model.rule is not None or claims_nothing(model))
def rule(model: Model, how: How) -> Finding:
    """In every context the answer is one that the rule permits, and no forbidden token's logit comes up to it."""
    if model.rule is None:
        return Finding("undecided", "computed", 0, "the model states no rule, predictor or claim to hold it to")
    seen = survey(model, look.checked_rule(model.rule, model.vocab), how)
    if not seen.judged and seen.first is None and seen.method != "sampled" and not seen.widest:
        return Finding("failed", seen.method, seen.contexts, "vacuous: the rule determines nothing in any context")
    return _settled(seen)


@check(applies=lambda model: bool(model.predictors))
def predictors(model: Model, how: How) -> Finding:
    """In every context the answer is the one that each predictor gives, also where the rule is silent."""
    findings = [
        _settled(survey(model, look.checked_predictor(predictor, model.vocab), how)) for predictor in model.predictors
    ]
    worst = min(findings, key=lambda finding: ["failed", "undecided", "holds"].index(finding.status))
    margins = [finding.margin for finding in findings if finding.margin is not None]
    return worst._replace(margin=min(margins, default=None))


@check(applies=lambda model: bool(model.deviations))
def deviations(model: Model, how: How) -> Finding:
    """What was meant fails in exactly the stated contexts: one more or one less is a failure."""
    for deviation in model.deviations:
        meant = look.checked_rule(deviation.meant, model.vocab)
        seen = survey(model, meant, replace(how, every=True))
        if seen.widest:
            detail = f"not all contexts were settled in the time allowed: {seen.widest}{_by_name(seen)}"
            return Finding("undecided", seen.method, seen.contexts, detail, None, seen.first, seen.failures)
        stated, found = set(deviation.contexts), set(seen.failures)
        if seen.method == "sampled":  # it need not have met those that are stated
            found |= {context for context in stated if _readable(model, context) and _fails(model, context, meant)}
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
def margin(model: Model, how: How) -> Finding:
    """In every context the answer's logit exceeds the second best by at least the stated margin."""
    assert model.margin is not None
    seen = _proof_of_all(model, how)
    if seen is not None and seen.first is None and seen.margin is not None:
        detail = f"at least {seen.margin:.6g}, in {seen.where}; stated {model.margin:g}"
        if seen.margin >= model.margin:
            return Finding("holds", "proved", seen.contexts, detail, seen.margin)
        if not affordable(model):  # else it is run: a bound leaves a little to rounding
            return Finding("undecided", "proved", seen.contexts, detail, seen.margin)
    method, batches = sweep(model, how)
    count, smallest, shown = 0, np.inf, None
    for tokens in batches:
        logits = answer_logits(model, tokens, exact=True)
        margins = look.margin(logits, np.arange(len(model.vocab)) == logits.argmax(axis=1)[:, None])
        margins[np.isnan(margins)] = -np.inf
        count += len(tokens)
        if margins.min() < smallest:
            i = margins.argmin()
            smallest, shown = float(margins[i]), look.counterexample(model, tokens[i], logits[i], look.best(logits[i]))
    detail = f"{smallest:.6g}" + (f" after {written(shown.context)}" if shown else "") + f"; stated {model.margin:g}"
    if smallest < model.margin:
        return Finding("failed", method, count, detail, smallest, shown)
    return Finding("undecided" if method == "sampled" else "holds", method, count, detail, smallest)


@check(applies=lambda model: not states_figures_only(model))
def float32(model: Model, how: How) -> Finding:
    """In single precision every context gets the same answer."""
    if model.transformer.dtype == np.float32:
        return Finding("holds", "computed", 0, "it is float32")
    try:
        with np.errstate(over="ignore"):
            single = replace(model, transformer=model.transformer.astype(np.float32))
    except ModelError as error:
        return Finding("failed", "computed", 0, f"the weights do not fit: {error}")
    total = contexts.count(len(model.vocab), model.n_ctx)
    proofs = [_proof_of_all(model, how), _proof_of_all(single, how)]  # by the same rule, so of the same answers
    if all(seen is not None and seen.first is None for seen in proofs):
        return Finding("holds", "proved", total)
    if look.by_proof(model, how):  # no rule says one answer everywhere: the two are held against each other
        found = prove_equal(*(model.transformer, single.transformer, model.vocab), first=True, max_seconds=TRY_SECONDS)
        if found.counterexamples:
            context = found.counterexamples[0].context
            row = model.encode(context)[None]
            allowed, logits32 = look.best(answer_logits(model, row)[0]), answer_logits(single, row)[0]
            shown = look.counterexample(single, row[0], logits32, allowed)
            return Finding("failed", "proved", total, "another answer in float32", None, shown)
        if not found.widest and found.margin > 0:  # nor is there a tie
            return Finding("holds", "proved", total)
    method, batches = sweep(model, how)
    seen = 0
    for tokens in batches:
        logits, logits32 = answer_logits(model, tokens), answer_logits(single, tokens)
        seen += len(tokens)
        answers = np.arange(len(model.vocab)) == logits.argmax(axis=1)[:, None]
        # A tie that is new is another answer by chance; NaN is not > 0.
        wins, won = look.margin(logits32, answers) > 0, look.margin(logits, answers) > 0
        wrong = np.flatnonzero((won & ~wins) | (logits.argmax(axis=1) != logits32.argmax(axis=1)))
        if len(wrong):
            i = wrong[0]
            shown = look.counterexample(single, tokens[i], logits32[i], look.best(logits[i]))
            return Finding("failed", method, seen, "another answer in float32", None, shown)
    return Finding("undecided" if method == "sampled" else "holds", method, seen)


@check(applies=lambda model: model.cycle is not None)
def cycle(model: Model, how: How) -> Finding:
    """From every context, greedy generation is on the stated cycle after at most the stated number of tokens."""
    assert model.cycle is not None
    goal = [model.vocab.index(token) for token in model.cycle.tokens]
    method: Method
    if affordable(model) or how.method == "enumerate":
        window, method, count = model.n_ctx, "enumerated", contexts.count(len(model.vocab), model.n_ctx)
        path = walk(of_contexts(model), goal, window)
    else:
        seen = _proof_of_all(model, how)
        suffixes = None if seen is None or seen.first is not None else of_suffixes(_total(model)[0].function, model)
        if seen is None or suffixes is None:
            return Finding("undecided", "computed", 0, "there are too many contexts to walk through")
        (window, following), method, count = suffixes, "proved", seen.contexts
        path = walk(following, goal, window)
    if path.problem:
        return Finding("failed", method, count, f"from {_shown(model, path.farthest)} {path.problem}")
    steps = path.steps + model.n_ctx - window  # with the last k tokens on the cycle, the rest follows
    detail = f"{steps} tokens at most, from {_shown(model, path.farthest)}; stated {model.cycle.within}"
    return Finding("holds" if steps <= model.cycle.within else "failed", method, count, detail)


@check(applies=lambda model: bool(model.claims))
def claims(model: Model, how: How) -> Finding:
    """Every figure that its source states of the model comes out again when it is computed."""
    said = []
    for claim in model.claims:
        found = claim.recomputed(model)
        if not claim.holds(found):
            detail = f"{claim.text} is {found!r}, but {claim.claimed!r} is claimed ({claim.source})"
            return Finding("failed", "computed", 0, detail)
        said.append(f"{claim.text}: claimed {claim.claimed!r}, recomputed {found!r}")
    detail = f"{len(said)} claim{'s' * (len(said) > 1)}: {'; '.join(said)}"
    return Finding("holds", "computed", 0, detail)


def _total(model: Model) -> list[look.Question]:
    """What says a right answer to every context, perhaps: a predictor, or else the rule."""
    asked = [look.checked_predictor(predictor, model.vocab) for predictor in model.predictors]
    return asked + ([] if model.rule is None else [look.checked_rule(model.rule, model.vocab)])


def _proof_of_all(model: Model, how: How) -> Survey | None:
    """Where a proof is wanted: that of the answer to every context, or None where nothing determines all of them."""
    if not (look.by_proof(model, how) and (asked := _total(model))):
        return None
    seen = survey(model, asked[0], how)
    return seen if seen.determined else None


def _settled(seen: Survey) -> Finding:
    if seen.first is not None:
        count = f"{len(seen.failures)} of {contexts.counted(seen.contexts)} contexts"
        detail = "wrong in the shortest context there is" if seen.method == "proved" else f"wrong in {count}"
        if seen.widest:
            detail += f", of those settled in the time allowed; not settled: {seen.widest}{_by_name(seen)}"
        if seen.first.margin == 0:
            detail += "; the first is a tie"
        return Finding("failed", seen.method, seen.contexts, detail, seen.margin, seen.first, seen.failures)
    if seen.widest:
        detail = f"not proved in the time allowed: {seen.widest}{_by_name(seen)}"
        return Finding("undecided", seen.method, seen.contexts, detail)
    if seen.method == "sampled":
        return Finding("undecided", seen.method, seen.contexts, "right in every context of a sample", seen.margin)
    return Finding("holds", seen.method, seen.contexts, "", seen.margin)


def _by_name(seen: Survey) -> str:
    return f"; {seen.by_name}" if seen.by_name else ""


def _at(model: Model, context: Context, asked: look.Question) -> Counterexample:
    row = model.encode(context)
    allowed = look.allowed_tokens(model, [context], asked.permitted)[0]
    return look.counterexample(model, row, answer_logits(model, row[None])[0], allowed)


def _fails(model: Model, context: Context, asked: look.Question) -> bool:
    shown = _at(model, context, asked)
    return shown.margin is not None and not shown.margin > 0


def _readable(model: Model, context: Context) -> bool:
    try:
        return len(model.encode(context)) == len(context)
    except ContextError:
        return False


def _shown(model: Model, row: Sequence[int] | Array) -> str:
    return written(model.decode(np.asarray(row)))
