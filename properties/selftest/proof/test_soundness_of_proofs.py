"""At the ends of the dtype, proofs and bounds against every context that there is."""

from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes, Settled
from properties.proof.search import prove_answers
from properties.selftest.examples import many
from properties.selftest.extreme_models import (
    RARE,
    Drawn,
    assert_each_occurred,
    count,
    transformers,
)
from properties.selftest.extreme_rules import Executed, rule_for, spoken_of
from properties.selftest.random_models import completions, random_boxes
from zoo import ModelError, Transformer, forward
from zoo.transformer.arrays import Array

SEEDS = st.integers(0, 2**32 - 1)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_proof(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """A proof fails in exactly the contexts that are wrong, and no margin is above that of a context it is about."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    executed, told = spoken_of(drawn, seed), list[Settled]()
    rule = rule_for(executed, seed)
    wrong, judged = executed.wrong(rule), executed.judged(rule)
    budget = seed % 7 if seed % 5 == 0 else None
    its = executed.domain
    found = prove_answers(drawn, executed.vocab, rule, max_boxes=budget, settled=told.append, domain=its)
    for one in told:
        for context in inside(one.box, executed.vocab) if one.kind == "proved" else ():
            margin = executed.margin(context, one.box.permitted)
            assert margin >= one.margin > 0, f"after {context} the margin is {margin}, but {one.margin} was proved"
    said = [wrong.context for wrong in found.counterexamples]
    assert set(said) <= set(wrong), f"right contexts are said to be wrong: {said}, {wrong}"
    assert budget is not None or len(said) == len(wrong), f"{said} are said to be wrong, but should be {wrong}"
    if found.status == "holds":
        assert not wrong
        assert found.contexts == len(judged)
        assert found.margin <= min((executed.margin(*item) for item in judged.items()), default=np.inf)
    kinds = ["in all" if its is None else "in a domain"]
    kinds += ["of several or none"] * any(len(rule(context)) != 1 for context in executed.logits)
    bounded = any(one.kind == "proved" for one in told)
    kinds += [found.status, *["some by bounds"] * bounded, *["holds by bounds"] * (bounded and found.status == "holds")]
    count(outcomes, executed, *kinds)


def inside(box: Box, vocab: str) -> list[str]:
    """Every context of a box."""
    return ["".join(tokens) for tokens in product(*(sorted(box.sets.get(i, vocab)) for i in range(box.length)))]


@pytest.mark.soundness
def test_proofs_say_of_every_context_what_running_it_says(outcomes: Counter[str]) -> None:
    @many(27)
    @given(st.one_of(transformers(), RARE), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_proof(drawn, seed, outcomes)

    check()
    kinds = "holds", "failed", "undecided", "holds by bounds", "some by bounds", "in a domain", "of several or none"
    assert_each_occurred(outcomes, *kinds)


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_bounds(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """In random boxes of each length, no context has a difference of logits below its bound; NaN has no bound."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, executed, bound = np.random.default_rng(seed), Executed(drawn), Bounds(drawn)
    vocab = len(executed.vocab)
    pairs = [(a, b) for a in range(vocab) for b in range(vocab) if a != b]
    by_length = [random_boxes(rng, 2, n, vocab) for n in range(1, drawn.n_ctx + 1)]
    together = [list(boxes) for boxes in by_length]
    if bound.mixes and seed % 2:
        together = [[box for boxes in by_length for box in boxes]]
    kinds = set()
    for boxes in together:
        rows = [(box, *pair) for box in boxes for pair in pairs]
        masks = np.zeros((len(rows), max(map(len, boxes)), vocab), bool)
        for mask, (box, *_) in zip(masks, rows):
            mask[: len(box)] = box
        answers, rivals = np.array([row[1] for row in rows]), np.arange(vocab) == np.array([[row[2]] for row in rows])
        lower = bound.margins(Boxes.dense(masks), answers, rivals).lower
        for (box, answer, rival), least in zip(rows, lower.tolist()):
            assert_bounded(executed, box, answer, rival, least)
            kinds.add("unknown" if least == -np.inf else "proved" if least > 0 else "bounded")
    count(outcomes, executed, *kinds)


def assert_bounded(executed: Executed, box: Array, answer: int, rival: int, least: float) -> None:
    vocab = executed.vocab
    for tokens in product(*(np.flatnonzero(row).tolist() for row in box)):
        context = "".join(vocab[i] for i in tokens)
        row = executed.after(context).astype(np.float64)
        margin = float(row[answer] - row[rival])
        if np.isnan(margin):
            assert not least > 0, f"after {context} the logits are {row}, but a margin of {least} is proved"
        else:
            assert margin >= least, f"after {context} a difference is {margin}, but should be at least {least}"


@pytest.mark.soundness
def test_no_difference_of_logits_leaves_its_bound_at_the_ends(outcomes: Counter[str]) -> None:
    @many(60)
    @given(st.one_of(transformers(vocab=(2, 3)), RARE), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_bounds(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "unknown", "proved", "bounded")


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_blocks(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """The same of boxes that know little of a context, where the other positions are looked at in blocks of a few."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, executed, n = np.random.default_rng(seed), Executed(drawn), drawn.n_ctx
    vocab = len(executed.vocab)
    bound = Bounds(drawn, block=int(rng.integers(2, 4)))
    positions = np.arange(n - 1 - rng.integers(3), n)
    pairs = [(a, b) for a in range(vocab) for b in range(vocab) if a != b]
    masks = np.ones((2 * len(pairs), n, vocab), bool)
    masks[:, positions] = random_boxes(rng, 2, len(positions), vocab).repeat(len(pairs), axis=0)
    answers, others = np.array(pairs * 2).T
    boxes = Boxes(np.full(len(masks), n), positions, masks[:, positions])
    lower = bound._in_parts(boxes, bound._closed(boxes), answers, np.arange(vocab) == others[:, None]).lower
    kinds = {"unknown" if least == -np.inf else "proved" if least > 0 else "bounded" for least in lower}
    for mask, answer, rival, least in zip(masks, answers.tolist(), others.tolist(), lower.tolist()):
        for tokens in completions(rng, mask, 3):
            assert_bounded(executed, np.eye(vocab, dtype=bool)[tokens], answer, rival, least)
            context = "".join(executed.vocab[i] for i in tokens)
            kinds |= {"with NaN"} if np.isnan(executed.after(context)).any() else set()
    outcomes.update(["built", str(drawn.dtype), *kinds])


@pytest.mark.soundness
def test_nor_where_positions_are_looked_at_in_blocks(outcomes: Counter[str]) -> None:
    @many(24)
    @given(transformers(["attention"], n_ctx=(7, 9), vocab=(2,), most=2000), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_blocks(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "unknown", "proved", "bounded")


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_long(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Where positions are looked at in slabs and blocks: no sampled context has a margin below what was proved."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    rng, vocab, n = np.random.default_rng(seed), "abc"[: len(drawn.token_embedding)], drawn.n_ctx
    known = int(rng.integers(3))
    ends = ["".join(tokens) for tokens in product(vocab, repeat=known)]
    table, nan = {}, False
    for end in ends:
        logits = sampled(
            drawn, rng, np.array([[token == t for t in vocab] for token in end], bool).reshape(-1, len(vocab))
        )
        nan |= bool(np.isnan(logits).any())
        most = np.bincount(np.nan_to_num(logits).argmax(axis=1), minlength=len(vocab)).argmax()
        table[end] = {vocab[most if rng.random() < 0.9 else rng.integers(len(vocab))]}

    def rule(context: Any) -> set[str]:
        return table["".join([str(context[i]) for i in range(n - known, n)])]

    told: list[Settled] = []
    found = prove_answers(drawn, vocab, rule, [n], first=bool(seed % 2), max_boxes=4 * len(table), settled=told.append)
    for one in told:
        box = np.array([[token in one.box.sets.get(i, vocab) for token in vocab] for i in range(n)])
        logits = sampled(drawn, rng, box)
        right = np.array([token in one.box.permitted for token in vocab])
        margins = logits[:, right].max(axis=1) - logits[:, ~right].max(axis=1)
        assert (margins >= one.margin).all(), f"a margin is {margins.min()}, but {one.margin} was proved"
    kinds = [*(["in blocks"] if n > 96 else []), *(["with NaN"] if nan else [])]
    outcomes.update(["built", str(drawn.dtype), found.status, *kinds])


def sampled(transformer: Transformer, rng: np.random.Generator, ends: Array) -> Array:
    """Logits in some contexts of n_ctx tokens of which the last may be these: bool [position, vocab]."""
    box = np.ones((transformer.n_ctx, len(transformer.token_embedding)), bool)
    box[len(box) - len(ends) :] = ends
    some = completions(rng, box, 4)
    return np.array([forward(transformer, tokens[None], last=True)[0, -1] for tokens in some], np.float64)


@pytest.mark.soundness
def test_nor_where_contexts_are_long(outcomes: Counter[str]) -> None:
    kinds = st.sampled_from([["attention"], ["relu", "attention"], ["attention", "gelu"]])

    @many(36)
    @given(kinds.flatmap(lambda some: transformers(some, n_ctx=(65, 130), vocab=(2,), most=np.inf)), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_long(drawn, seed, outcomes)

    check()
    assert_each_occurred(outcomes, "holds", "failed", "undecided", "in blocks")
