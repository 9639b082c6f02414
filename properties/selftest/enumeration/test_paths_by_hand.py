"""What goes by which path, what is held, and what is said of contexts that are doubtful."""

from collections.abc import Iterable
from dataclasses import FrozenInstanceError, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from properties.robustness.number_types import in_type
from properties.selftest.models import two_head
from properties.strategies import each_attention
from zoo import contexts
from zoo.enumeration import Tile, native, paths, running_sums
from zoo.errors import ModelError
from zoo.transformer import Mlp, Transformer, forward
from zoo.transformer.arrays import Array

SINGLE = two_head.MODEL.transformer
TWICE = replace(SINGLE, layers=[*SINGLE.layers, *SINGLE.layers])
DEEP = each_attention(TWICE, lambda layer: replace(layer, causal=True))
BY_PATH = {"sums": SINGLE, "prefixes": DEEP, "forward": TWICE}


def every(length: int) -> Array:
    return np.indices((2,) * length).reshape(length, -1).T


def test_the_models_go_by_each_path() -> None:
    assert {name: paths.path(transformer) for name, transformer in BY_PATH.items()} == {name: name for name in BY_PATH}


def test_sums_of_half_precision_are_kept_prefixes() -> None:
    assert paths.path(SINGLE.astype(np.float16)) == "prefixes"


def test_one_mlp_is_no_attention() -> None:
    mlp = Mlp(np.eye(8), np.zeros(8), np.eye(8), np.zeros(8), "relu")
    transformer = replace(SINGLE, layers=[mlp])
    assert paths.path(transformer) == "prefixes"
    expected = forward(transformer, every(2), last=True)[:, -1]
    np.testing.assert_allclose(paths.logits(transformer, [2])[2], expected, rtol=1e-12)


def test_one_array_with_an_arithmetic_of_its_own_is_enough() -> None:
    own = in_type(SINGLE, "bfloat16")
    mixed = replace(SINGLE.astype(np.float32), unembedding=own.readout)
    assert [paths.path(one) for one in (SINGLE.astype(np.float32), mixed)] == ["sums", "forward"]


@pytest.mark.parametrize("path", BY_PATH)
def test_of_no_length_there_is_nothing(path: str) -> None:
    assert paths.answers(BY_PATH[path], []) == {} == paths.logits(BY_PATH[path], [])


@pytest.mark.parametrize(("outputs", "bits"), [(2, 8), (255, 8), (256, 8), (257, 16)])
def test_as_many_outputs_as_fit_a_byte_take_one(outputs: int, bits: int) -> None:
    """And are told from one another: the last is the answer after each token."""
    readout = np.zeros((outputs, 1))
    readout[-1] = 1
    found = paths.answers(Transformer(np.ones((2, 1)), np.zeros((1, 1)), [], None, readout))[1]
    assert found.tokens.dtype == f"uint{bits}"
    assert found.tokens.tolist() == [outputs - 1] * 2
    assert paths._ranked(readout).tokens.dtype == f"uint{bits}"


def test_what_is_found_is_not_changed() -> None:
    found = paths.answers(SINGLE, [1])[1]
    with pytest.raises(FrozenInstanceError):
        found.margin = 2.0  # type: ignore[misc]


