"""What the checker seldom meets: nothing to prove, numbers near the ends, a full memory, parts of a new kind."""

import copy
import json
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import reference
import zoo
from properties.proof.certificate import digest, source_digest
from properties.recheck import attention, recheck
from properties.recheck.about import _digest
from properties.recheck.attention import Seen
from properties.recheck.graph import PATHS, Graph
from properties.recheck.margins import Margins
from properties.recheck.stream import Heads
from properties.selftest.models import ab, induction
from properties.selftest.planted import Fault, plant
from properties.selftest.proof.certificates import certificate
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.forgeries import put, without
from properties.selftest.recheck.grown import Grown
from properties.selftest.recheck.test_worst_roundings import Sizes
from properties.selftest.recheck.truth import Json, Truth, confirmed
from zoo import Model, Norm, Transformer
from zoo.errors import CertificateError, MismatchError
from zoo.models import adder
from zoo.transformer import Layer

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")


def anything(context: Any) -> set[str]:
    return {"a", "b"}


def head_of(truth: Truth) -> Json:
    """What a certificate says that it is about."""
    model, function = truth.model, truth.function
    named = {"name": getattr(function, "__name__", ""), "source": source_digest(function)}
    head = {"format": 2, "model": model.name, "vocab": list(model.vocab), "n_ctx": model.n_ctx, "function": named}
    return {**head, "dtype": str(truth.t.dtype), "arrays": digest(truth.t)}


def test_where_nothing_is_determined_nothing_is_confirmed() -> None:
    truth = Truth(ab.build(2), anything)
    made = Grown(truth, head_of(truth), margin=1.0).made
    assert not truth.why_not(made)
    with pytest.raises(CertificateError, match="nothing is determined in any context"):
        recheck(made, truth.model, anything)


def large(model: Model, size: float) -> Model:
    """With logits of that size."""
    arrays = {"token_embedding": size**0.5, "unembedding": size**0.5}
    t = model.transformer
    return replace(model, transformer=replace(t, **{name: getattr(t, name) * by for name, by in arrays.items()}))


def test_what_may_overflow_rests_on_a_run() -> None:
    for size, undecided in ((1e300, 0), (1e308, 6)):
        truth = Truth(large(ab.build(2), size), reference.ab)
        found = recheck(Grown(truth, head_of(truth), kind="run").made, truth.model, reference.ab)
        assert (found.runs, found.undecided_runs) == (6 - undecided, undecided)
        assert found.with_margin == 6 - undecided
        assert found.margin == np.inf if undecided else 0 < found.margin < np.inf
        assert confirmed(Grown(truth, head_of(truth)).made, truth) == (not undecided)


@pytest.mark.parametrize("behind", [[], ["relu"], ["attention"], ["norm"]])
@pytest.mark.parametrize("fine", [True, False])
def test_where_numbers_overflow_nothing_is_known(behind: list[str], fine: bool) -> None:
    t = Sizes(1).transformer(["attention", *behind], np.float64)
    large: list[Layer] = []
    for layer in t.layers:
        arrays: dict[str, Any] = {name: x * 1e200 for name, x in layer.arrays() if name.startswith("w_")}
        large.append(replace(layer, **arrays))
    alone = Alone(replace(t, layers=large, token_embedding=np.eye(*t.token_embedding.shape)), fine)
    alone.at([(0, 1)] * t.n_ctx)
    assert alone.lower(0, 0, 1) == -np.inf
    alone.numbers(len(t.layers))
    assert None in alone.margins.rows[-1] or not behind


@pytest.mark.parametrize("behind", [[], ["relu"], ["attention"]])
@pytest.mark.parametrize("fine", [True, False])
def test_where_keys_overflow_nothing_is_known(behind: list[str], fine: bool) -> None:
    """Neither where no query looks for them, nor where values are zero."""
    t = Sizes(1).transformer(["attention", *behind], np.float64)
    first: Any = t.layers[0]
    large = {"w_k": np.full_like(first.w_k, 1e300), "b_k": None, "w_q": 0 * first.w_q, "b_q": None}
    for zero in ({}, {"w_v": 0 * first.w_v, "b_v": None}):
        layers = [replace(first, **large, **zero), *t.layers[1:]]
        alone = Alone(replace(t, layers=layers, token_embedding=1e100 * np.eye(*t.token_embedding.shape)), fine)
        alone.at([(0, 1)] * t.n_ctx)
        assert alone.lower(0, 0, 1) == -np.inf


