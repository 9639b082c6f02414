"""What a proof costs: how it grows with n_ctx, and from where on it is cheaper than running every context.

`extra_info` holds for each n_ctx the leaves and seconds, and the exponents fitted through them (log seconds, and log
leaves, against log n_ctx).
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import reference
import zoo
from properties.checks.right import checked_predictor
from properties.checks.settle import settle
from properties.checks.verdict import How
from properties.proof.search import Proof, prove_answers
from zoo import Model
from zoo.model import Context
from zoo.models import parity

GROWTH = (5, 64, 256, 1024, 4096)
CROSSING = (8, 10, 12, 14, 16, 18, 20)


def prove(model: Model) -> Proof:
    function = (*model.predictors, model.rule)[0]
    assert function is not None
    return prove_answers(model.transformer, model.vocab, function, first=True)


def by_three(context: Context) -> set[str]:
    """a where the number of a is a multiple of three, otherwise b."""
    return {"a"} if context.count("a") % 3 == 0 else {"b"}


def depth(before: int, token: str) -> int:
    """Of brackets; -1 is of what is no beginning of such, or nested deeper than two."""
    now = before if before < 0 else before + (1 if token == "(" else -1)
    return now if now <= 2 else -1


def may_follow(depth: int) -> set[str]:
    return [{"("}, {"(", ")"}, {")"}, set[str]()][depth]


def brackets(n_ctx: int) -> Model:
    """Those of the zoo, whose rule is a loop, with a fold in its place."""
    fold = reference.Fold(0, depth, may_follow, reference.shallow_brackets)
    return replace(zoo.load("brackets", n_ctx=n_ctx), rule=fold)


COUNTING: dict[str, Callable[[int], Model]] = {
    "majority": lambda n_ctx: zoo.load("majority", n_ctx=n_ctx),
    "parity": lambda n_ctx: zoo.load("parity", n_ctx=n_ctx),
    "count modulo 3": lambda n_ctx: parity.counting(n_ctx, [0, 1, 1], "by_three", by_three),
    "brackets as a fold": brackets,
}


def seconds(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@pytest.mark.parametrize("name", ["aab", "aab_compact", "two_head_either"])
def test_growth_with_n_ctx(benchmark: BenchmarkFixture, name: str) -> None:
    """Leaves grow linearly. One-hot arrays are read whole; aab_compact has two dimensions at every length."""
    sizes = (*GROWTH, *([65_536] if name == "aab_compact" else [])) if benchmark.enabled else (5, 16)
    benchmark.group = "proof"
    rows: dict[int, tuple[int, float]] = {}

    def run() -> None:
        for n_ctx in sizes:
            model = zoo.load(name, n_ctx=n_ctx)
            proof = prove(model)
            assert proof.status == "holds"
            rows[n_ctx] = (proof.leaves, proof.seconds)

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]
    x = np.log(sizes[1:])
    if len(x) > 1:
        leaves, times = np.log(np.array([rows[n_ctx] for n_ctx in sizes[1:]], float)).T
        benchmark.extra_info["exponents"] = {
            "leaves": round(float(np.polyfit(x, leaves, 1)[0]), 2),
            "seconds": round(float(np.polyfit(x, times, 1)[0]), 2),
        }
    benchmark.extra_info["leaves and seconds"] = rows


@pytest.mark.parametrize("name", COUNTING)
def test_counting(benchmark: BenchmarkFixture, name: str) -> None:
    """What depends on how often tokens occur, at n_ctx 256: a leaf for each count, or each range of one."""
    benchmark.group = "proof"
    model = COUNTING[name](256 if benchmark.enabled else 8)
    found: list[Proof] = []
    start = time.process_time()
    benchmark.pedantic(lambda: found.append(prove(model)), rounds=1)  # type: ignore[no-untyped-call]
    spent, [proof] = time.process_time() - start, found
    assert proof.status == "holds"
    assert proof.contexts + proof.skipped == model.scope.count()
    benchmark.extra_info |= {
        "leaves": proof.leaves,
        "margin": proof.margin,
        "seconds of the processor": round(spent, 2),
    }


def test_proof_against_enumeration(benchmark: BenchmarkFixture) -> None:
    """The same question of the same model, by both means; the ratio above 1 says that the proof is quicker."""
    sizes = CROSSING if benchmark.enabled else (4, 5)
    benchmark.group = "proof"
    ratios: dict[int, float] = {}

    def run() -> None:
        for n_ctx in sizes:
            model = zoo.load("aab", n_ctx=n_ctx)
            question = checked_predictor(model.predictors[0], model.vocab)
            by_running = seconds(partial(settle, model, question, How("enumerate")))
            ratios[n_ctx] = round(by_running / seconds(partial(prove, model)), 2)

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info["times quicker than enumeration"] = ratios
