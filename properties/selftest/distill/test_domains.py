"""What is distilled from a model with a domain answers as the model does there, and says for which contexts it is."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from properties.selftest import domains
from properties.selftest.distill.programs import TARGETS, assert_answers_as
from properties.selftest.examples import assert_occurred, many
from properties.strategies import as_model, transformers
from zoo import Model, Transformer
from zoo.distill import checked_program, distill, emit, native
from zoo.distill.answers import Part
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Program, Tables
from zoo.domain import Domain, Layout
from zoo.errors import ModelError
from zoo.transformer.arrays import Array

COMMENTS = {"python": "#", "c": "//", "x86": ";"}


@pytest.mark.parametrize("target", TARGETS)
def test_a_program_says_for_which_contexts_it_is(target: Target) -> None:
    lines = checked_program.write(domains.adder(), target).splitlines()
    mark = COMMENTS[target]
    assert lines[0] == f"{mark} adder, distilled from its answers in all 4 contexts of 4 tokens of its domain, and " + (
        "answers for no others"
    )
    assert lines[1] == f"{mark} 4 tokens: [0] 0, 1; [1] '+'; [2] 0, 1; [3] '='"
    assert "run in 4 of them, it gives the answer of the forward pass" in lines[2] or "not run here" in lines[2]


def test_it_reads_only_what_the_domain_leaves_open() -> None:
    """Not the plus, nor whether "=" is there, nor how long the context is."""
    text = emit.python(distill(domains.adder()))
    assert "context[-1]" not in text
    assert "context[-3]" not in text
    assert "len(" not in text


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("model", [domains.adder(), domains.words()], ids=lambda model: model.name)
def test_it_answers_as_the_model_does_in_every_language(model: Model, target: Target) -> None:
    program = distill(model)
    assert program.contexts == model.scope.count() == len(list(checked_program.first_contexts(program)))
    assert_answers_as(model, program, target)


def test_contexts_outside_do_not_count_against_it() -> None:
    """Of 12^70 contexts 64 are spoken of, and numpy has no arrays of 70 axes."""
    vocab, n_ctx = "0123456789+=", 70
    random = np.random.default_rng(0)
    transformer = Transformer(random.normal(size=(12, 9)), random.normal(size=(n_ctx, 9)), [])
    domain = Domain.layout("d" * 6 + "+" * 63 + "=", start=70, d="01")
    model = Model("long", vocab, transformer, domain=domain)
    program = distill(model)
    assert program.contexts == 64
    assert program.root == vocab.index(
        Model("long", vocab, transformer, domain=domain).predict("0" * 6 + "+" * 63 + "=")
    )


def test_a_domain_of_too_many_contexts_or_of_nan_is_refused() -> None:
    transformer = Transformer(np.ones((2, 1)), np.zeros((24, 1)), [])
    with pytest.raises(ModelError, match=r"many has ~2\^24 contexts, but should have at most"):
        distill(Model("many", "ab", transformer, domain=Domain.every("ab", 24, start=24)))
    loud = Transformer(np.array([[1e308], [0]]), np.array([[0], [1e308]]), [])
    assert distill(Model("loud", "ab", loud, domain=Domain.layout("bb", start=2))).contexts == 1
    with pytest.raises(ModelError, match="loud: logits of 2 tokens are"):
        distill(Model("loud", "ab", loud, domain=Domain.layout("ba", start=2)))


def test_of_the_shortest_contexts_the_first_are_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a text would be handed out that was run in none."""
    monkeypatch.setattr("zoo.distill.answers.RUN", 8)
    monkeypatch.setattr("zoo.distill.answers.ROWS", 4)
    model = as_model(Transformer(np.eye(2), np.zeros((5, 2)), []))
    text = checked_program.write(Model("it", "ab", model.transformer, domain=Domain.every("ab", 5, start=5)), "python")
    assert "of 5 tokens of its domain" in text
    assert "run in 8 of them" in text


def test_what_is_open_is_told_apart_by_tokens_too() -> None:
    """After either last token two contexts are left, answered 0 and 1: but which is which differs."""
    answers = {"aa": 0, "ba": 1, "bb": 0, "ab": 1}
    domain = Domain(tuple(Domain.layout(context, start=2).layouts[0] for context in answers))
    parts = [
        Part.of([np.array(["ab".index(token)]) for token in context], np.array([a])) for context, a in answers.items()
    ]
    program = Program("it", ("a", "b"), Tables({2: parts}).program(), 2, 4, domain)
    assert {context: program(["ab".index(token) for token in context]) for context in answers} == answers


@st.composite
def layouts(draw: st.DrawFn, vocab: str, n_ctx: int) -> Domain:
    """Some layouts, of those that are drawn all that do not overlap one before."""
    sets = st.frozensets(st.sampled_from(vocab), min_size=1, max_size=2)
    found: list[Layout] = []
    for _ in range(draw(st.integers(1, 6))):
        its = draw(st.lists(sets, min_size=1, max_size=n_ctx))
        layout = Layout(tuple(its), draw(st.integers(1, len(its))))
        if all(layout.meets(other) is None for other in found):
            found.append(layout)
    return Domain(tuple(found))


def table(program: Program, model: Model) -> list[str]:
    return [model.vocab[program(model.encode(context).tolist())] for context in model.contexts()]


def random_rows(transformer: Transformer, batch: Array) -> Array:
    """Logits that depend on every token, in no way: of a program that has to tell all contexts apart."""
    numbers = batch @ (transformer.sizes["vocab"] ** np.arange(batch.shape[1])) + 10**6 * batch.shape[1]
    return np.stack([np.random.default_rng(number).random(transformer.sizes["vocab"]) for number in numbers])


def check_program(data: st.DataObject, outcomes: Counter[str]) -> None:
    vocab, n_ctx = "abc"[: data.draw(st.integers(1, 3))], data.draw(st.integers(1, 4))
    domain = data.draw(layouts(vocab, n_ctx))
    model = Model("it", vocab, Transformer(np.eye(len(vocab), 4), np.zeros((n_ctx, 4)), []), domain=domain)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("zoo.distill.answers.enumeration.last_rows", random_rows)
        patch.setattr("zoo.distill.answers.forward", lambda t, batch, last: random_rows(t, batch)[:, None])
        program = distill(model)
    words = [tuple(model.encode(context).tolist()) for context in model.contexts()]
    expected = [vocab[random_rows(model.transformer, np.array([word])).argmax()] for word in words]
    assert table(program, model) == expected
    run = checked_program.runnable(program, "python", emit.python(program))
    assert [vocab[run(word)] for word in words] == expected
    codes = [checked_program.as_bytes(program, word) for word in words]
    executed = native.executed(emit.x86(program), codes, emulated=False)
    assert [chr(answer) for answer, _ in executed] == expected
    outcomes[f"{len(domain.layouts)} layouts"] += 1


@pytest.mark.soundness
def test_any_table_over_any_layouts(outcomes: Counter[str]) -> None:
    """Program, Python and x86-64 read no token that is not there, and answer as they should."""

    @many(100)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        check_program(data, outcomes)

    check()
    assert_occurred(outcomes, "1 layouts", "2 layouts", "3 layouts")


@given(transformers(max_n_ctx=4, max_vocab=3), st.data())
def test_any_transformer_over_any_layouts(transformer: Transformer, data: st.DataObject) -> None:
    model = as_model(transformer)
    domain = data.draw(layouts("".join(model.vocab), model.n_ctx))
    model = Model("it", model.vocab, transformer, domain=domain)
    assert table(distill(model), model) == [model.predict(context) for context in model.contexts()]
