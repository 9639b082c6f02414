"""What bounds are said to need is enough, in a process that may not have more."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from properties.proof import reach
from properties.proof.search import prove_answers
from zoo.transformer import Attention, Mlp, Transformer

kinds, vocab, n_ctx, heads, hidden, counted = sys.argv[1], *map(int, sys.argv[2:6]), sys.argv[6]
normal = np.random.default_rng(0).normal

def weights(*shape):
    return normal(size=shape) / 10

def layer(kind):
    if kind == "a":
        return Attention(*(weights(heads, *shape) for shape in ((8, 3), (8, 3), (8, 3), (3, 8))))
    return Mlp(weights(8, hidden), weights(hidden), weights(hidden, 8), weights(8), "gelu")

embedding, readout = weights(vocab, 8), weights(vocab, 8)
embedding[:, 7], readout[:, 7], readout[0, 7] = 100, 0, 100  # token 0 is always far ahead
transformer = Transformer(embedding, weights(n_ctx, 8), [layer(kind) for kind in kinds], None, readout)
names = [f"t{i}" for i in range(vocab)]
prove_answers(transformer, names, lambda context: {"t0"}, lengths=[1], max_boxes=1)  # what is loaded late, is
numbers = {"all": reach.numbers(transformer), "largest": reach.largest(transformer, n_ctx)}[counted]
[size] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize")]
resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size) + 8 * numbers, resource.RLIM_INFINITY))
print(prove_answers(transformer, names, lambda context: {"t0"}).status)
"""

SHAPES = [("a", 120, 2, 1, 0), ("a", 40, 6, 3, 0), ("am", 24, 3, 1, 3000), ("aa", 25, 7, 2, 0), ("ama", 30, 5, 1, 60)]


def run(shape: tuple[str, int, int, int, int], counted: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", PROGRAM, *map(str, shape), counted]
    return subprocess.run(command, capture_output=True, text=True)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the size of a process is read from /proc")
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_counted_is_enough(shape: tuple[str, int, int, int, int]) -> None:
    assert run(shape, "all").stdout == "holds\n"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the size of a process is read from /proc")
def test_the_largest_array_alone_would_not_be_enough() -> None:
    assert "MemoryError" in run(SHAPES[0], "largest").stderr
