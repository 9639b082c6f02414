"""The check of a model that is right mostly, and states how often: settled by a count, in place of its rule's."""

from fractions import Fraction

from properties.checks.settle import PROOF_SECONDS
from properties.checks.table import check
from properties.checks.verdict import Finding, How
from properties.counting import Counting
from zoo.digits import exact, percent_at_least, percent_at_most
from zoo.model import Model

SOON = 1.0  # seconds of the processor in which it is counted on where it is settled, for what is said of it


@check(applies=lambda model: model.accuracy is not None)
def accuracy(model: Model, how: How) -> Finding:
    """Of the contexts in which the rule determines something, at least the stated share is answered as it permits."""
    assert model.accuracy is not None
    stated = Fraction(str(model.accuracy))  # as it was written
    counting = Counting(model, executor=how.executor, keep=how.keep)
    seconds = how.seconds if how.seconds is not None else PROOF_SECONDS.get(how.method, PROOF_SECONDS["auto"])
    for _ in counting.steps(max_seconds=seconds):
        found = counting.so_far()
        least, most = found.accuracy
        if found.seconds > SOON and (least >= stated or most < stated):
            break
    found = counting.so_far()
    least, most = found.accuracy
    settled = found.right + found.wrong + found.skipped
    if not found.total:
        return Finding("failed", "proved", settled, "vacuous: the rule determines nothing in any context")
    share = f"at least {percent_at_least(least)} and at most {percent_at_most(most)}"
    if found.open == 0:
        share = f"{percent_at_least(least)}: {found.wrong} of {found.total} are wrong"
    detail = f"right in {share}; stated {exact(model.accuracy)}"
    if least >= stated:
        return Finding("holds", "proved", settled, detail)
    return Finding("failed" if most < stated else "undecided", "proved", settled, detail)
