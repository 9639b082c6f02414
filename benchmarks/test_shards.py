"""What a second core is worth: proofs, counts and mutants, in this process and by two, in one run. They take over ten
seconds in one process, but for two heads and the proof at every position, which take less.

One thread each (`make bench` sees to that). `extra_info` has the seconds of both by the clock and how many times less
the second is, the seconds of the processor of each process, how many times less it would be if nothing else ran (half
of the sum of all, or the busiest of them), and how long it took two processes to start, which is in neither. What is
found is held to be the same.

Measured on two cores with nothing else running, but for the first line: what the same came to, by the processor, before
leaves were sent as little as there is to each and were tried by the workers, quick shards were sent together, and the
collector of garbage kept off what is unpacked. `times` are by the clock, and if nobody had waited:

| | one process | coordinator | two workers | times | undisturbed |
|---|---|---|---|---|---|
| `adder` at n_ctx 14, before | 8.3 | 3.6 | 3.8 and 3.6 | | 1.50 |
| `adder` at n_ctx 17 | 11.7 | 2.9 | 5.1 and 5.0 | 1.72 | 1.80 |
| mutants of `aab` at n_ctx 11 | 12.9 | 0.4 | 6.1 and 6.1 | 2.01 | 2.05 |
| a count by boxes, two heads | 6.1 | 0.1 | 3.9 and 3.9 | 1.04 | 1.52 |
| a count by sums, the largest of ten | 16.1 | 1.9 | 8.5 and 9.2 | 1.36 | 1.63 |
| `reverse` at each of 400 positions | 2.6 | 0.1 | 1.4 and 1.4 | 1.76 | 1.81 |

The count by sums comes to less than 1.7: its shards take 6 ms each, about 0.6 ms of which is to pack and unpack their
parts on both sides; what an answer's terms are is kept for the last 64 only, and found by each worker for itself; and
the coordinator finds the parts and the terms of a length before there is anything to share, while both wait. So they do
in a count by boxes, which is split further only where what was found says so: its shards are few, and follow another.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.test_count import only_timed, trained, two_heads
from properties.counting import count
from properties.proof.search import prove_answers
from properties.robustness.mutants import stories
from zoo import Model, registry
from zoo.shards import Shards, processes

Work = Callable[[Executor | None], object]


def proof(model: Model, every: bool = False) -> Work:
    assert model.rule is not None
    rule = model.rule

    def run(executor: Executor | None) -> object:
        told = {"domain": model.domain, "names": model.names, "every": every}
        found = prove_answers(model.transformer, model.vocab, rule, executor=executor, **told)  # type: ignore[arg-type]
        return {**vars(found), "seconds": None}

    return run


def counts(model: Model, gap: float) -> Work:
    return lambda executor: count(model, [10], gap, max_seconds=None, executor=executor).lengths


def mutants(model: Model) -> Work:
    return lambda executor: [(one.outcome, one.check, one.context) for one in stories(model, executor=executor)]


WORKS = {
    "proof": lambda: proof(registry.load("adder", 17)),
    "mutants": lambda: mutants(registry.load("aab", 11)),
    "count by boxes": lambda: counts(two_heads(), 1e-5),
    "count by sums": lambda: counts(trained(10), 2e-4),
    "every position": lambda: proof(registry.load("reverse", 400), True),
}


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.benchmark(group="shards")
def test_two_cores(benchmark: BenchmarkFixture, name: str) -> None:
    only_timed(benchmark)
    told, work = benchmark.extra_info, WORKS[name]()

    def run() -> None:
        begin, own = time.perf_counter(), time.process_time()
        alone = work(None)
        one, processor = time.perf_counter() - begin, time.process_time() - own
        with processes(2) as executor:
            begin = time.perf_counter()
            before = spent(executor)
            told["seconds to start"] = round(time.perf_counter() - begin - 1, 1)
            begin, own = time.perf_counter(), time.process_time()
            assert work(executor) == alone
            two, own = time.perf_counter() - begin, time.process_time() - own
            after = spent(executor)
        its = [own, *(after[worker] - before[worker] for worker in before)]
        told["seconds"], told["seconds by two"], told["times"] = round(one, 1), round(two, 1), round(one / two, 2)
        told["of the processor"], told["by two"] = round(processor, 1), [round(seconds, 1) for seconds in its]
        told["times, undisturbed"] = round(processor / max(sum(its) / 2, *its), 2)

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]


def spent(executor: Executor) -> dict[int, float]:
    """Seconds of the processor that each of both workers has spent."""
    with Shards(Waiting, executor=executor) as waiting:
        return dict(found for _, found in waiting.each([0.5, 0.51, 0.52, 0.53]))  # each is another shard


class Waiting:
    """Work that lets both processes start: who did it, and how many seconds of the processor it has spent."""

    def __call__(self, seconds: float) -> tuple[int, float]:
        time.sleep(seconds)
        return os.getpid(), time.process_time()
