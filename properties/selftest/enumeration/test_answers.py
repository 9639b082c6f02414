"""Every way of enumerating against the forward pass, on random transformers and on the zoo."""

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zoo
from properties.selftest.examples import assert_occurred, many
from properties.selftest.models import NAMES
from properties.strategies import each_attention, tokens, transformers
from zoo import contexts
from zoo.enumeration import paths
from zoo.enumeration.prefixes import cacheable, empty, extended, step
from zoo.enumeration.running_sums import Sums, single_attention
from zoo.errors import ContextError, ModelError
from zoo.transformer import Attention, Transformer, forward
from zoo.transformer.arrays import Array
from zoo.transformer.scalar import scalar_forward

one_attention: st.SearchStrategy[Transformer] = transformers(layers=["attention"], norms=(), max_d_model=8).filter(
    single_attention
)

unmasked: st.SearchStrategy[Transformer] = transformers(
    max_n_ctx=4, max_d_model=8, layers=["attention", "attention"]
).map(lambda transformer: each_attention(transformer, lambda layer: replace(layer, causal=False)))


def last_rows(transformer: Transformer, length: int) -> Array:
    batches = contexts.of_length(transformer.sizes["vocab"], length)
    return np.concatenate([forward(transformer, batch)[:, -1] for batch in batches])


@pytest.mark.soundness
def test_enumerated_logits_and_answers_are_those_of_forward(outcomes: Counter[str]) -> None:
    @many(28)
    @given(transformers(max_n_ctx=4, max_d_model=8) | one_attention | unmasked)
    def check(transformer: Transformer) -> None:
        outcomes[paths.path(transformer)] += 1
        logits, answers = paths.logits(transformer), paths.answers(transformer)
        for length in range(1, transformer.n_ctx + 1):
            expected = last_rows(transformer, length)
            np.testing.assert_allclose(logits[length], expected, rtol=1e-8, atol=1e-8)
            np.testing.assert_array_equal(answers[length].tokens, expected.argmax(axis=1))
            if transformer.sizes["vocab"] > 1:
                best = np.sort(expected, axis=1)
                smallest = (best[:, -1] - best[:, -2]).min()
                assert answers[length].margin == pytest.approx(smallest, rel=1e-8, abs=1e-8)

    check()
    assert_occurred(outcomes, "sums", "prefixes", "forward")


@pytest.mark.soundness
def test_running_sums_stay_within_their_bound(outcomes: Counter[str]) -> None:
    @many(39)
    @given(one_attention, st.sampled_from([np.float32, np.float64]))
    def check(transformer: Transformer, dtype: Any) -> None:
        transformer = transformer.astype(dtype)
        sums = Sums(transformer)
        outcomes[size(sums.error)] += 1
        for length in range(1, transformer.n_ctx + 1):
            expected = last_rows(transformer, length)
            expected = expected.reshape(*sums.shape(length), -1)
            with np.errstate(all="ignore"):
                tiles = list(sums.tiles(length))
            for part, token, logits in tiles:
                off = np.abs(np.moveaxis(logits, 0, -1) - expected[part, :, token])
                assert not off.max() > sums.error  # NaN is no claim

    check()
    assert_occurred(outcomes, "a bound below 0.01", least=30)


def size(error: float) -> str:
    """Of what is claimed: a bound that nothing can exceed is none."""
    return "a bound below 0.01" if error < 0.01 else "a larger bound" if np.isfinite(error) else "no bound"


@pytest.mark.soundness
def test_kept_prefixes_stay_within_their_bound(outcomes: Counter[str]) -> None:
    """Heads that add much more than the rest, so that later layers meet large numbers."""

    @many(60)
    @given(
        transformers(max_n_ctx=4, max_d_model=8).filter(cacheable),
        st.floats(0, 4),
        st.sampled_from([np.float32, np.float64]),
    )
    def check(transformer: Transformer, power: float, dtype: Any) -> None:
        larger = each_attention(transformer, lambda layer: replace(layer, w_o=layer.w_o * 10**power)).astype(dtype)
        with np.errstate(all="ignore"):
            for tile in paths._by_prefixes(larger, list(range(1, larger.n_ctx + 1))):
                outcomes[size(tile.error)] += 1
                expected = last_rows(larger, tile.length)[tile.where[0]].T
                assert not np.abs(tile.logits.astype(float) - expected).max() > tile.error  # NaN is no claim

    check()
    assert_occurred(outcomes, "a bound below 0.01", least=30)


