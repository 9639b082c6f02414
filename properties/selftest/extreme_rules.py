"""Rules of what a program says, executed: what is right of a model whose numbers are extreme."""

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from zoo import Domain, ModelError, Transformer, forward
from zoo.transformer.arrays import Array

Function = Callable[[Any], Any]


def less(a: float, b: float) -> float:
    """a - b, or the largest float below it: by fractions, and by none of the code that is tested."""
    if not (np.isfinite(a) and np.isfinite(b)):
        return a - b
    exact = Fraction(a) - Fraction(b)
    nearest = max(min(a - b, sys.float_info.max), -sys.float_info.max)
    return nearest if Fraction(nearest) <= exact else float(np.nextafter(nearest, -np.inf))


@dataclass(frozen=True, eq=False)
class Executed:
    """What a transformer says in every context of a domain, None being all of them.

    Each is run by itself, as what has no bound is, and in batches.
    """

    transformer: Transformer
    domain: Domain | None = None

    @property
    def vocab(self) -> str:
        return "abcdef"[: len(self.transformer.token_embedding)]

    @cached_property
    def logits(self) -> dict[str, Array]:
        """By context, shortest first."""
        every = ("".join(w) for n in range(1, self.transformer.n_ctx + 1) for w in product(self.vocab, repeat=n))
        return {words: self.after(words) for words in every if self.domain is None or words in self.domain}

    @np.errstate(all="ignore")
    def after(self, context: str) -> Array:
        """The logits after one context: [vocab]"""
        tokens = np.array([[self.vocab.index(token) for token in context]])
        row: Array = forward(self.transformer, tokens, last=True)[0, -1]
        return row

    @cached_property
    def batched(self) -> "Executed":
        """The same with all contexts of a length in one batch: the last digits may differ."""
        other, words = Executed(self.transformer, self.domain), list(self.logits)
        found: dict[str, Array] = {}
        with np.errstate(all="ignore"):
            for n in sorted(set(map(len, words))):
                some = [context for context in words if len(context) == n]
                tokens = np.array([[self.vocab.index(token) for token in context] for context in some])
                found.update(zip(some, forward(self.transformer, tokens, last=True)[:, -1]))
        other.__dict__["logits"] = found
        return other

    @cached_property
    def wider(self) -> "Executed":
        """The same in a type with more exponents: where they differ, something overflows or underflows."""
        other = Executed(self.transformer.astype(np.float64), self.domain)
        for _, part in other.transformer.parts() if self.transformer.dtype == np.float64 else ():
            for name, array in part.arrays():  # a new part would not take them
                object.__setattr__(part, name, array.astype(np.longdouble))
        return other

    @cached_property
    def nan(self) -> bool:
        """Whether some logit is no number."""
        return any(np.isnan(row).any() for row in self.logits.values())

    def answer(self, context: str) -> str:
        """The first largest logit; "" where some logit is no number: that is no answer."""
        row = self.logits[context]
        return "" if np.isnan(row).any() else self.vocab[int(row.argmax())]

    def margin(self, context: str, permitted: frozenset[str] | set[str]) -> float:
        """Best permitted - best forbidden logit: the largest float that is no more."""
        row = self.logits[context]
        right = np.array([token in permitted for token in self.vocab])
        return less(float(row[right].max(initial=-np.inf)), float(row[~right].max(initial=-np.inf)))

    @np.errstate(all="ignore")
    def closest(self) -> tuple[str, str]:
        """The context in which the second best token comes closest to the best, for their size, and that token."""
        found = []
        for context, row in self.logits.items():
            second, best = np.argsort(row.astype(np.float64), kind="stable")[-2:].tolist()
            found.append(((row[best] - row[second]) / np.abs(row).max(), context, self.vocab[second]))
        return min(found, key=lambda one: (one[0] != one[0], *one))[1:]

    def judged(self, rule: Function) -> dict[str, frozenset[str]]:
        """What is permitted in each context in which something is and not everything."""
        every = {context: frozenset(rule(context)) for context in self.logits}
        return {context: permitted for context, permitted in every.items() if 0 < len(permitted) < len(self.vocab)}

    def wrong(self, rule: Function) -> list[str]:
        """The judged contexts in which no permitted token beats all others. NaN does not."""
        return [context for context, right in self.judged(rule).items() if not self.margin(context, right) > 0]


