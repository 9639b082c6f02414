"""What a model says in every context, and what is right there: one object, where contexts are few enough to list."""

import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from properties.checks.right import Question, checked_predictor, checked_rule, judged, permitting
from properties.checks.right import answers as answers_of
from properties.checks.right import margins as margins_by
from properties.checks.running import answer_logits
from properties.checks.settle import affordable
from zoo.black_box import BlackBox
from zoo.contexts import Context
from zoo.digits import nearest
from zoo.inspection.context_map import DEVIATES, SILENT, WRONG
from zoo.model import NUMBER, Model
from zoo.transformer import greedy
from zoo.transformer.arrays import Array

MOST = 8192  # contexts that are listed


@dataclass(frozen=True)
class OfLength:
    """The contexts of one length; where answers are at every position there are as many as tokens, else one."""

    tokens: Array  # int [context, length]
    margins: Array  # [context, answer]: the least by what is stated; inf where nothing is judged


@dataclass(frozen=True)
class Answers:
    """Each context in the order of `model.contexts()`: what is said, what is permitted, and by how much it wins."""

    words: Sequence[Context]
    says: Sequence[str]
    permits: Sequence[str]  # by the rule, or the first predictor; "" where nothing is asked
    tones: Array  # int [context]: 0, 1, or 2 for every other answer
    margins: Array  # [context], the least of its answers; inf where nothing is judged
    wrong: Array  # bool [context]
    deviates: Array  # bool [context]: other than was meant
    lengths: dict[int, OfLength] = field(default_factory=dict)  # none of a black box

    @cached_property
    def judged(self) -> Array:
        """bool [context]"""
        return np.asarray(self.wrong | (self.margins < np.inf))

    @cached_property
    def states(self) -> list[str]:
        """What each cell of the map shows: the gravest that is so."""
        return [
            WRONG if wrong else DEVIATES if deviates else str(tone) if speaks else SILENT
            for wrong, deviates, speaks, tone in zip(self.wrong, self.deviates, self.judged, self.tones)
        ]

    def first(self, some: Array) -> int | None:
        """The number of the first context that is marked."""
        return int(some.argmax()) if some.any() else None

    @cached_property
    def least(self) -> int | None:
        """Where the margin is smallest, of the contexts that have one."""
        return int(self.margins.argmin()) if (self.margins < np.inf).any() else None

    @cached_property
    def most(self) -> int | None:
        return None if self.least is None else int(np.where(self.margins < np.inf, self.margins, -np.inf).argmax())


def answers(model: Model) -> Answers | None:
    """None where there are too many contexts to list, or to run."""
    if model.scope.count() > MOST:
        return None
    if isinstance(model, BlackBox):
        return _of_black_box(model)
    return _of_weights(model) if affordable(model) else None


def questions(model: Model) -> list[Question]:
    """Rule and predictors; the rule also where an accuracy is stated in its place."""
    rule = [] if model.rule is None else [checked_rule(model.rule, model.names)]
    return rule + [checked_predictor(predictor, model.names) for predictor in model.predictors]


def _of_weights(model: Model) -> Answers:
    lengths, words, says, tones = dict[int, OfLength](), list[Context](), list[str](), list[int]()
    permits: list[str] = []
    stated = questions(model)
    meant = [checked_rule(one.meant, model.names) for one in model.deviations]
    wrong, deviates = list[bool](), list[bool]()
    with contextlib.ExitStack() as stack:
        asks = [stack.enter_context(permitting(model, question, True)) for question in [*stated, *meant]]
        for length in model.scope.lengths:
            tokens = np.concatenate(list(model.scope.batches(model.vocab, lengths=[length])))
            number = answers_of(model, length)
            with np.errstate(all="ignore"):
                logits = answer_logits(model, tokens, exact=True)
            allowed = [ask(tokens) for ask in asks]
            of_rules, of_meant = allowed[: len(stated)], allowed[len(stated) :]
            by = margins_by(model, logits, of_rules).reshape(len(tokens), number)
            lengths[length] = OfLength(tokens, by if stated else np.full_like(by, np.inf))
            wrong += [bool(stated) and not fine for fine in np.min(by, axis=1) > 0]
            other = [~(margins_by(model, logits, [one]) > 0).reshape(len(tokens), number) for one in of_meant]
            deviates += np.any([np.zeros((len(tokens), number), bool), *other], axis=(0, 2)).tolist()
            words += model.decode_rows(tokens)
            said = _texts(model, logits)
            says += [" ".join(said[i : i + number]) for i in range(0, len(said), number)]
            best = greedy(logits).reshape(len(tokens), number)[:, -1]
            tones += np.clip(best, 0, 2).tolist()
            allow = _permitted(model, of_rules[0]) if of_rules else [""] * len(said)
            permits += [" ".join(allow[i : i + number]) for i in range(0, len(said), number)]
    least = np.concatenate([one.margins.min(axis=1) for one in lengths.values()])
    arrays = np.array(tones), least, np.array(wrong), np.array(deviates)
    return Answers(words, says, permits, *arrays, lengths)


def _texts(model: Model, logits: Array) -> list[str]:
    if model.outputs is NUMBER:
        return [nearest(float(number)) for number in logits[:, 0]]
    return [model.names[best] if best >= 0 else "nothing" for best in greedy(logits)]


def _permitted(model: Model, allowed: Array) -> list[str]:
    """As text; "" where nothing, or everything, is permitted."""
    speaks = judged(allowed)
    if model.outputs is NUMBER:
        return [nearest(float(right)) if asked else "" for (right, _), asked in zip(allowed, speaks)]
    return [
        " or ".join(name for name, fine in zip(model.names, one) if fine) if asked else ""
        for one, asked in zip(allowed, speaks)
    ]


def _of_black_box(box: BlackBox) -> Answers:
    """Asked once in each context; what it prints is none of the page's."""
    asked = None if box.rule is None else box.asked(box.rule, "rule")
    words = list(box.contexts())
    says, permits, tones, wrong, speaks = list[str](), list[str](), list[int](), list[bool](), list[bool]()
    with contextlib.redirect_stdout(sys.stderr):
        for context in words:
            said, permitted = box.predict.say(context), frozenset[str]() if asked is None else asked(context)
            says.append(said.problem or said.answer)
            speaks.append(box.judges(permitted))
            permits.append(" or ".join(sorted(map(str, permitted))) if speaks[-1] else "")
            wrong.append(speaks[-1] and not box.right(said, permitted))
            tones.append(min(box.names.index(said.answer), 2) if said.answer in box.names else 0)
    found = Answers(
        words, says, permits, np.array(tones), np.full(len(words), np.inf), np.array(wrong), np.zeros(len(words), bool)
    )
    found.__dict__["judged"] = np.array(speaks)  # without margins, it is not seen by them
    return found
