"""The first attention layer's keys: how many are made at a time, which are one, and which may overflow."""

from typing import Any

import numpy as np
import pytest

from properties.proof import first_layer
from properties.proof.arithmetic import Arithmetic
from properties.proof.attention import Keys
from properties.proof.boxes import Box, Boxes
from properties.proof.first_layer import FirstLayer
from zoo import Attention, Transformer


def made(rows: Any, token: float = 1.0, key: float = 1.0) -> FirstLayer:
    """Of two tokens, with these rows of the position embedding, all of one direction."""
    one = np.ones((1, 1, 1))
    t = Transformer(np.full((2, 1), token), np.array(rows, float)[:, None], [Attention(one, key * one, one, one)])
    return FirstLayer(t, Arithmetic.of_program(t), None, 0.0, 4)


@pytest.mark.parametrize(("n", "at_a_time"), [(2, [2]), (4, [4]), (5, [4, 1]), (9, [4, 4, 1])])
def test_keys_of_many_positions_are_made_some_at_a_time(
    n: int, at_a_time: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once where they are few, and then only once."""
    monkeypatch.setattr(first_layer, "SLAB", 4)
    numbers, original = list[int](), FirstLayer._slab

    def counted(self: FirstLayer, positions: Any, dims: Any) -> Any:
        numbers.append(len(positions))
        return original(self, positions, dims)

    monkeypatch.setattr(FirstLayer, "_slab", counted)
    first = made(np.arange(n))
    for _ in range(2):
        [head] = first.heads(np.arange(n), first.every_dim)
        np.testing.assert_allclose(head.k.c.ravel()[::2], 1 + np.arange(n))
    assert numbers == at_a_time * (1 if n <= 4 else 2)


@pytest.mark.parametrize("alike", [True, False])
def test_keys_before_every_last_position_are_one_where_they_are_alike(alike: bool) -> None:
    """Contexts of 100 and of 150 tokens, of which only the longer ones have those behind 99."""
    first = made(np.zeros(150) if alike else np.arange(150))
    boxes = Boxes.of([Box(n, {3: frozenset("a")}, frozenset()) for n in (100, 150)], "ab")
    keys = Keys.single(np.arange(150))
    found, [head] = first.merged(boxes, keys, first.heads(keys.positions, first.every_dim))
    if not alike:
        assert found is keys
        return
    assert found.positions.tolist() == [0, 3, *range(99, 150)]
    assert found.counts.tolist() == [98, 1, *[1] * 51]
    assert head.k.c.shape[2] == 53


def test_a_block_that_has_a_last_position_is_left_as_it_is() -> None:
    """Three blocks of four; a context of 9, of 8 or of 12 ends in the third, the second and the third."""
    first = made(np.zeros(150))
    for length, counts in ((9, [8, 4]), (8, [4, 4, 4]), (12, [8, 4]), (13, [12])):
        boxes = Boxes.of([Box(length, {}, frozenset())], "ab")
        keys = Keys(np.array([0, 4, 8]), np.array([4, 4, 4]))
        found, _ = first.merged(boxes, keys, first.heads(keys.positions, first.every_dim))
        assert found.counts.tolist() == counts, length


@pytest.mark.parametrize(("token", "row", "fits"), [(0.1, 0.1, True), (3.0, 1.0, True), (3.0, -1.5, False)])
def test_a_key_may_overflow_by_what_is_embedded(token: float, row: float, fits: bool) -> None:
    """Four times what the token and the position come to, by a weight of a seventeenth of the largest number."""
    largest = float(np.finfo(np.float64).max)
    with np.errstate(over="ignore"):
        assert made([row, 0.0], token, largest / 17).fits == fits
        assert made([row, 0.0], token, -largest / 17).fits == fits
