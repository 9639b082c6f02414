"""What was written held against its model, before it has its name: does it answer alike, and with which margins?

**Which differences count.** A directory is not written whose answers are others. But not every other answer is a wrong
one: where the rule permits all or nothing, and where logits are equal but for rounding, no answer is stated that could
be kept. So a difference counts

- in a context in which the model does what its rule (or a predictor) says, if what was read does not: that it says
  another of several permitted tokens is no fault, that it ties with one that is not permitted is one;
- in a context in which the model does otherwise than its rule says, or has none, if the model's own answer wins by more
  than rounding can account for in what was read. `zoo.enumeration.rounding` bounds that; where it knows no bound, the
  difference counts.

So of a model of which no answer is stated and whose logits are all equal but for rounding, as of `explainer`, nothing
counts, and of one that fails its rule the export keeps the failures.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from properties.checks.right import judged, judging, margins, own_answers, questions
from properties.checks.running import answer_logits
from properties.checks.settle import sweep
from properties.proof.counterexample import margin_of
from properties.robustness.number_types import in_type
from zoo.contexts import counted, written
from zoo.enumeration.rounding import Rounding
from zoo.errors import FileError, ModelError
from zoo.files import gpt2
from zoo.files.to_gpt2 import EPS, to_gpt2
from zoo.model import Context, Model
from zoo.transformer import Transformer, forward, residuals
from zoo.transformer.arrays import Array

LARGEST = {"float32": 2.0**128, "bfloat16": 2.0**128, "float16": 65504.0}  # of the two first nearly
TOGETHER = 64  # contexts whose rounding is bounded at once
SMALL = 2.0**-12  # of the root of EPS: beyond, float32 sees the square beside EPS


@dataclass(frozen=True)
class Export:
    """What reads back, held against the model in so many contexts."""

    model: Model
    read: Model
    sampled: bool
    contexts: int
    alike: int
    margin: float  # the least by which in what was read what is permitted wins; NaN if logits overflow
    wrong: int  # how many differences count
    open: int  # and in how many contexts another answer does not
    first: Context | None = None  # the shortest of them
    why: str = ""
    margins: tuple[tuple[str, float | None], ...] = ()  # the same in LARGEST's types; None where weights do not fit
    stated: bool = True  # by rule or predictor what is permitted; else it is the model's own answer

    def refusal(self, where: str) -> str:
        """What is wrong, in a sentence; "" where nothing is."""
        if self.first is None:
            return ""
        contexts = f"{counted(self.contexts)} contexts{' of a sample' if self.sampled else ''}"
        why = f": {self.why}" if self.why else ""
        return (
            f"{where} is not written: in {self.wrong} of {contexts} it would not answer as {self.model.name} does, "
            f"first after {written(self.first)}{why}"
        )


def held(model: Model, read: Model) -> Export:
    """What was read against the model, in all contexts if they are not too many, else in a sample."""
    method, batches = sweep(model)
    with judging(model, method == "enumerated") as permitted:
        asked = [_asked(model, tokens, permitted) for tokens in batches]
    alike, margin = compared(read, asked)
    wrong, open_, first = 0, 0, None
    for one in _different(read, asked):
        counts, other = _count(model, read, one)
        if first is None and counts.any():
            first = one.tokens[counts.argmax()]
        wrong, open_ = wrong + int(counts.sum()), open_ + int((other & ~counts).sum())
    return Export(
        model=model,
        read=read,
        sampled=method != "enumerated",
        contexts=sum(len(one.tokens) for one in asked),
        alike=alike,
        margin=margin,
        wrong=wrong,
        open=open_,
        first=None if first is None else model.decode(first),
        why="" if first is None else _why(model, read, first),
        margins=tuple((name, _margin_in(read, name, asked)) for name in LARGEST),
        stated=bool(questions(model)),
    )


@dataclass(frozen=True)
class Answered:
    """Contexts, int [batch, seq], with the model's own answers and what each question permits, as rows of `right`."""

    tokens: Array
    own: Array
    allowed: list[Array]

    def some(self, contexts: Array) -> "Answered":
        """Those contexts of it: bool [batch]."""
        rows = np.repeat(contexts, len(self.own) // len(contexts))
        return Answered(self.tokens[contexts], self.own[rows], [allowed[rows] for allowed in self.allowed])

    def any(self, rows: Array) -> Array:
        """In which contexts one of the rows is so: bool [batch]"""
        return np.asarray(rows.reshape(len(self.tokens), -1).any(axis=1))


def _asked(model: Model, tokens: Array, permitted: Callable[[Array], list[Array]]) -> Answered:
    own = own_answers(model, answer_logits(model, tokens))
    return Answered(tokens, own, permitted(tokens) or [own])


def compared(model: Model, asked: Iterable[Answered]) -> tuple[int, float]:
    """How many answers are the model's, and the least by which what is permitted wins; NaN if logits overflow."""
    alike, smallest = 0, [np.inf]
    for one in asked:
        logits = np.array(answer_logits(model, one.tokens), dtype=np.float64)  # [row, output]
        alike += len(one.tokens) - int(one.any(_others(logits, one.own)).sum())
        counts = np.any([judged(allowed) for allowed in one.allowed], axis=0)
        if not np.isfinite(logits[counts]).all():
            smallest.append(np.nan)
            continue
        smallest.append(margins(model, logits, one.allowed).min())
    return alike, float(np.min(smallest))


def _others(logits: Array, own: Array) -> Array:
    """Where another answer is given: bool [row]"""
    if own.dtype != bool:
        return np.asarray(~(margin_of(logits, own) > 0))
    return ~np.take_along_axis(own, logits.argmax(axis=1)[:, None], axis=1)[:, 0]


def _margin_in(read: Model, name: str, asked: Iterable[Answered]) -> float | None:
    try:
        return compared(replace(read, transformer=in_type(read.transformer, name)), asked)[1]
    except ModelError:
        return None


def _different(read: Model, asked: Iterable[Answered]) -> Iterator[Answered]:
    """The contexts, shortest first, in which the model's answer does not win in what was read."""
    for one in asked:
        logits = answer_logits(read, one.tokens)
        lost = one.any(~(margin_of(logits, one.own) > 0))  # NaN is not
        if lost.any():
            yield one.some(lost)


def _count(model: Model, read: Model, one: Answered) -> tuple[Array, Array]:
    """Which of those contexts count, and which have another answer: bool [batch] both."""
    tokens, stated = one.tokens, questions(model)
    ours, theirs = answer_logits(model, tokens), answer_logits(read, tokens)
    here, kept, wrong = (np.zeros(len(ours), dtype=bool) for _ in range(3))
    for allowed in one.allowed if stated else ():
        right = judged(allowed) & (margin_of(ours, allowed) > 0)
        here, kept = here | judged(allowed), kept | right
        wrong |= right & ~(margin_of(theirs, allowed) > 0)
    lost = ~(margin_of(theirs, one.own) > 0)  # of a context with several answers, it may be one
    own = np.flatnonzero(lost & ~kept & (here | (not stated)))  # what is stated, if anything, is not what it does
    wins, each = margin_of(ours, own_answers(model, ours)), len(ours) // len(tokens)
    for at in (own[i : i + TOGETHER] for i in range(0, len(own), TOGETHER)):
        most = 2 * rounding(read.transformer, tokens[np.unique(at // each)])
        wrong[at] = (wins[at] > 0) & ~(wins[at] <= most)
    return one.any(wrong), one.any(_others(theirs, own_answers(model, ours)))


def rounding(transformer: Transformer, tokens: Array) -> float:
    """How far rounding can move a logit of some contexts, int [batch, seq]: NaN where no bound is known.

    There is room in it for the rounding of the weights themselves: of each it counts two units where there is one.
    """
    rows = [x.reshape(-1, transformer.d_model) for x in _streams(transformer, tokens)[0]]
    bound, _ = Rounding(transformer).of_step(rows, tokens.shape[1], ())  # all positions see all, mask or not
    return bound if np.isfinite(bound) else np.nan


def _streams(transformer: Transformer, tokens: Array) -> tuple[list[Array], Array]:
    """The residual streams, as embedded and after each layer, [batch, seq, d_model]; the last logits [batch, vocab]."""
    trace: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        logits = forward(transformer, tokens, trace)[:, -1]
        return [*residuals(transformer, trace), trace["residual"]], logits


def _why(model: Model, read: Model, tokens: Array) -> str:
    """Why a context is answered otherwise, if it can be told; it is tried out.

    In float64 GPT-2's form is as good as exact, but for the square of the residual stream beside EPS.
    """
    try:
        config, tensors = to_gpt2(model.transformer.astype(np.float64))
    except FileError:
        return ""
    plain = {gpt2.plain_name(name): tensor for name, tensor in tensors.items()}
    exact = gpt2.from_gpt2(gpt2.read_config("", config), plain)
    streams, logits = _streams(model.transformer, tokens[None])
    if _streams(exact, tokens[None])[1].argmax() == logits.argmax():
        dtype = read.transformer.dtype
        return f"{dtype} has too few digits for it: in float64 the same form answers alike" * (dtype != np.float64)
    largest = max(float(np.abs(x).max()) for x in streams)
    if config["layer_norm_epsilon"] != EPS or largest < SMALL * EPS**0.5:
        return ""
    return (
        f"the residual stream reaches {largest:.3g} there, but should stay well below {EPS**0.5:.3g}, the root of "
        "layer_norm_epsilon, for LayerNorm to do nothing but subtract the mean"
    )
