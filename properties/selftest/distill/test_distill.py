"""Distilled programs against the models and tables they are made from, in every context, in every language."""

import importlib.util
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from properties.selftest.distill.programs import TARGETS, assert_answers_as, own_answers, tables_of
from properties.selftest.models import NAMES
from reference.assembly import AAB
from zoo import contexts
from zoo.distill import checked_program, emit, native
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Branch, Program, distill, evaluate
from zoo.errors import ModelError, UnavailableError
from zoo.transformer.arrays import Array


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_the_zoo_distilled_answers_as_the_models_do(name: str, target: Target) -> None:
    model = zoo.load(name)
    program = distill(model)
    assert_answers_as(model, program, target)


def test_aab_comes_out_as_the_source_wrote_it() -> None:
    listing = emit.x86(distill(zoo.load("aab")))
    assert listing.split() == AAB.split()
    assert emit.x86(distill(zoo.load("aab", 12))) == listing
    assert native.assemble(listing).hex(" ", 1) == (
        "b2 61 80 7c 08 ff 61 75 0f 48 83 f9 01 74 07 80 7c 08 fe 61 75 02 b2 62"  # as GNU as and capstone have it
    )


@pytest.mark.parametrize(
    ("name", "n_ctx", "least", "most"), [("aab", 5, 3, 8), ("ab", 5, 3, 4), ("two_head", 6, 3, 11)]
)
def test_executed_instructions_are_counted_in_every_context(name: str, n_ctx: int, least: int, most: int) -> None:
    model = zoo.load(name)
    listing = emit.x86(distill(model))
    runs = native.executed(listing, [str(c).encode() for c in model.contexts()], emulated=False)
    assert [chr(answer) for answer, _ in runs] == [model.predict(c) for c in model.contexts()]
    counts = [count for _, count in runs]
    assert (min(counts), max(counts)) == (least, most)


def test_elsewhere_the_emulator_runs_what_was_distilled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    text = checked_program.write(zoo.load("aab"), "x86")
    if importlib.util.find_spec("unicorn") is None:
        assert "not run here: the machine is aarch64 posix, but should be x86_64" in text
        assert "unicorn is not installed" in text
    else:
        assert "run in 62 of them" in text


@pytest.mark.parametrize("name", ["aab", "induction", "two_head"])
def test_the_emulator_counts_as_the_interpreter_does(name: str) -> None:
    pytest.importorskip("unicorn", reason="unicorn is not installed: pip install handmade-zoo[emulator]")
    words = [str(c).encode() for c in zoo.load(name).contexts()]
    listing = emit.x86(distill(zoo.load(name)))
    assert native.executed(listing, words, emulated=True) == native.executed(listing, words, emulated=False)


@st.composite
def tables(draw: st.DrawFn) -> dict[int, Array]:
    """The answers of some program in every context of 1 to n tokens: at random, or of few tokens from the end."""
    vocab, n = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    depth, classes = draw(st.integers(0, n)), draw(st.integers(1, n))
    wide = random.integers(vocab, size=(classes, *(vocab,) * depth))
    return {
        length: np.broadcast_to(wide[min(length, classes) - 1][(0,) * max(0, depth - length)], (vocab,) * length)
        for length in range(1, n + 1)
    }


def program_of(answers: dict[int, Array]) -> Program:
    vocab, n = answers[1].shape[0], len(answers)
    return Program("it", tuple("abc"[:vocab]), tables_of(answers, vocab).program(), n, contexts.count(vocab, n))


@given(tables())
@settings(max_examples=40)
def test_a_program_and_its_texts_give_the_answers_it_was_made_from(answers: dict[int, Array]) -> None:
    program = program_of(answers)
    expected: Callable[[Sequence[int]], int] = lambda tokens: int(answers[len(tokens)][tuple(tokens)])  # noqa: E731
    for length, table in answers.items():
        np.testing.assert_array_equal(evaluate(program, length), table.ravel())
    words = list(checked_program.first_contexts(program))
    run = checked_program.runnable(program, "python", emit.python(program))
    assert [run(word) for word in words] == [expected(word) for word in words]
    executed = native.executed(emit.x86(program), [checked_program.as_bytes(program, w) for w in words], emulated=False)
    assert [answer - ord("a") for answer, _ in executed] == [expected(word) for word in words]


def test_random_tables_in_c_and_on_the_processor() -> None:
    random = np.random.default_rng(0)
    for vocab, lengths in ((2, (1, 2, 3, 4)), (3, (1, 2, 3))):
        program = program_of({n: random.integers(vocab, size=(vocab,) * n) for n in lengths})
        for target, text in (("c", emit.c(program)), ("x86", emit.x86(program))):
            try:
                run = checked_program.runnable(program, target, text)  # type: ignore[arg-type]
            except UnavailableError as reason:
                pytest.skip(str(reason))
            assert checked_program.held(program, run, own_answers(program)) == program.contexts


def branches(program: Program) -> set[Branch]:
    def visit(node: object) -> set[Branch]:
        return {node} | visit(node.yes) | visit(node.no) if isinstance(node, Branch) else set()

    return visit(program.root)


def test_equal_tails_are_one() -> None:
    """Whether the a's are even in number: a diagram of two tests a token and one a length, not a tree of 2^n."""
    parity = {n: np.indices((2,) * n).sum(axis=0) % 2 for n in range(1, 13)}
    found = branches(program_of(parity))
    assert len(found) == 1 + 2 * 11 + 2 * 11


def test_no_instruction_is_out_of_reach() -> None:
    lines = emit.x86(distill(zoo.load("induction"))).splitlines()
    after_jumps = [after for line, after in pairwise(lines) if line.startswith("jmp")]
    assert all(after.endswith(":") for after in after_jumps)


def test_a_model_of_too_many_contexts_is_refused() -> None:
    with pytest.raises(ModelError, match="should have at most 8388608"):
        distill(zoo.load("aab", 23))
