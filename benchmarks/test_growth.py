"""How time grows with each size of a transformer, fitted, next to how its operations grow over the same sizes.

Exponents are slopes of straight lines through logarithms. Where operations and time part, the work is not arithmetic:
memory, or the fixed cost of a numpy call.
"""

import time
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from zoo.cost.operations import bytes_moved, flops
from zoo.transformer import Attention, Mlp, Transformer, forward

START = {"n_ctx": 64, "d_model": 64, "heads": 2, "layers": 2, "vocabulary": 64}
STEPS = (1, 2, 4, 8)


def transformer(n_ctx: int, d_model: int, heads: int, layers: int, vocabulary: int) -> Transformer:
    """Random weights; heads of width 32, an Mlp of 2 d_model after each Attention."""
    random = np.random.default_rng(0)

    def array(*shape: int) -> Any:
        return random.normal(scale=0.1, size=shape)

    parts: list[Attention | Mlp] = []
    for _ in range(layers):
        into = (heads, d_model, 32)
        parts.append(Attention(array(*into), array(*into), array(*into), array(heads, 32, d_model)))
        wide = 2 * d_model
        parts.append(Mlp(array(d_model, wide), array(wide), array(wide, d_model), array(d_model), "relu"))
    return Transformer(array(vocabulary, d_model), array(n_ctx, d_model), parts)


def slope(sizes: list[float], values: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


@pytest.mark.parametrize("size", START)
def test_growth(size: str, benchmark: BenchmarkFixture) -> None:
    benchmark.group = "growth"
    grown = [transformer(**(START | {size: START[size] * step})) for step in STEPS[: 1 if benchmark.disabled else None]]
    rows = [np.arange(one.n_ctx)[None] % one.sizes["vocab"] for one in grown]
    logits = benchmark(forward, grown[-1], rows[-1])
    assert logits.shape == (1, grown[-1].n_ctx, grown[-1].sizes["vocab"])
    if benchmark.stats is not None:
        best = [float("inf")] * len(grown)
        for _ in range(20):  # in turn, so that a busy machine slows all alike
            for i, (one, tokens) in enumerate(zip(grown, rows)):
                start = time.perf_counter()
                forward(one, tokens)
                best[i] = min(best[i], time.perf_counter() - start)
        sizes = [float(START[size] * step) for step in STEPS]
        benchmark.extra_info |= {
            "sizes": sizes,
            "milliseconds": [round(1e3 * taken, 3) for taken in best],
            "exponent of time": round(slope(sizes, best), 2),
            "exponent of operations": round(slope(sizes, [float(flops(one, one.n_ctx)) for one in grown]), 2),
            "exponent of bytes": round(slope(sizes, [float(bytes_moved(one, one.n_ctx)) for one in grown]), 2),
        }
