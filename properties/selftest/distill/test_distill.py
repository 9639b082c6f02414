"""Distilled programs against the models and tables they are made from, in every context, in every language."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zoo
from properties.selftest.models import NAMES
from reference.assembly import AAB, parse
from zoo import contexts, enumeration
from zoo.distill import checked_program, emit, native
from zoo.distill.checked_program import Target
from zoo.distill.diagram import Branch, Program, Tables, distill, evaluate, forward_answers
from zoo.errors import ModelError, UnavailableError
from zoo.transformer.arrays import Array

TARGETS: list[Target] = ["python", "c", "x86"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", NAMES)
def test_the_zoo_distilled_answers_as_the_models_do(name: str, target: Target) -> None:
    model = zoo.load(name)
    program = distill(model)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    try:
        run = checked_program.runnable(program, target, text)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    for context in model.contexts():
        assert model.vocab[run(tuple(model.encode(context).tolist()))] == model.predict(context)


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
    return Program("it", tuple("abc"[:vocab]), Tables(answers, vocab).program(), n, contexts.count(vocab, n))


def own_answers(program: Program) -> Iterator[tuple[int, Array]]:
    return ((length, evaluate(program, length)) for length in range(1, program.n_ctx + 1))


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


def test_tokens_that_are_words_are_numbers_in_machine_code() -> None:
    program = Program("words", ("yes", "no"), Tables({1: np.array([1, 0])}, 2).program(), 1, 2)
    run = checked_program.runnable(program, "python", emit.python(program))
    assert checked_program.held(program, run, own_answers(program)) == 2
    assert [answer for answer, _ in native.executed(emit.x86(program), [b"\0", b"\1"], emulated=False)] == [1, 0]


@pytest.mark.parametrize("target", TARGETS)
def test_a_byte_holds_two_hundred_tokens(target: Target) -> None:
    """Each says the next one: what may be known of the token is one of 2^200 sets, so that no search is made."""
    answers = np.roll(np.arange(200), -1)
    program = Program("while", tuple(f"t{i}" for i in range(200)), Tables({1: answers}, 200).program(), 1, 200)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    try:
        run = checked_program.runnable(program, target, text)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert checked_program.held(program, run, own_answers(program)) == 200


def test_a_model_of_too_many_tokens_is_refused() -> None:
    wide = zoo.Transformer(np.ones((257, 1)), np.zeros((1, 1)), [])
    with pytest.raises(ModelError, match="wide has 257 tokens, but should have at most 256 to be distilled"):
        distill(zoo.Model("wide", [f"t{i}" for i in range(257)], wide))


def disassembled(code: bytes, folder: Path) -> list[tuple[int, str, str]]:
    """Address, operation and operands of each instruction, as objdump reads them."""
    tool = shutil.which("objdump")
    if tool is None:
        pytest.skip("objdump is not installed")
    (folder / "code").write_bytes(code)
    read = ["-D", "-b", "binary", "-m", "i386:x86-64", "-M", "intel", "--no-show-raw-insn", str(folder / "code")]
    done = subprocess.run([tool, *read], capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"objdump reads no x86-64: {done.stderr.strip()}")
    lines = [re.match(r" *([0-9a-f]+):\s+(\w+)\s+(.*)", line) for line in done.stdout.splitlines()]
    return [(int(line[1], 16), line[2], line[3].strip()) for line in lines if line]


def far() -> str:
    """Tokens further back than a byte says, and jumps further than a byte says."""
    return "mov dl,1\n" + "cmp [rax+rcx-200],7\nje done\n" * 40 + "cmp rcx,300\njbe done\nmov dl,2\ndone:\n"


@pytest.mark.parametrize("name", [*NAMES, "far"])
def test_a_disassembler_reads_what_was_assembled(name: str, tmp_path: Path) -> None:
    listing = far() if name == "far" else emit.x86(distill(zoo.load(name)))
    instructions, labels = parse(listing)
    code = native.assemble(listing)
    found = disassembled(code, tmp_path)
    addresses = [*(address for address, *_ in found), len(code)]

    def theirs(operand: str) -> str:
        if operand.startswith("["):
            back = int(operand.rpartition("-")[2][:-1])
            return f"BYTE PTR [rax+rcx*1-{back:#x}]"
        if operand in labels:
            return f"{addresses[labels[operand]]:#x}"
        return operand if operand in ("dl", "rcx") else f"{native._number(operand):#x}"

    expected = [(one.operation, ",".join(map(theirs, one.operands))) for one in instructions]
    assert [tuple(instruction) for _, *instruction in found] == expected


def test_far_tokens_and_far_jumps() -> None:
    listing = far()
    code = native.assemble(listing)
    assert code[:2] == b"\xb2\x01"
    assert code[2:10] == b"\x80\xbc\x08" + (-200).to_bytes(4, "little", signed=True) + b"\x07"
    assert code[10:12] == b"\x0f\x84"
    try:
        machine = native.MachineCode(listing)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert (machine(bytes(300)), machine(bytes(301)), machine(b"\7" * 301)) == (1, 2, 1)
    assert parse(listing)[1] == {"done": 84}


def test_a_model_of_too_many_contexts_is_refused() -> None:
    with pytest.raises(ModelError, match="should have at most 8388608"):
        distill(zoo.load("aab", 23))


@pytest.mark.parametrize("target", TARGETS)
def test_a_text_that_departs_from_its_model_is_not_handed_out(target: Target) -> None:
    model = zoo.load("aab")
    program = distill(model)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    wrong = text[::-1].replace("'b'"[::-1], "'a'"[::-1], 1)[::-1]  # the last b becomes an a
    try:
        run = checked_program.runnable(program, target, wrong)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    with pytest.raises(AssertionError, match=r"after a{1,2} it says 0, but should say 1"):
        checked_program.held(program, run, forward_answers(model))


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_program_is_held_against_the_forward_pass(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """A diagram of another model: the text says what the diagram says, and neither what the model does."""
    other = distill(zoo.load("ab"))
    monkeypatch.setattr(checked_program, "distill", lambda model: other)
    try:
        checked_program.runnable(other, target, {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](other))
    except UnavailableError as reason:
        pytest.skip(str(reason))
    with pytest.raises(AssertionError, match="but should say"):
        checked_program.write(zoo.load("aab"), target)


@pytest.mark.parametrize("path", ["sums", "prefixes"])
def test_a_wrong_enumeration_is_not_distilled(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = zoo.load({"sums": "aab", "prefixes": "induction"}[path])
    assert enumeration.path(model.transformer) == path
    right = enumeration.answers(model.transformer)
    right[2].tokens[0] ^= 1
    monkeypatch.setattr(enumeration, "answers", lambda transformer: right)
    with pytest.raises(AssertionError, match="as enumerated departs from its forward pass at length 2"):
        distill(model)


WORDS = ["len", "_tail_1", "asm", "typeof", "seconds", "3 b-c", "caf\u00e9"]


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", WORDS)
def test_any_name_will_do(name: str, target: Target) -> None:
    model = replace(zoo.load("induction"), name=name)
    text = checked_program.write(model, target)
    mark = {"python": "# ", "c": "// ", "x86": "; "}[target]
    first = {"python": "def ", "c": "char predict_", "x86": "mov dl,"}[target]
    comments, code = text[: text.index(first)], text[text.index(first) :]
    assert all(line.startswith(mark) for line in comments.splitlines())
    assert comments.replace("\n", "").isprintable()
    assert len(comments.splitlines()) == (3 if target == "x86" else 2)
    assert "of them, it gives the answer of the forward pass" in comments or "not run here" in comments
    if target == "python":
        namespace: dict[str, object] = {}
        exec(text, namespace)
        assert emit.identifier(name) in namespace
        assert code.isascii()


def following(vocab: Sequence[str]) -> zoo.Model:
    """Each token is followed by the next one."""
    size = len(vocab)
    after = np.roll(np.eye(size), 1, axis=0)
    return zoo.Model("next", vocab, zoo.Transformer(np.eye(size), np.zeros((2, size)), [], unembedding=after))


ODD = [
    "\\",
    "*/",
    "a\nb",
    "//",
    "it's",
    '"',
    "??/",
    "\u2028",
    "\u202e",
    "\x00",
    "two  words",
    "caf\u00e9",
    ", 1 = x",
    "mon",
]


@pytest.mark.parametrize("target", ["c", "x86"])
@pytest.mark.parametrize("vocab", [["mon", "tue", "wed"], ODD, ["a\\"], [f"t\\{i}" for i in range(99)]], ids=len)
def test_numbers_have_a_legend(vocab: list[str], target: Target) -> None:
    """It is a comment to its end, whatever the tokens are, and says each of them in full."""
    text = checked_program.write(following(vocab), target)
    mark = {"c": "// ", "x86": "; "}[target]
    comments = [line for line in text.split("\n") if line.startswith(mark)]
    assert text.startswith("\n".join(comments))
    assert all(line.isascii() and line.isprintable() and not line.endswith(("\\", "/")) for line in comments)
    legend = " ".join(line.removeprefix(mark) for line in comments if re.match(rf"{mark}\d+ = ", line))
    names = {token: token if token.isascii() and token.isalnum() else ascii(token) for token in vocab}
    assert legend == ", ".join(f"{i} = {names[token]}" for i, token in enumerate(vocab))
    code = text.removeprefix("\n".join(comments) + "\n")
    program = distill(following(vocab))
    assert code == {"c": emit.c, "x86": emit.x86}[target](program)
    try:  # the whole text, comments and all, as it is handed out
        run = checked_program.runnable(program, target, text if target == "c" else code)
    except UnavailableError as reason:
        pytest.skip(str(reason))
    assert checked_program.held(program, run, forward_answers(following(vocab))) == program.contexts


@pytest.mark.parametrize(("vocab", "target"), [("abc", "c"), ("019", "x86"), (["mon", "tue"], "python")])
def test_what_is_no_number_needs_no_legend(vocab: Sequence[str], target: Target) -> None:
    assert " = " not in checked_program.write(following(vocab), target).split("predict_")[0].split("mov")[0]


def test_without_a_compiler_a_text_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    assert "not run here: no C compiler is found" in checked_program.write(zoo.load("aab"), "c")