def test_an_infinite_level_is_none() -> None:
    t = Sizes(1).transformer(["attention"], np.float64)
    alone = Alone(t)
    alone.at([(0, 1)] * t.n_ctx)
    heads = alone.margins.ends[alone.margins.end(0, _heads(alone))].heads
    assert alone.margins.attend(0, 0, heads)
    for bad in (np.inf, np.nan):
        with pytest.raises(CertificateError, match="may overflow"):
            alone.margins.attend(0, 0, heads._replace(high=np.where(heads.size > 0, bad, 0)))
    assert alone.margins.margin(alone.margins.end(0, heads), 0, 1, [np.inf]) == -np.inf


def _heads(alone: Alone) -> Heads:
    """What the heads add at the first position."""
    seen = Seen(alone.margins, 0, 0, 0, alone.numbers(0)[:, :1], alone.boxes[0][None, :1])
    return seen.heads()[0][0]


def test_what_was_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    model = induction.build(n_ctx=4)
    made = certificate(model, reference.induction)
    before = recheck(made, model, reference.induction)
    monkeypatch.setattr("properties.recheck.confirm.REMEMBERED", 0)
    monkeypatch.setattr("properties.recheck.confirm.NUMBERS", 1)
    monkeypatch.setattr("properties.recheck.batches.NUMBERS", 1)
    assert recheck(made, model, reference.induction) == before


def with_a_part_of_a_new_kind(transformer: Transformer) -> Transformer:
    changed = copy.copy(transformer)
    object.__setattr__(changed, "layers", (Norm(np.ones(2), np.zeros(2), 1.0),))
    return changed


def test_a_part_of_a_new_kind_is_not_left_out() -> None:
    model = ab.build(2)
    with pytest.raises(NotImplementedError, match="as a kind of layer"):
        Margins(with_a_part_of_a_new_kind(model.transformer))
    changed = copy.copy(model.transformer)
    object.__setattr__(changed, "layers", (SimpleNamespace(norm=None),))
    with pytest.raises(NotImplementedError, match="as a kind of part"):
        _digest(changed)
    alone = Alone(model.transformer)
    alone.at([(0,)])
    alone.margins.t = alone.t = with_a_part_of_a_new_kind(model.transformer)
    with pytest.raises(NotImplementedError, match="as a kind of layer"):
        alone.numbers(1)


def test_a_function_without_a_source_is_another_one() -> None:
    truth = Truth(ab.build(2), reference.ab)
    made = Grown(truth, head_of(truth)).made
    namespace: dict[str, Any] = {}
    exec("def ab(context):\n    return {'b'}", namespace)
    with pytest.raises(MismatchError, match="digest of the function's source"):
        recheck(made, truth.model, namespace["ab"])
    with pytest.raises(MismatchError, match="the certificate's function is 'ab', but should be 'len'"):
        recheck(made, truth.model, len)
    with pytest.raises(MismatchError, match=r"digest of the function's source .* should be None"):
        recheck(put(made, ("function", "name"), "len"), truth.model, len)


def test_leaves_that_cover_too_little_are_refused() -> None:
    """Of what is counted, it is the number of contexts that says so."""
    model = zoo.load("majority", n_ctx=3)
    made = certificate(model, reference.majority)
    [i] = [i for i, node in enumerate(made["nodes"]) if node[:2] == ["count", [-3, -1, 1]]]
    recheck(made, model, reference.majority)
    with pytest.raises(CertificateError, match="the leaves of 3 tokens should cover every context once"):
        recheck(without(made, ("nodes", i, -1)), model, reference.majority)