@pytest.mark.parametrize(("lengths", "contexts"), [([3], 8), ([1, 3], 10), ([3, 3], 8), (None, 14)])
@pytest.mark.parametrize(("dtype", "size"), [(np.float32, 4), (np.float64, 8)])
def test_what_is_returned_is_held_up_to_the_limit(
    dtype: Any, size: int, lengths: Iterable[int] | None, contexts: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two logits a context, or one byte; and a byte more than the limit is refused."""
    short = replace(SINGLE, position_embedding=SINGLE.position_embedding[:3]).astype(dtype)
    for held, asked in ((contexts * 2 * size, paths.logits), (contexts, paths.answers)):
        monkeypatch.setattr(paths, "MOST_BYTES", held)
        assert max(asked(short, lengths)) == 3
        monkeypatch.setattr(paths, "MOST_BYTES", held - 1)
        each = held // contexts
        with pytest.raises(ModelError, match=rf"^there are {contexts} contexts, .* at most {(held - 1) // each} to be"):
            asked(short, lengths)


def test_many_contexts_go_by_running_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "MANY", 8)
    assert paths.last_logits(SINGLE, every(3))[1].tolist() == [running_sums.Sums(SINGLE).error] * 8
    assert not paths.last_logits(SINGLE, every(3)[1:])[1].any()


def as_sums(rows: Any, error: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Running sums that have such logits."""
    sums = SimpleNamespace(logits=lambda tokens: np.array(rows), error=error)
    monkeypatch.setattr(paths, "MANY", 1)
    monkeypatch.setattr(paths, "_sums", lambda transformer: sums)
    monkeypatch.setattr(paths, "_compiled", lambda *_: pytest.fail("nothing is laid out for the C"))


def test_a_row_with_an_infinite_logit_is_run_on_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """However large its margin is; and what is told by twice the error just so."""
    as_sums([[0.0, -np.inf], [np.inf, 0], [2.125, 0], [2, 0]], 1.0, monkeypatch)
    expected = forward(SINGLE, every(2), last=True)[:, -1]
    rows, errors = paths.last_logits(SINGLE, every(2))
    assert errors.tolist() == [0, 0, 1, 0]
    np.testing.assert_array_equal(rows, [*expected[:2], [2.125, 0], expected[3]])


def test_doubtful_contexts_are_run_some_at_a_time() -> None:
    numbers: Array = np.array([1, 2, 7, 3, 0])
    for rows in (2, 5, 4096):
        found = paths._run(SINGLE, 3, numbers, rows)
        np.testing.assert_allclose(found, forward(SINGLE, every(3)[numbers])[:, -1], rtol=1e-12)


def test_the_length_of_contexts_decides_whether_c_takes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(paths, "MANY", 8)
    monkeypatch.setattr(native, "lists", lambda transformer, *its: asked.append(its))
    paths.last_logits(DEEP, every(3), 10**9)
    assert asked == [(3, 10**9)]


@pytest.mark.parametrize(("margins", "vain"), [((2.0, 3.0, 1.0, 0.0), False), ((2.0, 1.0, 1.0, 0.0), True)])
def test_the_c_is_tried_in_vain_where_all_are_doubtful(
    margins: tuple[float, ...], vain: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = SimpleNamespace(logits=lambda tokens: (np.array([margins, [0.0] * 4]).T, 1.0), vain=False)
    monkeypatch.setattr(paths, "MANY", 1)
    monkeypatch.setattr(native, "lists", lambda *_: True)
    monkeypatch.setattr(paths, "_compiled", lambda *_: compiled)
    paths.last_logits(DEEP, every(2), 4)
    assert compiled.vain == vain


def test_where_all_are_doubtful_all_are_run_on_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    as_sums(np.zeros((4, 2)), 1.0, monkeypatch)
    rows, errors = paths.last_logits(SINGLE, every(2))
    np.testing.assert_array_equal(rows, forward(SINGLE, every(2), last=True)[:, -1])
    assert not errors.any()


def test_what_forward_says_counts_for_the_smallest_margin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four contexts three are doubtful, one by just twice the error."""
    logits = np.array([[0.0, 2, 0.5, 5], [0, 0, 1, 0]])
    tile = Tile(2, (4,), (slice(0, 4),), logits, 1.0)
    monkeypatch.setattr(paths, "_tiles", lambda *_: iter([tile]))
    monkeypatch.setattr(paths, "_run", lambda *_: np.array([[3.0, 0], [0, 1.5], [0.0, 7]]))
    [(_, ranked, least, numbers)] = paths._settled(SINGLE, [2])
    assert numbers.tolist() == [0, 1, 2]
    assert ranked.tokens.tolist() == [0, 1, 1, 0]
    assert ranked.margin.tolist() == [3, 1.5, 7, 5]
    assert least == 1.5
    assert tile.logits.tolist() == [[3, 0, 0, 5], [0, 1.5, 7, 0]]


@pytest.mark.parametrize("doubtful", [1, 9, 31])
def test_the_smallest_margin_is_found_whoever_says_it(doubtful: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = forward(SINGLE, every(5), last=True)[:, -1]
    margins = np.abs(rows[:, 0] - rows[:, 1])
    sums = running_sums.Sums(SINGLE)
    sums.error = (np.sort(margins)[doubtful - 1] + 1e-6) / 2
    monkeypatch.setattr(paths, "_sums", lambda transformer: sums)
    found = paths.answers(SINGLE, [5])[5]
    assert found.doubtful.tolist() == np.flatnonzero(margins <= 2 * sums.error).tolist()
    assert found.margin == pytest.approx(margins.min(), abs=1e-9)
    assert found.tokens.tolist() == rows.argmax(axis=1).tolist()


def test_no_more_contexts_are_extended_together_than_may_be(
    lengths: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With up to 8 rows at a time: 2, 4 and 8, and of four tokens twice as many; each is bounded for its length."""
    monkeypatch.setattr(paths, "ROWS", 8)
    tiles = list(paths._by_prefixes(DEEP, [1, 2, 3, 4, 5]))
    assert [tile.length for tile in tiles] == lengths
    sizes = {n: [tile.logits.shape[1] for tile in tiles if tile.length == n] for n in range(1, 6)}
    assert sizes == {1: [2], 2: [4], 3: [8], 4: [8, 8], 5: [8] * 4}


def test_batches_of_forward_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    right = contexts.of_length
    monkeypatch.setattr(contexts, "of_length", lambda vocab, length: right(vocab, length, 3))
    wheres = [tile.where for tile in paths._by_forward(TWICE, [3])]
    assert wheres == [(slice(0, 3),), (slice(3, 6),), (slice(6, 8),)]
    np.testing.assert_allclose(paths.logits(TWICE, [3])[3], forward(TWICE, every(3), last=True)[:, -1], rtol=1e-12)


def test_only_rows_that_are_kept_are_run_in_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """And only where there are many of them."""
    monkeypatch.setattr(native, "_library", lambda: pytest.fail("no library is wanted"))
    monkeypatch.setattr(paths, "MANY", 8)
    for transformer, tokens in ((TWICE, every(3)), (DEEP, every(3)[1:])):
        rows, errors = paths.last_logits(transformer, tokens, 10**9)
        np.testing.assert_array_equal(rows, forward(transformer, tokens, last=True)[:, -1])
        assert not errors.any()
