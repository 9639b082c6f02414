"""Distilled programs as texts that have been run: each is held against the model before it is handed out."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

from zoo.distill import emit, native
from zoo.distill.answers import first_batches, forward_answers
from zoo.distill.diagram import Program, distill
from zoo.domain_in_words import described, lengths
from zoo.errors import UnavailableError
from zoo.model import Context, Model
from zoo.transformer.arrays import Array

Target = Literal["python", "c", "x86"]


def write(model: Model, target: Target) -> str:
    """The program of a model with a comment that says in how many contexts it was run, and answered as `forward` does.

    Raises ModelError for a model with too many contexts or tokens, AssertionError where a text departs from its model.
    """
    program = distill(model)
    text = {"python": emit.python, "c": emit.c, "x86": emit.x86}[target](program)
    mark = {"python": "# ", "c": "// ", "x86": "; "}[target]
    domain = "" if model.domain is None else " of its domain, and answers for no others"
    contexts = f"all {program.contexts} contexts of {_lengths(model)}{domain}"
    lines = [f"{model.name}, distilled from its answers in {contexts}"]
    lines += [] if model.domain is None else described(model.domain, model.vocab)[1:]
    try:
        run = runnable(program, target, text)
    except UnavailableError as error:
        lines.append(f"not run here: {error}")
    else:
        tried = held(program, run, forward_answers(model))
        lines.append(f"run in {tried} of them, it gives the answer of the forward pass")
    if target == "x86":
        counts = [n for _, n in native.executed(text, (as_bytes(program, c) for c in first_contexts(program)))]
        size = sum(not line.endswith(":") for line in text.splitlines())
        lines.append(f"{size} instructions, of which {min(counts)} to {max(counts)} are executed")
    lines = [" ".join(line.split()) for line in lines]  # a compiler's errors have lines
    if target != "python":
        lines += emit.legend(program.vocab)
    return "".join(f"{mark}{line}\n" for line in lines) + text


def _lengths(model: Model) -> str:
    return f"1 to {model.n_ctx} tokens" if model.domain is None else lengths(model.domain.lengths)


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


def held(program: Program, run: Callable[[tuple[int, ...]], int], answers: Iterable[tuple[int, Array]]) -> int:
    """In how many contexts a function gave the expected answer; AssertionError names the first other.

    `answers` are those of all contexts of some lengths, or of the first of them, in their order.
    """
    tried = 0
    for length, expected in answers:
        batches = program.scope.batches(program.vocab, lengths=[length])
        for tokens, right in zip((tuple(row) for batch in batches for row in batch.tolist()), expected.tolist()):
            if (found := run(tokens)) != right:
                raise AssertionError(f"after {spelled(program, tokens)} it says {found}, but should say {right}")
            tried += 1
    return tried


def first_contexts(program: Program) -> Iterator[tuple[int, ...]]:
    """The contexts that the forward pass is asked in, shortest first: see `first_batches`."""
    for _, batches in first_batches(program.scope, program.vocab):
        for batch in batches:
            yield from map(tuple, batch.tolist())


def as_bytes(program: Program, tokens: tuple[int, ...]) -> bytes:
    """A context as C and x86-64 read it."""
    return bytes(emit.code(program.vocab, token) for token in tokens)


def spelled(program: Program, tokens: tuple[int, ...]) -> Context:
    words = tuple(program.vocab[token] for token in tokens)
    return "".join(words) if all(len(word) == 1 for word in program.vocab) else words
