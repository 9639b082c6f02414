"""How much a model bears: bounds on changes of its weights, types of numbers, and n_ctx, each from both sides."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import zoo
from properties.proof import settling
from properties.proof.bounds import Bounds
from properties.proof.boxes import Boxes
from properties.robustness import edges
from properties.robustness.edges import Edge, validity_edge
from properties.robustness.number_types import in_type, rounded, survives
from properties.robustness.tolerance import _weights, _with, breaking, certified
from properties.selftest.clock import ticking
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES, aab, ab, two_head_either
from properties.strategies import tokens, transformers
from zoo import Model, ModelError, registry
from zoo.transformer import forward


def test_no_change_of_the_weights_within_the_tolerance_leaves_the_bounds(outcomes: Counter[str]) -> None:
    @many(28)
    @given(st.data(), st.sampled_from([1e-4, 1e-2, 0.05]))
    def check(data: st.DataObject, change: float) -> None:
        transformer = data.draw(transformers(max_layers=2, max_d_model=5, max_n_ctx=4))
        vocab = transformer.sizes["vocab"]
        assume(vocab > 1)
        context = data.draw(tokens(transformer, max_batch=1))
        random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
        boxes = np.arange(vocab) == context[..., None]  # bool [1, position, vocab]: that one context
        every, first = np.ones((1, vocab), bool), np.array([0])
        lower = Bounds(transformer, weights=change).margins(Boxes.dense(boxes), first, every).lower[0]
        weights = _weights(transformer)
        for signs in (random.choice([-1, 1], weights.shape), random.uniform(-1, 1, weights.shape)):
            logits = forward(_with(transformer, weights * (1 + change * signs)), context)[0, -1]
            assert not logits[0] - logits[1:].max() < lower
        outcomes["no bound" if lower == -np.inf else "bounded" if lower < 0 else "not below 0"] += 1

    check()
    assert_occurred(outcomes, "bounded", "not below 0")


@pytest.mark.parametrize("name", NAMES)
def test_certified_is_below_breaking(name: str) -> None:
    model = zoo.load(name)
    assert model.rule is not None
    assert 0 < certified(model) < breaking(model)[0]


def test_the_breaking_change_of_aab() -> None:
    """1024 (1 + x) must not fall below 1024 (1 - x) + 1 by the bias, the output and the counts together."""
    assert breaking(aab.MODEL)[0] == pytest.approx(5.2e-4, rel=0.02)
    assert certified(aab.MODEL) == pytest.approx(2.9e-4, rel=0.02)


def test_bfloat16_rounds_to_eight_bits() -> None:
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, 1025, -3.14159, 3e38, np.inf], np.float32)
    expected = [1.0, 1.0, 1 + 2**-6, 1024, -3.140625, 3.00406e38, np.inf]
    np.testing.assert_allclose(rounded(values).view(np.ndarray), expected, rtol=1e-4)


def test_a_model_that_survives_float32_only() -> None:
    """After a the logits are 1 and 1 + 2^-12: bfloat16 and float16 keep 8 and 11 bits."""
    unembedding = np.array([[1, 1], [1 + 2**-12, 0]])
    close = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=unembedding))
    assert [same for _, same, _ in survives(close)] == [True, True, False, False]
    assert "first a" in list(survives(close))[2][2]


def test_weights_too_large_for_float16() -> None:
    large = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=np.array([[0, 1e6], [1e6, 0]])))
    assert [same for _, same, _ in survives(large)] == [True, True, True, False]


def test_results_in_bfloat16_are_rounded_all_along() -> None:
    trace: dict[str, np.ndarray] = {}
    forward(in_type(aab.MODEL.transformer, "bfloat16"), np.array([[0, 0, 1]]), trace)
    assert abs(np.asarray(trace["0.pattern"], float).sum() - 3) < 0.05  # three rows of weights
    for array in trace.values():
        np.testing.assert_array_equal(array, rounded(np.asarray(array)))


def published_scale(n_ctx: int) -> Model:
    return two_head_either.build(n_ctx, query_scale=8, positions=range(n_ctx - 4, n_ctx))


def in_float32(build: Callable[[int], Model]) -> Callable[[int], Model]:
    def member(n_ctx: int) -> Model:
        model = build(n_ctx)
        return replace(model, transformer=model.transformer.astype(np.float32))

    return member


def test_the_edge_of_two_head_either_with_the_published_scale(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures measured from the published arrays: right up to 973, wrong from 974."""
    ticking(monkeypatch, seconds=0)
    edge = validity_edge(published_scale)
    assert (edge.right, edge.wrong) == (973, 974)
    assert edge.context == "b" * 970 + "bbaa"
    assert edge.margin < 0