@pytest.mark.soundness
def test_rows_by_running_sums_are_those_of_forward() -> None:
    given(st.data())(check_rows)()


def check_rows(data: st.DataObject) -> None:
    transformer = data.draw(one_attention).astype(data.draw(st.sampled_from([np.float32, np.float64])))
    batch = data.draw(tokens(transformer, max_batch=1)).repeat(paths.MANY, axis=0)
    batch[: paths.MANY // 2, 0] = 0
    rows, expected = paths.last_rows(transformer, batch), forward(transformer, batch, last=True)[:, -1]
    assert rows.dtype == expected.dtype
    assert np.abs(rows - expected).max() <= Sums(transformer).error
    np.testing.assert_array_equal(rows.argmax(axis=1), expected.argmax(axis=1))


@given(st.data())
def test_enumerated_logits_are_those_of_the_scalar_forward_pass(data: st.DataObject) -> None:
    transformer = data.draw(transformers(max_n_ctx=4, max_d_model=5, max_layers=2))
    row = data.draw(tokens(transformer, max_batch=1))[0]
    number = int(np.ravel_multi_index(row, [transformer.sizes["vocab"]] * len(row)))
    found = paths.logits(transformer, [len(row)])[len(row)][number]
    np.testing.assert_allclose(found, scalar_forward(transformer, row.tolist())[-1], rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_of_the_zoo(name: str) -> None:
    model = zoo.load(name)
    answers = paths.answers(model.transformer)
    found = [model.vocab[token] for length in answers for token in answers[length].tokens]
    assert found == [model.predict(context) for context in model.contexts()]
    assert sum(len(answer.doubtful) for answer in answers.values()) == 0


@given(st.data())
def test_a_cached_step_is_a_row_of_forward(data: st.DataObject) -> None:
    transformer = data.draw(transformers().filter(cacheable))
    row = data.draw(tokens(transformer, max_batch=1))[0]
    cache = empty(transformer)
    for token in row:
        logits, made = step(transformer, cache, np.array([token]))
        cache = extended(cache, made, 1)
    np.testing.assert_allclose(logits[0], forward(transformer, row[None])[0, -1], rtol=1e-8, atol=1e-8)


def test_a_cache_is_invalid_once_the_window_slides() -> None:
    """With absolute positions: what was kept of a token speaks of the position that it had."""
    transformer = zoo.load("aab").transformer
    cache, text = empty(transformer), np.array([0, 0, 1, 0, 0, 1])
    for token in text[:5]:
        _, made = step(transformer, cache, np.array([token]))
        cache = extended(cache, made, 1)
    with pytest.raises(ContextError, match="every position changes"):
        step(transformer, cache, text[5:])
    slid = replace(
        cache, length=4, kept=tuple(one._replace(k=one.k[:, :, 1:], v=one.v[:, :, 1:]) for one in cache.kept)
    )
    stale, right = step(transformer, slid, text[5:])[0][0], forward(transformer, text[None, 1:])[0, -1]
    assert np.abs(stale - right).max() > 100


def test_only_the_last_attention_may_see_the_future() -> None:
    transformer = zoo.load("two_head").transformer
    twice = replace(transformer, layers=[*transformer.layers, *transformer.layers])
    assert paths.path(twice) == "forward"
    with pytest.raises(ModelError, match="sees the future"):
        empty(twice)
    first_masked = each_attention(twice, lambda layer: replace(layer, causal=True))
    last = twice.layers[1]
    assert isinstance(last, Attention)
    assert paths.path(replace(first_masked, layers=[first_masked.layers[0], last])) == "prefixes"


def test_what_cannot_be_held_is_refused() -> None:
    with pytest.raises(ModelError, match=r"there are ~2\^35 contexts, but should be at most 2147483648"):
        paths.answers(zoo.load("aab", 35).transformer, [35])
    with pytest.raises(ModelError, match="to be enumerated"):
        paths.logits(zoo.load("aab", 35).transformer)


@pytest.mark.parametrize("length", [0, 6])
def test_a_length_that_does_not_exist_is_refused(length: int) -> None:
    with pytest.raises(ContextError, match="should be 1 to 5"):
        paths.answers(zoo.load("aab").transformer, [length])
