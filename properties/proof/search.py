"""Does a transformer answer as a rule, a predictor or another transformer does, on every context up to its n_ctx?

Sets of contexts ("boxes") start as the leaves of the rule's decision tree. A box is done when a bound says that the
right answer wins all over it; else one more of its free positions is split. A box with nothing free is run.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor

from properties.proof.boxes import Settled
from properties.proof.reach import within_reach
from properties.proof.rounds import Budget, Group, Search
from properties.proof.rounds import Proof as Proof
from properties.proof.settling import OfRule, OfTwo
from properties.proof.starts import Leaves, Whole
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
    With `keep`, what an earlier run settled is not settled again.
    """
    if not within_reach(transformer):
        return Proof("undecided", widest=BEYOND)
    scope = Domain.every(vocab, transformer.n_ctx) if domain is None else domain
    wanted, own = list(scope.lengths if lengths is None else lengths), tuple(vocab)
    outputs = tuple(own if names is None else names)
    budget = Budget(first, max_boxes, max_seconds)
    asked = (transformer, own, function, kind, outputs, within, scope if every else None)
    with Shards(OfRule, *asked, executor=executor, keep=keep) as shards:
        work = shards.made(OfRule)
        one = Search(shards, Leaves(work, scope), budget, own, settled)
        proof = _at_each(one, wanted) if every else _of_groups(one, _together(wanted, len(transformer.attentions) < 2))
    work.reading.check()
    proof.tells, proof.skipped = work.reading.tells, one.skipped.total()
    return proof


def _of_groups(one: Search, groups: list[Group]) -> Proof:
    """What is found of all of them."""
    bar, upto = steps(groups, "groups of lengths"), 0
    next(bar, None)
    for group in one.through(groups):
        if not (one.proof.widest or (one.budget.first and one.proof.counterexamples)):
            upto = group.lengths[-1]
        next(bar, None)
    proof = one.taken()
    proof.upto = upto
    return proof


def _at_each(one: Search, lengths: list[int]) -> Proof:
    """One search for each position of each length, shortest first; `contexts` counts answers."""
    total, begin, bar = Proof(), time.perf_counter(), steps(lengths, "lengths")
    next(bar, None)
    for [length], at in one.through(Group([n], i) for n in lengths for i in range(n)):
        assert at is not None
        total.add(one.taken(), length, at)
        if total.widest or (one.budget.first and total.counterexamples):
            break
        if at == length - 1:
            total.upto = length
            next(bar, None)
    return total.ended(one.vocab, begin)


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
        return _of_groups(Search(shards, Whole(scope, vocab), Budget(first, max_boxes, max_seconds), vocab), groups)


def _together(lengths: Iterable[int], mixes: bool) -> list[Group]:
    """Lengths in groups to be settled together, of about the same length, for there is much to do at each by itself."""
    groups = list[list[int]]()
    for length in lengths:
        group = groups[-1] if groups else []
        if group and mixes and len(group) < 32 and length <= 1.2 * group[0]:
            group.append(length)
        else:
            groups.append([length])
    return [Group(group) for group in groups]