def test_the_edge_of_aab(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of docs/proof.md: right to 11,093 and wrong at 11,094; in float32, right to 11,087."""
    ticking(monkeypatch, seconds=0)  # no time passes
    build = registry.family("aab")
    assert build is not None
    edge = validity_edge(build, start=11_093, most=11_094)
    assert (edge.right, edge.wrong, edge.sought) == (11_093, 11_094, 11_094)
    model = build(11_094)
    assert model.predict(edge.context) not in model.predictors[0](edge.context)
    assert validity_edge(in_float32(build), start=11_087, most=11_087) == Edge(11_087, None, 11_087)


def test_what_rounding_leaves_undecided_is_neither_right_nor_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, 973 is not settled, whatever the time: the search of it is ended after some batches."""
    ticking(monkeypatch, seconds=2)
    monkeypatch.setattr(settling, "MOST", 1)
    monkeypatch.setattr(settling, "DEEP", 1)
    edge = validity_edge(in_float32(published_scale), start=972, most=975)
    assert (edge.right, edge.wrong, edge.sought) == (972, 974, 974)


def test_an_edge_beyond_what_is_sought() -> None:
    assert validity_edge(ab.build, most=64) == Edge(64, None, 64)
    with pytest.raises(ModelError, match="is not right at n_ctx 8"):
        validity_edge(lambda n_ctx: replace(ab.build(n_ctx), rule=lambda context: {"a"}))


def test_what_takes_too_long_is_not_taken_for_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two batches are in time: the 90 leaves at 16, of the 186 at 32 not all, and at 8 of the 42 where none is."""
    ticking(monkeypatch, seconds=1)
    monkeypatch.setattr(settling, "BATCH", 64)
    monkeypatch.setattr(settling, "MOST", 1)
    build = registry.family("induction")
    assert build is not None
    assert validity_edge(build) == Edge(16, None, 32)
    monkeypatch.setattr(edges, "SECONDS", 0)
    with pytest.raises(ModelError, match="is not settled at n_ctx 8 in the time allowed"):
        validity_edge(build)


@pytest.mark.parametrize(("n_ctx", "build"), [(9, aab.build), (12, aab.build), (9, two_head_either.build)])
def test_positions_without_direction_change_nothing_for_the_last(n_ctx: int, build: object) -> None:
    assert callable(build)
    whole, few = build(n_ctx), build(n_ctx, positions=range(n_ctx - 4, n_ctx))
    batch = np.random.default_rng(0).integers(2, size=(64, n_ctx))
    np.testing.assert_array_equal(whole.forward(batch)[:, -1], few.forward(batch)[:, -1])


def test_a_weight_at_the_end_of_its_type_does_not_go_beyond() -> None:
    largest = np.finfo(np.float64).max
    loud = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=np.array([[0, largest], [1, 0]])))
    change, _ = breaking(loud)
    assert 0 < change <= 1


@pytest.mark.filterwarnings("error")
def test_where_nothing_is_judged_no_slope_is_taken() -> None:
    """An infinite margin less another is no number: nothing is said of it, to nobody."""
    half = replace(ab.MODEL, predictors=(), rule=lambda context: {"b"} if context[-1] == "a" else set())
    change, where = breaking(half)
    assert 0 < change <= 1
    assert where.endswith("a")


def test_another_permitted_answer_is_not_the_same_answer() -> None:
    """After a the logits are 1 and 1 + 2^-12, which bfloat16 has no digits for; the rule leaves open what follows."""
    unembedding = np.array([[1, 1], [1 + 2**-12, 0]])
    close = replace(ab.MODEL, transformer=replace(ab.MODEL.transformer, unembedding=unembedding), predictors=())
    free = replace(close, rule=lambda context: {"a"} if context[-1] == "b" else {"a", "b"})
    assert [same for _, same, _ in survives(free)] == [True] * 4
    assert [seen for *_, seen in survives(free)][1:3] == [
        "all 62 contexts",
        "all 62 contexts but 31, where another loses nothing stated",
    ]
