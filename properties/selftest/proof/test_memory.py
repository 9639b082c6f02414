"""What bounds are said to need is enough, in a process that may not have more."""

import json
import subprocess
import sys
from functools import cache

import pytest

PROGRAM = """
import json, os, resource, sys
import numpy as np
from properties.proof import reach
from properties.proof.search import prove_answers
from zoo.transformer import Attention, Mlp, Transformer

def made(kinds, vocab, n_ctx, heads, hidden):
    normal = np.random.default_rng(0).normal

    def weights(*shape):
        return normal(size=shape) / 10

    def layer(kind):
        if kind == "a":
            return Attention(*(weights(heads, *shape) for shape in ((8, 3), (8, 3), (8, 3), (3, 8))))
        return Mlp(weights(8, hidden), weights(hidden), weights(hidden, 8), weights(8), "gelu")

    embedding, readout = weights(vocab, 8), weights(vocab, 8)
    embedding[:, 7], readout[:, 7], readout[0, 7] = 100, 0, 100  # token 0 is always far ahead
    return Transformer(embedding, weights(n_ctx, 8), [layer(kind) for kind in kinds], None, readout)

def status(transformer, **limits):
    names = [f"t{i}" for i in range(len(transformer.token_embedding))]
    return prove_answers(transformer, names, lambda context: {"t0"}, **limits).status

def tried(shape, counted):
    transformer = made(*shape)
    status(transformer, lengths=[1], max_boxes=1)
    numbers = {"all": reach.numbers(transformer), "largest": reach.largest(transformer, shape[2])}[counted]
    [size] = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize")]
    resource.setrlimit(resource.RLIMIT_AS, (1024 * int(size) + 8 * numbers, resource.RLIM_INFINITY))
    try:
        return status(transformer)
    except MemoryError:
        return "MemoryError"

status(made("am", 2, 2, 1, 2), lengths=[1], max_boxes=1)  # what is loaded late, is
for asked in json.loads(sys.argv[1]):
    if not os.fork():  # a process of its own
        try:
            print(json.dumps([asked, tried(*asked)]), flush=True)
        finally:
            os._exit(0)
    os.wait()
"""

SHAPES = [("a", 120, 2, 1, 0), ("a", 40, 6, 3, 0), ("am", 24, 3, 1, 3000), ("aa", 25, 7, 2, 0), ("ama", 30, 5, 1, 60)]


@cache
def run() -> dict[tuple[object, str], str]:
    """What comes of each shape with all that is counted, and of the first with its largest array."""
    asked = [*((shape, "all") for shape in SHAPES), (SHAPES[0], "largest")]
    command = [sys.executable, "-c", PROGRAM, json.dumps(asked)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return {(tuple(shape), counted): status for (shape, counted), status in map(json.loads, done.stdout.splitlines())}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the size of a process is read from /proc")
@pytest.mark.parametrize("shape", SHAPES)
def test_what_is_counted_is_enough(shape: tuple[str, int, int, int, int]) -> None:
    assert run()[shape, "all"] == "holds"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the size of a process is read from /proc")
def test_the_largest_array_alone_would_not_be_enough() -> None:
    assert run()[SHAPES[0], "largest"] == "MemoryError"
