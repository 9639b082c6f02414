"""Rules and predictors: the one place that calls them on a context, and says whether what they answer is an answer."""

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from copy import copy
from dataclasses import dataclass
from math import isfinite
from typing import Any

from zoo.errors import RuleError, listed, shown
from zoo.rule.origin import where_raised

Function = Callable[..., Any]  # a rule or a predictor
SHOULD = "but should depend on nothing but its context"


@dataclass(frozen=True)
class Words:
    """How a RuleError says that a function raises, answers what is no set or token, or names what is no token.

    In braces may stand name, context, error, text, where, answer, token, right and vocab.
    """

    raises: str
    shape: str
    token: str


RULE = Words(
    "{name}({context}) raises {error}: {text}, but should answer every context{where}",
    "{name}({context}) is {answer}, but should be {right}",
    "{name}({context}) permits {token}, but should permit some of {vocab}",
)
PREDICTOR = Words(RULE.raises, *["{name}({context}) is {answer}, but should be one of {vocab}"] * 2)
LAZY = Words(  # where the context that was asked about may be any of many
    "{name} raises {error} ({text}) on {context}, but should answer every context",
    "{name} answers {answer}, but should answer {right}",
    "{name} answers {token}, but should answer tokens out of {vocab}",
)
TRAINING = Words(
    "the rule raises {error} after {context}: {text}",
    *["the rule says {answer} after {context}, but should give a set of tokens out of {vocab}"] * 2,
)
TIMING = Words(
    "after {plain} it raises {error}, but should permit answers",
    *["after {plain} it says {answer}, but should permit some of {vocab}"] * 2,
)
RIGHT = {"rule": "a set of tokens", "predictor": "a token", "": "a token or a set of tokens"}
Permitted = frozenset[Any]  # of names; or of one number, where those are what is answered


class Asked:
    """A rule (answers sets of names), a predictor (answers a name) or, where `kind` is "", either, with checks.

    An answer is what is permitted, as plain strings: what a class of its own says of itself does not get further. Names
    are the tokens of a vocabulary or other outputs; where there are none, a number is answered, or by a rule None. One
    that is asked `at` a position gets that too, and a rule may say None where nothing is asked.
    """

    def __init__(self, function: Function, vocab: Sequence[str], kind: str = "", words: Words = RULE) -> None:
        self.function, self.vocab, self.kind, self.words = function, vocab, kind, words
        self.known = frozenset(map(plain, vocab))
        self.where: tuple[int, ...] = ()

    def __call__(self, context: Any) -> Permitted:
        """RuleError where the function raises or does not answer with names that there are."""
        try:
            return self.raw(context)
        except NoAnswerError as error:
            raise RuleError(self._say(error.words, context, answer=error.answer, token=error.token)) from None
        except (Exception, SystemExit) as error:
            more = {"error": type(error).__name__, "text": shown(error, str), "where": where_raised(error)}
            raise RuleError(self._say(self.words.raises, context, **more)) from error

    def of(self, function: Function) -> "Asked":
        """Another function, in place of this one."""
        return Asked(function, self.vocab, self.kind, self.words).at(*self.where)

    def at(self, *where: int) -> "Asked":
        """The same about that position of its contexts."""
        other = copy(self)
        other.where = where
        return other

    def raw(self, context: Any) -> Permitted:
        """The same with whatever is raised on the way."""
        answer = self.function(context, *self.where) if self.where else self.function(context)
        if type(answer) is set and self.kind != "predictor" and _all_plain(answer) and answer <= self.known:
            return frozenset(answer)
        if type(answer) is str and self.kind != "rule" and answer in self.known:
            return frozenset((answer,))
        if answer is None and self.kind != "predictor" and (self.where or not self.known):
            return frozenset()
        if not self.known:
            return self._number(answer)
        if isinstance(answer, AbstractSet) and self.kind != "predictor":
            answers = list(answer)
        elif isinstance(answer, str) and self.kind != "rule":
            answers = [answer]
        else:
            raise NoAnswerError(self.words.shape, answer)
        tokens = frozenset(plain(token) for token in answers if isinstance(token, str))
        strange = [shown(token) for token in answers if not isinstance(token, str)]
        if strange or not tokens <= self.known:
            raise NoAnswerError(self.words.token, answer, min([*strange, *map(shown, tokens - self.known)]))
        return tokens

    def _number(self, answer: object) -> frozenset[float]:
        if (number := finite(answer)) is None:
            raise NoAnswerError(self.words.shape, answer)
        return frozenset((number,))

    def _say(self, words: str, context: Any, **more: str) -> str:
        number = "a finite number that float64 has" + " or None" * (self.kind != "predictor")
        right = RIGHT[self.kind] if self.known else number
        at = "".join(f", {position}" for position in self.where)
        said = {"context": shown(context) + at, "plain": shown(context, str) + at, "right": right}
        return words.format(name=name_of(self.function), vocab=listed(self.vocab), **said, **more)


class NoAnswerError(Exception):
    """What was answered is no answer: how to say so, and what it was."""

    def __init__(self, words: str, answer: object, token: str = "") -> None:
        super().__init__(token)
        self.words, self.answer, self.token = words, shown(answer), token


def finite(value: Any) -> float | None:
    """A finite number, of whatever type, as a float; None for anything else: a truth value, a text, a complex number.

    What no float is, as 2^53 + 1, is none either: what is compared with a model's number would be another one.
    """
    try:
        kind = getattr(value.dtype, "kind", "f") if hasattr(type(value), "dtype") else "f"
        if isinstance(value, bool) or kind not in "iuf" or not hasattr(type(value), "__float__"):
            return None
        number = float(value)
        return number if isfinite(number) and bool(value == number) else None
    except Exception:  # of a stranger's class, or too large
        return None


def plain(token: Any) -> str:
    """A token as an exact `str`."""
    text = token if issubclass(type(token), str) else str(token)
    return str.__str__(text)


def _all_plain(tokens: Iterable[Any]) -> bool:
    for token in tokens:  # noqa: SIM110  # two to three times as quick, and it is asked three times a leaf
        if type(token) is not str:
            return False
    return True


def name_of(function: Function) -> str:
    """What to call a function in a sentence."""
    name = getattr(function, "__name__", None)
    return name if isinstance(name, str) else shown(function)
