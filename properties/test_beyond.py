"""What enumeration cannot reach: long contexts, other vocabularies, and input from outside the domain."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, note, target
from hypothesis import strategies as st

import zoo
from properties.strategies import as_model, contexts, tokens, transformers
from zoo import ContextError, Model, ModelError, ZooError
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward

FAMILIES = ["aab", "ab", "two_head_either"]
MODELS = {name: zoo.load(name) for name in zoo.names() if zoo.load(name).rule is not None}


@pytest.mark.parametrize("name", MODELS)
@given(st.data())
def test_a_long_context_gets_an_answer_of_its_rule(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    context = data.draw(contexts(model, max_size=60))
    seen = context[-model.n_ctx :]
    logits = model.logits(context)[-1]
    best = np.sort(logits)
    target(float(best[-2] - best[-1]), label="closeness of the two best logits")
    note(f"it reads {seen}, logits {logits}")
    assert model.rule is not None
    assert model.predict(context) in (model.rule(seen) or set(model.vocab))


@pytest.mark.parametrize("name", FAMILIES)
@given(st.data())
def test_every_member_of_a_family_follows_the_rule(name: str, data: st.DataObject) -> None:
    n_ctx = data.draw(st.integers(1, 40), label="n_ctx")
    model = zoo.load(name, n_ctx=n_ctx)
    assert model.n_ctx == n_ctx
    context = data.draw(contexts(model, max_size=n_ctx))
    assert model.rule is not None
    assert model.predict(context) in (model.rule(context) or set(model.vocab))


@given(st.data())
def test_any_vocabulary(data: st.DataObject) -> None:
    """Tokens of any text: the context is a string only where all are single characters."""
    transformer = data.draw(transformers(max_layers=1))
    size = transformer.sizes["vocab"]
    words = data.draw(st.lists(st.text(min_size=1, max_size=3), min_size=size, max_size=size, unique=True))
    model = Model("any", words, transformer)
    assert model.reads_strings == all(len(word) == 1 for word in words)
    context = data.draw(contexts(model, max_size=8))
    row = model.encode(context)
    assert model.decode(row) == context[-model.n_ctx :]
    assert model.predict(context) == words[int(forward(transformer, row[None])[0, -1].argmax())]


@given(st.data())
def test_generation_feeds_each_token_back(data: st.DataObject) -> None:
    model = as_model(data.draw(transformers(max_layers=1)))
    context = data.draw(contexts(model, max_size=5))
    count = data.draw(st.integers(0, 8))
    text = "".join(context)
    for _ in range(count):
        text += model.predict(text)
    assert model.complete(context, count) == text[len(context) :]


ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(),
    st.text(),
    st.lists(st.one_of(st.text(max_size=2), st.integers(), st.none())),
    st.dictionaries(st.text(), st.integers()),
)


@given(ANYTHING)
def test_a_context_is_answered_or_refused(context: object) -> None:
    model = MODELS["aab"]
    valid = isinstance(context, str | list) and len(context) > 0 and all(token in ("a", "b") for token in context)
    try:
        assert model.predict(context) in model.vocab  # type: ignore[arg-type]
        assert valid
    except ContextError as error:
        assert not valid
        assert_sentence(error)


@given(
    st.one_of(ANYTHING, st.lists(st.lists(st.one_of(st.integers(-3, 3), st.floats()))), st.lists(st.lists(ANYTHING)))
)
def test_tokens_are_read_or_refused(given_tokens: object) -> None:
    try:
        logits = forward(MODELS["aab"].transformer, given_tokens)  # type: ignore[arg-type]
        assert logits.shape[-1] == 2
    except ContextError as error:
        assert_sentence(error)


ARRAYS = st.one_of(
    st.none(),
    st.floats(),
    st.text(max_size=3),
    st.lists(st.floats(), max_size=3),
    st.lists(st.lists(st.floats(), max_size=3), max_size=3),
    st.lists(st.lists(st.lists(st.one_of(st.floats(-2, 2), st.text(max_size=1)), max_size=2), max_size=2), max_size=2),
    st.just(np.ones((1, 2, 2))),
    st.just(np.ones((1, 2, 2), dtype=np.float32)),
    st.just(np.ones((2, 2), dtype=complex)),
    st.just(np.ones((2, 2), dtype="datetime64[s]")),
    st.just(np.full((2, 2), np.nan)),
    st.just(np.ones((2, 2))),
    st.just(np.ones(2)),
)


@given(st.lists(ARRAYS, min_size=9, max_size=9), st.booleans())
def test_arrays_are_taken_or_refused(arrays: list[Any], with_layers: bool) -> None:
    try:
        layers: list[Attention | Mlp] = []
        if with_layers:
            w_in, b_in, w_out, b_out = arrays[5:9]
            norm = Norm(arrays[0], arrays[1], 1)
            layers = [Attention(*arrays[:5]), Mlp(w_in, b_in, w_out, b_out, "relu", norm)]
        Transformer(arrays[7], arrays[8], layers)
    except ModelError as error:
        assert_sentence(error)


@given(st.data())
def test_every_transformer_reads_its_tokens(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    assert forward(transformer, batch).shape == (*batch.shape, transformer.sizes["vocab"])


def assert_sentence(error: ZooError) -> None:
    """One line that says what was wrong and what would be right."""
    assert "\n" not in str(error)
    assert "should" in str(error)
