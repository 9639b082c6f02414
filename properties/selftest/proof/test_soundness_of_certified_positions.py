"""What the checker confirms of answers at every position, of outputs and of numbers, against every context there is."""

import json
import math
from collections import Counter
from collections.abc import Callable, Hashable
from dataclasses import replace
from itertools import groupby
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import reference
import zoo
from properties.proof.certificate import certify
from properties.proof.counterexample import judged
from properties.proof.search import prove_answers
from properties.proof.splits import Splits
from properties.recheck import recheck
from properties.selftest.examples import many
from properties.selftest.extreme_models import Drawn, assert_each_occurred, count, transformers
from properties.selftest.proof.test_soundness_of_positions import Answered
from properties.selftest.proof.test_soundness_of_proofs import SEEDS
from properties.selftest.recheck.liars import GUESSERS, guessing
from zoo import NUMBER, Attention, Model, ModelError, Transformer
from zoo.errors import CertificateError

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
Json = dict[str, Any]
PROVED = prove_answers(zoo.load("ab").transformer, "ab", reference.ab)
READ: list[Callable[[Any, int], Hashable]] = [
    lambda c, at: (len(c), at, c[at] == "a"),
    lambda c, at: (len(c), at, c[0] == "a", c[-1] == "a"),
]


class Liar:
    """Splits down to contexts of which the same is right, each said to be proved, or run where it is one."""

    def __init__(self, its: Answered, model: Model, seed: int) -> None:
        self.its, self.model, self.rng = its, model, np.random.default_rng([seed, 7])
        self.vocab, self.nodes, self.roots = its.executed.vocab, list[Any](), list[int]()
        self.early = 0.5 if its.key is not None and seed % 7 else 0.0
        every = sorted(its.executed.logits, key=self.place)
        for (n, _), some in groupby(every, key=self.place):
            contexts = list(some)
            self.roots += [self.grow(contexts, at, list(range(n))) for at in range(n)]

    def place(self, context: str) -> tuple[int, int]:
        """The length of a context, and the layout that it is in."""
        return len(context), next(i for i, one in enumerate(self.model.scope.layouts) if list(context) in one)

    def grow(self, contexts: list[str], at: int, left: list[int]) -> int:
        right = [self.its.table[context, at] for context in contexts]
        if all(one == right[0] for one in right) and (len(contexts) == 1 or self.rng.random() < self.early):
            return self.node(self.leaf(contexts, at))
        position = left[int(self.rng.integers(len(left)))]
        tokens = sorted({context[position] for context in contexts})
        parts = [
            [
                self.vocab.index(token),
                self.grow([c for c in contexts if c[position] == token], at, self.but(left, position)),
            ]
            for token in tokens
        ]
        return self.node([position - len(contexts[0]), *parts])

    @staticmethod
    def but(left: list[int], position: int) -> list[int]:
        return [one for one in left if one != position]

    def node(self, node: list[Any]) -> int:
        if node not in self.nodes:
            self.nodes.append(node)
        return self.nodes.index(node)

    def leaf(self, contexts: list[str], at: int) -> list[Any]:
        allowed = self.its.allowed((contexts[0], at))
        if not judged(allowed):
            return ["skipped"]
        if len(contexts) == 1 and self.rng.random() < 0.3:
            return ["run"]
        if self.its.within is not None:
            return ["proved"]
        row = np.where(allowed, self.its.logits[contexts[0], at], -np.inf)
        return ["proved", int(row.argmax()) if not np.isnan(row).any() else int(allowed.argmax())]

    def made(self, head: Json, least: float) -> Json:
        """With a margin that is so, as far as bounds reach that, one that is not, and the smallest of all."""
        margins = [5e-324, least * 0.9, least * (1 - 1e-4), least * (1 + 1e-7), least]
        margin = float(self.rng.choice([one for one in margins if 0 < one < math.inf] or [5e-324]))
        graph = {"sets": [[t] for t in range(len(self.vocab))], "nodes": self.nodes, "roots": self.roots}
        return {**head, **graph, "margin": margin}


def head(model: Model, rule: Any) -> Json:
    """What a certificate says of a model and a rule, whatever was proved."""
    nothing = Splits(model.vocab, model.scope, ())
    return certify(model, rule, proof=replace(PROVED, splits=nothing))[1] or {}


