"""Texts that are handed out: held to their model, with names and a legend."""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

import zoo
from properties.selftest.distill.programs import TARGETS
from zoo import enumeration
from zoo.distill import checked_program, emit, forward_answers
from zoo.distill.checked_program import Target
from zoo.distill.diagram import distill
from zoo.errors import UnavailableError


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
@pytest.mark.parametrize("vocab", [["mon", "tue", "wed"], ODD, ["a\\"], [f"t\\{i}" for i in range(40)]], ids=len)
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
