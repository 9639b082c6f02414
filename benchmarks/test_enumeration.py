"""Every context of a model: how much sharing work saves over running them one at a time, and the memory it takes.

The ratios are to the baseline, timed on a sample of 256 contexts in turn with the enumeration, and to enumeration by
numpy, which there is where C is not compiled, in processor time.
"""

import sys
import time
import tracemalloc
from dataclasses import replace

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import zoo
from properties import check_model
from zoo import Model, contexts, enumeration
from zoo.cost.baseline import baseline
from zoo.cost.ladder import one_at_a_time
from zoo.cost.spread import spread
from zoo.enumeration import native


def layers(number: int, n_ctx: int) -> Model:
    """The attention of aab several times over: it computes something else, for as many layers."""
    model = zoo.load("aab", n_ctx)
    return replace(model, transformer=replace(model.transformer, layers=[*model.transformer.layers] * number))


CASES = {
    "one layer, n_ctx 16": (layers(1, 16), "sums"),
    "one layer, n_ctx 22": (layers(1, 22), "sums"),
    "two heads, n_ctx 16": (zoo.load("two_head_either", 16), "sums"),
    "two layers, n_ctx 12": (layers(2, 12), "prefixes"),
    "two layers, n_ctx 16": (layers(2, 16), "prefixes"),
    "four layers, n_ctx 12": (layers(4, 12), "prefixes"),
    "induction, n_ctx 11": (zoo.load("induction", 11), "prefixes"),
}


@pytest.mark.parametrize("case", CASES)
def test_all_contexts(case: str, benchmark: BenchmarkFixture) -> None:
    benchmark.group = "every context"
    model, path = CASES[case]
    assert enumeration.path(model.transformer) == path
    if benchmark.disabled and model.n_ctx > 12:
        pytest.skip("takes seconds, and is only timed")
    number = contexts.count(len(model.vocab), model.n_ctx)
    sample = spread(model, 256)
    answers = benchmark(enumeration.answers, model.transformer)
    assert sum(len(one.tokens) for one in answers.values()) == number
    if benchmark.stats is not None:
        rows = {context: model.encode(context) for context in sample}
        one = one_at_a_time(sample, lambda context: baseline(model.transformer, rows[context]))
        own = each = used = by_numpy = float("inf")
        for _ in range(5):  # in turn, so that a busy machine slows all alike
            start, begun = time.perf_counter(), time.process_time()
            enumeration.answers(model.transformer)
            used = min(used, time.process_time() - begun)
            own = min(own, (time.perf_counter() - start) / number)
            each = min(each, one())
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(native, "FEWEST", sys.maxsize)
                begun = time.process_time()
                enumeration.answers(model.transformer)
                by_numpy = min(by_numpy, time.process_time() - begun)
        tracemalloc.start()
        enumeration.answers(model.transformer)
        benchmark.extra_info |= {
            "contexts": number,
            "nanoseconds a context": round(own * 1e9, 1),
            "times cheaper than the baseline": round(each / own, 1),
            "times cheaper than by numpy": round(by_numpy / used, 1),
            "peak megabytes": round(tracemalloc.get_traced_memory()[1] / 1e6, 1),
        }
        tracemalloc.stop()


@pytest.mark.parametrize("check", ["rule", "margin"])
def test_a_check_of_all_contexts(check: str, benchmark: BenchmarkFixture) -> None:
    """Of a deep model, of which it is known what the rule permits; the ratio is to numpy, in processor time."""
    benchmark.group = "a check of every context"
    model = zoo.load("induction", 6 if benchmark.disabled else 11)

    def verified() -> float | None:
        [verdict] = check_model(replace(model), "enumerate", [check])
        assert verdict.status == "holds"
        return verdict.margin

    margin = benchmark(verified)
    if benchmark.stats is not None:
        used = by_numpy = float("inf")
        for _ in range(3):
            begun = time.process_time()
            verified()
            used = min(used, time.process_time() - begun)
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(native, "FEWEST", sys.maxsize)
                begun = time.process_time()
                assert verified() == margin
                by_numpy = min(by_numpy, time.process_time() - begun)
        benchmark.extra_info |= {"seconds": round(used, 2), "times cheaper than by numpy": round(by_numpy / used, 1)}
