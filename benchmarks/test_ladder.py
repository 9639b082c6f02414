"""One answer of a model by every implementation, in the order of docs/cost.md; and what the source's savings bring."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import zoo
from zoo.cost.ladder import ladder
from zoo.cost.operations import answer_flops, flops
from zoo.enumeration.prefixes import Cache, empty, extended, step
from zoo.transformer.scalar import SkippingNumber, count_operations, scalar_forward

AAB = zoo.load("aab")
TOKENS = AAB.encode("aabaa")


@pytest.mark.parametrize(("name", "n_ctx"), [("aab", 5), ("aab", 16), ("two_head_either", 16)])
def test_ladder(name: str, n_ctx: int, benchmark: BenchmarkFixture) -> None:
    """The whole ladder is one call; its own figures, each the best of its rounds, are in `extra_info`."""
    benchmark.group = "ladder"
    if benchmark.disabled and n_ctx > 5:
        pytest.skip("takes seconds, and is only timed")
    model = zoo.load(name, n_ctx)
    rungs = benchmark(partial(ladder, model, rounds=1) if benchmark.disabled else partial(ladder, model))
    seconds = {rung.name: rung.seconds for rung in rungs}
    assert seconds["baseline"]
    benchmark.extra_info["times baseline"] = {
        name: taken and float(f"{taken / seconds['baseline']:.3g}") for name, taken in seconds.items()
    }


def kept() -> Cache:
    """Keys and values of the first four tokens."""
    cache = empty(AAB.transformer)
    for token in TOKENS[:4]:
        cache = extended(cache, step(AAB.transformer, cache, np.array([token]))[1], 1)
    return cache


class Skipping(SkippingNumber):
    operations = 0


def savings() -> dict[str, tuple[int, Callable[[], Any]]]:
    """Of the forward pass of five tokens: operations, and what is timed. Products are fused by BLAS in all of them."""
    transformer, two = AAB.transformer, zoo.load("aab", 2)
    cache, tokens = kept(), TOKENS.tolist()
    return {
        "all rows": (flops(transformer, 5), lambda: AAB.forward(TOKENS[None])[0, -1]),
        "only the last row": (answer_flops(transformer, 5), lambda: AAB.forward(TOKENS[None], last=True)[0, -1]),
        "two tokens, all the rule reads": (flops(two.transformer, 2), lambda: two.forward(TOKENS[None, -2:])[0, -1]),
        "keys and values kept": (
            flops(transformer, 5, rows=1),
            lambda: step(transformer, cache, TOKENS[4:])[0][0],
        ),
        "in Python numbers": (count_operations(transformer, 5), lambda: scalar_forward(transformer, tokens)[-1]),
        "in Python numbers, zeros skipped": (
            count_operations(transformer, 5, how="nonzero"),
            lambda: scalar_forward(transformer, tokens, Skipping)[-1],
        ),
    }


@pytest.mark.parametrize("name", savings())
def test_savings(name: str, benchmark: BenchmarkFixture) -> None:
    benchmark.group = "the source's savings"
    operations, run = savings()[name]
    benchmark.extra_info["operations"] = operations
    assert AAB.vocab[int(np.argmax(benchmark(run)))] == AAB.predict("aabaa")


def test_fused_products_are_counted(benchmark: BenchmarkFixture) -> None:
    """Not timed against unfused ones: what BLAS fuses cannot be turned off."""
    benchmark.group = "the source's savings"
    operations = benchmark(flops, AAB.transformer, 5, fused=True)
    benchmark.extra_info["operations"] = operations
    assert operations == count_operations(AAB.transformer, 5, how="fused") == 2150


def test_a_family_grows_in_its_arrays_only(benchmark: BenchmarkFixture) -> None:
    """At any n_ctx the distilled program is the same: what grows with the context is the transformer, not the task."""
    from zoo.distill import distill
    from zoo.distill.emit import x86

    benchmark.group = "distilling"
    program = benchmark(distill, zoo.load("aab", 12))
    assert x86(program) == x86(distill(replace(AAB, name="aab")))
