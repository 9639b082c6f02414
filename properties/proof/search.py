"""Does a transformer answer as a rule, a predictor or another transformer does, on every context up to its n_ctx?

Sets of contexts ("boxes") start as the leaves of the rule's decision tree. A box is done when a bound says that the
right answer wins all over it; else one more of its free positions is split. A box with nothing free is run.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

from properties.proof.boxes import Settled, Tally, told_at
from properties.proof.positions import Positions
from properties.proof.reach import within_reach
from properties.proof.rounds import Budget, Leaves, Whole, search
from properties.proof.rounds import Proof as Proof
from properties.proof.settling import OfRule, OfTwo, Settling
from zoo.domain import Domain
from zoo.errors import ModelError
from zoo.progress import steps
from zoo.rule import Function
from zoo.shards import Keep, Shards
from zoo.transformer import Transformer

BEYOND = "all contexts: the model is too large, or not in float64 or float32"


def prove_answers(
    transformer: Transformer,
    vocab: Sequence[str],
    function: Function,
    lengths: Iterable[int] | None = None,
    *,
    first: bool = False,
    max_boxes: int | None = None,
    max_seconds: float | None = None,
    settled: Callable[[Settled], None] | None = None,
    kind: str = "",
    domain: Domain | None = None,
    names: Sequence[str] | None = None,
    within: float | None = None,
    every: bool = False,
    executor: Executor | None = None,
    keep: Keep | None = None,
) -> Proof:
    """Whether the transformer answers as a rule or predictor permits on every context of 1 to n_ctx tokens.

    With a `domain`, on every context of it: the root of a tree is one of its boxes. `names` are those of the outputs,
    None where they are the tokens, and empty where a number is answered, which may be off by less than `within`. With
    `every`, each position is asked about, and contexts of which one answer is wrong are found once; see `positions`.

    The margin must be above 0: a tie fails. Contexts where nothing or everything is permitted are skipped, and counted.
    With `first`, stops at the first counterexample, which is of the shortest length there is; else finds all, sorted.
    Where the budget of boxes or of seconds (of the processor) is used up, the proof is undecided, or failed if it had
    failed already. `settled` is told of every box that is done. `kind` is "rule" or "predictor" where the function must
    be that (see `zoo.rule.Asked`). Raises RuleError as `decision_tree.Reading` does.
    With an `executor`, shards of the leaves are settled there, and seconds are of the clock; what is found is the same.
    With `keep`, what an earlier run settled is not settled again. Of every position, neither is made use of.
    """
    if not within_reach(transformer):
        return Proof("undecided", widest=BEYOND)
    scope = Domain.every(vocab, transformer.n_ctx) if domain is None else domain
    wanted, own = list(scope.lengths if lengths is None else lengths), tuple(vocab)
    outputs = tuple(own if names is None else names)
    budget = Budget(first, max_boxes, max_seconds)
    spread: Any = {} if every else {"executor": executor, "keep": keep}  # what bounds one position is of use at others
    with Shards(OfRule, transformer, own, function, kind, outputs, within, **spread) as shards:
        work = shards.made(OfRule)
        starts = Leaves(work.reading, scope, outputs, settled, Tally(len(own)))
        if every:
            proof = _at_each(Positions(transformer, own, scope, work.asked), starts, own, wanted, budget, settled)
        else:
            proof = search(shards, starts, _together(wanted, len(transformer.attentions) < 2), budget, own, settled)
    work.reading.check()
    proof.tells, proof.skipped = work.reading.tells, starts.skipped.total()
    return proof


def _at_each(
    asking: Positions,
    starts: Leaves,
    vocab: Sequence[str],
    lengths: Iterable[int],
    budget: Budget,
    settled: Callable[[Settled], None] | None,
) -> Proof:
    """One search for each position of each length, shortest first; `contexts` counts answers."""
    total, begin, end = Proof(), time.perf_counter(), time.process_time() + (budget.seconds or 0)
    for length in steps(list(lengths), "lengths"):
        for at in range(length):
            left = None if budget.seconds is None else end - time.process_time()
            boxes = None if budget.boxes is None else budget.boxes - total.boxes
            told = None if settled is None else told_at(settled, at)
            shards = Shards(Settling, partial(asking.at, length, at), tuple(vocab))
            found = search(shards, replace(starts, at=at), [[length]], Budget(budget.first, boxes, left), vocab, told)
            total.add(found, length, at)
            if total.widest or (budget.first and total.counterexamples):
                return total.ended(vocab, begin)
        total.upto = length
    return total.ended(vocab, begin)


def prove_equal(
    a: Transformer,
    b: Transformer,
    vocab: Sequence[str],
    lengths: Iterable[int] | None = None,
    *,
    first: bool = False,
    max_boxes: int | None = None,
    max_seconds: float | None = None,
    domain: Domain | None = None,
    executor: Executor | None = None,
    keep: Keep | None = None,
) -> Proof:
    """Whether two transformers give the same greedy answer on every context of 1 to the smaller n_ctx tokens.

    With a `domain`, on every context of it. Counterexamples say what b says where a permits something else. Contexts in
    which both tie are compared by their first largest logits. The margin is the smaller of the two models'.
    """
    if a.sizes["vocab"] != b.sizes["vocab"]:
        raise ModelError(f"the models have {a.sizes['vocab']} and {b.sizes['vocab']} tokens, but should have the same")
    if not (within_reach(a) and within_reach(b)):
        return Proof("undecided", widest=BEYOND)

    scope = Domain.every(vocab, min(a.n_ctx, b.n_ctx)) if domain is None else domain
    groups = _together(scope.lengths if lengths is None else lengths, max(len(a.attentions), len(b.attentions)) < 2)
    with Shards(OfTwo, a, b, tuple(vocab), executor=executor, keep=keep) as shards:
        return search(shards, Whole(scope, vocab), groups, Budget(first, max_boxes, max_seconds), vocab)


def _together(lengths: Iterable[int], mixes: bool) -> Iterator[list[int]]:
    """Lengths in groups to be settled together, of about the same length, for there is much to do at each by itself."""
    group: list[int] = []
    for length in lengths:
        if group and not (mixes and len(group) < 32 and length <= 1.2 * group[0]):
            yield group
            group = []
        group.append(length)
    if group:
        yield group
