"""What a count costs: trained models of the largest of K tokens, and of two heads, in seconds of the processor.

One thread (`make bench` sees to that). `extra_info` holds the contexts that are wrong and open, the interval, the
seconds and the memory of the process.
"""

import resource
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import reference
from properties.counting import Count, Counting
from zoo import Domain, Model
from zoo.files import attention_only
from zoo.training.train import fit, from_rule, untrained

WEIGHTS = Path(__file__).with_name("max_of_k")
MAXIMUM = reference.Fold("", max, lambda best: {best})


def trained(k: int) -> Model:
    """Computed in float64, as the figures in the literature are."""
    return replace(attention_only.read(WEIGHTS / f"max{k}.npz"), rule=MAXIMUM).astype(np.float64)


def two_heads(n: int = 10) -> Model:
    """The largest of ten digits, of a model of two heads that is trained in some seconds."""
    digits = "0123456789"
    domain = Domain.every(digits, n, start=n)
    start = Model("largest", digits, untrained(10, n, 12, heads=2, seed=1), rule=MAXIMUM, domain=domain)
    examples = from_rule(start, MAXIMUM, domain.sample(np.random.default_rng(0), 4000))
    return replace(start, transformer=fit(start.transformer, examples, 1500))


def intervals(model: Model, lengths: list[int], seconds: float, gap: float = 0.0) -> Iterator[Count]:
    """What is certain, after every step."""
    counting = Counting(model, lengths)
    for _ in counting.steps(gap, seconds):
        yield counting.so_far()
    yield counting.so_far()


def only_timed(benchmark: BenchmarkFixture) -> None:
    if benchmark.disabled:
        pytest.skip("takes seconds, and is only timed")


def counted(benchmark: BenchmarkFixture, model: Model, length: int, seconds: float, gap: float = 0.0) -> Count:
    found: list[Count] = []

    def run() -> None:
        begin = time.process_time()
        *_, last = intervals(model, [length], seconds, gap)
        found.append(last)
        benchmark.extra_info["seconds of the processor"] = round(time.process_time() - begin, 1)

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]
    least, most = (float(share) for share in found[-1].accuracy)
    benchmark.extra_info |= {
        "wrong": str(found[-1].wrong),
        "open": str(found[-1].open),
        "right at least": f"{least:.6f}",
        "at most": f"{most:.6f}",
        "MB at most": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000),
    }
    return found[-1]


@pytest.mark.parametrize(("k", "wrong"), [(4, 11_332), (5, 727_754)])
@pytest.mark.benchmark(group="count")
def test_counts_that_are_exact(benchmark: BenchmarkFixture, k: int, wrong: int) -> None:
    if k > 4:
        only_timed(benchmark)
    found = counted(benchmark, trained(k), k, 60)
    assert (found.wrong, found.open, found.total) == (wrong, 0, 64**k)


@pytest.mark.parametrize(("k", "gap"), [(10, 2e-4), (20, 1e-3)])
@pytest.mark.benchmark(group="count")
def test_intervals(benchmark: BenchmarkFixture, k: int, gap: float) -> None:
    """As soon as it is so narrow."""
    only_timed(benchmark)
    found = counted(benchmark, trained(k), k, 60, gap)
    assert found.total == 64**k
    assert found.open <= gap * found.total


@pytest.mark.benchmark(group="count")
def test_two_heads(benchmark: BenchmarkFixture) -> None:
    only_timed(benchmark)
    found = counted(benchmark, two_heads(), 10, 120, 0.01)
    assert found.open <= 0.01 * found.total
