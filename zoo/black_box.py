"""A black box: a predictor of which only the function is known, and what is said of its answers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from random import Random
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn

from zoo.contexts import written
from zoo.domain import Domain
from zoo.errors import ModelError, listed, printable, shown
from zoo.limit import TooLongError, limited
from zoo.model import Claim, Context, Deviation, Lemma, Model, Predictor, Rule
from zoo.rule import PREDICTOR, RULE, Asked, plain
from zoo.rule.numbers import NUMBER, Number, Numbers, near, number_text, whole_text
from zoo.transformer import Transformer

if TYPE_CHECKING:
    from zoo.held_arrays import Held

TRIES = 20_000  # contexts that are looked at, where there are too many for all
SECONDS = 10.0  # what one answer may take, where no other limit is stated
Generate = Callable[[Random], Context]


class Said(NamedTuple):
    """What a black box says in a context, as text; or the problem, where that is no answer."""

    answer: str
    problem: str = ""
    late: bool = False


class NoWeights(Transformer):
    """In place of the weights that a black box has not: whoever looks at them gets a ModelError."""

    def __init__(self, name: str) -> None:
        vars(self).update(of=name)

    def __repr__(self) -> str:
        return "<no weights>"

    def __getattr__(self, attribute: str) -> NoReturn:
        if attribute.startswith("__"):  # what Python looks for, and may not find
            raise AttributeError(attribute)
        name = vars(self).get("of", "a model")
        raise ModelError(
            f"{name} is a black box, but should have weights to look at for this: only its answers are known"
        )


@dataclass(frozen=True, eq=False, init=False, repr=False)
class BlackBox(Model):
    """A function that answers contexts, with the claims that can be made of answers alone.

    `predict(context)` is the function, and is asked within the domain only: it answers one of `outputs`, of the
    vocabulary where that is None, or where it is NUMBER a number, which may be `within` so much of the right one; where
    `within` is None it is a whole number, and exact. An answer may take `seconds`; one that takes longer, like an
    exception or an answer that is none, is a wrong one. `generate(random)` gives a context of the domain that is likely
    to be wrong, from a `random.Random`. `inside` is what the function runs, if anything: the arrays in it are counted.
    `metadata` is what its author says of it, and is shown as that.

    Everything else is a Model's. What asks for weights gets a ModelError.
    """

    transformer: Transformer = field(init=False, repr=False)
    cycle: None = field(init=False, default=None)
    margin: None = field(init=False, default=None)
    basis: None = field(init=False, default=None)
    head_basis: None = field(init=False, default=None)
    answers: Literal["last"] = field(init=False, default="last")
    accuracy: None = field(init=False, default=None)
    _: KW_ONLY
    n_ctx: int
    predict: "Answers"
    generate: Generate | None
    seconds: float
    inside: object
    metadata: Mapping[str, object]

    def __init__(
        self,
        name: str,
        vocab: Sequence[str],
        n_ctx: int,
        predict: Callable[[Any], Any],
        rule: Callable[[Any], Any] | None = None,
        predictors: Sequence[Callable[[Any], Any]] = (),
        source: str = "",
        claims: Sequence[Claim] = (),
        deviations: Sequence[Deviation] = (),
        domain: Domain | None = None,
        lemmas: Sequence[Lemma] = (),
        generate: Generate | None = None,
        outputs: Sequence[str] | Number | None = None,
        within: float | None = None,
        seconds: float = SECONDS,
        inside: object = None,
        metadata: Mapping[str, object] | None = None,
    ) -> None:
        function = predict.function if isinstance(predict, Answers) else predict  # `replace` hands on what it finds
        own = {"n_ctx": n_ctx, "predict": Answers(self, function), "generate": generate}
        own |= {"seconds": seconds, "inside": inside, "metadata": metadata or {}}
        vars(self).update(own)
        stated: dict[str, Any] = {"source": source, "claims": claims, "deviations": deviations, "lemmas": lemmas}
        stated |= {"outputs": tuple(outputs) if isinstance(outputs, Sequence) else outputs, "within": within}
        super().__init__(name, vocab, NoWeights(name), rule, predictors, domain=domain, **stated)

    def _check_weights(self, vocab: tuple[str, ...]) -> None:
        """In place of the weights, all that a black box states and a Model does not."""
        name = self.name
        if type(self.n_ctx) is not int or self.n_ctx < 1:
            raise ModelError(f"{name}: n_ctx is {shown(self.n_ctx)}, but should be a whole number from 1 on")
        for what, function in (("predict", self.predict.function), ("generate", self.generate)):
            if not callable(function) and (what == "predict" or function is not None):
                raise ModelError(f"{name}: {what} is {shown(function)}, but should be a function")
        if not (self.outputs is None or self.outputs is NUMBER or _are_names(self.outputs)):
            raise ModelError(f"{name}: outputs is {shown(self.outputs)}, but should be names, each once, or NUMBER")
        if self.within is not None and not (self.outputs is NUMBER and _is_positive(self.within)):
            right = "a number above 0, and stated of a NUMBER"
            raise ModelError(f"{name}: within is {shown(self.within)}, but should be {right}")
        if not _is_positive(self.seconds):
            raise ModelError(f"{name}: seconds is {shown(self.seconds)}, but should be a number above 0")
        if not isinstance(self.metadata, Mapping):
            raise ModelError(f"{name}: metadata is {shown(self.metadata)}, but should be a dict")

    @cached_property
    def parameters(self) -> "Held | None":
        """The arrays that are found in what it runs; None where there are none."""
        from zoo.held_arrays import held  # what few ask for is imported where it is asked: the start-up stays quick

        return held(self.inside)

    @property
    def words(self) -> dict[str, str]:
        """What its author says of it, as text."""
        return {printable(shown(key, str)): printable(shown(value, str)) for key, value in self.metadata.items()}

    def says(self, context: Context, anyway: bool = False) -> tuple[str | float, ...]:
        """As of a Model: the one answer."""
        return (self.predict(context, anyway),)

    def must_complete(self, to: str) -> None:
        """What a Model is refused for goes by its weights first: ModelError, as there are none."""
        self.transformer.layers  # noqa: B018  # refuses

    def complete(self, context: Context, n: int, anyway: bool = False) -> str:
        """As of a Model; ModelError where what it answers is no token."""
        if self.outputs is not None:
            raise ModelError(f"{self.name} answers what is no token, but should answer tokens for them to be fed back")
        return super().complete(context, n, anyway)

    def asked(self, function: Rule | Predictor, kind: str) -> Asked:
        """A rule or a predictor of it as it is asked, with checks that what it says is an answer."""
        if self.outputs is NUMBER:
            return Numbers(function, kind)
        return Asked(function, self.names, kind, RULE if kind == "rule" else PREDICTOR)

    def judges(self, permitted: frozenset[str]) -> bool:
        """Whether something is permitted, and not everything."""
        return bool(permitted) and (self.outputs is NUMBER or len(permitted) < len(self.names))

    def right(self, said: Said, permitted: frozenset[str]) -> bool:
        if said.problem or self.outputs is not NUMBER:
            return not said.problem and said.answer in permitted
        return near(said.answer, permitted, self.within)


class Answers:
    """The function of a black box as it is asked: the one place that calls it, in the time that it may take."""

    def __init__(self, box: BlackBox, function: Callable[[Any], Any]) -> None:
        self.box, self.function = box, function
        self.__name__ = "predict"

    def __call__(self, context: Context, anyway: bool = False) -> Any:
        """The answer: a name, or a number. ModelError where there is none, ContextError as of `Model.predict`."""
        box = self.box
        said = self.say(box.decode(box.encode(context, anyway)))
        if said.problem:
            raise ModelError(f"{box.name}: after {written(context)} it {said.problem}, but should answer every context")
        if box.outputs is not NUMBER:
            return said.answer
        return _number(said.answer)

    def say(self, context: Context) -> Said:
        """The same of a context that is known to be one, as text, with the problem where there is none."""
        box, function = self.box, self.function
        try:
            answer = limited(box.seconds, lambda: function(context))
        except TooLongError:
            return Said("", f"gives no answer within {box.seconds:g} seconds", True)
        except (Exception, SystemExit) as error:
            return Said("", f"raises {type(error).__name__}: {shown(error, str)}".removesuffix(": "))
        if box.outputs is NUMBER:
            text = whole_text(answer) if box.within is None else number_text(answer)
            right = "a whole number" if box.within is None else "a number"
        else:
            text = plain(answer) if isinstance(answer, str) and answer in box.names else None
            right = f"one of {listed(box.names)}"
        return Said("", f"says {shown(answer)}, which should be {right}") if text is None else Said(text)


def _number(text: str) -> int | float:
    """The number that a text was written of."""
    try:
        return int(text)
    except ValueError:
        return float(text)


def _are_names(outputs: object) -> bool:
    """Whether it is a tuple of texts that are not empty, each there once."""
    if not (isinstance(outputs, tuple) and outputs and all(isinstance(one, str) and one for one in outputs)):
        return False
    return len(set(outputs)) == len(outputs)


def _is_positive(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < float("inf")
