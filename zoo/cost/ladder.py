"""One model's answers by every means there are, timed side by side in one run: from the forward pass to machine code.

All one-at-a-time implementations get a context as the model's user has it and return a token's name or byte; what a
batch or an enumeration takes is divided by its contexts. The rounds go through all implementations in turn, so that a
busy machine slows them alike, and the shortest round of each counts. docs/cost.md says how far figures can be trusted.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from reference import Assembly
from zoo import contexts, enumeration
from zoo.black_box import BlackBox
from zoo.cost.baseline import baseline
from zoo.cost.operations import answer_flops, bytes_moved, flops
from zoo.cost.spread import by_length, spread
from zoo.distill import emit, native
from zoo.distill.diagram import MOST_CONTEXTS, distill
from zoo.errors import ContextError, ModelError, RuleError, UnavailableError, ZooError
from zoo.model import Context, Model
from zoo.progress import steps
from zoo.rule import TIMING, Asked
from zoo.rule.watch import watching
from zoo.transformer import Transformer, forward, greedy
from zoo.transformer.arrays import Array

SAMPLE, BATCH = 256, 4096  # contexts, evenly spread over all: for what runs them one at a time, for what runs batches
FEWEST, WORK, TOKENS = 4, 10**9, 2**17  # of long contexts fewer: so many operations and tokens in all, but 4 contexts
MOST_WORK, MOST_BYTES = 2 * 10**10, 4 * 10**9  # of one forward pass: beyond, a round would take minutes
ROUNDS, LEAST = 5, 0.01  # how often each is timed, and for how many seconds at least


@dataclass(frozen=True)
class Rung:
    """One implementation: wall time and work for one context, or the reason why it was not run."""

    name: str
    contexts: int  # how many one round runs through
    seconds: float | None  # for each context
    operations: float | None = None  # FLOPs for each context, of machine code instructions; None where not counted
    reason: str = ""


Sample = dict[Context, Any]  # contexts with the model's answer, or where there are several or numbers, all of them
Timed = Callable[[], float]  # one round -> seconds for each context
Made = tuple[int, float | None, Timed]  # contexts, operations for each, and what times them


def ladder(model: Model, rounds: int = ROUNDS) -> list[Rung]:
    """All implementations of a model, in the order of docs/cost.md; those that cannot run here carry a reason.

    Of a black box, itself and its rule. ModelError for a model that is too large to time.
    """
    if isinstance(model, BlackBox):
        return _timed({name: partial(make, model) for name, make in OF_BLACK_BOX.items()}, rounds)
    longest = model.scope.lengths[-1]
    work, size = flops(model.transformer, longest), bytes_moved(model.transformer, longest)
    if work > MOST_WORK or size > MOST_BYTES:
        raise ModelError(
            f"{model.name} takes {work} operations and moves {size} bytes for {longest} tokens, "
            f"but should take at most {MOST_WORK} and move at most {MOST_BYTES} to be timed"
        )
    sample, many = (spread(model, max(FEWEST, min(most, WORK // work, TOKENS // longest))) for most in (SAMPLE, BATCH))
    answer, batch = model.predict if model.completes else model.says, list(by_length(model, many))
    answered = {context: answer(context) for context in sample}
    return _timed({name: partial(make, model, answered, batch) for name, make in IMPLEMENTATIONS.items()}, rounds)


def _timed(makes: dict[str, Callable[[], Made]], rounds: int) -> list[Rung]:
    """Each by the shortest of so many rounds, which go through all of them in turn."""
    made: dict[str, Made] = {}
    missing: dict[str, str] = {}
    for name, make in steps(makes.items(), "preparing"):
        try:
            made[name] = make()
        except ZooError as error:
            missing[name] = str(error)
    best = dict.fromkeys(made, float("inf"))
    # The first round warms up, and is the best of none.
    for name, (_, _, timed) in steps([*made.items()] * (1 + rounds), "timing"):
        best[name] = min(best[name], timed())
    return [
        Rung(name, 0, None, reason=missing[name])
        if name in missing
        else Rung(name, made[name][0], best[name], made[name][1])
        for name in makes
    ]


def one_at_a_time(sample: Iterable[Context], answer: Callable[[Any], object]) -> Timed:
    sample = list(sample)

    def timed() -> float:
        runs, start = 0, time.perf_counter()
        while (taken := time.perf_counter() - start) < LEAST or not runs:
            for context in sample:
                answer(context)
            runs += 1
        return taken / runs / len(sample)

    return timed


def _baseline(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, float, Timed]:
    model.must_complete("be compared with this")

    def answer(context: Context) -> str:
        tokens = np.array([model.vocab.index(token) for token in context])
        return model.vocab[int(baseline(model.transformer, tokens)[-1].argmax())]

    _held(sample, answer)
    work = np.mean([flops(model.transformer, len(context)) for context in sample])
    return len(sample), float(work), one_at_a_time(sample, answer)


def _forward(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, float, Timed]:
    last = model.answers == "last"
    work = np.mean([_work(model.transformer, len(context), last) for context in sample])
    return len(sample), float(work), one_at_a_time(sample, model.predict if model.completes else model.says)


def _work(transformer: Transformer, length: int, last: bool) -> int:
    return (answer_flops if last else flops)(transformer, length)


def batched(transformer: Transformer, batch: Iterable[Array], last: bool = True) -> list[Array]:
    """The answers to batches [rows, length] of contexts: [rows] each; at every position unless `last`."""
    found = (greedy(forward(transformer, tokens, last=last)) for tokens in batch)
    return [answers[:, -1] if last else answers for answers in found]


def _batched(
    dtype: type[np.floating[Any]], model: Model, sample: Sample, batch: list[Array]
) -> tuple[int, float, Timed]:
    transformer, number, last = model.transformer.astype(dtype), sum(map(len, batch)), model.answers == "last"
    rows = list(by_length(model, sample))
    if model.completes:
        found = {
            model.decode(row): model.vocab[answer]
            for tokens, answers in zip(rows, batched(transformer, rows))
            for row, answer in zip(tokens, answers)
        }
        _held(sample, found.get)

    def timed() -> float:
        start = time.perf_counter()
        batched(transformer, batch, last)
        return (time.perf_counter() - start) / number

    work = sum(len(tokens) * _work(transformer, tokens.shape[1], last) for tokens in batch) / number
    return number, work, timed


def _enumeration(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, float, Timed]:
    model.must_complete("be compared with this")
    if model.domain is not None:
        raise UnavailableError(
            "it runs every context of 1 to n_ctx tokens, but should run those of the domain to be compared with"
        )
    number = contexts.count(len(model.vocab), model.n_ctx)
    most = MOST_CONTEXTS if enumeration.path(model.transformer) == "sums" else 2**18
    if number > most:
        raise ContextError(
            f"there are {contexts.counted(number)} contexts, but should be at most {most} to be enumerated"
        )
    answers = enumeration.answers(model.transformer)

    def answer(context: Context) -> str:
        tokens = model.encode(context)
        number = np.ravel_multi_index(tokens, (len(model.vocab),) * len(tokens))
        return model.vocab[int(answers[len(tokens)].tokens[number])]

    _held(sample, answer)

    def timed() -> float:
        start = time.perf_counter()
        enumeration.answers(model.transformer)
        return (time.perf_counter() - start) / number

    lengths = range(1, model.n_ctx + 1)
    work = sum(len(model.vocab) ** n * enumerated_flops(model.transformer, n) for n in lengths)
    return number, work / number, timed


def enumerated_flops(transformer: Transformer, length: int) -> float:
    """Operations for each context of a length on its path; tables and half sums, which few contexts share, left out."""
    vocab = transformer.sizes["vocab"]
    if enumeration.path(transformer) == "sums":
        head = transformer.layers[0].sizes["head"]
        return head * (1 + 3 * vocab) + 4 * vocab - 3  # two sums, a quotient and its sum a logit; then best and margin
    return flops(transformer, length, rows=1 if enumeration.path(transformer) == "prefixes" else length)


def _rule(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, None, Timed]:
    if model.rule is None:
        raise UnavailableError("the model has no rule, but should have one to be compared with")
    rule = model.rule
    if model.answers == "every":
        return len(sample), None, one_at_a_time(sample, lambda one: [rule(one, at) for at in range(len(one))])
    if not model.completes:
        return len(sample), None, one_at_a_time(sample, rule)
    with watching(Asked(rule, model.vocab, "rule", TIMING)) as asked:
        for context, expected in sample.items():
            permitted = asked(context)
            if permitted and expected not in permitted:  # none: it says nothing of this context
                raise RuleError(
                    f"after {context} it permits another than the model's answer, but should permit {expected}"
                )
    return len(sample), None, one_at_a_time(sample, model.rule)


def _black_box(box: BlackBox) -> tuple[int, None, Timed]:
    sample = spread(box, SAMPLE)
    for context in sample:
        box.predict(context)  # ModelError where it gives no answer
    return len(sample), None, one_at_a_time(sample, box.predict.function)


def _rule_of_black_box(box: BlackBox) -> tuple[int, None, Timed]:
    if box.rule is None:
        raise UnavailableError("the model has no rule, but should have one to be compared with")
    sample = spread(box, SAMPLE)
    asked = box.asked(box.rule, "rule")
    for context in sample:
        asked(context)  # RuleError where it permits what is no answer
    return len(sample), None, one_at_a_time(sample, box.rule)


def _assembly(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, float, Timed]:
    listings = [predictor.listing for predictor in model.predictors if isinstance(predictor, Assembly)]
    if not listings:
        raise UnavailableError("the model has no assembly predictor, but should have one to be compared with")
    try:
        machine, clock = native.MachineCode(listings[0]), native.Compiled()
        # The interpreter comes first: it refuses what reads beside the context.
        work = np.mean([count for _, count in native.executed(listings[0], _words(model, sample), emulated=False)])
    except ValueError as error:  # of a listing
        raise UnavailableError(str(error)) from error
    words = _held_words(model, sample, machine)
    return len(words), float(work), lambda: clock.seconds_per_call(machine.function, words, LEAST)


def _distilled(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, None, Timed]:
    model.must_complete("be compared with this")
    program = distill(model)
    namespace: dict[str, Any] = {}
    exec(emit.python(program), namespace)
    function = namespace[emit.identifier(program.name)]
    _held(sample, function)
    return len(sample), None, one_at_a_time(sample, function)


def _native(model: Model, sample: Sample, batch: list[Array]) -> tuple[int, float, Timed]:
    model.must_complete("be compared with this")
    program = distill(model)
    compiled = native.Compiled(emit.c(program), emit.identifier(program.name))
    words = _held_words(model, sample, compiled)
    work = np.mean([count for _, count in native.executed(emit.x86(program), words, emulated=False)])
    return len(sample), float(work), lambda: compiled.seconds_per_call(compiled.function, words, LEAST)


def _words(model: Model, sample: Iterable[Context]) -> list[bytes]:
    """Contexts as machine code reads them."""
    codes = [emit.code(tuple(model.vocab), token) for token in range(len(model.vocab))]
    return [bytes(codes[token] for token in model.encode(context)) for context in sample]


def _held(sample: Sample, answer: Callable[[Any], object]) -> None:
    """UnavailableError where an answer is not the model's: what answers otherwise is not timed."""
    for context, expected in sample.items():
        if answer(context) != expected:
            raise UnavailableError(f"its answer after {context} is another than the model's, but should be {expected}")


def _held_words(model: Model, sample: Sample, run: Callable[[bytes], int]) -> list[bytes]:
    """The words of the sample, held alike."""
    words = _words(model, sample)
    tokens = {emit.code(tuple(model.vocab), token): name for token, name in enumerate(model.vocab)}
    _held(sample, {context: tokens.get(run(word)) for context, word in zip(sample, words)}.get)
    return words


IMPLEMENTATIONS: dict[str, Callable[[Model, Sample, list[Array]], Made]] = {
    "baseline": _baseline,
    "forward": _forward,
    "batched": lambda model, sample, batch: _batched(np.float64, model, sample, batch),
    "batched_float32": lambda model, sample, batch: _batched(np.float32, model, sample, batch),
    "enumeration": _enumeration,
    "rule": _rule,
    "assembly": _assembly,
    "distilled": _distilled,
    "native": _native,
}
OF_BLACK_BOX: dict[str, Callable[[BlackBox], Made]] = {"black_box": _black_box, "rule": _rule_of_black_box}
