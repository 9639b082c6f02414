"""Every weight of a model changed, and its structure: does the suite notice, or is the change none?

A mutant is caught when its rule, a predictor or its stated margin fails in some context; it is equal when it gives the
original's answer in every context that is judged. One that is neither is open: it makes another choice among what is
permitted. Published arrays and recomputed claims do not count, as they would catch any change.
"""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from properties.checks.right import answers, changed, judged, margins, permitting, questions
from properties.checks.running import answer_logits
from properties.checks.settle import affordable, most_contexts, sweep
from zoo import contexts
from zoo.black_box import BlackBox
from zoo.cost.operations import flops
from zoo.errors import FailingError, ModelError
from zoo.model import Context, Model
from zoo.progress import steps
from zoo.shards import Keep, Shards, bare
from zoo.transformer import Attention, Transformer
from zoo.transformer.arrays import Array
from zoo.transformer.parts import Name

MOST = 20_000  # mutants that are all tried
SECOND = 10**9  # operations of the forward pass, which take about a second

WEIGHTS: dict[str, Callable[[float], float]] = {
    "zeroed": lambda w: 0.0,
    "negated": lambda w: -w,
    "doubled": lambda w: 2 * w,
    "halved": lambda w: w / 2,
    "plus 1": lambda w: w + 1,
    "minus 1": lambda w: w - 1,
}


@dataclass(frozen=True)
class Mutant:
    """A changed transformer: which array or part, where in it, and what was done."""

    place: str  # "layer 0 w_q"
    index: tuple[int, ...]
    change: str
    transformer: Transformer


@dataclass(frozen=True)
class Story:
    """What became of a mutant: caught by a check, equal, or open; with the shortest context that shows it."""

    mutant: Mutant
    outcome: str  # "caught", "equal" or "open"
    check: str = ""
    context: Context | None = None


def checked(model: Model) -> bool:
    """Whether a model has weights, and states anything that could catch a mutant."""
    return not isinstance(model, BlackBox) and (model.rule is not None or bool(model.predictors))


def stories(
    model: Model, sample: int | None = None, executor: Executor | None = None, keep: Keep | None = None
) -> Iterator[Story]:
    """The story of each mutant of a model, over all contexts; or of so many, drawn at random but always the same.

    Raises as `refuse_failing` does, and ModelError where contexts or mutants are too many to try each. With an
    `executor`, some at a time are tried there; with `keep`, those that an earlier run tried are not tried again.
    """
    with Shards(Trials, bare(model), executor=executor, keep=keep) as shards:
        trials = shards.made(Trials)
        if why := too_many(model, sample):
            raise ModelError(why)
        total = number(model.transformer)
        chosen: Sequence[int] = range(total)
        if sample is not None and sample < total:
            chosen = sorted(np.random.default_rng(0).choice(total, sample, replace=False).tolist())
        made = mutants(model.transformer, set(chosen))
        some = (chosen[i : i + trials.several] for i in range(0, len(chosen), trials.several))
        told = (one for _, found in shards.each(some) for one in found)
        for outcome, check, context in steps(told, f"mutants of {model.name}", len(chosen)):
            yield Story(next(made), outcome, check, context)


