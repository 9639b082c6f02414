"""Does a transformer answer as a rule, a predictor or another transformer does, on every context up to its n_ctx?

Sets of contexts ("boxes") start as the leaves of the rule's decision tree. A box is done when a bound says that the
right answer wins all over it; else one more of its free positions is split. A box with nothing free is run.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import chain, islice
from typing import Literal

import numpy as np

from properties.proof.boxes import Box, Settled, Tally, told_at
from properties.proof.counterexample import Counterexample
from properties.proof.judges import Answers, Equal, Judge, Values
from properties.proof.positions import Positions
from properties.proof.reach import BATCH, within_reach
from properties.proof.reading.decision_tree import Reading
from properties.proof.splits import Splits
from zoo.domain import Domain
from zoo.errors import ModelError
from zoo.progress import steps
from zoo.rule import Function
from zoo.transformer import Transformer

BEYOND = "all contexts: the model is too large, or not in float64 or float32"


@dataclass
class Proof:
    """What was found. `contexts` were proved or run, `skipped` have no wrong answer or none specified.

    `margin` is a lower bound on best right - best wrong logit over all of `contexts`, found at `where`.
    """

    status: Literal["holds", "failed", "undecided"] = "holds"
    leaves: int = 0
    boxes: int = 0
    contexts: int = 0
    skipped: int = 0
    margin: float = float("inf")
    where: str = ""
    counterexamples: list[Counterexample] = field(default_factory=list)
    determined: bool = True  # one token is right in each of `contexts`
    widest: str = ""  # where undecided: the largest set left
    upto: int = 0  # every length up to this was settled
    by_length: dict[int, int] = field(default_factory=dict)  # of answers at every position: how many of `contexts`
    tells: str = ""  # what in the function's code could tell a lazy context: each was asked about by itself
    seconds: float = 0.0
    deadline: float = math.inf  # of the processor's time: what is not settled by then is left open
    splits: Splits | None = None  # where they were kept: what a certificate is made of

    @property
    def late(self) -> bool:
        return time.process_time() > self.deadline

    def add(self, other: "Proof", length: int, at: int) -> None:
        """What was found of a position in contexts of a length."""
        self.leaves, self.boxes = self.leaves + other.leaves, self.boxes + other.boxes
        self.contexts += other.contexts
        self.by_length[length] = self.by_length.get(length, 0) + other.contexts
        if other.margin < self.margin:
            self.margin, self.where = other.margin, f"{other.where}, at token {at + 1}"
        self.counterexamples += other.counterexamples
        self.determined &= other.determined
        self.widest = other.widest and f"{other.widest}, at token {at + 1}"
        self.status = "failed" if self.counterexamples else other.status


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
    """
    if not within_reach(transformer):
        return Proof("undecided", widest=BEYOND)
    outputs = tuple(vocab if names is None else names)
    scope = Domain.every(vocab, transformer.n_ctx) if domain is None else domain
    wanted = list(scope.lengths if lengths is None else lengths)
    reading = Reading(function, vocab, kind, names=outputs)
    starts = _Leaves(reading, scope, outputs, settled, Tally(len(vocab)))

    def asked(transformer: Transformer) -> Answers | Values:
        own = tuple(vocab)
        return Answers(transformer, own, outputs) if within is None else Values(transformer, own, within)

    if every:
        asking = Positions(transformer, tuple(vocab), scope, asked)
        proof = _at_each(asking, starts, vocab, wanted, first, max_boxes, max_seconds, settled)
    else:
        proof = _search(asked(transformer), starts, vocab, wanted, first, max_boxes, max_seconds, settled)
    reading.check()
    proof.tells = reading.tells
    proof.skipped = starts.skipped.total()
    return proof


@dataclass
class _Leaves:
    """What a proof starts from: the leaves of a rule's tree in which something, not everything, is permitted.

    The others are counted, and told of.
    """

    reading: Reading
    scope: Domain
    outputs: Sequence[str]
    settled: Callable[[Settled], None] | None
    skipped: Tally

    def __call__(self, length: int, proof: Proof, at: int | None = None) -> Iterator[Box]:
        for root in self.scope.boxes(length, self.reading.vocab):
            for leaf in self.reading.leaves(length, root.sets, at):
                proof.leaves += 1
                if 0 < len(leaf.permitted) < (len(self.outputs) or 2):  # of a number, one
                    proof.determined &= len(leaf.permitted) == 1
                    yield leaf
                    continue
                if proof.late:  # a rule may be silent about more contexts than can be looked through
                    yield leaf  # which is then left open
                    return
                self.skipped.add(leaf)
                if self.settled is not None:
                    self.settled(Settled("skipped", leaf, math.inf, at=at))


def _at_each(
    asking: Positions,
    starts: Callable[..., Iterator[Box]],
    vocab: Sequence[str],
    lengths: Iterable[int],
    first: bool,
    max_boxes: int | None,
    max_seconds: float | None,
    settled: Callable[[Settled], None] | None,
) -> Proof:
    """One search for each position of each length, shortest first; `contexts` counts answers."""
    total, begin = Proof(), time.perf_counter()
    deadline = math.inf if max_seconds is None else time.process_time() + max_seconds
    for length in steps(list(lengths), "lengths"):
        for at in range(length):
            left = None if max_seconds is None else deadline - time.process_time()
            boxes = None if max_boxes is None else max_boxes - total.boxes
            judge, begins = asking.at(length, at), partial(starts, at=at)
            told = None if settled is None else told_at(settled, at)
            total.add(_search(judge, begins, vocab, [length], first, boxes, left, told), length, at)
            if total.widest or (first and total.counterexamples):
                return _ended(total, vocab, begin)
        total.upto = length
    return _ended(total, vocab, begin)


