"""What a certificate says, decided by brute force: every context is run, and every answer asked for."""

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import product
from typing import Any

import numpy as np

from properties.proof.certificate import digest, source_digest
from properties.recheck import Rechecked, recheck
from properties.selftest.recheck.worst import many_digits, unit, worst
from zoo import Model, forward
from zoo.errors import CertificateError, MismatchError

Json = dict[str, Any]
Tokens = tuple[int, ...]


class Truth:
    """All that is so of a model and a function; the model is small."""

    def __init__(self, model: Model, function: Callable[[Any], Any]) -> None:
        self.model, self.function, self.t = model, function, model.transformer
        self.vocab = list(model.vocab)

    def contexts(self, n: int) -> Iterator[Tokens]:
        return product(range(len(self.vocab)), repeat=n)

    def said(self, tokens: Tokens) -> frozenset[str]:
        words = tuple(self.vocab[token] for token in tokens)
        said = self.function("".join(words) if self.model.reads_strings else words)
        return frozenset([said] if isinstance(said, str) else said)

    @cached_property
    def permitted(self) -> dict[Tokens, frozenset[str]]:
        every = (tokens for n in range(1, self.t.n_ctx + 1) for tokens in self.contexts(n))
        return {tokens: self.said(tokens) for tokens in every}

    @cached_property
    def margins(self) -> dict[tuple[Tokens, str], float]:
        """By how much an answer wins over all that is forbidden, whatever is rounded how; infinite with no rival."""
        found = {}
        for tokens, permitted in self.permitted.items():
            with many_digits():
                run = worst(self.t, tokens)
                for answer in permitted:
                    least = [float("inf")]
                    for rival in set(self.vocab) - permitted:
                        difference, units = run.difference(self.vocab.index(answer), self.vocab.index(rival))
                        least.append(float(difference) - units * float(unit(self.t.dtype)) * 0.999)
                    found[tokens, answer] = min(least)
        return found

    @cached_property
    def run(self) -> dict[Tokens, float]:
        """The margin of the program as it runs here; infinite where nothing is asked."""
        found = {}
        for tokens, permitted in self.permitted.items():
            logits = forward(self.t, np.array([tokens]), last=True)[0, -1].astype(np.float64)
            right = np.array([token in permitted for token in self.vocab])
            found[tokens] = float(logits[right].max() - logits[~right].max()) if 0 < sum(right) < len(right) else np.inf
        return found

    def why_not(self, made: Json) -> str:
        """What is false in a certificate; "" where all of it is true."""
        facts: dict[str, Any] = {
            "format": 2,
            "vocab": self.vocab,
            "n_ctx": self.t.n_ctx,
            "dtype": str(self.t.dtype),
            "arrays": digest(self.t),
            "function": {
                "name": getattr(self.function, "__name__", type(self.function).__name__),
                "source": source_digest(self.function),
            },
        }
        for name, fact in facts.items():
            said = {key: made[name].get(key) for key in fact} if name == "function" else made.get(name)
            if said != fact:
                return f"{name} is {said}"
        if len(made["roots"]) != self.t.n_ctx:
            return f"there are {len(made['roots'])} roots"
        every = (self.wrong(made, tokens) for tokens in self.permitted)
        return next((why for why in every if why), "")

    def wrong(self, made: Json, tokens: Tokens) -> str:
        """What is false in what is said of one context."""
        leaves = list(self.leaves_of(made, made["roots"][len(tokens) - 1], tokens))
        if len(leaves) != 1:
            return f"{tokens} is in {len(leaves)} leaves"
        [(kind, *answer)], permitted = leaves, self.permitted[tokens]
        if kind == "skipped":
            return f"something is asked after {tokens}" if 0 < len(permitted) < len(self.vocab) else ""
        if not self.run[tokens] > 0 or self.run[tokens] == np.inf:
            return f"{tokens} is wrong, by {self.run[tokens]}"
        if kind == "run":
            near = self.run[tokens] * (1 + 1e-3)
            return f"the margin is below {made['margin']} after {tokens}" if made["margin"] > near else ""
        said = self.vocab[answer[0]]
        if said not in permitted:
            return f"{said} is not permitted after {tokens}"
        margin = self.margins[tokens, said]
        return "" if margin >= made["margin"] > 0 else f"after {tokens} the margin is {margin}, not {made['margin']}"

    def leaves_of(self, made: Json, index: int, tokens: Tokens) -> Iterator[list[Any]]:
        """The leaves that a context is in, as the splits say."""
        kind, *rest = node = made["nodes"][index]
        if kind == "count":
            (first, last, step), counted, *parts = rest
            number = sum(tokens[at] in made["sets"][counted] for at in range(first, last + 1, step))
            children = [child for least, most, child in parts if least <= number <= most]
        elif kind == "says":
            said = {self.vocab.index(token) for token in self.permitted[tokens]}
            children = [child for its, child in rest if set(its) == said]
        elif isinstance(kind, int):
            children = [child for its, child in rest for token in made["sets"][its] if token == tokens[kind]]
        else:
            yield node
            return
        for child in children:
            yield from self.leaves_of(made, child, tokens)

    def figures(self, found: Rechecked) -> None:
        """That what the checker counts and prints is so."""
        asked = {tokens for tokens, its in self.permitted.items() if 0 < len(its) < len(self.vocab)}
        assert found.contexts == len(self.permitted)
        assert found.unspecified == len(self.permitted) - len(asked)
        assert found.leaves == found.bounds + found.runs + found.undecided_runs + found.skipped
        assert found.with_margin == len(asked) - found.undecided_runs
        if found.with_margin and not found.undecided_runs:
            best = [max(self.margins[tokens, answer] for answer in self.permitted[tokens]) for tokens in asked]
            assert 0 < found.margin <= min(best)


def confirmed(made: Json, truth: Truth) -> bool:
    """Whether the checker confirms it; then it is true, or the test fails."""
    try:
        found = recheck(made, truth.model, truth.function)
    except (CertificateError, MismatchError) as error:
        if "\n" in str(error):
            raise AssertionError("a refusal should be one line") from error
        return False
    why = truth.why_not(made)
    assert not why, f"confirmed, but {why}"
    truth.figures(found)
    return True
