"""Running a model on every context it can be run on, and holding its answers against permitted ones."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from properties.checks.verdict import AUTO, Counterexample, How, Method
from properties.proof.boxes import said
from properties.proof.reach import within_reach
from properties.proof.search import Proof, prove_answers
from zoo import contexts, enumeration
from zoo.cost.operations import flops
from zoo.errors import ModelError
from zoo.model import Context, Model, Predictor, Rule
from zoo.progress import steps
from zoo.rule import PREDICTOR, Asked, Function
from zoo.rule.watch import watching
from zoo.transformer import Attention, Mlp, Transformer, greedy
from zoo.transformer.arrays import Array

# What one sweep over contexts may cost, in operations of the forward pass: a few seconds.
BUDGET = 10**10
SAMPLE = 5 * 10**8  # and what a sample may cost
RULE = 10**4  # what a plain-Python rule costs for a context, in such operations: some microseconds
MOST = 1000  # how many times the budget may be asked for: about an hour
PROOF_SECONDS = {"auto": 120, "prove": 1200}  # what one proof may take
Permitted = Callable[[Context], frozenset[str]]


@dataclass(frozen=True)
class Question:
    """A rule or predictor as it was given, and what it permits after a context, checked."""

    function: Rule | Predictor
    permitted: Asked
    kind: str  # "rule" or "predictor"


@dataclass
class Survey:
    """What was seen of a model against permitted answers; contexts where all or none are permitted are not judged."""

    method: Method
    contexts: int = 0
    judged: int = 0
    margin: float | None = None  # the smallest best permitted - best forbidden logit
    failures: list[Context] = field(default_factory=list)  # shortest first
    first: Counterexample | None = None
    widest: str = ""  # where a proof ran out of time: the largest set of contexts that is left
    determined: bool = False  # it was proved, and one token is right in every context
    where: str = ""  # the contexts among which a proof found the smallest margin
    by_name: str = ""  # why a proof looked at every context by itself


def sweep(model: Model, how: How = AUTO, cost: float = 1) -> tuple[Method, Iterator[Array]]:
    """Contexts as batches of tokens, shortest first: all of them, or a sample where they cost more than the budget.

    `cost` is what one operation takes in the caller's hands, that of the batched forward pass being 1.
    """
    vocab, n_ctx = len(model.vocab), model.n_ctx
    if how.method == "enumerate" and not affordable(model, 1 / MOST):
        raise ModelError(
            f"{model.name} has {contexts.counted(contexts.count(vocab, n_ctx))} contexts of up to {n_ctx} tokens, but "
            "should have fewer to be enumerated: the methods auto and prove settle more"
        )
    if how.method == "enumerate" or (how.method != "sample" and affordable(model, cost)):
        rows = max(1, 2**25 // _numbers(model.transformer))  # keeps a batch within some hundred MB
        batches = sum(-(-(vocab**length) // rows) for length in range(1, n_ctx + 1))
        return "enumerated", steps(contexts.batches(vocab, n_ctx, rows), "batches of contexts", batches)
    return "sampled", _sample(model, cost)


def _numbers(transformer: Transformer) -> int:
    """How many numbers a forward pass on one of the longest contexts has in hand: scores, streams, logits."""
    heads = max((layer.sizes["head"] for layer in transformer.layers if isinstance(layer, Attention)), default=0)
    hidden = max((layer.sizes["d_mlp"] for layer in transformer.layers if isinstance(layer, Mlp)), default=0)
    row = 3 * heads * transformer.n_ctx + (4 + heads) * transformer.d_model + 3 * hidden
    return transformer.n_ctx * row + 4 * transformer.sizes["vocab"]


def affordable(model: Model, cost: float = 1) -> bool:
    """Whether the budget reaches for running every context."""
    each = flops(model.transformer, model.n_ctx) * cost + RULE * min(cost, 1)
    return contexts.count(len(model.vocab), model.n_ctx) <= BUDGET / each


def means(model: Model, how: How) -> str:
    """What to add to a verdict that is undecided: the means by which it would be settled, where there is one."""
    if how.method == "enumerate" or not affordable(model, 1 / MOST):
        return ""
    total = contexts.counted(contexts.count(len(model.vocab), model.n_ctx))
    return f"; --method enumerate would settle it, by running all {total} contexts"


def by_proof(model: Model, how: How) -> bool:
    """Whether to prove: where it is asked for, or where contexts are too many; where there are bounds at all."""
    wanted = how.method == "prove" or (how.method == "auto" and not affordable(model))
    return wanted and within_reach(model.transformer)


def _sample(model: Model, cost: float) -> Iterator[Array]:
    """Contexts of about 16 lengths from 1 to n_ctx, at random but always the same, as many as the budget allows.

    Of a length at which they cost much, one is run.
    """
    random = np.random.default_rng(0)
    lengths = np.unique(np.geomspace(1, model.n_ctx, num=16).round().astype(int)).tolist()
    for length in lengths:
        each = flops(model.transformer, length) * cost
        rows = min(int(SAMPLE / len(lengths) / each), 256) or int(each <= 2 * SAMPLE or length == 1)
        if len(model.vocab) ** length <= rows:
            yield from contexts.of_length(len(model.vocab), length)
        elif rows:
            yield contexts.sample(random, len(model.vocab), length, rows)


def answer_logits(model: Model, tokens: Array, exact: bool = False) -> Array:
    """[batch, seq] -> the last row of logits, [batch, vocab]. What overflows shows in the logits, not as a warning.

    The order of the best two is that of the forward pass. Where that is quicker, the logits are computed by running
    sums, within a bound of the forward pass's (`zoo.enumeration`); `exact` asks for the forward pass's own.
    """
    with np.errstate(all="ignore"):
        if exact or type(model).forward is not Model.forward:
            return model.forward(tokens, last=True)[:, -1]
        return enumeration.last_rows(model.transformer, tokens)


def survey(model: Model, asked: Question, how: How = AUTO) -> Survey:
    """Every context's answer against the permitted ones, by the strongest means that is quick enough.

    Where a proof fails, only the shortest context is sought, or where `how` says so all of them. A tie is a failure:
    its sums in another order may differ.
    """
    if by_proof(model, how):
        return _proved(model, asked, how)
    with watching(asked.permitted) as permitted:
        return _run(model, permitted, *sweep(model, how))


def _run(model: Model, permitted: Permitted, method: Method, batches: Iterator[Array]) -> Survey:
    result = Survey(method)
    for tokens in batches:
        words = [model.decode(row) for row in tokens]
        logits = answer_logits(model, tokens)
        allowed = allowed_tokens(model, words, permitted)
        judged = allowed.any(axis=1) & ~allowed.all(axis=1)
        margins = margin(logits, allowed)
        result.contexts += len(tokens)
        result.judged += int(judged.sum())
        if judged.any():
            smallest = float(margins[judged].min())
            result.margin = smallest if result.margin is None else min(result.margin, smallest)
        failing = np.flatnonzero(judged & ~(margins > 0))  # NaN is not > 0
        result.failures += [words[i] for i in failing]
        if len(failing) and result.first is None:
            result.first = counterexample(model, tokens[failing[0]], logits[failing[0]], allowed[failing[0]])
    return result


def _proved(model: Model, asked: Question, how: How) -> Survey:
    seconds = PROOF_SECONDS[how.method]
    found = _proof(model.transformer, tuple(model.vocab), asked.function, asked.kind, how.every, seconds)
    result = Survey(
        "proved",
        contexts=max(found.contexts + found.skipped, len(found.counterexamples)),  # some are met on the way
        judged=found.contexts,
        margin=found.margin if found.contexts else None,
        failures=[wrong.context for wrong in found.counterexamples],
        widest=found.widest,
        determined=found.status == "holds" and found.determined and not found.skipped,
        where=found.where,
        by_name=f"the {asked.kind} uses {found.tells}, and is asked of every context by itself" if found.tells else "",
    )
    if result.failures:
        row = model.encode(result.failures[0])
        allowed = allowed_tokens(model, [result.failures[0]], asked.permitted)[0]
        result.first = counterexample(model, row, answer_logits(model, row[None])[0], allowed)
    return result


# Several checks ask the same question; what it is about is told by identity, for what compares equal may differ.
_proofs: deque[tuple[tuple[object, ...], tuple[object, ...], Proof]] = deque(maxlen=8)


def _proof(
    transformer: Transformer, vocab: tuple[str, ...], function: Function, kind: str, every: bool, seconds: float
) -> Proof:
    """A proof, or the one that was found before; one that only ran out of time is not remembered."""
    about, how = (transformer, vocab, function), (kind, every, seconds)
    for known, its, found in _proofs:
        if its == how and all(one is other for one, other in zip(known, about)):
            return found
    found = prove_answers(transformer, vocab, function, first=not every, max_seconds=seconds, kind=kind)
    if found.status != "undecided":
        _proofs.append((about, how, found))
    return found


def allowed_tokens(model: Model, words: list[Context], permitted: Permitted) -> Array:
    """Which tokens are permitted after each context: bool [contexts, vocab]."""
    index = {token: i for i, token in enumerate(model.vocab)}
    allowed = np.zeros((len(words), len(model.vocab)), dtype=bool)
    for i, context in enumerate(words):
        for token in permitted(context):
            allowed[i, index[token]] = True
    return allowed


def margin(logits: Array, allowed: Array) -> Array:
    """Best permitted - best forbidden logit: [..., vocab] and bool [..., vocab] -> [...]."""
    with np.errstate(invalid="ignore"):
        best = np.where(allowed, logits, -np.inf).max(axis=-1) - np.where(allowed, -np.inf, logits).max(axis=-1)
    return np.asarray(best)


def best(logits: Array) -> Array:
    """Only the greedy answer permitted, none where a logit is NaN: [vocab] -> bool [vocab]."""
    allowed: Array = np.arange(len(logits)) == greedy(logits)
    return allowed


def counterexample(model: Model, row: Array, logits: Array, allowed: Array | None) -> Counterexample:
    """What the model says after a row of tokens; permitted is what is allowed, or where that is None its own answer."""
    allowed = best(logits) if allowed is None else allowed
    judged = allowed.any() and not allowed.all()
    return Counterexample(
        context=model.decode(row),
        predicted=said(model.vocab, logits),
        permitted=tuple(token for token, is_allowed in zip(model.vocab, allowed) if is_allowed),
        logits=tuple(float(logit) for logit in logits),
        margin=float(margin(logits, allowed)) if judged else None,
        dtype=str(model.transformer.dtype),
    )


def checked_rule(rule: Rule, vocab: Sequence[str]) -> Question:
    """The rule, with RuleError where it raises or permits what is no token of the vocabulary."""
    return Question(rule, Asked(rule, vocab, "rule"), "rule")


def checked_predictor(predictor: Predictor, vocab: Sequence[str]) -> Question:
    """The predictor's answer as the one permitted, with RuleError where it raises or is no token of the vocabulary."""
    return Question(predictor, Asked(predictor, vocab, "predictor", PREDICTOR), "predictor")