def spoken_of(transformer: Transformer, seed: int) -> Executed:
    """In half of all cases in a domain: prefixes of a layout that is drawn, or of two."""
    rng, vocab = np.random.default_rng([seed, 1]), Executed(transformer).vocab
    if rng.random() < 0.5:
        return Executed(transformer)
    domain = _layout(rng, vocab, transformer.n_ctx)
    if rng.random() < 0.5:
        with suppress(ModelError):  # they overlap
            domain |= _layout(rng, vocab, transformer.n_ctx)
    return Executed(transformer, domain)


def _layout(rng: np.random.Generator, vocab: str, n_ctx: int) -> Domain:
    length, wide = int(rng.integers(1, n_ctx + 1)), rng.choice([0.3, 0.7, 1.0])
    letters = "defghijk"[:length]
    let = {letter: {token for token in vocab if rng.random() < wide} or {rng.choice(list(vocab))} for letter in letters}
    return Domain.layout(letters, int(rng.integers(1, length + 1)), **let)


def rule_for(executed: Executed, seed: int) -> Function:
    """One of a few plain rules, or a table of what was read: what the model says there, or would in a wider type.

    In some tables a few entries are wrong, or the one of a context that is close to a tie; in some, several tokens are
    permitted here and there, or none. Of contexts outside the domain no table knows.
    """
    rng, vocab = np.random.default_rng(seed), executed.vocab
    plain = [_says_last, _says_first, _says(vocab[rng.integers(len(vocab))]), _says_most][: 4 if len(vocab) > 1 else 3]
    if rng.random() < 0.25:
        return plain[rng.integers(len(plain))]
    n_ctx = executed.transformer.n_ctx
    reads, end = n_ctx if rng.random() < 0.5 else int(rng.integers(n_ctx + 1)), bool(rng.integers(2))
    votes: dict[tuple[int, str], Counter[str]] = {}
    asked = executed.wider if rng.random() < 0.5 else executed
    for context in executed.logits:
        answer = asked.answer(context) or vocab[rng.integers(len(vocab))]
        votes.setdefault(_read(context, reads, end), Counter())[answer] += 1
    own, planted = rng.random() < 0.85, rng.choice([0.0, 0.0, 0.1, 0.5])
    table = {}
    for key, vote in votes.items():
        token = vote.most_common(1)[0][0] if own else vocab[rng.integers(len(vocab))]
        table[key] = frozenset([vocab[rng.integers(len(vocab))] if rng.random() < planted else token])

    if rng.random() < 0.2 and len(vocab) > 1:  # wrong where it is closest
        closest, second = executed.closest()
        table[_read(closest, reads, end)] = frozenset([second])

    for key in table if rng.random() < 0.5 else ():
        if rng.random() < 0.5:  # nothing, or perhaps one more
            table[key] = frozenset() if rng.random() < 0.3 else table[key] | {vocab[rng.integers(len(vocab))]}

    def by_table(context: Any) -> frozenset[str]:
        return table[_read(context, reads, end)]

    return by_table


def _read(context: Any, most: int, end: bool) -> tuple[int, str]:
    """The length, and so many tokens from the end or from the beginning: what a table knows of a context."""
    n = len(context)
    seen = range(max(0, n - most), n) if end else range(min(most, n))
    return n, "".join([str(context[i]) for i in seen])


def _says_last(context: Any) -> set[str]:
    return {context[-1]}


def _says_first(context: Any) -> set[str]:
    return {context[0]}


def _says_most(context: Any) -> set[str]:
    """Whether more than half are an a; what else there is does not matter."""
    return {"a"} if 2 * sum(1 for token in context if token == "a") > len(context) else {"b"}


def _says(token: str) -> Function:
    def always(context: Any) -> set[str]:
        return {token}

    return always