class Trials:
    """Tries mutants by their numbers: a shard is some of them, and is settled as outcome, check and context of each."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self.rows, self.words, self.tests = _held(model)
        self.original = _logits(model.transformer, model, self.rows)
        each = sum(flops(model.transformer, batch.shape[1]) * len(batch) for batch in self.rows)
        self.several = max(1, min(SECOND // each, 256))

    def __call__(self, numbers: Sequence[int]) -> list[tuple[str, str, Context | None]]:
        found = []
        for mutant in mutants(self.model.transformer, set(numbers)):
            logits = _logits(mutant.transformer, self.model, self.rows)
            story = _story(mutant, logits, self.original, self.tests, self.words, self.model)
            found.append((story.outcome, story.check, story.context))
        return found


def too_many(model: Model, sample: int | None = None) -> str:
    """Why not every mutant, or every one of a sample, can be run on every context: what is too many; or nothing."""
    if not affordable(model):
        total, most = contexts.counted(model.scope.count()), contexts.counted(most_contexts(model))
        return f"{model.name} has {total} contexts, but should have {most} at most for each mutant to be run on all"
    if sample is None and (made := number(model.transformer)) > MOST:
        return (
            f"{model.name} has {made:,} mutants, but should have {MOST:,} at most for each to be tried: --sample N "
            "tries so many, drawn at random"
        )
    return ""


def number(transformer: Transformer) -> int:
    """How many mutants there are."""
    return sum(1 for _ in _made(transformer))


def refuse_failing(model: Model) -> None:
    """FailingError where the model itself fails, so that what catches a mutant says nothing.

    ModelError where nothing is stated of it, or its contexts are too many to enumerate.
    """
    _held(model)


def _held(model: Model) -> tuple[list[Array], list[Context], list[tuple[str, Array]]]:
    """All contexts in batches and in words, and what mutants are held to in them: the model itself holds."""
    if isinstance(model, BlackBox):
        raise ModelError(f"{model.name} is a black box, but should have weights for mutants to be made of them")
    if not checked(model):
        raise ModelError(
            f"{model.name} has neither rule nor predictor, but should have one for its mutants to be held to"
        )
    if not affordable(model):
        raise ModelError(too_many(model))
    rows = list(sweep(model)[1])
    words = [model.decode(row) for batch in rows for row in batch for _ in range(answers(model, batch.shape[1]))]
    tests: list[tuple[str, Array]] = []  # a check, and which answers it allows [row, output or end]
    for question in questions(model):
        with permitting(model, question, every=True) as permits:
            tests.append((question.kind, np.concatenate([permits(batch) for batch in rows])))
        if question.kind == "rule" and not judged(tests[-1][1]).any():
            raise FailingError(
                f"{model.name} fails its rule, which determines nothing in any context, but should for its mutants to "
                "be held to the same"
            )
    logits = _logits(model.transformer, model, rows)
    itself = Mutant("the model itself", (), "", model.transformer)
    story = _story(itself, logits, logits, tests, words, model)
    if story.outcome == "caught":
        assert story.context is not None
        raise FailingError(
            f"{model.name} fails its {story.check} after {contexts.written(story.context)}, but should hold for its "
            "mutants to be held to the same"
        )
    return rows, words, tests


def _story(
    mutant: Mutant,
    logits: Array,
    original: Array,
    tests: list[tuple[str, Array]],
    words: list[Context],
    model: Model,
) -> Story:
    by = [margins(model, logits, [allowed]) for _, allowed in tests]
    for (check, _), its in zip(tests, by):
        wrong = np.flatnonzero(~(its > 0))
        if len(wrong):
            return Story(mutant, "caught", check, words[wrong[0]])
    least = np.min(by, axis=0)
    if model.margin is not None:
        wrong = np.flatnonzero(~(least >= model.margin))
        if len(wrong):
            return Story(mutant, "caught", "margin", words[wrong[0]])
    different = np.flatnonzero(changed(model, original, logits) & (least < np.inf))  # where something is judged
    if len(different):
        return Story(mutant, "open", context=words[different[0]])
    return Story(mutant, "equal")


def _logits(transformer: Transformer, model: Model, rows: list[Array]) -> Array:
    changed = replace(model, transformer=transformer)
    return np.concatenate([answer_logits(changed, batch) for batch in rows])


def mutants(transformer: Transformer, chosen: AbstractSet[int] | None = None) -> Iterator[Mutant]:
    """Each weight zeroed, negated, doubled, halved, plus and minus 1, swapped with the next; then the structure.

    What leaves the arrays as they are (a zero negated, say) is no mutant. Of those numbered in this order, the chosen
    ones, or all.
    """
    for i, make in enumerate(_made(transformer)):
        if chosen is None or i in chosen:
            yield make()


def _made(transformer: Transformer) -> Iterator[Callable[[], Mutant]]:
    """What makes each: their number can be had without them."""
    for name, array in transformer.named_arrays().items():
        place = name[1] if name[0] == "transformer" else " ".join(name)

        def weight(name: Name, place: str, index: tuple[int, ...], change: str, other: Callable[[], Array]) -> Mutant:
            return Mutant(place, index, change, transformer.with_arrays({name: other()}))

        for index in np.ndindex(array.shape):
            for change, other in _changed(array, index):
                yield partial(weight, name, place, index, change, other)
    for mutant in _structural(transformer):
        yield partial(lambda one: one, mutant)


def _changed(array: Array, index: tuple[int, ...]) -> Iterator[tuple[str, Callable[[], Array]]]:
    """What a weight may become, and what makes the array that has it."""

    def put(values: dict[tuple[int, ...], float]) -> Array:
        other = array.copy()
        for at, value in values.items():
            other[at] = value
        return other

    seen = {float(array[index])}
    for change, function in WEIGHTS.items():
        with np.errstate(all="ignore"):
            value = float(array.dtype.type(function(float(array[index]))))
        if value not in seen and np.isfinite(
            value
        ):  # 1 doubled and 1 plus 1 are one mutant; none may be beyond the type
            seen.add(value)
            yield change, partial(put, {index: value})
    following = (*index[:-1], index[-1] + 1)
    if following[-1] < array.shape[-1] and array[following] != array[index]:
        yield "swapped with the next", partial(put, {index: array[following], following: array[index]})


def _structural(transformer: Transformer) -> Iterator[Mutant]:
    for i, layer in enumerate(transformer.layers):
        place = f"layer {i}"
        if not isinstance(layer, Attention):
            continue
        changes: dict[str, Any] = {}
        if layer.causal:
            changes["mask dropped"] = replace(layer, causal=False)
        if layer.multiplier != 1:
            changes["scale dropped"] = replace(layer, scale=1)
        with np.errstate(over="ignore"):
            twice = None if layer.b_o is None else 2 * layer.b_o
        if twice is not None and np.isfinite(twice).all():
            changes["b_o added once too often"] = replace(layer, b_o=twice)
        for h in range(layer.sizes["head"]):
            w_o = layer.w_o.copy()
            w_o[h] = 0
            changes[f"head {h} removed"] = replace(layer, w_o=w_o)
        for change, other in changes.items():
            layers = [*transformer.layers[:i], other, *transformer.layers[i + 1 :]]
            yield Mutant(place, (), change, replace(transformer, layers=layers))
    positions = transformer.position_embedding
    for step, change in ((1, "one late"), (-1, "one early")):
        rolled = np.roll(positions, step, axis=0)
        if not np.array_equal(rolled, positions):
            yield Mutant("positions", (), change, replace(transformer, position_embedding=rolled))
