"""Running a model on every context it can be run on, and holding its answers against permitted ones."""

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np

from properties.verdict import Counterexample, Method
from zoo import contexts
from zoo.arrays import Array
from zoo.cost import flops
from zoo.errors import RuleError
from zoo.model import Context, Model, Predictor, Rule

# What one sweep over contexts may cost, in operations of the forward pass: a few seconds.
BUDGET = 10**10
Permitted = Callable[[Context], AbstractSet[str]]


@dataclass
class Survey:
    """What was seen of a model against permitted answers; contexts where all or none are permitted are not judged."""

    method: Method
    contexts: int = 0
    judged: int = 0
    margin: float | None = None  # the smallest best permitted - best forbidden logit
    failures: list[Context] = field(default_factory=list)  # shortest first
    first: Counterexample | None = None


def sweep(model: Model, cost: float = 1, most: int = 4096) -> tuple[Method, Iterator[Array]]:
    """All contexts as batches of tokens, shortest first; where they cost more than the budget, a sample of each length.

    `cost` is what one operation takes in the caller's hands, that of the batched forward pass being 1; a sample has
    at `most` so many contexts of a length.
    """
    vocab, n_ctx = len(model.vocab), model.n_ctx
    if contexts.count(vocab, n_ctx) * flops(model.transformer, n_ctx) * cost <= BUDGET:
        rows = max(1, 2**24 // (n_ctx * (n_ctx + model.transformer.d_model)))  # keeps a batch within some hundred MB
        return "enumerated", contexts.batches(vocab, n_ctx, rows)
    return "sampled", _sample(model, cost, most)


def _sample(model: Model, cost: float, most: int) -> Iterator[Array]:
    """Contexts of about 16 lengths from 1 to n_ctx, at random but always the same, as many as the budget allows."""
    random = np.random.default_rng(0)
    lengths = np.unique(np.geomspace(1, model.n_ctx, num=16).round().astype(int)).tolist()
    for length in lengths:
        each = flops(model.transformer, length) * cost
        affordable = min(int(BUDGET / len(lengths) / each), most) or int(each <= BUDGET)
        if len(model.vocab) ** length <= affordable:
            yield from contexts.of_length(len(model.vocab), length)
        elif affordable:
            yield random.integers(len(model.vocab), size=(affordable, length))


def answer_logits(model: Model, tokens: Array) -> Array:
    """[batch, seq] -> the last row of logits, [batch, vocab]. What overflows shows in the logits, not as a warning."""
    with np.errstate(all="ignore"):
        return model.forward(tokens)[:, -1]


def survey(model: Model, permitted: Permitted) -> Survey:
    """Every context's answer against the permitted ones. A tie is a failure: its sums in another order may differ."""
    method, batches = sweep(model)
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
    """Only the greedy answer permitted: [vocab] -> bool [vocab]."""
    allowed: Array = np.arange(len(logits)) == logits.argmax()
    return allowed


def counterexample(model: Model, row: Array, logits: Array, allowed: Array | None) -> Counterexample:
    """What the model says after a row of tokens; permitted is what is allowed, or where that is None its own answer."""
    allowed = best(logits) if allowed is None else allowed
    judged = allowed.any() and not allowed.all()
    return Counterexample(
        context=model.decode(row),
        predicted=model.vocab[int(logits.argmax())],
        permitted=tuple(token for token, is_allowed in zip(model.vocab, allowed) if is_allowed),
        logits=tuple(float(logit) for logit in logits),
        margin=float(margin(logits, allowed)) if judged else None,
    )


def checked_rule(rule: Rule, vocab: tuple[str, ...]) -> Permitted:
    """The rule, with RuleError where it raises or permits what is no token of the vocabulary."""

    def permitted(context: Context) -> AbstractSet[str]:
        answer = _call(rule, context)
        if not isinstance(answer, set | frozenset):
            raise RuleError(f"{_name(rule)}({context!r}) is {answer!r}, but should be a set of tokens")
        if not answer <= set(vocab):
            strange = min(map(repr, answer - set(vocab)))
            raise RuleError(
                f"{_name(rule)}({context!r}) permits {strange}, but should permit some of {', '.join(vocab)}"
            )
        return answer

    return permitted


def checked_predictor(predictor: Predictor, vocab: tuple[str, ...]) -> Permitted:
    """The predictor's answer as the one permitted, with RuleError where it raises or is no token of the vocabulary."""

    def permitted(context: Context) -> AbstractSet[str]:
        answer = _call(predictor, context)
        if not isinstance(answer, str) or answer not in vocab:
            raise RuleError(f"{_name(predictor)}({context!r}) is {answer!r}, but should be one of {', '.join(vocab)}")
        return {answer}

    return permitted


def _call(function: Callable[[Context], object], context: Context) -> object:
    try:
        return function(context)
    except Exception as error:
        raise RuleError(
            f"{_name(function)}({context!r}) raises {type(error).__name__}: {error}, but should answer every context"
        ) from error


def _name(function: object) -> str:
    return getattr(function, "__name__", repr(function))