def test_a_truth_value_is_no_number() -> None:
    """Where the number 1 would be confirmed."""
    model = large(ab.build(1), 4.0)
    made = put(certificate(model, reference.ab), ("margin",), 0.25)
    recheck(put(made, ("margin",), 1), model, reference.ab)
    with pytest.raises(CertificateError, match="margin"):
        recheck(put(made, ("margin",), True), model, reference.ab)
    first = made["nodes"][0]
    assert first == ["proved", 1]
    with pytest.raises(CertificateError, match="node 0 is"):
        recheck(put(made, ("nodes", 0, 1), True), model, reference.ab)


def doubling(depth: int) -> Json:
    """Each node leads twice to the one before it: 2^depth paths in few bytes."""
    nodes: list[Any] = [["proved", 0]]
    nodes += [[-1 - i, [0, i], [1, i]] for i in range(depth)]
    return {"sets": [[0], [1]], "nodes": nodes, "roots": [min(n, depth) for n in range(1, depth + 1)]}


def test_paths_are_counted_before_they_are_walked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A small graph can have more than can be looked at; the numbers stay small, too."""

    def walked(*_: Any) -> None:
        raise AssertionError("it should not be walked")

    model = ab.build(300)
    made = {**certificate(model, reference.ab), **doubling(300)}
    assert len(json.dumps(made)) < 10_000
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Graph, "leaves", walked)
        with pytest.raises(CertificateError, match=rf"there are more than {PATHS} leaves, but should be fewer"):
            recheck(made, model, reference.ab)
    assert max(Graph({**made, "roots": [0] * 300}, model).paths) == PATHS + 1
    model = ab.build(4)
    made = {**certificate(model, reference.ab), **doubling(4)}
    graph = Graph(made, model)
    assert [graph.paths[root] for _, root in graph.roots] == [2, 4, 8, 16]
    assert [len(list(graph.leaves(*root))) for root in graph.roots] == [2, 4, 8, 16]
    monkeypatch.setattr("properties.recheck.graph.PATHS", 29)
    with pytest.raises(CertificateError, match="more than 29 leaves"):
        Graph(made, model)
    monkeypatch.setattr("properties.recheck.graph.PATHS", 30)
    Graph(made, model)


def test_another_format_is_refused() -> None:
    model = ab.build(2)
    made = certificate(model, reference.ab)
    with pytest.raises(MismatchError, match="format is 1, which is no longer read: it should be 2, written anew"):
        recheck({**made, "format": 1}, model, reference.ab)
    with pytest.raises(MismatchError, match="format is 3, but should be 2"):
        recheck({**made, "format": 3}, model, reference.ab)


def test_what_is_said_to_be_proved_and_may_overflow_is_refused() -> None:
    model = large(ab.build(1), 1e308)
    made = put(certificate(large(ab.build(1), 1.0), reference.ab), ("arrays",), digest(model.transformer))
    with pytest.raises(CertificateError, match="numbers may overflow at the leaf"):
        recheck(made, model, reference.ab)


@pytest.mark.parametrize("distinct", ["_distinct(mask[:, heard])", "_distinct(mask[:, heard & False])"])
def test_sets_that_are_one_to_a_head_differ_where_it_does_not_hear(
    distinct: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every sum two digits are heard, and what stands elsewhere becomes any. Where all became one, it is seen."""
    fault = Fault(attention._alike, "_distinct(mask[:, heard])", distinct)
    plant(monkeypatch, fault)
    model = adder.build(8)
    alone = Alone(model.transformer, fine=False)
    sums = [(a, b) for a in range(10) for b in range(10)]
    tokens = np.array([[a, (3 * a + b) % 10, 10, b, (7 * b + a) % 10, 11] for a, b in sums])
    alone.together(list(np.eye(12, dtype=bool)[tokens]))
    logits, found = model.forward(tokens, last=True)[:, -1], alone.lowest(range(100), 11, [(0, 1), (7, 2)])
    off = [logits[:, a] - logits[:, b] - found[:, k] for k, (a, b) in enumerate([(0, 1), (7, 2)])]
    assert [bool(its.min() >= 0 and its.max() < 1e-6) for its in off] == [fault.old == fault.new] * 2
