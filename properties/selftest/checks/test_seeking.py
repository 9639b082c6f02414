"""What Hypothesis finds, steered by margins where there are logits."""

import numpy as np
import pytest
from hypothesis import strategies as st

import reference
from properties import strategies
from properties.checks import seeking
from properties.checks.seeking import sought
from properties.selftest.adders import box, long_chain
from zoo import Model, ModelError, Transformer
from zoo.transformer import Attention

LENGTH = 30


def mostly_b(least: float) -> Model:
    """It says b where more than such a share of its tokens is b, and a elsewhere, by as much as is missing."""
    mean = Attention(np.zeros((1, 2, 1)), np.zeros((1, 2, 1)), np.array([[[0.0], [1.0]]]), np.array([[[0.0, 1.0]]]))
    tokens = np.array([[1.0, 0.0], [1.0, 1.0]])
    # After the attention, of which the last token is one part: 1, and the share of b added to whether the last is b.
    last = Transformer(tokens, np.zeros((LENGTH, 2)), [mean], unembedding=np.array([[1 + least, 0.0], [0.0, 1.0]]))
    return Model("mostly_b", "ab", last, rule=lambda context: {"a"})


def words(size: int = LENGTH) -> st.SearchStrategy[str]:
    return st.lists(st.booleans(), min_size=size, max_size=size).map(lambda bits: "".join("ab"[bit] for bit in bits))


def test_a_model_is_steered_towards_small_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where b must be nearly all of thirty tokens, drawing alone does not get there with these seeds."""
    model, seeds = mostly_b(0.9), (0, 1)
    found = [sought(model, words(), 300, seed) for seed in seeds]
    assert all(one is not None and one.margin is not None and one.margin <= 0 for one in found)
    monkeypatch.setattr(seeking, "target", lambda *_, **named: None)
    assert None in [sought(model, words(), 300, seed) for seed in seeds]


def test_black_boxes_by_a_strategy_that_knows_sums() -> None:
    wrong = sought(box(long_chain), strategies.sums(), 2000, 1)
    assert wrong is not None
    a, b = int(str(wrong.context)[:10]), int(str(wrong.context)[11:21])
    assert (wrong.predicted, wrong.permitted) == (str(a + b - 1), (str(a + b),))
    assert sought(box(int.__add__), strategies.sums(), 200) is None


def test_predictors_count_and_something_must_be_stated() -> None:
    said = box(lambda a, b: a, rule=None, predictors=[reference.sum_of_two])
    wrong = sought(said, strategies.sums(), 50)
    assert wrong is not None
    assert wrong.permitted != (wrong.predicted,)
    with pytest.raises(ModelError, match="has neither rule nor predictor"):
        sought(box(int.__add__, rule=None), strategies.sums())
