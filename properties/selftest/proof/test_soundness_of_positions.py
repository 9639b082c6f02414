"""Answers at every position, with outputs of their own or numbers: proofs against every context that there is."""

from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.proof.boxes import Settled
from properties.proof.counterexample import around, judged, margin_of
from properties.proof.search import prove_answers
from properties.selftest.counted_boxes import contexts_of
from properties.selftest.examples import many
from properties.selftest.extreme_models import RARE, Drawn, assert_each_occurred, count, transformers
from properties.selftest.extreme_rules import Executed, less, spoken_of
from properties.selftest.proof.test_soundness_of_proofs import SEEDS
from zoo import Attention, ModelError, Transformer, forward
from zoo.transformer.arrays import Array

NAMES = "uvw"
Asked = tuple[str, int]  # a context and a position
COUNTS: list[Callable[[Any, int], Hashable]] = [
    lambda c, at: (len(c), at, int(c.count("a"))),
    lambda c, at: (len(c), at, int(c[: at + 1].count("a"))),
    lambda c, at: (len(c), at, c[:at].count("a") > 1, int(c[at:].count("b"))),
]


class Answered:
    """What a transformer says at each position of every context, and a table of what is said to be right there."""

    def __init__(self, drawn: Transformer, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 2])
        self.number = self.rng.random() < 0.4
        self.transformer = self.read_out(drawn)
        self.executed: Executed = spoken_of(self.transformer, seed)
        self.names = () if self.number else tuple(NAMES[: len(self.transformer.readout)])
        rows = [(words, self.after(words)) for words in self.executed.logits]
        self.logits = {(words, at): row for words, several in rows for at, row in enumerate(several)}
        sizes = [abs(float(row[0])) for row in self.logits.values() if np.isfinite(row).all()]
        self.within = (
            float(self.rng.choice([1e-9, 0.01, 1.0])) * (max(sizes, default=0.0) or 1.0) if self.number else None
        )
        self.within = max(5e-324, min(self.within, 1e308)) if self.within is not None else None
        planted = self.rng.choice([0.0, 0.0, 0.05])
        self.table = {asked: self.right(row, planted) for asked, row in self.logits.items()}
        chosen = np.random.default_rng([seed, 5]).integers(2 * len(COUNTS))
        self.key = COUNTS[chosen] if chosen < len(COUNTS) else None
        if self.key is not None:
            self.table = self.counted(self.key)

    def counted(self, key: Callable[[Any, int], Hashable]) -> dict[Asked, Any]:
        """One thing where the same is counted: what is right there most often."""
        votes = dict[Hashable, list[Any]]()
        for asked, right in self.table.items():
            votes.setdefault(key(*asked), []).append(right)
        return {asked: max(votes[key(*asked)], key=votes[key(*asked)].count) for asked in self.table}

    def read_out(self, drawn: Transformer) -> Transformer:
        """With one row for a number, or as many rows as there are other outputs than tokens, or those that it has."""
        rows = drawn.readout
        if self.number:
            rows = rows[:1]
        elif self.rng.random() < 0.7:
            rows = rows[self.rng.integers(len(rows), size=self.rng.integers(2, 4))] * self.rng.choice([1, 0.5], (1, 1))
            rows = rows.astype(drawn.dtype)
            rows[-1] = 0
        return replace(drawn, unembedding=rows)

    @np.errstate(all="ignore")
    def after(self, context: str) -> Array:
        tokens = np.array([[self.executed.vocab.index(token) for token in context]])
        rows: Array = forward(self.transformer, tokens)[0]
        return rows

    def right(self, row: Array, planted: float) -> Any:
        """What it says there, mostly; or something else, or nothing."""
        if self.rng.random() < 0.15:
            return None
        if self.within is not None:
            value = float(row[0]) if np.isfinite(row[0]) else 0.0
            off = self.rng.uniform(-1.5, 1.5) if self.rng.random() < planted else self.rng.uniform(-0.3, 0.3)
            return float(np.clip(value + off * self.within, -1e308, 1e308))
        says = 0 if np.isnan(row).any() else int(row.argmax())
        if self.rng.random() < planted:
            says = int(self.rng.integers(len(row)))
        return {self.names[says]} | ({self.names[0]} if self.rng.random() < 0.2 else set())

    @property
    def rule(self) -> Any:
        """A function that reaches the table, and nothing else."""
        table, key = self.table, self.key
        if key is None:
            return lambda context, at: table["".join(str(token) for token in context), at]
        by_count = {key(*asked): right for asked, right in table.items()}
        return lambda context, at: by_count.get(key(context, at))

    def allowed(self, asked: Asked) -> Array:
        said = self.table[asked]
        if self.within is not None:
            return around(np.array(np.nan if said is None else said), self.within)
        return np.array([name in (said or ()) for name in self.names])

    def margin(self, asked: Asked) -> float:
        """By how much what it says there is right: the largest float that is no more."""
        row, allowed = self.logits[asked], self.allowed(asked)
        if self.within is None:
            return less(float(row[allowed].max(initial=-np.inf)), float(row[~allowed].max(initial=-np.inf)))
        with np.errstate(all="ignore"):
            return float(margin_of(row, allowed))

    @property
    def masks(self) -> str:
        masks = {layer.causal for layer in self.transformer.layers if isinstance(layer, Attention)}
        return "both" if len(masks) > 1 else "causal" if masks == {True} else "unmasked" if masks else "no attention"


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_positions(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """A proof fails at exactly the positions that are wrong, and no margin is above that of a context it is about."""
    if isinstance(drawn, ModelError):
        outcomes["refused"] += 1
        return
    try:
        its = Answered(drawn, seed)
    except ModelError:
        outcomes["refused"] += 1
        return
    told, vocab = list[Settled](), its.executed.vocab
    asked = [one for one in its.table if judged(its.allowed(one))]
    wrong = {one for one in asked if not its.margin(one) > 0}
    budget = seed % 17 if seed % 5 == 0 else None
    more: dict[str, Any] = {"names": its.names, "within": its.within, "every": True, "domain": its.executed.domain}
    found = prove_answers(its.transformer, vocab, its.rule, max_boxes=budget, settled=told.append, **more)
    for one in told:
        for context in contexts_of(one.box, vocab) if one.kind == "proved" else ():
            at = {where for where in range(len(context)) if not np.isinf(one.margin)}
            margins = [its.margin((context, where)) for where in at if judged(its.allowed((context, where)))]
            least = max(margin for margin in margins if not np.isnan(margin))  # at which of them, is not told
            assert least >= one.margin > 0, f"in {context} no margin is above {least}, but {one.margin} was proved"
    said = {(str(wrong.context), wrong.at) for wrong in found.counterexamples}
    assert said <= wrong, f"right answers are said to be wrong: {said - wrong}"
    assert budget is not None or said == wrong, f"{said} are said to be wrong, but should be {wrong}"
    if budget is None and seed % 3 == 0:
        first = prove_answers(its.transformer, vocab, its.rule, first=True, **more).counterexamples
        assert len(first) == bool(wrong)
        assert {(str(shown.context), shown.at) for shown in first} <= wrong
    if found.status == "holds":
        assert not wrong
        assert found.contexts == len(asked)
        assert found.margin <= min(map(its.margin, asked), default=np.inf)
    bounded = any(one.kind == "proved" for one in told)
    kinds = [found.status, its.masks, "a number" if its.number else "names"]
    kinds += ["some by bounds"] * bounded + ["holds by bounds"] * (bounded and found.status == "holds")
    kinds += ["by counts"] * any(one.kind == "proved" and bool(one.box.counts) for one in told)
    count(outcomes, its.executed, *kinds)


@pytest.mark.soundness
def test_proofs_say_at_every_position_what_running_it_says(outcomes: Counter[str]) -> None:
    @many(54)
    @given(st.one_of(transformers(), transformers(), RARE), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_positions(drawn, seed, outcomes)

    check()
    kinds = "holds", "failed", "undecided", "holds by bounds", "some by bounds", "by counts", "a number", "names"
    assert_each_occurred(outcomes, *kinds, "causal", "unmasked", "both")


def test_a_count_up_to_a_position_is_none_of_exchanged_contexts() -> None:
    """Each position says what the last one holds: those two are exchanged, and what is counted of them is not."""
    tokens, last = np.eye(4)[:, :2], np.array([[0.0], [0], [0], [50]])
    attention = Attention(
        *(np.zeros((1, 4, 1)), last[None], tokens[None], 10 * tokens.T[None]),
        b_q=np.ones((1, 1)),
        causal=False,
        scale=1,
    )
    transformer = Transformer(np.eye(4)[:2], np.eye(4)[2:], [attention])
    told = list[Settled]()

    def rule(context: Any, at: int) -> set[str]:
        return {"a"} if context[: at + 1].count("a") == at + 1 else {"b"}

    found = prove_answers(transformer, "ab", rule, [2], every=True, settled=told.append)
    wrong = [("ab", 0), ("ba", 0), ("ba", 1)]
    assert [(one.context, one.at) for one in found.counterexamples] == wrong
    assert all(one.box.counts for one in told)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_counterexample_is_one_of_the_contexts_that_are_counted(number: int) -> None:
    """The second position says a after a b. Its bounds know nothing of a count of the whole, and look at such a one."""
    one, zeros = np.eye(4), np.zeros((1, 4, 1))
    attention = Attention(zeros, zeros, one[None, :, 1:2], one[None, 3:])
    transformer = Transformer(one[:2], one[[2, 2, 2]], [attention], unembedding=np.array([5 * one[3], one[2]]))

    def rule(context: Any, at: int) -> set[str] | None:
        return {"b"} if at == 1 and context.count("b") == number else None

    [found] = prove_answers(transformer, "ab", rule, [3], every=True, first=True).counterexamples
    assert (found.at, found.context.count("b")) == (1, number)
    assert "b" in found.context[:2]
