"""Does a transformer answer as a rule, a predictor or another transformer does, on every context up to its n_ctx?

Sets of contexts ("boxes") start as the leaves of the rule's decision tree. A box is done when a bound says that the
right answer wins all over it; else one more of its free positions is split. A box with nothing free is run.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Protocol

import numpy as np

from properties.bounds import Bounds
from properties.lazy import Function, Leaf, Path, leaves
from zoo.arrays import Array
from zoo.errors import ModelError
from zoo.model import Context
from zoo.transformer import Transformer, forward

BATCH = 256  # boxes bounded at a time


@dataclass(frozen=True)
class Counterexample:
    """A context that was run: what is said there and what should be; `margin` is best right - best wrong logit."""

    context: Context
    says: str
    permitted: frozenset[str]
    margin: float


@dataclass(frozen=True, eq=False)
class Box:
    """Contexts of one length, and what is permitted on all of them; mask [position, vocab] says what may be where."""

    mask: Array
    permitted: frozenset[str]
    path: Path  # the splits that led here

    @property
    def free(self) -> Array:
        """Positions that may hold more than one token."""
        return np.flatnonzero(self.mask.sum(axis=1) > 1)

    def count(self) -> int:
        return math.prod(size ** int(k) for size, k in enumerate(np.bincount(self.mask.sum(axis=1))))

    def split(self, position: int, vocab: Sequence[str]) -> Iterator["Box"]:
        """One box for each token that may stand there."""
        for token in np.flatnonzero(self.mask[position]).tolist():
            mask = self.mask.copy()
            mask[position] = np.arange(len(vocab)) == token
            yield Box(mask, self.permitted, (*self.path, (position, frozenset([vocab[token]]))))

    def describe(self, vocab: Sequence[str]) -> str:
        """What is known of these contexts, counted from their end: "6 tokens, [-1] a, [-4] b or c"."""
        narrowed = np.flatnonzero(~self.mask.all(axis=1))[::-1]
        n = len(self.mask)
        known = [f"[{i - n}] {' or '.join(t for t, may in zip(vocab, self.mask[i]) if may)}" for i in narrowed.tolist()]
        return ", ".join([f"{n} token{'s' * (n > 1)}", *known])


@dataclass(frozen=True)
class Settled:
    """A box that is done: proved with this answer and these levels of `Bounds`, or run (no answer, no levels)."""

    box: Box
    margin: float
    answer: str | None = None
    levels: Array | None = None  # [head, token at the last position, rival]


@dataclass
class Proof:
    """What was found. `contexts` were proved or run, `skipped` have no wrong answer or none specified.

    `margin` is a lower bound on best right - best wrong logit over all of `contexts`, found at `where`.
    """

    status: str = "holds"  # holds, failed or undecided
    leaves: int = 0
    boxes: int = 0
    contexts: int = 0
    skipped: int = 0
    margin: float = float("inf")
    where: str = ""
    counterexamples: list[Counterexample] = field(default_factory=list)
    widest: str = ""  # where undecided: the largest set left
    upto: int = 0  # every length up to this was settled
    seconds: float = 0.0


class Judge(Protocol):
    """What a question asks of boxes; where it `mixes`, of boxes of several lengths at a time."""

    mixes: bool

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """Lower bounds on the margins [box]; above 0 the box is done, as described."""

    def look(self, boxes: list[Box]) -> list[tuple[int, Box]]:
        """For boxes that were not proved, the free position that matters most, and one context that looks bad."""

    def run(self, box: Box) -> tuple[float, Counterexample | None]:
        """The margin in the one context of a box, and what is wrong there."""


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
) -> Proof:
    """Whether the transformer answers as a rule or predictor permits on every context of 1 to n_ctx tokens.

    The margin must be above 0: a tie fails. Contexts where nothing or everything is permitted are skipped, and counted.
    With `first`, stops at the first counterexample, which is of the shortest length there is; else finds all, sorted.
    Where the budget of boxes or seconds is used up, the proof is undecided (or failed, if it had failed already).
    `settled` is told of every box that is done. Raises RuleError as `lazy.leaves` does.
    """

    def starts(length: int, proof: Proof) -> Iterator[Box]:
        for leaf in leaves(function, vocab, length):
            proof.leaves += 1
            if 0 < len(leaf.permitted) < len(vocab):
                yield _box(leaf, vocab)
            else:
                proof.skipped += leaf.count(len(vocab))

    judge = _Answers(transformer, tuple(vocab))
    return _search(
        judge, starts, vocab, lengths or range(1, transformer.n_ctx + 1), first, max_boxes, max_seconds, settled
    )


def prove_equal(
    a: Transformer,
    b: Transformer,
    vocab: Sequence[str],
    lengths: Iterable[int] | None = None,
    *,
    first: bool = False,
    max_boxes: int | None = None,
    max_seconds: float | None = None,
) -> Proof:
    """Whether two transformers give the same greedy answer on every context of 1 to the smaller n_ctx tokens.

    Counterexamples say what b says where a permits something else. Contexts in which both tie are compared by their
    first largest logits. The margin is the smaller of the two models'.
    """
    if a.sizes["vocab"] != b.sizes["vocab"]:
        raise ModelError(f"the models have {a.sizes['vocab']} and {b.sizes['vocab']} tokens, but should have the same")

    def starts(length: int, proof: Proof) -> Iterator[Box]:
        proof.leaves += 1
        yield _box(Leaf(length, {}, frozenset()), vocab)

    judge = _Equal(a, b, tuple(vocab))
    return _search(judge, starts, vocab, lengths or range(1, min(a.n_ctx, b.n_ctx) + 1), first, max_boxes, max_seconds)


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
    proof, begin = Proof(), time.perf_counter()
    smallest: Settled | None = None
    for group in _together(lengths, judge.mixes):
        fresh, stack = chain.from_iterable(starts(length, proof) for length in group), list[Box]()
        while batch := [stack.pop() for _ in range(min(BATCH, len(stack)))] or list(islice(fresh, BATCH)):
            if first and proof.counterexamples:  # only a shorter one is of interest now
                limit = min(len(c.context) for c in proof.counterexamples)
                batch = [box for box in batch if len(box.mask) < limit]
            late = max_seconds is not None and time.perf_counter() - begin > max_seconds
            if late or (max_boxes is not None and proof.boxes + len(batch) > max_boxes):
                proof.widest = max([*batch, *stack], key=Box.count).describe(vocab)
                break
            if batch:
                done, open_ = _settle(judge, batch, vocab, proof, first)
                stack += open_
                smallest = min([*done, *([smallest] if smallest else [])], key=lambda one: one.margin, default=None)
                if settled is not None:
                    for one in done:
                        settled(one)
        if proof.widest or (first and proof.counterexamples):
            break
        proof.upto = group[-1]
    if smallest is not None:
        proof.margin, proof.where = smallest.margin, smallest.box.describe(vocab)
    order = {token: i for i, token in enumerate(vocab)}
    proof.counterexamples.sort(key=lambda c: (len(c.context), [order[token] for token in c.context]))
    if proof.counterexamples:
        proof.status = "failed"
        proof.counterexamples = proof.counterexamples[: 1 if first else None]
    elif proof.widest:
        proof.status = "undecided"
    proof.seconds = time.perf_counter() - begin
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
    to_run = [box for box, fine in zip(batch, proved) if not fine and not len(box.free)]
    to_split = [box for box, fine in zip(batch, proved) if not fine and len(box.free)]
    wrongs = []
    for box in to_run:
        margin, wrong = judge.run(box)
        done.append(Settled(box, margin))
        wrongs.append(wrong)
    looks = judge.look(to_split) if to_split else []
    if first:
        wrongs += [judge.run(context)[1] for _, context in looks]
    proof.counterexamples += [wrong for wrong in wrongs if wrong is not None]
    proof.contexts += sum(one.box.count() for one in done)
    return done, [child for box, (position, _) in zip(to_split, looks) for child in box.split(position, vocab)]


class _Answers:
    """The question of `prove_answers`."""

    def __init__(self, transformer: Transformer, vocab: tuple[str, ...]) -> None:
        self.transformer, self.vocab = transformer, vocab
        self.bounds = Bounds(transformer)
        self.mixes = self.bounds.mixes

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        """A permitted token that beats all forbidden ones on the whole box is enough."""
        rows = [(i, self.vocab.index(token)) for i, box in enumerate(boxes) for token in sorted(box.permitted)]
        of, answers = np.array(rows).T
        masks = _masks(boxes)
        rivals = np.array([[token not in box.permitted for token in self.vocab] for box in boxes])
        margins = self.bounds.margins(masks[of], answers, rivals[of])
        lower = np.full(len(boxes), -np.inf)
        best = np.zeros(len(boxes), int)
        for row, i in enumerate(of):
            if margins.lower[row] > lower[i]:
                lower[i], best[i] = margins.lower[row], row
        return lower, [
            Settled(box, float(lower[i]), self.vocab[answers[best[i]]], margins.levels[best[i]])
            for i, box in enumerate(boxes)
        ]

    def look(self, boxes: list[Box]) -> list[tuple[int, Box]]:
        answers = np.array([self.vocab.index(min(box.permitted)) for box in boxes])
        rivals = np.array([[token not in box.permitted for token in self.vocab] for box in boxes])
        return _look([self.bounds], boxes, answers, rivals)

    def run(self, box: Box) -> tuple[float, Counterexample | None]:
        logits = _run(self.transformer, box)
        right = np.array([token in box.permitted for token in self.vocab])
        margin = float(logits[right].max() - logits[~right].max())
        wrong = Counterexample(_context(box, self.vocab), self.vocab[int(logits.argmax())], box.permitted, margin)
        return margin, None if margin > 0 else wrong


class _Equal:
    """The question of `prove_equal`: what a says in one context of a box, do both say in all of them?"""

    def __init__(self, a: Transformer, b: Transformer, vocab: tuple[str, ...]) -> None:
        self.a, self.b, self.vocab = a, b, vocab
        self.bounds = [Bounds(a), Bounds(b)]
        self.mixes = all(bounds.mixes for bounds in self.bounds)

    def bound(self, boxes: list[Box]) -> tuple[Array, list[Settled]]:
        masks = _masks(boxes)
        answers = np.array([_run(self.a, box).argmax() for box in boxes])
        rivals = np.ones((len(boxes), len(self.vocab)), bool)
        lower = np.minimum(*(bounds.margins(masks, answers, rivals).lower for bounds in self.bounds))
        return lower, [Settled(box, float(lower[i]), self.vocab[answers[i]]) for i, box in enumerate(boxes)]

    def look(self, boxes: list[Box]) -> list[tuple[int, Box]]:
        rivals = np.ones((len(boxes), len(self.vocab)), bool)
        return _look(self.bounds, boxes, np.array([_run(self.a, box).argmax() for box in boxes]), rivals)

    def run(self, box: Box) -> tuple[float, Counterexample | None]:
        both = [_run(transformer, box) for transformer in (self.a, self.b)]
        a, b = (int(logits.argmax()) for logits in both)
        margin = float(min(logits.max() - np.delete(logits, logits.argmax()).max(initial=-np.inf) for logits in both))
        wrong = Counterexample(_context(box, self.vocab), self.vocab[b], frozenset([self.vocab[a]]), margin)
        return margin, None if a == b else wrong


def _look(bounds: list[Bounds], boxes: list[Box], answers: Array, rivals: Array) -> list[tuple[int, Box]]:
    """Where to split: where the last token is free, there; else where it is felt most by the bounds or by running."""
    masks = _masks(boxes)
    felt: Array = np.zeros(masks.shape[:2])
    worst = masks.argmax(axis=-1)
    for one in bounds:
        if one.between:  # tokens act through several layers: change each and see
            more, worst = _try_changes(one.transformer, masks, answers, rivals)
        else:
            margins = one.margins(masks, answers, rivals, felt=True)
            assert margins.felt is not None
            assert margins.worst is not None
            more, worst = margins.felt, margins.worst
        felt = felt + more / np.maximum(more.max(axis=1, keepdims=True), 1e-300)
    free = masks.sum(axis=-1) > 1
    felt = np.where(free, felt + np.linspace(0, 1e-9, felt.shape[1]), -1)  # of equals the later
    ends = np.arange(len(boxes)), np.array([len(box.mask) - 1 for box in boxes])
    felt[ends] = np.where(free[ends], np.inf, -1)
    contexts = [replace(box, mask=_one_hot(worst[i, : len(box.mask)], box.mask)) for i, box in enumerate(boxes)]
    return list(zip(felt.argmax(axis=1).tolist(), contexts))


def _try_changes(transformer: Transformer, masks: Array, answers: Array, rivals: Array) -> tuple[Array, Array]:
    """How far the margin moves when one free token of one context of a box changes, and the worst context met."""
    felt, worst = np.zeros(masks.shape[:2]), masks.argmax(axis=-1)
    for i, mask in enumerate(masks):
        free = np.flatnonzero(mask.sum(axis=1) > 1)
        changes = [(position, token) for position in free for token in np.flatnonzero(mask[position])]
        tokens = np.repeat(worst[i][None], len(changes), axis=0)
        for row, (position, token) in enumerate(changes):
            tokens[row, position] = token
        logits = forward(transformer, tokens)[:, -1]
        margins = logits[:, answers[i]] - np.where(
            rivals[i] & (np.arange(len(rivals[i])) != answers[i]), logits, -np.inf
        ).max(axis=1)
        for position in free:
            mine = margins[[at == position for at, _ in changes]]
            felt[i, position] = mine.max() - mine.min()
        worst[i] = tokens[margins.argmin()]
    return felt, worst


def _one_hot(tokens: Array, mask: Array) -> Array:
    """A mask of one context: these tokens where they may stand, else the first that may."""
    allowed = np.take_along_axis(mask, tokens[:, None], -1)[:, 0]
    return np.arange(mask.shape[1]) == np.where(allowed, tokens, mask.argmax(axis=1))[:, None]  # type: ignore[no-any-return]


def _masks(boxes: list[Box]) -> Array:
    """[box, position, vocab], where nothing stands behind the last position of a shorter box."""
    longest = max(len(box.mask) for box in boxes)
    masks = np.zeros((len(boxes), longest, boxes[0].mask.shape[1]), bool)
    for i, box in enumerate(boxes):
        masks[i, : len(box.mask)] = box.mask
    return masks


def _run(transformer: Transformer, box: Box) -> Array:
    """Logits of the last position for the first context of a box, by the program itself: [vocab]."""
    logits: Array = forward(transformer, box.mask.argmax(axis=1)[None])[0, -1]
    return logits


def _box(leaf: Leaf, vocab: Sequence[str]) -> Box:
    mask = np.ones((leaf.length, len(vocab)), bool)
    for position, tokens in leaf.sets.items():
        mask[position] = [token in tokens for token in vocab]
    return Box(mask, leaf.permitted, leaf.path)


def _context(box: Box, vocab: Sequence[str]) -> Context:
    tokens = tuple(vocab[i] for i in box.mask.argmax(axis=1))
    return "".join(tokens) if all(len(token) == 1 for token in vocab) else tokens
