"""The one meaning of right: what is permitted after the contexts of a domain, and by how much it wins.

An answer is judged where something, not everything, is permitted. Its margin is the best permitted logit less the best
one that is not; where several rules and predictors are stated, the least of theirs. What is left open has none. Of a
number, what is permitted lies within so much of what is right, and its margin is how far inside it is.

Answers are rows: one a context, or where the model answers at every position one a position, contexts in their order.
What is permitted of a row is bool [output]; of a number, float [2], what is right, NaN where nothing is asked, and
`within`.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np

from properties.proof.counterexample import around, margin_of
from properties.proof.counterexample import judged as judged
from zoo.model import NUMBER, Context, Model, Predictor, Rule
from zoo.rule import PREDICTOR, Asked, Permitted
from zoo.rule.watch import known, watching
from zoo.transformer import greedy
from zoo.transformer.arrays import Array

OWN = "of the model's own answers, as no rule is stated"
MOST_KEPT = 2**26  # bytes of what one question permits in all contexts
Permits = Callable[[Array], Array]  # of contexts of a length, int [batch, seq]: [row, output or 2]


@dataclass(frozen=True)
class Question:
    """A rule or predictor as it was given, and as it is asked what it permits after a context, checked."""

    function: Rule | Predictor
    asked: Asked
    kind: str  # "rule" or "predictor"

    def __call__(self, context: Context, *at: int) -> Permitted:
        """What it permits there: after a context, or at a position of it."""
        return (self.asked.at(*at) if at else self.asked)(context)


def checked_rule(rule: Rule, names: Sequence[str]) -> Question:
    """The rule, with RuleError where it raises or permits what is no name; without names, what is no number."""
    return Question(rule, Asked(rule, names, "rule"), "rule")


def checked_predictor(predictor: Predictor, names: Sequence[str]) -> Question:
    """The predictor's answer as the one permitted, with RuleError where it raises or says what is no name."""
    return Question(predictor, Asked(predictor, names, "predictor", PREDICTOR), "predictor")


def questions(model: Model) -> list[Question]:
    """What is stated of a model's answers in every context: its rule, but where accuracy is stated; its predictors."""
    rule = [] if model.rule is None or model.accuracy is not None else [checked_rule(model.rule, model.names)]
    return rule + [checked_predictor(predictor, model.names) for predictor in model.predictors]


# What was permitted in all contexts, in their order: several checks hold answers against the same.
_kept: deque[tuple[tuple[object, ...], Array]] = deque(maxlen=4)


class _Reader:
    """Reads rows that were kept, from the first on."""

    def __init__(self, kept: Array, model: Model) -> None:
        self.kept, self.model, self.at = kept, model, 0

    def __call__(self, tokens: Array) -> Array:
        rows = len(tokens) * answers(self.model, tokens.shape[1])
        self.at += rows
        return self.kept[self.at - rows : self.at]


@contextmanager
def permitting(model: Model, question: Question, every: bool) -> Iterator[Permits]:
    """Asks a question, and watches that nothing is remembered from one context to the next.

    `every` says that all contexts will be asked about, in the order of `model.scope`: what is permitted in them is
    kept, and the question is not asked again until something has changed that its function reaches.
    """
    outputs = (model.answers, model.names, model.within)
    about = (known(question.function), model.domain, model.n_ctx, tuple(model.vocab), question.kind, outputs)
    for its, kept in _kept:
        if every and its == about:
            yield _Reader(kept, model)
            return
    said: list[Array] = []
    with watching(question.asked) as asked:

        def ask(tokens: Array) -> Array:
            said.append(allowed(model, model.decode_rows(tokens), asked))
            return said[-1]

        yield ask
    number = sum(model.scope.count(length) * answers(model, length) for length in model.scope.lengths)
    if every and sum(map(len, said)) == number and sum(one.nbytes for one in said) <= MOST_KEPT:
        _kept.append((about, np.concatenate(said)))


@contextmanager
def judging(model: Model, every: bool) -> Iterator[Callable[[Array], list[Array]]]:
    """What is permitted by the rule and each predictor in contexts [batch, seq]; none where neither is stated."""
    with ExitStack() as stack:
        asks = [stack.enter_context(permitting(model, question, every)) for question in questions(model)]
        yield lambda tokens: [ask(tokens) for ask in asks]


def answers(model: Model, length: int) -> int:
    """How many answers the model gives in a context of that length."""
    return length if model.answers == "every" else 1


def margins(model: Model, logits: Array, allowed: Sequence[Array]) -> Array:
    """The least margin by any of several permitted: [row]; inf where none of them judges, -inf for a NaN.

    Where none is stated, the model's own answer takes their place.
    """
    each = [np.where(judged(one), margin_of(logits, one), np.inf) for one in allowed or [own_answers(model, logits)]]
    least = np.min(each, axis=0)
    return np.asarray(np.where(np.isnan(least), -np.inf, least))


def own_answers(model: Model, logits: Array) -> Array:
    """Only the own answers permitted, of logits [row, output]. Of NaN, one: nothing wins then."""
    if model.within is not None:
        return around(np.asarray(logits[:, 0], dtype=np.float64), model.within)
    return np.asarray(np.arange(logits.shape[-1]) == logits.argmax(axis=-1)[..., None])


def own_or_none(model: Model, logits: Array) -> Array:
    """The same, and none permitted where a logit is NaN."""
    own = own_answers(model, logits)
    return own if model.outputs is NUMBER else own & ~np.isnan(logits).any(axis=-1, keepdims=True)


def changed(model: Model, logits: Array, others: Array) -> Array:
    """Where others, both [row, output], answer something else, or one of the two answers nothing: bool [row]."""
    if model.outputs is NUMBER:
        return np.asarray(~(margin_of(others, own_answers(model, logits)) > 0))
    own = greedy(logits)
    return np.asarray((own != greedy(others)) | (own < 0))


def allowed(model: Model, words: Iterable[Context], asked: Callable[..., Permitted]) -> Array:
    """What is permitted in each context, where it is asked: [row, output or 2]."""
    if model.answers == "every":
        said = [asked(context, at) for context in words for at in range(len(context))]
    else:
        said = [asked(context) for context in words]
    if model.within is not None:
        return around(np.array([next(iter(one), np.nan) for one in said]), model.within)
    index = {name: i for i, name in enumerate(model.names)}
    found = np.zeros((len(said), len(index)), dtype=bool)
    for row, names in zip(found, said):
        for name in names:
            row[index[name]] = True
    return found
