"""What enumeration cannot reach: long contexts, other vocabularies, and input from outside the domain."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, target
from hypothesis import strategies as st

import zoo
from properties.selftest.examples import assert_occurred, assert_sentence, many
from properties.strategies import as_model, contexts, tokens, transformers
from zoo import BlackBox, ContextError, Model, ModelError
from zoo.transformer import Attention, Mlp, Norm, Transformer, forward

FAMILIES = ["aab", "ab", "two_head_either"]
LOADED = [model for model in map(zoo.load, zoo.names()) if not isinstance(model, BlackBox)]
MODELS = {model.name: model for model in LOADED if model.rule is not None}
COMPLETING = [name for name, model in MODELS.items() if model.completes]


@pytest.mark.parametrize("name", COMPLETING)
@given(st.data())
def test_a_long_context_gets_an_answer_of_its_rule(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    context = data.draw(contexts(model, max_size=60))
    seen = context[-model.n_ctx :]
    logits = model.logits(context)[-1]
    best = np.sort(logits)
    target(float(best[-2] - best[-1]), label="closeness of the two best logits")
    assert model.rule is not None
    assert model.predict(context) in (model.rule(seen) or set(model.vocab)), f"it reads {seen}, logits {logits}"


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if model.answers == "every"])
@given(st.data())
def test_a_long_context_gets_answers_at_every_position(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    context = data.draw(contexts(model, max_size=60))
    seen = context[-model.n_ctx :]
    answers = model.says(context, anyway=True)
    assert len(answers) == len(seen)
    assert model.rule is not None
    for at, answer in enumerate(answers if seen in model.scope else ()):
        right = model.rule(seen, at)
        assert answer in right if model.within is None else abs(answer - right) < model.within


@pytest.mark.parametrize("name", [name for name in MODELS if name not in COMPLETING and MODELS[name].answers == "last"])
@given(st.data())
def test_a_long_context_gets_one_of_the_outputs(name: str, data: st.DataObject) -> None:
    model = MODELS[name]
    context = data.draw(contexts(model, max_size=60))
    seen = context[-model.n_ctx :]
    [answer] = model.says(context, anyway=True)
    assert model.rule is not None
    assert answer in model.names
    assert seen not in model.scope or answer in (model.rule(seen) or model.names)


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


def test_a_context_is_answered_or_refused(outcomes: Counter[str]) -> None:
    model = MODELS["aab"]
    good = contexts(model, max_size=9) | st.lists(st.sampled_from("ab"), min_size=1)

    @many(120)
    @given(st.one_of(ANYTHING, good, st.text("abc"), st.lists(st.sampled_from(["a", "b", "ab", ""]))))
    def check(context: object) -> None:
        valid = isinstance(context, str | list) and len(context) > 0 and all(token in ("a", "b") for token in context)
        try:
            assert model.predict(context) in model.vocab  # type: ignore[arg-type]
            assert valid
            outcomes["answered"] += 1
        except ContextError as error:
            assert not valid
            assert_sentence(error)
            outcomes["refused"] += 1

    check()
    assert_occurred(outcomes, "answered", "refused", least=20)


def test_tokens_are_read_or_refused(outcomes: Counter[str]) -> None:
    transformer = MODELS["aab"].transformer
    good = tokens(transformer)
    rows = st.lists(st.lists(st.one_of(st.integers(-3, 3), st.floats()))) | st.lists(st.lists(ANYTHING))

    @many(120)
    @given(st.one_of(ANYTHING, rows, good, good.map(np.ndarray.tolist), good.map(lambda batch: batch + 1)))
    def check(given_tokens: object) -> None:
        try:
            logits = forward(transformer, given_tokens)  # type: ignore[arg-type]
            assert logits.shape == (*np.shape(given_tokens), 2)  # type: ignore[call-overload]
            outcomes["read"] += 1
        except ContextError as error:
            assert_sentence(error)
            outcomes["refused"] += 1

    check()
    assert_occurred(outcomes, "read", "refused", least=20)


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


# Of what each part is made of, in its order; all of it fits together.
PARTS = {
    "Norm": [np.ones(2), np.zeros(2)],
    "Attention": [*np.ones((4, 1, 2, 2)), *np.ones((3, 1, 2)), np.ones(2)],
    "Mlp": [np.ones((2, 2)), np.ones(2), np.ones((2, 2)), np.ones(2)],
    "Transformer": [np.ones((2, 2)), np.ones((3, 2))],
}


def built(parts: dict[str, Any], outcomes: Counter[str]) -> Transformer:
    """The transformer of these arrays; the part that refuses its own is counted."""
    (weight, bias), (w_in, b_in, w_out, b_out), embeddings = parts["Norm"], parts["Mlp"], parts["Transformer"]
    name = "Norm"
    try:
        norm = Norm(weight, bias, 1)
        name = "Attention"
        attention = Attention(*parts[name])
        name = "Mlp"
        mlp = Mlp(w_in, b_in, w_out, b_out, "relu", norm)
        name = "Transformer"
        return Transformer(embeddings[0], embeddings[1], [attention, mlp])
    except ModelError:
        outcomes[f"refused by {name}"] += 1
        raise


def test_arrays_are_taken_or_refused(outcomes: Counter[str]) -> None:
    """One or two of them may be others, or anything: what comes behind a part that is refused is never looked at."""
    places = [(name, i) for name, arrays in PARTS.items() for i in range(len(arrays))]
    fitting = st.floats(-2, 2)  # times the array that is there

    @many(180)
    @given(st.dictionaries(st.sampled_from(places), fitting | fitting | ARRAYS, max_size=2))
    def check(others: dict[tuple[str, int], Any]) -> None:
        parts: dict[str, Any] = {name: list(arrays) for name, arrays in PARTS.items()}
        for (name, i), other in others.items():
            parts[name][i] = parts[name][i] * other if isinstance(other, float) and abs(other) <= 2 else other
        try:
            transformer = built(parts, outcomes)
        except ModelError as error:
            assert_sentence(error)
            return
        with np.errstate(all="ignore"):
            assert forward(transformer, np.array([[0]])).shape == (1, 1, transformer.sizes["vocab"])
        outcomes["taken"] += 1

    check()
    assert_occurred(outcomes, "taken", *(f"refused by {name}" for name in PARTS))


@given(st.data())
def test_every_transformer_reads_its_tokens(data: st.DataObject) -> None:
    transformer = data.draw(transformers())
    batch = data.draw(tokens(transformer))
    assert forward(transformer, batch).shape == (*batch.shape, transformer.sizes["vocab"])
