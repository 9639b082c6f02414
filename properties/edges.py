"""The validity edge of a family: the largest n_ctx at which it is right, and where it first fails beyond."""

from collections.abc import Callable
from dataclasses import dataclass

from properties.proof import Proof, prove_answers
from zoo.model import Model

MOST = 2**17  # no edge is sought beyond


@dataclass(frozen=True)
class Edge:
    """Right on every context of n_ctx tokens at `right`; at `wrong`, the next n_ctx, the proof found this context."""

    right: int
    wrong: int | None  # None: right as far as was looked
    context: str
    margin: float


def validity_edge(build: Callable[[int], Model], start: int = 8, most: int = MOST) -> Edge:
    """By proof at lengths that double, then by bisection between the last right and the first wrong one.

    Each n_ctx is proved on the contexts of that length, the longest that the model reads. Two things are left to
    arithmetic: that shorter contexts of the same model win by more, as fewer positions that are not asked for share the
    attention; and that what holds at both ends of a step of the bisection holds in between.
    """

    def settle(n_ctx: int) -> Proof:
        model = build(n_ctx)
        function = (*model.predictors, model.rule)[0]
        assert function is not None
        return prove_answers(model.transformer, model.vocab, function, lengths=[n_ctx], first=True)

    right = start
    if settle(right).status != "holds":
        raise ValueError(f"the family is not right at n_ctx {right}, but should be where the search starts")
    while settle(wrong := min(2 * right, most)).status == "holds":
        right = wrong
        if right == most:
            return Edge(right, None, "", 0.0)
    while wrong - right > 1:
        middle = (right + wrong) // 2
        if settle(middle).status == "holds":
            right = middle
        else:
            wrong = middle
    [found] = settle(wrong).counterexamples
    return Edge(right, wrong, str(found.context), found.margin)
