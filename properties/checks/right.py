"""The one meaning of right: what is permitted after the contexts of a domain, and by how much it wins.

A context is judged where something, not everything, is permitted. Its margin is the best permitted logit less the best
one that is not; where several rules and predictors are stated, the least of theirs. What is left open has none.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from properties.proof.counterexample import margin_of
from zoo.model import Context, Model, Predictor, Rule
from zoo.rule import PREDICTOR, Asked
from zoo.rule.watch import known, watching
from zoo.transformer.arrays import Array

OWN = "of the model's own answers, as no rule is stated"
MOST_KEPT = 2**26  # bytes of what one question permits in all contexts
Permits = Callable[[Array], Array]  # of contexts of a length, int [batch, seq]: bool [batch, vocab]


@dataclass(frozen=True)
class Question:
    """A rule or predictor as it was given, and as it is asked what it permits after a context, checked."""

    function: Rule | Predictor
    asked: Asked
    kind: str  # "rule" or "predictor"


def checked_rule(rule: Rule, vocab: Sequence[str]) -> Question:
    """The rule, with RuleError where it raises or permits what is no token of the vocabulary."""
    return Question(rule, Asked(rule, vocab, "rule"), "rule")


def checked_predictor(predictor: Predictor, vocab: Sequence[str]) -> Question:
    """The predictor's answer as the one permitted, with RuleError where it raises or is no token of the vocabulary."""
    return Question(predictor, Asked(predictor, vocab, "predictor", PREDICTOR), "predictor")


def questions(model: Model) -> list[Question]:
    """What is stated of a model's answers: its rule, then its predictors."""
    rule = [] if model.rule is None else [checked_rule(model.rule, model.vocab)]
    return rule + [checked_predictor(predictor, model.vocab) for predictor in model.predictors]


# What was permitted in all contexts, in their order: several checks hold answers against the same.
_kept: deque[tuple[tuple[object, ...], Array]] = deque(maxlen=4)


class _Reader:
    """Reads rows that were kept, from the first on."""

    def __init__(self, kept: Array) -> None:
        self.kept, self.at = kept, 0

    def __call__(self, tokens: Array) -> Array:
        self.at += len(tokens)
        return self.kept[self.at - len(tokens) : self.at]


@contextmanager
def permitting(model: Model, question: Question, every: bool) -> Iterator[Permits]:
    """Asks a question, and watches that nothing is remembered from one context to the next.

    `every` says that all contexts will be asked about, in the order of `model.scope`: what is permitted in them is
    kept, and the question is not asked again until something has changed that its function reaches.
    """
    about = (known(question.function), model.domain, model.n_ctx, tuple(model.vocab), question.kind)
    for its, kept in _kept:
        if every and its == about:
            yield _Reader(kept)
            return
    said: list[Array] = []
    with watching(question.asked) as asked:

        def ask(tokens: Array) -> Array:
            said.append(allowed_tokens(model, map(model.decode, tokens.tolist()), asked))
            return said[-1]

        yield ask
    number = model.scope.count()
    if every and sum(map(len, said)) == number and number * len(model.vocab) <= MOST_KEPT:
        _kept.append((about, np.concatenate(said)))


@contextmanager
def judging(model: Model, every: bool) -> Iterator[Callable[[Array], list[Array]]]:
    """What is permitted by the rule and each predictor after contexts [batch, seq]; none where neither is stated."""
    with ExitStack() as stack:
        asks = [stack.enter_context(permitting(model, question, every)) for question in questions(model)]
        yield lambda tokens: [ask(tokens) for ask in asks]


def judged(allowed: Array) -> Array:
    """Where something is permitted, and not everything: bool [..., vocab] -> [...]."""
    return np.asarray(allowed.any(axis=-1) & ~allowed.all(axis=-1))


def margins(logits: Array, allowed: Sequence[Array]) -> Array:
    """The least margin by any of several bool [..., vocab]: [...]; inf where none of them judges, -inf for a NaN.

    Where none is stated, the greedy answer takes their place.
    """
    each = [np.where(judged(one), margin_of(logits, one), np.inf) for one in allowed]
    least = np.min(each, axis=0) if each else margin_of(logits, own_answers(logits))
    return np.asarray(np.where(np.isnan(least), -np.inf, least))


def own_answers(logits: Array) -> Array:
    """Only the greedy answer permitted: [..., vocab] -> bool [..., vocab]. Of NaN, one: nothing wins then."""
    return np.asarray(np.arange(logits.shape[-1]) == logits.argmax(axis=-1)[..., None])


def allowed_tokens(model: Model, words: Iterable[Context], asked: Callable[[Context], frozenset[str]]) -> Array:
    """Which tokens are permitted after each context: bool [contexts, vocab]."""
    index = {token: i for i, token in enumerate(model.vocab)}
    said = [asked(context) for context in words]
    allowed = np.zeros((len(said), len(model.vocab)), dtype=bool)
    for row, tokens in zip(allowed, said):
        for token in tokens:
            row[index[token]] = True
    return allowed
