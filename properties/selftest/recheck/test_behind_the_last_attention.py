"""What stands behind the last attention: a final Norm of what it made, directions, and what is known of one alone."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from properties.recheck.margins import Margins
from properties.recheck.stream import Stream
from properties.selftest.recheck.alone import Alone
from properties.selftest.recheck.test_program_sums import each_dtype
from properties.selftest.recheck.test_worst_constructed import heads_of, moving
from properties.selftest.recheck.test_worst_roundings import check
from zoo import Attention, Mlp, Norm, Transformer, forward
from zoo.errors import CertificateError
from zoo.transformer.arrays import Array

pytest.importorskip("flint", reason="python-flint is not installed, and nothing can be confirmed without it")
READOUT = np.array([[0.0, 1, 0, 0], [0, 0, 0, 0]])


def telling(norm: Norm | None, *behind: Mlp, large: float = 4.0) -> Transformer:
    """A head tells what stands first, 1 or -1, twice as large where it was zero."""
    w_v, w_o = np.zeros((1, 4, 1)), np.zeros((1, 1, 4))
    w_v[0, 0], w_o[0, 0, 1] = 1, 2
    embedding = np.array([[1.0, 0, large, 0], [-1, 0, large, 0], [0, 0, large, 0]])
    readout = np.concatenate([READOUT, READOUT[1:]])
    return Transformer(embedding, np.zeros((2, 4)), [heads_of(w_v, w_o), *behind], norm, readout)


@pytest.mark.parametrize(("dtype", "weight"), [(np.float64, 3.0), (np.float32, -0.5)])
def test_a_final_norm_of_what_an_attention_made(dtype: Any, weight: float) -> None:
    """It divides by what it is then; its weights turn the direction that is looked along."""
    norm = Norm(np.array([1, weight, 1, 1]), np.array([0, 5.0, -1, 2]), 2.0**-10)
    t = telling(norm, large=2.0**-6).astype(dtype)
    for first in (0, 1):
        assert check(t, [(first,), (2,)], 0, 1)[0] > 0.02
    for fine in (False, True):
        alone = Alone(t, fine)
        alone.at([(0, 1), (2,)])
        assert min(alone.lowers(2, [(0, 1), (1, 0)])) > -100


@each_dtype
def test_what_a_final_norm_rounds_is_read_out_as_often_as_it_says(dtype: Any) -> None:
    """A thousand times: the bias that it adds is all that is rounded."""
    norm = Norm(np.ones(4), np.array([0, 2.0**12, 0, 0]), 1.0)
    t = Transformer(np.array([[1.0, -1, 0, 0]] * 2), np.zeros((1, 4)), [], norm, 1024 * READOUT).astype(dtype)
    assert check(t, [(0,)], 0, 1)[0] > 0.8


@each_dtype
def test_a_direction_says_more_than_columns_and_is_looked_along_where_fine(dtype: Any) -> None:
    """Two columns are the same and cancel, and a unit is silent."""
    w_v, w_o = np.zeros((1, 4, 2)), np.zeros((1, 2, 4))
    w_v[0, 0], w_o[0, 0, 1], w_o[0, 1, 1] = 1, 3, -3
    silent = Mlp(np.zeros((4, 1)), -np.ones(1), np.zeros((1, 4)), np.zeros(4), "relu")
    embedding = np.array([[1.0, 2, 0, 0], [-1, 2, 0, 0]])
    t = Transformer(embedding, np.zeros((2, 4)), [heads_of(w_v, w_o), silent], None, READOUT).astype(dtype)
    for fine, least in ((False, 2 - (3 * 1 - 3 * 0)), (True, 2)):  # the means are 1, or 0, where 0 stands last
        alone = Alone(t, fine)
        alone.at([(0, 1), (0, 1)])
        assert alone.lower(0, 0, 1) == pytest.approx(least, abs=1e-3)
    assert Margins(t).fine is False


def test_the_last_position_is_meant_where_none_is_named() -> None:
    alone = Alone(Transformer(np.eye(2), np.array([[0.0, 0], [20, 0], [5, 0]]), [], None, np.eye(2)))
    for n, position in ((1, 0), (2, 20), (3, 5)):
        alone.at([(0,)] * n)
        assert alone.lower(0, 0, 1) == pytest.approx(1 + position)


def test_what_may_overflow_in_one_direction_is_known_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = Alone(telling(None))
    alone.at([(0, 1), (2,)])
    least = alone.lowers(2, [(0, 1), (1, 0)])
    along = alone.margins.along

    def refusing(h: int, answer: int, rival: int, end: Any, numbers: Array) -> Array:
        if answer == 0:
            raise CertificateError("numbers may overflow")
        return along(h, answer, rival, end, numbers)

    monkeypatch.setattr(alone.margins, "along", refusing)
    assert alone.lowers(2, [(0, 1), (1, 0), (0, 2), (2, 0)]) == [-np.inf, least[1], -np.inf, least[1]]


@pytest.mark.parametrize("bad", [np.inf, -np.inf, np.nan])
def test_a_level_of_one_head_that_is_not_known_says_nothing(bad: float) -> None:
    alone = Alone(telling(None))
    alone.at([(0, 1), (2,)])
    alone.lower(2, 0, 1)
    for along in ([bad, 0.0], [0.0, bad], [bad]):
        assert alone.margins.margin(0, 0, 1, along) == -np.inf
    assert alone.margins.margin(0, 0, 1, [0.5, 0.25]) == pytest.approx(-0.75)


def attention(causal: bool) -> Attention:
    """A mean of what is seen, of a token that is 0, is written beside it."""
    w_v, w_o = np.zeros((1, 4, 1)), np.zeros((1, 1, 4))
    w_v[0, 0], w_o[0, 0, 2] = 1, 1
    still = np.zeros((1, 4, 1))
    return Attention(still, still, w_v, w_o, causal=causal)


UNIT = Mlp(np.zeros((4, 1)), np.zeros(1), np.zeros((1, 4)), np.zeros(4), "relu")


@pytest.mark.parametrize(
    ("layers", "sight"),
    [
        ([attention(True), UNIT, attention(True)], [0, 1, 1, 1]),
        ([attention(False), UNIT, attention(True)], [0, 2, 2, 2]),
        ([attention(True), attention(False), attention(True)], [0, 1, 2, 2]),
        ([UNIT, attention(False)], [0, 0, 2]),
        ([UNIT, attention(True), attention(False), UNIT], [0, 0, 1, 2, 2]),
    ],
)
def test_what_was_seen_once_is_seen_by_all_that_follow(layers: list[Attention | Mlp], sight: list[int]) -> None:
    """Several contexts at a time: the rows of each are what comes out where it is run."""
    t = Transformer(np.eye(2, 4), np.zeros((2, 4)), layers, None, np.eye(2, 4))
    assert Stream(t).sight == sight
    contexts = np.array([*product(range(2), repeat=2)])
    together, trace = Alone(t), dict[str, Any]()
    together.together(list(np.eye(2, dtype=bool)[contexts]))
    forward(t, contexts, trace)
    for tokens, numbers, run in zip(contexts, together.numbers(len(layers)), trace["residual"], strict=True):
        for p, token in enumerate(tokens.tolist()):
            row = together.margins.known(len(layers), numbers[p, token]).row
            for e, entry in enumerate(run[p].tolist()):
                assert abs(float(row[e].c) - entry if e in row else entry) < 1e-9


def test_where_a_position_may_not_hold_a_token_no_row_is_looked_for() -> None:
    """There is one row behind the attention, of the token that stands there."""
    alone = Alone(Transformer(np.eye(2, 4), np.zeros((1, 4)), [attention(True), UNIT, attention(True)]))
    alone.at([(0,)])
    assert float(alone.row(2, 0, 0).row[0].c) == 1
    assert len(alone.margins.rows[1]) == 1


def test_what_a_row_of_another_layer_says_is_another_thing() -> None:
    """What two attentions tell is told twice, before a unit and a Norm."""
    t = moving((0, 4, 0), np.float64)
    alone = Alone(t)
    alone.at([(1,), (2,)])
    assert alone.lower(2, 0, 1) > -np.inf
    [end] = range(len(alone.margins.ends))
    entries = {e: float(ball.c) for e, ball in alone.margins.from_end(end).final.items()}
    assert entries == pytest.approx({1: 1.5, 2: 2.25, 3: 2.25}, abs=1e-3)
