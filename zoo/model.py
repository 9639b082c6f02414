"""A model: a transformer with its vocabulary, and everything that is said of it."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from zoo import contexts
from zoo.basis import Basis
from zoo.contexts import Context as Context
from zoo.contexts import written
from zoo.domain import Domain
from zoo.errors import ContextError, ModelError, listed, shown
from zoo.rule import plain
from zoo.transformer import Transformer, forward
from zoo.transformer.arrays import Array

Rule = Callable[[Any], AbstractSet[str]]
Predictor = Callable[[Any], str]


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
        if self.within and isinstance(found, float) and isinstance(self.claimed, float):
            return abs(found - self.claimed) <= self.within
        return bool(np.array_equal(np.asarray(found, dtype=object), np.asarray(self.claimed, dtype=object)))

    def recomputed(self, model: "Model") -> object:
        """The figure as it comes out; ModelError where it cannot be computed."""
        try:
            return self.recompute(model)
        except (Exception, SystemExit) as error:
            raise ModelError(
                f"the claim {self.text!r} raises {type(error).__name__}: {shown(error, str)}, but should give a figure"
            ) from error


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


def _is_str(token: object) -> bool:
    return isinstance(token, str)


@dataclass(frozen=True)
class Cycle:
    """From every context, greedy generation is on this repeating sequence after at most `within` tokens."""

    tokens: Context
    within: int


@dataclass(frozen=True)
class Lemma:
    """A part of an argument for what a model is said to do, and what computes whether it is so."""

    text: str
    check: Callable[["Model"], bool]

    def __post_init__(self) -> None:
        if not (isinstance(self.text, str) and self.text and self.text.isprintable() and callable(self.check)):
            raise ModelError(f"a lemma is {self.text!r} by {self.check!r}, but should be a sentence and a function")

    def holds(self, model: "Model") -> bool:
        """ModelError where it cannot be computed, or comes out as no bool."""
        try:
            found = self.check(model)
        except (Exception, SystemExit) as error:
            raised = f"{type(error).__name__}: {shown(error, str)}"
            raise ModelError(f"the lemma {self.text!r} raises {raised}, but should be true or false") from error
        if not isinstance(found, bool | np.bool_):
            raise ModelError(f"the lemma {self.text!r} comes out as {shown(found)}, but should be true or false")
        return bool(found)


@dataclass(frozen=True, eq=False)
class Model:
    """Weights with a name and a vocabulary, and the claims that come with them.

    Greedy decoding: the answer is the first largest logit of the last position. A context longer than n_ctx is cut to
    its last n_ctx tokens. `domain` are the contexts of which something is said, None every one: rule and predictors are
    asked within, and a context outside is refused. `margin` states that what is permitted wins over what is not by at
    least so much in every context; `lemmas` are computed with the checks; `basis` and `head_basis` name the directions
    of the residual stream and of the heads, for `zoo show`.
    """

    name: str
    vocab: Sequence[str]
    transformer: Transformer
    rule: Rule | None = None
    predictors: Sequence[Predictor] = ()
    source: str = ""
    claims: Sequence[Claim] = ()
    deviations: Sequence[Deviation] = ()
    cycle: Cycle | None = None
    margin: float | None = None
    basis: Basis | None = None
    head_basis: Basis | None = None
    domain: Domain | None = None
    lemmas: Sequence[Lemma] = ()

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name and self.name.isprintable()):  # it gets into printed programs
            raise ModelError(f"the model's name is {self.name!r}, but should be printable and not empty")
        if not isinstance(self.vocab, Sequence):
            raise ModelError(f"{self.name}: the vocabulary is {self.vocab!r}, but should be a sequence of tokens")
        vocab = tuple(self.vocab)
        seen = set()
        for token in vocab:
            if not (isinstance(token, str) and token):
                raise ModelError(f"{self.name}: {token!r} in the vocabulary should be a string that is not empty")
            if any("\ud800" <= character <= "\udfff" for character in token):
                raise ModelError(f"{self.name}: {token!r} in the vocabulary should be text, which no lone surrogate is")
            if token in seen:
                raise ModelError(f"{self.name}: token {token!r} is in the vocabulary twice, but should be there once")
            seen.add(token)
        self._check_weights(vocab)
        fits: dict[str, Callable[[object], bool]] = {
            "predictors": callable,
            "claims": lambda value: isinstance(value, Claim),
            "deviations": lambda value: isinstance(value, Deviation),
            "lemmas": lambda value: isinstance(value, Lemma),
        }
        for field, is_one in fits.items():
            values = getattr(self, field)
            if not isinstance(values, Sequence) or not all(map(is_one, values)):
                raise ModelError(f"{self.name}: {field} is {values!r}, but should be a list of {field}")
            object.__setattr__(self, field, tuple(values))
        if self.cycle is not None and not (isinstance(self.cycle, Cycle) and self.cycle.tokens):
            raise ModelError(f"{self.name}: cycle is {self.cycle!r}, but should be a Cycle of some tokens")
        if self.cycle is not None and (strange := [token for token in self.cycle.tokens if token not in vocab]):
            raise ModelError(
                f"{self.name}: the cycle has {strange[0]!r}, but should have tokens out of {listed(vocab)}"
            )
        if self.margin is not None and not (isinstance(self.margin, int | float) and 0 <= self.margin < np.inf):
            raise ModelError(f"{self.name}: margin is {self.margin!r}, but should be a number from 0 on")
        self._check_domain(vocab)
        for function in (self.rule, *self.predictors, *(d.meant for d in self.deviations)):
            if function is not None and not callable(function):
                raise ModelError(f"{self.name}: {function!r} should be a function of a context")
        object.__setattr__(self, "vocab", tuple(map(plain, vocab)))

    def _check_weights(self, vocab: tuple[str, ...]) -> None:
        if not isinstance(self.transformer, Transformer):
            raise ModelError(f"transformer is a {type(self.transformer).__name__}, but should be a Transformer")
        rows = self.transformer.token_embedding.shape[0]
        if len(vocab) != rows:
            raise ModelError(f"{self.name}: the vocabulary has {len(vocab)} tokens, but should have {rows}, one a row")

    def _check_domain(self, vocab: tuple[str, ...]) -> None:
        domain = self.domain
        if domain is None:
            return
        if not isinstance(domain, Domain):
            raise ModelError(f"{self.name}: domain is {domain!r}, but should be a Domain")
        if strange := sorted(domain.tokens - set(vocab)):
            raise ModelError(
                f"{self.name}: the domain has {strange[0]!r}, but should have tokens out of {listed(vocab)}"
            )
        if domain.lengths[-1] > self.n_ctx:
            longest = f"{self.n_ctx} tokens at most, the model's n_ctx"
            raise ModelError(
                f"{self.name}: the domain has contexts of {domain.lengths[-1]} tokens, but should have {longest}"
            )

    @cached_property
    def scope(self) -> Domain:
        """The domain; where none is stated, every context of 1 to n_ctx tokens."""
        return Domain.every(self.vocab, self.n_ctx) if self.domain is None else self.domain

    @cached_property
    def n_ctx(self) -> int:
        return self.transformer.n_ctx

    @cached_property
    def reads_strings(self) -> bool:
        """Whether contexts are strings: all tokens are single characters."""
        return contexts.reads_strings(self.vocab)

    def astype(self, dtype: DTypeLike) -> "Model":
        """The same model in another arithmetic. ModelError where a weight does not fit."""
        return replace(self, transformer=self.transformer.astype(dtype))

    def forward(self, tokens: Array, last: bool = False) -> Array:
        """Logits for a batch: int [batch, seq] -> float [batch, seq, vocab]; only the last row: [batch, 1, vocab]."""
        return forward(self.transformer, tokens, last=last)

    def logits(self, context: Context, anyway: bool = False) -> Array:
        """Logits of every position of the context, cut to its last n_ctx tokens: [seq, vocab]."""
        rows: Array = self.forward(self.encode(context, anyway)[None])[0]
        return rows

    def predict(self, context: Context, anyway: bool = False) -> str:
        """The greedy next token; with `anyway`, also outside the domain."""
        tokens = self.encode(context, anyway)
        logits = forward(self.transformer, tokens[None], last=True, checked=True)[0, -1]
        best = int(logits.argmax())  # a NaN, if there is one
        if logits[best] != logits[best]:
            raise ModelError(f"{self.name}: the logits after {written(context)} are {logits}, but should be numbers")
        return self.vocab[best]

    def complete(self, context: Context, n: int, anyway: bool = False) -> str:
        """The next n tokens by greedy generation, without the context; with spaces where tokens are not characters.

        Each is fed back, and the last n_ctx tokens are the next context: ContextError where that leaves the domain.
        """
        if not isinstance(n, int) or n < 0:
            raise ContextError(f"{n!r} tokens were asked for, but should be a whole number from 0 on")
        tokens = list(self.decode(self.encode(context, anyway)))
        start = len(tokens)
        while len(tokens) < start + n:
            last = tokens[-self.n_ctx :]
            tokens.append(self.predict("".join(last) if self.reads_strings else last, anyway))
        return ("" if self.reads_strings else " ").join(tokens[start:])

    def encode(self, context: Context, anyway: bool = False) -> Array:
        """The numbers of the last n_ctx tokens, int [seq].

        ContextError for an empty context or another token, and unless `anyway` for a context outside the domain.
        """
        if not isinstance(context, (str, list, tuple)):
            raise ContextError(f"the context is of type {type(context).__name__}, but should be {self._form()}")
        if not len(context):
            raise ContextError(f"the context is empty, but should be {self._form()}")
        if isinstance(context, str) and not self.reads_strings:
            raise ContextError(f"the context {context!r} is a string, but should be {self._form()}")
        known = self._numbers
        try:
            numbers = [known[token] for token in context]
        except (KeyError, TypeError):
            wrong = next(token for token in context if not isinstance(token, str) or token not in known)
            raise ContextError(f"token {wrong!r} is unknown, but should be one of {listed(self.vocab)}") from None
        if not anyway and self.domain is not None and context not in self.domain:
            some = self.domain.sample(np.random.default_rng(0), 1)[0]  # a string even if the model reads none
            like = written(self.decode(self.encode(tuple(some))))
            raise ContextError(
                f"the context {written(context)} is outside the domain of {self.name}, but should be one as {like} is"
            )
        return np.array(numbers[-self.n_ctx :])

    def decode(self, tokens: Array) -> Context:
        """The context that a row of numbers stands for: a string, or a tuple of tokens."""
        return contexts.decoded(tokens, self.vocab, self.reads_strings)

    def contexts(self) -> Iterator[Context]:
        """Every context of the domain, shortest first."""
        for batch in self.scope.batches(self.vocab):
            yield from map(self.decode, batch)

    def answer_logits(self) -> Array:
        """The last row of logits for every context, in the order of `contexts()`: [contexts, vocab]."""
        return np.concatenate([self.forward(batch, last=True)[:, -1] for batch in self.scope.batches(self.vocab)])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.vocab)}

    def _form(self) -> str:
        tokens = listed(self.vocab)
        return f"a string of {tokens}" if self.reads_strings else f"a sequence of tokens out of {tokens}"
