"""The same weights here, in stock GPT-2 on torch, in onnxruntime and in TransformerLens, in one run.

One prediction (16 tokens), all 65,536 contexts of 16 tokens in batches of 4,096, and 25 generated tokens. What is not
installed is skipped; `make bench-peers` installs it.
"""

import importlib
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import zoo
from benchmarks import peers
from properties.selftest.skipped import need
from zoo import Model, contexts, enumeration
from zoo.cost.baseline import baseline
from zoo.distill import distill
from zoo.distill.emit import python
from zoo.enumeration.prefixes import empty, extended, step
from zoo.transformer.arrays import Array

PREDICT = zoo.load("aab", 16)
GENERATE = zoo.load("aab", 32)  # stock GPT-2 generates without a sliding window: 3 tokens and 25 more must fit
CONTEXT, START, MORE = ("aab" * 6)[:16], "aab", 25
Answers = Callable[[Model], Callable[[Array], Array]]  # a model -> tokens [batch, seq] -> the next token of each


def ours(model: Model) -> Callable[[Array], Array]:
    return lambda tokens: model.forward(tokens, last=True)[:, -1].argmax(axis=-1)


def source_style(model: Model) -> Callable[[Array], Array]:
    return lambda tokens: np.array([baseline(model.transformer, row)[-1].argmax() for row in tokens])


def torch_gpt2(model: Model) -> Callable[[Array], Array]:
    torch = need("torch")
    need("transformers")
    stock = gpt2(model.name, model.n_ctx)

    def run(tokens: Array) -> Array:
        with torch.inference_mode():
            return np.asarray(stock(torch.from_numpy(tokens), use_cache=False).logits[:, -1].argmax(dim=-1).numpy())

    return run


def transformer_lens(model: Model) -> Callable[[Array], Array]:
    need("transformer_lens")
    torch = importlib.import_module("torch")
    hooked = peers.transformer_lens(model)

    def run(tokens: Array) -> Array:
        with torch.inference_mode():
            return np.asarray(hooked(torch.from_numpy(tokens))[:, -1].argmax(dim=-1).numpy())

    return run


def onnxruntime(model: Model) -> Callable[[Array], Array]:
    need("onnxruntime")
    need("onnx")
    session = peers.onnx_session(model.transformer)
    return lambda tokens: np.asarray(session.run(None, {"tokens": tokens})[0].argmax(axis=-1))


@cache
def gpt2(name: str, n_ctx: int) -> Any:
    return peers.gpt2(zoo.load(name, n_ctx))


PEERS: list[Answers] = [source_style, ours, torch_gpt2, transformer_lens, onnxruntime]
by_peer = pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.__name__)


@by_peer
def test_one_prediction(peer: Answers, benchmark: BenchmarkFixture) -> None:
    benchmark.group = "one prediction"
    run = peer(PREDICT)
    tokens = PREDICT.encode(CONTEXT)[None]
    assert PREDICT.vocab[int(benchmark(run, tokens)[0])] == PREDICT.predict(CONTEXT)


@by_peer
def test_all_contexts(peer: Answers, benchmark: BenchmarkFixture) -> None:
    benchmark.group = "all contexts of 16 tokens"
    run = peer(PREDICT)
    batches = list(contexts.of_length(2, 16))[: 1 if benchmark.disabled else None]
    batches = [batches[0][:256]] if peer is source_style else batches
    number = sum(map(len, batches))

    def all_of_them() -> Array:
        return np.concatenate([run(batch) for batch in batches])

    answers = benchmark(all_of_them)
    _each(benchmark, number)
    np.testing.assert_array_equal(answers, enumeration.answers(PREDICT.transformer, [16])[16].tokens[:number])


def test_all_contexts_enumerated(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "all contexts of 16 tokens"
    answers = benchmark(enumeration.answers, PREDICT.transformer, [16])
    _each(benchmark, 2**16)
    assert len(answers[16].tokens) == 2**16


def generated(tokens: Iterator[int]) -> str:
    return "".join(GENERATE.vocab[token] for token in tokens)


@by_peer
def test_generation(peer: Answers, benchmark: BenchmarkFixture) -> None:
    """One token after another, the whole context read each time."""
    benchmark.group = "25 generated tokens"
    run = peer(GENERATE)

    def generate() -> str:
        tokens = GENERATE.encode(START)
        for _ in range(MORE):
            tokens = np.append(tokens, run(tokens[None])[0])
        return generated(iter(tokens[len(START) :].tolist()))

    assert benchmark(generate) == GENERATE.complete(START, MORE)


def test_generation_with_kept_keys(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "25 generated tokens"

    def generate() -> str:
        kept, tokens = empty(GENERATE.transformer), GENERATE.encode(START).tolist()
        for i in range(len(tokens) + MORE - 1):
            logits, made = step(GENERATE.transformer, kept, np.array([tokens[i]]))
            kept = extended(kept, made, 1)
            if i == len(tokens) - 1:
                tokens.append(int(logits.argmax()))
        return generated(iter(tokens[len(START) :]))

    assert benchmark(generate) == GENERATE.complete(START, MORE)


def test_generation_by_stock_generate(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "25 generated tokens"
    torch = need("torch")
    need("transformers")
    stock, tokens = gpt2("aab", 32), torch.from_numpy(GENERATE.encode(START))[None]

    def generate() -> str:
        out = stock.generate(tokens, max_new_tokens=MORE, do_sample=False, pad_token_id=0)
        return generated(iter(out[0, len(START) :].tolist()))

    assert benchmark(generate) == GENERATE.complete(START, MORE)


def test_generation_distilled(benchmark: BenchmarkFixture) -> None:
    benchmark.group = "25 generated tokens"
    namespace: dict[str, Any] = {}
    exec(python(distill(zoo.load("aab", 8))), namespace)

    def generate() -> str:
        text = START
        for _ in range(MORE):
            text += namespace["predict_aab"](text)
        return text[len(START) :]

    assert benchmark(generate) == GENERATE.complete(START, MORE)


def _each(benchmark: BenchmarkFixture, number: int) -> None:
    if benchmark.stats is not None:
        benchmark.extra_info["contexts"] = number
        benchmark.extra_info["microseconds a context"] = round(benchmark.stats.stats.min / number * 1e6, 4)
