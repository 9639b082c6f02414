"""What the proof saves, against itself without that: both in turn, in one run, by the processor's time.

`extra_info` has each way's time for one box, leaf or proof, the shortest of all rounds, and how many times less the
second is, the median of the rounds.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from statistics import median
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import zoo
from properties.proof import positions, reduced, softmax
from properties.proof.bounds import Bounds
from properties.proof.boxes import Box, Boxes
from properties.proof.reading.decision_tree import Reading
from properties.proof.reading.run import NONE
from properties.proof.reading.samples import Samples
from properties.proof.search import prove_answers
from zoo import Attention, Domain, Mlp, Transformer
from zoo.models import induction
from zoo.rule import watch
from zoo.rule.telling import Looked, look

DIGITS = "0123456789"
TOKENS = (*DIGITS, "+", "=")
Rule = Callable[[Any], set[str]]
Way = Callable[[], AbstractContextManager[object]]


def compare(benchmark: BenchmarkFixture, run: Callable[[], int], before: Way, rounds: int = 5) -> None:
    """`run` answers how many it did; `before` makes it do so as it did."""
    benchmark.group = "saved"
    spent: dict[str, list[float]] = {"before": [], "after": []}

    def alternate() -> None:
        for _ in range(rounds if benchmark.enabled else 1):
            for name, way in (("before", before), ("after", nullcontext)):
                with way():
                    start = time.process_time()
                    number = run()
                    spent[name].append((time.process_time() - start) / number)

    benchmark.pedantic(alternate, rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info |= {f"microseconds {name}": round(1e6 * min(its), 1) for name, its in spent.items()}
    ratios = [before / max(after, 1e-9) for before, after in zip(spent["before"], spent["after"])]
    benchmark.extra_info["times"] = round(median(ratios), 1)


def adding(columns: int) -> Transformer:
    """Of "0123+4567=" the sum of the first two digits, one-hot positions and an Mlp behind, as an adder has them."""
    n, start = 2 * columns + 2, 2 * columns + 1
    pos, num, one = np.eye(n + 2)[:n], n, n + 1
    w_q, w_k, w_v, w_o = (np.zeros((1, *shape)) for shape in ((n + 2, n), (n + 2, n), (n + 2, 1), (1, n + 2)))
    w_q[0, start, [0, columns + 1]] = 64
    w_k[0, :n], w_v[0, num], w_o[0, 0, num] = np.eye(n), 1, -2
    b_o = np.zeros(n + 2)
    b_o[one] = 1
    tokens = np.zeros((len(TOKENS), n + 2))
    tokens[:10, num] = -np.arange(10)
    w_in, w_out = np.zeros((n + 2, 2)), np.zeros((2, n + 2))
    w_in[num], w_out[:, num] = 1, (-10, 10)  # more than 9 by up to one is ten less
    readout = np.zeros((len(TOKENS), n + 2))
    readout[:10, num], readout[:10, one], readout[10:, one] = 2 * np.arange(10), -(np.arange(10) ** 2), -1000
    wrap = Mlp(w_in, np.array([-9.0, -10]), w_out, np.zeros(n + 2), "relu")
    return Transformer(tokens, pos, [Attention(w_q, w_k, w_v, w_o, b_o=b_o, scale=1), wrap], unembedding=readout)


@pytest.mark.parametrize("felt", [False, True], ids=["bounds", "where_to_split"])
def test_a_last_token_by_itself(benchmark: BenchmarkFixture, felt: bool) -> None:
    """A box of two numbers of ten digits, of which the first are known: all 100, with an Mlp behind attention."""
    some = range(10) if benchmark.enabled else (0, 5, 9)
    transformer, domain = adding(10), Domain.layout(f"{'d' * 10}+{'d' * 10}=", start=22, d=DIGITS)
    bounds, [root] = Bounds(transformer), domain.boxes(22, TOKENS)
    pairs = [(a, b) for a in some for b in some]
    boxes = [
        Box(22, {**root.sets, 0: frozenset(str(a)), 11: frozenset(str(b))}, frozenset(str((a + b) % 10)))
        for a, b in pairs
    ]
    answers = np.array([(a + b) % 10 for a, b in pairs])
    rivals = np.arange(len(TOKENS)) != answers[:, None]
    several = Boxes.of(boxes, TOKENS)

    def run() -> int:
        assert (bounds.margins(several, answers, rivals, felt).lower > 0.9).all()
        return len(boxes)

    compare(benchmark, run, lambda: set_to(bounds, "narrow", False))


def odd(positions: int) -> Rule:
    """Whether the places of a among so many last tokens have an odd sum by bits."""

    def rule(context: Any) -> set[str]:
        number = 0
        for i in range(1, positions + 1):
            if context[-i] == "a":
                number ^= i
        return {"ab"[number & 1]}

    return rule


def digits_of(positions: int) -> Rule:
    """The last digit of the sum of so many digits, each two apart."""
    return lambda context: {str(sum(int(str(context[-i])) for i in range(1, 2 * positions, 2)) % 10)}


@pytest.mark.parametrize("domain", [None, Domain.layout("d" * 27, start=27, d=DIGITS)], ids=["alone", "in_a_domain"])
def test_a_leaf(benchmark: BenchmarkFixture, domain: Domain | None) -> None:
    """8,192 leaves by 13 comparisons, 10,000 by four tokens; before, all runs were watched, all samples drawn anew."""
    few = not benchmark.enabled
    vocab, rule, length = (
        ("ab", odd(4 if few else 13), 64) if domain is None else (TOKENS, digits_of(2 if few else 4), 27)
    )
    sets = NONE if domain is None else next(iter(domain.boxes(length, vocab))).sets

    def run() -> int:
        return sum(1 for _ in Reading(rule, vocab, "rule").leaves(length, sets))

    compare(benchmark, run, watched_and_drawn)


@contextmanager
def watched_and_drawn() -> Iterator[None]:
    """Whatever a rule is, it is watched; and samples heed all that is known of a leaf."""
    of = Samples.of
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(watch, "_known", type(watch._known)())
        patch.setattr(watch, "look", lambda function: Looked(look(function).tells, True))
        patch.setattr(Samples, "of", lambda its, leaf, root: of(its, leaf))
        yield


@contextmanager
def set_to(of: object, name: str, value: object) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of, name, value)
        yield


@pytest.mark.parametrize("name", ["aab", "two_head_either"])
def test_what_is_felt(benchmark: BenchmarkFixture, name: str) -> None:
    """The proof at 4,096, with one-hot positions; before, every direction of the stream was followed."""
    model = zoo.load(name, n_ctx=4096 if benchmark.enabled else 130)
    function = (*model.predictors, model.rule)[0]
    assert function is not None

    def run() -> int:
        proof = prove_answers(model.transformer, model.vocab, function, first=True)
        assert proof.status == "holds"
        return 1

    compare(benchmark, run, lambda: set_to(reduced, "LEAST", 10**9), 2)


def test_means_of_a_first_layer(benchmark: BenchmarkFixture) -> None:
    """`induction` with five tokens; before, each box's own, also where another's keys may be the same."""
    model = induction.build("abcde" if benchmark.enabled else "ab", 32 if benchmark.enabled else 6)

    def run() -> int:
        proof = prove_answers(model.transformer, model.vocab, model.predictors[0], first=True)
        assert proof.status == "holds"
        return 1

    compare(benchmark, run, lambda: set_to(softmax, "BITS", -1), 3)


def previous(n_ctx: int) -> Transformer:
    """Under a mask, each position says the token before it."""
    d = n_ctx + 6
    eye, pos = np.eye(d), np.arange(n_ctx)
    w_q, w_k, w_v, w_o = (np.zeros((1, *shape)) for shape in ((d, n_ctx), (d, n_ctx), (d, 3), (3, d)))
    w_q[0, pos[1:], pos[:-1]], w_k[0, pos, pos] = 32, 1
    w_v[0, n_ctx : n_ctx + 3], w_o[0, :, n_ctx + 3 :] = np.eye(3), np.eye(3)
    layer = Attention(w_q, w_k, w_v, w_o, scale=1, causal=True)
    return Transformer(eye[n_ctx : n_ctx + 3], eye[:n_ctx], [layer], unembedding=eye[n_ctx + 3 :])


def says_the_one_before(context: Any, at: int) -> set[str]:
    return {context[at - 1]} if at else {context[at]}


def test_every_position_under_a_mask(benchmark: BenchmarkFixture) -> None:
    """All positions of up to 64 tokens; before, of each length anew."""
    transformer = previous(64 if benchmark.enabled else 6)

    def run() -> int:
        proof = prove_answers(transformer, "abc", says_the_one_before, every=True)
        assert proof.status == "holds"
        return 1

    compare(benchmark, run, lambda: set_to(positions, "KEPT", -1), 3)
