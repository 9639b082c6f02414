"""What `auto` does where contexts are many: prove, or run every one, whichever is expected to be done first.

What running costs is known beforehand, and what a proof costs is known when it is done. So a proof gets as much as
running every context would cost; what it has not settled by then, running settles. Either way that takes twice as long
as the quicker means, at most. Both are counted in operations, with fixed constants: the choice is the same on every
machine, unless the time that a proof may take at all is over first.
"""

from collections import deque
from dataclasses import replace

from properties.checks.right import Question, questions
from properties.checks.settle import BUDGET, RULE, affordable, bounded, proof_of
from properties.checks.verdict import Finding, How
from properties.proof.reach import numbers
from zoo.cost.operations import answer_flops
from zoo.model import Model
from zoo.rule.watch import known

LONGEST = 25 * BUDGET  # that running every context may cost: two minutes, as long as a proof may take
# What a box costs, in operations of the forward pass, two of which take a nanosecond or so, as in RULE: to ask the rule
# and to split, 0.1 ms; and for each number that its bounds need, half a nanosecond. Measured: 90 to 330 µs.
BOX, NUMBER = 2 * 10**5, 1

_unsettled: deque[tuple[object, ...]] = deque(maxlen=8)  # what proofs were given up on


def work(model: Model) -> int:
    """What running every context costs, in operations."""
    return model.scope.count() * (answer_flops(model.transformer, model.scope.lengths[-1]) + RULE)


def open_to(model: Model, how: How) -> bool:
    """Whether `auto` may yet run every context of which there are many: it may take as long as a proof."""
    free = how.method == "auto" and not how.certified and how.seconds is None  # a certificate is of a proof
    return free and not affordable(model) and work(model) <= LONGEST


def decided(model: Model, how: How) -> How:
    """How a model is settled that is to be settled by the method `auto`: by enumeration, where a proof is given up."""
    stated = questions(model)
    if not (stated and open_to(model, how)):
        return how
    boxes = work(model) // (BOX + NUMBER * numbers(model.transformer))
    about = (*(known(question.function) for question in stated), model.transformer, model.domain, how.every)
    if about not in _unsettled:
        if bounded(model) and all(_settled(model, question, how, boxes) for question in stated):
            return how
        _unsettled.append(about)
    return replace(how, method="enumerate")


def _settled(model: Model, question: Question, how: How, boxes: int) -> bool:
    """Whether a proof of so many boxes settles it: it is found again where it is asked for."""
    proof = proof_of(model, question, how, boxes)
    return bool(proof.counterexamples) or not proof.widest


def said(found: Finding, before: How, after: How) -> Finding:
    """A finding, with the means that was chosen, where there is nothing else to say."""
    if before is after or found.detail:
        return found
    return replace(found, detail="every context was run: a proof did not settle it at that cost")
