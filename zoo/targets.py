"""Distilled programs as texts that have been run: each is held against the model before it is handed out."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from zoo import emit, native
from zoo.contexts import count, of_length
from zoo.distill import Program, distill
from zoo.errors import UnavailableError
from zoo.model import Context, Model

Target = Literal["python", "c", "x86"]
RUN = 2**17  # contexts that a text is run in; the diagram behind it equals the model in all of them


def write(model: Model, target: Target) -> str:
    """The program of a model with a comment that says in how many contexts it was run, and gave the model's answer.

    Raises ModelError for a model with too many contexts or tokens, AssertionError where a text departs from its model.
    """
    program = distill(model)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    mark = {"python": "# ", "c": "// ", "x86": "; "}[target]
    lines = [
        f"{model.name}, distilled from its answers in all {program.contexts} contexts of 1 to {model.n_ctx} tokens"
    ]
    try:
        run = runnable(program, target, text)
    except UnavailableError as error:
        lines.append(f"not run here: {error}")
    else:
        lines.append(f"run in {held(program, run)} of them, it gives the same answer")
    if target == "x86":
        counts = [n for _, n in native.executed(text, (as_bytes(program, c) for c in first_contexts(program)))]
        size = sum(not line.endswith(":") for line in text.splitlines())
        lines.append(f"{size} instructions, of which {min(counts)} to {max(counts)} are executed")
    return "".join(f"{mark}{line}\n" for line in lines) + text


def runnable(program: Program, target: Target, text: str) -> Callable[[tuple[int, ...]], int]:
    """The text as a function of token numbers. UnavailableError where this machine has not what it takes."""
    numbers = {emit.code(program.vocab, i): i for i in range(len(program.vocab))} if target != "python" else {}
    if target == "python":
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        function = namespace[emit.identifier(program.name)]
        return lambda tokens: program.vocab.index(function(spelled(program, tokens)))
    if target == "c":
        compiled = native.Compiled(text, emit.identifier(program.name))
        return lambda tokens: numbers[compiled(as_bytes(program, tokens))]
    machine = native.machine(text)
    return lambda tokens: numbers[machine(as_bytes(program, tokens))]


def held(program: Program, run: Callable[[tuple[int, ...]], int]) -> int:
    """In how many contexts a function answered as the program does; AssertionError names the first other."""
    tried = 0
    for tokens in first_contexts(program):
        if (found := run(tokens)) != (expected := program(tokens)):
            raise AssertionError(f"after {spelled(program, tokens)} it says {found}, but should say {expected}")
        tried += 1
    return tried


def first_contexts(program: Program) -> Iterator[tuple[int, ...]]:
    """All contexts of as many lengths as make at most RUN, shortest first."""
    vocab = len(program.vocab)
    for length in range(1, program.n_ctx + 1):
        if count(vocab, length) > RUN:
            return
        for batch in of_length(vocab, length):
            yield from map(tuple, batch.tolist())


def as_bytes(program: Program, tokens: tuple[int, ...]) -> bytes:
    """A context as C and x86-64 read it."""
    return bytes(emit.code(program.vocab, token) for token in tokens)


def spelled(program: Program, tokens: tuple[int, ...]) -> Context:
    words = tuple(program.vocab[token] for token in tokens)
    return "".join(words) if all(len(word) == 1 for word in program.vocab) else words