@np.errstate(all="ignore")  # what overflows shows in the answers
def check_positions(drawn: Drawn, seed: int, outcomes: Counter[str]) -> None:
    """Whether the prover wrote it or a liar, and whatever is guessed."""
    try:
        if isinstance(drawn, ModelError):
            raise drawn
        its = Answered(drawn, seed)
    except ModelError:
        outcomes["refused"] += 1
        return
    if seed % 3:
        its.key = READ[seed % 2]
        its.table = its.counted(its.key)
    outputs = NUMBER if its.number else its.names
    told: dict[str, Any] = {"outputs": outputs, "within": its.within, "answers": "every", "domain": its.executed.domain}
    model = Model("extreme", its.executed.vocab, its.transformer, rule=its.rule, **told)
    asked = [one for one in its.table if judged(its.allowed(one))]
    margins = {one: its.margin(one) for one in asked}
    kinds = set[str]()

    def confirmed(made: Json) -> str:
        try:
            found = recheck(json.loads(json.dumps(made)), model, its.rule)
        except CertificateError:
            return "not confirmed"
        wrong = [one for one in asked if not margins[one] > 0]
        assert not wrong, f"confirmed by {found.margin}, but wrong at {wrong}"
        assert found.contexts == len(its.table)
        assert found.unspecified == len(its.table) - len(asked)
        least = min(margins.values())
        assert found.undecided_runs or found.margin <= least, f"{found.margin} is confirmed, but the least is {least}"
        ran = found.runs or found.undecided_runs  # another order of sums may have a little less
        assert ran or made["margin"] <= least, f"{made['margin']} is confirmed as stated, but the least is {least}"
        return "confirmed"

    made = certify(model, its.rule)[1]
    kinds.add("none" if made is None else confirmed(made))
    lie = Liar(its, model, seed).made(head(model, its.rule), min(margins.values(), default=math.inf))
    kinds.add(f"a liar's {confirmed(lie)}")
    with guessing(list(GUESSERS)[seed % len(GUESSERS)]):
        kinds.add(f"by a guess {confirmed(lie)}")
    what = "a number" if its.number else "names"
    count(outcomes, its.executed, its.masks, *kinds, *(f"{what} {kind}" for kind in kinds))


@pytest.mark.soundness
def test_what_is_confirmed_at_every_position_is_true(outcomes: Counter[str]) -> None:
    @many(36)
    @given(transformers(vocab=(2, 3), most=20), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        check_positions(drawn, seed, outcomes)

    check()
    each = "confirmed", "a liar's confirmed", "a liar's not confirmed", "by a guess not confirmed"
    assert_each_occurred(outcomes, "none", *(f"{what} {how}" for what in ("names", "a number") for how in each))


def assert_refused(transformer: Transformer, rule: Any, sentence: str, *first: Any) -> None:
    """Of contexts of two tokens only the answer at the first is asked for; `first` are nodes, the last one says it."""
    model = Model("liar's", "ab", transformer, rule=rule, outputs="uv", answers="every")
    skipped = ["skipped"]
    graph = {"sets": [[0], [1]], "nodes": [skipped, *first], "roots": [0, len(first), 0], "margin": 5e-324}
    with np.errstate(all="ignore"), pytest.raises(CertificateError, match=sentence):
        recheck({**head(model, rule), **graph}, model, rule)


def test_a_run_is_judged_where_it_is_asked() -> None:
    """At the first of two tokens both outputs are tied, at the second none is."""
    tied = Transformer(np.zeros((2, 2)), np.array([[0.0, 0], [1, 0]]), [], unembedding=np.eye(2))

    def rule(context: Any, at: int) -> str | None:
        return "u" if (len(context), at) == (2, 0) else None

    assert_refused(tied, rule, "the model is wrong", ["run"], [-1, [0, 1], [1, 1]], [-2, [0, 2], [1, 2]])


def test_what_overflows_behind_a_position_is_looked_at() -> None:
    """Masked weights are 0, and 0 times infinity is no number: in ab the answer at a is none."""
    values, zeros = np.array([[[0.0], [1e300]]]), np.zeros((1, 2, 1))
    attention = Attention(zeros, zeros, values, np.array([[[1.0, 0.0]]]))
    transformer = Transformer(np.array([[1.0, 0], [1, 1e300]]), np.zeros((2, 2)), [attention], unembedding=np.eye(2))

    def rule(context: Any, at: int) -> str | None:
        return "u" if (len(context), at) == (2, 0) and context[0] == "a" else None

    assert_refused(transformer, rule, "numbers may overflow", ["proved", 0], [-2, [0, 1], [1, 0]])


def test_without_a_mask_all_positions_are_seen() -> None:
    """The first position says v after ab, by what stands behind it, and u after aa."""
    zeros, one = np.zeros((1, 2, 1)), np.array([[[0.0], [1.0]]])
    attention = Attention(zeros, zeros, one, np.array([[[0.0, 1.0]]]), causal=False)
    unembedding = np.array([[0.1, 0], [0, 1]])
    transformer = Transformer(np.eye(2), np.zeros((2, 2)), [attention], unembedding=unembedding)

    def rule(context: Any, at: int) -> str | None:
        return "u" if (len(context), at) == (2, 0) and context[0] == "a" else None

    assert_refused(transformer, rule, "the margin of the leaf", ["proved", 0], [-2, [0, 1], [1, 0]])
