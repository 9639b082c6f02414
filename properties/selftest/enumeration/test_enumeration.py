"""Planted faults in the fast paths: what `test_answers` compares must come out different."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import zoo
from properties.robustness.number_types import in_type
from properties.selftest.models import ab, two_head
from properties.strategies import each_attention
from zoo.enumeration import paths, prefixes, running_sums
from zoo.enumeration.rounding import Rounding
from zoo.transformer import Attention, Norm, Transformer, forward
from zoo.transformer.arrays import Array

SINGLE = two_head.MODEL.transformer
DEEP = each_attention(
    replace(SINGLE, layers=[*SINGLE.layers, *SINGLE.layers]), lambda layer: replace(layer, causal=True)
)


def wrong(transformer: Transformer) -> int:
    """In how many contexts of five tokens the enumerated logits are not those of `forward`."""
    numbers = np.arange(32)[:, None] // 2 ** np.arange(4, -1, -1) % 2
    off = np.abs(paths.logits(transformer, [5])[5] - forward(transformer, numbers)[:, -1])
    return int((~(off.max(axis=1) < 1e-9)).sum())


def test_without_a_fault_nothing_differs() -> None:
    assert (wrong(SINGLE), wrong(DEEP)) == (0, 0)


def halves_swapped(terms: Array, right: Callable[[Array], Array] = running_sums._all_sums) -> Array:
    return right(terms[..., ::-1, :])


def one_term_lost(terms: Array, right: Callable[[Array], Array] = running_sums._all_sums) -> Array:
    return right(terms[..., 1:, :]).repeat(terms.shape[-1], axis=-1) if terms.shape[-2] else right(terms)


@pytest.mark.parametrize("fault", [halves_swapped, one_term_lost])
def test_a_fault_in_the_sums(fault: Callable[[Array], Array], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running_sums, "_all_sums", fault)
    assert wrong(SINGLE) > 0


def test_a_fault_in_the_kept_values(monkeypatch: pytest.MonkeyPatch) -> None:
    right = prefixes.extended

    def neighbours(*arguments: object) -> prefixes.Cache:
        made = right(*arguments)  # type: ignore[arg-type]
        return replace(made, kept=tuple(one._replace(v=np.roll(one.v, 1, axis=1)) for one in made.kept))

    monkeypatch.setattr(paths, "extended", neighbours)
    assert wrong(DEEP) > 0


def test_a_doubtful_context_is_run_on_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal logits: the sums may order them either way, so that `forward` must say."""
    same = replace(SINGLE, unembedding=np.ones_like(SINGLE.token_embedding))
    found = paths.answers(same, [5])[5]
    assert len(found.doubtful) == 32
    assert not found.tokens.any()
    monkeypatch.setattr(paths, "_run", lambda transformer, length, numbers: np.tile([0.0, 1.0], (len(numbers), 1)))
    assert paths.answers(same, [5])[5].tokens.all()


def test_scores_too_far_apart_for_a_double_are_run_on_forward() -> None:
    """A term of e^-2000 beside one of 1: where the large one is absent, the sums would be 0 / 0."""
    [layer] = zoo.load("aab").transformer.layers
    assert isinstance(layer, Attention)
    looks_for_b = replace(
        layer, w_q=0 * layer.w_q, b_q=np.eye(8)[None, 6] * 2e4, w_k=np.eye(8)[None], scale=1
    )  # all see the b, if there is one
    transformer = replace(zoo.load("aab").transformer, layers=[looks_for_b])
    found = paths.answers(transformer, [5])[5]
    rows = np.arange(32)[:, None] // 2 ** np.arange(4, -1, -1) % 2
    np.testing.assert_array_equal(found.tokens, forward(transformer, rows)[:, -1].argmax(axis=1))
    assert len(found.doubtful) > 0


def test_arrays_with_an_arithmetic_of_their_own_go_by_forward() -> None:
    transformer = in_type(zoo.load("aab", 9).transformer, "bfloat16")
    assert paths.path(transformer) == "forward"
    rows = np.indices((2,) * 9).reshape(9, -1).T
    expected = forward(transformer, rows, last=True)[:, -1]
    np.testing.assert_array_equal(paths.last_rows(transformer, rows), expected)


def test_a_smallest_margin_names_its_context() -> None:
    answers = paths.answers(zoo.load("two_head").transformer)
    smallest = min(answers.values(), key=lambda one: one.margin)
    assert (smallest.length, f"{smallest.at:06b}") == (6, "110110")  # bbabba
    assert smallest.margin == pytest.approx(0.9705, abs=1e-4)


def cancelling() -> Transformer:
    """The second layer adds numbers of about a million that the readout is at right angles to: they leave rounding."""
    random = np.random.default_rng(1)
    directions = np.linalg.qr(random.normal(size=(8, 8)))[0]
    written, read = directions[:5], directions[5:7]

    def attention(size: float) -> Attention:
        w_q, w_k, w_v = (random.normal(size=(2, 8, 3)) for _ in "qkv")
        return Attention(w_q, w_k, w_v, random.normal(size=(2, 3, 5)) @ written * size)

    embeddings = random.normal(size=(2, 5)) @ written, random.normal(size=(8, 5)) @ written
    return Transformer(*embeddings, [attention(1), attention(1e6)], None, read)


