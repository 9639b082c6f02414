"""Enumeration in C of transformers made by hand, against the forward pass in every context."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from properties.selftest.models import two_head
from properties.strategies import each_attention
from zoo import c_library
from zoo.enumeration import native, paths
from zoo.enumeration.running_sums import Sums
from zoo.errors import UnavailableError
from zoo.transformer import Attention, Mlp, Transformer, forward
from zoo.transformer.arrays import Array

try:
    c_library.find_compiler()
except UnavailableError as lacking:
    pytest.skip(str(lacking), allow_module_level=True)

SINGLE = two_head.MODEL.transformer
TWICE = replace(SINGLE, layers=[*SINGLE.layers, *SINGLE.layers])
DEEP = each_attention(TWICE, lambda layer: replace(layer, causal=True))


def every(length: int, vocab: int = 2) -> Array:
    return np.indices((vocab,) * length).reshape(length, -1).T


def compared(transformer: Transformer) -> int:
    """In how many tiles answers are those of `forward`, and margins within what is claimed."""
    vocab = transformer.sizes["vocab"]
    room = {n: np.empty(vocab**n, np.uint8) for n in range(1, transformer.n_ctx + 1)}
    tiles = 0
    for n, where, ranked, error in native.Walk(transformer, max(room)).tiles(room):
        rows = forward(transformer, every(n, vocab), last=True)[where, -1]
        tokens, margin = paths._ranked(rows.T)
        assert np.abs(margin - ranked.margin).max() <= 2 * error < 1e-6
        np.testing.assert_array_equal(tokens, ranked.tokens)
        tiles += 1
    return tiles


def with_bias(name: str, bias: float) -> Transformer:
    """A head of whose queries, keys or values one reads nothing, and is its bias: all the same it is scored or read."""
    random = np.random.default_rng(1)
    arrays: dict[str, Any] = dict(zip(("w_q", "w_k", "w_v", "w_o"), random.normal(size=(4, 1, 3, 3))))
    arrays[f"w_{name}"][..., 0] = 0
    arrays[f"b_{name}"] = np.array([[bias, 0.5, 0]])
    mlp = Mlp(random.normal(size=(3, 4)), random.normal(size=4), random.normal(size=(4, 3)), np.zeros(3), "relu")
    embeddings = random.normal(size=(2, 3)), random.normal(size=(5, 3))
    return Transformer(*embeddings, [Attention(**arrays), mlp], None, random.normal(size=(2, 3)))


@pytest.mark.parametrize("bias", [-1.0, 1.0])
@pytest.mark.parametrize("name", "qv")  # that of a key is in every score alike
def test_what_reads_nothing_and_has_a_bias_is_seen(name: str, bias: float) -> None:
    assert compared(with_bias(name, bias)) == 5
    changed = with_bias(name, 0.0)
    assert np.abs(forward(changed, every(5)) - forward(with_bias(name, bias), every(5))).max() > 0.01


def test_what_keeps_no_rows_is_left_to_forward(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two attentions that see the future, however many contexts there are."""
    monkeypatch.setattr(native, "FEWEST", 1)
    for n, one in paths.answers(TWICE).items():
        assert one.tokens.tolist() == forward(TWICE, every(n), last=True)[:, -1].argmax(axis=1).tolist()
        assert one.doubtful.tolist() == []


@pytest.mark.parametrize(
    "contexts",
    [
        np.tile([[0, 0], [1, 0]], (16, 1)),  # each lane goes on to another first token, and the same second one
        np.tile([[0, 1], [1, 1], [1, 0]], (16, 1)),
        np.tile([[1, 0], [1, 0]], (16, 1)),  # twice the same
        np.tile([[0, 0], [1, 0]], (32, 1)),  # each lane comes back to its first one
        np.repeat([[0, 1], [1, 0]], [20, 13], axis=0),  # where only one lane goes on
    ],
)
def test_contexts_that_are_given_share_what_all_lanes_have_in_common(contexts: Array) -> None:
    logits, error = native.Walk(DEEP, 2).logits(contexts)
    assert error < 1e-6
    assert np.abs(logits - forward(DEEP, contexts, last=True)[:, -1]).max() <= error


