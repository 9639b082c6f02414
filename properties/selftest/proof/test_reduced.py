"""What contexts of some lengths can feel of a transformer is bounded as all of it is, and holds at the ends too."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.proof import reduced
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.proof.reduced import Reduction
from properties.proof.search import Proof, prove_answers
from properties.selftest.examples import assert_occurred, many
from properties.selftest.extreme_models import Drawn, assert_each_occurred, transformers
from properties.selftest.proof.test_soundness_of_proofs import check_bounds, check_long
from properties.selftest.random_models import random_boxes
from zoo import Attention, ModelError, Transformer
from zoo.transformer.arrays import Array

SEEDS = st.integers(0, 2**32 - 1)


def everything_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """However little is left out, and of however few directions."""
    monkeypatch.setattr(reduced, "LEAST", 1)
    monkeypatch.setattr(reduced, "SHARE", 1.0)


def thinned(transformer: Transformer, seed: int) -> Transformer:
    """With zeros in its arrays, as maps of one-hot directions have them."""
    rng = np.random.default_rng([seed, 7])

    def thin(part: Any, *names: str) -> Any:
        some = {name: getattr(part, name) for name in names if getattr(part, name) is not None}
        return replace(
            part, **{name: x * (rng.random(x.shape) < rng.choice([0.2, 0.5, 1.0])) for name, x in some.items()}
        )

    layers = [thin(layer, "w_q", "w_k", "w_v", "w_o", "b_q", "b_k", "b_v", "b_o") for layer in transformer.layers]
    found: Transformer = thin(
        replace(transformer, layers=layers), "token_embedding", "position_embedding", "unembedding"
    )
    return found


def with_one_that_is_loud(transformer: Transformer, seed: int) -> Transformer:
    """One direction is read nowhere, and overflows behind attention."""
    [layer], rng = transformer.layers, np.random.default_rng([seed, 8])
    assert isinstance(layer, Attention)
    d, largest = int(rng.integers(transformer.d_model)), np.finfo(transformer.dtype).max

    def put(x: Array, at: Any, value: float) -> Array:
        x = x.copy()
        x[at] = value
        return x

    maps: dict[str, Any] = {name: put(getattr(layer, name), np.s_[:, d], 0) for name in ("w_q", "w_k", "w_v")}
    b_o = np.zeros(transformer.d_model, transformer.dtype) if layer.b_o is None else layer.b_o
    return replace(
        transformer,
        token_embedding=put(transformer.token_embedding, np.s_[:, d], 0.6 * largest),
        layers=[replace(layer, b_o=put(b_o, d, 0.6 * largest), **maps)],
        unembedding=put(transformer.readout, np.s_[:, d], 0),
    )


def noted(monkeypatch: pytest.MonkeyPatch, outcomes: Counter[str]) -> None:
    """How often something is left out."""
    to = Reduction.to

    def told(self: Reduction, lengths: Array) -> Transformer | None:
        smaller = to(self, lengths)
        if smaller is not None:
            outcomes["directions left out"] += smaller.d_model < self.transformer.d_model
            outcomes["dimensions left out"] += smaller.layers[0].sizes["d_head"] < self.layer.sizes["d_head"]
        return smaller

    monkeypatch.setattr(Reduction, "to", told)


@pytest.mark.soundness
def test_no_difference_of_logits_leaves_its_bound(outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    everything_counts(monkeypatch)
    noted(monkeypatch, outcomes)

    @many(80)
    @given(transformers(["attention"], vocab=(2, 3), normed=False), SEEDS)
    @np.errstate(all="ignore")
    def check(drawn: Drawn, seed: int) -> None:
        thin = drawn if isinstance(drawn, ModelError) else thinned(drawn, seed)
        if not isinstance(thin, ModelError) and seed % 5 == 0:
            thin = with_one_that_is_loud(thin, seed)
        if not isinstance(thin, ModelError):
            outcomes["may overflow"] += Bounds(thin)._reduction is None
        check_bounds(thin, seed, outcomes)

    check()
    kinds = "directions left out", "dimensions left out", "may overflow"
    assert_each_occurred(outcomes, "unknown", "proved", "bounded", *kinds)


@pytest.mark.soundness
def test_nor_where_contexts_are_long(outcomes: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Most positions have no row at all there: they are alike, and so are their blocks."""
    everything_counts(monkeypatch)
    noted(monkeypatch, outcomes)

    @many(19)
    @given(transformers(["attention"], n_ctx=(100, 140), vocab=(2,), most=np.inf, normed=False), SEEDS)
    def check(drawn: Drawn, seed: int) -> None:
        if not isinstance(drawn, ModelError):
            rows = thinned(drawn, seed)
            positions = rows.position_embedding.copy()
            positions[np.random.default_rng(seed).random(len(positions)) < 0.95] = 0
            drawn = replace(rows, position_embedding=positions)
        check_long(drawn, seed, outcomes)

    check()
    assert_occurred(outcomes, "holds", "failed", "in blocks", "directions left out", "float32", "float64", least=2)


