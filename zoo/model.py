"""A model: a transformer with its vocabulary, and everything that is said of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import DTypeLike

from zoo import contexts
from zoo.basis import Basis
from zoo.claims import Claim as Claim
from zoo.claims import Cycle as Cycle
from zoo.claims import Deviation as Deviation
from zoo.claims import Lemma as Lemma
from zoo.claims import Predictor as Predictor
from zoo.claims import Rule as Rule
from zoo.claims import check_accuracy, checked_names
from zoo.contexts import Context as Context
from zoo.contexts import written
from zoo.domain import Domain
from zoo.errors import ContextError, ModelError, listed
from zoo.rule import plain
from zoo.rule.numbers import NUMBER as NUMBER
from zoo.rule.numbers import Number
from zoo.transformer import Transformer, forward
from zoo.transformer.arrays import Array


@dataclass(frozen=True, eq=False, repr=False)
class Model:
    """Weights with a name and a vocabulary, and the claims that come with them.

    Greedy decoding: the answer is the first largest logit of the last position. A context longer than n_ctx is cut to
    its last n_ctx tokens. `domain` are the contexts of which something is said, None every one: rule and predictors are
    asked within, and a context outside is refused. With `answers="every"` each position has an answer, and rule and
    predictors are functions of a context and a position of it, from 0 on. `outputs` names the rows of the unembedding,
    None as the vocabulary; of NUMBER there is one row, and its value may be off by less than `within`. `margin` states
    that what is permitted wins over what is not by at least so much in every context; `accuracy`, in place of its being
    right everywhere, that it is in so much of what the rule judges; `lemmas` are computed with the
    checks; `basis` and `head_basis` name the directions of the residual stream and of the heads, for `zoo show`: of
    all alike, or a basis for each, the first layer's first.
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
    head_basis: Basis | Sequence[Basis | None] | None = None
    domain: Domain | None = None
    lemmas: Sequence[Lemma] = ()
    answers: Literal["last", "every"] = "last"
    outputs: Sequence[str] | Number | None = None
    within: float | None = None
    accuracy: float | None = None

    def __post_init__(self) -> None:
        if not (isinstance(self.name, str) and self.name and self.name.isprintable()):  # it gets into printed programs
            raise ModelError(f"the model's name is {self.name!r}, but should be printable and not empty")
        vocab = checked_names(self.name, "the vocabulary", self.vocab)
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
        if self.margin is not None and not (isinstance(self.margin, int | float) and 0 <= self.margin < 2**1024):
            raise ModelError(f"{self.name}: margin is {self.margin!r}, but should be a number from 0 on")
        check_accuracy(self)
        self._check_domain(vocab)
        self._check_bases()
        for function in (self.rule, *self.predictors, *(d.meant for d in self.deviations)):
            if function is not None and not callable(function):
                raise ModelError(f"{self.name}: {function!r} should be a function of a context")
        object.__setattr__(self, "vocab", tuple(map(plain, vocab)))
        if isinstance(self.outputs, Sequence):
            object.__setattr__(self, "outputs", tuple(map(plain, self.outputs)))

    def __repr__(self) -> str:
        from zoo.inspection.card import line  # which is of models

        return line(self)

    def _repr_html_(self) -> str:
        """For a notebook: sizes, what checks have found, and a map of its answers."""
        from zoo.inspection.card import html

        return html(self)

    def _check_weights(self, vocab: tuple[str, ...]) -> None:
        if not isinstance(self.transformer, Transformer):
            raise ModelError(f"transformer is a {type(self.transformer).__name__}, but should be a Transformer")
        rows = self.transformer.token_embedding.shape[0]
        if len(vocab) != rows:
            raise ModelError(f"{self.name}: the vocabulary has {len(vocab)} tokens, but should have {rows}, one a row")
        self._check_outputs()

    def _check_bases(self) -> None:
        if self.head_basis is None or isinstance(self.head_basis, Basis):
            return
        heads = sum(self.transformer.layers[i].sizes["head"] for i in self.transformer.attentions)
        if not (isinstance(self.head_basis, Sequence) and len(self.head_basis) == heads):
            raise ModelError(f"{self.name}: head_basis should be a Basis, or one for each of {heads} heads")

    def _check_outputs(self) -> None:
        if self.answers not in ("last", "every"):
            raise ModelError(f"{self.name}: answers is {self.answers!r}, but should be 'last' or 'every'")
        rows, number = len(self.transformer.readout), self.outputs is NUMBER
        if self.outputs is None or number:
            needed = 1 if number else len(self.vocab)
        else:
            needed = len(checked_names(self.name, "outputs", self.outputs))
        if rows != needed:
            raise ModelError(
                f"{self.name}: the unembedding has {rows} rows, but should have {needed}, one "
                + ("for a number" if number else "a token" if self.outputs is None else "an output")
            )
        if self.cycle is not None and not self.completes:
            raise ModelError(f"{self.name}: a cycle is stated, but should not be of what does not complete its context")
        given = isinstance(self.within, int | float) and not isinstance(self.within, bool)
        stated = given and 0 < self.within <= float(np.finfo(np.float64).max)  # type: ignore[operator]
        if number != stated or (self.within is not None and not number):
            should = "a number above 0, as the answer is one" if number else "None, as the answer is no number"
            raise ModelError(f"{self.name}: within is {self.within!r}, but should be {should}")

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
    def names(self) -> tuple[str, ...]:
        """What it answers with, one a row of the logits: the outputs, or the vocabulary. None where that is NUMBER."""
        return tuple(self.vocab if self.outputs is None else () if self.outputs is NUMBER else self.outputs)

    @property
    def rows(self) -> tuple[str, ...]:
        """What to call the rows of its logits."""
        return self.names or ("the number",)

    @property
    def completes(self) -> bool:
        """Whether its answers are what comes next: tokens, after the last position."""
        return self.answers == "last" and self.outputs is None

    def must_complete(self, to: str) -> None:
        """ModelError unless it `completes`, which it should `to` be exported, say."""
        if not self.completes:
            what = "numbers" if self.outputs is NUMBER else "tokens" if self.outputs is None else "other names"
            where = "at every position" if self.answers == "every" else "after the last position"
            raise ModelError(
                f"{self.name} answers {where} with {what}, but should after the last one with tokens to {to}"
            )

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
        """Logits for a batch: int [batch, seq] -> float [batch, seq, output]; only the last row: [batch, 1, output]."""
        return forward(self.transformer, tokens, last=last)

    @property
    def weights_decide(self) -> bool:
        """Whether it computes by its weights: of a subclass with a forward pass of its own nothing can be proved."""
        return type(self).forward is Model.forward

    def logits(self, context: Context, anyway: bool = False) -> Array:
        """Logits of every position of the context, cut to its last n_ctx tokens: [seq, output]."""
        rows: Array = self.forward(self.encode(context, anyway)[None])[0]
        return rows

    def predict(self, context: Context, anyway: bool = False) -> str:
        """The greedy next token, or output; with `anyway`, also outside the domain. The last position's, of several."""
        answer = self.says(context, anyway)[-1]
        if not isinstance(answer, str):
            raise ModelError(f"{self.name} answers with numbers, which `says` gives, but should with names to predict")
        return answer

    def says(self, context: Context, anyway: bool = False) -> tuple[str | float, ...]:
        """What it answers: a name or a number, where `answers` is "every" one at each position, else one."""
        tokens, last = self.encode(context, anyway), self.answers == "last"
        logits = forward(self.transformer, tokens[None], last=last, checked=True)[0]
        if np.isnan(logits).any():
            raise ModelError(f"{self.name}: the logits after {written(context)} are {logits}, but should be numbers")
        if self.outputs is NUMBER:
            return tuple(map(float, logits[:, 0]))
        return tuple(self.names[best] for best in logits.argmax(axis=-1))

    def complete(self, context: Context, n: int, anyway: bool = False) -> str:
        """The next n tokens by greedy generation, without the context; with spaces where tokens are not characters.

        Each is fed back, and the last n_ctx tokens are the next context: ContextError where that leaves the domain.
        """
        if not self.completes:
            self.must_complete("complete a context")
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
            numbers = list(map(known.__getitem__, context))
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

    def decode_rows(self, tokens: Array) -> list[Context]:
        """The contexts that rows of numbers stand for, int [batch, seq]."""
        return contexts.decoded_rows(tokens, self.vocab, self.reads_strings)

    def contexts(self) -> Iterator[Context]:
        """Every context of the domain, shortest first."""
        for batch in self.scope.batches(self.vocab):
            yield from self.decode_rows(batch)

    def answer_logits(self) -> Array:
        """The last row of logits for every context, in the order of `contexts()`: [contexts, output]."""
        return np.concatenate([self.forward(batch, last=True)[:, -1] for batch in self.scope.batches(self.vocab)])

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {token: i for i, token in enumerate(self.vocab)}

    def _form(self) -> str:
        tokens = listed(self.vocab)
        return f"a string of {tokens}" if self.reads_strings else f"a sequence of tokens out of {tokens}"
