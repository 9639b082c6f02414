"""The validity edge of a family: the largest n_ctx at which it is right, and where it first fails beyond.

`validity_edge` proves and jumps, for families whose members fail from some n_ctx on; `validity_domain` settles one
member after the other, for families of which nothing of the kind is known, as of what a compiler made for each length.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from properties.checks.answers import rule
from properties.checks.verdict import AUTO, How
from properties.proof.judges import stated
from properties.proof.search import Proof, prove_answers
from zoo.errors import ModelError
from zoo.model import Context, Model

MOST = 2**16  # no edge is sought beyond
SECONDS = 2.0  # of the processor for one length; what is not settled by then is neither right nor wrong


@dataclass(frozen=True)
class Edge:
    """Right on every context of n_ctx tokens at `right`; at `wrong`, this context of n_ctx tokens is wrong.

    What lies between them, if anything does, rounding leaves undecided. Where `wrong` is None, nothing wrong was found:
    `sought` is how far was looked. `at` is where in the context, if the model answers at every position. `right` is 0
    where none is.
    """

    right: int
    wrong: int | None
    sought: int
    context: Context = ""
    margin: float = 0.0
    at: int | None = None


def validity_edge(build: Callable[[int], Model], start: int = 8, most: int = MOST, boxes: int | None = None) -> Edge:
    """By proof at lengths that double, then by bisection for the last right and for the first wrong one.

    Each n_ctx is proved on the contexts of that length, the longest that the model reads. Two things are left to
    arithmetic: that shorter contexts of the same model win by more, as fewer positions that are not asked for share the
    attention; and that what holds at both ends of a step of the bisection holds in between. A length is given up after
    SECONDS, or after so many boxes, which are as many on every machine.
    """

    @cache
    def settle(n_ctx: int) -> Proof:
        model = build(n_ctx)
        function = stated(model)
        if function is None:
            raise ModelError(f"{model.name} states no rule or predictor, but should for an edge to be sought")
        told: dict[str, Any] = {"first": True, "domain": model.domain, "max_boxes": boxes}
        told |= {
            "max_seconds": SECONDS if boxes is None else None,
            "names": model.names,
            "within": model.within,
            "every": model.answers == "every",
        }
        return prove_answers(model.transformer, model.vocab, function, [model.scope.lengths[-1]], **told)

    def last(low: int, high: int, statuses: tuple[str, ...]) -> int:
        """The last n_ctx of such a status, where low has one and high has none."""
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if settle(middle).status in statuses else (low, middle)
        return low

    right = start
    if settle(right).status == "undecided":
        raise ModelError(f"the family is not settled at n_ctx {right} in the time allowed, but should be right there")
    if settle(right).status != "holds":
        raise ModelError(f"the family is not right at n_ctx {right}, but should be where the search starts")
    while (beyond := min(2 * right, most)) > right and settle(beyond).status == "holds":
        right = beyond
    if settle(beyond).status != "failed":
        return Edge(right, None, beyond)
    wrong = last(right, beyond, ("holds", "undecided")) + 1
    [found] = settle(wrong).counterexamples
    assert found.margin is not None  # some tokens are right there and some are not
    return Edge(last(right, wrong, ("holds",)), wrong, wrong, found.context, found.margin, found.at)


def validity_domain(build: Callable[[int], Model], lengths: Iterable[int], how: How = AUTO) -> Edge:
    """By the check `rule` on all contexts of one member after the other, up to the first that is not right.

    Members are settled as `zoo verify` does, by running them or by proof. Where one can be neither, the search ends
    there. ModelError where there are no lengths.
    """
    right, length = 0, None
    for length in lengths:
        verdict = rule(build(length), how)
        if verdict.status == "failed" and verdict.counterexample is not None:
            found = verdict.counterexample
            return Edge(right, length, length, found.context, found.margin or 0.0, found.at)
        if verdict.status != "holds":
            return Edge(right, None, length)
        right = length
    if length is None:
        raise ModelError("no lengths are given, but should be, as range(2, 9)")
    return Edge(right, None, length)