def whole_numbers(rng: np.random.Generator) -> Transformer:
    """One attention layer, of small whole numbers, most of them zero: sums of products are exact in float64."""
    n, vocab, d, heads, width, columns = rng.integers([1, 2, 3, 1, 1, 1], [5, 4, 8, 3, 4, 3]).tolist()

    def some(*shape: int) -> Array:
        kept = rng.random(shape) < rng.choice([0.1, 0.3, 0.6])
        return np.where(kept, rng.integers(-4, 5, shape), 0).astype(float)

    w_q, w_k = some(heads, d, width), some(heads, d, width)
    w_v, w_o = some(heads, d, columns), some(heads, columns, d)
    shapes = {"b_q": (heads, width), "b_k": (heads, width), "b_v": (heads, columns), "b_o": (d,)}
    biases: dict[str, Any] = {name: some(*shape) for name, shape in shapes.items() if rng.random() < 0.5}
    layer = Attention(w_q, w_k, w_v, w_o, scale=2.0 if rng.random() < 0.5 else None, **biases)
    readout = some(vocab, d) if rng.random() < 0.7 else None
    return Transformer(some(vocab, d), some(n, d), [layer], unembedding=readout)


def finds(transformer: Transformer, n: int) -> list[Any]:
    """What the last of n positions finds, with each token: logits without attention, scores, and logits of each key."""
    [layer] = transformer.layers
    assert isinstance(layer, Attention)
    x, readout = transformer.token_embedding[:, None] + transformer.position_embedding[:n], transformer.readout.T
    b_q, b_k, b_v, b_o = (0 if b is None else b for b in (layer.b_q, layer.b_k, layer.b_v, layer.b_o))
    q, k, v = (
        x @ w[:, None] + np.reshape(b, (-1, 1, 1, w.shape[-1]) if np.ndim(b) else ())  # [head, token, position, ...]
        for w, b in ((layer.w_q, b_q), (layer.w_k, b_k), (layer.w_v, b_v))
    )
    scores = np.einsum("htd,hspd->htsp", q[:, :, n - 1], k) * layer.multiplier
    return [(x[:, n - 1] + b_o) @ readout, scores, v @ layer.w_o[:, None] @ readout]


def test_what_is_left_out_adds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """At each of the lengths that it is for, exactly."""
    everything_counts(monkeypatch)
    outcomes, rng = Counter[str](), np.random.default_rng(0)
    noted(monkeypatch, outcomes)
    for _ in range(120):
        whole = whole_numbers(rng)
        lengths = 1 + np.flatnonzero(rng.random(whole.n_ctx) < 0.7)
        reduction = Bounds(whole)._reduction
        assert reduction is not None
        smaller = reduction.to(lengths) if len(lengths) else None
        for n in [] if smaller is None else lengths.tolist():
            assert smaller is not None
            for mine, its in zip(finds(smaller, n), finds(whole, n), strict=True):
                np.testing.assert_array_equal(mine, its)
    assert min(outcomes.values()) > 20, outcomes


def test_it_is_bounded_as_all_of_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """With positions that matter, worst tokens, and levels, all by the same numbers up to rounding."""
    everything_counts(monkeypatch)
    outcomes, rng = Counter[str](), np.random.default_rng(1)
    noted(monkeypatch, outcomes)
    for _ in range(40):
        transformer = whole_numbers(rng)
        some, whole = Bounds(transformer), Bounds(transformer)
        vars(whole)["_reduction"] = None
        boxes = Boxes.dense(random_boxes(rng, 6, transformer.n_ctx, some.vocab))
        answers = rng.integers(0, some.vocab, 6)
        rivals = np.arange(some.vocab) != answers[:, None]
        for felt in (False, True):
            mine, its = (one.margins(boxes, answers, rivals, felt) for one in (some, whole))
            np.testing.assert_allclose(mine.lower, its.lower, rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(mine.levels, its.levels, rtol=1e-9, atol=1e-9)
        assert mine.felt is not None
        assert its.felt is not None
        np.testing.assert_allclose(mine.felt, its.felt, rtol=1e-6, atol=1e-6)
    assert min(outcomes.values()) > 10, outcomes


@pytest.mark.parametrize("name", ["aab", "two_head_either"])
def test_a_proof_of_long_contexts_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where positions are looked at in blocks, which are alike but for a few."""
    model, found = zoo.load(name, n_ctx=150), list[Proof]()
    function = (*model.predictors, model.rule)[0]
    assert function is not None
    for least in (1, 10**6):
        monkeypatch.setattr(reduced, "LEAST", least)
        found.append(prove_answers(model.transformer, model.vocab, function, [149, 150]))
    mine, its = found
    assert (mine.status, mine.leaves, mine.boxes, mine.where) == (its.status, its.leaves, its.boxes, its.where)
    assert mine.margin == pytest.approx(its.margin, rel=1e-12)


def test_what_is_not_worth_it_or_may_overflow_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.load("aab", n_ctx=150)

    def of(transformer: Transformer) -> Reduction | None:
        return Bounds(transformer)._reduction

    reduction = of(model.transformer)
    assert reduction is not None
    assert (smaller := reduction.to(np.array([80, 100]))) is not None
    assert smaller.d_model < 20
    assert smaller.n_ctx == 100
    assert reduction.to(np.arange(1, 151)) is None
    layer = reduction.layer
    largest = np.finfo(np.float64).max / 3
    for name in ("b_o", "w_o", "b_v", "b_k", "w_k"):
        assert of(replace(model.transformer, layers=[replace(layer, **{name: getattr(layer, name) + largest})])) is None
    assert of(replace(model.transformer, position_embedding=model.transformer.position_embedding + largest)) is None
    assert of(zoo.load("aab").transformer) is None
    monkeypatch.setattr(reduced, "SPARSE", 10)
    assert of(model.transformer) is None
