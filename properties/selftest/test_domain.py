"""Domains: which contexts they have, counted, listed, drawn, split into boxes; and what is no domain."""

import json
from collections import Counter
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.selftest.examples import assert_sentence, many
from zoo import Domain, Model, ModelError, Transformer, contexts
from zoo.contexts import Context
from zoo.domain import Layout, as_data, from_data
from zoo.errors import ContextError

VOCAB = "abc"
SETS = st.frozensets(st.sampled_from(VOCAB), min_size=1)
LAYOUTS = st.lists(SETS, min_size=1, max_size=4).flatmap(
    lambda sets: st.builds(Layout, st.just(tuple(sets)), st.integers(1, len(sets)))
)


def those_in(layout: Layout) -> set[str]:
    """Listed by hand."""
    every = ("".join(words) for n in range(1, 6) for words in product(VOCAB, repeat=n))
    return {
        words
        for words in every
        if layout.start <= len(words) <= len(layout.sets) and all(w in s for w, s in zip(words, layout.sets))
    }


def test_the_contexts_of_one_or_two_layouts() -> None:
    outcomes = Counter[str]()

    @many(31)
    @given(LAYOUTS, LAYOUTS, st.integers(0, 2**32 - 1))
    def check(one: Layout, other: Layout, seed: int) -> None:
        domain, expected = Domain((one,)), those_in(one)
        both = expected & those_in(other)
        outcomes["both" if both else "apart"] += 1
        if both:
            with pytest.raises(ModelError) as refused:
                domain | Domain((other,))
            assert_sentence(refused.value)
            assert (common := domain.common(Domain((other,)))) is not None
            assert {context for context in those_in(one) if context in common} == both
            assert common.count() == len(both)
        else:
            assert domain.common(Domain((other,))) is None
            domain, expected = domain | Domain((other,)), expected | those_in(other)
        assert_these(domain, expected, np.random.default_rng(seed))
        assert from_data(json.loads(json.dumps(as_data(domain)))) == domain

    check()
    assert min(outcomes["both"], outcomes["apart"]) > 10


def assert_these(domain: Domain, expected: set[str], random: np.random.Generator) -> None:
    every = {"".join(words) for n in range(1, 6) for words in product(VOCAB, repeat=n)}
    assert {context for context in every if context in domain} == expected
    assert {context for context in every if tuple(context) in domain} == expected
    assert domain.count() == len(expected)
    assert domain.lengths == sorted({len(context) for context in expected})
    assert domain.tokens >= set("".join(expected))
    listed = ["".join(VOCAB[i] for i in row) for batch in domain.batches(VOCAB, rows=3) for row in batch.tolist()]
    assert len(listed) == len(expected)
    assert set(listed) == expected
    assert listed == sorted(listed, key=len)
    assert sorted(map(str, domain.sample(random, 10**6))) == sorted(expected)
    assert len(set(domain.sample(random, 2))) == min(2, len(expected))
    for length in range(1, 6):
        of_length = {context for context in expected if len(context) == length}
        assert domain.count(length) == len(of_length)
        for vocab in ((), VOCAB):
            inside = [
                "".join(words)
                for box in domain.boxes(length, vocab)
                for words in product(*(sorted(box.sets.get(at, VOCAB)) for at in range(length)))
            ]
            assert sorted(inside) == sorted(of_length)
        if of_length:
            rows = min(3, len(of_length))
            drawn = {"".join(VOCAB[i] for i in row) for row in domain.draw(random, VOCAB, length, rows).tolist()}
            assert len(drawn) == rows
            assert drawn <= of_length


def test_samples_are_as_likely_as_each_other_and_always_the_same() -> None:
    domain = Domain.layout("dx", d="abcdefgh", x="abc") | Domain.layout("z")
    drawn = Counter[Context]()
    for seed in range(3000):
        [context] = domain.sample(np.random.default_rng(seed), 1)
        assert domain.sample(np.random.default_rng(seed), 1) == [context]
        drawn[context] += 1
    assert len(drawn) == domain.count() == 8 + 8 * 3 + 1
    assert max(drawn.values()) < 2.5 * min(drawn.values())


