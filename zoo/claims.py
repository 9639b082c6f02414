"""What is said of a model beside its rule: figures, lemmas, a cycle, and where it does not do what was meant."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np

from zoo.contexts import Context
from zoo.errors import ModelError, shown
from zoo.rule.origin import where_raised

if TYPE_CHECKING:
    from zoo.model import Model

Rule = Callable[..., Any]  # of a context, or of one and a position: a set of names; or a number or None
Predictor = Callable[..., Any]  # the same: a name, or a number
LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Claim:
    """A figure that was stated of a model, and the function that computes it again from the model.

    It must come out exactly, or where it is a number that was stated so precisely only, `within` so much of it.
    """

    text: str
    claimed: object
    recompute: Callable[["Model"], object]
    source: str
    within: float = 0

    def holds(self, found: object) -> bool:
        if self.within and isinstance(found, Real) and isinstance(self.claimed, Real):
            return abs(float(found) - float(self.claimed)) <= self.within
        try:
            return bool(np.array_equal(np.asarray(found, dtype=object), np.asarray(self.claimed, dtype=object)))
        except Exception:  # what is compared in a stranger's way, and raises
            return False

    def recomputed(self, model: "Model") -> object:
        """The figure as it comes out; ModelError where it cannot be computed."""
        try:
            return self.recompute(model)
        except (Exception, SystemExit) as error:
            raised, where = f"{type(error).__name__}: {shown(error, str)}", where_raised(error)
            raise ModelError(f"the claim {self.text!r} raises {raised}, but should give a figure{where}") from error


@dataclass(frozen=True)
class Deviation:
    """What the author meant, and exactly the contexts in which the arrays do otherwise, shortest first."""

    meant: Rule
    contexts: Sequence[Context]
    why: str

    def __post_init__(self) -> None:
        contexts = () if isinstance(self.contexts, str) else tuple(self.contexts)
        if not all(isinstance(one, str) or (isinstance(one, Sequence) and all(map(_is_str, one))) for one in contexts):
            raise ModelError(f"a deviation's contexts are {self.contexts!r}, but should be strings or lists of tokens")
        contexts = tuple(context if isinstance(context, str) else tuple(context) for context in contexts)
        if not contexts or len(set(contexts)) < len(contexts) or not all(contexts):
            raise ModelError(
                f"a deviation's contexts are {self.contexts!r}, but should be a list, none empty, each once"
            )
        object.__setattr__(self, "contexts", contexts)

    def stated(self, model: "Model") -> set[Context]:
        """The contexts as the model has them."""
        return {"".join(context) if model.reads_strings else context for context in self.contexts}


def _is_str(token: object) -> bool:
    return isinstance(token, str)


@dataclass(frozen=True)
class Cycle:
    """From every context, greedy generation is on this repeating sequence after at most `within` tokens."""

    tokens: Context
    within: int


@dataclass(frozen=True)
class Lemma:
    """A part of an argument for what a model is said to do, and what computes whether it is so.

    Where by the argument a rule speaks of more contexts than are meant, as of sums with a wrong beginning, `real` makes
    of one that is wrong another that is meant. It is shown in its place if it is wrong too.
    """

    text: str
    check: Callable[["Model"], bool]
    real: Callable[[Context], Context] | None = None

    def __post_init__(self) -> None:
        fits = callable(self.check) and (self.real is None or callable(self.real))
        if not (isinstance(self.text, str) and self.text and self.text.isprintable() and fits):
            raise ModelError(f"a lemma is {self.text!r} by {self.check!r}, but should be a sentence and a function")

    def meant(self, context: Context) -> Context | None:
        """What `real` makes of a context, if there is such; ModelError where it raises."""
        try:
            return None if self.real is None else self.real(context)
        except (Exception, SystemExit) as error:
            raised, where = f"{type(error).__name__}: {shown(error, str)}", where_raised(error)
            says = f"of the lemma {self.text!r} real raises {raised}, but should make a context{where}"
            raise ModelError(says) from error

    def holds(self, model: "Model") -> bool:
        """ModelError where it cannot be computed, or comes out as no bool."""
        try:
            found = self.check(model)
        except (Exception, SystemExit) as error:
            raised, where = f"{type(error).__name__}: {shown(error, str)}", where_raised(error)
            raise ModelError(f"the lemma {self.text!r} raises {raised}, but should be true or false{where}") from error
        if not isinstance(found, bool | np.bool_):
            raise ModelError(f"the lemma {self.text!r} comes out as {shown(found)}, but should be true or false")
        return bool(found)


def check_accuracy(model: "Model") -> None:
    """ModelError where a share of right contexts is stated that is none, or of what is not counted."""
    share = model.accuracy
    if share is None:
        return
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 < share <= 1:
        raise ModelError(f"{model.name}: accuracy is {share!r}, but should be a number above 0, and 1 at most")
    if model.rule is None or model.answers != "last" or not model.names:
        what = "a model with a rule that answers with names after the last position"
        raise ModelError(f"{model.name}: accuracy is stated, but should be of {what}")


def checked_names(model: object, what: str, given: object) -> tuple[str, ...]:
    """Tokens or outputs of a model of that name; ModelError where they are none."""
    if not isinstance(given, Sequence):
        raise ModelError(f"{model}: {what} is {given!r}, but should be a sequence of tokens")
    names, seen = tuple(given), set()
    for name in names:
        if not (isinstance(name, str) and name):
            raise ModelError(f"{model}: {name!r} in {what} should be a string that is not empty")
        if LONE_SURROGATE.search(name):
            raise ModelError(f"{model}: {name!r} in {what} should be text, which no lone surrogate is")
        if name in seen:
            raise ModelError(f"{model}: token {name!r} is in {what} twice, but should be there once")
        seen.add(name)
    return names