def _ended(proof: Proof, vocab: Sequence[str], begin: float) -> Proof:
    """The proof, its counterexamples in order: by length, by tokens, by position."""
    order = {token: i for i, token in enumerate(vocab)}
    proof.counterexamples.sort(key=lambda c: (len(c.context), [order[token] for token in c.context], c.at or 0))
    proof.seconds = time.perf_counter() - begin
    return proof


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
) -> Proof:
    """Whether two transformers give the same greedy answer on every context of 1 to the smaller n_ctx tokens.

    With a `domain`, on every context of it. Counterexamples say what b says where a permits something else. Contexts in
    which both tie are compared by their first largest logits. The margin is the smaller of the two models'.
    """
    if a.sizes["vocab"] != b.sizes["vocab"]:
        raise ModelError(f"the models have {a.sizes['vocab']} and {b.sizes['vocab']} tokens, but should have the same")
    if not (within_reach(a) and within_reach(b)):
        return Proof("undecided", widest=BEYOND)

    def starts(length: int, proof: Proof) -> Iterator[Box]:
        for box in scope.boxes(length, vocab):
            proof.leaves += 1
            yield Box(length, box.sets, frozenset())

    judge = Equal(a, b, tuple(vocab))
    scope = Domain.every(vocab, min(a.n_ctx, b.n_ctx)) if domain is None else domain
    every = scope.lengths if lengths is None else lengths
    return _search(judge, starts, vocab, every, first, max_boxes, max_seconds)


def _search(
    judge: Judge,
    starts: Callable[[int, Proof], Iterator[Box]],
    vocab: Sequence[str],
    lengths: Iterable[int],
    first: bool,
    max_boxes: int | None,
    max_seconds: float | None,
    settled: Callable[[Settled], None] | None = None,
) -> Proof:
    proof, seen, begin = Proof(), Tally(len(vocab)), time.perf_counter()
    proof.deadline = math.inf if max_seconds is None else time.process_time() + max_seconds
    smallest: Settled | None = None
    for group in steps(list(_together(lengths, judge.mixes)), "groups of lengths"):
        fresh, stack = chain.from_iterable(starts(length, proof) for length in group), list[Box]()
        while batch := [stack.pop() for _ in range(min(BATCH, len(stack)))] or list(islice(fresh, BATCH)):
            if first and proof.counterexamples:  # only a shorter one is of interest now
                limit = min(len(c.context) for c in proof.counterexamples)
                batch = [box for box in batch if box.length < limit]
            if batch and (proof.late or (max_boxes is not None and proof.boxes + len(batch) > max_boxes)):
                proof.widest = max([*batch, *stack], key=lambda box: box.count(len(vocab))).describe(vocab)
                break
            if batch:
                done, open_ = _settle(judge, batch, vocab, proof, first)
                stack += open_
                for one in done:
                    seen.add(one.box)
                smallest = min([*done, *([smallest] if smallest else [])], key=lambda one: one.margin, default=None)
                if settled is not None:
                    for one in done:
                        settled(one)
        if proof.widest or (first and proof.counterexamples):
            break
        proof.upto = group[-1]
    if smallest is not None:
        proof.margin, proof.where = smallest.margin, smallest.box.describe(vocab)
    proof.contexts = seen.total()
    _ended(proof, vocab, begin)
    if proof.counterexamples:
        proof.status = "failed"
        proof.counterexamples = proof.counterexamples[: 1 if first else None]
    elif proof.widest:
        proof.status = "undecided"
    return proof


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


def _settle(
    judge: Judge, batch: list[Box], vocab: Sequence[str], proof: Proof, first: bool
) -> tuple[list[Settled], list[Box]]:
    """What of a batch is proved or run, and what the rest is split into."""
    proof.boxes += len(batch)
    lower, proofs = judge.bound(batch)
    proved = lower > 0  # NaN is not
    done = [proofs[i] for i in np.flatnonzero(proved)]
    rest = [box for box, fine in zip(batch, proved) if not fine]
    to_run, to_split = ([box for box in rest if box.is_one_context(len(vocab)) is one] for one in (True, False))
    wrongs = []
    for box in to_run:
        margin, wrong = judge.run(box.first(vocab), box.permitted)
        done.append(Settled("run", box, margin))
        wrongs.append(wrong)
    wide = [box.widest for box in to_split]  # of what is counted in a range, which halves first, no position is sought
    to_look = [box for box, counted in zip(to_split, wide) if counted is None]
    looks = judge.look(to_look) if to_look else []
    if first:
        wrongs += [judge.run(tokens, box.permitted)[1] for box, (_, tokens) in zip(to_look, looks)]
    proof.counterexamples += [wrong for wrong in wrongs if wrong is not None]
    halves = [half for box, one in zip(to_split, wide) if one is not None for half in box.halved(one, vocab)]
    return done, [child for box, (at, _) in zip(to_look, looks) for child in box.split(at, vocab)] + halves