def test_many_contexts_are_counted_and_drawn() -> None:
    every = Domain.every("ab", 4096)
    assert every.count() == 2**4097 - 2
    assert every.count(4096) == 2**4096
    [context] = every.sample(np.random.default_rng(0), 1)
    assert context in every
    assert set(context) == {"a", "b"}


def test_names_of_tokens() -> None:
    domain = Domain.layout(["<s>", "w", "w"], start=2, w=["one", "two"])
    assert ("<s>", "one") in domain
    assert ["<s>", "two", "one"] in domain
    assert ("<s>",) not in domain
    assert "<s>" not in domain
    assert 7 not in domain
    assert [7] not in domain


LAYOUT: Any = Domain.layout  # of what is none
REFUSED: list[tuple[Any, str]] = [
    (lambda: Domain(()), "the domain is empty"),
    (lambda: Domain.layout(""), "no position"),
    (lambda: Domain.every("", 3), "the vocabulary"),
    (lambda: Domain.every("ab", 0), "the longest"),
    (lambda: Domain.every("ab", 3, start=4), "starts at 4"),
    (lambda: Domain.every("ab", 3, start=0), "starts at 0"),
    (lambda: Domain.layout("dd", d=""), "what 'd' stands for"),
    (lambda: LAYOUT("dd", d=[1]), "what 'd' stands for"),
    (lambda: Domain.layout("ab", e="01"), "has no 'e'"),
    (lambda: LAYOUT({"a": 1}), "the layout is"),
    (lambda: Domain.layout("ab") | Domain.every("ab", 1), "overlaps itself"),
    (lambda: from_data({"start": 1}), "the domain is"),
]


@pytest.mark.parametrize(("make", "words"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_no_domain(make: Any, words: str) -> None:
    with pytest.raises(ModelError, match=words) as refused:
        make()
    assert_sentence(refused.value)


def test_a_domain_that_does_not_fit_its_model() -> None:
    transformer = Transformer(np.eye(2), np.zeros((3, 2)), [])
    for domain, words in (
        (Domain.layout("ac"), "the domain has 'c'"),
        (Domain.every("ab", 4), "of 4 tokens"),
        ("ab", "should be a Domain"),
    ):
        with pytest.raises(ModelError, match=words) as refused:
            Model("it", "ab", transformer, domain=domain)  # type: ignore[arg-type]
        assert_sentence(refused.value)


def test_a_context_outside_is_refused_and_answered_anyway() -> None:
    model = Model("it", "ab", Transformer(np.eye(2), np.zeros((3, 2)), []), domain=Domain.layout("ab", start=2))
    assert model.predict("ab") == "b"
    for ask in (model.predict, model.logits, model.encode):
        with pytest.raises(ContextError, match="the context ba is outside the domain of it") as refused:
            ask("ba")
        assert_sentence(refused.value)
    assert model.predict("ba", anyway=True) == "a"
    assert list(model.contexts()) == ["ab"]
    assert model.answer_logits().shape == (1, 2)
    assert Model("every", "ab", model.transformer).scope == Domain.every("ab", 3)


def test_the_first_contexts_of_more_than_anybody_can_number() -> None:
    """Of 10^20, whose places as numbers are beyond 64 bits, the last tokens are gone through first."""
    rows = next(Domain.layout("d" * 20, d="0123456789").batches("0123456789", 1000, [20]))
    assert [len(set(map(tuple, rows.tolist())))] == [1000]
    assert rows[:, :17].tolist() == [[0] * 17] * 1000
    assert rows[123, 17:].tolist() == [1, 2, 3]


@pytest.mark.parametrize("vocab", [("a", "b"), ("é", "\0", "b"), ("\U0001f600", "\udc80"), ("one", "two")])
def test_many_rows_are_decoded_as_each_is(vocab: tuple[str, ...]) -> None:
    strings = contexts.reads_strings(vocab)
    for batch in contexts.batches(len(vocab), 3):
        for rows in (batch, np.asfortranarray(batch), batch[::2], batch[:0]):
            expected = [contexts.decoded(row, vocab, strings) for row in rows.tolist()]
            found = contexts.decoded_rows(rows, vocab, strings)
            assert found == expected
            assert all(type(one) is (str if strings else tuple) for one in found)