def test_what_is_all_doubtful_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows in C of which none is settled are not computed again, for that transformer."""
    tried, right = list[int](), native.Walk.logits

    def noted(self: native.Walk, tokens: Array) -> tuple[Array, float]:
        tried.append(len(tokens))
        return right(self, tokens)

    monkeypatch.setattr(native.Walk, "logits", noted)
    monkeypatch.setattr(native, "FEWEST", 32)
    monkeypatch.setattr(paths, "MANY", 16)
    same = replace(DEEP, unembedding=np.ones_like(DEEP.token_embedding))
    for transformer, settled in ((DEEP, True), (same, False)):
        for _ in range(2):
            rows, errors = paths.last_logits(transformer, every(5), 32)
            assert (errors > 0).tolist() == [settled] * 32
            expected = forward(transformer, every(5), last=True)[:, -1]
            np.testing.assert_allclose(rows, expected, rtol=1e-9, atol=1e-9)
    assert tried == [32, 32, 32]
    assert not paths.last_logits(DEEP, every(5), 31)[1].any()
    assert not paths.last_logits(DEEP, every(5)[:15], 32)[1].any()
    assert not paths.last_logits(DEEP, every(5))[1].any()


def three() -> Transformer:
    """A single attention over three tokens, of whose contexts of five all margins are known to `forward`."""
    random = np.random.default_rng(3)
    arrays = random.normal(size=(4, 1, 3, 3))
    return Transformer(
        random.normal(size=(3, 3)), random.normal(size=(5, 3)), [Attention(*arrays)], None, random.normal(size=(2, 3))
    )


def test_lanes_write_where_their_contexts_are() -> None:
    """Of three tokens each length up to three in one tile; from 27 contexts on, 16 and 11 of them, four and five."""
    assert compared(three()) == 3 + 2 * 2


@pytest.mark.parametrize(("longest", "step"), [(9, 1), (18, 2), (27, 3), (1, 1), (81, 9)])
def test_it_is_asked_what_matters_from_the_first_context_of_a_call_on(
    longest: int, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of five tokens: nine first halves of 27 contexts each, and the last tokens two at a time."""
    monkeypatch.setattr(native, "LONGEST", longest)
    asked = list[int]()

    def heeded(length: int, number: int, error: float) -> float:
        assert (length, error) == (5, sums.error)
        asked.append(number)
        return -np.inf

    sums, room = Sums(three()), np.empty(3**5, np.uint8)
    assert list(native.sums(sums, 5, room, heeded)) == []
    assert asked == [27 * first + last for last in (0, 2) for first in range(0, 9, step)]
    assert room.tolist() == forward(three(), every(5, 3), last=True)[:, -1].argmax(axis=1).tolist()


@pytest.mark.parametrize("above", [-np.inf, 0.5])
@pytest.mark.parametrize("at", [0, 7, 100])
def test_tiles_with_a_margin_that_is_doubtful_or_heeded_are_given(
    at: int, above: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Doubtful is what wins by no more than twice the error; a tile is a first half and a last token here."""
    monkeypatch.setattr(native, "TILE", 9)
    monkeypatch.setattr(native, "LASTS", 1)
    rows = forward(three(), every(5, 3), last=True)[:, -1]
    margins = np.abs(rows[:, 0] - rows[:, 1]).reshape(9, 9, 3)
    sums, room = Sums(three()), np.empty(3**5, np.uint8)
    sums.error = float(np.sort(margins, axis=None)[at] + 1e-9) / 2
    found = set[tuple[int, int, int]]()
    for part, last, ranked in native.sums(sums, 5, room, lambda *_: above):
        found.add((part.start, part.stop, last))
        np.testing.assert_allclose(ranked.margin, margins[part, :, last], atol=1e-9)
    least = max(above, 2 * sums.error)
    assert found == {(i, i + 1, last) for i in range(9) for last in range(3) if margins[i, :, last].min() <= least}
