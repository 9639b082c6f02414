"""Named directions: in declared order, written as sentences, and printed back as such."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zoo import Basis, ModelError, describe, move

BASIS = Basis(pos=range(3), tok="ba", scratch=1)


def test_directions_stand_in_declared_order() -> None:
    assert BASIS.names == ["pos 0", "pos 1", "pos 2", "tok b", "tok a", "scratch"]
    np.testing.assert_array_equal(BASIS["tok", "a"], [0, 0, 0, 0, 1, 0])
    np.testing.assert_array_equal(BASIS["pos"], np.eye(6)[:3])
    np.testing.assert_array_equal(BASIS["scratch"], np.eye(6)[5:])


@pytest.mark.parametrize("key", ["poss", ("tok", "c"), ("pos", 3), "tok a"])
def test_a_direction_that_does_not_exist(key: str) -> None:
    with pytest.raises(ModelError, match=r"there (are|is) no direction"):
        BASIS[key]


def test_some_directions_of_a_family() -> None:
    np.testing.assert_array_equal(BASIS["pos", 1:], BASIS["pos"][1:])
    np.testing.assert_array_equal(BASIS["pos", ::-1], BASIS["pos"][::-1])
    np.testing.assert_array_equal(BASIS["tok", ["a", "b"]], BASIS["tok"][::-1])
    np.testing.assert_array_equal(BASIS["pos", [0, 0, 2]], BASIS["pos"][[0, 0, 2]])
    assert BASIS["tok", []].shape == (0, 6)
    with pytest.raises(ModelError, match=r"no direction tok 'c', but \['b', 'a'\]"):
        BASIS["tok", ["a", "c"]]


def test_a_label_twice() -> None:
    with pytest.raises(ModelError, match="label twice"):
        Basis(tok="aba")


@pytest.mark.parametrize("given", [0, -1, True, None, 2.5, "", [["a"]]])
def test_what_are_no_labels(given: Any) -> None:
    with pytest.raises(ModelError, match=r"^the directions tok are .*, but should be labels"):
        Basis(tok=given)


@pytest.mark.parametrize("key", [3, (), slice(2), ("tok", "a", "b")])
def test_what_is_no_key(key: Any) -> None:
    with pytest.raises(ModelError, match=r"but pos, tok, scratch|has 2 labels, but should have one"):
        BASIS[key]


@pytest.mark.parametrize("given", ["a", [[1, 2], [3]], np.zeros((1, 2, 3))])
def test_what_cannot_be_moved(given: Any) -> None:
    with pytest.raises(ModelError, match="is moved, but should be directions"):
        move(BASIS["tok", "a"], given)


def test_move_sends_each_direction_to_its_own() -> None:
    matrix = 2 * move(BASIS["pos"][1:], BASIS["pos"][:-1]) - move(BASIS["tok", "a"], BASIS["scratch"])
    assert describe(matrix, BASIS.names, BASIS.names) == "pos 1..2 -> 2 pos 0..1\ntok a -> -1 scratch"
    with pytest.raises(ModelError, match="3 directions are sent to 2"):
        move(BASIS["pos"], BASIS["tok"])


def test_describe_names_every_nonzero_entry() -> None:
    matrix = np.array([[1, 0, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0], [0, 0, 1, 0, -0.5, 0], [0] * 6, [3, 0, 0, 0, 0, 0]])
    rows = ["pos 0", "pos 1", "pos 2", "b", "a"]
    assert describe(matrix, rows, BASIS.names).splitlines() == [
        "pos 0..1 -> 1 pos 0..1",
        "pos 2 -> 1 pos 2 - 0.5 tok a",
        "a -> 3 pos 0",
    ]
    with pytest.raises(ModelError, match="5 rows, 6 columns are named"):
        describe(matrix[:4], rows, BASIS.names)


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_move_is_the_sum_of_outer_products(k: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    source, target = random.normal(size=(k, 4)), random.normal(size=(k, 3))
    np.testing.assert_allclose(move(source, target), source.T @ target, atol=1e-12)
