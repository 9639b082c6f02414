"""What running contexts shows of a rule or predictor, batch by batch, here or on workers."""

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from properties.checks.right import Question, answers, judged, margins, permitting, questions
from properties.checks.verdict import Finding, How, Method
from properties.proof.counterexample import Counterexample
from zoo import enumeration
from zoo.model import NUMBER, Context, Model
from zoo.shards import Shards, bare
from zoo.transformer.arrays import Array


@dataclass(frozen=True)
class Ran:
    """Of a batch: the least margin, how many answers are judged, which contexts are wrong, and the first of them."""

    least: float
    judged: int
    wrong: Array  # int [context]: rows of the batch
    first: Counterexample | None


def run(
    model: Model, question: Question, method: Method, batches: Iterator[Array], how: How
) -> tuple[Finding, Mapping[int, int]]:
    """What running finds, and how many answers were judged in contexts of each length."""
    seen, number, smallest = 0, Counter[int](), np.inf
    failures: list[Context] = []
    first: Counterexample | None = None
    for tokens, found in _each(model, question, method, batches, how):
        seen += len(tokens)
        number[tokens.shape[1]] += found.judged
        smallest = min(smallest, found.least)
        failures += model.decode_rows(tokens[found.wrong])
        first = first or found.first
    margin = smallest if any(number.values()) else None
    return Finding("failed" if failures else "holds", method, seen, "", margin, first, tuple(failures)), number


def _each(
    model: Model, question: Question, method: Method, batches: Iterator[Array], how: How
) -> Iterator[tuple[Array, Ran]]:
    if method == "enumerated" and (how.executor or how.keep):
        rule, predictors = (question.function, ()) if question.kind == "rule" else (None, (question.function,))
        only = replace(bare(model), rule=rule, predictors=predictors, accuracy=None)
        with Shards(Running, only, executor=how.executor, keep=how.keep) as shards:
            yield from shards.each(batches)
        return
    with permitting(model, question, method == "enumerated") as permits:
        for tokens in batches:
            yield tokens, ran(model, tokens, permits(tokens))


class Running:
    """Runs a model on batches of contexts, and holds it against the one question that is stated of it."""

    def __init__(self, model: Model) -> None:
        self.model, [self.question] = model, questions(model)

    def __call__(self, tokens: Array) -> Ran:
        with permitting(self.model, self.question, every=False) as permits:
            return ran(self.model, tokens, permits(tokens))


def ran(model: Model, tokens: Array, permitted: Array) -> Ran:
    """What is seen in contexts [batch, seq], of which that is permitted."""
    logits, by = closest(model, tokens, [permitted], sums=True)
    failing = np.flatnonzero(~(by > 0))
    first = counterexample(model, tokens, failing[0], logits, permitted) if len(failing) else None
    wrong = np.unique(failing // answers(model, tokens.shape[1]))
    return Ran(float(by.min()), int(judged(permitted).sum()), wrong, first)


def answer_logits(model: Model, tokens: Array, exact: bool = False) -> Array:
    """[batch, seq] -> the logits of each answer, [row, output]. What overflows shows in the logits, not as a warning.

    A row is a context or, where the model answers at every position, a position of one, in order.

    The order of the best two is that of the forward pass. Where that is quicker, the logits are computed by running
    sums, within a bound of the forward pass's (`zoo.enumeration`); `exact` asks for the forward pass's own.
    """
    with np.errstate(all="ignore"):
        if model.answers == "every":
            return model.forward(tokens).reshape(-1, len(model.transformer.readout))
        if exact or not _shares(model):
            return model.forward(tokens, last=True)[:, -1]
        return enumeration.last_rows(model.transformer, tokens)


def _shares(model: Model) -> bool:
    """Whether contexts may share work: one answer in each, a token's, by no forward pass of the model's own."""
    single = model.answers != "every" and model.outputs is not NUMBER
    return single and model.weights_decide


def ordered_logits(model: Model, tokens: Array) -> tuple[Array, Array]:
    """The same by the quickest program, the best two in the forward pass's order, and how far off each row may be.

    That is 0 where they are the forward pass's own.
    """
    if not _shares(model):
        logits = answer_logits(model, tokens)
        return logits, np.zeros(len(logits))
    return enumeration.last_logits(model.transformer, tokens, model.scope.count())


def closest(model: Model, tokens: Array, each: Sequence[Array], sums: bool = False) -> tuple[Array, Array]:
    """The logits of each answer, and the least margin by any of what is permitted, [row].

    They are the forward pass's own where that margin is the least of all, and the first that is none; elsewhere within
    a bound of those, and the margins on the same side of 0. With `sums` they are everywhere as `answer_logits` has them
    where that computes running sums.
    """
    if sums and enumeration.path(model.transformer) == "sums":
        logits = answer_logits(model, tokens)
        return logits, margins(model, logits, each)
    logits, off = ordered_logits(model, tokens)
    by = margins(model, logits, each)
    # A margin is off by 2 errors, as that of the least is: 4. What rounds where logits are subtracted, and where they
    # are made ones of the model's type, is less than one.
    near = by <= min(by.min() + 5 * off.max(), sys.float_info.max)
    near[np.flatnonzero(by <= 0)[:1]] = True
    near &= off > 0
    if near.any():
        logits[near] = answer_logits(model, tokens[near], exact=True)
        by[near] = margins(model, logits[near], [one[near] for one in each])
    return logits, by


def counterexample(model: Model, tokens: Array, row: int, logits: Array, allowed: Array) -> Counterexample:
    """What the model says in one row of the answers in contexts [batch, seq], and what is permitted there."""
    context, at = divmod(int(row), answers(model, tokens.shape[1]))
    where = at if model.answers == "every" else None
    dtype = model.transformer.dtype
    return Counterexample.of(tokens[context], model.vocab, logits[row], allowed[row], dtype, model.names, where)
