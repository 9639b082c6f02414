"""What a second core is worth: a proof, a count and mutants, in this process and by two, by the clock, in one run.

One thread each (`make bench` sees to that). `extra_info` has the seconds of both, how many times less the second is,
and how long it took two processes to start, which is in neither. What is found is held to be the same.
"""

import time
from collections.abc import Callable
from concurrent.futures import Executor

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.test_count import only_timed, trained
from properties.counting import count
from properties.proof.search import prove_answers
from properties.robustness.mutants import stories
from zoo import registry
from zoo.shards import Shards, processes


def proof(executor: Executor | None) -> object:
    model = registry.load("adder", 14)
    assert model.rule is not None
    found = prove_answers(model.transformer, model.vocab, model.rule, domain=model.domain, executor=executor)
    return found.status, found.margin, found.boxes, found.contexts


def counts(executor: Executor | None) -> object:
    found = count(trained(5), [5], max_seconds=None, executor=executor)
    return found.lengths


def mutants(executor: Executor | None) -> object:
    found = stories(registry.load("aab", 14), executor=executor)
    return [(one.outcome, one.check, one.context) for one in found]


@pytest.mark.parametrize("work", [proof, counts, mutants])
@pytest.mark.benchmark(group="shards")
def test_two_cores(benchmark: BenchmarkFixture, work: Callable[[Executor | None], object]) -> None:
    only_timed(benchmark)
    told = benchmark.extra_info

    def run() -> None:
        begin = time.perf_counter()
        alone = work(None)
        one = time.perf_counter() - begin
        with processes(2) as executor:
            begin = time.perf_counter()
            with Shards(Waiting, executor=executor) as waiting:
                assert [found for _, found in waiting.each([0.5] * 4)] == [0.5] * 4
            told["seconds to start"] = round(time.perf_counter() - begin - 1, 1)
            begin = time.perf_counter()
            assert work(executor) == alone
            two = time.perf_counter() - begin
        told["seconds"], told["seconds by two"], told["times"] = round(one, 1), round(two, 1), round(one / two, 2)

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]


class Waiting:
    """Work that lets both processes start."""

    def __call__(self, seconds: float) -> float:
        time.sleep(seconds)
        return seconds
