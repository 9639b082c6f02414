"""What certificates cost: how large they are, how long they take to write and to confirm, and how both grow with n_ctx.

`extra_info` holds for each n_ctx the leaves, the bytes, and the seconds of the proof and of the checker.
"""

import json
import time

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import zoo
from properties.proof.certificate import certify, function_of
from properties.recheck import recheck

SIZES = {"aab": (64, 256, 1024), "aab_compact": (64, 256, 1024), "induction": (8, 12, 32), "brackets": (8, 16)}


@pytest.mark.parametrize("name", SIZES)
def test_growth_with_n_ctx(benchmark: BenchmarkFixture, name: str) -> None:
    """Those of `aab` grow by two bytes a token, those of `induction` with the square of n_ctx, as its leaves do."""
    pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
    sizes = SIZES[name] if benchmark.enabled else (5,)
    benchmark.group = "certificates"
    rows: dict[int, dict[str, float]] = {}

    def run() -> None:
        for n_ctx in sizes:
            model = zoo.load(name, n_ctx=n_ctx)
            function, start = function_of(model), time.process_time()
            _, made = certify(model, function)
            written, text = time.process_time(), json.dumps(made, separators=(",", ":"))
            found = recheck(json.loads(text), model, function)
            seconds = {"proof": written - start, "checker": time.process_time() - written}
            assert found.contexts == model.scope.count()
            rows[n_ctx] = {"leaves": found.leaves, "bytes": len(text), **{k: round(s, 2) for k, s in seconds.items()}}

    benchmark.pedantic(run, rounds=1)  # type: ignore[no-untyped-call]
    benchmark.extra_info["leaves, bytes and seconds"] = rows