def others(transformer: Transformer) -> int:
    """In how many contexts another answer is enumerated than that of `forward`."""
    answers = paths.answers(transformer)
    assert paths.path(transformer) == "prefixes"
    return sum(
        int((answers[n].tokens != np.concatenate([forward(transformer, b, last=True)[:, -1].argmax(1)])).sum())
        for n in answers
        for b in [np.indices((2,) * n).reshape(n, -1).T]
    )


def test_what_the_readout_cancels_counts_as_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    transformer = cancelling()
    assert others(transformer) == 0
    right = Rounding.of_step
    monkeypatch.setattr(Rounding, "of_step", lambda self, x, length, seen: (0.0, right(self, x, length, seen)[1]))
    assert others(transformer) > 0  # without a bound no context is doubtful


def test_rounding_that_scores_magnify_is_within_the_bound() -> None:
    """What cancels in the keys is magnified by 1000, and decides between values: neither is in the logits by itself."""
    random = np.random.default_rng(1)
    directions = np.eye(8)
    directions[:4, :4] = np.linalg.qr(random.normal(size=(4, 4)))[0]
    written, key, token, out = directions[:3], directions[3], directions[4], directions[5]
    w_q, w_k, w_v = (random.normal(size=(2, 8, 3)) for _ in "qkv")
    first = Attention(w_q, w_k, w_v, 1e6 * random.normal(size=(2, 3, 3)) @ written)
    looks = Attention(
        np.zeros((1, 8, 1)), 1e3 * key[None, :, None], token[None, :, None], out[None, None], b_q=np.ones((1, 1))
    )
    tokens = random.normal(size=(2, 3)) @ written + np.array([[1], [-1]]) * token
    transformer = Transformer(tokens, random.normal(size=(6, 3)) @ written, [first, looks], None, np.stack([out, -out]))
    numbers = np.indices((2,) * 6).reshape(6, -1).T
    expected = forward(transformer, numbers, last=True)[:, -1].T
    off = [np.abs(t.logits - expected[:, t.where[0]]).max() for t in paths._by_prefixes(transformer, [6])]
    errors = [tile.error for tile in paths._by_prefixes(transformer, [6])]
    assert 1e-7 < max(off) < max(errors) < 1
    assert all(o <= error for o, error in zip(off, errors))


def test_no_layer_at_all() -> None:
    assert paths.answers(ab.MODEL.transformer, [3])[3].tokens.tolist() == [1, 0] * 4


@pytest.mark.parametrize("at", [0, 8])
@pytest.mark.parametrize("whole", [True, False])
def test_what_both_programs_together_could_turn_is_run(whole: bool, at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each logit is off by an error: of contexts that win by less than twice that, or by just so much."""
    random = np.random.default_rng(0)
    w_q, w_k, w_v, w_o = random.normal(size=(4, 1, 3, 3))
    transformer = Transformer(random.normal(size=(2, 3)), random.normal(size=(5, 3)), [Attention(w_q, w_k, w_v, w_o)])
    tokens = np.arange(32)[:, None] // 2 ** np.arange(4, -1, -1) % 2
    sums = running_sums.Sums(transformer)
    margins = np.abs(np.subtract(*sums.logits(tokens).T))
    if whole:  # as they are there
        [margins] = [np.abs(np.subtract(*tile.logits)).ravel() for tile in paths._by_sums(transformer, [5])][:1]
    sums.error = float(np.sort(margins)[at] / 2)
    monkeypatch.setattr(paths, "_sums", lambda transformer: sums)
    monkeypatch.setattr(paths, "MANY", 1)
    run = list[list[int]]()

    def noted(transformer: Transformer, tokens: Array, last: bool) -> Array:
        run.extend(tokens.tolist())
        return forward(transformer, tokens, last=last)

    monkeypatch.setattr(paths, "forward", noted)
    if whole:
        paths.logits(transformer, [5])
        tokens = tokens[tokens[:, -1] == 0]
        run = [row for row in run if row[-1] == 0]
    else:
        paths.last_rows(transformer, tokens)
    assert len({*margins}) == len(margins)
    assert sorted(run) == tokens[margins <= 2 * sums.error].tolist()
    assert len(run) == at + 1


@pytest.mark.parametrize("rows", [1, 2, 3, 8])
def test_contexts_that_are_extended_some_at_a_time_keep_their_numbers(
    rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paths, "ROWS", rows)
    assert wrong(DEEP) == 0


def test_an_attention_behind_a_norm_is_none_by_itself() -> None:
    norm = Norm(np.ones(SINGLE.d_model), np.zeros(SINGLE.d_model), 1.0)
    behind = each_attention(SINGLE, lambda layer: replace(layer, norm=norm))
    assert [paths.path(one) for one in (SINGLE, behind, replace(SINGLE, final_norm=norm))] == [
        "sums",
        *["prefixes"] * 2,
    ]


@pytest.mark.parametrize("large", [[0, 1], [2, 3], [0, 2]])
def test_of_a_sum_that_overflows_nothing_is_known(large: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first half, in the second, or only together."""
    sums, terms = running_sums.Sums(SINGLE), np.ones((2, 2, 3, 5, 2))
    monkeypatch.setattr(sums, "_terms", lambda length: terms)
    assert all(np.isfinite(logits).all() for *_, logits in sums.tiles(5))
    terms[:, :, 0, large] = 1e308  # the denominator, by which what is left would be 0
    with np.errstate(all="ignore"):
        assert all(np.isnan(logits).all() for *_, logits in sums.tiles(5))
